"""Geometry: what is read lies where nibabel and ITK say, and what is written is placed alike."""

from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from napari_convnet.data.contents import Contents
from napari_convnet.data.orientation import (
    canonical_turn,
    closest_canonical,
    corners,
    describe,
    lps_to_napari,
    napari_to_lps,
    napari_to_nibabel,
    nibabel_to_napari,
    shear_angle,
    with_leading_axes,
)
from napari_convnet.data.placement import check_same_place, resample_like, same_place
from napari_convnet.data.readers import read_contents
from napari_convnet.data.write import write_nifti, write_tiff
from napari_convnet.network.problems import UserError

sitk = pytest.importorskip("SimpleITK")

SHAPE = (5, 4, 3)  # z, y, x
VALUES = np.arange(60, dtype=np.int16).reshape(SHAPE)


@st.composite
def geometries(draw):
    """Direction, spacing and origin as ITK has them; mirrored ones among them."""
    turn = Rotation.random(random_state=draw(st.integers(0, 2**31))).as_matrix()
    if draw(st.booleans()):
        turn = np.eye(3)[list(draw(st.permutations(range(3))))]
    mirror = np.diag(draw(st.tuples(*[st.sampled_from([-1.0, 1.0])] * 3)))
    spacing = draw(st.tuples(*[st.floats(0.05, 20)] * 3))
    origin = draw(st.tuples(*[st.floats(-500, 500)] * 3))
    return turn @ mirror, np.array(spacing), np.array(origin)


def itk_image(direction, spacing, origin, values=VALUES):
    image = sitk.GetImageFromArray(values)
    image.SetDirection(np.ravel(direction).tolist())
    image.SetSpacing(list(spacing))
    image.SetOrigin(list(origin))
    return image


def itk_places(image) -> np.ndarray:
    """World places (S, P, L) of an ITK image's voxels in the order of its array (z, y, x)."""
    size = image.GetSize()
    places = [
        image.TransformIndexToPhysicalPoint((x, y, z))[::-1]
        for z in range(size[2])
        for y in range(size[1])
        for x in range(size[0])
    ]
    return np.array(places)


def nibabel_places(affine, shape=SHAPE) -> np.ndarray:
    z, y, x = np.indices(shape).reshape(3, -1)
    ras = nibabel.affines.apply_affine(affine, np.stack([x, y, z], axis=1))
    return (ras * [-1, -1, 1])[:, ::-1]


def places(affine, shape=SHAPE) -> np.ndarray:
    return nibabel.affines.apply_affine(affine, np.indices(shape).reshape(3, -1).T)


@settings(max_examples=60, deadline=None)
@given(geometries())
def test_random_geometries_agree_with_itk_and_nibabel(geometry) -> None:
    affine = lps_to_napari(*geometry)
    np.testing.assert_allclose(places(affine), itk_places(itk_image(*geometry)), atol=1e-6, rtol=0)
    np.testing.assert_allclose(
        places(affine), nibabel_places(napari_to_nibabel(affine)), atol=1e-6, rtol=0
    )
    np.testing.assert_allclose(nibabel_to_napari(napari_to_nibabel(affine)), affine, atol=1e-9)
    for given_, back in zip(geometry, napari_to_lps(affine), strict=True):
        np.testing.assert_allclose(back, given_, atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(geometries(), st.sampled_from([".nrrd", ".mha", ".nii.gz"]))
def test_files_of_random_geometries_lie_where_itk_wrote_them(tmp_path_factory, geometry, suffix):
    path = tmp_path_factory.mktemp("scan") / f"scan{suffix}"
    image = itk_image(*geometry)
    sitk.WriteImage(image, str(path))
    found = read_contents(path)
    np.testing.assert_array_equal(found.array, VALUES)
    # NIfTI holds 32-bit numbers.
    atol = 1e-3 if suffix == ".nii.gz" else 1e-6
    np.testing.assert_allclose(places(found.affine), itk_places(image), atol=atol, rtol=0)
    if suffix == ".nii.gz":
        image = nibabel.load(path)
        np.testing.assert_allclose(
            places(found.affine), nibabel_places(image.affine), atol=1e-6, rtol=0
        )
    assert found.axes == ("z", "y", "x")
    assert found.units == ("mm",) * 3


@settings(max_examples=25, deadline=None)
@given(geometries(), st.sampled_from([".nii", ".nii.gz"]))
def test_written_nifti_is_placed_alike_by_nibabel_and_itk(tmp_path_factory, geometry, suffix):
    path = tmp_path_factory.mktemp("scan") / f"scan{suffix}"
    affine = lps_to_napari(*geometry)
    assert write_nifti(path, VALUES, affine) == ()
    by_nibabel, by_itk = nibabel.load(path), sitk.ReadImage(str(path))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(by_itk), VALUES)
    np.testing.assert_array_equal(np.asarray(by_nibabel.dataobj).T, VALUES)
    np.testing.assert_allclose(nibabel_places(by_nibabel.affine), places(affine), atol=2e-4)
    np.testing.assert_allclose(itk_places(by_itk), places(affine), atol=2e-4)
    # Some programs take the q-form.
    np.testing.assert_allclose(nibabel_places(by_nibabel.get_qform()), places(affine), atol=5e-4)
    assert read_contents(path).notes == ()


