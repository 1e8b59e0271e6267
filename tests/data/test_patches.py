"""Patches: where they are cut, what they hold, and that they never look out of their region."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_convnet.data import IGNORED
from napari_convnet.data.patches import MOST_PLACES, Field, Patch

SIZES = st.integers(1, 9)


@st.composite
def cut_cases(draw):
    """A volume, a region of it, the form of a patch, and labels."""
    rank = draw(st.integers(1, 3))
    size = tuple(draw(st.integers(2, 12)) for _ in range(rank))
    box = []
    for n in size:
        lo = draw(st.integers(0, n - 1))
        box.append((lo, draw(st.integers(lo + 1, n))))
    slices = rank == 3 and draw(st.booleans())
    if slices:
        shape = (draw(st.sampled_from([1, 3, 5])), draw(SIZES), draw(SIZES))
    else:
        shape = (draw(st.integers(1, 2)), *(draw(SIZES) for _ in range(rank)))
    seed = draw(st.integers(0, 99))
    return size, tuple(box), Patch(shape, slices), seed, draw(st.booleans()), draw(st.booleans())


@settings(deadline=None)
@given(cut_cases())
def test_no_voxel_from_outside_the_region_is_in_image_or_target(case):
    size, box, patch, seed, foreground, sparse = case
    rng = np.random.default_rng(seed)
    inside = np.zeros(size, bool)
    inside[tuple(slice(lo, hi) for lo, hi in box)] = True
    channels = 1 if patch.slices else patch.shape[0]
    image = np.where(inside, 1.0, np.nan)[None].repeat(channels, 0)
    target = rng.integers(-1 if sparse else 0, 3, size).astype(np.int8)
    target[~inside] = 99  # a label that must not be met
    field = Field(np.where(inside, target, 0).astype(np.int8), (box,), True, sparse)
    found, start = field.draw(patch.size, foreground, rng)
    assert found == box
    cut, labels = patch.image(image, box, start), patch.target(target, box, start)
    assert cut.shape == patch.shape
    assert labels.shape == patch.shape[1:]
    assert np.isfinite(cut).all()
    assert not (labels == 99).any()
    for (lo, hi), at, n in zip(box, start, patch.size, strict=True):
        assert at <= lo if n > hi - lo else lo <= at <= hi - n
        assert at + n > lo
        assert at < hi


@given(st.integers(0, 999))
def test_neighbouring_slices_are_channels_and_those_at_the_ends_repeat(seed):
    rng = np.random.default_rng(seed)
    image = np.arange(10.0)[None, :, None, None] + np.zeros((1, 10, 6, 7))
    box = ((2, 9), (0, 6), (0, 7))
    patch = Patch((5, 4, 4), slices=True)
    assert patch.size == (1, 4, 4)
    field = Field(np.zeros((10, 6, 7), np.int8), (box,), True)
    _, (z, *_) = field.draw(patch.size, False, rng)
    _, start = field.draw(patch.size, False, np.random.default_rng(seed))
    cut = patch.image(image, box, start)
    np.testing.assert_array_equal(cut[:, 0, 0], np.clip(np.arange(z - 2, z + 3), 2, 8))


def test_small_scans_are_padded_by_their_edge_and_what_is_added_does_not_count():
    image = np.arange(6.0).reshape(1, 2, 3)
    target = np.ones((2, 3), np.int8)
    patch, box = Patch((1, 4, 3)), ((0, 2), (0, 3))
    np.testing.assert_array_equal(
        patch.image(image, box, (-1, 0))[0], [[0, 1, 2], [0, 1, 2], [3, 4, 5], [3, 4, 5]]
    )
    np.testing.assert_array_equal(
        patch.target(target, box, (-1, 0))[:, 0], [IGNORED, 1, 1, IGNORED]
    )
    np.testing.assert_array_equal(
        patch.target(image, box, (-1, 0))[0, :, 1], [np.nan, 1, 4, np.nan]
    )


def test_foreground_patches_are_centred_on_each_class_as_often():
    target = np.zeros((40, 40, 40), np.int8)
    target[20, 20, 18:22] = 1  # 4 voxels
    target[5:15, 25:35, 10:30] = 2  # 2,000
    field = Field(target, (((0, 40),) * 3,), True)
    rng = np.random.default_rng(0)
    starts = [field.draw((8, 8, 8), True, rng)[1] for _ in range(300)]
    centres = [tuple(at + 4 for at in start) for start in starts]
    labels = [target[centre] for centre in centres]
    assert set(labels) == {1, 2}
    assert 120 < labels.count(1) < 180
    anywhere = [field.draw((8, 8, 8), False, rng)[1] for _ in range(300)]
    assert len({start[0] for start in anywhere}) == 33  # all of 0 to 32


def test_where_little_is_painted_every_patch_holds_some_of_it():
    target = np.full((60, 60), IGNORED, np.int8)
    target[3:6, 50:53] = 0
    target[40:42, 10:12] = 1
    field = Field(target, (((0, 60), (0, 60)),), True, every=True)
    assert field.sparse
    assert field.labelled == 13
    rng = np.random.default_rng(1)
    patch = Patch((1, 9, 9))
    seen = set()
    for i in range(60):
        box, start = field.draw((9, 9), bool(i % 2), rng)
        seen |= {int(v) for v in np.unique(patch.target(target, box, start)) if v >= 0}
        assert (patch.target(target, box, start) >= 0).any()
    assert seen == {0, 1}


def test_where_only_background_is_known_patches_go_there():
    target = np.full((60, 60), IGNORED, np.int8)
    target[50:52, 50:52] = 0
    field = Field(target, (((0, 60), (0, 60)),), True)
    for i in range(8):
        box, start = field.draw((9, 9), True, np.random.default_rng(i))
        assert (Patch((1, 9, 9)).target(target, box, start) == 0).any()


def test_of_a_large_class_enough_places_are_remembered_from_all_over():
    target = np.zeros((60, 120, 120), np.int8)
    target[10:, :, 60:] = 1
    boxes = (((0, 30), (0, 120), (0, 120)), ((30, 60), (0, 120), (0, 120)))
    (places,) = Field(target, boxes, True).foreground
    assert 0.9 * MOST_PLACES < len(places) <= MOST_PLACES
    assert (target[tuple(places.T)] == 1).all()
    assert set(places[:, 0]) == set(range(10, 60))
    again = Field(target, boxes, True).foreground[0]
    np.testing.assert_array_equal(places, again)


@settings(deadline=None)
@given(st.integers(1, 3), st.integers(0, 50))
def test_all_places_of_a_small_class_are_remembered(rank, seed):
    target = np.random.default_rng(seed).integers(-1, 4, (7,) * rank).astype(np.int8)
    field = Field(target, (((0, 7),) * rank,), True)
    labels = [label for label in range(1, 4) if (target == label).any()]
    for label, places in zip(labels, field.foreground, strict=True):
        np.testing.assert_array_equal(np.argwhere(target == label), places)
    assert field.labelled == (target >= 0).sum()
