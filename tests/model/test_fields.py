"""Receptive fields of the presets against gradients.

What an output sees is where the gradient of that output is not zero. For the gradient to tell all
of it, and to tell it fast, the networks are changed in ways that leave geometry as it is:

- every op with outputs of its own gets one instead of hundreds, joins still add up theirs;
- every weight is positive and there are no biases, so that no two paths cancel each other;
- activations, response norms and dropout become the identity, and max pooling average pooling, so
  that no input is hidden behind a larger one;
- where a field is too wide for the axes together, each axis is a network by itself.

All is computed in float64. The fields are those that `analyse` gives for the unchanged preset.

After upsampling, what an output sees depends on where it lies between the pixels below: of the 3D
U-Net's outputs half see 92 pixels and half 100, here a little more to the left, there to the right.
The field that is told is the mean of these, edge by edge, and no output's edge is further from it
than half a pixel of the deepest map.
"""

import math
from dataclasses import fields as names_of
from dataclasses import replace
from fractions import Fraction

import pytest
import torch

from napari_convnet.document import parse, preset, presets
from napari_convnet.model import build
from napari_convnet.network import Network, ops
from napari_convnet.network.items import Input

PER_AXIS = ("kernel", "stride", "pad", "dilation", "extra", "factor", "cut")
# The field of a norm over everything is that of the values; its statistics see all of the input.
WITHOUT_GEOMETRY = (ops.LocalResponseNorm, ops.Dropout, ops.Scale, ops.InstanceNorm)
MOST_PIXELS = 400_000

NETWORKS = {one.name: preset(one.name).network for one in presets()}


def narrow(network, axes, sizes):
    """The network with one map per layer, on some of its axes and an input of `sizes`."""
    shapes = {"input": (1, *sizes)}
    layers = []
    for layer in network:
        if layer.fields is None:
            continue
        incoming = [shapes[name] for name in layer.inputs]
        kind = narrowed(layer.kind, incoming, axes)
        shapes[layer.name] = kind.output(*incoming)
        own = tuple(layer.fields[axis] for axis in axes)
        layers.append(replace(layer, kind=kind, output=shapes[layer.name], fields=own))
    return Network(Input(1, tuple(sizes)), tuple(layers))


def narrowed(kind, incoming, axes):
    if isinstance(kind, ops.Join):
        return type(kind).joined(incoming)
    if kind.family == "activation" or isinstance(kind, WITHOUT_GEOMETRY):
        return ops.Identity(incoming=incoming[0])
    present = {field.name: getattr(kind, field.name) for field in names_of(kind)}
    changes = {key: tuple(present[key][a] for a in axes) for key in PER_AXIS if key in present}
    changes |= {key: 1 for key in ("out", "groups", "multiplier") if key in present}
    changes |= {key: () for key in ("connect",) if key in present}
    changes["incoming"] = incoming[0]
    if isinstance(kind, ops.Max):
        kept = {key: value for key, value in present.items() if key not in changes}
        return ops.Average(**kept, **changes)
    return replace(kind, **changes)


def positive(network):
    """The network as a module whose every weight is positive; outputs stay of one size."""
    module = build(network, seed=0).double().eval()
    with torch.no_grad():
        for key, value in module.named_parameters():
            scale = value[0].numel() if value.dim() > 1 else 1
            value.fill_(0 if key.endswith("bias") else 1 / scale)
    return module


def room(network, axis):
    """A size on which some output of every layer sees no border, and on which joins fit.

    Joins that fit on the nominal size fit on it plus multiples of the largest jump.
    """
    last = last_map(network)
    period = int(max(layer.fields[axis].jump for layer in network if layer.fields))
    least = last.fields[axis].size + 2 * abs(last.fields[axis].start) + 4 * period
    nominal = network.input.sizes[axis]
    return nominal + math.ceil(max(0, least - nominal) / period) * period


def last_map(network):
    return [layer for layer in network if layer.fields][-1]


