"""What a document accepts: files that are read only if someone says so, through every door."""

import re
from pathlib import Path

import numpy as np
import pytest

from napari_convnet import cli
from napari_convnet.data import dicom, itk, load_examples, read_contents, write_nifti
from napari_convnet.data.nifti import place
from napari_convnet.data.sound import reading as sound
from napari_convnet.document import parse, vocabulary
from napari_convnet.network import UserError
from napari_convnet.training import Run, predict

HOW = "accept: uneven in data:; --accept uneven on the command line"


@pytest.fixture
def folder(tmp_path: Path, new_series) -> Path:
    """A series that lacks a slice, and labels for the slices that there are."""
    series = new_series(count=8, size=(8, 8))
    (tmp_path / "scan").mkdir()
    series.write(tmp_path / "scan")
    (tmp_path / "scan" / "4.dcm").unlink()
    found = read_contents(tmp_path / "scan", accept={"uneven"})
    labels = (np.asarray(found.array) > np.median(found.array)).astype(np.uint8)
    write_nifti(tmp_path / "labels.nii.gz", labels, found.affine, labels=True)
    return tmp_path


def document(folder: Path, accept: str = ""):
    text = f"""input: 1x7x8x8
data:
  images: scan
  labels: labels.nii.gz
{accept}
  split: 100/0
net:
  - out: conv 2 k1
train:
  task: segment
"""
    (folder / "net.yaml").write_text(text, encoding="utf-8")
    return parse(text, folder / "net.yaml")


def test_a_refusal_names_the_key_that_accepts_it(folder) -> None:
    with pytest.raises(UserError) as caught:
        load_examples(document(folder))
    assert "1 slice is missing of 8" in str(caught.value)
    assert str(caught.value).endswith(
        f'find the missing files, or accept "uneven" to read the slices as if evenly spaced ({HOW})'
    )


def test_a_document_says_what_it_accepts(folder) -> None:
    pipeline = document(folder, "  accept: uneven")
    assert pipeline.data.accept == ("uneven",)
    examples = load_examples(pipeline)
    assert examples.scans[0].size == (7, 8, 8)
    assert any("read as if evenly spaced" in str(note) for note in examples.notes)


def test_a_prediction_accepts_what_the_document_does(folder) -> None:
    with pytest.raises(UserError, match="accept: uneven in data:"):
        predict(document(folder), folder / "scan")
    found = predict(document(folder, "  accept: uneven"), folder / "scan")
    assert found.labels.shape == (7, 8, 8)


@pytest.mark.parametrize(("command", "output"), [("maps", "maps"), ("predict", "out.nii.gz")])
def test_so_does_the_command_line(folder, capsys, command, output) -> None:
    document(folder)
    order = [command, str(folder / "net.yaml"), str(folder / "scan"), "-o", str(folder / output)]
    assert cli.main(order) == 2
    assert HOW in capsys.readouterr().err
    assert cli.main([*order, "--accept", "uneven"]) == 0
    document(folder, "  accept: [uneven, duplicates]")
    assert cli.main([*order, "--json"]) == 0


def test_training_and_measuring_do_too_and_the_run_says_so(folder, capsys) -> None:
    document(folder)
    order = ["train", str(folder / "net.yaml"), "--run", str(folder / "run")]
    assert cli.main([*order, "--set", "train.epochs=1"]) == 2
    assert HOW in capsys.readouterr().err
    assert cli.main([*order, "--set", "train.epochs=1", "--accept", "uneven"]) == 0
    assert Run(folder / "run").pipeline.data.accept == ("uneven",)
    given = [str(folder / "scan"), "--labels", str(folder / "labels.nii.gz")]
    for trained, words in (("run", []), ("net.yaml", ["--accept", "uneven"])):
        assert cli.main(["evaluate", str(folder / trained), *given, *words]) == 0
    capsys.readouterr()
    assert cli.main(["evaluate", str(folder / "net.yaml"), *given]) == 2
    assert HOW in capsys.readouterr().err


@pytest.mark.parametrize("command", ["predict", "evaluate", "open"])
def test_words_that_nobody_knows_are_refused(folder, capsys, command) -> None:
    document(folder)
    words = [command, str(folder / "net.yaml"), str(folder / "scan"), "--accept", "unevn"]
    assert cli.main(words) == 2
    assert capsys.readouterr().err == (
        'nothing is called "unevn" that could be accepted; did you mean uneven?\n'
    )


def test_the_words_are_those_of_the_readers() -> None:
    said = Path(dicom.__file__).parent.joinpath("messages.py").read_text(encoding="utf-8")
    words = set(re.findall(r'^ {8}"(\w+)",$', said, re.MULTILINE))
    assert {*words, itk.UNEVEN, place.Q_FORM, sound.DAMAGED} == set(vocabulary.ACCEPTED)
