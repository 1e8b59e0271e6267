"""The command line: what it prints, where, and with which exit status."""

import importlib.util  # noqa: F401  (read by a skipif below)
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from napari_convnet import UserError
from napari_convnet.cli import DEBUG, main, named
from napari_convnet.cli.quote import excerpt
from napari_convnet.data import digits
from napari_convnet.document import presets
from napari_convnet.network import Place

SMALL = """\
title: Few digits
input: 1x28x28
data:
  images: digits.npz
  normalize: minmax
  split: 60/20/20
augment: shift 1
net:
  - c1: conv 4 k5 s2 relu
  - max 2
  - flatten
  - out: fc 10
train:
  optimizer: adam lr 1e-2
  batch: 30
  epochs: 1
  seed: 1
"""
"""Four steps: 120 of the 200 digits below."""


@pytest.fixture
def say(capsys):
    """Run a command; returns exit status, standard output and standard error."""

    def run(*words):
        capsys.readouterr()
        status = main([str(word) for word in words])
        out, err = capsys.readouterr()
        return status, out, err

    return run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A document, a digit as PNG and as array, and 200 digits."""
    path = tmp_path_factory.mktemp("cli")
    images, labels = digits()
    np.savez(path / "digits.npz", images=images[::25], labels=labels[::25])
    Image.fromarray(images[3500]).save(path / "seven.png")
    np.save(path / "seven.npy", images[3500])
    (path / "few.yaml").write_text(SMALL, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def run(folder):
    """A run of four steps."""
    assert main(["train", str(folder / "few.yaml"), "--run", str(folder / "run")]) == 0
    return folder / "run"


def process(*words, code="", **variables):
    """Run a command in a process of its own."""
    start = ["-c", code] if code else ["-m", "napari_convnet"]
    environment = {**os.environ, **variables}
    return subprocess.run(
        [sys.executable, *start, *map(str, words)],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=120,
        env=environment,
    )


# -- presets, check, describe --


def test_presets(say):
    status, out, err = say("presets")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert len(lines) == len(presets())
    assert "lenet5                     LeNet-5, as usually coded (after LeCun 1998)" in lines


def test_presets_as_json(say):
    status, out, _ = say("presets", "--json")
    assert status == 0
    assert json.loads(out) == [{"name": one.name, "title": one.title} for one in presets()]


def test_check_right(say, folder):
    path = folder / "few.yaml"
    status, out, err = say("check", path)
    assert (status, err) == (0, "")
    assert out == f"{path}: right; 5 layers, 2,074 parameters\n"


def test_check_tells_every_mistake(say, tmp_path):
    path = tmp_path / "wrong.yaml"
    path.write_text("input: 1x8x8\ntitel: x\nnet:\n  - conv 4 rellu\ntrain:\n  epochs: many\n")
    status, out, err = say("check", path)
    assert (status, out) == (2, "")
    assert err.splitlines() == [
        'line 2, column 1: unknown key "titel"; did you mean title?',
        "  2 | titel: x",
        "    | ^^^^^",
        'line 4, column 12: unknown op "rellu"; did you mean relu?',
        "  4 |   - conv 4 rellu",
        "    |            ^^^^^",
        'line 6, column 11: "many" is no number; write a whole number from 1 to 1,000,000',
        "  6 |   epochs: many",
        "    |           ^^^^",
    ]


DATA = {
    "source: digitz": 'line 3, column 11: unknown source "digitz"; did you mean digits?',
    "images: scam": "line 3, column 11: images: {0}/scam does not exist; did you mean scan?",
    "images: scan": "line 3, column 11: {0}/scan holds one class only, cat; add a folder per class",
    "images: scan/*.png": (
        "line 3, column 11: images: no file fits scan/*.png; {0}/scan holds cat"
    ),
    "{source: digits, images: scans/two}": (
        "line 2, column 32: data: has both source: and images:; keep one of them"
    ),
    "{source: digits, classes: [a, b]}": (
        "line 2, column 16: source: digits has 10 classes, and classes: names 2; "
        "name them all, or leave classes: out"
    ),
    "fit: pad 8 8 8": (
        "line 3, column 8: fit: pad takes one size, or 2 joined by x; write fit: pad 32"
    ),
}


@pytest.mark.parametrize("line", DATA)
def test_check_knows_data_without_loading_them(say, tmp_path, line):
    for name in ("scan/cat", "scans/two/cat", "scans/two/dog"):
        (tmp_path / name).mkdir(parents=True)
    path = tmp_path / "data.yaml"
    data = f" {line}" if line.startswith("{") else f"\n  {line}"
    path.write_text(f"input: 1x8x8\ndata:{data}\nnet: [gap]\n")
    status, out, err = say("check", path)
    assert (status, out) == (2, "")
    assert err.splitlines()[0] == DATA[line].format(tmp_path)


AUGMENT = {
    "shift 1.5": "augment: shift takes a whole number of pixels, 0 or more; write shift 2",
    "rotate 200": "augment: rotate takes an angle from 0 to 180 degrees; write rotate 15",
    "flip z .5": "augment: flip knows no axis z; the axes are y and x",
    "shfit 2": 'unknown augmentation "shfit"; did you mean shift?',
    "noise": "noise takes 1 number, not 0; for example noise .05",
}


@pytest.mark.parametrize("line", AUGMENT)
def test_check_knows_augmentations(say, tmp_path, line):
    path = tmp_path / "augment.yaml"
    path.write_text(f"input: 1x8x8\naugment: {line}\nnet: [gap]\n")
    status, out, err = say("check", path)
    assert (status, out) == (2, "")
    assert err.splitlines()[0] == f"line 2, column 10: {AUGMENT[line]}"


def test_describe_a_preset(say):
    status, out, err = say("describe", "lenet5")
    assert (status, err) == (0, "")
    assert "61,706" in out
    assert "1x32x32" in out
    assert "120x1x1" in out


def test_describe_as_json_has_the_keys_promised(say):
    status, out, err = say("describe", "lenet5", "--json")
    found = json.loads(out)
    assert (status, err) == (0, "")
    assert list(found) == ["title", "input", "layers", "totals", "warnings"]
    assert found["input"] == [1, 32, 32]
    assert set(found["totals"]) == {"parameters", "trainable", "macs", "bytes"}
    assert found["totals"]["parameters"] == found["totals"]["trainable"] == 61706
    keys = "name op output parameters macs receptive_field jump start bytes".split()
    assert all(sorted(layer) == sorted(keys) for layer in found["layers"])
    first, last = found["layers"][0], found["layers"][-1]
    assert first["name"] == "c1.conv"
    assert first["output"] == [6, 28, 28]
    assert first["receptive_field"] == [5, 5]
    assert first["start"] == [2, 2]
    assert first["macs"] == 25 * 6 * 28 * 28
    assert last["receptive_field"] is last["jump"] is last["start"] is None


def test_describe_with_another_input(say, folder):
    _, out, _ = say("describe", folder / "few.yaml", "--input", "1x56x56", "--json")
    found = json.loads(out)
    assert found["input"] == [1, 56, 56]
    assert found["layers"][0]["output"] == [4, 28, 28]


def test_describe_with_an_input_of_unknown_size(say, tmp_path):
    path = tmp_path / "any.yaml"
    path.write_text("input: 1x?x?\nnet:\n  - conv 2 k3\n")
    assert json.loads(say("describe", path, "--json")[1])["layers"][0]["output"] == [2, None, None]
    assert "2x?x?" in say("describe", path)[1]


def test_describe_up_to_the_mistake(say, tmp_path):
    path = tmp_path / "wrong.yaml"
    path.write_text("input: 1x8x8\nnet:\n  - c1: conv 4 k3\n  - max 20\n  - fc 3\n")
    status, out, err = say("describe", path)
    assert status == 2
    assert "c1" in out
    assert "max 20" not in out
    assert "line" not in out
    message, line, marks = err.splitlines()
    assert message.startswith("line 4, column 5, layer max-1: a kernel of 20 does not fit into 8; ")
    assert (line, marks) == ("  4 |   - max 20", "    |     ^^^^^^")


def test_a_table_fits_a_terminal(say, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("lenet5", "resnet101", "googlenet", "unet3d", "densenet121", "yolov1"):
        lines = say("describe", name)[1].splitlines()
        assert max(map(len, lines)) <= 80
        assert not any(line.endswith(" ") for line in lines)


def test_a_table_folds_to_the_rows_of_the_document(say, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    lines = say("describe", "resnet101", "--depth", "1")[1].splitlines()
    assert len(lines) < 20
    (row,) = (line.split() for line in lines if line.startswith("bottleneck-4."))
    assert (
        row == "bottleneck-4.relu bottleneck 128 s=2 512x28x28 379,392 373 M 15.7 MB 43 8".split()
    )
    assert len(say("describe", "resnet101", "--depth", "2")[1].splitlines()) > 40
    status, _, err = say("describe", "resnet101", "--depth", "0")
    assert (status, err[:17]) == (2, "Invalid value for")


def test_a_table_shows_what_belongs_together(say, tmp_path, monkeypatch):
    path = tmp_path / "tree.yaml"
    path.write_text(TREE)
    monkeypatch.setenv("COLUMNS", "80")
    assert say("describe", path)[1] == TREE_SHOWN


TREE = """\
title: A tree
input: 1x16x16
blocks:
  two(n): [conv $n bn relu, conv $n]
