"""Augmentation of recordings: the ears stay together, and left and right are kept apart."""

import numpy as np
import pytest

from napari_convnet.data import augment, recordings
from napari_convnet.data.augmentation import IGNORED, mirrored_classes
from napari_convnet.document.settings import parse_list
from napari_convnet.network.problems import UserError

pytest.importorskip("soundfile")

SIDES = ("left", "centre", "right")


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def batch() -> np.ndarray:
    """(B, ear, t): the beginnings of recordings in stereo."""
    return np.stack([each.array[:, :2000] for each in recordings("beat")])


def test_delay_moves_both_ears_alike_and_lets_silence_in(batch) -> None:
    out = augment(batch, parse_list("delay 300"), rng())
    delays = rng().integers(-300, 300, len(batch), endpoint=True)
    assert delays.min() < 0 < delays.max()
    for before, after, delay in zip(batch, out, delays, strict=True):
        wanted = np.roll(before, delay, -1)
        wanted[:, slice(0, delay) if delay > 0 else slice(2000 + delay, 2000)] = 0
        np.testing.assert_array_equal(after, wanted)
    ears_as_an_axis = augment(batch[:, None], parse_list("delay 300"), rng())
    np.testing.assert_array_equal(ears_as_an_axis[:, 0], out)


def test_delay_moves_labels_and_what_shall_be_made(batch) -> None:
    labels = np.tile(np.arange(2000) // 500, (len(batch), 1))
    out, moved = augment(batch, parse_list("delay 300"), rng(), labels)
    delays = rng().integers(-300, 300, len(batch), endpoint=True)
    for after, delay in zip(moved, delays, strict=True):
        inside = np.arange(2000) - delay
        there = (inside >= 0) & (inside < 2000)
        np.testing.assert_array_equal(after[there], inside[there] // 500)
        assert (after[~there] == IGNORED).all()
    _, target = augment(batch, parse_list("delay 300, gain 6"), rng(), batch[:, :1].copy())
    again = augment(batch, parse_list("delay 300, gain 6"), rng())
    np.testing.assert_array_equal(target, again[:, :1])
    assert (out != batch).any()


def test_gain_is_in_decibels_and_the_same_for_both_ears(batch) -> None:
    many = np.tile(batch[:1], (300, 1, 1))
    out = augment(many, parse_list("gain 6"), rng())
    factors = out.std(-1) / many.std(-1)
    np.testing.assert_allclose(factors[:, 0], factors[:, 1], rtol=1e-5)
    assert 1.9 < factors.max() < 2
    assert 0.5 < factors.min() < 0.53


@pytest.mark.parametrize("axis", [1, 2])
def test_swapped_ears_swap_left_and_right(batch, axis) -> None:
    heard = batch if axis == 1 else batch[:, None]
    classes = np.arange(len(batch)) % 3
    out, turned = augment(heard, parse_list("swap .5"), rng(), classes, classes=SIDES)
    swapped = rng().random(len(batch)) < 0.5
    assert 0 < swapped.sum() < len(batch)
    np.testing.assert_array_equal(out[~swapped], heard[~swapped])
    np.testing.assert_array_equal(out[swapped], np.flip(heard, axis)[swapped])
    np.testing.assert_array_equal(turned, np.where(swapped, 2 - classes, classes))
    # Kinds of sound have no side.
    kinds = ("ambient", "bass", "beat")
    same = augment(heard, parse_list("swap .5"), rng(), classes, classes=kinds)[1]
    np.testing.assert_array_equal(same, classes)


def test_labels_along_time_swap_their_sides(batch) -> None:
    labels = np.tile(np.array([0, 1, 2, IGNORED]).repeat(500), (len(batch), 1))
    turned = augment(batch, parse_list("swap 1"), rng(), labels, classes=SIDES)[1]
    np.testing.assert_array_equal(turned[0, ::500], [2, 1, 0, IGNORED])
    pair = augment(batch, parse_list("swap 1"), rng(), batch.copy())
    np.testing.assert_array_equal(pair[1], pair[0])


def test_classes_of_one_side_cannot_swap(batch) -> None:
    assert mirrored_classes(("Left hand", "head", "Right hand")) == (2, 1, 0)
    assert mirrored_classes(("bright", "leftover")) == ()
    with pytest.raises(UserError, match="makes of left right, which is not among the classes"):
        augment(batch, parse_list("swap"), rng(), classes=("left", "not left"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("delay 3", "delay is for recordings; write shift for volumes"),
        ("swap", "swap is for recordings; write flip for volumes"),
    ],
)
def test_volumes_are_no_recordings(text, words) -> None:
    with pytest.raises(UserError, match=words):
        augment(np.zeros((1, 1, 4, 4, 4), np.float32), parse_list(text), rng())


def test_recordings_take_what_images_take_but_turns(batch) -> None:
    out = augment(batch, parse_list("shift 5, flip, noise .1, scale .1, smooth 1"), rng())
    assert out.shape == batch.shape
    with pytest.raises(UserError, match="rotate needs images with two axes"):
        augment(batch, parse_list("rotate 5"), rng())
