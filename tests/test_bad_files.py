"""Files that are no good, and the literal message that the readers and napari's window have."""

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tifffile import imwrite

from napari_convnet import _reader
from napari_convnet.cli import main
from napari_convnet.data import photograph, read_contents
from napari_convnet.network import UserError

nibabel = pytest.importorskip("nibabel")
pydicom = pytest.importorskip("pydicom")
sitk = pytest.importorskip("SimpleITK")
soundfile = pytest.importorskip("soundfile")
zarr = pytest.importorskip("zarr")

VALUES = np.arange(6 * 7 * 8, dtype=np.int16).reshape(6, 7, 8)


def nifti(name: str, values: np.ndarray = VALUES, above: float = 0.0) -> bytes:
    affine = np.diag([-2.0, -2, 3, 1])
    affine[2, 3] = above
    image = nibabel.Nifti1Image(values.T, affine)
    image.header.set_xyzt_units("mm")
    nibabel.save(image, name)
    return Path(name).read_bytes()


def itk(name: str) -> bytes:
    sitk.WriteImage(sitk.GetImageFromArray(VALUES), name)
    return Path(name).read_bytes()


def sound(name: str, ears: int = 2) -> bytes:
    tone = np.sin(np.arange(8000) / 9)[:, None] * np.linspace(0.2, 0.7, ears)
    soundfile.write(name, tone, 8000)
    return Path(name).read_bytes()


def dicom(name: str) -> bytes:
    return Path(pydicom.data.get_testdata_file("CT_small.dcm")).read_bytes()


def picture(name: str) -> bytes:
    Image.fromarray(photograph("camera")[:64, :64]).save(name)
    return Path(name).read_bytes()


def array(name: str) -> bytes:
    np.save(name, VALUES)
    return Path(name).read_bytes()


def tiff(name: str) -> bytes:
    imwrite(name, VALUES)
    return Path(name).read_bytes()


def cut(make: Callable[[str], bytes], name: str, size: int) -> None:
    Path(name).write_bytes(make(name)[:size])


def renamed(make: Callable[[str], bytes], made: str, name: str) -> None:
    content = make(made)
    Path(made).unlink(missing_ok=True)
    Path(name).write_bytes(content)


def flipped(name: str) -> None:
    """One bit of the checksum of the packed voxels: which is wrong cannot be told."""
    content = bytearray(gzip.compress(nifti("a.nii")))
    content[-8] ^= 4
    Path(name).write_bytes(content)


def folder(name: str) -> None:
    Path(name).mkdir()
    for number, width in enumerate((8, 8, 9)):
        Image.new("L", (width, 8)).save(f"{name}/{number}.png")


def store(name: str, damage: Callable[[Path], object]) -> None:
    image = zarr.open_group(name, mode="w", zarr_format=2)
    image.create_array("0", shape=(4, 5), dtype="i2", chunks=(4, 5))[:] = 1
    axes = [{"name": axis, "type": "space"} for axis in "yx"]
    scale = [{"type": "scale", "scale": [1, 1]}]
    level = {"path": "0", "coordinateTransformations": scale}
    image.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": [level]}]
    damage(Path(name))