net:
  - e: two 4
  - down: max 2
  - res: conv 4 relu
  - s:
      x2:
        - conv 4 relu
  - out: conv 2 k1
    freeze: true
"""

TREE_SHOWN = """\
A tree
layer      call        output  parameters    MACs    bytes  field  jump
───────────────────────────────────────────────────────────────────────
input                 1x16x16                      1.02 kB
e          two 4
 .conv     conv 4     4x16x16          36  9.22 k  4.10 kB      3     1
 .bn       bn         4x16x16           8          4.10 kB      3     1
 .relu     relu       4x16x16                      4.10 kB      3     1
e          conv 4     4x16x16         148  36.9 k  4.10 kB      5     1
down       max 2        4x8x8                      1.02 kB      6     2
res-1      res
 .conv     conv 4       4x8x8         148  9.22 k  1.02 kB     10     2
 .relu     relu         4x8x8                      1.02 kB     10     2
res-1      add          4x8x8                      1.02 kB     10     2
s          x2
 .group
  .conv    conv 4       4x8x8         148  9.22 k  1.02 kB     14     2
  .relu    relu         4x8x8                      1.02 kB     14     2
 .group-2
  .conv    conv 4       4x8x8         148  9.22 k  1.02 kB     18     2
s          relu         4x8x8                      1.02 kB     18     2
out        conv 2 k1    2x8x8          10     512    512 B     18     2

