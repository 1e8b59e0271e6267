"""Maps lie over what they see, in the world of the input."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from napari.components import ViewerModel
from napari.layers import Image

from napari_convnet.document import parse
from napari_convnet.engine.look import Look
from napari_convnet.engine.regions import open_maps
from napari_convnet.maps.place import place
from napari_convnet.network import UserError
from napari_convnet.viewer import LayerMaps, MapLayers, place_maps, place_montage, source_of
from napari_convnet.viewer.maps import pictures

PLACES = {
    "plain": {},
    "scaled": {"scale": (0.5, 2.0), "translate": (10.0, -3.0)},
    "rotated": {"rotate": 30.0, "scale": (1.0, 3.0), "translate": (5.0, 5.0)},
    "sheared": {"shear": (0.4,), "scale": (2.0, 1.5)},
    "affine": {
        "affine": np.array([[0.9, -0.3, 4.0], [0.2, 1.1, -7.0], [0, 0, 1]]),
        "scale": (2.0, 0.5),
        "rotate": 15.0,
    },
    "flipped": {"scale": (-1.0, 1.0), "translate": (40.0, 0.0)},
}
NETS = {
    "odd strides": ["conv 2 k5 s3 p1", "max 3 s2 p1"],
    "valid": ["conv 2 k3 valid", "avg 2", "conv 3 k3 valid"],
    "even, same": ["conv 2 k4 same", "max 2"],
    "up again": ["max 2", "tconv 2 k2", "up 2"],
    "dilated": ["conv 2 k3 d2", "conv 2 k3 s2"],
}


def document(rows, size="1x33x37"):
    lines = [f"input: {size}", "net:"]
    return parse("\n".join(lines + [f"  - {row}" for row in rows]) + "\n")


def seen(layer, array, source, limits=(0.0, 1.0)):
    return LayerMaps(layer, array, place(layer, source.sample.affine), limits)


def all_maps(pipeline, image, source):
    """Maps of every layer with all weights one and no bias, so that every tap answers."""
    model = pipeline.build().eval()
    for name, value in model.named_parameters():
        torch.nn.init.constant_(value, 0.0 if name.endswith("bias") else 1.0)
    with torch.no_grad():
        outputs = model.outputs(torch.as_tensor(image)[None, None].float())
    return [seen(layer, outputs[layer.name][0].numpy(), source) for layer in pipeline.network]


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("place", PLACES)
def test_a_bright_pixel_lies_inside_its_responses(net, place):
    image = np.zeros((33, 37), np.float32)
    pixel = (16, 18)
    image[pixel] = 1
    layer = Image(image, **PLACES[place])
    world = np.asarray(layer.data_to_world(pixel))
    pipeline = document(NETS[net])
    source = source_of(layer, pipeline.input, (0, 0))
    model = ViewerModel()
    for maps in all_maps(pipeline, image, source):
        shown = MapLayers(model).put(maps, source)
        back = np.asarray(shown.world_to_data((0, *world)))[1:]
        responses = np.argwhere(maps.array.sum(axis=0) > 0)
        assert len(responses)
        assert (back >= responses.min(axis=0) - 0.5 - 1e-6).all()
        assert (back <= responses.max(axis=0) + 0.5 + 1e-6).all()


def test_a_pooled_map_is_half_a_pixel_in():
    layer = Image(np.zeros((8, 8), np.float32), scale=(0.5, 0.5), units=("mm", "mm"))
    pipeline = document(["max 2"], "1x8x8")
    source = source_of(layer, pipeline.input, (0, 0))
    placed = place_maps(all_maps(pipeline, layer.data, source)[0], source)
    np.testing.assert_allclose(placed.transform()["scale"], (1, 1, 1))
    np.testing.assert_allclose(placed.transform()["translate"], (0, 0.25, 0.25))
    assert placed.units == ("pixel", "millimeter", "millimeter")
    assert placed.axis_labels == ("feature", "y", "x")


def test_maps_of_a_stack_lie_at_its_current_step():
    stack = np.random.default_rng(0).random((5, 28, 28), np.float32)
    layer = Image(stack, scale=(2, 1, 1))
    pipeline = document(["conv 3 k3"], "1x28x28")
    source = source_of(layer, pipeline.input, (6.0, 0, 0))
    np.testing.assert_array_equal(source.sample.array[0], stack[3])
    placed = place_maps(all_maps(pipeline, stack[3], source)[0], source)
    assert placed.data.shape == (3, 1, 28, 28)
    np.testing.assert_allclose(placed.affine[1], (0, 2, 0, 0, 6))


def test_maps_of_channels_lie_over_all_of_them():
    layer = Image(np.zeros((4, 9, 9), np.float32))
    pipeline = document(["conv 3 k3"], "4x9x9")
    source = source_of(layer, pipeline.input, (0, 0, 0))
    assert source.sample.array.shape == (4, 9, 9)
    assert source.extra == ((4.0, 1.5),)


def test_an_rgb_photograph_gives_three_channels():
    layer = Image(np.zeros((9, 9, 3), np.uint8), rgb=True)
    source = source_of(layer, (3, 9, 9), (0, 0))
    assert source.sample.array.shape == (3, 9, 9)
    assert source.extra == ()
    with pytest.raises(UserError, match="is an RGB image"):
        source_of(layer, (1, 9, 9), (0, 0))


def test_updates_keep_the_layer_and_what_the_user_set():
    viewer = ViewerModel()
    layer = viewer.add_image(np.zeros((33, 37), np.float32))
    pipeline = document(["conv 2 k3"])
    source = source_of(layer, pipeline.input, (0, 0))
    layers = MapLayers(viewer)
    first = seen(pipeline.network["conv-1"], np.ones((2, 33, 37), np.float32), source, (-2.0, 2.0))
    shown = layers.put(first, source)
    assert shown.colormap.name == "maps diverging"
    shown.opacity, shown.visible, shown.gamma = 0.4, False, 1.5
    second = seen(pipeline.network["conv-1"], np.ones((2, 33, 37), np.float32), source, (0.0, 3.0))
    assert layers.put(second, source) is shown
    assert (shown.opacity, shown.visible, shown.gamma) == (0.4, False, 1.5)
    assert tuple(shown.contrast_limits) == (0.0, 3.0)
    assert shown.colormap.name == "maps sequential"
    viewer.layers.remove(shown)
    assert layers.shown("maps") == ()
    assert layers.put(second, source) is not shown


def test_colours_that_the_user_chose_stay():
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((9, 9), np.float32))
    pipeline = document(["conv 2 k3"], "1x9x9")
    source = source_of(image, pipeline.input, (0, 0))
    layers = MapLayers(viewer)
    layer = pipeline.network["conv-1"]
    shown = layers.put(seen(layer, np.ones((2, 9, 9), np.float32), source, (-1.0, 1.0)), source)
    shown.contrast_limits, shown.colormap = (-0.5, 0.5), "turbo"
    layers.put(seen(layer, np.ones((2, 9, 9), np.float32), source, (0.0, 7.0)), source)
    assert tuple(shown.contrast_limits) == (-0.5, 0.5)
    assert shown.colormap.name == "turbo"


def test_colours_span_a_layer_a_map_or_the_net():
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((9, 9), np.float32))
    pipeline = document(["conv 2 k3", "relu"], "1x9x9")
    source = source_of(image, pipeline.input, (0, 0))
    layers = MapLayers(viewer)
    array = np.stack([np.linspace(-4, 2, 81), np.linspace(0, 1, 81)]).reshape(2, 9, 9)
    array = array.astype(np.float32)
    a = layers.put(seen(pipeline.network["conv-1"], array, source, (-4.0, 4.0)), source)
    b = layers.put(seen(pipeline.network["relu-1"], abs(array), source, (0.0, 9.0)), source)
    assert tuple(a.contrast_limits) == (-4, 4)
    layers.span("net", 0)
    assert tuple(a.contrast_limits) == tuple(b.contrast_limits) == (-9, 9)
    layers.span("map", 1)
    np.testing.assert_allclose(a.contrast_limits, (0, 1), atol=0.02)
    assert a.colormap.name == "maps sequential"
    layers.span("map", 0)
    assert a.colormap.name == "maps diverging"


def test_maps_scaled_one_by_one_use_all_colours():
    pipeline = document(["conv 2 k3"], "1x9x9")
    image = Image(np.zeros((9, 9), np.float32))
    source = source_of(image, pipeline.input, (0, 0))
    array = np.stack([np.linspace(-4, 2, 81), np.linspace(0, 0.1, 81)]).reshape(2, 9, 9)
    scaled = seen(pipeline.network["conv-1"], array.astype(np.float32), source).scaled()
    assert scaled.limits == (-1.0, 1.0)
    np.testing.assert_allclose(scaled.array.max(axis=(1, 2)), (0.5, 1), atol=0.05)
    # Those below zero keep their sign and their order.
    below = np.stack([np.linspace(-4, -2, 81), np.full(81, -3.0)]).reshape(2, 9, 9)
    scaled = seen(pipeline.network["conv-1"], below.astype(np.float32), source).scaled()
    assert scaled.limits == (-1.0, 1.0)
    np.testing.assert_allclose(scaled.array[0].ravel()[[0, -1]], (-1, -0.5), atol=0.05)
    np.testing.assert_allclose(scaled.array[1], -1)


def test_short_stacks_stay_in_sight():
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((9, 9), np.float32))
    pipeline = document(["conv 2 k3", "conv 6 k3"], "1x9x9")
    source = source_of(image, pipeline.input, (0, 0))
    layers = MapLayers(viewer)
    for layer in pipeline.network:
        array = np.zeros(tuple(layer.output), np.float32)
        layers.put(seen(layer, array, source), source)
    layers.clamp(5)
    short, long = layers.layer("conv-1"), layers.layer("conv-2")
    assert short.world_to_data((5, 0, 0))[0] == 1
    assert long.world_to_data((5, 0, 0))[0] == 5
    layers.clamp(0)
    assert short.world_to_data((0, 0, 0))[0] == 0


def recording_layer(ears: int) -> Image:
    """A layer of a recording, as the reader makes it."""
    data = np.random.default_rng(0).normal(size=(ears, 400)).astype(np.float32)
    return Image(data, axis_labels=("ear", "t"), units=("pixel", "s"), name="song")


@pytest.mark.parametrize(
    ("ears", "input", "words"),
    [
        (1, (2, 400), "song has 1 channel (mono); the network's input 2x400 wants 2"),
        (1, (1, 2, 400), "song has 1 channel (mono); the network's input 1x2x400 wants 2"),
        (6, (2, 400), "song has 6 channels; the network's input 2x400 wants 2"),
    ],
)
def test_a_recording_with_other_ears_is_refused(ears, input, words):
    with pytest.raises(UserError) as caught:
        source_of(recording_layer(ears), input, (0, 0))
    assert words in str(caught.value)
    fixed = "x".join(str(ears if i == len(input) - 2 else n) for i, n in enumerate(input))
    assert f"change the document's input to {fixed}" in str(caught.value)


def test_a_network_for_images_hears_nothing():
    with pytest.raises(UserError) as caught:
        source_of(recording_layer(2), (1, 28, 28), (0, 0))
    assert str(caught.value) == (
        "song is a recording with 2 channels; the network's input 1x28x28 wants images of 28 rows; "
        "open an image, or change the document's input to 2x4096, which hears it"
    )


def test_a_network_with_one_ear_hears_the_left_one_and_says_so():
    source = source_of(recording_layer(2), (1, 400), (1, 0))
    np.testing.assert_array_equal(source.sample.array[0], recording_layer(2).data[0])
    (note,) = source.sample.notes
    assert "it hears only the left of 2 ears" in note.text


def test_a_recording_has_its_maps_under_it_in_time():
    recording = Image(np.zeros((2, 400), np.float32), scale=(1, 0.01), units=("pixel", "s"))
    pipeline = parse("input: 2x400\nnet:\n  - conv 3 k5 s2\n")
    source = source_of(recording, pipeline.input, (0, 0))
    assert source.sample.array.shape == (2, 400)
    maps = seen(pipeline.network["conv-1"], np.zeros((3, 200), np.float32), source)
    shown = MapLayers(ViewerModel()).put(maps, source)
    assert shown.data.shape == (3, 200)
    assert shown.axis_labels == ("feature", "t")
    # As high as the recording, a little below it.
    np.testing.assert_allclose(shown.scale, (2 / 3, 0.02))
    half = np.array((1 / 3, 0))
    np.testing.assert_allclose((shown.extent.world[0] - half)[0], 1.5 + 0.5, rtol=1e-6)
    np.testing.assert_allclose((shown.extent.world[1] + half)[0], 3.5 + 0.5, rtol=1e-6)


def test_a_recording_of_another_rate_is_resampled_and_its_maps_stay_in_time():
    recording = Image(
        np.random.default_rng(0).normal(size=(2, 800)).astype(np.float32),
        scale=(1, 1 / 16000),
        units=("pixel", "s"),
        axis_labels=("ear", "t"),
    )
    text = "input: 2x400\ndata:\n  rate: 8000\nnet:\n  - c: conv 3 k5 s2\n"
    sample = source_of(recording, parse(text).input, (0, 0)).sample
    look = Look(text, None, device="cpu", units=tuple(sample.units))
    maps = open_maps(look, sample.array, sample.affine, 10**6)
    assert maps["c"].shape == (3, 200)
    np.testing.assert_allclose(maps["c"].affine, np.diag([2 / 8000, 1]))


def test_strips_lie_one_under_the_other_and_below_an_ear_that_is_not_heard():
    recording = recording_layer(2)
    pipeline = parse("input: 1x400\nnet:\n  - c1: conv 3 k5\n  - c2: conv 64 k5\n")
    source = source_of(recording, pipeline.input, (0, 0))
    both = tuple(pipeline.network)
    layers = MapLayers(ViewerModel())
    bottom = 1.5
    for layer, count in zip(both, (3, 64), strict=True):
        maps = seen(layer, np.ones((count, 400), np.float32), source)
        shown = layers.put(maps, source, among=both)
        row = shown.scale[0]
        assert shown.extent.world[0][0] - row / 2 > bottom
        bottom = shown.extent.world[1][0] + row / 2
        np.testing.assert_allclose(row * count, 2)


def test_a_montage_stands_right_of_the_image_and_is_as_large():
    image = Image(np.zeros((20, 20), np.float32), scale=(0.5, 0.5))
    pipeline = document(["conv 9 k3"], "1x20x20")
    source = source_of(image, pipeline.input, (0, 0))
    maps = seen(pipeline.network["conv-1"], np.ones((9, 20, 20), np.float32), source)
    placed = place_montage(maps, source, 0, 4)
    low = placed.affine[:2, 2] - np.diag(placed.affine)[:2] / 2
    high = low + np.diag(placed.affine)[:2] * placed.data.shape
    assert low[1] > 9.75
    np.testing.assert_allclose(high - low, (10, 10))


def test_a_montage_of_a_volume_has_its_slices():
    image = Image(np.zeros((6, 20, 20), np.float32), scale=(3, 0.5, 0.5), translate=(7, 0, 0))
    pipeline = document(["conv 4 k3 max 2"], "1x6x20x20")
    source = source_of(image, pipeline.input, (13, 0, 0))
    values = np.arange(4 * 3 * 10 * 10, dtype=np.float32).reshape(4, 3, 10, 10)
    maps = seen(pipeline.network["max-1"], values, source)
    placed = place_montage(maps, source, 0, 1)
    shown = placed.transform()
    assert placed.data.shape[0] == 3
    # Slices as deep as the maps lie: pooled by two, 6 mm apart, the first between two of 3 mm.
    np.testing.assert_allclose((shown["scale"][0], shown["translate"][0]), (6, 8.5))
    for z in range(3):
        found = placed.data[z][np.isfinite(placed.data[z])]
        np.testing.assert_array_equal(np.sort(found), np.sort(values[:, z].ravel()))


def test_names_of_montages_are_seen_in_every_slice():
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((6, 20, 20), np.float32), scale=(3, 0.5, 0.5))
    pipeline = document(["conv 4 k3"], "1x6x20x20")
    source = source_of(image, pipeline.input, (6, 0, 0))
    layers = MapLayers(viewer)
    maps = seen(pipeline.network["conv-1"], np.ones((4, 6, 20, 20), np.float32), source)
    shown = layers.put(maps, source, kind="montage")
    layers.name_montages()
    names = viewer.layers["names of layers"]
    assert names.ndim == 2
    np.testing.assert_allclose(viewer.dims.range[0].step, 3)
    np.testing.assert_allclose(shown.extent.world[:, 0], image.extent.world[:, 0])


def test_maps_of_ears_as_an_axis_are_a_strip_where_all_are_seen():
    recording = recording_layer(2)
    recording.affine = np.array([[0.1, 0, 3], [0, 0.01, 0], [0, 0, 1]])
    pipeline = parse("input: 1x2x400\nnet:\n  - c1: conv 3 1x5 s1x2\n")
    source = source_of(recording, pipeline.input, (0, 0))
    values = np.arange(3 * 2 * 200, dtype=np.float32).reshape(3, 2, 200)
    shown = MapLayers(ViewerModel()).put(
        seen(pipeline.network["c1"], values, source), source, "montage"
    )
    assert shown.data.shape == (8, 200)
    np.testing.assert_array_equal(shown.data[[0, 1, 3, 4, 6, 7]], values.reshape(6, 200))
    assert np.isnan(shown.data[[2, 5]]).all()
    np.testing.assert_allclose(shown.scale, (0.2 / 8, 0.02))
    # Below the recording, which reaches from 2.95 to 3.15.
    top = shown.extent.world[0][0] - 0.2 / 16
    np.testing.assert_allclose(top, 3.15 + 0.25 * 0.2)


def test_a_montage_laid_out_before_is_shown_as_it_is():
    image = Image(np.zeros((6, 20, 20), np.float32))
    pipeline = document(["conv 4 k3"], "1x6x20x20")
    source = source_of(image, pipeline.input, (0, 0, 0))
    maps = seen(pipeline.network["conv-1"], np.ones((4, 6, 20, 20), np.float32), source)
    made = pictures(maps.array)
    np.testing.assert_array_equal(made, place_montage(maps, source, 0, 1).data)
    assert np.shares_memory(place_montage(replace(maps, picture=made), source, 0, 1).data, made)
