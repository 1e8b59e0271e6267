"""Reading as a user meets it: files that napari opens with this plugin."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.utils.notifications import notification_manager
from PIL import Image

from napari_convnet._question import questions
from napari_convnet.data import photograph, write_nifti
from napari_convnet.data.orientation import napari_to_lps, napari_to_nibabel

nibabel = pytest.importorskip("nibabel")
pydicom = pytest.importorskip("pydicom")
sitk = pytest.importorskip("SimpleITK")

# Of scans that lie askew, napari says that its 2D view shows their slices straight.
pytestmark = pytest.mark.filterwarnings("ignore:Non-orthogonal slicing:UserWarning")

PLUGIN = "napari-convnet"
VALUES = np.arange(5 * 4 * 6, dtype=np.int16).reshape(5, 4, 6)


def turned(z: float, x: float) -> np.ndarray:
    """Directions of a scan that lies askew, as rows and columns S, P, L."""
    z, x = np.radians([z, x])
    about_z = np.array([[1, 0, 0], [0, np.cos(z), -np.sin(z)], [0, np.sin(z), np.cos(z)]])
    about_x = np.array([[np.cos(x), -np.sin(x), 0], [np.sin(x), np.cos(x), 0], [0, 0, 1]])
    return about_z @ about_x


def affine_of(directions: np.ndarray) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = directions * [2.5, 0.5, 0.75]
    affine[:3, 3] = [30, -20, -10]
    return affine


OBLIQUE = affine_of(turned(20, 8))
# Rows of pixels run to the right and to the front, slices down.
MIRRORED = affine_of(turned(3, -5) @ np.diag([-1.0, -1, -1]))


def dicom(folder: Path, affine: np.ndarray, skip=(), **elements) -> Path:
    """Write slices of `VALUES` in no order, without suffixes; the thickness is not the distance."""
    folder.mkdir(parents=True, exist_ok=True)
    matrix = affine[2::-1][:, [2, 1, 0, 3]]
    spacing = np.linalg.norm(matrix[:, :2], axis=0)
    for index in np.random.default_rng(0).permutation(len(VALUES)):
        if index in skip:
            continue
        slice_ = pydicom.dcmread(pydicom.data.get_testdata_file("CT_small.dcm"))
        slice_.SOPInstanceUID = f"1.2.3.{index}"
        slice_.ImagePositionPatient = [f"{v:.9f}" for v in matrix[:, 3] + index * matrix[:, 2]]
        directions = (matrix[:, :2] / spacing).T.ravel()
        slice_.ImageOrientationPatient = [f"{v:.12f}" for v in directions]
        slice_.PixelSpacing = [f"{v:.9f}" for v in spacing[::-1]]
        slice_.SliceThickness = "3"
        slice_.RescaleSlope, slice_.RescaleIntercept = 1, -1024
        slice_.Rows, slice_.Columns = VALUES.shape[1:]
        slice_.PixelData = VALUES[index].tobytes()
        for name, value in elements.items():
            setattr(slice_, name, value)
        slice_.save_as(folder / f"IM{index:03}")
    return folder


def itk(path: Path, affine: np.ndarray) -> Path:
    image = sitk.GetImageFromArray(VALUES)
    direction, spacing, origin = napari_to_lps(affine)
    image.SetDirection(direction.ravel())
    image.SetSpacing(spacing)
    image.SetOrigin(origin)
    sitk.WriteImage(image, str(path))
    return path


def nifti(path: Path, affine: np.ndarray) -> Path:
    nibabel.save(nibabel.Nifti1Image(VALUES.T, napari_to_nibabel(affine)), path)
    return path


FORMATS: dict[str, Callable[[Path, np.ndarray], Path]] = {
    "nii.gz": lambda folder, affine: nifti(folder / "scan.nii.gz", affine),
    "hdr and img": lambda folder, affine: nifti(folder / "scan.img", affine),
    "own nifti": lambda folder, affine: (
        write_nifti(folder / "own.nii", VALUES, affine) or folder / "own.nii"
    ),
    "nrrd": lambda folder, affine: itk(folder / "scan.nrrd", affine),
    "mha": lambda folder, affine: itk(folder / "scan.mha", affine),
    "dicom": lambda folder, affine: dicom(folder / "scan", affine),
}


@pytest.fixture(autouse=True)
def registered() -> None:
    """Let napari know this plugin: its tests begin without any."""
    from npe2 import PluginManager, PluginManifest

    manager = PluginManager.instance()
    if PLUGIN not in manager:
        manager.register(PluginManifest.from_distribution(PLUGIN))


def opened(path: Path) -> list:
    """Open a file as drag and drop does, with this plugin chosen."""
    viewer = ViewerModel()
    viewer.open(path, plugin=PLUGIN)
    return list(viewer.layers)


@pytest.mark.parametrize("affine", [OBLIQUE, MIRRORED], ids=["oblique", "mirrored"])
@pytest.mark.parametrize("form", FORMATS)
def test_a_scan_lies_in_one_place_in_every_format(tmp_path, form, affine) -> None:
    (layer,) = opened(FORMATS[form](tmp_path, affine))
    assert layer.axis_labels == ("z", "y", "x")
    assert {str(unit) for unit in layer.units} == {"millimeter"}
    # Hounsfield units of the values as stored.
    stored = np.asarray(layer.data) + (1024 if form == "dicom" else 0)
    for index in [(0, 0, 0), (4, 3, 5), (1, 2, 3), (3, 0, 4)]:
        ((*found,),) = np.argwhere(stored == VALUES[index])
        place = (affine @ [*index, 1])[:3]
        np.testing.assert_allclose(layer.data_to_world(found), place, atol=1e-4)


def series_after_series(folder: Path, count: int) -> Path:
    for number in range(1, count + 1):
        dicom(
            folder / f"{number}",
            np.diag([2.0, 1, 1, 1]),
            SeriesInstanceUID=f"1.2.{number}",
            SeriesNumber=number,
            SeriesDescription=f"scan {number}",
        )
    return folder


def forms_apart(path: Path) -> Path:
    image = nibabel.Nifti1Image(VALUES.T, np.eye(4))
    image.set_sform(np.diag([-1.0, -1, 1, 1]), 1)
    image.set_qform(np.diag([-1.0, -1, 1, 1]) + np.eye(4, k=3) * 60, 1)
    nibabel.save(image, path)
    return path


def sheared(path: Path) -> Path:
    affine = np.diag([2.0, 1, 1, 1])
    affine[2, 1] = 0.2
    return nifti(path, affine)


def tilted(folder: Path) -> Path:
    """Slices across the body's axis whose gantry leant by 15 degrees."""
    affine = np.diag([2.0, 1, 1, 1])
    affine[1, 0] = 2 * np.tan(np.radians(15))
    return dicom(folder, affine)


