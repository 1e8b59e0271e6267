"""Which part of every layer, and of the input, a wanted part of a layer depends on.

Ranges go backward through the graph. A layer whose output several others take needs the hull of
what they take; each of them crops for itself. All is integers: nothing is computed here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from napari_convnet.network import INPUT, Layer, Problem, UserError
from napari_convnet.network.geometry import Field
from napari_convnet.network.sizes import fitting, placed, shown

Box: TypeAlias = tuple[tuple[int, int], ...]
"""A half-open range of indices per spatial axis; empty for a vector."""

Size: TypeAlias = tuple[int, ...]

Check: TypeAlias = Callable[[Layer, Sequence[Size]], None]


def whole(shape: Size) -> Box:
    """Box of everything in (C, spatial...).

    Examples
    --------
    >>> whole((6, 5, 7)), whole((10,))
    (((0, 5), (0, 7)), ())
    """
    return tuple((0, n) for n in shape[1:])


def hull(first: Box, second: Box) -> Box:
    """Least box that covers both."""
    pairs = zip(first, second, strict=True)
    return tuple((min(a, c), max(b, d)) for (a, b), (c, d) in pairs)


def covers(outer: Box, inner: Box) -> bool:
    """Whether nothing of `inner` lies outside `outer`."""
    pairs = zip(outer, inner, strict=True)
    return all(a <= c and d <= b for (a, b), (c, d) in pairs)


def volume(box: Box) -> int:
    """Number of positions in a box; 1 for that of a vector."""
    count = 1
    for lo, hi in box:
        count *= hi - lo
    return count


@dataclass(frozen=True)
class Shapes:
    """Shapes of all layers for an input of some size.

    Parameters
    ----------
    shapes : dict of str to tuple of int
        (C, spatial...) or (N,) by layer, and of the input, as they are computed: where joins do not
        fit on the input's size, on one that is larger. Only of layers that work on that size.
    shown : dict of str to tuple of int
        The same without what the larger input added at the high ends.
    fields : dict of str to tuple of Field
        Receptive field per axis by layer, on these sizes; None after flatten or a global pool.
    problems : dict of str to Problem
        What the others need.
    """

    shapes: Mapping[str, Size]
    shown: Mapping[str, Size]
    fields: Mapping[str, tuple[Field, ...] | None]
    problems: Mapping[str, Problem]


def find_shapes(layers: Sequence[Layer], shape: Size, check: Check | None = None) -> Shapes:
    """Find the shape of every layer's output for an input of `shape`.

    Parameters
    ----------
    layers : sequence of Layer
        In execution order.
    shape : tuple of int
        (C, spatial...) of the input.
    check : callable, optional
        Raises UserError where a layer cannot take shapes, one per input; else only sizes are looked
        at.
    """
    larger = _known((shape[0], *fitting(layers, shape[1:])))
    shapes: dict[str, Size] = {INPUT: larger}
    problems: dict[str, Problem] = {}
    for layer in layers:
        broken = next((name for name in layer.inputs if name in problems), None)
        if broken is not None:
            problems[layer.name] = problems[broken]
            continue
        try:
            shapes[layer.name] = _output(layer, [shapes[name] for name in layer.inputs], check)
        except UserError as error:
            problems[layer.name] = error.at(layer=layer.name).problems[0]
    padding = [m - n for m, n in zip(larger[1:], shape[1:], strict=True)]
    cut = {
        layer.name: _known(shown(layer.fields, shapes[layer.name], padding))
        for layer in layers
        if layer.name in shapes
    }
    return Shapes(shapes, {INPUT: shape, **cut}, placed(layers, shapes), problems)


def _output(layer: Layer, incomings: Sequence[Size], check: Check | None) -> Size:
    if check is not None:
        check(layer, incomings)
    return _known(layer.kind.output(*incomings))


def _known(shape: Sequence[int | None]) -> Size:
    return tuple(n for n in shape if n is not None)


def needed(layer: Layer, box: Box, incomings: Sequence[Size], local: bool = False) -> list[Box]:
    """Boxes of its inputs that a box of a layer's output depends on, one per input.

    Parameters
    ----------
    layer : Layer
        The layer.
    box : Box
        The part of its output.
    incomings : sequence of tuple of int
        Shape of each whole input, (C, spatial...) or (N,).
    local : bool
        Whether a layer that depends on everything needs its own place only: what it needs to know
        of the rest is known.
    """
    if local:
        return [box]
    if layer.kind.reach == "global" or any(len(shape) != len(box) + 1 for shape in incomings):
        return [whole(shape) for shape in incomings]
    axes = [
        layer.kind.regions(axis, lo, hi, [shape[axis + 1] for shape in incomings])
        for axis, (lo, hi) in enumerate(box)
    ]
    return [tuple(axis[index] for axis in axes) for index in range(len(incomings))]


@dataclass(frozen=True)
class Plan:
    """What is to be computed, in which order.

    Parameters
    ----------
    layers : tuple of Layer
        The layers to compute, in execution order.
    boxes : dict of str to Box
        The part needed of each of them, of the layers that are there already, and of the input
        (under ``"input"``, only where it is needed at all).
    """

    layers: tuple[Layer, ...]
    boxes: Mapping[str, Box]

    @property
    def input(self) -> Box | None:
        """Part of the input that is needed; None where nothing of it is."""
        return self.boxes.get(INPUT)

    def positions(self, shapes: Mapping[str, Size]) -> int:
        """Values held at the worst moment, of which each is freed after its last use."""
        left = Counter(name for layer in self.layers for name in layer.inputs)
        count = {name: shapes[name][0] * volume(box) for name, box in self.boxes.items()}
        computed = {layer.name for layer in self.layers}
        held = most = sum(n for name, n in count.items() if name not in computed)
        for layer in self.layers:
            held += count[layer.name]
            most = max(most, held)
            left.subtract(layer.inputs)
            for name in dict.fromkeys((layer.name, *layer.inputs)):
                if not left[name]:
                    held -= count[name]
        return most


def make_plan(
    layers: Sequence[Layer],
    shapes: Mapping[str, Size],
    wanted: Mapping[str, Box],
    have: Callable[[str, Box], bool] = lambda name, box: False,
    local: Collection[str] = (),
) -> Plan:
    """Plan the computation of parts of layers.

    Parameters
    ----------
    layers : sequence of Layer
        All layers, in execution order.
    shapes : mapping of str to tuple of int
        Shape of each layer's whole output, and of the input.
    wanted : mapping of str to Box
        The part wanted of each layer of interest; not empty along any axis.
    have : callable
        Whether a part of a layer is there already; nothing before it is computed for its sake.
    local : collection of str
        Layers that depend on everything, but need their own place only; see `needed`.

    Returns
    -------
    Plan
        The least that has to be computed.
    """
    boxes: dict[str, Box] = dict(wanted)
    compute: list[Layer] = []
    for layer in reversed(layers):
        # All that take this layer's output lie behind it: its box is final.
        box = boxes.get(layer.name)
        if box is None or have(layer.name, box):
            continue
        compute.append(layer)
        incomings = [shapes[name] for name in layer.inputs]
        parts = needed(layer, box, incomings, layer.name in local)
        for name, part in zip(layer.inputs, parts, strict=True):
            boxes[name] = hull(boxes[name], part) if name in boxes else part
    return Plan(tuple(reversed(compute)), boxes)
