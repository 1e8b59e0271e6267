"""NIfTI: placed where nibabel places it, and what the header says twice, once or never is told."""

import gzip
import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest
from nibabel.tests import data as packaged

from napari_convnet.data import read_sample, sample_path
from napari_convnet.data.orientation import nibabel_to_napari
from napari_convnet.data.placement import same_place
from napari_convnet.data.readers import read_contents, read_header
from napari_convnet.network.problems import UserError

PACKAGED = Path(packaged.__path__[0])
VALUES = np.arange(120, dtype=np.int16).reshape(4, 5, 6)  # x, y, z
RAS = np.array([[-2.0, 0, 0, 10], [0, 1.5, 0, -20], [0, 0, 3, 30], [0, 0, 0, 1]])


def write(path: Path, values=VALUES, sform=RAS, qform=None, s_code=1, q_code=0, **more) -> Path:
    kind = more.pop("kind", nibabel.Nifti1Image)
    image = kind(values, None)
    image.set_sform(sform, s_code) if s_code else image.set_sform(None, 0)
    image.set_qform(qform, q_code) if q_code else image.set_qform(None, 0)
    image.header["pixdim"][1:4] = more.pop("pixdim", nibabel.affines.voxel_sizes(RAS))
    image.header.set_xyzt_units(more.pop("unit", "mm"), more.pop("time", "sec"))
    for key, value in more.items():
        image.header[key] = value
    nibabel.save(image, path)
    return path


def refusal(path: Path, **more) -> str:
    with pytest.raises(UserError) as caught:
        read_contents(path, **more)
    return str(caught.value)


def told(path: Path) -> list[tuple[str, str]]:
    return [(note.kind, note.text) for note in read_contents(path).notes]


def test_a_plain_file_needs_no_word(tmp_path: Path) -> None:
    found = read_contents(write(tmp_path / "scan.nii.gz"))
    np.testing.assert_array_equal(found.array, VALUES.T)
    np.testing.assert_allclose(found.affine, nibabel_to_napari(RAS))
    assert (found.axes, found.units) == (("z", "y", "x"), ("mm", "mm", "mm"))
    assert (found.notes, found.labels, found.rgb) == ((), False, False)
    assert found.array.dtype == np.int16
    assert read_header(tmp_path / "scan.nii.gz").shape == found.array.shape


def test_packaged_files_lie_where_nibabel_says() -> None:
    files = [path for path in sorted(PACKAGED.glob("*.nii*")) if "dconn" not in path.name]
    assert len(files) >= 6
    for path in files:
        found, image = read_contents(path), nibabel.load(path)
        wanted = nibabel_to_napari(image.affine)
        np.testing.assert_allclose(found.affine[-4:, -4:], wanted, atol=1e-9)
        np.testing.assert_allclose(found.array, np.asarray(image.dataobj).T, rtol=1e-6)
        assert read_header(path).shape == found.array.shape
    oblique = read_contents(PACKAGED / "example4d.nii.gz")
    assert oblique.axes == ("t", "z", "y", "x")
    assert oblique.units == ("s", "mm", "mm", "mm")
    np.testing.assert_array_equal(oblique.affine[0], [2000, 0, 0, 0, 0])
    assert abs(oblique.affine[1, 2]) > 0.3  # the tilt is kept
    assert "the file holds 2 volumes, 2000 s apart" in oblique.notes[0].text


@pytest.mark.parametrize(
    ("unit", "step", "first", "row", "said"),
    [
        ("sec", 2.5, 0, [2.5, 0], "3 volumes, 2.5 s apart: axis t is their time"),
        ("msec", 40, 120, [0.04, 0.12], "3 volumes, 0.04 s apart: axis t is their time"),
        ("usec", 500, 0, [5e-4, 0], "3 volumes, 0.0005 s apart: axis t is their time"),
        ("hz", 40, 0, None, "and does not say how far apart in time: axis t counts them"),
        ("unknown", 2, 0, None, "and does not say how far apart in time: axis t counts them"),
        ("sec", 0, 0, None, "and does not say how far apart in time: axis t counts them"),
    ],
)
def test_volumes_in_a_row_lie_in_seconds(tmp_path, unit, step, first, row, said) -> None:
    values = np.arange(4 * 3 * 2 * 3, dtype=np.float32).reshape(4, 3, 2, 3)
    image = nibabel.Nifti1Image(values, np.diag([2.0, 2, 3, 1]))
    image.header.set_xyzt_units("mm", unit)
    image.header["pixdim"][4], image.header["toffset"] = step, first
    nibabel.save(image, tmp_path / "film.nii")
    found = read_contents(tmp_path / "film.nii")
    assert found.axes == ("t", "z", "y", "x")
    assert found.units == ("pixel" if row is None else "s", "mm", "mm", "mm")
    np.testing.assert_allclose(found.affine[0], [(row or [1, 0])[0], 0, 0, 0, (row or [1, 0])[1]])
    np.testing.assert_allclose(found.affine[-4:, -4:], nibabel_to_napari(image.affine))
    assert said in "".join(map(str, found.notes))
    np.testing.assert_array_equal(found.array, values.T)


