"""Augmentation: what moves, what stays, and what the numbers may be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_convnet.data import AUGMENTATIONS, augment, augmentations, digits, head, photograph
from napari_convnet.data.augmentation import IGNORED
from napari_convnet.data.augmentation.resampling import resampled, resampled_labels
from napari_convnet.document.settings import parse_list, parse_setting
from napari_convnet.network.problems import UserError

ALL = "shift 2, flip y .5 x .5, noise .1, rotate 20, scale .2"


def batch_of_digits(count: int = 64) -> np.ndarray:
    return digits()[0][:: 5000 // count][:count, None] / np.float32(255)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@given(
    st.lists(st.integers(4, 9), min_size=1, max_size=3),
    st.integers(0, 3),
    st.integers(1, 5),
    st.integers(1, 3),
    st.integers(0, 2**32),
)
def test_shift_moves_content_exactly_and_wraps_nothing(sizes, reach, count, channels, seed) -> None:
    batch = rng(seed).random((count, channels, *sizes), np.float32) + 1
    out = augment(batch, parse_list(f"shift {reach}"), rng(seed))
    # The draws of the same generator tell where each image went.
    starts = rng(seed).integers(0, 2 * reach, (count, len(sizes)), endpoint=True)
    for before, after, start in zip(batch, out, starts, strict=True):
        places = [
            np.clip(np.arange(n) + s - reach, 0, n - 1) for n, s in zip(sizes, start, strict=True)
        ]
        np.testing.assert_array_equal(after, before[np.ix_(range(channels), *places)])


def test_shift_reaches_as_far_as_it_says_and_evenly() -> None:
    batch = np.zeros((2000, 1, 9, 9), np.float32)
    batch[:, 0, 4, 4] = 1
    out = augment(batch, parse_list("shift 2"), rng())
    where = np.argwhere(out[:, 0])[:, 1:] - 4
    assert (out.sum((1, 2, 3)) == 1).all()
    counts = np.bincount((where[:, 0] + 2) * 5 + where[:, 1] + 2, minlength=25)
    assert counts.size == 25
    assert counts.min() > 40


def test_flip_is_left_right_unless_told() -> None:
    batch = batch_of_digits()
    out = augment(batch, parse_list("flip"), rng())
    flipped = np.array([not np.array_equal(a, b) for a, b in zip(out, batch, strict=True)])
    np.testing.assert_array_equal(out[flipped], batch[flipped, :, :, ::-1])
    assert 16 < flipped.sum() < 48
    always = augment(batch, parse_list("flip y 1"), rng())
    np.testing.assert_array_equal(always, batch[:, :, ::-1])
    np.testing.assert_array_equal(augment(batch, parse_list("flip 0"), rng()), batch)
    both = augment(batch, parse_list("flip y 1 x 1"), rng())
    np.testing.assert_array_equal(both, batch[:, :, ::-1, ::-1])


def test_noise_has_the_deviation_that_it_says() -> None:
    batch = np.zeros((64, 1, 28, 28), np.float32)
    out = augment(batch, parse_list("noise .05"), rng())
    assert out.dtype == np.float32
    assert abs(out.std() - 0.05) < 0.001
    assert abs(out.mean()) < 0.001


def test_rotate_turns_about_the_middle() -> None:
    image = np.zeros((1, 1, 41, 41), np.float32)
    image[0, 0, 20, 30] = 1
    out = augment(np.repeat(image, 200, 0), parse_list("rotate 30"), rng())[:, 0]
    y, x = np.indices((41, 41)) - 20
    angles = np.rad2deg(np.arctan2((out * y).sum((1, 2)), (out * x).sum((1, 2))))
    assert 25 < angles.max() < 31
    assert -31 < angles.min() < -25
    np.testing.assert_array_equal(augment(image, parse_list("rotate 0"), rng()), image)


def test_a_quarter_turn_is_exact() -> None:
    camera = photograph("camera")[None, None, ::8, ::8].astype(np.float32)
    turn = np.array([[[0.0, -1], [1, 0]]])
    turned = np.rot90(camera[0, 0], -1)
    np.testing.assert_allclose(resampled(camera, turn)[0, 0], turned, atol=3e-3)
    labels = camera[:, 0].astype(np.int64)
    np.testing.assert_array_equal(resampled_labels(labels, turn)[0], turned)


def test_volumes_turn_in_their_last_two_axes() -> None:
    y, x = np.indices((31, 31)) - 15
    volume = np.zeros((1, 1, 5, 31, 31), np.float32)
    volume[0, 0, 2] = np.exp(-(y**2 + x**2) / 50)
    out = augment(volume, parse_list("rotate 40"), rng())
    # What is round about the middle of its plane looks the same when turned.
    np.testing.assert_allclose(out, volume, atol=0.01)
    assert (out[0, 0, [0, 1, 3, 4]] == 0).all()


def test_scale_keeps_the_middle() -> None:
    y, x = np.indices((65, 65)) - 32
    disc = (np.hypot(y, x) < 15).astype(np.float32)[None, None]
    out = augment(np.repeat(disc, 200, 0), parse_list("scale .2"), rng())
    sides = np.sqrt(out.sum((1, 2, 3)) / disc.sum())
    assert 1.15 < sides.max() < 1.22
    assert 0.81 < sides.min() < 0.87
    assert (out[:, 0, 32, 32] == 1).all()


EVERYWHERE = (
    "shift 1, flip, noise .1, scale .3, intensity .2, intensity brightness .1, gamma .3, smooth 1, "
    "gain 6"
).split(", ")


@given(
    st.sampled_from(
        [(text, shape) for text in EVERYWHERE for shape in [(2, 7), (2, 5, 6), (3, 4, 5, 6)]]
        + [("rotate 45", shape) for shape in [(2, 5, 6), (3, 4, 5, 6), (1, 1, 5, 6)]]
        + [("rotate z 9 y 9 x 9", (2, 4, 5, 6)), ("swap", (2, 7)), ("swap", (3, 2, 9))]
        + [("delay 2", (2, 7)), ("delay 2", (1, 2, 9))]
    ),
    st.sampled_from([np.float32, np.float64]),
    st.integers(0, 3),
    st.integers(0, 1000),
)
def test_shape_type_and_finiteness_are_kept(case, dtype, count, seed) -> None:
    text, shape = case
    batch = rng(seed).normal(size=(count, *shape)).astype(dtype)
    before = batch.copy()
    out = augment(batch, parse_list(text), rng(seed))
    assert (out.shape, out.dtype) == (batch.shape, batch.dtype)
    assert np.isfinite(out).all()
    np.testing.assert_array_equal(batch, before)
    np.testing.assert_array_equal(out, augment(batch, parse_list(text), rng(seed)))
    if text.split()[0] in {"shift", "flip", "rotate", "scale", "gamma", "smooth", "swap"} and count:
        assert out.min() >= batch.min() - 1e-5
        assert out.max() <= batch.max() + 1e-5


@pytest.mark.parametrize(
    "text", ["shift 3", "flip y .5 x .5", "rotate 30", "rotate z 9 y 9 x 20", "scale .3"]
)
def test_labels_go_where_the_image_goes(text) -> None:
    image, tissues = (each.array[60:100:2, 80:140:2, 60:130:2] for each in head())
    labels = np.stack([tissues, tissues[:, ::-1]]).astype(np.int64)
    # An image that shows its own labels says where they must be.
    out, moved = augment(labels[:, None].astype(np.float32), parse_list(text), rng(3), labels)
    known = moved != IGNORED
    assert known.mean() > 0.5
    assert (np.rint(out[:, 0]) == moved)[known].mean() > 0.93
    assert set(np.unique(moved)) <= {IGNORED, 0, 1, 2}
    assert (moved != labels).any()
    # The same draw whether labels come along or not; a target that is an image moves as one.
    batch = np.stack([image, image[:, ::-1]])[:, None].astype(np.float32)
    alone = augment(batch, parse_list(text), rng(3))
    both, target = augment(batch, parse_list(text), rng(3), batch.copy())
    np.testing.assert_array_equal(both, alone)
    np.testing.assert_array_equal(target, alone)


def test_values_that_change_leave_targets_alone() -> None:
    batch = batch_of_digits(8)
    labels = (batch[:, 0] > 0.5).astype(np.int64)
    settings = parse_list("noise .1, intensity .2, gamma .2, smooth 1")
    out, same = augment(batch, settings, rng(), labels)
    assert same is labels
    assert (out != batch).any()
    classes = np.arange(8)
    assert augment(batch, parse_list("flip, shift 2, rotate 9"), rng(), classes)[1] is classes


def test_a_turn_is_a_turn_where_voxels_are_no_cubes() -> None:
    z, y, x = np.indices((9, 31, 31)) - np.array([4, 15, 15])[:, None, None, None]
    ball = np.exp(-((4 * z) ** 2 + y**2 + x**2) / 60).astype(np.float32)[None, None]
    turn = parse_list("rotate y 90")
    out = augment(ball, turn, rng(0), spacing=(4, 1, 1))
    np.testing.assert_allclose(out, ball, atol=0.05)
    assert np.abs(augment(ball, turn, rng(0)) - ball).max() > 0.3


def test_a_whole_word_of_turns_is_one_turn_about_each_axis() -> None:
    volume = rng().normal(size=(1, 1, 7, 7, 7)).astype(np.float32)
    volume = augment(volume, parse_list("smooth 2"), rng())
    plain = augment(volume, parse_list("rotate 40"), rng(5))
    np.testing.assert_array_equal(plain, augment(volume, parse_list("rotate z 40"), rng(5)))
    np.testing.assert_allclose(augment(volume, parse_list("rotate z 0 x 0"), rng()), volume)


def test_intensity_changes_contrast_and_brightness() -> None:
    batch = np.tile(batch_of_digits(1), (500, 1, 1, 1)) * 3 + 1
    out = augment(batch, parse_list("intensity contrast .5 brightness .2"), rng())
    factors = out.std((1, 2, 3)) / batch.std((1, 2, 3))
    assert 1.45 < factors.max() < 1.51
    assert 0.66 < factors.min() < 0.69
    moved = (out.mean((1, 2, 3)) - batch.mean((1, 2, 3))) / batch.std((1, 2, 3))
    assert 0.19 < moved.max() < 0.201
    assert -0.201 < moved.min() < -0.19


def test_gamma_and_smooth() -> None:
    batch = np.tile(np.linspace(-1, 1, 101, dtype=np.float32), (200, 1, 1))
    bent = augment(batch, parse_list("gamma .5"), rng())
    np.testing.assert_allclose(bent[..., [0, -1]], batch[..., [0, -1]], atol=1e-4)
    assert bent[:, 0, 50].min() < -0.2 < 0.2 < bent[:, 0, 50].max()
    step = np.repeat(np.float32([0, 1]), 50)[None, None]
    soft = augment(step, parse_list("smooth 3"), rng())
    assert 0 < soft[0, 0, 48] < 0.5 < soft[0, 0, 51] < 1
    # The edge goes on outside.
    np.testing.assert_allclose(soft[0, 0, [0, -1]], [0, 1], atol=1e-4)


def test_no_settings_give_the_batch_itself() -> None:
    batch = batch_of_digits()
    assert augment(batch, (), rng()) is batch


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("shfit 2", 'unknown word "shfit" in augment; did you mean shift?'),
        ("quux", "write shift, flip, noise, rotate, scale, intensity, gamma"),
        ("shift", "augment: shift takes pixels; write augment: shift 2"),
        ("shift 1.5", "augment: shift takes a whole number of pixels"),
        ("shift -1", "takes a whole number of pixels"),
        ("shift 28", "shift 28 would move an image of 28x28 away"),
        ("shift 2 3", "augment: shift takes pixels"),
        ("noise -1", "augment: noise takes a standard deviation"),
        ("rotate 200", "an angle from 0 to 180"),
        ("scale 1", "a fraction from 0 to below 1"),
        ("flip z .5", "flip knows no axis z; the axes are y and x"),
        ("flip 2", "takes a chance from 0 to 1"),
        ("flip .1 .2", "flip takes a chance per axis"),
        ("rotate z 15", "augment: rotate takes degrees; write augment: rotate 15"),
        ("intensity", "intensity takes one fraction, or contrast and brightness"),
        ("intensity gain .1", "intensity takes one fraction, or contrast and brightness"),
        ("intensity -1", "intensity takes fractions, 0 or more"),
        ("gamma -1", "gamma takes a number, 0 or more"),
        ("smooth -1", "smooth takes a number of pixels, 0 or more"),
        ("delay .5", "delay takes a whole number of samples"),
        ("delay 28", "delay 28 would move a recording of 28 samples away"),
        ("gain 200", "gain takes decibels from 0 to 120"),
        ("swap", "swap needs recordings with two ears, not 1x28x28"),
        ("swap 2", "swap takes a chance from 0 to 1"),
        ("swap x .5", "swap takes a chance; write swap, or swap .3"),
    ],
)
def test_wrong_settings(text: str, words: str) -> None:
    with pytest.raises(UserError) as caught:
        augment(batch_of_digits(), parse_list(text), rng())
    assert words in str(caught.value)


def test_every_word_has_its_help() -> None:
    for word, kind in AUGMENTATIONS.items():
        assert kind.about.word == word
        assert kind.about.help.endswith(".")
        example = kind.about.example.split(", or ")[-1]
        assert augmentations([parse_setting(example)], 2)
