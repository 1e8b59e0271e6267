"""What ships: digits, faces, photographs, the worked examples; and how little importing costs."""

import subprocess
import sys
from pathlib import Path
from typing import Literal, get_origin

import numpy as np
import pytest

import napari_convnet.data
from napari_convnet.data import (
    ORGANS,
    PHOTOGRAPHS,
    RECORDINGS,
    TISSUES,
    abdomen,
    bump,
    digits,
    faces,
    head,
    line,
    photograph,
    recordings,
    sample_path,
    samples,
)
from napari_convnet.network.problems import UserError


def test_digits_are_500_of_each_in_order() -> None:
    images, labels = digits()
    assert (images.shape, images.dtype) == ((5000, 28, 28), np.uint8)
    np.testing.assert_array_equal(labels, np.repeat(np.arange(10), 500))


def test_faces_are_those_of_scikit_image() -> None:
    from skimage.data import lfw_subset

    images, labels = faces()
    np.testing.assert_array_equal(images, lfw_subset())
    assert labels.tolist() == [1] * 100 + [0] * 100


@pytest.mark.parametrize(("load", "classes"), [(head, TISSUES), (abdomen, ORGANS)])
def test_scans_and_their_labels_lie_in_one_place(load, classes) -> None:
    image, labels = load()
    assert labels.labels
    assert not image.labels
    np.testing.assert_array_equal(image.affine, labels.affine)
    assert image.array.shape == labels.array.shape
    assert image.axes == labels.axes == ("z", "y", "x")
    assert image.units == ("mm",) * 3
    assert dict(labels.names) == dict(enumerate(classes))
    assert np.unique(labels.array).tolist() == list(range(len(classes)))


def test_the_liver_is_on_the_right_and_bone_is_dense() -> None:
    image, labels = abdomen()
    left = {}
    for value in (ORGANS.index("liver"), ORGANS.index("spleen")):
        centre = np.argwhere(labels.array == value).mean(axis=0)
        left[ORGANS[value]] = (image.affine @ [*centre, 1])[2]
    assert left["liver"] < left["spleen"]
    bone = image.array[labels.array == ORGANS.index("bone")]
    assert bone.mean() > 150


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_photographs_load_without_a_download(name: str, monkeypatch) -> None:
    def refuse(*_args, **_kwargs):
        raise AssertionError("nothing may be downloaded")

    monkeypatch.setattr("socket.socket.connect", refuse)
    picture = photograph(name)
    kind = "RGB" if picture.ndim == 3 else "gray"
    size = f"{picture.shape[0]}x{picture.shape[1]}"
    assert picture.dtype == np.uint8
    assert PHOTOGRAPHS[name].endswith(f"{kind} {size}")


def test_camera_is_the_one_that_everybody_knows() -> None:
    from skimage.data import camera

    np.testing.assert_array_equal(photograph("camera"), camera())


def test_unknown_photograph() -> None:
    with pytest.raises(UserError, match=r"there is no photograph camra; did you mean camera\?"):
        photograph("camra")


def test_worked_examples_of_the_textbook() -> None:
    assert bump().tolist() == [0, 0, 0, 1, 1, 0, 0, 0]
    assert np.convolve(bump(), [0, 1, 0], "valid").tolist() == [0, 0, 1, 1, 0, 0]
    assert line().shape == (8, 8)
    assert (line() == bump()).all()


def test_sample_files_are_found_in_a_checkout_and_in_a_package(tmp_path: Path, monkeypatch) -> None:
    assert sample_path("digits/digits.npz").is_file()
    with pytest.raises(UserError, match=r"no sample digits/nothing\.npz"):
        sample_path("digits/nothing.npz")
    installed = tmp_path / "site-packages" / "napari_convnet"
    (installed / "sample_data").mkdir(parents=True)
    (installed / "sample_data" / "a.txt").touch()
    monkeypatch.setattr(samples, "files", lambda _name: installed)
    assert sample_path("a.txt") == installed / "sample_data" / "a.txt"


def test_importing_the_room_loads_no_heavy_library() -> None:
    code = (
        "import sys, napari_convnet.data\n"
        "print([m for m in ('torch', 'napari', 'qtpy', 'skimage', 'scipy', 'PIL', 'tifffile')"
        " if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_public_names_exist_and_have_docstrings() -> None:
    for name in napari_convnet.data.__all__:
        value = getattr(napari_convnet.data, name)
        # A list of words, such as the parts of data, is told below its definition.
        assert value.__doc__ or name.isupper() or get_origin(value) is Literal


@pytest.mark.parametrize(
    ("kind", "count", "ears"),
    [("ambient", 10, 2), ("bass", 7, 2), ("beat", 12, 2), ("sources", 8, 1)],
)
def test_recordings(kind, count, ears) -> None:
    pytest.importorskip("soundfile")
    found = recordings(kind)
    assert len(found) == count
    assert [each.name for each in found] == sorted(each.name for each in found)
    for each in found:
        assert each.array.shape[0] == ears
        assert 0 < each.array.shape[1] <= 4 * 22050
        assert each.affine[1, 1] == 1 / 22050
        assert [note for note in each.notes if "mono" not in note.text] == []
    assert kind in RECORDINGS


def test_recordings_of_no_kind() -> None:
    with pytest.raises(UserError, match=r"no recordings beats; did you mean beat\?"):
        recordings("beats")