@pytest.mark.parametrize(
    ("scan", "labels"),
    [
        ("mri/head_t1.nii.gz", "mri/head_tissue.nii.gz"),
        ("ct/abdomen_ct.nii.gz", "ct/abdomen_organs.nii.gz"),
    ],
)
def test_scans_that_ship_with_the_package(scan: str, labels: str) -> None:
    sitk = pytest.importorskip("SimpleITK")
    found, named = read_contents(sample_path(scan)), read_contents(sample_path(labels))
    assert (found.labels, named.labels) == (False, True)
    assert found.notes == ()
    assert same_place(found, named)
    np.testing.assert_allclose(
        found.affine, nibabel_to_napari(nibabel.load(sample_path(scan)).affine)
    )
    image = sitk.ReadImage(str(sample_path(scan)))
    np.testing.assert_array_equal(sitk.GetArrayViewFromImage(image), found.array)
    for x, y, z in ((0, 0, 0), (10, 20, 30), (100, 90, 80)):
        theirs = image.TransformIndexToPhysicalPoint((x, y, z))[::-1]
        ours = (found.affine @ [z, y, x, 1])[:3]
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


# -- where it lies --


def test_two_forms_that_disagree_are_told(tmp_path: Path) -> None:
    moved = RAS.copy()
    moved[1, 3] += 112
    path = write(tmp_path / "scan.nii", qform=moved, q_code=1)
    found = read_contents(path)
    np.testing.assert_allclose(found.affine, nibabel_to_napari(RAS))
    (note,) = found.notes
    assert note.kind == "warning"
    assert "says twice where it lies, and the two are up to 112 mm apart" in note.text
    assert "The s-form was used" in note.text
    assert 'accept "q-form"' in note.text
    other = read_contents(path, accept=["q-form"])
    np.testing.assert_allclose(other.affine, nibabel_to_napari(moved), atol=1e-5)
    assert "The q-form was used; as was asked for" in other.notes[0].text


def test_forms_that_mirror_each_other(tmp_path: Path) -> None:
    mirrored = RAS @ np.diag([-1, 1, 1, 1])
    ((kind, text),) = told(write(tmp_path / "scan.nii", qform=mirrored, q_code=1))
    assert kind == "warning"
    assert "one mirrors the other, so that left and right are in doubt" in text


def test_forms_that_agree_need_no_word(tmp_path: Path) -> None:
    assert told(write(tmp_path / "scan.nii", qform=RAS, q_code=1)) == []


def test_a_q_form_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "scan.nii", s_code=0, qform=RAS, q_code=1)
    np.testing.assert_allclose(read_contents(path).affine, nibabel_to_napari(RAS), atol=1e-5)
    assert told(path) == []


def test_no_form_at_all(tmp_path: Path) -> None:
    path = write(tmp_path / "scan.nii")
    raw = bytearray(path.read_bytes())
    raw[252:256] = bytes(4)  # both codes
    path.write_bytes(raw)
    found = read_contents(path)
    np.testing.assert_array_equal(found.affine[:3, 3], [-7.5, 3, -3])
    np.testing.assert_allclose(found.affine, nibabel_to_napari(nibabel.load(path).affine))
    (note,) = found.notes
    assert note.kind == "warning"
    assert "does not say where it lies (neither s-form nor q-form): it was centred" in note.text
    assert "Left and right are not known" in note.text