def upsamples(network):
    return any(layer.op in ("tconv", "up") for layer in network)


def phases(network, layer):
    """After how many outputs the way they see repeats: above one after upsampling."""
    deepest = max(one.fields[0].jump for one in network)
    return int(deepest / layer.fields[0].jump) if upsamples(network) else 1


def middle(layer, size, index):
    """An output whose field lies about the middle of the input."""
    return int((Fraction(size - 1, 2) - layer.fields[index].start) / layer.fields[index].jump)


def seen(x, y, at):
    """First and last input pixel, per axis, on which the channels of an output depend."""
    (gradient,) = torch.autograd.grad(y[(0, slice(None), *at)].sum(), x, retain_graph=True)
    where = gradient[0, 0].nonzero()
    return list(zip(where.min(0).values.tolist(), where.max(0).values.tolist(), strict=True))


def forward(network):
    """An input that gradients reach, and the outputs of all layers."""
    x = torch.ones((1, *network.input.shape), dtype=torch.float64, requires_grad=True)
    return x, positive(network).outputs(x)


def chosen(network):
    """Layers that change what is seen, about forty of them, the last one among them."""
    before = {layer.name: layer.fields for layer in network}
    found = [
        layer
        for layer in network
        if len(layer.inputs) > 1 or layer.fields != before.get(layer.inputs[0])
    ]
    return found[:: -max(1, len(found) // 40)]


def looks_alike(network, axis):
    """Whether an axis has the fields of the one before it everywhere."""
    return axis > 0 and all(
        layer.fields is None or layer.fields[axis] == layer.fields[axis - 1] for layer in network
    )


AXES = [
    (name, axis)
    for name, network in NETWORKS.items()
    for axis in range(len(network.input.sizes))
    if not looks_alike(network, axis)
]


@pytest.mark.parametrize(("name", "axis"), AXES)
def test_fields_along_each_axis(name, axis):
    network = NETWORKS[name]
    size = room(network, axis)
    small = narrow(network, (axis,), (size,))
    x, outputs = forward(small)
    deepest = max(layer.fields[0].jump for layer in small)
    for layer in chosen(small):
        first = middle(layer, size, 0)
        lows, highs = [], []
        for at in range(first, first + phases(small, layer)):
            ((low, high),) = seen(x, outputs[layer.name], (at,))
            shift = at * layer.fields[0].jump
            lows.append(low - layer.fields[0].low - shift)
            highs.append(high - layer.fields[0].high - shift)
        assert sum(lows) == sum(highs) == 0, layer.name
        assert max(map(abs, lows + highs)) <= (deepest / 2 if len(lows) > 1 else 0), layer.name


SMALL = [
    name
    for name, network in NETWORKS.items()
    for sizes in [[room(network, axis) for axis in range(len(network.input.sizes))]]
    if len(sizes) > 1 and math.prod(sizes) <= MOST_PIXELS and not upsamples(network)
]


@pytest.mark.parametrize("name", SMALL)
def test_fields_over_all_axes(name):
    network = NETWORKS[name]
    sizes = [room(network, axis) for axis in range(len(network.input.sizes))]
    small = narrow(network, range(len(sizes)), sizes)
    layer = last_map(small)
    x, outputs = forward(small)
    at = [middle(layer, size, axis) for axis, size in enumerate(sizes)]
    assert seen(x, outputs[layer.name], at) == [
        (field.low + index * field.jump, field.high + index * field.jump)
        for index, field in zip(at, layer.fields, strict=True)
    ]


def test_misaligned_paths_see_the_hull_of_both():
    text = "input: 1x64x64\nnet:\n  - a: conv 2 k2 valid\n  - conv 2 k3 p1\n  - add a\n"
    network = parse(text).network
    small = narrow(network, (0,), (64,))
    x, outputs = forward(small)
    ((low, high),) = seen(x, outputs["add-1"], (20,))
    field = small["add-1"].fields[0]
    assert (low, high) == (field.low + 20, field.high + 20)
