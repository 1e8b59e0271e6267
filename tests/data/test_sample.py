"""Axes of arrays and napari layers, their place in the world, and what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_convnet.data import line, photograph, sample_from_array
from napari_convnet.network.problems import UserError

GRAY = (1, 64, 64)
RGB = (3, 64, 64)


def refusal(*args, **kwargs) -> str:
    with pytest.raises(UserError) as caught:
        sample_from_array(*args, **kwargs)
    return str(caught.value)


# What each axis is


def test_gray_photograph_gives_one_channel_with_its_values() -> None:
    camera = photograph("camera")
    sample = sample_from_array(camera, GRAY, name="camera")
    assert sample.array.shape == (1, 512, 512)
    assert sample.array.dtype == np.float32
    np.testing.assert_array_equal(sample.array[0], camera)
    assert (sample.axes, sample.units, sample.name) == (("y", "x"), ("pixel", "pixel"), "camera")
    np.testing.assert_array_equal(sample.affine, np.eye(3))


@pytest.mark.parametrize("rgb", [True, None])
def test_rgb_photograph_gives_three_channels(rgb: bool | None) -> None:
    cat = photograph("cat")
    sample = sample_from_array(cat, RGB, rgb=rgb)
    np.testing.assert_array_equal(sample.array, np.moveaxis(cat, -1, 0))


def test_alpha_is_left_out_unless_the_network_has_four_channels() -> None:
    rgba = np.arange(6 * 5 * 4, dtype=np.uint8).reshape(6, 5, 4)
    assert sample_from_array(rgba, (3, 6, 5)).array.shape == (3, 6, 5)
    four = sample_from_array(rgba, (4, 6, 5), rgb=True)
    np.testing.assert_array_equal(four.array[3], rgba[..., 3])


def test_leading_axis_as_long_as_the_channels_gives_the_channels() -> None:
    stack = np.random.default_rng(0).random((5, 6, 7))
    np.testing.assert_allclose(sample_from_array(stack, (5, 6, 7)).array, stack, rtol=1e-7)


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 65])
def test_any_number_of_channels(channels: int) -> None:
    image = np.random.default_rng(0).random((channels, 9, 8))
    sample = sample_from_array(image, (channels, 9, 8), rgb=False)
    np.testing.assert_allclose(sample.array, image, rtol=1e-7)


def test_further_axes_are_sliders_and_the_current_step_is_taken() -> None:
    movie = np.arange(4 * 6 * 7).reshape(4, 6, 7)
    np.testing.assert_array_equal(sample_from_array(movie, (1, 6, 7)).array[0], movie[0])
    at_two = sample_from_array(movie, (1, 6, 7), step=(2, 5, 5))
    np.testing.assert_array_equal(at_two.array[0], movie[2])
    beyond = sample_from_array(movie, (1, 6, 7), step=(9, 9, 2, 0, 0))
    np.testing.assert_array_equal(beyond.array[0], movie[2])


@pytest.mark.parametrize("shape", [(4, 3, 6, 7), (3, 4, 6, 7)])
def test_channels_are_found_among_several_leading_axes(shape: tuple[int, ...]) -> None:
    data = np.arange(np.prod(shape)).reshape(shape)
    time, channel = (0, 1) if shape[0] == 4 else (1, 0)
    sample = sample_from_array(data, (3, 6, 7), step=tuple(2 * (a == time) for a in range(4)))
    np.testing.assert_array_equal(sample.array, np.take(data, 2, axis=time))
    assert sample.array.shape[0] == shape[channel]


def test_the_inner_of_two_fitting_axes_holds_the_channels() -> None:
    data = np.arange(3 * 3 * 4 * 5).reshape(3, 3, 4, 5)
    sample = sample_from_array(data, (3, 4, 5), step=(1,))
    np.testing.assert_array_equal(sample.array, data[1])


def test_rgb_movie() -> None:
    movie = np.arange(2 * 5 * 6 * 3).reshape(2, 5, 6, 3)
    sample = sample_from_array(movie, (3, 5, 6), rgb=True, step=(1, 0, 0))
    np.testing.assert_array_equal(sample.array, np.moveaxis(movie[1], -1, 0))


def test_one_and_three_dimensions() -> None:
    sound = sample_from_array(np.zeros((2, 100), np.int16), (2, 100), units="s")
    assert (sample := sound).array.shape == (2, 100)
    assert sample.axes == ("t",)
    assert sample_from_array(np.zeros(100), (1, 100)).axes == ("x",)
    scan = sample_from_array(np.zeros((4, 5, 6)), (1, 4, 5, 6), units=("mm", "mm", "mm"))
    assert (scan.axes, scan.units) == (("z", "y", "x"), ("mm",) * 3)
    assert scan.rank == 3


def test_lazy_arrays_are_read_at_the_current_step_only() -> None:
    class Lazy:
        shape, ndim, dtype = (100, 8, 8), 3, np.dtype(np.uint8)

        def __init__(self) -> None:
            self.asked: list[object] = []

        def __getitem__(self, index):
            self.asked.append(index)
            return np.full((8, 8), index[0], np.uint8)

    lazy = Lazy()
    sample = sample_from_array(lazy, (1, 8, 8), step=(7,))
    assert lazy.asked == [(7, slice(None), slice(None))]
    assert (sample.array == 7).all()


# What does not fit


def test_gray_image_for_a_colour_network() -> None:
    assert refusal(photograph("camera"), RGB, name="camera.png") == (
        "camera.png is gray (1 channel of 512x512); the network's input 3x64x64 wants 3 channels; "
        "change the document's input to 1x512x512, or convert the image to RGB"
    )


def test_colour_image_for_a_gray_network() -> None:
    assert refusal(photograph("cat"), GRAY, rgb=True, name="cat") == (
        "cat is an RGB image (3 channels of 300x451); the network's input 1x64x64 wants 1 channel; "
        "change the document's input to 3x300x451, or convert the image to gray"
    )


def test_too_few_axes() -> None:
    assert refusal(np.zeros(28), (1, 28, 28)) == (
        "the image has 1 axis (28); the network's input 1x28x28 wants 2 (y, x); "
        "change the document's input to 1x28"
    )
    assert "wants 3 (z, y, x)" in refusal(photograph("camera"), (1, None, 8, 8))
    assert "change the document's input to 3x300x451" in refusal(
        photograph("cat"), (3, 8, 8, 8), rgb=True
    )


def test_wrong_number_of_channels() -> None:
    message = refusal(np.zeros((10, 32, 32)), RGB)
    assert "10 channels, or is a stack of 10 images (10x32x32)" in message
    assert "change the document's input to 10x32x32 for channels, or to 1x32x32" in message


@pytest.mark.parametrize("shape", [(100,), (1, 100)])
def test_a_mono_recording_where_stereo_is_expected(shape) -> None:
    assert refusal(np.zeros(shape), (2, 4096)) == (
        f"the image has 1 channel, as a mono recording ({'x'.join(map(str, shape))}); the "
        "network's input 2x4096 wants 2 channels; take a recording in stereo, or change the "
        "document's input to 1x4096"
    )


def test_channels_on_the_last_axis_of_a_recording() -> None:
    message = refusal(np.zeros((100, 2)), (2, 100))
    assert message.endswith("move its last axis, the channels, to the front")


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (np.array([[1.0, np.nan], [np.inf, 0]]), "2 NaN or infinite values of 4"),
        (np.array([[1.0, np.nan]]), "(the first at channel 0, y 0, x 1)"),
        (np.array([[1e300, 0]]), "values up to 1e+300, beyond 32-bit numbers"),
        (np.zeros((0, 5)), "is empty (0x5)"),
        (np.zeros((3, 3), complex), "complex numbers; take their size, numpy.abs(image)"),
        (np.array([["a", "b"]]), "holds text"),
        (np.array([[None, 1]]), "Python objects"),
        ([[1, 2], [3]], "not an array of numbers; make it an array"),
        (np.zeros((2, 2), "datetime64[s]"), "holds datetime64[s] values"),
        (None, "Python objects"),
        (3.0, "is a single number"),
    ],
)
def test_values_that_are_no_image(bad: object, words: str) -> None:
    assert words in refusal(bad, (1, 2, 2))


@pytest.mark.parametrize(
    "dtype", [bool, np.uint8, np.int16, np.uint16, np.float16, np.float32, np.float64, ">u2"]
)
def test_kinds_of_numbers_keep_their_values(dtype: object) -> None:
    values = np.array([[0, 1], [1, 0]]) if dtype is bool else np.array([[0, 100], [127, 3]])
    sample = sample_from_array(values.astype(dtype), (1, 2, 2))
    assert sample.array.dtype == np.float32
    np.testing.assert_array_equal(sample.array[0], values)


def test_lists_and_torch_like_arrays_are_taken() -> None:
    assert sample_from_array([[0, 1], [2, 3]], (1, 2, 2)).array.sum() == 6

    class Foreign:
        shape, ndim, dtype = (8, 8), 2, "another.float32!"

        def __getitem__(self, index):
            raise AssertionError

        def __array__(self, dtype=None, copy=None):
            return line()

    np.testing.assert_array_equal(sample_from_array(Foreign(), (1, 8, 8)).array[0], line())


# Where it lies

# napari warns that its 2D view cannot show a layer that is turned out of the plane.
pytestmark = pytest.mark.filterwarnings("ignore:Non-orthogonal slicing")


def napari_matrix(ndim: int, rgb: bool = False, **transform) -> np.ndarray:
    """Let napari compose a layer's matrix."""
    from napari.layers import Image

    shape = (4,) * ndim + ((3,) if rgb else ())
    layer = Image(np.zeros(shape, np.uint8), rgb=rgb, **transform)
    matrix = np.eye(ndim + 1)
    matrix[:-1, -1] = origin = np.array(layer.data_to_world((0,) * ndim))
    for axis, unit in enumerate(np.eye(ndim)):
        matrix[:-1, axis] = np.array(layer.data_to_world(unit)) - origin
    return matrix


