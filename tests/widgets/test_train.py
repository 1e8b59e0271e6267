"""The Train dock: settings written back, what can be pressed when, curves and log."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from napari_convnet.document import Optimizer, Setting
from napari_convnet.training.events import Epoch, Finished, Paused, Started, Step
from napari_convnet.viewer import TrainingStatus
from napari_convnet.widgets import Train
from napari_convnet.widgets.memory import memory_of
from napari_convnet.widgets.run_controls import controls, progress_text
from napari_convnet.widgets.training_history import MOST_LINES, MOST_POINTS, Curve, TrainingHistory

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def train(dock, session):
    session.open_preset("lenet")
    return dock(Train)


def started(**more):
    values = {
        "run": Path("runs/lenet-001"),
        "device": "CPU (2 threads)",
        "epochs": 3,
        "steps_per_epoch": 10,
        "train": 640,
        "validation": 0,
        "test": 100,
        "parameters": 61706,
    }
    return Started(**(values | more))


def epoch(n, **more):
    values = {
        "epoch": n,
        "step": 10 * n,
        "train_loss": 1 / n,
        "train_accuracy": 0.5,
        "validation_loss": None,
        "validation_accuracy": None,
        "lr": 1e-3,
        "seconds_left": 12.0,
    }
    return Epoch(**(values | more))


# -- settings --


def test_settings_are_those_of_the_document(train):
    values = train.settings.value()
    assert values["train.optimizer"] == "adam lr 0.004"
    assert values["train.epochs"] == str(train.session.pipeline.train.epochs)
    assert values["train.schedule"] == "one-cycle"
    assert train.data.source.choice.currentText().startswith("5,000 handwritten digits")
    assert train.data.value()["split"] == "80/20"
    assert train.data.value()["normalize"] == Setting("minmax")
    assert train.data.value()["augment"] == (Setting("shift", (2.0,)),)


def test_every_setting_is_written_as_one_edit(train, qtbot, session):
    edits, epochs = train.settings.edits, session.pipeline.train.epochs
    edits["train.schedule"].setCurrentText("constant")
    edits["train.schedule"].activated.emit(0)
    assert session.pipeline.train.schedule == "constant"
    assert "# pixels, in any direction" in session.text
    edits["train.epochs"].stepBy(3)
    qtbot.waitUntil(lambda: session.pipeline.train.epochs == epochs + 3)
    session.undo()
    assert edits["train.epochs"].value() == epochs
    session.undo()
    assert edits["train.schedule"].value() == "one-cycle"
    assert not session.modified


def test_the_optimizer_and_its_numbers(train, qtbot, session):
    edit = train.settings.edits["train.optimizer"]
    edit.name.setCurrentText("sgd")
    edit.name.activated.emit(0)
    assert session.pipeline.train.optimizer == Optimizer(name="sgd", lr=0.01, momentum=0.9)
    assert edit.numbers["momentum"].isVisible()
    edit.numbers["lr"].selectAll()
    qtbot.keyClicks(edit.numbers["lr"], "2e-2")
    qtbot.keyClick(edit.numbers["lr"], Qt.Key.Key_Return)
    assert "optimizer: sgd lr 0.02" in session.text


@pytest.mark.parametrize(
    "optimizer",
    [Optimizer(name="sgd", lr=0.1, momentum=0.5), Optimizer(name="adamw", lr=3e-5, decay=0.01)],
)
def test_optimizers_go_there_and_back(train, optimizer):
    edit = train.settings.edits["train.optimizer"]
    edit.setValue(optimizer)
    assert edit.value() == optimizer


def test_data_settings_are_written(train, qtbot, session):
    data = train.data
    data.augment.boxes["flip"].click()
    assert [str(s) for s in session.pipeline.augment] == ["shift 2", "flip"]
    data.augment.boxes["noise"].click()
    assert [str(s) for s in session.pipeline.augment] == ["shift 2", "flip", "noise 0.05"]
    data.normalize.word.setCurrentIndex(data.normalize.word.findData("window"))
    data.normalize.word.activated.emit(0)
    assert session.pipeline.data.normalize == Setting("window", (-160.0, 240.0))
    data.fit.word.setCurrentIndex(0)
    data.split.selectAll()
    qtbot.keyClicks(data.split, "60/20/20")
    qtbot.keyClick(data.split, Qt.Key.Key_Return)
    assert session.pipeline.data.split == (0.6, 0.2, 0.2)
    qtbot.keyClicks(data.classes, "zero, one")
    qtbot.keyClick(data.classes, Qt.Key.Key_Return)
    assert session.pipeline.data.classes == ("zero", "one")


def test_a_value_that_cannot_be_read_is_refused(train, qtbot, session):
    before = session.text
    train.data.split.selectAll()
    qtbot.keyClicks(train.data.split, "80/30")
    qtbot.keyClick(train.data.split, Qt.Key.Key_Return)
    assert session.text == before
    assert "70/15/15" in train.message.value()[1]
    assert train.data.split.value() == "80/20"


def test_images_of_ones_own(train, session, monkeypatch, tmp_path):
    session.save(tmp_path / "net.yaml")
    (tmp_path / "letters").mkdir()
    folder = str(tmp_path / "letters")
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *a: folder)
    source = train.data.source.choice
    source.setCurrentIndex(source.count() - 1)
    source.activated.emit(0)
    assert (session.pipeline.data.images, session.pipeline.data.source) == ("letters", "")
    assert source.currentText() == "letters"
    source.setCurrentIndex(source.findData("faces"))
    source.activated.emit(0)
    assert (session.pipeline.data.images, session.pipeline.data.source) == ("", "faces")
    session.undo()
    session.undo()
    assert session.pipeline.data.source == "digits"


def test_the_device_is_chosen_and_named(train, session):
    session.device_changed.emit("CPU (2 threads)")
    assert train.device_name.text() == "CPU (2 threads)"
    train.device.setCurrentText("cpu")
    train.device.activated.emit(1)
    assert session.device == "cpu"


def test_problems_of_the_document_are_named(train, session):
    session.set_row((0,), "c1: konv 6")
    assert 'unknown op "konv"' in train.problems.text()
    assert train.problems.isVisible()
    assert not train.message.isVisible()
    train.controls.start_button.click()
    assert "konv" in train.message.value()[1]


# -- what can be pressed --


@pytest.mark.parametrize(
    ("state", "start", "pause", "stop"),
    [
        ("idle", True, False, False),
        ("starting", False, False, True),
        ("running", False, True, True),
        ("paused", False, True, True),
        ("finished", True, False, False),
        ("stopped", True, False, False),
        ("failed", True, False, False),
    ],
)
def test_buttons_follow_the_state(train, session, state, start, pause, stop):
    session.training = TrainingStatus(state, error="no memory")
    session.training_changed.emit(session.training)
    buttons = train.controls
    enabled = [
        b.isEnabled() for b in (buttons.start_button, buttons.pause_button, buttons.stop_button)
    ]
    assert enabled == [start, pause, stop]
    assert (
        (buttons.pause_button.text() == "Resume") == (state == "paused") == controls(state).resumes
    )
    assert train.settings.isEnabled() == start
    assert ("no memory" in train.result.text()) == (state == "failed")


def test_a_training_is_started_held_and_ended(train, qtbot, session, workers):
    buttons = train.controls
    qtbot.mouseClick(buttons.start_button, LEFT)
    trainer = workers[-1]
    assert (trainer.kind, trainer.jobs[0].name) == ("trainer", "train")
    assert train.tabs.currentIndex() == 1
    assert buttons.bar.maximum() == 0  # nobody knows yet how long it takes
    session._training_event(started())
    assert buttons.bar.maximum() == 30
    qtbot.mouseClick(buttons.pause_button, LEFT)
    session._training_event(Paused(3))
    qtbot.mouseClick(buttons.pause_button, LEFT)
    qtbot.mouseClick(buttons.stop_button, LEFT)
    assert trainer.told == ["pause", "resume", "stop"]


def test_progress_and_result(train, qtbot, session):
    session._training_event(started())
    session._training_event(epoch(2))
    qtbot.waitUntil(lambda: train.controls.bar.value() == 20)
    assert train.controls.label.text() == "epoch 2 of 3, 12 s left"
    assert train.device_name.text() == "CPU (2 threads)"
    session._training_event(Finished(Path("runs/lenet-001"), 30, 0.9785, 0.1, 75.0, False))
    assert "Test accuracy 97.9 %" in train.result.text()
    assert "lenet-001" in train.result.text()
    assert "weights: runs/lenet-001@best" in session.text


def test_a_score_that_is_too_good_is_told_with_its_reason(train, qtbot, session):
    session._training_event(started(task="segment", score_name="Dice"))
    end = Finished(Path("runs/a"), 30, None, 0.1, 75.0, False, "Dice", 0.83, optimistic=True)
    session._training_event(end)
    qtbot.waitUntil(lambda: "Test Dice 0.830 (optimistic)" in train.result.text())
    assert train.result.toolTip() == end.caution != ""
    session._training_event(replace(end, optimistic=False))
    qtbot.waitUntil(lambda: "(optimistic)" not in train.result.text())
    assert not train.result.toolTip()


def test_progress_in_words():
    status = TrainingStatus("running", epoch=1, epochs=3, seconds_left=None)
    assert progress_text(status) == "running, epoch 1 of 3"
    assert progress_text(replace(status, state="paused")) == "paused, epoch 1 of 3"


def test_the_run_folder_opens(train, session, monkeypatch):
    opened = []
    monkeypatch.setattr(
        "napari_convnet.widgets.train.QDesktopServices",
        SimpleNamespace(openUrl=lambda url: opened.append(url.toLocalFile())),
    )
    train.result.linkActivated.emit("file:///tmp/runs/lenet-001")
    assert opened == ["/tmp/runs/lenet-001"]


# -- curves and log --


def points(train, name):
    """How many points of a curve are drawn."""
    line = train.curves._lines.get(name)
    return 0 if line is None or line.xData is None else len(line.xData)


def test_curves_are_drawn_at_most_ten_times_a_second(train, qtbot, session):
    train.tabs.setCurrentIndex(1)
    session.event.emit(started())
    for step in range(1, 301):
        session.event.emit(Step(step, 1, 1 / step, 1e-3, step / 10))
        if step % 10 == 0:
            qtbot.wait(10)
    qtbot.waitUntil(lambda: points(train, "step_loss") == 300)
    assert train.curves.drawn <= 12


def test_curves_and_log_of_epochs(train, qtbot, session):
    train.tabs.setCurrentIndex(1)
    session.event.emit(started())
    session.event.emit(epoch(1, validation_loss=0.4, validation_accuracy=0.9))
    session.event.emit(epoch(2, validation_loss=0.3, validation_accuracy=0.95))
    qtbot.waitUntil(lambda: points(train, "validation_score") == 2)
    assert list(train.curves._lines["validation_score"].yData) == [90, 95]
    qtbot.waitUntil(lambda: "epoch 2" in train.log.toPlainText())
    log = train.log.toPlainText()
    assert "training on CPU (2 threads)" in log
    assert "640 train, 100 test; 61,706 parameters" in log
    assert "epoch 2: loss 0.500, validation 0.300, 95.0 %" in log.replace("\u00a0", " ")


def test_a_second_training_begins_with_empty_curves(train, qtbot, session):
    for _ in range(2):
        session.event.emit(started())
        session.event.emit(epoch(1))
    history = memory_of(session).history
    assert history.curves["train_loss"].x == [10]
    qtbot.waitUntil(lambda: train.log.toPlainText().count("epoch 1:") == 1)


def test_curves_and_log_are_bounded():
    curve, history = Curve(), TrainingHistory()
    for i in range(5 * MOST_POINTS):
        curve.add(i, 1.0)
    assert MOST_POINTS / 2 <= len(curve) <= MOST_POINTS
    assert curve.x == sorted(curve.x)
    for i in range(2 * MOST_LINES):
        history.write(str(i))
    assert len(history.log) == MOST_LINES


def test_a_loss_that_is_not_finite_is_no_crash(train, qtbot, session):
    train.tabs.setCurrentIndex(1)
    session.event.emit(started())
    for step, loss in enumerate((1.0, float("nan"), float("inf")), 1):
        session.event.emit(Step(step, 1, loss, 1e-3, 0.1))
    qtbot.waitUntil(lambda: points(train, "step_loss") == 3)
    qtbot.wait(20)
