"""Where the numbers of a layer come from: formulae with the numbers put in, as textbooks do it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TypeVar

from .geometry import Field
from .graph import INPUT, Layer, Network
from .ops import (
    Average,
    Conv,
    Dense,
    Depthwise,
    GlobalAverage,
    Kernelled,
    Op,
    Separable,
    Sum,
    Upsample,
)
from .ops.explained import Explained, count, fraction, per_axis, product
from .ops.kernelled import WindowedKernels
from .ops.shapes import spelled
from .spacing import TIMES, Spacing, seen

_Row = tuple[str, str, str]
T = TypeVar("T")


@dataclass(frozen=True)
class Why:
    """The reasons for a layer's numbers.

    Parameters
    ----------
    layer : Layer
        The layer.
    lines : tuple of Explained
        Size, parameters, multiply-adds, receptive field, and what the same costs in another way.
    dense : str
        What a dense layer in its place would cost; empty where there is nothing to compare.
    """

    layer: Layer
    lines: tuple[Explained, ...]
    dense: str = ""

    def __str__(self) -> str:
        return "\n".join(filter(None, (*map(str, self.lines), self.dense)))


def why(network: Network, name: str, spacing: Spacing | None = None) -> Why:
    """Explain the numbers of a layer.

    Parameters
    ----------
    network : Network
        The network; the layers after a mistake are not known.
    name : str
        The layer.
    spacing : Spacing, optional
        How far apart the input's pixels are, to give the receptive field in mm or s too.

    Raises
    ------
    KeyError
        Where there is no such layer.
    """
    layer = network[name]
    lines = (
        *_continued(network),
        *layer.kind.explain(),
        *_field(network, layer),
        *_in_world(network, layer, spacing),
        *_otherwise(network, layer),
    )
    return Why(layer, lines, _dense(layer.kind))


def _continued(network: Network) -> tuple[Explained, ...]:
    """Say which input the sizes below are those of, where joins do not fit the one given."""
    if not network.padding:
        return ()
    channels, *given = network.input.shape
    sizes = [None if n is None else n + p for n, p in zip(given, network.padding, strict=True)]
    larger = spelled((channels, *sizes))
    formula = "continued to where the joins fit; cut off again at the end"
    return (Explained("input", formula, spelled(network.input.shape), larger),)


# ---------------------------------------------------------------- receptive field


def _field(network: Network, layer: Layer) -> tuple[Explained, ...]:
    if layer.fields is None:
        return ()
    if len(layer.inputs) > 1 and None not in layer.kind.steps(0):
        return _hull(network, layer)
    before = _fields(network, layer.inputs[0])
    if before is None:
        return ()
    kind = layer.kind
    fields: list[_Row] = []
    jumps: list[_Row] = []
    for axis, (old, new) in enumerate(zip(before, layer.fields, strict=True)):
        size, jump = fraction(old.size), fraction(old.jump)
        numbers = kind.field_numbers(axis, size, jump)
        fields.append((_field_formula(kind), numbers, _pixels(new.size)))
        jumps.append(_jump(kind, new.jump / old.jump, jump, fraction(new.jump)))
    moved = per_axis("jump", jumps) if any(old != new for _, old, new in jumps) else ()
    return (*per_axis("receptive field", fields), *moved)


def _field_formula(kind: Op) -> str:
    return "as what comes in" if kind.field_formula == "RF" else kind.field_formula


def _jump(kind: Op, ratio: Fraction, old: str, new: str) -> _Row:
    """Say how far apart the fields of neighbouring outputs are."""
    if ratio == 1:
        return ("as what comes in", old, new)
    if ratio > 1:
        return ("jump s", f"{old} × {fraction(ratio)}", new)
    letter = "r" if isinstance(kind, Upsample) else "s"
    return (f"jump / {letter}", f"{old} / {fraction(1 / ratio)}", new)


def _hull(network: Network, layer: Layer) -> tuple[Explained, ...]:
    """What output 0 sees through each input, and all of that together."""
    assert layer.fields is not None
    rows = []
    for axis, new in enumerate(layer.fields):
        seen = []
        for name in layer.inputs:
            fields = _fields(network, name)
            assert fields is not None, "the hull is known only where that of every path is"
            low, high = fraction(fields[axis].low), fraction(fields[axis].high)
            seen.append(f"{name}: {low} to {high}")
        rows.append(("from the least to the greatest pixel", ", ".join(seen), _pixels(new.size)))
    return per_axis("receptive field", rows)


def _fields(network: Network, name: str) -> Sequence[Field] | None:
    return (Field(),) * len(network.input.sizes) if name == INPUT else network[name].fields


def _pixels(size: Fraction) -> str:
    whole = math.ceil(size)
    return str(whole) if whole == size else f"{fraction(size)}, in {whole} pixels"


def _in_world(network: Network, layer: Layer, spacing: Spacing | None) -> tuple[Explained, ...]:
    sizes = seen(network, layer)
    if spacing is None or not spacing.known or len(sizes) != len(spacing.steps):
        return ()
    numbers = ", ".join(
        f"{n:g} {TIMES} {step:.3g}" for n, step in zip(sizes, spacing.steps, strict=True)
    )
    formula = "pixels × distance of neighbours"
    return (Explained("receptive field in the world", formula, numbers, spacing.text(sizes)),)


# ---------------------------------------------------------------- the same in another way


def _otherwise(network: Network, layer: Layer) -> tuple[Explained, ...]:
    kind = layer.kind
    if isinstance(kind, Conv) and not kind.connect and kind.groups == 1:
        return _in_steps(kind)
    if isinstance(kind, Conv | Depthwise | Separable):
        return _as_plain(kind)
    return _flattened(network, layer) if isinstance(kind, GlobalAverage) else ()


def _in_steps(conv: Conv) -> tuple[Explained, ...]:
    """Compare with one convolution along each axis: 3x1, then 1x3."""
    axes = [axis for axis, k in enumerate(conv.kernel) if k > 1]
    if len(axes) < 2:
        return ()
    costs, kernels, shape = [], [], conv.incoming
    for axis in axes:
        step = _along(conv, axis, shape)
        if axis == axes[0]:
            # What is skipped along axes without a kernel need not be computed at all.
            skipped = zip(conv.kernel, conv.stride, step.stride, strict=True)
            step = replace(step, stride=tuple(s if k == 1 else own for k, s, own in skipped))
        costs.append(step.macs())
        kernels.append("x".join(map(str, step.kernel)))
        shape = step.output()
    if None in costs:
        return ()
    numbers, total = " + ".join(map(count, costs)), sum(n or 0 for n in costs)
    what = f"multiply-adds in steps ({', then '.join(kernels)})"
    formula = "one convolution along each axis"
    return (Explained(what, formula, numbers, count(total)),)


def _along(conv: Conv, axis: int, incoming: tuple[int | None, ...]) -> Conv:
    """Give the part of a convolution that works along one axis."""
    one, none = (1,) * conv.rank, ((0, 0),) * conv.rank
    return replace(
        conv,
        incoming=incoming,
        kernel=_put(one, axis, conv.kernel),
        stride=_put(one, axis, conv.stride),
        pad=_put(none, axis, conv.pad),
        dilation=_put(one, axis, conv.dilation),
    )


def _put(values: tuple[T, ...], axis: int, source: tuple[T, ...]) -> tuple[T, ...]:
    return (*values[:axis], source[axis], *values[axis + 1 :])


def _as_plain(kind: WindowedKernels) -> tuple[Explained, ...]:
    """Compare with a convolution that connects every input with every output."""
    plain = Conv(
        incoming=kind.incoming,
        out=kind.out,
        kernel=kind.kernel,
        stride=kind.stride,
        pad=kind.pad,
        dilation=kind.dilation,
    )
    formula = "places × outputs × inputs × kernel"
    numbers = plain.macs_numbers()
    what = "multiply-adds of a plain convolution"
    return (Explained(what, formula, numbers, count(plain.macs())),)


def _flattened(network: Network, layer: Layer) -> tuple[Explained, ...]:
    """Compare a global average with flattening, for the weights of the dense layer behind it."""
    after = _dense_behind(network, layer)
    if after is None or None in layer.kind.incoming:
        return ()
    channels, *sizes = layer.kind.incoming
    out = after.channels
    total = math.prod(n or 0 for n in layer.kind.incoming) * out
    return (
        Explained(
            "weights of the next fc after flatten",
            "places × channels × outputs",
            product([*sizes, channels, out]),
            f"{count(total)}, not {count(layer.kind.channels * out)}",
        ),
    )


def _dense_behind(network: Network, layer: Layer) -> Dense | None:
    """Find the dense layer that takes a vector, with ops between that leave its length alone."""
    name = layer.name
    for one in network.layers[network.layers.index(layer) + 1 :]:
        if name in one.inputs:
            if isinstance(one.kind, Dense):
                return one.kind
            if one.output == layer.output:
                name = one.name
    return None


# ---------------------------------------------------------------- a dense layer instead


def _dense(kind: Op) -> str:
    if not isinstance(kind, WindowedKernels | Kernelled | Average | Sum) or isinstance(kind, Dense):
        return ""
    output = kind.output()
    if None in (*kind.incoming, *output):
        return ""
    inputs, outputs = (math.prod(n or 1 for n in shape) for shape in (kind.incoming, output))
    between = f"a dense layer from {spelled(kind.incoming)} to {spelled(output)}"
    if not isinstance(kind, Kernelled):
        return f"{between} would need {inputs * outputs:,} weights to do the same; this needs none"
    biases = outputs if kind.bias else 0
    parameters = inputs * outputs + biases
    if parameters == kind.parameters:
        return f"at this size it is {between}: every output is connected with every input"
    of = f"{inputs:,} × {outputs:,} weights" + (f" and {biases:,} biases" if biases else "")
    return (
        f"{between} would need {parameters:,} parameters ({of}), "
        f"{_times(parameters, kind.parameters)} as many, and {inputs * outputs:,} multiply-adds, "
        f"{_times(inputs * outputs, kind.macs() or 1)} as many"
    )


def _times(more: int, fewer: int) -> str:
    ratio = more / fewer
    return f"{ratio:,.0f} times" if ratio >= 10 else f"{ratio:.2g} times"