def no_form(path: Path) -> Path:
    image = nibabel.Nifti1Image(VALUES.T, None)
    nibabel.save(image, path)
    return path


ODD = {
    "two forms": (lambda f: forms_apart(f / "a.nii"), "warning", "up to 60 mm apart"),
    "no form": (lambda f: no_form(f / "a.nii"), "warning", "neither s-form nor q-form"),
    "shear": (lambda f: sheared(f / "a.nii"), "warning", "sheared by 11.3 degrees"),
    "gantry": (lambda f: tilted(f / "a"), "note", "slide along each other by 15.0 degrees"),
    "thickness": (lambda f: dicom(f / "a", OBLIQUE), "note", "tilted by"),
    "several series": (lambda f: series_after_series(f / "a", 2), "note", "series #1 of the 2"),
}


@pytest.mark.parametrize("odd", ODD)
def test_what_is_odd_is_said(tmp_path, odd) -> None:
    make, kind, words = ODD[odd]
    told = opened(make(tmp_path))[0].metadata
    assert words in " ".join(told["warnings"] if kind == "warning" else told["notes"])


def test_the_headers_of_a_folder_are_read_once(tmp_path, monkeypatch) -> None:
    folder = series_after_series(tmp_path / "a", 3)
    read, real = [], pydicom.dcmread

    def count(file, *args, stop_before_pixels=False, **kwargs):
        read.append(stop_before_pixels)
        return real(file, *args, stop_before_pixels=stop_before_pixels, **kwargs)

    monkeypatch.setattr(pydicom, "dcmread", count)
    assert len(opened(folder)) == 3
    assert read.count(True) == 3 * len(VALUES)


# -- folders of images --


