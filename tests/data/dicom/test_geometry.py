"""Random oblique scans: every voxel is where it was put, in whatever order the files come."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_convnet.data.dicom.geometry import directions, order, place, plane, spread
from napari_convnet.data.readers import read_contents

numbers = st.floats(-200, 200, allow_nan=False).map(lambda x: round(x, 3))
spacings = st.floats(0.2, 8).map(lambda x: round(x, 4))
turns = st.tuples(*[st.floats(-1, 1)] * 4).filter(lambda q: np.linalg.norm(q) > 0.1)


def rotation(quaternion: tuple[float, ...]) -> np.ndarray:
    w, x, y, z = np.array(quaternion) / np.linalg.norm(quaternion)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


@st.composite
def scans(draw) -> dict:
    turn = rotation(draw(turns))
    distance, tilt = draw(spacings), draw(st.floats(-0.5, 0.5))
    return {
        "count": draw(st.integers(2, 9)),
        "directions": (*turn[:, 0], *turn[:, 1]),
        "spacing": (draw(spacings), draw(spacings)),
        "step": tuple(distance * turn[:, 2]),
        "origin": (draw(numbers), draw(numbers), draw(numbers)),
        "shear": tuple(tilt * distance * turn[:, 1]),
    }


@settings(deadline=None, max_examples=40)
@given(scan=scans(), shuffle=st.randoms(use_true_random=False), sheared=st.booleans())
def test_voxels_lie_where_the_files_say(new_series, scan, shuffle, sheared) -> None:
    shear = scan.pop("shear")
    if sheared:
        scan["step"] = tuple(np.add(scan["step"], shear))
    series = new_series(**scan)
    with tempfile.TemporaryDirectory() as folder:
        write_shuffled(series, Path(folder), shuffle)
        found = read_contents(Path(folder))
        expected = None if sheared else itk_corners(Path(folder))
    np.testing.assert_array_equal(found.array, series.array)
    np.testing.assert_allclose(found.affine, series.affine, atol=2e-5)
    assert (found.axes, found.units) == (("z", "y", "x"), ("mm", "mm", "mm"))
    slides = np.linalg.norm(shear) * (series.count - 1) * sheared
    if slides > 0.1:
        assert any("sheared" in note.text for note in found.notes) == (
            np.linalg.norm(shear) / np.linalg.norm(series.step) > 2e-4
        )
    if expected is not None:
        corners = np.array([[0, 0, 0, 1], [1, 2, 3, 1], [series.count - 1, 3, 5, 1]])
        np.testing.assert_allclose((corners @ found.affine.T)[:, :3], expected, atol=1e-3)


def write_shuffled(series, folder: Path, shuffle) -> None:
    """Neither the names of the files nor their numbers follow the slices."""
    names, instances = list(range(series.count)), list(range(series.count))
    shuffle.shuffle(names)
    shuffle.shuffle(instances)
    for index in range(series.count):
        dataset = series.dataset(index, InstanceNumber=instances[index])
        dataset.save_as(folder / f"image{names[index]}", enforce_file_format=True)


def itk_corners(folder: Path) -> np.ndarray:
    """Places of three voxels as SimpleITK has them, (S, P, L): right for even, unsheared slices."""
    itk = pytest.importorskip("SimpleITK")
    files = itk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder))
    image = itk.ReadImage(files)
    last = [size - 1 for size in image.GetSize()]
    places = [image.TransformIndexToPhysicalPoint(i) for i in ((0, 0, 0), (3, 2, 1), last)]
    return np.array(places)[:, ::-1]


@given(scan=scans(), shuffle=st.randoms(use_true_random=False))
def test_order_is_that_of_the_places(scan, shuffle) -> None:
    turn = directions(scan["directions"])
    positions = [np.array(scan["origin"]) + i * np.array(scan["step"]) for i in range(9)]
    mixed = list(range(9))
    shuffle.shuffle(mixed)
    found = order([positions[i] for i in mixed], turn[2])
    assert [mixed[place[0]] for place in found] == list(range(9))


@given(scan=scans(), missing=st.integers(1, 7))
def test_a_missing_slice_is_found(scan, missing) -> None:
    turn = directions(scan["directions"])
    kept = [i for i in range(9) if i != missing]
    found = spread([i * np.array(scan["step"]) for i in kept], turn[2])
    assert not found.is_even
    assert found.gaps == ((missing - 1, 1),)
    assert found.spacing == pytest.approx(np.linalg.norm(scan["step"]))


@given(scan=scans(), jitter=st.lists(st.floats(-0.004, 0.004), min_size=6, max_size=6))
def test_rounded_places_are_even(scan, jitter) -> None:
    turn = directions(scan["directions"])
    step = np.array(scan["step"])
    found = spread([(i + shift) * step for i, shift in enumerate(jitter)], turn[2])
    assert found.is_even
    assert found.gaps == ()


def test_slices_that_drift_are_not_even() -> None:
    heights = np.cumsum([1.0] * 200 + [1.009] * 200)
    found = spread([[0, 0, height] for height in heights], [0, 0, 1])
    assert found.deviation < 0.01
    assert found.displacement > 0.5
    assert not found.is_even


def test_tilt_is_measured() -> None:
    slide = np.tan(np.radians(15))
    found = spread([[0, i * slide, i] for i in range(10)], [0, 0, 1])
    assert found.tilt == pytest.approx(15)
    assert found.is_even
    assert found.is_sheared


@pytest.mark.parametrize(
    "values",
    [
        [1, 0, 0, 1, 0, 0],
        [2, 0, 0, 0, 1, 0],
        [0, 0, 0, 0, 0, 0],
        [1, 0, 0, 0, 1],
        [np.nan, 0, 0, 0, 1, 0],
        [np.inf, 0, 0, 0, 1, 0],
    ],
)
def test_what_are_no_directions(values) -> None:
    with pytest.raises(ValueError):
        directions(values)


def test_planes_have_names() -> None:
    assert plane(directions([1, 0, 0, 0, 1, 0])) == "axial"
    assert plane(directions([0, 1, 0, 0, 0, -1])) == "sagittal"
    assert plane(directions([0.8, 0, 0.6, 0, 1, 0])) == "oblique (axial)"


def test_left_is_left() -> None:
    """LPS: x grows towards the patient's left, as the last axis of the world does."""
    affine = place([0, 0, 0], directions([1, 0, 0, 0, 1, 0]), (1, 1), [0, 0, 1])
    np.testing.assert_array_equal(affine @ [0, 0, 1, 1], [0, 0, 1, 1])
