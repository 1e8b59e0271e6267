"""The door through which napari opens files: real files, through npe2 as napari does it."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel
from npe2 import PluginManager, PluginManifest

from napari_convnet import _layers, _reader, _sample_data
from napari_convnet._upright import SCAN, WORLD, keep_upright
from napari_convnet.data import read_contents, sample_path
from napari_convnet.data.orientation import napari_to_nibabel
from napari_convnet.data.readers import READERS
from napari_convnet.network import UserError

HEAD = sample_path("mri/head_t1.nii.gz")
TISSUES = sample_path("mri/head_tissue.nii.gz")


@pytest.fixture
def manager() -> PluginManager:
    manager = PluginManager()
    manager.register(PluginManifest.from_distribution("napari-convnet"))
    return manager


def opened(path) -> list:
    """Layers as napari makes them of what the reader gives."""
    viewer = ViewerModel()
    for each in _reader.get_reader(str(path))(str(path)):
        viewer._add_layer_from_data(*each)
    return list(viewer.layers)


def dicom_folder(folder: Path, number: int = 1, slices: int = 4) -> Path:
    """Write axial CT slices without suffixes, in no order, 2.5 mm apart."""
    pydicom = pytest.importorskip("pydicom")
    folder.mkdir(exist_ok=True)
    source = pydicom.dcmread(pydicom.data.get_testdata_file("CT_small.dcm"))
    source.SeriesInstanceUID = f"1.2.3.{number}"
    source.SeriesNumber = number
    source.SeriesDescription = f"axial {number}"
    for index in np.random.default_rng(0).permutation(slices):
        source.SOPInstanceUID = f"1.2.3.{number}.{index}"
        source.ImagePositionPatient = [-100.0, -80.0, 10 + 2.5 * int(index)]
        source.InstanceNumber = int(index) + 1
        source.save_as(folder / f"IM{number}{index:03}")
    return folder


# -- who reads what --


@pytest.mark.parametrize(
    "name",
    [
        "head.nii",
        "HEAD.NII.GZ",
        "a.b.nii.gz",
        "x.dcm",
        "x.nrrd",
        "x.mha",
        "x.mhd",
        "x.npy",
        "x.tif",
        "IM0001",
        "I",
        "DICOMDIR",
        "image-without-a-suffix",
        "1.2.840.113619.2.55.3",
        "1.2.840.10008.123456789012",
    ],
)
def test_napari_asks_for_these(manager, name) -> None:
    assert list(manager.iter_compatible_readers([name]))


@pytest.mark.parametrize("name", ["x.png", "x.jpg", "x.JPEG", "movie.mp4", "x.csv", "x.h5"])
def test_napari_does_not_even_ask_for_these(manager, name) -> None:
    assert not list(manager.iter_compatible_readers([name]))
    assert _reader.get_reader(name) is None


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "1", "P", "I;16"])
def test_pictures_open_in_napari_as_they_are_read_here(tmp_path, mode) -> None:
    from napari_builtins.io import napari_get_reader
    from PIL import Image

    # Claimed here too, every PNG of every user of napari would become a question.
    values = np.random.default_rng(0).integers(0, 255, (6, 8, 3), np.uint8)
    image = Image.fromarray(values[..., 0].astype(np.uint16) * 257)
    path = str(tmp_path / "x.png")
    (image if mode == "I;16" else Image.fromarray(values).convert(mode)).save(path)
    ((array, *_),) = napari_get_reader(path)(path)
    np.testing.assert_array_equal(array, read_contents(path).array)


def test_directories_are_offered(manager, tmp_path) -> None:
    assert list(manager.iter_compatible_readers([str(tmp_path)]))
    assert _reader.get_reader(str(tmp_path)) is None
    assert _reader.get_reader(str(dicom_folder(tmp_path / "scan"))) is _reader.read


def test_every_format_but_pictures_is_offered(manager) -> None:
    for key, reader in READERS.items():
        for suffix in reader.suffixes:
            offered = bool(list(manager.iter_compatible_readers([f"x{suffix}"])))
            assert offered == (key != "picture"), suffix


def test_what_is_not_ours_is_left_alone(tmp_path) -> None:
    (tmp_path / "notes").write_text("not DICOM")
    assert _reader.get_reader(str(tmp_path / "notes")) is None
    assert _reader.get_reader([str(HEAD), str(TISSUES)]) is None
    assert _reader.get_reader("https://example.org/x.tif") is None


def test_asking_loads_nothing_heavy() -> None:
    code = (
        "import sys; from napari_convnet import _reader; _reader.get_reader('x.png');"
        "assert 'numpy' not in sys.modules; assert _reader.get_reader('x.nii');"
        "print([m for m in ('torch', 'nibabel', 'pydicom', 'napari', 'SimpleITK')"
        " if m in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


# -- what is opened --


def test_a_scan_and_its_labels_lie_in_one_place() -> None:
    nibabel = pytest.importorskip("nibabel")
    (head,), (tissue,) = opened(HEAD), opened(TISSUES)
    assert (head._type_string, tissue._type_string) == ("image", "labels")
    assert head.name == "head_t1"
    assert head.axis_labels == ("z", "y", "x")
    assert [str(unit) for unit in head.units] == ["millimeter"] * 3
    corners = np.array([[0, 0, 0], [188, 232, 196], [0, 232, 0]])
    for corner in corners:
        np.testing.assert_allclose(head.data_to_world(corner), tissue.data_to_world(corner))
    # The same voxel at the same place as nibabel has it (R, A, S for L, P, S reversed).
    stored = nibabel.load(HEAD)
    place = stored.affine @ [30, 200, 100, 1]
    index = np.round(head.world_to_data([place[2], -place[1], -place[0]])).astype(int)
    assert head.data[tuple(index)] == np.asarray(stored.dataobj)[30, 200, 100]


def test_axes_are_turned_for_display_and_the_metadata_say_how() -> None:
    contents = _reader.layers(HEAD)[0]
    about = contents[1]["metadata"]
    assert about["order"] == (0, 1, 2)
    assert about["flips"] == (False, True, True)
    assert (np.diag(contents[1]["affine"]) > 0).all()
    # Undone, it is the file's own place.
    nibabel = pytest.importorskip("nibabel")
    np.testing.assert_allclose(
        napari_to_nibabel(about["file_affine"]), nibabel.load(HEAD).affine, atol=1e-5
    )


def test_a_sagittal_scan_stands_upright(tmp_path) -> None:
    nibabel = pytest.importorskip("nibabel")
    data = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    # x runs to P, y to S, z to L, with 1, 2 and 3 mm.
    affine = np.array([[0, 0, -3, 5], [-1, 0, 0, 6], [0, 2, 0, 7], [0, 0, 0, 1]], float)
    nibabel.save(nibabel.Nifti1Image(data, affine), tmp_path / "sagittal.nii")
    (layer,) = opened(tmp_path / "sagittal.nii")
    assert layer.data.shape == (3, 2, 4)
    np.testing.assert_allclose(np.diag(layer.affine.affine_matrix), [2, 1, 3, 1])
    assert layer.metadata["order"] == (1, 2, 0)
    for index in np.ndindex(2, 3, 4):
        right, front, top, _ = affine @ [*index, 1]
        found = np.round(layer.world_to_data([top, -front, -right])).astype(int)
        assert layer.data[tuple(found)] == data[index]


def test_dicom_of_all_kinds(tmp_path) -> None:
    folder = dicom_folder(tmp_path / "scan")
    (volume,) = opened(folder)
    assert volume.data.shape == (4, 128, 128)
    np.testing.assert_allclose(volume.affine.affine_matrix[0, 0], 2.5)
    np.testing.assert_allclose(volume.affine.affine_matrix[:3, 3], [10, -80, -100])
    (single,) = opened(folder / "IM1000")
    assert single.data.shape[-2:] == (128, 128)


def test_each_series_of_a_folder_becomes_a_layer(tmp_path, shown) -> None:
    folder = dicom_folder(tmp_path / "scan")
    dicom_folder(folder, number=2, slices=3)
    first, second = opened(folder)
    assert (first.data.shape[0], second.data.shape[0]) == (4, 3)
    assert (first.name[-2:], second.name[-2:]) == ("#1", "#2")
    assert "series #1 of the 2" in shown[0][1]
    (chosen,) = _reader.layers(f"{folder}#2")
    assert chosen[0].shape[0] == 3


def test_a_bad_series_is_told_and_the_others_open(tmp_path, shown) -> None:
    folder = dicom_folder(tmp_path / "scan", slices=6)
    dicom_folder(folder, number=2)
    (folder / "IM1002").unlink()
    (layer,) = opened(folder)
    assert layer.name.endswith("#2")
    assert [text for kind, text in shown if kind == "warning" and "series #1" in text]


def test_tiff_with_its_spacing(tmp_path) -> None:
    from tifffile import imwrite

    path = tmp_path / "stack.tif"
    imwrite(
        path,
        np.zeros((3, 4, 5), np.uint8),
        imagej=True,
        resolution=(4, 4),
        metadata={"axes": "ZYX", "spacing": 2.0, "unit": "um"},
    )
    (layer,) = opened(path)
    np.testing.assert_allclose(np.diag(layer.affine.affine_matrix), [2, 0.25, 0.25, 1])
    assert {str(unit) for unit in layer.units} == {"micrometer"}
    assert WORLD not in layer.metadata


def film(path: Path) -> Path:
    """Write a small volume at three times, 2.5 s apart: NIfTI, TIFF or OME-Zarr."""
    values = np.arange(3 * 4 * 5 * 6, dtype=np.uint16).reshape(3, 4, 5, 6)
    if path.suffix == ".nii":
        nibabel = pytest.importorskip("nibabel")
        image = nibabel.Nifti1Image(values.T, np.diag([-1.0, -1, 2, 1]))
        image.header.set_xyzt_units("mm", "msec")
        image.header["pixdim"][4] = 2500
        nibabel.save(image, path)
    elif path.suffix == ".tif":
        from tifffile import imwrite

        about = {"axes": "TZYX", "spacing": 2.0, "unit": "mm", "finterval": 2.5}
        imwrite(path, values, imagej=True, resolution=(1, 1), metadata=about)
    else:
        zarr = pytest.importorskip("zarr")
        axes = [
            {"name": "t", "unit": "second"},
            *({"name": n, "unit": "millimeter"} for n in "zyx"),
        ]
        scale = {"type": "scale", "scale": [2.5, 2, 1, 1]}
        levels = [{"path": "0", "coordinateTransformations": [scale]}]
        root = zarr.open_group(path, mode="w")
        root.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": levels}]}
        root.create_array("0", data=values)
    return path


@pytest.mark.parametrize("ending", ["nii", "tif", "zarr"])
def test_times_are_seconds(tmp_path, ending) -> None:
    (layer,) = opened(film(tmp_path / f"film.{ending}"))
    assert layer.axis_labels == ("t", "z", "y", "x")
    assert [str(unit) for unit in layer.units] == ["second", *["millimeter"] * 3]
    np.testing.assert_allclose(layer.affine.affine_matrix[0], [2.5, 0, 0, 0, 0])
    np.testing.assert_allclose(layer.extent.step, [2.5, 2, 1, 1])


@pytest.mark.parametrize("ending", ["nrrd", "mha"])
def test_itk(tmp_path, ending) -> None:
    sitk = pytest.importorskip("SimpleITK")
    image = sitk.GetImageFromArray(np.zeros((2, 3, 4), np.int16))
    image.SetSpacing((1, 2, 3))
    sitk.WriteImage(image, str(tmp_path / f"x.{ending}"))
    (layer,) = opened(tmp_path / f"x.{ending}")
    np.testing.assert_allclose(np.diag(layer.affine.affine_matrix), [3, 2, 1, 1])


@pytest.mark.parametrize("shape", [(7,), (4, 5), (3, 4, 5), (4, 5, 3)])
def test_arrays(tmp_path, shape) -> None:
    np.save(tmp_path / "x.npy", np.arange(np.prod(shape), dtype=">f4").reshape(shape))
    (layer,) = opened(tmp_path / "x.npy")
    assert layer.data.size == np.prod(shape)
    assert layer.ndim == max(len(shape), 2)
    assert not layer.rgb


def test_a_lazy_scan_stays_lazy(tmp_path) -> None:
    zarr = pytest.importorskip("zarr")
    array = zarr.create_array(tmp_path / "x.zarr", shape=(4, 5, 6), chunks=(1, 5, 6), dtype="i2")
    array[:] = 1
    (layer,) = opened(tmp_path / "x.zarr")
    assert not isinstance(layer.data, np.ndarray)
    assert layer.name == "x"
    assert layer.data.shape == (4, 5, 6)


# -- what is said --


def test_a_damaged_file_is_a_notification_and_no_layer(tmp_path, shown) -> None:
    path = tmp_path / "cut.nii.gz"
    path.write_bytes(HEAD.read_bytes()[:5000])
    assert _reader.get_reader(str(path))(str(path)) == [(None,)]
    ((kind, text),) = shown
    assert kind == "error"
    assert "cut.nii.gz" in text
    assert "Traceback" not in text


def test_without_a_window_it_is_raised(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(_reader, "is_window", lambda: False)
    (tmp_path / "empty.nii").touch()
    with pytest.raises(UserError, match="empty"):
        _reader.read(str(tmp_path / "empty.nii"))


def test_notes_are_shown_and_kept(tmp_path, shown) -> None:
    nibabel = pytest.importorskip("nibabel")
    image = nibabel.Nifti1Image(np.arange(24, dtype=np.int16).reshape(2, 3, 4), np.eye(4))
    image.set_sform(np.diag([2.0, 2, 2, 1]), 1)
    image.set_qform(np.diag([2.0, 2, 2, 1]) + np.eye(4, k=3) * 60, 1)
    nibabel.save(image, tmp_path / "two.nii")
    (layer,) = opened(tmp_path / "two.nii")
    warned = [text for kind, text in shown if kind == "warning"]
    assert layer.metadata["warnings"]
    assert all(each in warned[0] for each in layer.metadata["warnings"])


# -- heads upright --


def test_superior_is_on_top_where_it_is_vertical() -> None:
    viewer = ViewerModel()
    keep_upright(viewer)
    keep_upright(viewer)
    camera = viewer.scene.camera
    for each in _sample_data.head():
        viewer._add_layer_from_data(*each)
    assert viewer.layers[0].metadata[WORLD] == SCAN
    assert camera.orientation2d[0] == "down"  # axial: the front on top
    for order, vertical in (((1, 0, 2), "up"), ((2, 0, 1), "up"), ((0, 1, 2), "down")):
        viewer.dims.order = order
        assert camera.orientation2d[0] == vertical
    viewer.dims.order = (1, 0, 2)
    viewer.layers.clear()
    assert camera.orientation2d[0] == "down"


def test_pictures_are_left_as_they_are() -> None:
    viewer = ViewerModel()
    keep_upright(viewer)
    viewer.add_image(np.zeros((3, 4, 5)))
    viewer.scene.camera.orientation2d = ("up", "right")
    viewer.dims.order = (1, 0, 2)
    assert viewer.scene.camera.orientation2d[0] == "up"


# -- the samples --


@pytest.mark.parametrize(("name", "classes"), [("head", 3), ("abdomen", 9)])
def test_samples_of_scans(name, classes) -> None:
    viewer = ViewerModel()
    for each in getattr(_sample_data, name)():
        viewer._add_layer_from_data(*each)
    image, labels = viewer.layers
    assert (image._type_string, labels._type_string) == ("image", "labels")
    np.testing.assert_array_equal(image.affine.affine_matrix, labels.affine.affine_matrix)
    assert len(labels.metadata["classes"]) == classes
    assert labels.features["class"][1] == labels.metadata["classes"][1]
    assert {str(unit) for unit in image.units} == {"millimeter"}
    if name == "abdomen":
        assert tuple(image.contrast_limits) == (-160, 240)


def test_samples_of_pictures() -> None:
    viewer = ViewerModel()
    for each in _sample_data.photographs():
        viewer._add_layer_from_data(*each)
    assert len(viewer.layers) == 6
    assert [layer.name for layer in viewer.layers if layer.visible] == ["astronaut"]
    words, faces = _sample_data.faces()
    assert faces[0].shape == (200, 25, 25)
    assert words[1]["features"]["label"][:3].tolist() == ["face", "other", "face"]


def test_the_command_refuses_before_a_window_opens(tmp_path) -> None:
    shutil.copy(HEAD, tmp_path / "head.nii")
    command = [sys.executable, "-m", "napari_convnet", "open", str(tmp_path / "head.nii")]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 2
    assert "rename it to head.nii.gz" in " ".join(told.stderr.split()) or "display" in told.stderr


def test_a_lazy_scan_is_turned_without_being_read(tmp_path) -> None:
    zarr = pytest.importorskip("zarr")
    from napari_convnet.data import Contents

    array = zarr.create_array(tmp_path / "x.zarr", shape=(2, 3, 4), chunks=(1, 3, 4), dtype="i2")
    array[:] = np.arange(24).reshape(2, 3, 4)
    contents = Contents(
        array, affine=np.diag([1.0, -2, 3, 1]), units=("mm",) * 3, axes=("z", "y", "x")
    )
    data, options, _ = _layers.layer(contents)
    assert not isinstance(data, np.ndarray)
    np.testing.assert_array_equal(np.asarray(data), np.asarray(array)[:, ::-1])
    np.testing.assert_allclose(options["affine"] @ [0, 2, 0, 1], [0, 0, 0, 1])


# -- recordings --


def test_a_recording_lies_in_seconds_and_is_high_enough_to_be_seen(tmp_path) -> None:
    soundfile = pytest.importorskip("soundfile")
    tone = np.sin(np.arange(16000) / 20)[:, None] * [0.5, 0.2]
    soundfile.write(tmp_path / "x.wav", tone, 8000)
    (layer,) = opened(tmp_path / "x.wav")
    assert layer.data.shape == (2, 16000)
    assert layer.axis_labels == ("ear", "t")
    assert [str(unit) for unit in layer.units] == ["pixel", "second"]
    np.testing.assert_allclose(layer.data_to_world((0, 8000)), (0, 1))
    low, high = layer.contrast_limits
    assert low == -high
    wide, high = 16000 / 8000, 2 * layer.metadata["ear_scale"]
    assert wide / high == 4
    np.testing.assert_allclose(layer.data_to_world((1, 0)), (high / 2, 0))
    np.testing.assert_array_equal(layer.metadata["file_affine"], np.diag([1, 1 / 8000, 1]))
    assert "0.25 s high" in layer.metadata["drawn"]


def test_a_part_of_a_recording_lies_in_its_place(tmp_path) -> None:
    soundfile = pytest.importorskip("soundfile")
    soundfile.write(tmp_path / "x.wav", np.full((16000, 2), 0.5), 8000)
    (layer,) = opened(f"{tmp_path / 'x.wav'}#1-2")
    assert layer.data.shape == (2, 8000)
    np.testing.assert_allclose(layer.data_to_world((0, 0)), (0, 1))


def test_samples_of_recordings_lie_one_under_the_other() -> None:
    pytest.importorskip("soundfile")
    viewer = ViewerModel()
    for each in _sample_data.recordings():
        viewer._add_layer_from_data(*each)
    assert [layer.data.shape[0] for layer in viewer.layers] == [2, 2, 2]
    scale = viewer.layers[0].metadata["ear_scale"]
    # From the upper edge of the first ear to the lower edge of the last.
    tops = [layer.data_to_world((-0.5, 0))[0] for layer in viewer.layers]
    bottoms = [layer.data_to_world((1.5, 0))[0] for layer in viewer.layers]
    np.testing.assert_allclose(np.subtract(tops[1:], bottoms[:-1]), scale / 2)
    assert all(layer.data_to_world((0, 22050))[1] == 1 for layer in viewer.layers)


def test_a_long_recording_is_drawn_coarser_and_kept_whole(tmp_path) -> None:
    soundfile = pytest.importorskip("soundfile")
    tone = np.sin(np.arange(2_000_000) / 20).astype(np.float32)
    soundfile.write(tmp_path / "x.wav", np.stack([tone, tone / 2], axis=1), 44100)
    (layer,) = opened(tmp_path / "x.wav")
    assert layer.multiscale
    assert [level.shape[0] for level in layer.data] == [2] * len(layer.data)
    assert layer.data[0].shape[1] == 2_000_000
    assert layer.data[-1].shape[1] <= 16384
    np.testing.assert_allclose(layer.data_to_world((0, 44100)), (0, 1))
