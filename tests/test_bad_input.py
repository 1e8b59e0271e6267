"""What is wrong, and the literal message that the command line has for it (exit status 2)."""

import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_convnet.cli import main

FIX_INPUT = "write channels x sizes, for example 1x28x28 or 3x224x224"

DOCUMENTS = {
    "unknown op": (
        "input: 1x8x8\nnet:\n  - c1: conv 4 rellu\n",
        'line 3, column 16, layer c1: unknown op "rellu"; did you mean relu?',
    ),
    "unknown op, nothing like it": (
        "input: 1x8x8\nnet:\n  - wobble 4\n",
        'line 3, column 5: unknown op "wobble"; ',
    ),
    "layer that comes in already": (
        "input: 1x8x8\nnet:\n  - a: conv 4\n  - cat a\n",
        "line 4, column 9, layer cat-1: a comes in already: cat takes what comes in last; "
        "delete a, or name another layer",
    ),
    "kernel larger than the map": (
        "input: 1x8x8\nnet:\n  - c1: conv 4 k9 valid\n",
        "line 3, column 9, layer c1: a kernel of 9 does not fit into 8; "
        "use a kernel of at most 8, padding, or less pooling before",
    ),
    "kernel of nothing": (
        "input: 1x8x8\nnet:\n  - conv 4 k0\n",
        "line 3, column 12, layer conv-1: the kernel must be a whole number from 1, not 0; "
        "write k1 or more",
    ),
    "kernel with too many axes": (
        "input: 1x8x8\nnet:\n  - conv 4 k3x3x3\n",
        "line 3, column 12, layer conv-1: 3x3x3 has 3 axes, but the map has 2; write k3x3",
    ),
    "kernel with too few axes": (
        "input: 1x8x8x8\nnet:\n  - conv 4 5x5\n",
        "line 3, column 12, layer conv-1: 5x5 has 2 axes, but the map has 3; write 5x5x5 or 1x5x5",
    ),
    "argument that is missing": (
        "input: 1x8x8\nnet:\n  - conv k3\n",
        "line 3, column 5, layer conv-1: conv needs its number of outputs; for example conv 6 k5",
    ),
    "argument given twice": (
        "input: 1x8x8\nnet:\n  - conv 4 k3 k5\n",
        'line 3, column 15, layer conv-1: "k5" repeats "k3"; keep one of them',
    ),
    "fc of a map": (
        "input: 1x8x8\nnet:\n  - fc 4\n",
        "line 3, column 5, layer fc-1: fc needs a vector, but a map comes in; "
        "put flatten or gap before it",
    ),
    "no input": (
        "net:\n  - conv 4\n",
        "line 1, column 1: the input is missing; "
        "add input: channels x sizes, for example input: 1x28x28",
    ),
    "empty input": (
        "input:\nnet:\n  - conv 4\n",
        f"line 1, column 7: the input is empty; {FIX_INPUT}",
    ),
    "input without sizes": (
        "input: 8\nnet:\n  - conv 4\n",
        f'line 1, column 8: the input "8" has no spatial size; {FIX_INPUT}',
    ),
    "input of words": (
        "input: axb\nnet:\n  - conv 4\n",
        f'line 1, column 8: cannot read the input "axb"; {FIX_INPUT}',
    ),
    "input of size zero": (
        "input: 0x8x8\nnet:\n  - conv 4\n",
        f'line 1, column 8: the input "0x8x8" has a size of zero; {FIX_INPUT}',
    ),
    "no network": (
        "input: 1x8x8\n",
        "line 1, column 1: the network is missing; add net: and rows such as - conv 8 relu",
    ),
    "network that is no list": (
        "input: 1x8x8\nnet: conv 4\n",
        "line 2, column 6: the network is a list of rows; "
        "begin each with a dash and a blank: - conv 8",
    ),
    "unknown key": (
        "input: 1x8x8\nnett:\n  - gap\nnet:\n  - gap\n",
        'line 2, column 1: unknown key "nett"; did you mean net?',
    ),
    "unknown key in a section": (
        "input: 1x8x8\ndata:\n  sourc: digits\nnet:\n  - gap\n",
        'line 3, column 3: unknown key "sourc" in data; did you mean source?',
    ),
    "key given twice": (
        "input: 1x8x8\ninput: 1x9x9\nnet:\n  - gap\n",
        'line 2, column 1: "input" stands here a second time (first in line 1); keep one of them',
    ),
    "name given twice": (
        "input: 1x8x8\nnet:\n  - a: conv 4\n  - A: conv 4\n",
        'line 4, column 5, layer A: the name "A" is already taken in line 3; '
        "names are unique, whatever their case: choose another",
    ),
    "empty document": ("", "line 1, column 1: the document is empty; begin with: input: 1x28x28"),
    "nothing but a remark": (
        "# later\n",
        "line 1, column 1: the document is empty; begin with: input: 1x28x28",
    ),
    "text that is no pipeline": (
        "hello\n",
        "line 1, column 1: this is no pipeline; begin with: input: 1x28x28",
    ),
    "anchor": (
        "input: &a 1x8x8\nnet:\n  - gap\n",
        "line 1, column 8: &a is an anchor; delete it",
    ),
    "alias": (
        "input: 1x8x8\nnet: *a\n",
        "line 2, column 6: *a is an alias; write the value out, or in quotes",
    ),
    "tag": (
        "input: !!str 1x8x8\nnet:\n  - gap\n",
        "line 1, column 8: !!str is a tag; delete it: values have no types here",
    ),
    "tag that would run a program": (
        "input: !!python/object/apply:os.system [ls]\nnet:\n  - gap\n",
        "line 1, column 8: !!python/object/apply:os.system is a tag; "
        "delete it: values have no types here",
    ),
    "second document": (
        "input: 1x8x8\n---\nnet:\n  - gap\n",
        "line 2, column 1: a second document begins here; keep one document in a file",
    ),
    "tab": (
        "input: 1x8x8\nnet:\n\t- gap\n",
        "line 3, column 1: a tab stands here; indent with blanks",
    ),
    "bracket left open": (
        "input: 1x8x8\nnet: [gap\n",
        "line 2, column 6: the list that begins here does not end; "
        "part its items with commas, and close it with ]",
    ),
    "setting that is no number": (
        "input: 1x8x8\nnet: [gap]\ntrain:\n  epochs: many\n",
        'line 4, column 11: "many" is no number; write a whole number from 1 to 1,000,000',
    ),
    "map that is not there": (
        "input: 1x8x8\nnet:\n  - c1: conv 4\nshow: [c2]\n",
        'line 4, column 8: no layer is called "c2"; its layers are c1',
    ),
}