def pictures(folder: Path, count: int = 11, **more) -> Path:
    folder.mkdir(parents=True)
    for number in range(count):
        part = photograph("camera")[number : number + 30, :40]
        Image.fromarray(part).save(folder / f"s{number}.png")
    return folder


def test_a_folder_of_slices_is_a_stack_in_the_order_of_numbers(tmp_path) -> None:
    folder = pictures(tmp_path / "a")
    (folder / "notes.txt").write_text("left hind leg")
    (layer,) = opened(folder)
    camera = photograph("camera")
    np.testing.assert_array_equal(layer.data, [camera[i : i + 30, :40] for i in range(11)])
    assert "s0.png to s10.png" in layer.metadata["notes"][0]
    assert "left out: notes.txt" in layer.metadata["notes"][1]


def test_a_large_folder_is_read_as_it_is_looked_at(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("napari_convnet.data.stacks.IN_MEMORY", 1000)
    (layer,) = opened(pictures(tmp_path / "a"))
    assert not isinstance(layer.data, np.ndarray)
    camera = photograph("camera")
    np.testing.assert_array_equal(layer.data[3, 1:, ::2], camera[4:33, :40:2])
    np.testing.assert_array_equal(np.asarray(layer.data)[-1], camera[10:40, :40])


def test_a_folder_per_class_says_which_is_which(tmp_path) -> None:
    for name in ("cat", "dog"):
        pictures(tmp_path / "a" / name, 2)
    words, images = opened(tmp_path / "a")
    assert images.data.shape == (4, 30, 40)
    assert images.metadata["labels"].tolist() == [0, 0, 1, 1]
    assert list(words.features["label"]) == ["cat", "cat", "dog", "dog"]


def test_a_folder_of_masks_holds_labels(tmp_path) -> None:
    for name in ("image", "masks"):
        pictures(tmp_path / name, 3)
    (image,), (masks,) = opened(tmp_path / "image"), opened(tmp_path / "masks")
    assert (image._type_string, masks._type_string) == ("image", "labels")


# -- what needs the user's word --


def test_uneven_slices_are_a_question_in_the_window(make_napari_viewer_proxy, tmp_path) -> None:
    viewer = make_napari_viewer_proxy()
    folder = dicom(tmp_path / "a", np.diag([2.0, 1, 1, 1]), skip={2})
    viewer.open(folder, plugin=PLUGIN)
    assert not viewer.layers
    (question,) = questions(viewer)
    assert "1 slice is missing of 5: 1 between slices 2 and 3" in question.text
    assert "If you agree, the slices are read as if evenly spaced." in question.text
    question.accept()
    (layer,) = viewer.layers
    assert layer.data.shape[0] == 4
    assert "read as if evenly spaced" in layer.metadata["warnings"][0]
    assert not questions(viewer)


def test_the_other_of_two_places_is_a_button_of_the_warning(
    make_napari_viewer_proxy, tmp_path
) -> None:
    viewer = make_napari_viewer_proxy()
    viewer.open(forms_apart(tmp_path / "a.nii"), plugin=PLUGIN)
    told = notification_manager.records[-1]
    ((button, press),) = told.actions
    assert (str(told.severity), button) == ("warning", "Open it by its q-form")
    press(None)
    first, second = (layer.data_to_world((0, 0, 0)) for layer in viewer.layers)
    np.testing.assert_allclose(np.abs(np.subtract(first, second)), [0, 0, 60])


def test_a_question_can_be_left(make_napari_viewer_proxy, tmp_path) -> None:
    viewer = make_napari_viewer_proxy()
    viewer.open(dicom(tmp_path / "a", np.diag([2.0, 1, 1, 1]), skip={2}), plugin=PLUGIN)
    (question,) = questions(viewer)
    question.reject()
    assert not viewer.layers
    assert not questions(viewer)


def test_of_many_series_some_are_chosen(make_napari_viewer_proxy, tmp_path) -> None:
    viewer = make_napari_viewer_proxy()
    viewer.open(series_after_series(tmp_path / "a", 9), plugin=PLUGIN)
    assert not viewer.layers
    (question,) = questions(viewer)
    assert "holds 9 series" in question.text
    assert '"scan 8" (5 of 4x6, axial, CT)' in question.boxes[7].text()
    for number in (1, 7):
        question.boxes[number].setChecked(True)
    question.accept()
    assert [layer.name for layer in viewer.layers] == ["a scan 2", "a scan 8"]
