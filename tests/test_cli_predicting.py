"""`predict` of networks that end in maps: files, tables, measures, and how it ends."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_convnet.cli import main
from napari_convnet.cli.predicting import parse_bytes
from napari_convnet.data import read_contents, write_nifti
from napari_convnet.network import UserError
from napari_convnet.training.predicting import dense, files

TEXT = """\
input: 1x?x?x?
data:
  images: a
  labels: a
  classes: [air, soft, bone]
  normalize: window -200 200
net:
  - conv 4 k3 relu
  - conv 3 k3
train:
  task: {task}
  loss: {loss}
"""

AFFINE = np.array([[3.0, 0, 0, 5], [0, 0.9, -0.4, 6], [0, 0.4, 0.9, 7], [0, 0, 0, 1]])

Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    def run(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main([str(word) for word in words])
        out, err = capsys.readouterr()
        return status, out, err

    return run


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A document, a scan and its labels."""
    document = TEXT.format(task="segment", loss="cross-entropy")
    (tmp_path / "net.yaml").write_text(document, encoding="utf-8")
    array = np.random.default_rng(1).normal(0, 200, (10, 12, 14)).astype(np.int16)
    write_nifti(tmp_path / "ct.nii.gz", array, AFFINE)
    write_nifti(tmp_path / "seg.nii.gz", (array > 100).astype(np.uint8), AFFINE, labels=True)
    return tmp_path


def test_labels_probabilities_and_a_table(say: Say, home: Path) -> None:
    out, table = home / "out.nii.gz", home / "table.csv"
    words = ("predict", home / "net.yaml", home / "ct.nii.gz", "-o", out, "--table", table)
    status, told, err = say(*words, "--probabilities", "--memory", "1MB")
    assert status == 0
    assert "random" in told
    assert f"wrote {out}\nwrote {home / 'out-probabilities.nii.gz'}\n" in told
    assert "Traceback" not in err
    labels = read_contents(out)
    assert labels.labels
    np.testing.assert_allclose(labels.affine, AFFINE, atol=1e-5)
    chances = np.asarray(read_contents(home / "out-probabilities.nii.gz").array)
    assert chances.shape == (3, 10, 12, 14)
    np.testing.assert_allclose(chances.sum(0), 1, atol=0.01)
    with table.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["class"] for row in rows] == ["air", "soft", "bone"]
    assert sum(float(row["ml"]) for row in rows) == pytest.approx(
        10 * 12 * 14 * np.linalg.det(AFFINE) / 1000
    )


def test_json_is_all_that_is_printed(say: Say, home: Path) -> None:
    words = ("predict", home / "net.yaml", home / "ct.nii.gz", "--labels", home / "seg.nii.gz")
    status, told, err = say(*words, "--json", "--device", "cpu")
    found = json.loads(told)
    assert (status, err) == (0, "")
    assert found["shape"] == [10, 12, 14]
    assert found["files"] == []
    assert set(found["classes"][1]) >= {"label", "class", "voxels", "ml", "dice", "iou"}
    assert 0 <= found["mean_dice"] <= 1


def test_one_class_of_the_probabilities(say: Say, home: Path) -> None:
    out = home / "out.npy"
    words = ("predict", home / "net.yaml", home / "ct.nii.gz", "-o", out, "--class", "bone")
    assert say(*words)[0] == 0
    assert np.load(home / "out-probabilities.npy").shape == (1, 10, 12, 14)
    status, _, err = say(*words[:-1], "bones")
    assert status == 2
    assert "did you mean bone?" in err


def test_values(say: Say, home: Path) -> None:
    document = TEXT.format(task="regress", loss="mse").replace("conv 3 k3", "conv 1 k3")
    (home / "net.yaml").write_text(document, encoding="utf-8")
    words = ("predict", home / "net.yaml", home / "ct.nii.gz", "-o", home / "out.nii")
    assert say(*words)[0] == 0
    assert np.asarray(read_contents(home / "out.nii").array).dtype == np.float32
    assert say(*words, "--table", home / "t.csv")[0] == 2


@pytest.mark.parametrize("moment", ["computing", "writing"])
def test_ctrl_c_leaves_nothing_half_written(
    say: Say, home: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    before = {path.name for path in home.iterdir()}
    monkeypatch.setattr(files, "IN_MEMORY", 100)

    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    if moment == "computing":
        monkeypatch.setattr(dense, "greatest", interrupted)
    else:
        monkeypatch.setattr("nibabel.save", interrupted)
    words = ("predict", home / "net.yaml", home / "ct.nii.gz", "-o", home / "out.nii.gz")
    assert say(*words, "--probabilities")[:2] == (130, "")
    assert {path.name for path in home.iterdir()} == before


def test_mistakes_are_told_before_anything_is_computed(say: Say, home: Path) -> None:
    words = ("predict", home / "net.yaml", home / "ct.nii.gz")
    for more, message in {
        ("-o", "out.png"): "no kind that a prediction can be written to",
        ("-o", home / "none" / "out.nii"): "there is no folder",
        ("-o", home / "none" / "out.json"): "there is no folder",
        ("-o", home / "ct.nii.gz"): "-o names the image itself",
        ("-o", home / "seg.nii.gz", "--labels", home / "seg.nii.gz"): "-o names the labels",
        ("--probabilities",): "--probabilities are written beside -o",
        (
            "--class",
            "bone",
            "-o",
            home / "out.json",
        ): "--class: probabilities are written beside -o",
        ("--memory", "much"): "no size of memory",
        ("--labels", home / "none.nii"): "does not exist",
        ("--table", home / "none" / "t.csv"): "there is no folder",
    }.items():
        status, out, err = say(*words, *more)
        assert (status, out) == (2, "")
        assert message in err
    document = "input: 1x12x14\nnet:\n  - flatten\n  - fc 3\n"
    (home / "flat.yaml").write_text(document, encoding="utf-8")
    status, _, err = say("predict", home / "flat.yaml", home / "ct.nii.gz", "--probabilities")
    assert status == 2
    assert "--probabilities is for networks that end in maps" in err
    status, _, err = say("predict", home / "flat.yaml", home / "ct.nii.gz", "--class", "1")
    assert status == 2
    assert "--class is for networks that end in maps" in err
    out = home / "flat.nii.gz"
    status, _, err = say("predict", home / "flat.yaml", home / "ct.nii.gz", "-o", out)
    assert (status, out.exists()) == (2, False)
    assert "one class per image" in err


def test_a_recording_is_not_written_as_a_picture(say: Say, home: Path) -> None:
    document = "input: 1x?\nnet:\n  - conv 2 k3\ntrain:\n  task: segment\n"
    (home / "sound.yaml").write_text(document, encoding="utf-8")
    np.save(home / "sound.npy", np.zeros(100, np.float32))
    status, out, err = say("predict", home / "sound.yaml", home / "sound.npy", "-o", home / "s.tif")
    assert (status, out) == (2, "")
    assert "let it end in .npy or .zarr" in err


def test_sizes_of_memory() -> None:
    assert parse_bytes("1.5 GiB") == 3 * 2**29
    assert parse_bytes("100kb") == 100 * 2**10
    with pytest.raises(UserError, match="2GB or 500MB"):
        parse_bytes("2 gigs")
