"""What is wrong, and where the docks say so."""

import numpy as np
import pytest
from qtpy.QtWidgets import QFileDialog

from napari_convnet.document import parse
from napari_convnet.engine.messages import Refused
from napari_convnet.network import UserError
from napari_convnet.widgets import Builder, Train

DOCUMENTS = {
    "empty": ("", "line 1, column 1: the document is empty; begin with: input: 1x28x28"),
    "alias": ("net: *a\n", "line 1, column 6: *a is an alias; write the value out, or in quotes"),
    "tag": (
        "input: !!int 1\n",
        "line 1, column 8: !!int is a tag; delete it: values have no types here",
    ),
    "no input": (
        "net: [gap]\n",
        "line 1, column 1: the input is missing; "
        "add input: channels x sizes, for example input: 1x28x28",
    ),
    "unknown key": (
        "input: 1x8x8\nnett: []\nnet: [gap]\n",
        'line 2, column 1: unknown key "nett"; did you mean net?',
    ),
}


@pytest.mark.parametrize("wrong", DOCUMENTS)
def test_documents(dock, session, wrong):
    text, message = DOCUMENTS[wrong]
    builder, train = dock(Builder), dock(Train)
    session.set_text(text)
    listed = builder.text.problems
    assert [listed.item(i).text() for i in range(listed.count())] == [message]
    assert builder.tabs.tabText(1) == "Text (1 wrong)"
    assert not builder.predict_button.isEnabled()
    assert train.problems.text() == message
    assert train.problems.isVisible()
    train.controls.start_button.click()
    assert train.message.value() == ("error", message)
    session.undo()
    assert not train.problems.isVisible()
    assert builder.tabs.tabText(1) == "Text"


ROWS = {
    "unknown op": ("c3: conv 16 rellu", 'unknown op "rellu"; did you mean relu?'),
    "impossible kernel": (
        "c3: conv 16 k40 valid",
        "a kernel of 40 does not fit into 14; "
        "use a kernel of at most 14, padding, or less pooling before",
    ),
    "duplicate name": (
        "S2: conv 6",
        'the name "S2" is already taken in line 10; names are unique, whatever their case: '
        "choose another",
    ),
    "too many axes": ("c3: conv 16 k3x3x3", "3x3x3 has 3 axes, but the map has 2; write k3x3"),
}


@pytest.mark.parametrize("wrong", ROWS)
def test_rows(dock, session, wrong):
    text, message = ROWS[wrong]
    session.open_preset("lenet")
    builder = dock(Builder)
    session.set_row((2,), text)
    assert builder.layers.rows.value()[2].message == message
    session.undo()
    assert not any(row.message for row in builder.layers.rows.value())


def files(tmp_path):
    """Files that are no pipeline, and what is said when they are opened."""
    garbage, large, folder = (tmp_path / name for name in ("a.yaml", "b.yaml", "c.yaml"))
    garbage.write_bytes(b"\x89PNG\x00\xff")
    with large.open("wb") as file:
        file.truncate(100_000_000)
    folder.mkdir()
    fix = "a pipeline has at most one million characters: is this the right file?"
    return {
        garbage: f"{garbage} is not a text; give the pipeline's .yaml file",
        large: f"{large} has 100 MB; {fix}",
        folder: f"{folder} is a folder; give the pipeline's .yaml file",
    }


def test_files(dock, session, monkeypatch, tmp_path):
    builder = dock(Builder)
    before = session.text
    for path, message in files(tmp_path).items():
        monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a, p=path: (str(p), ""))
        builder.action("open").trigger()
        assert builder.message.value() == ("error", message)
        assert builder.message.isVisible()
    assert session.text == before
    assert session.path is None


NAN = np.ones((8, 8))
NAN[2, 3] = np.nan

IMAGES = {
    "NaN": (
        "1x8x8",
        NAN,
        "picture has 1 NaN or infinite values of 64 (the first at channel 0, y 2, x 3); "
        "replace them first, for example with numpy.nan_to_num(image)",
    ),
    "too few axes": (
        "1x8x8x8",
        np.ones((8, 8)),
        "picture has 2 axes (8x8); the network's input 1x8x8x8 wants 3 (z, y, x); "
        "change the document's input to 1x8x8",
    ),
    "colours": (
        "1x8x8",
        np.ones((8, 9, 3)),
        "picture is an RGB image (3 channels of 8x9); the network's input 1x8x8 wants 1 channel; "
        "change the document's input to 3x8x9, or convert the image to gray",
    ),
}


@pytest.mark.parametrize("wrong", IMAGES)
def test_images(dock, session, viewer, wrong):
    size, array, message = IMAGES[wrong]
    session.set_text(f"input: {size}\nnet:\n  - conv 2\n  - gap\n")
    builder = dock(Builder)
    viewer.add_image(array, name="picture", contrast_limits=(0, 1), rgb=wrong == "colours")
    assert builder.message.value() == ("warning", message)
    builder.predict_button.click()
    assert builder.message.value() == ("error", message)


def test_no_image(dock, session):
    builder = dock(Builder)
    builder.predict_button.click()
    told = "there is no image; open one, or File > Open Sample > digits"
    assert builder.message.value() == ("error", told)


DATA = {
    "fewer labels": (
        np.zeros(3, int),
        "there are 4 images and 3 labels; give one label per image, in the same order",
    ),
    "label without a class": (
        np.array([0, 1, 2, 1]),
        "label 2 of image 2 is outside the 2 classes (0 to 1); "
        "name every class in classes:, counting from 0",
    ),
}


@pytest.fixture
def at_once(workers, session, monkeypatch):
    """Let trainings begin here instead of in a process of their own."""
    from napari_convnet.training import train

    def submit(self, job, **options):
        try:
            for event in train(parse(job.arguments["text"], job.arguments["path"])):
                options["on_progress"](event)
        except UserError as error:
            options["on_error"](Refused(error.problems))

    kind = type("HereWorker", (type(workers[0]),), {"submit": submit})
    monkeypatch.setattr(session, "_trainer", kind("trainer"))


@pytest.mark.parametrize("wrong", DATA)
@pytest.mark.usefixtures("at_once")
def test_data(dock, session, qtbot, tmp_path, wrong):
    labels, message = DATA[wrong]
    np.save(tmp_path / "images.npy", np.zeros((4, 8, 8)))
    np.save(tmp_path / "labels.npy", labels)
    path = tmp_path / "net.yaml"
    data = "{images: images.npy, labels: labels.npy, classes: [cat, dog]}"
    path.write_text(f"input: 1x8x8\ndata: {data}\nnet:\n  - gap\n  - fc 2\n")
    session.open(path)
    train = dock(Train)
    train.controls.start_button.click()
    qtbot.waitUntil(lambda: train.message.value() == ("error", message), timeout=20_000)
    assert session.training.state == "failed"
    assert message in train.result.text()
    assert train.controls.start_button.isEnabled()
