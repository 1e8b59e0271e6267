"""The docks on scans: view and lengths, the fields of each task, layers to learn from, results."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from qtpy.QtWidgets import QFileDialog

from napari_convnet.document import Patches, Regions, Setting
from napari_convnet.engine.data_jobs import PatchesSeen
from napari_convnet.training.events import Epoch, Finished, Started
from napari_convnet.training.predicting import Segmentation
from napari_convnet.viewer.status import PredictionStatus
from napari_convnet.widgets import Builder, Train
from napari_convnet.widgets.prediction_panel import numbers_of

SCAN = """input: 1x24x32x32
data:
  source: head
net:
  - c1: conv 4 k3 relu
  - out: conv 3 k1
train:
  task: segment
"""


@pytest.fixture
def scan(viewer):
    data = np.random.default_rng(0).random((24, 32, 36)).astype(np.float32)
    units = ("mm", "mm", "mm")
    return viewer.add_image(data, name="scan", scale=(3, 1, 1), units=units)


@pytest.fixture
def builder(dock, session):
    session.set_text(SCAN)
    return dock(Builder)


@pytest.fixture
def train(dock, session, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    session.set_text(SCAN)
    return dock(Train)


def choose(combo, text):
    combo.setCurrentText(text)
    combo.activated.emit(combo.currentIndex())


# -- Builder --


def test_the_view_is_switched_and_undone_as_one_edit(builder, session):
    choose(builder.view.view, "2.5-D")
    assert session.text == SCAN.replace("1x24x32x32", "5zx32x32")
    assert builder.view.slices.isVisible()
    choose(builder.view.slices, "9")
    assert builder.view.value() == ("2.5-D", 9)
    assert str(session.pipeline.network.input) == "9zx32x32"
    session.undo()
    session.undo()
    assert session.text == SCAN
    assert builder.view.value()[0] == "3-D"
    assert not builder.view.slices.isVisible()


def test_images_have_no_view(builder, session):
    assert builder.view.isVisible()
    session.set_value("input", "3x32x32")
    assert not builder.view.isVisible()


def test_rows_say_what_they_see_in_mm(builder, session, scan):
    rows = builder.layers.rows.model().value()
    assert rows[0].sees == "9 × 3 × 3 mm"
    assert "sees 3 × 3 × 3 of the input (9 × 3 × 3 mm)" in rows[0].details
    session.set_view("2.5-D")
    assert builder.layers.rows.model().value()[0].sees == "15 × 3 × 3 mm"
    scan.units = ("pixel",) * 3
    session.input_changed.emit(scan)
    assert builder.layers.rows.model().value()[0].sees == "5 × 3 × 3"


def test_a_prediction_per_voxel_shows_progress_and_a_table(builder, session, scan, monkeypatch):
    panel = builder.panel
    assert panel.button.text() == "Predict every voxel"
    session.prediction_progress.emit(PredictionStatus("running", 0.25, 75.0))
    assert panel.bar.value() == 250
    assert panel.status.text() == "25 %, 1 min 15 s left"
    assert panel.cancel_button.isVisible()
    session.prediction_progress.emit(PredictionStatus("finished", 1.0))
    assert not panel.cancel_button.isVisible()
    session._predicted(segmentation())
    assert panel.table.value()["grey"] == {"ml": pytest.approx(3 * 24 * 32 * 12 / 1000)}
    assert not panel.view.isVisible()
    saved = []
    monkeypatch.setattr(session, "save_prediction", saved.append)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a: ("out.nii.gz", ""))
    panel.save_button.click()
    assert saved == ["out.nii.gz"]


def segmentation(first=0):
    labels = np.zeros((24, 32, 36), np.uint8)
    labels[:, :, 12:24], labels[:, :, 24:] = 1, 2
    affine = np.diag([3.0, 1, 1, 1])
    names = ("other", "grey", "white")
    voxels = np.bincount(labels.ravel(), minlength=3)
    axes = ("z", "y", "x")
    units = ("millimeter",) * 3
    return Segmentation(labels + first, affine, units, axes, names, voxels, first)


@pytest.mark.parametrize(("first", "classes"), [(0, {0: "other"}), (1, {}), (1, {0: "other"})])
def test_a_prediction_is_measured_by_labels(builder, session, viewer, scan, qtbot, first, classes):
    """Half of the grey agrees, whether value 0 of the labels is a class or means not painted."""
    found = segmentation(first)
    painted = first if not classes else 0
    right = found.labels - first + painted
    grey, white = 1 + painted, 2 + painted
    right[:12] = np.where(right[:12] == grey, white, right[:12])
    labels = viewer.add_labels(right, scale=(3, 1, 1), units=("mm",) * 3)
    labels.metadata["classes"] = classes
    session._predicted(found)
    panel = builder.panel
    panel.labels.setValue(labels)
    panel.labels.valueChanged.emit(labels)
    qtbot.waitUntil(lambda: "Dice" in panel.table.value()["grey"])
    table = panel.table.value()
    assert table["other"]["Dice"] == pytest.approx(1.0)
    assert table["grey"]["Dice"] == pytest.approx(2 / 3)
    assert table["grey"]["recall"] == 1.0
    assert panel.table.text().startswith("class\tml\tDice")


def test_labels_that_lie_elsewhere_are_not_compared(builder, session, viewer, scan):
    session._predicted(segmentation())
    labels = viewer.add_labels(np.ones((24, 32, 36), np.uint8), units=("mm",) * 3)
    builder.panel.compareAsked.emit(labels)
    assert "do not lie in the same place" in builder.message.value()[1]


# -- Train: fields --


def visible(train):
    form = train.data.form
    return {key for key, edit in train.data.rows.items() if form.isRowVisible(edit)}


def test_each_task_has_its_fields(train, session):
    assert visible(train) >= {"regions", "patches", "spacing", "classes"}
    assert "fit" not in visible(train)
    task = train.settings.edits["train.task"]
    choose(task, "classify")
    assert "fit" in visible(train)
    assert visible(train).isdisjoint({"regions", "patches", "spacing", "unlabelled"})
    choose(task, "regress")
    assert "classes" not in visible(train)
    loss = train.settings.edits["train.loss"]
    assert [word for word, box in loss.boxes.items() if box.isVisible()] == [
        "mse",
        "l1",
        "half-squares",
    ]
    assert loss.value() == ("mse",)


def test_losses_are_a_sum_of_those_ticked(train, session):
    loss = train.settings.edits["train.loss"]
    loss.boxes["cross-entropy"].click()
    assert session.pipeline.train.loss == ("dice",)
    loss.boxes["dice"].click()
    assert session.pipeline.train.loss == ("dice",)
    assert loss.boxes["dice"].isChecked()
    loss.boxes["focal"].click()
    assert "loss: dice + focal" in session.text


def test_settings_of_scans_are_written(train, qtbot, session):
    data = train.data

    def say(edit, text):
        edit.selectAll()
        qtbot.keyClicks(edit, text)
        edit.editingFinished.emit()

    say(data.patches.count, "12")
    say(data.patches.share, ".5")
    assert session.pipeline.data.patches == Patches((), 12, 0.5)
    choose(data.regions.axis, "-y")
    say(data.regions.slabs, "3")
    assert session.pipeline.data.regions == Regions("y", True, None, 3)
    assert data.regions.value() == Regions("y", True, None, 3)
    say(data.spacing, "1.5x1x1")
    assert session.pipeline.data.spacing == (1.5, 1.0, 1.0)
    say(data.accept, "uneven, damaged")
    assert session.pipeline.data.accept == ("uneven", "damaged")
    say(data.rate, "16000")
    assert session.pipeline.data.rate == 16000
    assert {"rate", "accept"} <= visible(train)
    data.normalize.word.setCurrentIndex(data.normalize.word.findData("zscore"))
    data.normalize.word.activated.emit(0)
    say(data.normalize.above, "0")
    assert session.pipeline.data.normalize == Setting("zscore", (), (("above", 0.0),))
    before = session.text
    say(data.patches.share, "7")
    assert session.text == before
    assert "share from 0 to 1" in train.message.value()[1]


def test_a_pattern_of_files(train, qtbot, session):
    source = train.data.source
    source.choice.setCurrentIndex(source.choice.findData("\0files"))
    source.choice.activated.emit(0)
    assert source.files.isVisible()
    for edit, text in ((source.images, "scans/*_ct.nii.gz"), (source.labels, "scans/*_seg.nii.gz")):
        qtbot.keyClicks(edit, text)
        edit.editingFinished.emit()
    data = session.pipeline.data
    assert (data.source, data.images, data.labels) == (
        "",
        "scans/*_ct.nii.gz",
        "scans/*_seg.nii.gz",
    )
    assert {"unlabelled", "align", "accept"} <= visible(train)


# -- Train: layers --


def test_labels_are_painted_and_learned_from(train, session, viewer, scan, qtbot):
    source = train.data.source
    source.choice.setCurrentIndex(source.choice.findData("\0layers"))
    source.choice.activated.emit(0)
    assert source.pairs.rows[0][0].value() is scan
    source.pairs.new_button.click()
    labels = viewer.layers["scan: painted"]
    assert viewer.layers.selection.active is labels
    assert [(p.image, p.target) for p in source.pairs.value()] == [(scan, labels)]
    assert session.pipeline.data.unlabelled == 0
    assert train.data.classes.value() == "class 1, class 2"
    train.controls.start_button.click()
    qtbot.waitUntil(lambda: "nothing is painted" in train.message.value()[1])
    assert session.training.state == "failed"
    labels.paint((3, 4, 5), 1)
    train.controls.start_button.click()
    qtbot.waitUntil(lambda: bool(session._trainer.jobs))
    (job,) = [job for job in session._trainer.jobs if job.name == "train"]
    assert [Path(file.path).name for file in job.arguments["files"]] == [
        "scan_image.nii.gz",
        "scan_labels.nii.gz",
    ]


def test_pairs_are_added_and_taken_away(train, session, viewer, scan):
    other = viewer.add_image(np.ones((24, 32, 36)), name="other")
    for layer in (scan, other):
        viewer.add_labels(np.ones((24, 32, 36), np.uint8), scale=layer.scale, units=layer.units)
    pairs = train.data.source.pairs
    session.learn_from_layers((scan, viewer.layers[2]))
    pairs.add_button.click()
    image, target, remove = pairs.rows[1]
    image.setValue(other)
    target.setValue(viewer.layers[3])
    target.valueChanged.emit(target.value())
    assert session.pipeline.data.images.endswith("*_image.nii.gz")
    assert len(session.layer_pairs) == 2
    remove.click()
    assert len(session.layer_pairs) == 1
    assert len(pairs.rows) == 1


# -- Train: patches, results --


@pytest.mark.parametrize("slices", [False, True])
def test_patches_are_layers_beside_the_image(train, session, viewer, scan, slices):
    train.data.show_button.click()
    assert session._trainer.jobs[-1].name == "patches"
    rng = np.random.default_rng(0)
    images = rng.random((6, 5, 8, 8) if slices else (6, 1, 5, 8, 8)).astype(np.float32)
    painted = rng.integers(0, 4, (6, 8, 8) if slices else (6, 5, 8, 8)).astype(np.uint8)
    found = PatchesSeen(
        images, painted, (0.1, 0.9), ("a", "b", "c"), "patches", slices, (3.0, 1, 1), "mm"
    )
    session._patches_arrived(found)
    shown, labels = viewer.layers["patches"], viewer.layers["patches: labels"]
    assert shown.data.shape == labels.data.shape == (6, 5, 8, 8)
    assert shown.extent.world[1][-1] < scan.extent.world[0][-1]
    assert list(shown.contrast_limits) == [0.1, 0.9]
    np.testing.assert_array_equal(labels.data[:, 2] if slices else labels.data, painted)
    assert session.input_layer is scan
    assert viewer.layers.selection.active is scan
    session._patches_arrived(found)
    assert sum(layer.name.startswith("patches") for layer in viewer.layers) == 2


def test_the_course_is_named_by_its_score(train, qtbot, session):
    train.tabs.setCurrentIndex(1)
    note = "scan is divided along y"
    session._training_event(
        Started(
            Path("runs/a"), "CPU", 2, 4, 16, 1, 1, 500, task="segment", score_name="Dice",
            unit="patches", notes=(note,),
        )
    )  # fmt: skip
    for n in (1, 2):
        session._training_event(
            Epoch(n, 4 * n, 1.0, 0.5, 0.9, 0.6, 1e-3, 9.0, "Dice", 0.4 * n, 0.45 * n)
        )
    measures = {"bone": {"Dice": 0.9, "IoU": 0.82, "precision": 0.8, "recall": None, "ml": 12.0}}
    session._training_event(
        Finished(Path("runs/a"), 8, 0.9, 0.3, 5.0, False, "Dice", 0.87, {"bone": 0.9}, measures)
    )
    qtbot.waitUntil(lambda: "score" in train.curves._sides and train.curves.drawn > 0)
    train.curves.draw()
    assert train.curves._sides["score"].labelText == "Dice"
    assert list(train.curves._lines["validation_score"].yData) == [0.45, 0.9]
    log = train.log.toPlainText()
    assert note in log
    assert "16 patches in each epoch" in log
    assert "epoch 2: loss 1.000, validation 0.900, Dice 0.900" in log.replace("\xa0", " ")
    assert "Test Dice 0.870" in train.result.text()
    assert train.table.value() == measures
    assert train.table.item(0, 3).text() == "–"


@pytest.mark.parametrize(("axes", "name"), [(2, "pixels"), (3, "voxels")])
def test_a_table_of_numbers(axes, name):
    rows = [{"label": 1, "class": "a", "voxels": 7}, {"label": 2, "class": "b", "voxels": 0}]
    found = SimpleNamespace(rows=lambda: rows, labels=np.zeros((1,) * axes))
    assert numbers_of(found) == {"a": {name: 7}, "b": {name: 0}}


def test_a_half_chosen_pair_stays_while_it_is_chosen(train, session, viewer, scan, qtbot):
    labels = viewer.add_labels(np.ones((24, 32, 36), np.uint8), scale=(3, 1, 1), units=scan.units)
    session.learn_from_layers((scan, labels))
    pairs = train.data.source.pairs
    pairs.add_button.click()
    image = pairs.rows[1][0]
    image.setValue(scan)
    image.valueChanged.emit(scan)
    session.set_value("data.split", "80/20")
    assert len(pairs.rows) == 2
    assert image.value() is scan
    assert len(session.layer_pairs) == 1


def test_cutting_patches_can_be_given_up(train, session, scan):
    button = train.data.show_button
    assert button.text() == "Show patches"
    button.click()
    assert session.previewing
    assert button.text() == "Cutting patches … cancel"
    button.click()
    assert session._trainer.told == ["cancel"]
    session._preview_over()
    assert button.text() == "Show patches"