REFUSED: dict[str, tuple[str, Callable[[], object], str]] = {
    "cut NIfTI": (
        "a.nii",
        lambda: cut(nifti, "a.nii", 500),
        "a.nii is cut short or damaged: its header promises 8x7x6 voxels (672 bytes),"
        " and the file has 500 bytes; copy it again",
    ),
    "cut NIfTI header": (
        "a.nii",
        lambda: cut(nifti, "a.nii", 200),
        "a.nii is cut short: it has 200 bytes, and a NIfTI header alone has 348; copy it again",
    ),
    "cut packed NIfTI": (
        "a.nii.gz",
        lambda: cut(nifti, "a.nii.gz", 150),
        "a.nii.gz cannot be read: it is damaged, cut short, or not NIfTI (Compressed "
        "file ended before the end-of-stream marker was reached); open it elsewhere "
        "and save it again",
    ),
    "corrupt packed NIfTI": (
        "a.nii.gz",
        lambda: flipped("a.nii.gz"),
        "a.nii.gz cannot be read: it is damaged, cut short, or not NIfTI (CRC check "
        "failed 0xfd6bbac9 != 0xfd6bbacd); open it elsewhere and save it again",
    ),
    "cut DICOM": (
        "a.dcm",
        lambda: cut(dicom, "a.dcm", 20000),
        "a.dcm is cut short: it holds 20,000 bytes of its 32,768 bytes of pixels; "
        "copy it again from where it came from",
    ),
    "cut DICOM header": (
        "a.dcm",
        lambda: cut(dicom, "a.dcm", 400),
        "a.dcm cannot be read: it is damaged, cut short, or not DICOM (it holds "
        "neither a picture nor another object); copy it again from where it came from",
    ),
    "cut NRRD": (
        "a.nrrd",
        lambda: cut(itk, "a.nrrd", 400),
        "a.nrrd cannot be read: it is damaged, cut short, or not NRRD or MetaImage "
        "(fread got only 53 2-sized things, not 336 (15.7738% of expected)); open it "
        "elsewhere and save it again",
    ),
    "cut MHA": (
        "a.mha",
        lambda: cut(itk, "a.mha", 500),
        "a.mha is cut short: the header promises 672 bytes of voxels, and the file "
        "has 500 bytes; copy it again",
    ),
    "cut TIFF": (
        "a.tif",
        lambda: cut(tiff, "a.tif", 200),
        "a.tif cannot be read: it is damaged, cut short, or not TIFF (failed to read "
        "112 bytes, got 0); open it elsewhere and save it again",
    ),
    "cut PNG in a folder": (
        "a",
        lambda: (os.mkdir("a"), cut(picture, "a/1.png", 200)),
        "a/1.png cannot be read: it is damaged, cut short, or not an image (image "
        "file is truncated); open it elsewhere and save it again",
    ),
    "cut .npy": (
        "a.npy",
        lambda: cut(array, "a.npy", 200),
        "a.npy cannot be read: it is damaged, cut short, or not .npy (Failed to read "
        "all data for array. Expected (6, 7, 8) = 336 elements, could only read 36 "
        "elements. (file seems not fully written?)); open it elsewhere and save it "
        "again",
    ),
    "cut WAV": (
        "a.wav",
        lambda: cut(sound, "a.wav", 9000),
        "a.wav is cut short: 23,044 bytes of its sound are missing; copy it again, or"
        ' accept "damaged" to read what there is of it (accept: damaged in data:; --accept damaged '
        "on the command line)",
    ),
    "cut FLAC": (
        "a.flac",
        lambda: cut(sound, "a.flac", 3000),
        "a.flac cannot be read: it is damaged, cut short, or not WAV, FLAC or OGG "
        "(flac decoder lost sync); open it elsewhere and save it again",
    ),
    "cut OGG": (
        "a.ogg",
        lambda: cut(sound, "a.ogg", -300),
        "a.ogg is cut short: its last page is missing; copy it again, or accept "
        '"damaged" to read what there is of it (accept: damaged in data:; --accept damaged '
        "on the command line)",
    ),
    "corrupt OME-Zarr": (
        "a.zarr",
        lambda: store("a.zarr", lambda p: (p / ".zattrs").write_text("{")),
        "a.zarr/.zattrs is damaged: it is no JSON text of the form that zarr writes; "
        "copy the directory again",
    ),
    "OME-Zarr without its level": (
        "a.zarr",
        lambda: store("a.zarr", lambda p: (p / "0").rename(p / "1")),
        "a.zarr is not whole: the level 0 is missing; copy it again",
    ),
    "OME-Zarr of scale 0": (
        "a.zarr",
        lambda: store(
            "a.zarr",
            lambda p: (p / ".zattrs").write_text((p / ".zattrs").read_text().replace("1,", "0,")),
        ),
        "a.zarr has no usable place: it has a scale of 0, or numbers that are none",
    ),
    "nothing": (
        "a.nii",
        lambda: Path("a.nii").touch(),
        "a.nii is empty (0 bytes); name a file with an image in it",
    ),
    "a PNG picture called NIfTI": (
        "a.nii",
        lambda: renamed(picture, "a.png", "a.nii"),
        "a.nii is not NIfTI but a PNG picture; give it its right ending",
    ),
    "a DICOM file called NIfTI": (
        "a.nii",
        lambda: renamed(dicom, "a.dcm", "a.nii"),
        "a.nii is not NIfTI but a DICOM file; give it its right ending",
    ),
    "packed, and not called so": (
        "a.nii",
        lambda: renamed(nifti, "a.nii.gz", "a.nii"),
        "a.nii is compressed (gzip), which its name denies; rename it to a.nii.gz",
    ),
    "not packed, and called so": (
        "a.nii.gz",
        lambda: renamed(nifti, "a.nii", "a.nii.gz"),
        "a.nii.gz is not compressed, which its name denies; rename it to a.nii",
    ),
    "a text called DICOM": (
        "a.dcm",
        lambda: Path("a.dcm").write_text("left hind leg"),
        "a.dcm cannot be read: it is damaged, cut short, or not DICOM (it holds "
        "neither a picture nor another object); copy it again from where it came from",
    ),
    "a WAV file called FLAC": (
        "a.flac",
        lambda: renamed(sound, "a.wav", "a.flac"),
        "a.flac is a WAV file; rename it to a.wav",
    ),
    "a picture called NRRD": (
        "a.nrrd",
        lambda: renamed(picture, "a.png", "a.nrrd"),
        "a.nrrd is damaged, or not an NRRD file: it does not begin as one; copy it again",
    ),
    "a NIfTI file called MHA": (
        "a.mha",
        lambda: renamed(nifti, "a.nii", "a.mha"),
        "a.mha is damaged, or not a MetaImage file: its header does not say how many "
        "voxels there are; copy it again",
    ),
    "a text called TIFF": (
        "a.tif",
        lambda: Path("a.tif").write_text("left hind leg"),
        "a.tif cannot be read: it is damaged, cut short, or not TIFF (not a TIFF "
        "file: header=b'left'); open it elsewhere and save it again",
    ),
    "several arrays": (
        "a.npy",
        lambda: (np.savez("b.npz", VALUES), os.rename("b.npz", "a.npy")),
        "a.npy holds several arrays (.npz); save the image alone as .npy",
    ),
    "images of several sizes": (
        "a",
        lambda: folder("a"),
        "the images of a differ in size: 0.png is 8x8, 2.png 8x9; bring them to one "
        "size, or open them one by one",
    ),
}

