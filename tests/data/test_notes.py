"""What is the same in many files is told once."""

import numpy as np
import pytest

from napari_convnet.data import Note, abdomen, load_examples
from napari_convnet.data.notes import about, joined
from napari_convnet.document import parse

from .dense_documents import examples, told

pytest.importorskip("nibabel")


def test_equal_notes_of_many_files_are_one() -> None:
    same, other = Note("neither form", "warning"), Note("neither form")
    notes = [note for n in range(30) for note in about(f"{n}.nii", [same])]
    found = joined([*about("a.nii", [other]), *notes, *about("3.nii", [same]), Note("the rule")])
    assert [str(note) for note in found] == [
        "a.nii: neither form",
        "30 files: neither form (0.nii, 1.nii, 2.nii and 27 more)",
        "the rule",
    ]
    assert [note.kind for note in found] == ["note", "warning", "note"]
    assert [note.text for note in found] == [str(note) for note in found]


def test_a_run_on_many_scans_says_so(tmp_path) -> None:
    import nibabel

    scan, labels = (np.asarray(each.array)[40:60, 40:64, 40:60] for each in abdomen())
    for n in range(5):
        # Neither s-form nor q-form: nibabel's plain pair of Analyze.
        for kind, array in (("ct", scan.astype(np.int16) + n), ("seg", labels.astype(np.uint8))):
            image = nibabel.Nifti1Image(array, None)
            nibabel.save(image, tmp_path / f"{n}_{kind}.nii")
    found = told(examples("images: *_ct.nii", "labels: *_seg.nii", folder=tmp_path))
    once = [note for note in found if "does not say where it lies" in note]
    assert len(once) == 1
    assert once[0].startswith("10 files: ")
    assert once[0].endswith("(0_ct.nii, 0_seg.nii, 1_ct.nii and 7 more)")


def test_so_does_one_on_recordings(tmp_path) -> None:
    soundfile = pytest.importorskip("soundfile")
    for name in ("low/a.wav", "low/b.wav", "high/c.wav"):
        (tmp_path / "sounds" / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / "sounds" / name, np.zeros((500, 2)), 8000)
    text = "input: 2x500\ndata:\n  images: sounds\n  split: 100/0\nnet:\n  - gap\n  - fc 2\n"
    found = load_examples(parse(text, tmp_path / "document.yaml"))
    assert [str(note) for note in found.notes] == [
        "3 recordings: the recording is silent: all of its values are 0 (high/c.wav, low/a.wav and "
        "low/b.wav)"
    ]