13 layers                             646  74.2 k  25.1 kB
trainable                             636
frozen                                 10
"""


MISALIGNED = """\
input: 1x16x16
net:
  - a: conv 4 k3 s2
  - cat: [conv 4 k2 same, conv 4 k3]
"""


@pytest.mark.parametrize("command", ["check", "describe"])
def test_warnings_come_after_all_else_and_change_no_status(say, tmp_path, command):
    path = tmp_path / "shifted.yaml"
    path.write_text(MISALIGNED)
    status, out, err = say(command, path)
    assert status == 0
    assert "misaligned" not in out
    assert err.startswith("warning: line 4, column ")
    assert "misaligned by 1 pixel" in err
    assert "^" in err.splitlines()[-1]


def test_warnings_in_json(say, tmp_path):
    path = tmp_path / "shifted.yaml"
    path.write_text(MISALIGNED)
    status, out, err = say("describe", path, "--json")
    (warning,) = json.loads(out)["warnings"]
    assert (status, err) == (0, "")
    assert "misaligned" in warning


WHY = """\
c1.conv: conv 6 k5 valid, 1x32x32 to 6x28x28

size along y and x
  = floor((n + 2p - d (k - 1) - 1) / s) + 1
  = floor((32 + 2×0 - 1 × (5 - 1) - 1) / 1) + 1
  = 28

parameters
  = outputs × inputs × kernel + biases
  = 6 × 1 × 5 × 5 + 6
  = 156