@pytest.fixture
def say(capsys, tmp_path, monkeypatch):
    """Run a command in an empty folder; returns what it says of what the user did wrong."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        capsys.readouterr()
        status = main([str(word) for word in words])
        out, err = capsys.readouterr()
        assert status == 2, err
        assert out == ""
        assert "Traceback" not in err
        # The lines of the document that are quoted below a message are tests/test_cli.py's.
        return re.sub(r"\n {2,}\d* \| .*", "", err.removesuffix("\n"))

    return run


def matches(told, message):
    """A message that ends with a blank here goes on with a list of what there is."""
    return told.startswith(message) if message.endswith(" ") else told == message


# -- documents --


@pytest.mark.parametrize("wrong", DOCUMENTS)
def test_documents(say, tmp_path, wrong):
    text, message = DOCUMENTS[wrong]
    (tmp_path / "net.yaml").write_text(text, encoding="utf-8")
    told = say("check", "net.yaml")
    assert matches(told, message), told


BYTES = {
    "picture": b"\x89PNG\r\n\x1a\n\x00\x00",
    "nonsense": bytes(range(256)),
    "zeros": b"\x00\x00\x00\x00",
    "utf-16": "input: 1x8x8".encode("utf-16"),
}


@pytest.mark.parametrize("content", BYTES)
def test_binary_garbage(say, tmp_path, content):
    (tmp_path / "net.yaml").write_bytes(BYTES[content])
    told = say("check", "net.yaml")
    # Zeros are a text, but none that YAML can begin with.
    assert told in (
        "net.yaml is not a text; give the pipeline's .yaml file",
        "line 1, column 1: this is not a text; is this the right file?",
    )


def test_a_folder(say, tmp_path):
    (tmp_path / "net.yaml").mkdir()
    assert say("check", "net.yaml") == "net.yaml is a folder; give the pipeline's .yaml file"


def test_a_file_that_is_missing(say, tmp_path):
    assert say("check", "net.yaml") == "there is no file net.yaml; check its name and folder"
    (tmp_path / "lenet.yaml").touch()
    assert say("check", "lent.yaml") == "there is no file lent.yaml; did you mean lenet.yaml?"
    assert say("check", "lente") == 'there is no file and no preset "lente"; did you mean lenet?'


def test_a_hundred_megabytes_are_not_read(say, tmp_path):
    with (tmp_path / "net.yaml").open("wb") as file:
        file.truncate(100_000_000)
    told = say("check", "net.yaml")
    assert told == (
        "net.yaml has 100 MB; a pipeline has at most one million characters: "
        "is this the right file?"
    )


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no such device here")
def test_a_device_without_an_end(say):
    told = say("check", "/dev/zero")
    assert told.startswith("/dev/zero does not end; ")


def test_a_nest_without_an_end(say, tmp_path):
    (tmp_path / "net.yaml").write_text("net: " + "[" * 100_000)
    assert say("check", "net.yaml") == "line 1, column 45: more than 40 levels; nest less"


# -- images --

NET = "input: {}\nnet:\n  - c1: conv 2 k3\n"

NAN = np.ones((8, 8))
NAN[2, 3] = np.nan

ARRAYS = {
    "NaN": (
        "1x8x8",
        NAN,
        "a.npy has 1 NaN or infinite values of 64 (the first at channel 0, y 2, x 3); "
        "replace them first, for example with numpy.nan_to_num(image)",
    ),
    "zero size": ("1x8x8", np.zeros((0, 8)), "a.npy is empty (0x8); choose one with pixels"),
    "one number": (
        "1x8x8",
        np.array(3),
        "a.npy is a single number; give an array with an axis or more",
    ),
    "complex": (
        "1x8x8",
        np.ones((8, 8), complex),
        "a.npy holds complex numbers; take their size, numpy.abs(image), or one part of them",
    ),
    "text": ("1x8x8", np.array([["a"]]), "a.npy holds text; give an array of numbers"),
    "too few axes": (
        "1x8x8x8",
        np.ones((8, 8)),
        "a.npy has 2 axes (8x8); the network's input 1x8x8x8 wants 3 (z, y, x); "
        "change the document's input to 1x8x8",
    ),
    "gray for RGB": (
        "3x8x8",
        np.ones((8, 8)),
        "a.npy is gray (1 channel of 8x8); the network's input 3x8x8 wants 3 channels; "
        "change the document's input to 1x8x8, or convert the image to RGB",
    ),
    "other channels": (
        "3x8x8",
        np.ones((5, 8, 8)),
        "a.npy has 5 channels, or is a stack of 5 images (5x8x8); "
        "the network's input 3x8x8 wants 3 channels; "
        "change the document's input to 5x8x8 for channels, or to 1x8x8",
    ),
}


@pytest.mark.parametrize("wrong", ARRAYS)
def test_images(say, tmp_path, wrong):
    size, array, message = ARRAYS[wrong]
    (tmp_path / "net.yaml").write_text(NET.format(size))
    np.save(tmp_path / "a.npy", array)
    assert say("maps", "net.yaml", "a.npy", "-o", "out") == message
    assert not (tmp_path / "out").exists()


def test_an_image_smaller_than_the_kernel(say, tmp_path):
    (tmp_path / "net.yaml").write_text(NET.format("1x?x?").replace("k3", "k3 valid"))
    np.save(tmp_path / "a.npy", np.ones((2, 2)))
    assert say("maps", "net.yaml", "a.npy", "-o", "out") == (
        "layer c1: a kernel of 3 does not fit into 2; "
        "use a kernel of at most 2, padding, or less pooling before"
    )


def test_an_rgb_image_for_a_gray_network(say, tmp_path):
    (tmp_path / "net.yaml").write_text(NET.format("1x8x8"))
    Image.new("RGB", (9, 8)).save(tmp_path / "a.png")
    assert say("maps", "net.yaml", "a.png", "-o", "out") == (
        "a.png is an RGB image (3 channels of 8x9); the network's input 1x8x8 wants 1 channel; "
        "change the document's input to 3x8x9, or convert the image to gray"
    )


def _jpeg() -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.arange(1600, dtype=np.uint8).reshape(40, 40)).save(file, "jpeg")
    return file.getvalue()


FILES = {
    "garbage.png": (
        b"\x00garbage",
        "garbage.png cannot be read: it is damaged, cut short, or not PNG, JPEG or BMP ",
    ),
    "cut.jpg": (
        _jpeg()[:400],
        "cut.jpg cannot be read: it is damaged, cut short, or not PNG, JPEG or BMP ",
    ),
    "garbage.npy": (
        b"\x00garbage",
        "garbage.npy cannot be read: it is damaged, cut short, or not .npy ",
    ),
    "nothing.png": (b"", "nothing.png is empty (0 bytes); name a file with an image in it"),
    "notes.txt": (b"hello", "notes.txt "),
}


@pytest.mark.parametrize("name", FILES)
def test_files_that_are_no_images(say, tmp_path, name):
    content, message = FILES[name]
    (tmp_path / "net.yaml").write_text(NET.format("1x8x8"))
    (tmp_path / name).write_bytes(content)
    told = say("maps", "net.yaml", name, "-o", "out")
    assert matches(told, message), told


def test_images_that_are_missing(say, tmp_path):
    (tmp_path / "net.yaml").write_text(NET.format("1x8x8"))
    (tmp_path / "digit.png").touch()
    told = say("maps", "net.yaml", "digits.png", "-o", "out")
    assert told == "digits.png does not exist; did you mean digit.png?"
    (tmp_path / "empty").mkdir()
    told = say("maps", "net.yaml", "empty", "-o", "out")
    assert told == "empty is a directory; name a file in it"


def test_maps_that_cannot_be_written(say, tmp_path):
    (tmp_path / "net.yaml").write_text(NET.format("1x8x8"))
    np.save(tmp_path / "a.npy", np.ones((8, 8)))
    (tmp_path / "out").write_text("a file")
    told = say("maps", "net.yaml", "a.npy", "-o", "out")
    assert told == "cannot write maps to out: File exists"


# -- data to learn from --

LEARN = """\
input: 1x8x8
data:
  images: images.npy
  labels: labels.npy
{}net:
  - gap
  - fc {}