def test_shear_is_kept_and_told(tmp_path: Path) -> None:
    sheared = RAS.copy()
    sheared[0, 1] = 0.3
    path = write(tmp_path / "scan.nii", sform=sheared, pixdim=(2, 1.53, 3))
    np.testing.assert_allclose(read_contents(path).affine, nibabel_to_napari(sheared), atol=1e-6)
    ((kind, text),) = told(path)
    assert kind == "warning"
    assert "the scan is sheared (3 x 1.53 x 2 mm (z, y, x), tilted by 11.3 degrees" in text


def test_another_voxel_size_than_the_forms(tmp_path: Path) -> None:
    ((kind, text),) = told(write(tmp_path / "scan.nii", pixdim=(2, 1.5, 5)))
    assert kind == "warning"
    assert "the header gives a voxel size of 5 x 1.5 x 2 mm, the s-form 3 x 1.5 x 2 mm" in text


@pytest.mark.parametrize(("code", "word"), [(np.nan, "s-form"), (0, "s-form")])
def test_a_damaged_s_form_is_refused_or_replaced(tmp_path: Path, code, word) -> None:
    broken = RAS.copy()
    broken[:, 0] = code
    broken[3] = [0, 0, 0, 1]
    path = write(tmp_path / "scan.nii", qform=RAS, q_code=1)
    raw = bytearray(path.read_bytes())
    raw[280:328] = broken[:3].astype("<f4").tobytes()
    path.write_bytes(raw)
    message = refusal(path)
    assert f"the {word} of" in message
    assert "is damaged" in message
    assert 'accept "q-form"' in message
    found = read_contents(path, accept=["q-form"])
    np.testing.assert_allclose(found.affine, nibabel_to_napari(RAS), atol=1e-5)
    assert "the s-form in the header is damaged; the q-form was used" in found.notes[0].text


def test_a_damaged_q_form_beside_an_s_form(tmp_path: Path) -> None:
    path = write(tmp_path / "scan.nii", qform=RAS, q_code=1)
    raw = bytearray(path.read_bytes())
    raw[256:268] = np.full(3, 7, "<f4").tobytes()  # a quaternion longer than 1
    path.write_bytes(raw)
    ((kind, text),) = told(path)
    assert kind == "warning"
    assert text == "the q-form in the header is damaged; the s-form was used"


@pytest.mark.parametrize(
    ("unit", "factor", "words"),
    [
        ("meter", 1000, "given in meters: converted to millimetres"),
        ("micron", 0.001, "given in microns: converted to millimetres"),
        ("unknown", 1, "does not say its unit of length: taken as millimetres"),
    ],
)
def test_units(tmp_path: Path, unit: str, factor: float, words: str) -> None:
    path = write(tmp_path / "scan.nii", unit=unit)
    wanted = np.diag([factor] * 3 + [1]) @ nibabel_to_napari(RAS)
    np.testing.assert_allclose(read_contents(path).affine, wanted)
    ((kind, text),) = told(path)
    assert kind == "note"
    assert words in text


# -- what it holds --


def test_slope_and_intercept_apply(tmp_path: Path) -> None:
    path = write(tmp_path / "scan.nii")
    raw = bytearray(path.read_bytes())
    raw[112:120] = np.array([2.5, -1000], "<f4").tobytes()
    path.write_bytes(raw)
    found = read_contents(path)
    assert found.array.dtype == np.float32
    np.testing.assert_allclose(found.array, VALUES.T * 2.5 - 1000)


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "u2", "i4", "f4", "f8"])
def test_types_and_byte_orders(tmp_path: Path, kind, dtype: str) -> None:
    values = (VALUES % 100).astype(dtype)
    header = kind.header_class(endianness=">")
    header.set_data_dtype(values.dtype.newbyteorder(">"))
    header.set_xyzt_units("mm")
    nibabel.save(kind(values, RAS, header), tmp_path / "big.nii")
    assert nibabel.load(tmp_path / "big.nii").header.endianness == ">"
    found = read_contents(tmp_path / "big.nii")
    np.testing.assert_array_equal(found.array, values.T)
    assert found.array.dtype == np.dtype(dtype)
    assert found.array.dtype.isnative
    np.testing.assert_allclose(found.affine, nibabel_to_napari(RAS))