"""


def test_describe_why(say, tmp_path):
    status, out, err = say("describe", "lenet5", "--why", "c1.conv")
    assert (status, err) == (0, "")
    assert out.startswith(WHY)
    assert "a dense layer from 1x32x32 to 6x28x28 would need 4,821,600 parameters" in out
    assert max(map(len, out.splitlines())) < 80
    _, line, _ = say("describe", "lenet5", "--why", "c1")
    assert line.startswith(f"{out}\nc1: tanh, 6x28x28 to 6x28x28\n")
    found = json.loads(say("describe", "lenet5", "--why", "C1.conv", "--json")[1])
    assert found["layer"] == "c1.conv"
    assert found["lines"][0]["result"] == "28"
    status, _, err = say("describe", "lenet5", "--why", "c1.comv")
    assert (status, err) == (2, 'no layer is called "c1.comv"; did you mean c1.conv?\n')


def test_describe_why_of_a_document_with_a_mistake(say, tmp_path):
    path = tmp_path / "wrong.yaml"
    path.write_text("input: 1x8x8\nnet:\n  - c1: conv 4 k3\n  - c2: max 20\n  - c3: conv 3\n")
    status, out, err = say("describe", path, "--why", "c1")
    assert (status, out.splitlines()[0]) == (2, "c1: conv 4 k3, 1x8x8 to 4x8x8")
    assert err.startswith("line 4, ")
    status, out, err = say("describe", path, "--why", "c3")
    assert (status, out) == (2, "")
    assert err.startswith("line 4, ")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_pipes_that_lack_a_character(encoding):
    words = ("describe", "lenet5", "--why", "c1.conv")
    done = process(*words, PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, "")
    assert "4,821,600" in done.stdout
    done = process("describe", "lenet5", PYTHONIOENCODING=encoding)
    assert "-----" in done.stdout


LINES = {
    ("  - conv 4 rellu", 12, 17): ["  3 |   - conv 4 rellu", "    |            ^^^^^"],
    ("\tab", 2, 4): ["  3 |  ab", "    |  ^^"],
    ("title: 漢字 x", 8, 10): ["  3 | title: 漢字 x", "    |        ^^^^"],
    ("a", 9, 9): ["  3 | a", "    |  ^"],
    ("", 1, 1): ["  3 | ", "    | ^"],
}


@pytest.mark.parametrize("line", LINES)
def test_lines_are_quoted_with_their_place_marked(line):
    text, start, stop = line
    assert excerpt(text, Place(3, start, 3, stop)) == LINES[line]


def test_long_lines_are_cut_around_the_place():
    text = "x" * 500 + "HERE" + "y" * 500
    line, marks = excerpt(text, Place(3, 501, 3, 505))
    assert len(line) < 90
    assert line.index("HERE") == marks.index("^")
    assert marks.count("^") == 4


def test_places_over_several_lines_are_marked_to_the_end_of_the_first():
    assert excerpt("  - conv 4  ", Place(3, 5, 5, 2))[1] == "    |     ^^^^^^"


def test_describe_a_mistake_as_json_prints_no_json(say, tmp_path):
    path = tmp_path / "wrong.yaml"
    path.write_text("input: 1x8x8\nnet:\n  - max 20\n")
    status, out, err = say("describe", path, "--json")
    assert (status, out) == (2, "")
    assert "layer max-1" in err


def test_a_folder_does_not_hide_the_preset_of_its_name(say, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lenet").mkdir()
    assert say("describe", "lenet")[0] == 0


def test_documents_are_described_without_torch(folder):
    code = f"""
import sys
from napari_convnet.cli import main
for words in (["presets"], ["check", {str(folder / "few.yaml")!r}], ["describe", "vgg16"]):
    assert main(words) == 0, words