@settings(max_examples=60, deadline=None)
@given(geometries(), st.floats(-0.3, 0.3), st.integers(0, 2))
def test_canonical_axes_move_no_voxel(geometry, shear, lead) -> None:
    affine = lps_to_napari(*geometry)
    affine[:3, :3] = affine[:3, :3] @ np.array([[1, shear, 0], [0, 1, 0], [0, 0, 1]])
    shape = (2,) * lead + SHAPE
    values = np.arange(np.prod(shape)).reshape(shape)
    affine = with_leading_axes(affine, lead)
    turned, moved = closest_canonical(values, affine)

    def placed(array, matrix):
        index = np.indices(array.shape).reshape(array.ndim, -1).T
        world = nibabel.affines.apply_affine(matrix, index)
        return world[np.argsort(array.ravel())]

    np.testing.assert_allclose(placed(turned, moved), placed(values, affine), atol=1e-9)
    again = canonical_turn(moved)
    assert again.is_identity
    # As many axes point the right way as nibabel's own reordering achieves.
    assert (np.diag(moved)[lead : lead + 3] > 0).all()


def test_canonical_axes_of_colours_stay_last() -> None:
    colours = np.zeros((*SHAPE, 3), np.uint8)
    affine = np.diag([-1.0, 1, 1, 1])[:, [2, 1, 0, 3]]
    assert closest_canonical(colours, affine)[0].shape == (3, 4, 5, 3)


def test_words_for_geometry() -> None:
    turn = Rotation.from_euler("x", 12, degrees=True).as_matrix()
    affine = lps_to_napari(turn, (1, 1, 3), (0, 0, 0))
    assert describe(affine) == "3 x 1 x 1 mm (z, y, x), tilted by 12 degrees"
    affine[1, 0] += 0.3
    assert shear_angle(affine) > 1
    assert "sheared by" in describe(affine)


def test_the_left_hand_stays_left(tmp_path: Path) -> None:
    # A bright voxel far to the patient's left, stored in either direction of x.
    for sign in (-1, 1):
        values = np.zeros((10, 3, 3), np.uint8)
        ras = np.diag([sign * 2.0, 2, 2, 1])
        ras[0, 3] = -sign * 9.0
        values[0 if sign > 0 else 9] = 1
        nibabel.save(nibabel.Nifti1Image(values, ras), tmp_path / "scan.nii")
        found = read_contents(tmp_path / "scan.nii")
        bright = np.argwhere(found.array)[0]
        assert nibabel.affines.apply_affine(found.affine, bright)[2] == 9  # L


# -- the same place --


def scan(affine=None, shape=SHAPE, **more) -> Contents:
    values = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    affine = np.diag([2.0, 1, 1, 1]) if affine is None else affine
    return Contents(values, affine=affine, units=("mm",) * 3, **more)


def test_the_same_place_and_another() -> None:
    moved = np.diag([2.0, 1, 1, 1])
    moved[2, 3] = 5
    assert same_place(scan(), scan())
    assert not same_place(scan(), scan(moved))
    with pytest.raises(UserError) as caught:
        check_same_place(scan(), scan(moved))
    text = str(caught.value)
    assert "up to 5 mm apart" in text
    assert "the image: 5x4x3 voxels of 2 x 1 x 1 mm (z, y, x), from 0, 0, 0" in text
    assert "the labels: 5x4x3 voxels of 2 x 1 x 1 mm (z, y, x), from 0, 0, 5" in text
    with pytest.raises(UserError, match="5x4x3 voxels against 5x4x4"):
        check_same_place(scan(), scan(shape=(5, 4, 4)))
    with pytest.raises(UserError, match="one is in mm, the other in pixel"):
        check_same_place(scan(), Contents(np.zeros(SHAPE)))


