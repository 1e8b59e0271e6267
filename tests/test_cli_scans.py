"""The command line learns from scans, and says how well."""

import json

import numpy as np
import pytest

from napari_convnet.cli import main
from napari_convnet.data import head, write_nifti

TEXT = """\
title: Tissues
input: 1x12x12x12
data:
  images: "*_t1.nii.gz"
  labels: "*_tissue.nii.gz"
  classes: other, grey matter, white matter
  normalize: zscore above 0
  split: 34/33/33
  patches: 12 per-volume 4
net:
  - conv 4 k3 bn relu
  - out: conv 3 k1
train:
  task: segment
  optimizer: adam lr .02
  epochs: 2
  batch: 2
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three blocks of the head, front to back, each a file, and a document."""
    folder = tmp_path_factory.mktemp("scans")
    image, labels = head()
    for number, y in enumerate((60, 100, 140)):
        part = (slice(80, 104), slice(y, y + 24), slice(40, 64))
        for contents, name in ((image, "t1"), (labels, "tissue")):
            path = folder / f"{number}_{name}.nii.gz"
            write_nifti(path, np.ascontiguousarray(contents.array[part]), contents.affine)
    (folder / "tissues.yaml").write_text(TEXT)
    return folder


@pytest.fixture(scope="module")
def run(folder):
    path = folder / "run"
    assert main(["train", str(folder / "tissues.yaml"), "--run", str(path)]) == 0
    return path


@pytest.fixture
def say(capsys):
    def command(*words):
        capsys.readouterr()
        status = main([str(word) for word in words])
        out, err = capsys.readouterr()
        return status, out, err.replace("\n", " ")

    return command


def test_train_tells_what_it_is_judged_by(say, folder, tmp_path):
    status, out, err = say("train", folder / "tissues.yaml", "--run", tmp_path / "run")
    assert status == 0, err
    assert "4 patches an epoch to learn from, 1 region to validate, 1 region held out" in err
    assert "epoch 2: loss" in err
    assert "Dice" in err
    assert "mean Dice" in out
    assert "(other " in out
    assert "white matter " in out


def test_train_as_lines_of_json(say, folder, tmp_path):
    words = ("train", folder / "tissues.yaml", "--run", tmp_path / "run", "--json")
    events = [json.loads(line) for line in say(*words)[1].splitlines()]
    started, finished = events[0], events[-1]
    assert (started["task"], started["score_name"], started["unit"]) == (
        "segment",
        "Dice",
        "patches",
    )
    assert isinstance(started["notes"], list)
    assert finished["scores"].keys() == {"other", "grey matter", "white matter"}
    (epoch, *_) = (event for event in events if event["event"] == "epoch")
    assert 0 <= epoch["validation_score"] <= 1


def test_evaluate_prints_a_table(say, run):
    status, out, err = say("evaluate", run)
    assert (status, err) == (0, "")
    head, columns, *rows = out.splitlines()
    assert head.startswith("mean Dice ")
    assert f"{24**3:,} voxels of the test part" in head
    assert columns.split() == (
        "class Dice IoU precision recall accuracy voxels ml labelled ml predicted".split()
    )
    assert [row.rstrip("0123456789.,% ") for row in rows] == [
        "other",
        "grey matter",
        "white matter",
    ]


def test_evaluate_as_json_has_all_of_it(say, run):
    found = json.loads(say("evaluate", run, "--json")[1])
    assert (found["n"], found["unit"], found["part"]) == (24**3, "voxels", "test")
    assert np.sum(found["confusion"]) == 24**3
    assert np.sum(found["volumes_ml"]["labelled"]) == pytest.approx(24**3 / 1000)
    keys = {"accuracies", "precision", "recall", "dice", "iou"}
    assert all(len(found[key]) == 3 for key in keys)


def test_evaluate_on_other_scans(say, run, folder):
    labels = ("--labels", folder / "0_tissue.nii.gz")
    found = json.loads(say("evaluate", run, folder / "0_t1.nii.gz", *labels, "--json")[1])
    assert (found["n"], found["part"]) == (24**3, "all")
    status, _, err = say("evaluate", run, *labels)
    assert (status, "name the images too" in err) == (2, True)


@pytest.mark.parametrize("part", ["train", "validation", "test", "all"])
def test_evaluate_a_part(say, run, part):
    status, out, err = say("evaluate", run, "--part", part, "--json")
    found = json.loads(out)
    assert (status, err) == (0, "")
    assert (found["part"], found["n"]) == (part, 24**3 * (3 if part == "all" else 1))


def test_evaluate_patterns_and_folders(say, run, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(folder)
    words = ("--labels", "*_tissue.nii.gz", "--json")
    everything = json.loads(say("evaluate", run, "*_t1.nii.gz", *words)[1])
    assert (everything["n"], everything["part"]) == (3 * 24**3, "all")
    assert any("read as labels" in note for note in everything["notes"])
    tested = json.loads(say("evaluate", run, "*_t1.nii.gz", *words, "--part", "test")[1])
    assert (tested["n"], tested["part"]) == (24**3, "test")
    for kind in ("t1", "tissue"):
        (tmp_path / kind).mkdir()
        for number in range(2):
            target = tmp_path / kind / f"{number}.nii.gz"
            target.write_bytes((folder / f"{number}_{kind}.nii.gz").read_bytes())
    words = ("evaluate", run, tmp_path / "t1", "--labels", tmp_path / "tissue", "--json")
    assert json.loads(say(*words)[1])["n"] == 2 * 24**3


def test_mistakes_of_evaluate_are_told_in_its_own_words(say, run, folder, tmp_path):
    image, labels = folder / "0_t1.nii.gz", folder / "0_tissue.nii.gz"
    for words, message in {
        (image,): f"DATA {image} has no labels; add --labels with a label for every voxel",
        (tmp_path / "x.nii", "--labels", labels): f"DATA {tmp_path}/x.nii does not exist",
        (image, "--labels", tmp_path / "x.nii"): f"--labels {tmp_path}/x.nii does not exist",
        (image, "--labels", folder / "*_tissue.nii.gz"): "DATA is a file, --labels a pattern",
        ("--part", "exam"): 'data have no part "exam"; ask for test, validation, train or all',
    }.items():
        status, out, err = say("evaluate", run, *words)
        assert (status, out) == (2, "")
        assert message in err
    document = "input: 1x12x12x12\nnet: [conv 2 k1]\ntrain:\n  task: segment\n"
    (tmp_path / "bare.yaml").write_text(document)
    status, _, err = say("evaluate", tmp_path / "bare.yaml")
    assert (status, "evaluate RUN IMAGES --labels LABELS" in err) == (2, True)


def test_a_loss_of_another_task_is_refused(say, folder, tmp_path):
    words = ("--run", tmp_path / "run", "--set", "train.loss=mse")
    status, _, err = say("train", folder / "tissues.yaml", *words)
    assert status == 2
    assert "the loss mse does not fit the task segment; write cross-entropy, dice or focal" in err