heavy = {{"torch", "napari", "qtpy", "skimage"}} & set(sys.modules)
assert not heavy, heavy
"""
    done = process(code=code)
    assert done.returncode == 0, done.stderr


# -- maps --


@pytest.mark.parametrize("image", ["seven.png", "seven.npy"])
def test_maps_of_an_image(say, folder, tmp_path, image):
    out = tmp_path / "out"
    status, told, err = say(
        "maps", folder / "few.yaml", folder / image, "--layer", "c1", "--layer", "max-1", "-o", out
    )
    assert (status, told, err) == (0, f"wrote the maps of 2 layers to {out}\n", "")
    assert sorted(path.name for path in out.iterdir()) == ["c1.npy", "maps.json", "max-1.npy"]
    index = json.loads((out / "maps.json").read_text(encoding="utf-8"))
    first, second = index["layers"]
    assert index["input"]["shape"] == [1, 28, 28]
    assert (first["name"], first["op"], first["shape"]) == ("c1", "relu", [4, 14, 14])
    assert (first["scale"], first["translate"]) == ([2, 2], [0, 0])
    assert (second["scale"], second["translate"]) == ([4, 4], [1, 1])
    assert second["affine"] == [[4, 0, 1], [0, 4, 1], [0, 0, 1]]
    assert (second["axes"], second["units"]) == (["y", "x"], ["pixel", "pixel"])
    maps = np.load(out / second["file"])
    assert maps.shape == (4, 7, 7)
    assert maps.std() > 0


def test_maps_as_json_are_all_layers(say, folder, tmp_path):
    status, told, err = say(
        "maps", folder / "few.yaml", folder / "seven.png", "-o", tmp_path, "--json"
    )
    assert (status, err) == (0, "")
    names = [layer["name"] for layer in json.loads(told)["layers"]]
    assert names == ["c1.conv", "c1", "max-1", "flatten-1", "out"]


def test_maps_of_a_run_are_those_of_its_weights(say, folder, run, tmp_path):
    words = (folder / "seven.png", "--layer", "c1", "-o")
    assert say("maps", run, *words, tmp_path / "run")[0] == 0
    assert say("maps", folder / "few.yaml", *words, tmp_path / "seed")[0] == 0
    trained, drawn = (np.load(tmp_path / name / "c1.npy") for name in ("run", "seed"))
    assert not np.allclose(trained, drawn)


def test_maps_of_a_layer_that_is_not_there(say, folder, tmp_path):
    words = ("--layer", "c2", "-o", tmp_path)
    status, _, err = say("maps", folder / "few.yaml", folder / "seven.png", *words)
    assert status == 2
    assert err.startswith('no layer is called "c2"; the layers are c1.conv, c1, max-1, ')


def test_a_device_that_is_not_there(say, folder, tmp_path):
    words = ("-o", tmp_path, "--device", "gpu")
    status, _, err = say("maps", folder / "few.yaml", folder / "seven.png", *words)
    assert status == 2
    assert "gpu" in err


# -- train, evaluate, predict --


def test_train_says_how_it_goes(say, folder, tmp_path):
    path = tmp_path / "run"
    words = ("--run", path, "--set", "train.epochs=2", "--set", "augment=noise .1")
    status, out, err = say("train", folder / "few.yaml", *words)
    assert status == 0
    assert out.startswith(f"{path}: 8 steps in ")
    assert "of the images held out are right" in out
    assert "120 to learn from, 40 to validate, 40 held out" in err.replace("\n", " ")
    assert "epoch 2: loss" in err
    document = (path / "document.yaml").read_text(encoding="utf-8")
    assert "epochs: 2" in document
    assert "augment: noise .1" in document


def test_train_as_lines_of_json(say, folder, tmp_path):
    status, out, err = say("train", folder / "few.yaml", "--run", tmp_path / "run", "--json")
    events = [json.loads(line) for line in out.splitlines()]
    kinds = [event["event"] for event in events]
    assert (status, err) == (0, "")
    assert (kinds[0], kinds[-1]) == ("started", "finished")
    assert kinds.count("step") == 4
    assert kinds.count("epoch") == 1
    assert events[-1]["test_accuracy"] is not None


def test_a_run_is_not_overwritten(say, folder, run):
    status, _, err = say("train", folder / "few.yaml", "--run", run)
    assert status == 2
    assert err == f"{run} holds a run already; give a new folder, or resume the run\n"


def test_a_finished_run_is_not_resumed(say, folder, run):
    status, _, err = say("train", folder / "few.yaml", "--run", run, "--resume")
    assert (status, err) == (2, f"the run {run} is finished; train a new run\n")


def test_resume_needs_a_run(say, folder):
    status, _, err = say("train", folder / "few.yaml", "--resume")
    assert status == 2
    assert err == "--resume needs the run to go on with; add --run and its folder\n"


def test_a_new_run_lies_beside_its_document(say, tmp_path, folder):
    (tmp_path / "few.yaml").write_text(SMALL.replace("digits.npz", f"{folder}/digits.npz"))
    assert say("train", tmp_path / "few.yaml")[0] == 0
    assert (tmp_path / "runs" / "few-digits-001" / "document.yaml").is_file()


SETTINGS = {
    "train": 'cannot read "--set train"; write --set train.epochs=3',
    "=3": 'cannot read "--set =3"; write --set train.epochs=3',
    "train.epoks=3": 'unknown key "epoks" in train; did you mean epochs?',
    "train.epochs=0": '"0" does not fit; write a whole number from 1 to 1,000,000',
    "foo=3": 'unknown key "foo"; a pipeline has title, input, data,',
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_settings_that_are_wrong(say, folder, tmp_path, setting):
    status, out, err = say(
        "train", folder / "few.yaml", "--run", tmp_path / "run", "--set", setting
    )
    assert (status, out) == (2, "")
    assert SETTINGS[setting] in err
    assert not (tmp_path / "run").exists()


def test_interrupted_and_resumed(say, folder, tmp_path):
    """Ctrl-C ends a training with everything written; --resume goes on to its end."""
    path = tmp_path / "run"
    words = ["train", folder / "few.yaml", "--run", path, "--set", "train.epochs=40"]
    command = [sys.executable, "-m", "napari_convnet", *map(str, words), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as training:
        for line in training.stdout:
            if json.loads(line)["event"] == "step":
                training.send_signal(signal.SIGINT)
                break
        out, err = training.communicate(timeout=60)
    assert training.returncode == 130, err
    assert err == b""
    last = json.loads(out.splitlines()[-1])
    assert last["event"] == "finished"
    assert last["stopped"]
    status, out, err = say(*words, "--resume")
    assert status == 0, err
    assert out.startswith(f"{path}: 160 steps in ")


def test_evaluate(say, run):
    status, out, err = say("evaluate", run)
    assert (status, err) == (0, "")
    assert out.startswith("accuracy ")
    assert "40 images of the test part" in out


def test_evaluate_as_json(say, run):
    found = json.loads(say("evaluate", run, "--json")[1])
    assert 0 <= found["accuracy"] <= 1
    assert (found["n"], found["part"]) == (40, "test")
    assert np.sum(found["confusion"]) == 40


def test_evaluate_on_other_data(say, run, folder, tmp_path):
    found = json.loads(say("evaluate", run, folder / "digits.npz", "--json")[1])
    assert (found["n"], found["part"]) == (200, "all")
    images, _ = digits()
    for number in range(10):
        (tmp_path / "digits" / str(number)).mkdir(parents=True)
        Image.fromarray(images[500 * number]).save(tmp_path / "digits" / str(number) / "a.png")
    found = json.loads(say("evaluate", run, tmp_path / "digits", "--json")[1])
    assert (found["n"], found["classes"]) == (10, [str(number) for number in range(10)])
    status, _, err = say("evaluate", run, tmp_path / "digitz")
    assert status == 2
    assert err == f"DATA {tmp_path}/digitz does not exist; did you mean digits?\n"


def test_other_data_have_the_classes_that_were_trained(say, run, tmp_path):
    """A folder without nines must not count its classes anew."""
    for number in range(9):
        (tmp_path / str(number)).mkdir()
    status, _, err = say("evaluate", run, tmp_path)
    assert (status, err.split(";")[0]) == (2, f"class 9 has no folder in {tmp_path}")


def test_predict(say, run, folder, tmp_path):
    out = tmp_path / "out.json"
    status, told, err = say("predict", run, folder / "seven.png", "-o", out, "--json")
    found = json.loads(told)
    assert (status, err) == (0, "")
    assert json.loads(out.read_text(encoding="utf-8")) == found
    assert sum(found["probabilities"]) == pytest.approx(1)
    assert found["classes"] == list("0123456789")
    assert found["best"] in found["classes"]
    assert say("predict", run, folder / "seven.png")[1].startswith(found["best"])


def test_predictions_that_cannot_be_written(say, run, folder, tmp_path):
    out = tmp_path / "no" / "out.json"
    status, _, err = say("predict", run, folder / "seven.png", "-o", out)
    assert status == 2
    assert err.startswith(f"cannot write {out}: No such file or directory;")


def test_export_of_a_run_computes_what_the_run_does(say, run, folder, tmp_path):
    """The three forms hold the trained weights, and the one file is opened without the run."""
    assert say("export", run, "--to", "torch", "-o", tmp_path / "few.pt")[0] == 0
    status, out, err = say("export", run, "--to", "python", "-o", tmp_path / "few.py")
    assert (status, err) == (0, "")
    assert out == f"wrote {tmp_path / 'few.py'} and {tmp_path / 'few.safetensors'}\n"
    packed = tmp_path / "few.safetensors"
    assert "2,074" in say("describe", packed)[1]
    for source, name in ((run, "run"), (packed, "packed")):
        words = (folder / "seven.npy", "--layer", "out", "-o", tmp_path / name)
        status, _, err = say("maps", source, *words)
        assert status == 0, err
    trained, exported = (np.load(tmp_path / name / "out.npy") for name in ("run", "packed"))
    np.testing.assert_array_equal(trained, exported)
    state = torch.load(tmp_path / "few.pt", weights_only=True)
    assert list(state) == ["c1.conv.weight", "c1.conv.bias", "out.weight", "out.bias"]
    image = np.load(folder / "seven.npy") / 255
    done = process(
        code=f"""
