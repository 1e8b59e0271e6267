"""Folders and files as scanners and archives leave them: what is read, refused and said."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import generate_uid

from napari_convnet.data.contents import Contents
from napari_convnet.data.readers import (
    is_readable,
    parts_of,
    read_contents,
    read_header,
    read_sample,
)
from napari_convnet.network.problems import UserError


def notes(found: Contents) -> str:
    return "; ".join(note.text for note in found.notes)


def refusal(path: Path, **choice) -> str:
    with pytest.raises(UserError) as caught:
        read_contents(path, **choice)
    with pytest.raises(UserError):
        read_header(path, series=choice.get("series"))
    return str(caught.value)


def test_a_folder_is_a_volume(tmp_path: Path, new_series) -> None:
    series = new_series()
    found = read_contents(series.write(tmp_path / "head"))
    np.testing.assert_array_equal(found.array, series.array)
    np.testing.assert_allclose(found.affine, series.affine)
    assert found.notes == ()
    assert found.name == "head synthetic"
    assert read_header(tmp_path / "head").shape == found.array.shape


def test_the_thickness_is_not_the_distance(tmp_path: Path, new_series) -> None:
    found = read_contents(new_series().write(tmp_path))  # SliceThickness 3
    assert found.affine[0, 0] == 2


@pytest.mark.parametrize(("stated", "kind"), [(1, "warning"), (1.9, "note"), (2, None)])
def test_the_places_count_more_than_the_header(tmp_path, new_series, stated, kind) -> None:
    found = read_contents(new_series().write(tmp_path, SpacingBetweenSlices=stated))
    assert found.affine[0, 0] == 2
    assert [note.kind for note in found.notes] == ([kind] if kind else [])
    assert not kind or f"2 mm apart, though the header says {stated} mm" in notes(found)


def test_a_network_takes_a_series(tmp_path: Path, new_series) -> None:
    series = new_series(count=4)
    sample = read_sample(series.write(tmp_path), (1, 4, 4, 6))
    np.testing.assert_array_equal(sample.array[0], series.array)
    np.testing.assert_allclose(sample.affine, series.affine)
    assert sample.units == ("mm", "mm", "mm")


def test_files_without_suffix_among_others(tmp_path: Path, new_series) -> None:
    series = new_series()
    series.write(tmp_path, "IM{}")
    (tmp_path / "readme.txt").write_text("not a scan")
    (tmp_path / "preview.png").write_bytes(b"\x89PNG")
    (tmp_path / ".hidden").write_bytes(b"x")
    assert is_readable(tmp_path)
    assert is_readable(tmp_path / "IM0")
    found = read_contents(tmp_path)
    np.testing.assert_array_equal(found.array, series.array)
    assert notes(found) == "2 files are not DICOM and left out: preview.png and readme.txt"


def test_files_below_folders(tmp_path: Path, new_series) -> None:
    series = new_series()
    for index in range(series.count):
        folder = tmp_path / "a" / str(index)
        folder.mkdir(parents=True)
        series.dataset(index).save_as(folder / "x", enforce_file_format=True)
    np.testing.assert_array_equal(read_contents(tmp_path).array, series.array)


def test_several_series_are_listed(tmp_path: Path, new_series) -> None:
    one = new_series(elements={"SeriesDescription": "scout", "SeriesNumber": 1})
    two = new_series(
        uid=generate_uid(), size=(8, 8), elements={"SeriesDescription": "head", "SeriesNumber": 2}
    )
    one.write(tmp_path, "a{}")
    two.write(tmp_path, "b{}")
    message = refusal(tmp_path)
    assert '#1 "scout" (5 of 4x6, axial, CT); #2 "head" (5 of 8x8, axial, CT)' in message
    assert message.endswith(f"name one of them, such as {tmp_path}#1")
    assert [part.title.split('"')[1] for part in parts_of(tmp_path)] == ["scout", "head"]
    for choice in ("#2", f"#{two.uid}", "#head"):
        found = read_contents(Path(f"{tmp_path}{choice}"))
        np.testing.assert_array_equal(found.array, two.array)
    np.testing.assert_array_equal(read_contents(tmp_path, series=1).array, one.array)
    assert "has no series 7; it has #1" in refusal(tmp_path, series=7)


def test_localizers_lie_apart(tmp_path: Path, new_series) -> None:
    axial = new_series(count=3)
    axial.write(tmp_path, "a{}")
    sagittal = new_series(count=1, directions=(0, 1, 0, 0, 0, -1), step=(2, 0, 0))
    sagittal.dataset(0, SOPInstanceUID=generate_uid()).save_as(
        tmp_path / "scout", enforce_file_format=True
    )
    message = refusal(tmp_path)
    assert "holds 2 series" in message
    assert "(3 of 4x6, axial, CT)" in message
    assert "(1 of 4x6, sagittal, CT)" in message


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ({4, 5, 6, 7}, "4 slices are missing of 20: 4 between slices 4 and 5 of the 16 found"),
        ({9}, "1 slice is missing of 20: 1 between slices 9 and 10 of the 19 found"),
        ({3, 12}, "2 slices are missing of 20: 1 between slices 3 and 4 and 1 between slices 11"),
    ],
)
def test_missing_slices(tmp_path: Path, new_series, missing: set[int], said: str) -> None:
    series = new_series(count=20)
    series.write(tmp_path)
    for index in missing:
        (tmp_path / f"{index}.dcm").unlink()
    message = refusal(tmp_path)
    assert said in message
    assert "otherwise 2 mm apart" in message
    assert 'accept "uneven"' in message
    found = read_contents(tmp_path, accept={"uneven"})
    assert len(found.array) == 20 - len(missing)
    np.testing.assert_allclose(found.affine[0, 0], 38 / (len(found.array) - 1))
    assert [note.kind for note in found.notes] == ["warning"]
    assert "read as if evenly spaced" in notes(found)


def moved(series, folder: Path, shifts: dict[int, float]) -> Path:
    for index in range(series.count):
        position = series.position(index)
        position[2] += shifts.get(index, 0.0)
        dataset = series.dataset(index, ImagePositionPatient=[f"{p:.6f}" for p in position])
        dataset.save_as(folder / f"{index}.dcm", enforce_file_format=True)
    return folder


def test_uneven_slices(tmp_path: Path, new_series) -> None:
    message = refusal(moved(new_series(), tmp_path, {2: 0.5}))
    assert "the 5 slices are unevenly spaced: 1.5 to 2.5 mm apart, up to 0.5 mm from" in message


def test_slightly_uneven_slices_are_read_and_said(tmp_path: Path, new_series) -> None:
    found = read_contents(moved(new_series(), tmp_path, {2: 0.015}))
    assert "nearly even" in notes(found)
    (tmp_path / "even").mkdir()
    assert read_contents(moved(new_series(), tmp_path / "even", {2: 0.001})).notes == ()


def test_gantry_tilt_is_kept_and_said(tmp_path: Path, new_series) -> None:
    series = new_series(count=20, step=(0.0, 2 * np.tan(np.radians(15)), 2.0))
    found = read_contents(series.write(tmp_path))
    np.testing.assert_allclose(found.affine, series.affine, atol=1e-6)
    assert "slide along each other by 15.0 degrees" in notes(found)


def test_copies_are_read_once(tmp_path: Path, new_series) -> None:
    series = new_series()
    series.write(tmp_path, "a{}")
    series.write(tmp_path, "b{}")
    found = read_contents(tmp_path)
    np.testing.assert_array_equal(found.array, series.array)
    assert notes(found).startswith("5 files are copies of others")


def repeated(folder: Path, series, **elements) -> Path:
    """Write the series once for each value of the elements."""
    for turn in range(max(map(len, elements.values()))):
        for index in range(series.count):
            values = {name: column[turn] for name, column in elements.items()}
            dataset = series.dataset(index, SOPInstanceUID=generate_uid(), **values)
            pixels = series.pixels(index) + np.uint16(1000 * turn)
            dataset.PixelData = pixels.tobytes()
            dataset.save_as(folder / f"{turn}-{index}", enforce_file_format=True)
    return folder


@pytest.mark.parametrize(
    ("elements", "axis"),
    [
        ({"EchoTime": [2.5, 5.0, 7.5]}, "echo"),
        ({"TemporalPositionIdentifier": [1, 2, 3]}, "time"),
        ({"AcquisitionNumber": [4, 5, 6]}, "acquisition"),
        ({"ImageType": [["ORIGINAL", "M"], ["ORIGINAL", "P"], ["ORIGINAL", "R"]]}, "kind"),
    ],
)
def test_several_at_one_place_become_an_axis(tmp_path, new_series, elements, axis) -> None:
    series = new_series(count=4)
    found = read_contents(repeated(tmp_path, series, **elements))
    expected = np.stack([series.array + 1000 * turn for turn in range(3)])
    np.testing.assert_array_equal(found.array, expected)
    assert found.axes == (axis, "z", "y", "x")
    assert found.units == ("", "mm", "mm", "mm")
    np.testing.assert_allclose(found.affine[1:, 1:], series.affine)
    np.testing.assert_array_equal(found.affine[0], [1, 0, 0, 0, 0])
    assert found.notes == ()


def test_two_further_axes(tmp_path: Path, new_series) -> None:
    series = new_series(count=3)
    times, echoes = [1, 1, 2, 2, 3, 3], [2.5, 5, 2.5, 5, 2.5, 5]
    repeated(tmp_path, series, TemporalPositionIdentifier=times, EchoTime=echoes)
    found = read_contents(tmp_path)
    assert found.array.shape == (3, 2, 3, 4, 6)
    assert found.axes == ("time", "echo", "z", "y", "x")
    assert found.array[2, 1, 0, 0, 0] == 5000


def test_only_numbers_tell_apart(tmp_path: Path, new_series) -> None:
    series = new_series(count=3)
    found = read_contents(repeated(tmp_path, series, InstanceNumber=[7, 8]))
    assert found.axes == ("repeat", "z", "y", "x")
    assert found.notes[0].kind == "warning"
    assert "nothing says what tells them apart" in notes(found)


def test_unlike_duplicates_are_refused(tmp_path: Path, new_series) -> None:
    series = new_series()
    series.write(tmp_path)
    extra = series.dataset(2, SOPInstanceUID=generate_uid(), InstanceNumber=99)
    extra.save_as(tmp_path / "extra.dcm", enforce_file_format=True)
    message = refusal(tmp_path)
    assert "several pictures are at the same place (slice 3 of 5)" in message
    found = read_contents(tmp_path, accept={"duplicates"})
    np.testing.assert_array_equal(found.array, series.array)
    assert "1 pictures at the same places as others are left out" in notes(found)


def test_one_slice(tmp_path: Path, new_series) -> None:
    series = new_series(count=1)
    found = read_contents(series.write(tmp_path) / "0.dcm")
    assert found.array.shape == (1, 4, 6)
    assert found.affine[0, 0] == 3
    assert "one slice: its thickness of 3 mm" in notes(found)
    series.write(tmp_path, SliceThickness=None)
    assert "unknown thickness: 1 mm is assumed" in notes(read_contents(tmp_path))


@pytest.mark.parametrize("lacks", ["SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID"])
def test_anonymised_files(tmp_path: Path, new_series, lacks: str) -> None:
    series = new_series()
    series.write(tmp_path, **{lacks: None})
    np.testing.assert_array_equal(read_contents(tmp_path).array, series.array)


def test_rescaling_of_each_slice(tmp_path: Path, new_series) -> None:
    series = new_series(count=3)
    for index in range(3):
        dataset = series.dataset(index, RescaleSlope=index + 0.5, RescaleIntercept=-index)
        dataset.save_as(tmp_path / f"{index}", enforce_file_format=True)
    found = read_contents(tmp_path)
    expected = [series.pixels(i) * (i + 0.5) - i for i in range(3)]
    np.testing.assert_allclose(found.array, expected, rtol=1e-6)
    assert found.array.dtype == np.float32


def test_hounsfield_units_stay_whole(tmp_path: Path, new_series) -> None:
    series = new_series()
    series.write(tmp_path, RescaleSlope=1, RescaleIntercept=-1024, WindowCenter=40, WindowWidth=400)
    found = read_contents(tmp_path)
    assert found.array.dtype == np.int16
    np.testing.assert_array_equal(found.array, series.array.astype(int) - 1024)
    assert found.limits == (-160, 240)


def test_inverted_pictures_keep_their_values(tmp_path: Path, new_series) -> None:
    series = new_series()
    found = read_contents(series.write(tmp_path, PhotometricInterpretation="MONOCHROME1"))
    np.testing.assert_array_equal(found.array, series.array)
    assert found.inverted
    assert "MONOCHROME1" in notes(found)


def test_without_place(tmp_path: Path, new_series) -> None:
    series = new_series(count=3)
    series.write(tmp_path, ImagePositionPatient=None, ImageOrientationPatient=None)
    found = read_contents(tmp_path)
    np.testing.assert_array_equal(found.array, series.array)
    assert found.axes == ("frame", "y", "x")
    assert found.units == ("", "mm", "mm")
    np.testing.assert_array_equal(np.diag(found.affine), [1, 0.5, 0.75, 1])
    assert "does not say where in the body" in notes(found)


def test_mosaics_are_not_taken_for_slices(tmp_path: Path, new_series) -> None:
    found = read_contents(new_series().write(tmp_path, ImageType=["ORIGINAL", "MOSAIC"]))
    assert found.axes == ("frame", "y", "x")
    assert "dcm2niix" in notes(found)


def test_different_frames_of_reference(tmp_path: Path, new_series) -> None:
    series = new_series(count=4)
    for index in range(4):
        dataset = series.dataset(index, FrameOfReferenceUID=f"1.2.{index // 2}")
        dataset.save_as(tmp_path / f"{index}", enforce_file_format=True)
    assert "holds 2 series" in refusal(tmp_path)


# ------------------------------------------------------------------------- multi-frame


def test_multi_frame(tmp_path: Path, new_series, save_dicom) -> None:
    series = new_series(directions=(0, 1, 0, 0, 0, -1), step=(-2.5, 0, 0))
    path = save_dicom(series.enhanced(), tmp_path / "enhanced")
    found = read_contents(path)
    expected = [series.pixels(i).astype(int) * 2 + i for i in range(series.count)]
    np.testing.assert_array_equal(found.array, expected)
    np.testing.assert_allclose(found.affine, series.affine)
    assert read_header(path).shape == found.array.shape


def test_multi_frame_with_time(tmp_path: Path, new_series, save_dicom) -> None:
    series = new_series(count=4)
    dataset = series.enhanced()
    for index, frame in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        content = Dataset()
        content.TemporalPositionIndex = index % 2 + 1
        frame.FrameContentSequence = Sequence([content])
        frame.PlanePositionSequence[0].ImagePositionPatient = series.position(index // 2)
    found = read_contents(save_dicom(dataset, tmp_path / "enhanced.dcm"))
    assert found.array.shape == (2, 2, 4, 6)
    assert found.axes == ("time", "z", "y", "x")


def test_stacks_of_a_file_are_series(tmp_path: Path, new_series, save_dicom) -> None:
    dataset = new_series(count=4).enhanced()
    for index, frame in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        content = Dataset()
        content.StackID = str(index // 2)
        frame.FrameContentSequence = Sequence([content])
    path = save_dicom(dataset, tmp_path / "stacks.dcm")
    assert "holds 2 series" in refusal(path)
    assert len(read_contents(Path(f"{path}#2")).array) == 2


def test_multi_frame_without_geometry(tmp_path: Path, new_series, save_dicom) -> None:
    """A position for the file says nothing of its frames."""
    series = new_series(count=5)
    dataset = series.dataset(0, NumberOfFrames=5, FrameTime="40")
    dataset.PixelData = series.array.tobytes()
    found = read_contents(save_dicom(dataset, tmp_path / "film.dcm"))
    np.testing.assert_array_equal(found.array, series.array)
    assert found.axes == ("t", "y", "x")
    assert found.units == ("s", "mm", "mm")
    assert found.affine[0, 0] == pytest.approx(0.04)
    assert "does not say where in the body" in notes(found)


# ------------------------------------------------------------------------- segmentations


def segmentation(series, frames: list[tuple[int, int]], masks: np.ndarray):
    """A file of 1-bit pictures: (slice, segment) each."""
    dataset = series.enhanced()
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.66.4"
    dataset.SegmentationType = "BINARY"
    dataset.BitsAllocated = dataset.BitsStored = 1
    dataset.HighBit = 0
    groups, items = [], []
    for index, number in frames:
        frame, position, identity = Dataset(), Dataset(), Dataset()
        position.ImagePositionPatient = series.position(index)
        identity.ReferencedSegmentNumber = number
        frame.PlanePositionSequence = Sequence([position])
        frame.SegmentIdentificationSequence = Sequence([identity])
        groups.append(frame)
    for number, name in ((1, "liver"), (2, "spleen")):
        item = Dataset()
        item.SegmentNumber, item.SegmentLabel = number, name
        items.append(item)
    dataset.SegmentSequence = Sequence(items)
    dataset.PerFrameFunctionalGroupsSequence = Sequence(groups)
    dataset.NumberOfFrames = len(frames)
    packed = np.packbits(masks.ravel().astype(np.uint8), bitorder="little").tobytes()
    dataset.PixelData = packed + b"\0" * (len(packed) % 2)
    return dataset


def test_segments_become_labels(tmp_path: Path, new_series, save_dicom) -> None:
    series = new_series(count=6)
    frames = [(1, 1), (2, 1), (4, 2), (5, 2)]
    masks = np.zeros((4, 4, 6), bool)
    masks[:2, :2], masks[2:, 2:] = True, True
    found = read_contents(save_dicom(segmentation(series, frames, masks), tmp_path / "seg.dcm"))
    expected = np.zeros((5, 4, 6), np.uint8)
    expected[:2, :2], expected[3:, 2:] = 1, 2
    np.testing.assert_array_equal(found.array, expected)
    assert found.labels
    assert dict(found.names) == {1: "liver", 2: "spleen"}
    np.testing.assert_allclose(found.affine[:3, 3], series.position(1)[::-1])
    np.testing.assert_allclose(found.affine[:, :3], series.affine[:, :3])
    assert "1 slices without any segment" in notes(found)


def test_overlapping_segments_lie_apart(tmp_path: Path, new_series, save_dicom) -> None:
    series = new_series(count=2)
    frames = [(0, 1), (1, 1), (0, 2), (1, 2)]
    masks = np.ones((4, 4, 6), bool)
    found = read_contents(save_dicom(segmentation(series, frames, masks), tmp_path / "seg.dcm"))
    assert found.axes == ("segment", "z", "y", "x")
    np.testing.assert_array_equal(found.array[:, 0, 0, 0], [1, 2])
    assert "overlap in 48 voxels" in notes(found)


# ------------------------------------------------------------------------- discs


def test_dicomdir(packaged: Path) -> None:
    disc = packaged / "dicomdirtests"
    message = refusal(disc / "DICOMDIR")
    assert "holds 24 series" in message
    found = read_contents(disc / "98892001" / "CT5N")
    assert found.array.shape == (5, 16, 16)
    assert found.affine[0, 0] == pytest.approx(2.5)


def test_dicomdir_of_missing_files(tmp_path: Path, packaged: Path) -> None:
    index = (packaged / "dicomdirtests" / "DICOMDIR").read_bytes()
    (tmp_path / "DICOMDIR").write_bytes(index)
    assert "holds no picture" in refusal(tmp_path / "DICOMDIR")


def test_pydicom_is_imported_when_a_file_is_read() -> None:
    code = "import sys, napari_convnet.data; assert 'pydicom' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