TRANSFORMS = [
    {"scale": (2, 3), "translate": (-1, 5)},
    {"scale": (2, 3), "rotate": 30, "shear": [0.4], "translate": (1, 2)},
    {
        "scale": (0.5, 3),
        "rotate": -70,
        "shear": [0.1],
        "translate": (9, 2),
        "affine": np.array([[1.5, 0.3, 4], [-0.2, 0.7, -3], [0, 0, 1]]),
    },
]


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_affine_is_the_layers_own(transform: dict) -> None:
    sample = sample_from_array(np.zeros((4, 4)), (1, 4, 4), **transform)
    np.testing.assert_allclose(sample.affine, napari_matrix(2, **transform), atol=1e-12)


def test_affine_of_a_turned_volume() -> None:
    transform = {
        "scale": (3, 1, 0.5),
        "rotate": (10, 20, 30),
        "shear": (0.1, 0.2, 0.3),
        "translate": (1, 2, 3),
    }
    sample = sample_from_array(np.zeros((4, 4, 4)), (1, 4, 4, 4), **transform)
    np.testing.assert_allclose(sample.affine, napari_matrix(3, **transform), atol=1e-12)


def test_affine_of_a_movie_is_the_spatial_block() -> None:
    transform = {"scale": (10, 2, 3), "translate": (100, 1, 2), "rotate": 30}
    sample = sample_from_array(np.zeros((4, 4, 4)), (1, 4, 4), step=(2,), **transform)
    np.testing.assert_allclose(sample.affine, napari_matrix(3, **transform)[1:, 1:], atol=1e-12)


