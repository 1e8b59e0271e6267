"""Sizes that joins need: how far an input must grow so that all paths of a network meet.

A path that halves a map and doubles it again gives its size back for even sizes only; a U-Net with
four poolings meets its own skips for multiples of 16. An input of another size is continued at its
high end to the least size that works, each axis by itself, and what that adds to every map is cut
off again at the high end, so that no place moves.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction

from .geometry import Field, hull
from .graph import INPUT, Layer
from .ops import CropTo, Op, Shape, Step
from .problems import UserError

MOST_PERIOD = 1024
"""Multiples above this are not looked for: an input is never padded by more."""

MOST_LENGTHS = 100_000
"""Lengths that are computed at most in one search, so that a long network is refused at once."""


def fitting(
    layers: Sequence[Layer], sizes: Sequence[int | None], meet: Sequence[str] = ()
) -> tuple[int | None, ...]:
    """Find the least sizes, from `sizes` on, for which all joins of a network fit.

    Parameters
    ----------
    layers : sequence of Layer
        The network's layers, in execution order.
    sizes : sequence of int or None
        Spatial sizes of an input; None is one that is not fixed.
    meet : sequence of str
        Names of layers that are to be of equal size too: a join that is still to be made.

    Returns
    -------
    tuple of int or None
        One per axis: the size itself where it fits, and where no padding would help.
    """
    if not meet and not any(layer.kind.joins for layer in layers):
        return tuple(sizes)
    return tuple(
        n if n is None else _fitting(layers, axis, n, meet) for axis, n in enumerate(sizes)
    )


def _fitting(layers: Sequence[Layer], axis: int, n: int, meet: Sequence[str]) -> int:
    if _fits(layers, axis, n, meet):
        return n
    tries = MOST_LENGTHS // len(layers) if layers else 0
    longest = n + min(_period(layers, axis, meet), MOST_PERIOD, tries)
    return next((m for m in range(n + 1, longest) if _fits(layers, axis, m, meet)), n)


def _fits(layers: Sequence[Layer], axis: int, n: int, meet: Sequence[str]) -> bool:
    """Whether all joins fit for an input of `n`; other layers may fail."""
    found: dict[str, int | None] = {INPUT: n}
    for layer in layers:
        incoming = [found[name] for name in layer.inputs if name in found]
        if len(incoming) < len(layer.inputs):
            # One path does not work on this size and another does: they cannot meet.
            if incoming:
                return False
            continue
        try:
            found[layer.name] = _length(layer, axis, incoming)
        except UserError:
            if layer.kind.joins:
                return False
    return len({found.get(name, -1) for name in meet}) < 2


def _length(layer: Layer, axis: int, incoming: Sequence[int | None]) -> int | None:
    """Length of a layer's output along an axis; None of a vector."""
    kind = layer.kind
    if isinstance(kind, CropTo):
        n, m = incoming
        if n is not None and m is not None and n < m:
            raise UserError(f"{n} cannot be cut to {m}")
        return m
    if kind.joins:
        if len(set(incoming)) > 1:
            raise UserError(f"{incoming} differ")
        return incoming[0]
    (length,) = incoming
    return None if length is None or len(layer.output) == 1 else kind.size(axis, length)


def _period(layers: Sequence[Layer], axis: int, meet: Sequence[str]) -> int:
    """Input pixels after which all sizes have grown by whole numbers, whatever was rounded.

    0 where paths of different strides meet: these are of equal size by chance, if at all.
    """
    # By layer: so many input pixels make so many of its own.
    rates: dict[str, tuple[int, int]] = {INPUT: (1, 1)}
    for layer in layers:
        period = math.lcm(*(rates[name][0] for name in layer.inputs))
        grown = [rates[name][1] * (period // rates[name][0]) for name in layer.inputs]
        if isinstance(layer.kind, CropTo):
            rates[layer.name] = period, grown[1]
        elif layer.kind.joins:
            if len(layer.output) > 1 and len(set(grown)) > 1:
                return 0
            rates[layer.name] = period, grown[0]
        else:
            ratio = layer.kind.step(axis).ratio if layer.kind.reach == "window" else Fraction(1)
            times = ratio.numerator // math.gcd(ratio.numerator, grown[0])
            rates[layer.name] = period * times, int(grown[0] * times / ratio)
    if len({Fraction(grown, period) for period, grown in map(rates.__getitem__, meet)}) > 1:
        return 0
    return math.lcm(*(period for period, _ in rates.values()))


def placed(
    layers: Sequence[Layer], shapes: Mapping[str, Sequence[int]]
) -> dict[str, tuple[Field, ...] | None]:
    """Receptive fields for an input of other than the nominal sizes.

    They differ only where a layer is cropped to another: how much is cut, and so the place of what
    is left, follows from the sizes there are.

    Parameters
    ----------
    layers : sequence of Layer
        The network's layers, in execution order.
    shapes : mapping of str to tuple of int
        (C, spatial...) of each that works on that input, and of the input.

    Returns
    -------
    dict of str to tuple of Field, or None
        Fields per axis by layer; None after flatten or a global pool.
    """
    made = [layer for layer in layers if layer.name in shapes]
    if not any(isinstance(layer.kind, CropTo) for layer in made):
        return {layer.name: layer.fields for layer in made}
    found: dict[str, tuple[Field, ...] | None] = {INPUT: (Field(),) * (len(shapes[INPUT]) - 1)}
    for layer in made:
        incoming = [found[name] for name in layer.inputs]
        steps = [
            _steps(layer.kind, axis, [shapes[name] for name in layer.inputs])
            for axis in range(len(layer.fields or ()))
        ]
        found[layer.name] = None if layer.fields is None else _through(incoming, steps)
    return found


def _steps(kind: Op, axis: int, shapes: Sequence[Sequence[int]]) -> tuple[Step | None, ...]:
    if isinstance(kind, CropTo):
        n, m = (shape[axis + 1] for shape in shapes)
        return (Step(offset=Fraction(kind.cut(n, m))), None)
    return kind.steps(axis)


def _through(
    incoming: Sequence[tuple[Field, ...] | None], steps: Sequence[tuple[Step | None, ...]]
) -> tuple[Field, ...] | None:
    found = []
    for axis, each in enumerate(steps):
        paths = []
        for fields, step in zip(incoming, each, strict=True):
            if step is not None and fields is None:
                return None
            if step is not None and fields is not None:
                paths.append(fields[axis].through(step))
        found.append(hull(paths))
    return tuple(found)


def shown(fields: Sequence[Field] | None, output: Shape, padding: Sequence[int]) -> Shape:
    """Shape of a layer's maps without what padding of the input added.

    Parameters
    ----------
    fields : sequence of Field or None
        The layer's receptive field per axis; None after flatten or a global pool.
    output : tuple of int or None
        The layer's shape for the padded input.
    padding : sequence of int
        Pixels that were added to the input at the high end, per axis.

    Returns
    -------
    tuple of int or None
        As many positions fewer as fit into the padding.

    Examples
    --------
    >>> halved = Field.of(0, 1, 2)
    >>> shown((halved, halved), (8, 16, 16), (3, 0))
    (8, 15, 16)
    """
    if fields is None or len(output) != len(fields) + 1 or not any(padding):
        return output
    sizes = (
        None if n is None else max(1, n - int(more / field.jump))
        for n, more, field in zip(output[1:], padding, fields, strict=True)
    )
    return (output[0], *sizes)


__all__ = ["MOST_PERIOD", "fitting", "placed", "shown"]