"""

IMAGES = np.arange(12 * 64, dtype=np.float32).reshape(12, 8, 8)
LABELS = np.arange(12) % 2

DATA = {
    "fewer labels": (
        IMAGES,
        LABELS[:11],
        "",
        "there are 12 images and 11 labels; give one label per image, in the same order",
    ),
    "label without a class": (
        IMAGES,
        LABELS + 1,
        "  classes: [cat, dog]\n",
        "label 2 of image 1 is outside the 2 classes (0 to 1); "
        "name every class in classes:, counting from 0",
    ),
    "name without a class": (
        IMAGES,
        np.array(["cat", "dgo"] * 6),
        "  classes: [cat, dog]\n",
        'label "dgo" is not among the 2 classes; did you mean dog?',
    ),
    "labels between the classes": (
        IMAGES,
        LABELS / 2,
        "",
        "labels are neither whole numbers nor names; number classes from 0",
    ),
    "labels as pictures": (
        IMAGES,
        np.zeros((12, 8, 8), int),
        "",
        "labels have the shape 12x8x8; give one number or name per image",
    ),
    "no images": (IMAGES[:0], LABELS[:0], "", "there are no images; give one or more per class"),
    "NaN": (
        np.where(IMAGES == 70, np.nan, IMAGES),
        LABELS,
        "",
        "the stack of images has 1 NaN or infinite values of 768 "
        "(the first at image 1, y 0, x 6); "
        "replace them first, for example with numpy.nan_to_num(image)",
    ),
    "zero size": (
        IMAGES[:, :0],
        LABELS,
        "",
        "the stack of images is empty (12x0x8); choose one with pixels",
    ),
    "other number of classes": (
        IMAGES,
        np.arange(12) % 3,
        "",
        "the network ends in 2 values, and the data have 3 classes; "
        "make its last layer with weights fc 3",
    ),
}


@pytest.mark.parametrize("wrong", DATA)
def test_data(say, tmp_path, wrong):
    images, labels, more, message = DATA[wrong]
    (tmp_path / "net.yaml").write_text(LEARN.format(more, 2))
    np.save(tmp_path / "images.npy", images)
    np.save(tmp_path / "labels.npy", labels)
    assert say("train", "net.yaml", "--run", "run") == message
    assert not (tmp_path / "run").exists()


def test_labels_that_are_missing(say, tmp_path):
    (tmp_path / "net.yaml").write_text(LEARN.format("", 2))
    np.save(tmp_path / "images.npy", IMAGES)
    (tmp_path / "label.npy").touch()
    told = say("check", "net.yaml")
    assert told == "line 4, column 11: labels.npy does not exist; did you mean label.npy?"
    assert say("train", "net.yaml") == "labels.npy does not exist; did you mean label.npy?"


def test_no_data(say, tmp_path):
    (tmp_path / "net.yaml").write_text("input: 1x8x8\nnet:\n  - gap\n  - fc 2\n")
    assert say("train", "net.yaml") == (
        "the document names no images to train on; "
        "add data: with source: digits, or images: and a folder with one folder per class"
    )