import sys, torch
sys.path.insert(0, {str(tmp_path)!r})
import few
assert "napari_convnet" not in sys.modules
image = torch.tensor({image.tolist()}).view(1, 1, 28, 28)
print(*few.load().eval()(image)[0].tolist())
"""
    )
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(np.array(done.stdout.split(), float), trained.ravel(), rtol=1e-4)


def test_export_names_its_file_and_writes_over_none(say, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ("export", "alexnet-torchvision", "--to")
    assert say("export", "lenet5", "--to", "torch") == (0, "wrote lenet5.pt\n", "")
    assert say("export", "lenet5", "--to", "torch") == (
        2,
        "",
        "lenet5.pt exists already; name the file to write: -o FILE\n",
    )
    assert say("export", "lenet5", "--to", "torch", "-o", "lenet5")[0] == 0
    (tmp_path / "alexnet_torchvision.safetensors").write_text("mine")
    assert "alexnet_torchvision.safetensors exists" in say(*words, "python")[2]
    assert (tmp_path / "alexnet_torchvision.safetensors").read_text() == "mine"


@pytest.mark.skipif("importlib.util.find_spec('onnx')", reason="onnx is installed")
def test_export_to_onnx_says_what_to_install(say, tmp_path):
    status, out, err = say("export", "lenet5", "--to", "onnx", "-o", tmp_path / "a.onnx")
    assert (status, out) == (2, "")
    assert "pip install onnx" in err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["evaluate", "predict", "maps", "export"])
def test_folders_that_are_no_runs(say, tmp_path, folder, command):
    more = {
        "evaluate": (),
        "predict": (folder / "seven.png",),
        "maps": (folder / "seven.png", "-o", tmp_path / "out"),
        "export": ("--to", "torch"),
    }
    status, _, err = say(command, tmp_path, *more[command])
    assert status == 2
    assert err == f"{tmp_path} is not a run: it has no document.yaml; train one first\n"


# -- windows --


@pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a display")
@pytest.mark.parametrize("command", ["open", "demo"])
def test_windows_need_a_display(say, monkeypatch, command):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    status, out, err = say(command)
    assert (status, out) == (2, "")
    assert err == "there is no display; run it under a virtual one: xvfb-run -a ...\n"


def test_open_names_a_file_that_is_missing(say):
    status, _, err = say("open", "nothing.png")
    assert (status, err) == (2, "there is no file nothing.png; check its name and folder\n")


# -- the command line itself --


USAGE = {
    (): "Usage: ",
    ("describ",): "No such command 'describ'.",
    ("check",): "Missing argument 'DOC'.",
    ("maps", "lenet", "x.png"): "Missing option '-o' / '--output'.",
    ("presets", "--jsn"): "No such option: --jsn",
    (
        "export",
        "run",
        "--to",
        "word",
    ): "'word' is not one of 'python', 'torch', 'onnx', 'safetensors'",
}


@pytest.mark.parametrize("words", USAGE)
def test_wrong_command_lines(say, words):
    status, out, err = say(*words)
    assert (status, out) == (2, "")
    assert USAGE[words] in err


def test_help_lists_the_commands(say):
    status, out, _ = say("--help")
    assert status == 0
    for name in "demo presets check describe maps train predict evaluate export open".split():
        assert f"\n  {name} " in out


@pytest.fixture
def failing(monkeypatch):
    def fail(name):
        raise RuntimeError("a cable is loose")

    monkeypatch.setattr(named, "draft", fail)


def test_a_failure_of_ours(say, failing, monkeypatch):
    monkeypatch.delenv(DEBUG, raising=False)
    status, out, err = say("check", "x.yaml")
    assert (status, out) == (1, "")
    assert err == (
        "this is a failure of ours: RuntimeError: a cable is loose "
        "(set NAPARI_CONVNET_DEBUG=1 to see where)\n"
    )


def test_a_failure_of_ours_with_its_traceback(say, failing, monkeypatch):
    monkeypatch.setenv(DEBUG, "1")
    status, _, err = say("check", "x.yaml")
    assert status == 1
    assert "Traceback" in err
    assert err.splitlines()[-1].startswith("this is a failure of ours: RuntimeError")


def test_an_interrupt_is_told_in_a_word(say, monkeypatch):
    def interrupt(name):
        raise KeyboardInterrupt

    monkeypatch.setattr(named, "draft", interrupt)
    status, out, err = say("check", "x.yaml")
    assert (status, out) == (130, "")
    assert "Traceback" not in err


def test_mistakes_of_users_are_no_failures(say, monkeypatch):
    def refuse(name):
        raise UserError("this cannot be", "do that")

    monkeypatch.setattr(named, "draft", refuse)
    assert say("check", "x.yaml") == (2, "", "this cannot be; do that\n")


def test_as_a_module(folder):
    done = process("describe", "lenet5", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["totals"]["parameters"] == 61706
    done = process("check", folder / "nothing.yaml")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith(f"there is no file {folder / 'nothing.yaml'}; ")


@pytest.mark.parametrize("words", [("describe", "vgg16"), ("describe", "vgg16", "--json")])
def test_a_broken_pipe_is_quiet(words):
    command = [sys.executable, "-m", "napari_convnet", *words]
    reader, writer = os.pipe()
    os.close(reader)
    with subprocess.Popen(command, stdout=writer, stderr=subprocess.PIPE) as running:
        os.close(writer)
        _, err = running.communicate(timeout=60)
    assert err == b""


def test_the_script_is_installed():
    script = Path(sys.executable).with_name("napari-convnet")
    if not script.exists():
        pytest.skip("the package is not installed")
    done = subprocess.run([script, "nothing"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "No such command 'nothing'" in done.stderr


def test_weights_with_their_document_open_like_a_document(say, tmp_path):
    """Saving what was opened so asks for a file, and never writes over the weights."""
    from napari_convnet.viewer.open_document import OpenDocument

    path = tmp_path / "net.safetensors"
    assert say("export", "lenet5", "--to", "safetensors", "-o", path)[0] == 0
    before = path.read_bytes()
    document = OpenDocument()
    document.open(path)
    assert document.pipeline.title.startswith("LeNet-5")
    assert document.pipeline.weights == str(path)
    assert document.path is None
    with pytest.raises(UserError, match="no file yet"):
        document.save()
    assert path.read_bytes() == before
    assert say("check", path)[0] == 0