def test_the_voxels_in_a_file_of_their_own(tmp_path: Path) -> None:
    write(tmp_path / "scan.img", kind=nibabel.Nifti1Pair)
    for name in ("scan.img", "scan.hdr"):
        found = read_contents(tmp_path / name)
        np.testing.assert_array_equal(found.array, VALUES.T)
        np.testing.assert_allclose(found.affine, nibabel_to_napari(RAS))
    (tmp_path / "scan.img").unlink()
    assert "scan.img is not beside it" in refusal(tmp_path / "scan.hdr")


def test_analyze_files_do_not_tell_left_from_right(tmp_path: Path) -> None:
    nibabel.save(nibabel.AnalyzeImage(VALUES, np.diag([2.0, 3, 4, 1])), tmp_path / "old.img")
    found = read_contents(tmp_path / "old.img")
    np.testing.assert_array_equal(found.array, VALUES.T)
    texts = [note.text for note in found.notes if note.kind == "warning"]
    assert len(texts) == 1
    assert "Left and right are not known" in texts[0]


def test_time_comes_first(tmp_path: Path) -> None:
    values = np.arange(240, dtype=np.int16).reshape(4, 5, 6, 2)
    path = write(tmp_path / "scan.nii", values)
    found = read_contents(path)
    np.testing.assert_array_equal(found.array, values.T)
    assert found.axes == ("t", "z", "y", "x")
    assert found.units == ("s", "mm", "mm", "mm")
    np.testing.assert_array_equal(found.affine[0], [1, 0, 0, 0, 0])
    np.testing.assert_allclose(found.affine[1:, 1:], nibabel_to_napari(RAS))
    second = read_sample(path, (1, 6, 5, 4), step=(1,))
    np.testing.assert_array_equal(second.array[0], values[..., 1].T)
    np.testing.assert_allclose(second.affine, nibabel_to_napari(RAS))


def test_vectors_and_axes_of_one_entry(tmp_path: Path) -> None:
    values = np.zeros((4, 5, 6, 1, 3), np.float32)
    values[..., 2] = 1
    found = read_contents(write(tmp_path / "field.nii", values))
    assert found.array.shape == (3, 6, 5, 4)
    assert found.axes == ("channel", "z", "y", "x")
    np.testing.assert_array_equal(found.array[2], 1)


def test_a_picture_and_a_single_slice(tmp_path: Path) -> None:
    found = read_contents(write(tmp_path / "one.nii", VALUES[:, :, :1]))
    assert found.array.shape == (1, 5, 4)
    np.testing.assert_allclose(found.affine, nibabel_to_napari(RAS))
    assert [note.text[:30] for note in found.notes] == ["the volume is a single slice: "]
    found = read_contents(write(tmp_path / "flat.nii", VALUES[:, :, 0]))
    assert found.array.shape == (1, 5, 4)
    np.testing.assert_array_equal(found.array[0], VALUES[:, :, 0].T)
    assert read_sample(tmp_path / "flat.nii", (1, 5, 4)).array.shape == (1, 5, 4)


def test_colours(tmp_path: Path) -> None:
    kind = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])
    values = np.zeros((4, 5, 6), kind)
    values["G"] = 7
    found = read_contents(write(tmp_path / "colours.nii", values))
    assert found.rgb
    assert found.array.shape == (6, 5, 4, 3)
    np.testing.assert_array_equal(found.array[..., 1], 7)
    assert read_header(tmp_path / "colours.nii").shape == (6, 5, 4, 3)


def test_labels_by_what_the_file_says_and_by_its_name(tmp_path: Path) -> None:
    values = (VALUES % 3).astype(np.uint8)
    stated = read_contents(write(tmp_path / "a.nii", values, intent_code=1002))
    assert stated.labels
    assert stated.notes == ()
    named = read_contents(write(tmp_path / "sub-1_dseg.nii.gz", values.astype(np.float32)))
    assert named.labels
    assert named.array.dtype == np.int32
    assert 'the name says "dseg", and all values are whole numbers' in named.notes[0].text
    assert not read_contents(write(tmp_path / "segmented_head.nii", values)).labels
    broken = read_contents(write(tmp_path / "b.nii", VALUES / 7, intent_code=1002))
    assert not broken.labels
    assert "not all values are whole numbers from 0 up: read as an image" in broken.notes[0].text


