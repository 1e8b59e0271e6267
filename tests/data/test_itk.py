"""NRRD and MetaImage: what ITK fills in without a word is told."""

from pathlib import Path

import numpy as np
import pytest

from napari_convnet.data import read_sample
from napari_convnet.data.readers import read_contents, read_header
from napari_convnet.network.problems import UserError

sitk = pytest.importorskip("SimpleITK")

VALUES = np.arange(120, dtype=np.uint8).reshape(6, 5, 4)
DIRECTIONS = "(1,0,0) (0,1,0) (0,0,2)"


def nrrd(path: Path, *lines: str, values=VALUES, **more: str) -> Path:
    fields = {
        "type": "uchar",
        "dimension": str(values.ndim),
        "space": "left-posterior-superior",
        "space dimension": "",
        "sizes": " ".join(map(str, reversed(values.shape))),
        "space directions": DIRECTIONS,
        "space origin": "(1,2,3)",
        "encoding": "raw",
        **{key.replace("_", " "): value for key, value in more.items()},
    }
    text = "\n".join(
        ["NRRD0005", *(f"{key}: {value}" for key, value in fields.items() if value), *lines]
    )
    path.write_bytes(text.encode() + b"\n\n" + values.tobytes())
    return path


def meta(path: Path, values=VALUES, **more: str) -> Path:
    fields = {
        "ObjectType": "Image",
        "NDims": "3",
        "BinaryData": "True",
        "TransformMatrix": "1 0 0 0 1 0 0 0 1",
        "Offset": "1 2 3",
        "ElementSpacing": "1 1 2",
        "DimSize": " ".join(map(str, reversed(values.shape))),
        "ElementType": "MET_UCHAR",
        **more,
        "ElementDataFile": "LOCAL",
    }
    text = "".join(f"{key} = {value}\n" for key, value in fields.items() if value)
    path.write_bytes(text.encode() + values.tobytes())
    return path


def refusal(path: Path, **more) -> str:
    with pytest.raises(UserError) as caught:
        read_contents(path, **more)
    return str(caught.value)


PLACE = np.array([[2.0, 0, 0, 3], [0, 1, 0, 2], [0, 0, 1, 1], [0, 0, 0, 1]])


@pytest.mark.parametrize(("write", "name"), [(nrrd, "a.nrrd"), (meta, "a.mha")])
def test_a_plain_file_needs_no_word(tmp_path: Path, write, name: str) -> None:
    path = write(tmp_path / name)
    found = read_contents(path)
    np.testing.assert_array_equal(found.array, VALUES)
    np.testing.assert_array_equal(found.affine, PLACE)
    assert (found.axes, found.units, found.notes) == (("z", "y", "x"), ("mm",) * 3, ())
    assert read_header(path).shape == (6, 5, 4)
    assert read_sample(path, (1, 6, 5, 4)).array.shape == (1, 6, 5, 4)


def test_other_worlds_are_turned(tmp_path: Path) -> None:
    path = nrrd(tmp_path / "a.nrrd", space="right-anterior-superior")
    found = read_contents(path)
    assert found.notes == ()
    np.testing.assert_array_equal(found.affine @ [0, 0, 0, 1], [3, -2, -1, 1])
    np.testing.assert_array_equal(found.affine @ [1, 1, 1, 1], [5, -3, -2, 1])


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"space": "", "space_dimension": "3"}, "does not say which way the scan lies"),
        ({"space": "scanner-xyz"}, 'says only "scanner-xyz" which way the scan lies'),
        ({"space_units": '"um" "um" "um"'}, "given in um: converted to millimetres"),
        ({"space_units": '"ell" "ell" "ell"'}, '"ell", which is not known: taken as'),
        ({"space_directions": "(1,0,0) (.3,1,0) (0,0,2)"}, "the scan is sheared"),
    ],
)
def test_what_a_nrrd_header_leaves_open_is_told(tmp_path: Path, more, words: str) -> None:
    (note,) = read_contents(nrrd(tmp_path / "a.nrrd", **more)).notes
    assert words in note.text


def test_spacings_alone(tmp_path: Path) -> None:
    bare = {"space": "", "space_directions": "", "space_origin": ""}
    origin = "does not say where its first voxel lies: put at 0, 0, 0"
    found = read_contents(nrrd(tmp_path / "a.nrrd", spacings="1 2 3", **bare))
    np.testing.assert_array_equal(np.diag(found.affine), [3, 2, 1, 1])
    assert len(found.notes) == 2
    assert origin in found.notes[0].text
    texts = [
        note.text
        for note in read_contents(nrrd(tmp_path / "b.nrrd", spacings="1 2 nan", **bare)).notes
    ]
    assert "does not give its voxel size along every axis: 1 mm was taken" in texts[1]