TOLD: dict[str, tuple[str, Callable[[], object], str]] = {
    "NaN and infinite voxels": (
        "a.nii",
        lambda: nifti(
            "a.nii",
            np.where(VALUES < 2, np.nan, np.where(VALUES > 330, np.inf, VALUES)).astype("f4"),
        ),
        "7 of its 336 values are NaN or infinite: networks refuse them until they are replaced",
    ),
    "nothing but NaN": (
        "a.nii",
        lambda: nifti("a.nii", np.full((3, 4, 5), np.nan, "f4")),
        "none of its 60 values is a finite number",
    ),
    "NaN in .npy": (
        "a.npy",
        lambda: np.save("a.npy", np.where(VALUES > 5, VALUES, np.nan)),
        "6 of its 336 values are NaN or infinite: networks refuse them until they are replaced",
    ),
    "a constant scan": (
        "a.nii.gz",
        lambda: nifti("a.nii.gz", VALUES * 0 + 7),
        "all of its values are 7: there is nothing to see",
    ),
    "a constant TIFF": (
        "a.tif",
        lambda: imwrite("a.tif", np.full((8, 8), 7, "u1")),
        "all of its values are 7: there is nothing to see",
    ),
    "one slice": (
        "a.nii",
        lambda: nifti("a.nii", VALUES[:1]),
        "the volume is a single slice: a network for volumes sees nothing above and below it",
    ),
    "one slice of MHA": (
        "a.mha",
        lambda: sitk.WriteImage(sitk.GetImageFromArray(VALUES[:1]), "a.mha"),
        "the volume is a single slice: a network for volumes sees nothing above and below it",
    ),
    "values beyond 24 bits": (
        "a.npy",
        lambda: np.save("a.npy", VALUES.astype("i8") * 2**20),
        "its values go from 0 to 351,272,960: networks compute with 32-bit floats, "
        "which hold whole numbers exactly up to 16,777,216",
    ),
    "mono": (
        "a.wav",
        lambda: sound("a.wav", 1),
        "the recording is mono: from one ear nobody can tell a direction",
    ),
    "silence": (
        "a.wav",
        lambda: soundfile.write("a.wav", np.zeros((800, 2)), 8000),
        "the recording is silent: all of its values are 0",
    ),
}


@pytest.fixture(autouse=True)
def empty_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("wrong", REFUSED)
def test_what_is_refused(shown, wrong) -> None:
    name, make, message = REFUSED[wrong]
    make()
    with pytest.raises(UserError) as caught:
        read_contents(name)
    assert str(caught.value) == message
    assert _reader.get_reader(name)(name) == [(None,)]
    assert shown == [("error", message)]


@pytest.mark.parametrize("odd", TOLD)
def test_what_is_read_and_told(shown, odd) -> None:
    name, make, message = TOLD[odd]
    make()
    assert [str(note) for note in read_contents(name).notes] == [message]
    ((_, options, _),) = _reader.get_reader(name)(name)
    ((_, text),) = shown
    assert text == f"{options['name']}: {message}"


def test_a_scan_of_complex_numbers_is_no_layer(shown) -> None:
    np.save("a.npy", VALUES * 1j)
    assert _reader.read("a.npy") == [(None,)]
    assert shown == [
        (
            "error",
            "a.npy holds complex numbers; take their size, numpy.abs(image), or one part of them",
        )
    ]