def test_an_oblique_stack_moves_with_its_slider() -> None:
    affine = np.eye(4)
    affine[2, 0] = 0.5  # each step along z shifts x by half a pixel
    sample = sample_from_array(np.zeros((4, 5, 6)), (1, 5, 6), step=(3,), affine=affine)
    np.testing.assert_allclose(sample.affine[:2, 2], [0, 1.5])


def test_the_attributes_of_a_napari_layer_go_in_as_they_are() -> None:
    from napari.layers import Image

    layer = Image(
        np.zeros((3, 6, 7, 3), np.uint8), rgb=True, scale=(5, 2, 3), rotate=20, units="um"
    )
    sample = sample_from_array(
        layer.data,
        (3, 6, 7),
        scale=layer.scale,
        translate=layer.translate,
        rotate=layer.rotate,
        shear=layer.shear,
        affine=layer.affine,
        units=layer.units,
        rgb=layer.rgb,
        step=(1, 0, 0),
    )
    expected = napari_matrix(3, rgb=True, scale=(5, 2, 3), rotate=20)[1:, 1:]
    np.testing.assert_allclose(sample.affine, expected, atol=1e-12)
    assert sample.units == ("micrometer", "micrometer")


def test_a_scale_of_the_spatial_axes_alone_will_do() -> None:
    sample = sample_from_array(np.zeros((5, 6, 7)), (5, 6, 7), scale=(2, 3), translate=(4, 5))
    np.testing.assert_array_equal(sample.affine, [[2, 0, 4], [0, 3, 5], [0, 0, 1]])


@pytest.mark.parametrize(
    ("transform", "words"),
    [
        ({"scale": (1, 2, 3)}, "scale has 3 numbers for 2 axes"),
        ({"scale": (0, 1)}, "scale has a zero"),
        ({"scale": (np.nan, 1)}, "scale has NaN"),
        ({"scale": "big"}, "scale is not made of numbers"),
        ({"affine": np.zeros((3, 3))}, "determinant is zero"),
        ({"affine": np.eye(4)}, "give a 3x3 matrix"),
        ({"rotate": np.eye(3)}, "rotate does not fit 2 axes"),
        ({"shear": (1, 2)}, "shear has 2 numbers"),
        ({"units": ("mm",)}, "units has 1 entries for 2 axes"),
    ],
)
def test_transforms_that_do_not_fit(transform: dict, words: str) -> None:
    assert words in refusal(np.zeros((4, 4)), (1, 4, 4), **transform)


@given(
    rank=st.integers(1, 3),
    sliders=st.integers(0, 2),
    channels=st.integers(1, 5),
    data=st.data(),
)
def test_any_fitting_array_gives_the_network_its_axes(rank, sliders, channels, data) -> None:
    sizes = tuple(data.draw(st.integers(6, 9)) for _ in range(rank))
    lead = tuple(data.draw(st.integers(6, 8)) for _ in range(sliders))
    shape = lead + ((channels,) if channels > 1 else ()) + sizes
    array = np.arange(np.prod(shape)).reshape(shape)
    steps = tuple(data.draw(st.integers(0, n - 1)) for n in lead)
    sample = sample_from_array(
        array, (channels, *sizes), step=steps + (0,) * (len(shape) - sliders)
    )
    np.testing.assert_array_equal(sample.array, array[steps].reshape(channels, *sizes))
    assert sample.affine.shape == (rank + 1, rank + 1)
    assert len(sample.axes) == len(sample.units) == rank