def test_a_mirrored_image_is_elsewhere() -> None:
    mirrored = np.diag([2.0, 1, -1, 1])
    mirrored[2, 3] = 2
    assert not same_place(scan(), scan(mirrored))


def test_further_axes_and_colours_do_not_count() -> None:
    series = Contents(
        np.zeros((7, *SHAPE)), affine=with_leading_axes(np.diag([2.0, 1, 1, 1]), 1),
        units=("pixel", "mm", "mm", "mm"),
    )  # fmt: skip
    colours = Contents(
        np.zeros((*SHAPE, 3)), rgb=True, affine=np.diag([2.0, 1, 1, 1]), units=("mm",) * 3
    )
    assert same_place(scan(), series)
    assert same_place(colours, series)


def test_resampling_to_the_same_voxels_changes_nothing() -> None:
    turn = Rotation.from_euler("xyz", (10, 20, 30), degrees=True).as_matrix()
    affine = lps_to_napari(turn, (1, 1.5, 3), (10, 20, 30))
    out = resample_like(scan(affine), scan(affine))
    np.testing.assert_allclose(out.array, scan().array, atol=1e-4)
    labels = Contents(VALUES, affine=affine, units=("mm",) * 3, labels=True)
    same = resample_like(labels, scan(affine))
    np.testing.assert_array_equal(same.array, VALUES)
    assert same.array.dtype == VALUES.dtype
    assert [note.kind for note in same.notes] == ["note"]


@pytest.mark.parametrize("labels", [False, True])
def test_resampling_agrees_with_itk(labels: bool) -> None:
    rng = np.random.default_rng(3)
    values = rng.integers(0, 5, (9, 8, 7)).astype(np.int16 if labels else np.float32)
    turn = Rotation.from_euler("xyz", (3, 20, 30), degrees=True).as_matrix()
    own, wanted = (turn, (1, 1.5, 2), (-3, 1, 2)), (np.eye(3), (0.9, 0.8, 1.1), (-2, 3, 4))
    image = itk_image(*own, values)
    frame = itk_image(*wanted, np.zeros((9, 8, 10), np.float32))
    how = sitk.sitkNearestNeighbor if labels else sitk.sitkLinear
    theirs = sitk.GetArrayFromImage(sitk.Resample(image, frame, sitk.Transform(), how, -1.0))
    units = ("mm",) * 3
    contents = Contents(values, affine=lps_to_napari(*own), units=units, labels=labels)
    reference = Contents(
        np.zeros((9, 8, 10)), affine=lps_to_napari(*wanted), units=units, labels=labels
    )
    out = resample_like(contents, reference)
    assert same_place(out, reference)
    # ITK also fills half a voxel around the array; within it both must agree.
    index = nibabel.affines.apply_affine(
        np.linalg.solve(contents.affine, reference.affine), np.indices((9, 8, 10)).reshape(3, -1).T
    )
    inside = ((index >= 0) & (index <= np.array(values.shape) - 1)).all(axis=1)
    assert 50 < inside.sum() < inside.size
    np.testing.assert_allclose(out.array.ravel()[inside], theirs.ravel()[inside], atol=1e-4)
    (note,) = out.notes
    assert note.kind == "warning"
    assert f"{1 - inside.mean():.1%} of them lie outside" in note.text


def test_resampling_far_away_is_refused() -> None:
    far = np.diag([2.0, 1, 1, 1])
    far[0, 3] = 1000
    with pytest.raises(UserError, match="do not overlap"):
        resample_like(scan(), scan(far))


# -- writing --


def test_written_labels_come_back_as_labels(tmp_path: Path) -> None:
    values = np.zeros(SHAPE, np.int64)
    values[2] = 3
    assert write_nifti(tmp_path / "x.nii.gz", values, np.diag([3.0, 1, 1, 1]), labels=True) == ()
    found = read_contents(tmp_path / "x.nii.gz")
    assert found.labels
    assert found.notes == ()
    assert found.array.dtype == np.uint8
    np.testing.assert_array_equal(found.array, values)


def test_a_sheared_array_is_written_with_a_warning(tmp_path: Path) -> None:
    affine = np.diag([3.0, 1, 1, 1])
    affine[1, 0] = 0.4
    (note,) = write_nifti(tmp_path / "x.nii", VALUES, affine)
    assert note.kind == "warning"
    assert "sheared by 7.59 degrees, which only NIfTI's s-form can hold" in note.text
    found = read_contents(tmp_path / "x.nii")
    np.testing.assert_allclose(found.affine, affine, atol=1e-6)
    assert ["sheared" in note.text for note in found.notes] == [True]