@pytest.mark.skipif(os.name == "nt", reason="no sparse files")
def test_an_hour_is_opened_and_ten_are_refused(shown, tmp_path) -> None:
    sound("a.wav")
    header = bytearray(Path("a.wav").read_bytes()[:44])
    for hours in (1, 10):
        size = hours * 3600 * 8000 * 4
        header[4:8], header[40:44] = (size + 36).to_bytes(4, "little"), size.to_bytes(4, "little")
        with Path(f"{hours}.wav").open("wb") as file:
            file.write(header)
            file.truncate(44 + size)
    ((values, options, _),) = _reader.read("1.wav")
    assert values[0].shape == (2, 3600 * 8000)
    assert options["affine"][1, 1] == 1 / 8000
    assert _reader.read("10.wav") == [(None,)]
    assert shown[1] == (
        "error",
        "10.wav holds 600 minutes of sound, 2.1 GiB of numbers: more than is read at once; "
        "name a part in seconds, such as 10.wav#0-60",
    )


COMPUTED = {
    "NaN voxels": (
        "head-2.5d",
        lambda: nifti("a.nii", np.where(VALUES % 50 == 7, np.nan, VALUES).astype("f4")),
        2,
        "a.nii has 7 NaN or infinite values (the first at channel 0, z 0, y 0, x 7); "
        "replace them first, for example with numpy.nan_to_num(image)\n",
    ),
    "one slice for a volume": (
        "head",
        lambda: nifti("a.nii", VALUES[:1]),
        0,
        "the volume is a single slice: a network for volumes sees nothing above and below it\n",
    ),
    "a constant scan": (
        "head-2.5d",
        lambda: nifti("a.nii", VALUES * 0 + 7),
        0,
        "all of its values are 7: there is nothing to see\n",
    ),
    "mono for two ears": (
        "direction",
        lambda: sound("a.wav", 1),
        2,
        "a.wav has 1 channel (mono); the network's input 1x2x4096 wants 2; take a recording with "
        "2 channels, or change the document's input to 1x1x4096\n",
    ),
}


@pytest.mark.parametrize("wrong", COMPUTED)
def test_what_networks_say_of_it(shown, capsys, wrong) -> None:
    network, make, status, message = COMPUTED[wrong]
    make()
    (name,) = Path().iterdir()
    capsys.readouterr()
    assert main(["predict", network, str(name)]) == status
    assert capsys.readouterr().err == message


MEASURED: dict[str, tuple[Callable[[], object], int, str]] = {
    "labels that lie elsewhere": (
        lambda: nifti("b.nii", (VALUES % 3).astype("u1"), above=30),
        2,
        "a.nii and b.nii do not lie in the same place: voxels of the same index are up to 30 mm "
        "apart. a.nii: 6x7x8 voxels of 3 x 2 x 2 mm (z, y, x), from 0, 0, 0; b.nii: 6x7x8 voxels "
        "of 3 x 2 x 2 mm (z, y, x), from 30, 0, 0; "
        "add align: labels to data: to resample them, or choose those that belong to it\n",
    ),
    "labels of another size": (
        lambda: nifti("b.nii", (VALUES[:4] % 3).astype("u1")),
        2,
        "a.nii has 6x7x8 voxels, and b.nii: 4x7x8; "
        "give labels of the same size, one for each voxel\n",
    ),
    "labels outside the classes": (
        lambda: nifti("b.nii", (VALUES % 5).astype("u1")),
        2,
        "b.nii has values outside the 3 classes (0 to 2): 3 (67 voxels) and 4 (67 voxels); name "
        "every class in classes:, from 0, or write unlabelled: with what does not count\n",
    ),
    "labels that are no whole numbers": (
        lambda: nifti("b.nii", VALUES * np.float32(0.5)),
        2,
        "b.nii holds 168 values that are no whole numbers, such as 0.5; "
        "save them as whole numbers from 0, one for each class\n",
    ),
    "an empty mask": (
        lambda: nifti("b.nii", (VALUES * 0).astype("u1")),
        0,
        "b.nii: all of its values are 0: there is nothing to see\n",
    ),
    "cut labels": (
        lambda: cut(nifti, "b.nii", 600),
        2,
        "b.nii is cut short or damaged: its header promises 8x7x6 voxels (672 bytes), and the file "
        "has 600 bytes; copy it again\n",
    ),
}


@pytest.mark.parametrize("wrong", MEASURED)
def test_what_is_said_of_labels_to_measure_by(capsys, wrong) -> None:
    make, status, message = MEASURED[wrong]
    nifti("a.nii", VALUES)
    make()
    capsys.readouterr()
    assert main(["predict", "head", "a.nii", "--labels", "b.nii"]) == status
    assert capsys.readouterr().err == message