def test_micrometres(tmp_path: Path) -> None:
    found = read_contents(nrrd(tmp_path / "a.nrrd", space_units='"um" "um" "um"'))
    np.testing.assert_allclose(found.affine[:3], PLACE[:3] / 1000)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"ElementSpacing": ""}, "does not give its voxel size: 1 mm was taken"),
        ({"TransformMatrix": ""}, "does not say which way the scan lies"),
        ({"Offset": ""}, "does not say where its first voxel lies"),
        ({"DistanceUnits": "um"}, "given in um: converted"),
        ({"TransformMatrix": "1 0 0 0.3 1 0 0 0 1"}, "the scan is sheared"),
    ],
)
def test_what_a_meta_header_leaves_open_is_told(tmp_path: Path, more, words: str) -> None:
    (note,) = read_contents(meta(tmp_path / "a.mha", **more)).notes
    assert words in note.text


def test_colours_vectors_and_time(tmp_path: Path) -> None:
    four = np.arange(360, dtype=np.uint8).reshape(6, 5, 4, 3)
    path = nrrd(
        tmp_path / "a.nrrd", values=four, kinds="RGB-color domain domain domain",
        space_directions=f"none {DIRECTIONS}",
    )  # fmt: skip
    found = read_contents(path)
    assert found.rgb
    np.testing.assert_array_equal(found.array, four)
    np.testing.assert_array_equal(found.affine, PLACE)
    assert read_header(path).shape == found.array.shape
    path = nrrd(
        tmp_path / "b.nrrd", values=four, kinds="vector domain domain domain",
        space_directions=f"none {DIRECTIONS}",
    )  # fmt: skip
    found = read_contents(path)
    np.testing.assert_array_equal(found.array, np.moveaxis(four, -1, 0))
    assert found.axes == ("channel", "z", "y", "x")
    np.testing.assert_array_equal(found.affine[1:, 1:], PLACE)
    assert read_header(path).shape == found.array.shape
    series = np.arange(240, dtype=np.int16).reshape(2, 6, 5, 4)
    image = sitk.JoinSeries([sitk.GetImageFromArray(part) for part in series])
    sitk.WriteImage(image, str(tmp_path / "c.nrrd"))
    found = read_contents(tmp_path / "c.nrrd")
    np.testing.assert_array_equal(found.array, series)
    assert found.axes == ("t", "z", "y", "x")


def test_a_picture(tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(VALUES[0])
    image.SetSpacing((0.5, 0.25))
    sitk.WriteImage(image, str(tmp_path / "a.mha"))
    found = read_contents(tmp_path / "a.mha")
    assert found.axes == ("y", "x")
    np.testing.assert_array_equal(found.affine, np.diag([0.25, 0.5, 1]))


def test_segments_of_slicer(tmp_path: Path) -> None:
    segments = ["Segment0_LabelValue:=1", "Segment0_Name:=liver", "Segment1_LabelValue:=2"]
    path = nrrd(tmp_path / "a.nrrd", *segments, "Segment1_Name:=left kidney", values=VALUES % 3)
    found = read_contents(path)
    assert found.labels
    assert dict(found.names) == {1: "liver", 2: "left kidney"}


@pytest.mark.parametrize("name", ["a.nrrd", "a.mha", "a.mhd"])
@pytest.mark.parametrize("packed", [False, True])
def test_files_cut_short(tmp_path: Path, name: str, packed: bool) -> None:
    image = sitk.GetImageFromArray(np.random.default_rng(0).random((6, 7, 8)))
    sitk.WriteImage(image, str(tmp_path / name), packed)
    np.testing.assert_array_equal(
        read_contents(tmp_path / name).array, sitk.GetArrayFromImage(image)
    )
    (data,) = [path for path in tmp_path.iterdir() if path.suffix != ".mhd"]
    raw = data.read_bytes()
    for size in (len(raw) - 100, len(raw) // 2, 100, 10):
        data.write_bytes(raw[:size])
        message = refusal(tmp_path / name)
        assert "\n" not in message
        assert "0x" not in message


def test_wrong_endings_and_missing_parts(tmp_path: Path) -> None:
    nrrd(tmp_path / "a.mha")
    assert "not a MetaImage file" in refusal(tmp_path / "a.mha")
    meta(tmp_path / "a.nrrd")
    assert "not an NRRD file" in refusal(tmp_path / "a.nrrd")
    path = meta(tmp_path / "a.mhd")
    path.write_bytes(path.read_bytes().split(b"LOCAL")[0] + b"gone.raw\n")
    assert "gone.raw is not beside it" in refusal(path)
    for wrong in ("1 2", "1 2 x", "1 2 nan", "1 2 3 4"):
        message = refusal(meta(tmp_path / "d.mha", Offset=wrong))
        assert f'its offset is "{wrong}", not 3 numbers' in message
    assert "gives NaN" in refusal(nrrd(tmp_path / "b.nrrd", space_origin="(nan,0,0)"))
    assert "cannot be read" in refusal(
        nrrd(tmp_path / "c.nrrd", space_directions="(1,0,0) (0,1,0) (0,0,0)")
    )


def test_uneven_slices_are_refused_until_accepted(tmp_path: Path) -> None:
    path = nrrd(tmp_path / "a.nrrd", "ITK_non_uniform_sampling_deviation:=0.7")
    assert "are not evenly spaced (off by 0.7 mm)" in refusal(path)
    np.testing.assert_array_equal(read_contents(path, accept=["uneven"]).affine, PLACE)
