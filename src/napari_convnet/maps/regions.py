"""Which part of every layer, and of the input, a wanted part of a layer depends on.

Ranges go backward through the graph. A layer whose output several others take needs the hull of
what they take; each of them crops for itself. All is integers: nothing is computed here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from napari_convnet.network import INPUT, Layer, Problem, UserError

Box: TypeAlias = tuple[tuple[int, int], ...]
"""A half-open range of indices per spatial axis; empty for a vector."""

Size: TypeAlias = tuple[int, ...]

Check: TypeAlias = Callable[[Layer, Size], None]


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
        (C, spatial...) or (N,) by layer, and of the input; only of layers that work on that size.
    problems : dict of str to Problem
        What the others need.
    """

    shapes: Mapping[str, Size]
    problems: Mapping[str, Problem]


def find_shapes(layers: Iterable[Layer], shape: Size, check: Check | None = None) -> Shapes:
    """Find the shape of every layer's output for an input of `shape`.

    Parameters
    ----------
    layers : iterable of Layer
        In execution order.
    shape : tuple of int
        (C, spatial...) of the input.
    check : callable, optional
        Raises UserError where a layer cannot take a shape; else only sizes are looked at.
    """
    shapes: dict[str, Size] = {INPUT: shape}
    problems: dict[str, Problem] = {}
    for layer in layers:
        broken = next((name for name in layer.inputs if name in problems), None)
        if broken is not None:
            problems[layer.name] = problems[broken]
            continue
        try:
            shapes[layer.name] = _output(layer, shapes[layer.inputs[0]], check)
        except UserError as error:
            problems[layer.name] = error.at(layer=layer.name).problems[0]
    return Shapes(shapes, problems)


def _output(layer: Layer, incoming: Size, check: Check | None) -> Size:
    if check is not None:
        check(layer, incoming)
    return tuple(n for n in layer.kind.output(incoming) if n is not None)


def needed(layer: Layer, box: Box, incoming: Size) -> Box:
    """Box of its input that a box of a layer's output depends on.

    Parameters
    ----------
    layer : Layer
        The layer.
    box : Box
        The part of its output.
    incoming : tuple of int
        Shape of the whole input, (C, spatial...) or (N,).
    """
    if layer.kind.reach == "global" or len(box) != len(incoming) - 1:
        return whole(incoming)
    return tuple(
        layer.kind.region(axis, lo, hi, n)
        for axis, ((lo, hi), n) in enumerate(zip(box, incoming[1:], strict=True))
    )


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
        """Values held at the worst moment: a layer's input and its output."""
        held = [
            shapes[layer.name][0] * volume(self.boxes[layer.name])
            + sum(shapes[name][0] * volume(self.boxes[name]) for name in layer.inputs)
            for layer in self.layers
        ]
        return max(held, default=0)


def make_plan(
    layers: Sequence[Layer],
    shapes: Mapping[str, Size],
    wanted: Mapping[str, Box],
    have: Callable[[str, Box], bool] = lambda name, box: False,
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
        for name in layer.inputs:
            part = needed(layer, box, shapes[name])
            boxes[name] = hull(boxes[name], part) if name in boxes else part
    return Plan(tuple(reversed(compute)), boxes)
