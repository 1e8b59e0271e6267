"""Resampling to a spacing: nothing moves in the world, labels stay labels; advice where uneven."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_convnet.data import Sample, abdomen, to_spacing
from napari_convnet.data.spacing import grid, proposed_kernels, resample_image, resample_labels
from napari_convnet.network import UserError

RATIOS = st.lists(st.floats(0.3, 4), min_size=1, max_size=3)


@settings(deadline=None)
@given(RATIOS, st.integers(0, 99))
def test_the_middle_of_a_scan_stays_and_a_ramp_stays_a_ramp(ratios, seed):
    size = tuple(np.random.default_rng(seed).integers(6, 14, len(ratios)).tolist())
    new, matrix = grid(size, ratios)
    middle = np.append((np.array(new) - 1) / 2, 1)
    np.testing.assert_allclose(matrix @ middle, [*((np.array(size) - 1) / 2), 1], atol=1e-12)
    for n, m, ratio in zip(size, new, ratios, strict=True):
        assert m == max(1, round(n / ratio))
    # Along each axis the value at a new voxel is the old index there, but where it is smoothed at
    # the border or lies beyond.
    ramp = np.indices(size).astype(np.float32)
    found = resample_image(ramp, ratios)
    assert found.shape == (len(size), *new)
    wanted = np.indices(new) * np.diag(matrix)[:-1].reshape(-1, *(1,) * len(new))
    wanted = wanted + matrix[:-1, -1].reshape(-1, *(1,) * len(new))
    for axis, ratio in enumerate(ratios):
        edge = 4 * max(0.0, (ratio - 1) / 2) + 1
        inner = (wanted[axis] > edge) & (wanted[axis] < size[axis] - 1 - edge)
        np.testing.assert_allclose(found[axis][inner], wanted[axis][inner], atol=1e-3)


@given(RATIOS, st.integers(0, 99))
def test_labels_take_the_nearest_voxels_and_no_others(ratios, seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(-1, 5, rng.integers(3, 12, len(ratios))).astype(np.int8)
    found = resample_labels(labels, ratios)
    assert found.dtype == labels.dtype
    new, matrix = grid(labels.shape, ratios)
    assert found.shape == new
    at = np.array([int(rng.integers(n)) for n in new])
    old = matrix[:-1, :-1] @ at + matrix[:-1, -1]
    near = np.clip(np.rint(old), 0, np.array(labels.shape) - 1).astype(int)
    assert found[tuple(at)] == labels[tuple(near)]


def a_sample(spacing=(3.0, 3.0, 3.0), unit="mm"):
    array = np.asarray(abdomen()[0].array)[None].astype(np.float32)
    return Sample(array, np.diag([*spacing, 1.0]), (unit,) * 3, ("z", "y", "x"), "ct.nii.gz")


def test_a_real_scan_covers_the_same_place_after_resampling():
    sample = a_sample()
    found = to_spacing(sample, (6.0, 3.0, 1.5))
    assert found.shape == (1, 56, 101, 244)
    np.testing.assert_allclose(np.diag(found.affine), [6, 3, 1.5, 1])
    centres = [s.affine @ np.append((np.array(s.shape[1:]) - 1) / 2, 1) for s in (sample, found)]
    np.testing.assert_allclose(*centres)
    assert abs(found.array.mean() - sample.array.mean()) < 5
    assert to_spacing(sample, (3.0,)) is sample
    assert to_spacing(sample, None) is sample
    assert to_spacing(a_sample((3e3,) * 3, "um"), (3.0,)).shape == sample.shape


def test_spacing_needs_to_know_the_size_of_voxels():
    with pytest.raises(UserError) as caught:
        to_spacing(a_sample(unit="pixel"), (1.0,))
    assert str(caught.value) == (
        "spacing: ct.nii.gz does not say how large its voxels are (it is in pixel); "
        "leave spacing: out, or save it with its voxel size in mm"
    )
    with pytest.raises(UserError) as caught:
        to_spacing(a_sample(), (1.0, 2.0))
    assert str(caught.value) == (
        "spacing: 1x2 has 2 numbers for 3 axes; write one number, or 3 joined by x"
    )


def test_kernels_are_proposed_where_voxels_are_uneven():
    assert proposed_kernels((3, 3, 3)) is None
    assert proposed_kernels((2, 1, 1)) is None
    assert proposed_kernels((2.5, 1, 1)) == ("1x3x3", 1)
    assert proposed_kernels((5, 0.7, 0.7)) == ("1x3x3", 3)
    assert proposed_kernels((1, 4, 1)) == ("3x1x3", 2)