def test_further_axes_and_colours_are_written(tmp_path: Path) -> None:
    series = np.arange(120, dtype=np.float32).reshape(2, *SHAPE)
    affine = with_leading_axes(np.diag([3.0, 1, 1, 1]), 1)
    write_nifti(tmp_path / "series.nii.gz", series, affine)
    found = read_contents(tmp_path / "series.nii.gz")
    np.testing.assert_array_equal(found.array, series)
    np.testing.assert_array_equal(found.affine, affine)
    colours = np.arange(180, dtype=np.uint8).reshape(*SHAPE, 3)
    write_nifti(tmp_path / "colours.nii.gz", colours, affine[1:, 1:], rgb=True)
    found = read_contents(tmp_path / "colours.nii.gz")
    assert found.rgb
    np.testing.assert_array_equal(found.array, colours)
    np.testing.assert_array_equal(found.affine, affine[1:, 1:])


def test_other_units_and_far_places(tmp_path: Path) -> None:
    write_nifti(tmp_path / "x.nii", VALUES, np.diag([3.0, 1, 1, 1]), unit="um")
    assert read_contents(tmp_path / "x.nii").affine[0, 0] == pytest.approx(0.003)
    (note,) = write_nifti(tmp_path / "x.nii", VALUES, np.eye(4), unit="pixel")
    assert "the unit pixel is no length" in note.text
    far = np.diag([0.001, 0.001, 0.001, 1])
    far[0, 3] = 12345.6789
    notes = write_nifti(tmp_path / "x.nii", VALUES, far)
    assert "32-bit numbers place the voxels up to" in notes[-1].text


@pytest.mark.parametrize(
    ("name", "array", "affine", "text"),
    [
        ("x.png", VALUES, np.eye(4), "is no name for a NIfTI file; let it end in .nii.gz"),
        ("x.nii", VALUES.astype(complex), np.eye(4), "holds complex numbers"),
        ("x.nii", VALUES, np.diag([0.0, 1, 1, 1]), "does not place the array"),
        ("x.nii", VALUES, np.eye(6), "too large for the array"),
        ("x.nii", np.zeros((1, 1, 40000), np.uint8), np.eye(4), "does not fit into a NIfTI file"),
        ("no/x.nii", VALUES, np.eye(4), "cannot write"),
    ],
)
def test_what_cannot_be_written(tmp_path: Path, name, array, affine, text) -> None:
    with pytest.raises(UserError) as caught:
        write_nifti(tmp_path / name, array, affine)
    assert text in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.int32, bool, np.int64])
@pytest.mark.parametrize("lead", [0, 1])
def test_written_tiff_keeps_values_and_distances(tmp_path: Path, dtype, lead) -> None:
    values = (np.arange(120).reshape(2, *SHAPE) % 7).astype(dtype)[slice(None) if lead else 0]
    affine = with_leading_axes(np.diag([3.0, 0.5, 0.25, 1]), lead)
    axes = ("t", "z", "y", "x")[1 - lead :]
    notes = write_tiff(tmp_path / "x.tif", values, affine, unit="mm", axes=axes)
    assert notes == ()
    found = read_contents(tmp_path / "x.tif")
    np.testing.assert_array_equal(found.array, values)
    np.testing.assert_allclose(found.affine, affine, rtol=1e-6)
    assert found.axes == axes
    assert found.units == ("pixel",) * lead + ("mm",) * 3


def test_what_a_tiff_cannot_hold_is_told(tmp_path: Path) -> None:
    turn = Rotation.from_euler("x", 12, degrees=True).as_matrix()
    affine = lps_to_napari(turn, (1, 1, 3), (7, 8, 9))
    tilted, elsewhere = write_tiff(tmp_path / "x.tif", VALUES, affine, unit="mm")
    assert "not their direction (3 x 1 x 1 mm (z, y, x), tilted by 12 degrees)" in tilted.text
    assert "does not hold where the first voxel lies (9, 8, 7)" in elsewhere.text


def test_corners_are_those_of_the_array() -> None:
    found = corners((3, 2), np.diag([2.0, 1, 1]))
    assert sorted(map(tuple, found)) == [(0, 0), (0, 1), (4, 0), (4, 1)]
