"""Normalisation and fitting: ranges, constant images, and places in the world."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from napari_convnet.data import (
    FITS,
    NORMALISATIONS,
    digits,
    fit,
    normalisation,
    normalise,
    photograph,
    prepare,
    sample_from_array,
)
from napari_convnet.data.dataset import normalised_stack
from napari_convnet.document.settings import parse_setting
from napari_convnet.network.problems import UserError

ALL = ["zscore", "minmax", "percentile .5 99.5", "percentile", "window 10 200"]


def test_zscore_of_a_photograph() -> None:
    out = normalise(photograph("camera"), parse_setting("zscore"))
    assert out.dtype == np.float32
    assert abs(float(out.mean(dtype=float))) < 1e-5
    assert abs(float(out.std(dtype=float)) - 1) < 1e-5


def test_minmax_percentile_and_window_of_a_photograph() -> None:
    camera = photograph("camera")
    out = normalise(camera, parse_setting("minmax"))
    np.testing.assert_allclose(out, camera / 255, atol=1e-6)
    low, high = np.percentile(camera, [0.5, 99.5])
    out = normalise(camera, parse_setting("percentile .5 99.5"))
    np.testing.assert_allclose(out, np.clip((camera - low) / (high - low), 0, 1), atol=1e-6)
    out = normalise(camera, parse_setting("window 50 150"))
    np.testing.assert_allclose(out, np.clip((camera - 50.0) / 100, 0, 1), atol=1e-6)


def test_colours_keep_their_proportions() -> None:
    cat = np.moveaxis(photograph("cat"), -1, 0)
    out = normalise(cat, parse_setting("minmax"))
    np.testing.assert_allclose(out, (cat - float(cat.min())) / float(np.ptp(cat)), atol=1e-6)


def test_none_leaves_the_image_as_it_is() -> None:
    camera = photograph("camera")
    assert normalise(camera, None) is camera


@pytest.mark.parametrize("text", ALL)
@pytest.mark.parametrize("value", [0, 7, 0.1, 1e6 + 0.1])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_constant_images_are_finite(text: str, value: float, dtype: type) -> None:
    out = normalise(np.full((1, 5, 7), value, dtype), parse_setting(text))
    assert np.isfinite(out).all()
    if not text.startswith("window"):
        assert (out == 0).all()


@given(
    nps.arrays(
        st.sampled_from([np.float32, np.uint8, np.int16, np.bool_, np.uint16]),
        (2, 3, 4),
    ),
    st.sampled_from(ALL),
)
def test_what_is_finite_stays_finite(image: np.ndarray, text: str) -> None:
    if not np.isfinite(image).all() or np.abs(image.astype(float)).max() > 1e18:
        return
    out = normalise(image, parse_setting(text))
    assert out.dtype == np.float32
    assert np.isfinite(out).all()
    if text != "zscore":
        assert out.min() >= 0
        assert out.max() <= 1.000001


def test_doubles_stay_doubles() -> None:
    image = np.random.default_rng(0).random((1, 30, 30))
    out = normalise(image, parse_setting("zscore"))
    assert out.dtype == np.float64
    np.testing.assert_allclose(out, (image - image.mean()) / image.std(), rtol=1e-12)


def test_small_differences_on_large_values_survive() -> None:
    image = np.float32(60000) + np.arange(12, dtype=np.float32).reshape(1, 3, 4)
    out = normalise(image, parse_setting("minmax"))
    np.testing.assert_allclose(out.ravel(), np.arange(12) / 11, atol=1e-6)


def test_nearly_empty_image_keeps_what_it_shows() -> None:
    image = np.zeros((1, 100, 100), np.float32)
    image[0, 50, 50] = 3
    out = normalise(image, parse_setting("percentile .5 99.5"))
    assert out.max() == 1
    assert out.sum() == 1


def test_statistics_of_the_whole_apply_to_a_region() -> None:
    camera = photograph("camera")
    found = normalisation(camera, parse_setting("percentile 2 98"))
    assert found is not None
    region = found.apply(camera[100:150, 200:260])
    whole = normalise(camera, parse_setting("percentile 2 98"))
    np.testing.assert_array_equal(region, whole[100:150, 200:260])


@pytest.mark.parametrize("text", ALL)
def test_each_image_of_a_stack_has_its_own_statistics(text: str) -> None:
    images = digits()[0][::700, None]
    stack = normalised_stack(images, parse_setting(text))
    for one, image in zip(stack, images, strict=True):
        np.testing.assert_array_equal(one, normalise(image, parse_setting(text)))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("zcore", 'unknown word "zcore" in normalize; did you mean zscore?'),
        ("frobnicate", "write zscore, minmax, percentile or window"),
        ("window", "normalize: window takes the numbers low and high"),
        ("window 5 5", "the first number must be the lower one"),
        ("percentile 5 101", "percentiles go from 0 to 100"),
        ("zscore 3", "zscore takes no number"),
        ("window low 3", "window takes the numbers low and high; write normalize: window -160 240"),
    ],
)
def test_wrong_settings(text: str, words: str) -> None:
    with pytest.raises(UserError) as caught:
        normalise(np.zeros((1, 2, 2)), parse_setting(text))
    assert words in str(caught.value)


def test_every_word_has_its_help() -> None:
    for table in (NORMALISATIONS, FITS):
        for word, entry in table.items():
            assert entry.word == word
            assert entry.title
            assert entry.help.endswith(".")
            assert parse_setting(entry.example).word == word


# Fitting


def test_pad_puts_the_image_in_the_middle_and_continues_its_edges() -> None:
    digit = digits()[0][0]
    out = fit(sample_from_array(digit, (1, 32, 32)), parse_setting("pad 32"), (1, 32, 32))
    assert out.array.shape == (1, 32, 32)
    np.testing.assert_array_equal(out.array[0, 2:30, 2:30], digit)
    np.testing.assert_array_equal(out.affine, [[1, 0, -2], [0, 1, -2], [0, 0, 1]])


def test_crop_takes_the_middle() -> None:
    sample = sample_from_array(photograph("camera"), (1, 100, 50), scale=(2, 3))
    out = fit(sample, parse_setting("crop 100x50"), (1, 100, 50))
    np.testing.assert_array_equal(out.array[0], photograph("camera")[206:306, 231:281])
    np.testing.assert_allclose(out.affine[:2, 2], [412, 693])


@pytest.mark.parametrize("size", [64, 700])
def test_resize_keeps_every_place(size: int) -> None:
    ramp = np.tile(np.arange(512.0), (512, 1))
    sample = sample_from_array(ramp, (1, size, size), translate=(5, 0))
    out = fit(sample, parse_setting(f"resize {size}"), (1, size, size))
    assert out.array.shape == (1, size, size)
    # The ramp's value is its own world x: it must be so after resizing too.
    x = out.affine[1, 1] * np.arange(size) + out.affine[1, 2]
    inner = slice(size // 8, -size // 8)
    np.testing.assert_allclose(out.array[0, size // 2, inner], x[inner], atol=0.02)


def test_fit_without_a_size_means_the_input() -> None:
    sample = sample_from_array(photograph("camera"), (1, 40, 30))
    assert fit(sample, parse_setting("crop"), (1, 40, 30)).shape == (1, 40, 30)


@pytest.mark.parametrize(
    ("text", "input", "words"),
    [
        ("pad 32", (1, 32, 32), "camera has 512x512, larger than fit: pad 32x32"),
        ("crop 600", (1, 32, 32), "smaller than fit: crop 600x600; write fit: resize 600x600"),
        ("crop 3x3x3", (1, 32, 32), "fit: crop takes one size, or 2 joined by x"),
        ("crop 2.5", (1, 32, 32), "fit: crop takes one size"),
        ("crop", (1, None, 32), "fit: crop takes one size"),
        ("stretch 3", (1, 32, 32), 'unknown word "stretch" in fit'),
    ],
)
def test_fits_that_cannot_be(text: str, input: tuple, words: str) -> None:
    sample = sample_from_array(photograph("camera"), (1, 32, 32), name="camera")
    with pytest.raises(UserError) as caught:
        fit(sample, parse_setting(text), input)
    assert words in str(caught.value)


def test_prepare_fits_then_normalises() -> None:
    class Data:
        spacing = None
        rate = None
        fit = parse_setting("crop 64")
        normalize = parse_setting("minmax")

    sample = sample_from_array(photograph("camera"), (1, 64, 64))
    out = prepare(sample, Data(), (1, 64, 64))
    assert (out.array.min(), out.array.max()) == (0, 1)
    assert out.array.shape == (1, 64, 64)
    assert prepare(sample, None, (1, 64, 64)) is sample


def test_statistics_within_a_mask() -> None:
    """A head in the dark: what is dark does not count, but is moved along."""
    image = photograph("camera").astype(np.float32)
    image[:200] = 0
    within = normalise(image, parse_setting("zscore above 0"))
    head = image > 0
    assert within[head].mean() == pytest.approx(0, abs=1e-4)
    assert within[head].std() == pytest.approx(1, abs=1e-4)
    assert within[0, 0] < -1
    low, high = np.percentile(image[head], [10, 90])
    cut = normalise(image, parse_setting("percentile 10 90 above 0"))
    np.testing.assert_allclose(cut, np.clip((image - low) / (high - low), 0, 1), atol=1e-5)
    assert not normalise(image * 0, parse_setting("zscore above 0")).any()


def test_each_image_of_a_stack_has_a_mask_of_its_own() -> None:
    image = photograph("camera").astype(np.float32)
    stack = np.stack([image, image * 2])[:, None]
    setting = parse_setting("zscore above 100")
    found = normalisation(stack, setting, (1, 2, 3))
    assert found.centre.shape == (2, 1, 1, 1)
    for one, whole in zip(found.apply(stack), stack, strict=True):
        np.testing.assert_allclose(one, normalise(whole, setting), atol=1e-5)