def test_odd_values_are_told(tmp_path: Path) -> None:
    values = VALUES.astype(np.float32)
    values[0, 0, :2] = np.nan
    values[1, 0, 0] = np.inf
    ((kind, text),) = told(write(tmp_path / "scan.nii", values))
    assert kind == "warning"
    assert "3 of its 120 values are NaN or infinite: networks refuse them" in text
    with pytest.raises(UserError, match="has 3 NaN or infinite values of 120"):
        read_sample(tmp_path / "scan.nii", (1, 6, 5, 4))
    ((_, text),) = told(write(tmp_path / "scan.nii", np.full((4, 5, 6), np.nan, np.float32)))
    assert text == "none of its 120 values is a finite number"
    ((_, text),) = told(write(tmp_path / "scan.nii", np.full((4, 5, 6), 3, np.uint8)))
    assert text == "all of its values are 3: there is nothing to see"


# -- files that are none --


def test_files_cut_short(tmp_path: Path) -> None:
    path = write(tmp_path / "scan.nii")
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    refusal(path)
    path.write_bytes(whole[:200])
    assert "is cut short: it has 200 bytes, and a NIfTI header alone has 348" in refusal(path)
    path.write_bytes(b"")
    assert "is empty" in refusal(path)
    packed = gzip.compress(whole)
    for size in (len(packed) - 1, len(packed) - 8, len(packed) // 2, 20, 3):
        (tmp_path / "scan.nii.gz").write_bytes(packed[:size])
        refusal(tmp_path / "scan.nii.gz")


def test_a_flipped_bit_in_compressed_voxels_is_found(tmp_path: Path) -> None:
    path = write(tmp_path / "scan.nii.gz", np.random.default_rng(0).random((9, 9, 9)))
    raw = bytearray(path.read_bytes())
    raw[-100] ^= 4
    path.write_bytes(raw)
    assert "damaged" in refusal(path)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.nii", b"\x89PNG\r\n\x1a\n" + bytes(400), "is not NIfTI but a PNG picture"),
        ("a.nii", bytes(128) + b"DICM" + bytes(400), "is not NIfTI but a DICOM file"),
        ("a.nii", b"hello " * 200, "does not begin as one"),
        ("a.nii", bytes(1000), "does not begin as one"),
        (
            "a.nii",
            gzip.compress(bytes(1000), mtime=0),
            "is compressed (gzip), which its name denies",
        ),
        ("a.nii.gz", bytes(1000), "is not compressed, which its name denies; rename it to a.nii"),
    ],
)
def test_wrong_endings(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert words in refusal(tmp_path / name)


def test_a_header_that_promises_the_world(tmp_path: Path) -> None:
    path = write(tmp_path / "scan.nii")
    raw = bytearray(path.read_bytes())
    raw[42:48] = np.array([30000, 30000, 30000], "<i2").tobytes()
    path.write_bytes(raw)
    assert "promises 30000x30000x30000 voxels (54,000,000,000,000 bytes)" in refusal(path)
    raw[42:48] = np.array([4, -5, 6], "<i2").tobytes()
    path.write_bytes(raw)
    refusal(path)
    raw[42:48] = np.array([4, 0, 6], "<i2").tobytes()
    path.write_bytes(raw)
    assert "has no voxels" in refusal(path)


def test_more_voxels_than_there_is_memory_for(tmp_path: Path, monkeypatch) -> None:
    def full(image):
        raise MemoryError

    monkeypatch.setattr("napari_convnet.data.nifti.reading.values_of", full)
    message = refusal(write(tmp_path / "scan.nii"))
    assert "holds 4x5x6 voxels: more than there is memory; cut out a part of it" in message


def test_what_is_mended_in_a_header_is_told_and_not_printed(tmp_path: Path, capfd) -> None:
    path = write(tmp_path / "scan.nii")
    raw = bytearray(path.read_bytes())
    raw[80:84] = np.array([-2], "<f4").tobytes()  # pixdim[1]
    path.write_bytes(raw)
    assert any("the header was mended: " in text for _, text in told(path))
    assert capfd.readouterr() == ("", "")


def test_values_on_surfaces_are_refused() -> None:
    assert "values on surfaces (CIFTI)" in refusal(PACKAGED / "row_major.dconn.nii")


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "nibabel", None)
    shutil.copy(PACKAGED / "anatomical.nii", tmp_path / "a.nii")
    message = refusal(tmp_path / "a.nii")
    assert "is a NIfTI file, which needs the package nibabel" in message
    assert "pip install 'napari-convnet[medical]'" in message
