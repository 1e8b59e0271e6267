"""Convolutions: dense, grouped, depthwise, separable, transposed and locally connected."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar, Self

from ..problems import UserError
from .base import (
    MODES,
    Main,
    Op,
    Options,
    Reach,
    Shape,
    Signature,
    Step,
    bias_wanted,
    clipped,
    positions,
)
from .window import Windowed, window_options

_PADDING_FLAGS = ("valid", "same", "full", "bias", "nobias", *MODES)


def _kernel(options: Options, default: int) -> tuple[int, ...]:
    """Kernel of a call: ``k3``, ``k3x5`` or a bare ``3x5``."""
    given = options.given("sizes", "k")
    if len(given) > 1:
        first, second = (options.word(key).text for key in given)
        raise options.word(given[1]).error(
            f'"{first}" and "{second}" are both kernels', "keep one of them"
        )
    if options.sizes:
        return options.per_axis("sizes", options.sizes, 1)
    return options.letter("k", default, 1)


def _groups(options: Options, channels: int, out: int) -> int:
    groups = options.one("g", 1, 1)
    if channels % groups or out % groups:
        raise options.word("g").error(
            f"{groups} groups do not divide {channels} incoming and {out} outgoing channels",
            "use a number that divides both",
        )
    return groups


@dataclass(frozen=True, kw_only=True)
class Conv(Windowed):
    """Convolution (cross-correlation): each output is a weighted sum over a window, plus a bias."""

    out: int
    groups: int = 1
    bias: bool = True

    word: ClassVar[str] = "conv"
    title: ClassVar[str] = "Convolution"
    family: ClassVar[str] = "convolution"
    help: ClassVar[str] = (
        "Slides a small kernel over the map; each of its outputs is one feature map."
    )
    formula: ClassVar[str] = "y[o, i] = b[o] + sum over c, j of w[o, c, j] x[c, s i - p + d j]"
    example: ClassVar[str] = "conv 6 k5"
    signature: ClassVar[Signature] = Signature(Main("outputs"), "kspdg", _PADDING_FLAGS)
    counts_macs: ClassVar[bool] = True

    @classmethod
    def _make(cls, options: Options, incoming: Shape, bias: bool) -> Self:
        out = cls._count(options)
        return cls(
            incoming=incoming,
            out=out,
            groups=_groups(options, incoming[0] or 1, out),
            bias=bias_wanted(options, bias),
            **window_options(options, _kernel(options, 3), "same"),  # type: ignore[arg-type]
        )

    @property
    def channels(self) -> int:
        """Number of feature maps."""
        return self.out

    def weights(self) -> dict[str, tuple[int, ...]]:
        """Weight (outputs, inputs / groups, kernel) and bias (outputs,)."""
        shapes = {"weight": (self.out, (self.incoming[0] or 1) // self.groups, *self.kernel)}
        return shapes | ({"bias": (self.out,)} if self.bias else {})

    def macs(self, *incomings: Shape) -> int | None:
        """Output positions x weights."""
        at = positions(self.output(*incomings))
        return None if at is None else at * math.prod(self.weights()["weight"])


@dataclass(frozen=True, kw_only=True)
class Depthwise(Windowed):
    """Depthwise convolution: every channel has a kernel of its own (or `multiplier` of them)."""

    multiplier: int = 1
    bias: bool = True

    word: ClassVar[str] = "dw"
    title: ClassVar[str] = "Depthwise convolution"
    family: ClassVar[str] = "convolution"
    help: ClassVar[str] = "Filters each channel by itself: channels are not mixed."
    formula: ClassVar[str] = "y[c m + q, i] = b + sum over j of w[c m + q, j] x[c, s i - p + d j]"
    example: ClassVar[str] = "dw 3"
    signature: ClassVar[Signature] = Signature(Main("kernel", "sizes", 3), "kspdm", _PADDING_FLAGS)
    counts_macs: ClassVar[bool] = True

    @classmethod
    def _make(cls, options: Options, incoming: Shape, bias: bool) -> Self:
        return cls(
            incoming=incoming,
            multiplier=options.one("m", 1, 1),
            bias=bias_wanted(options, bias),
            **window_options(options, main_kernel(options, 3), "same"),  # type: ignore[arg-type]
        )

    @property
    def channels(self) -> int:
        """Incoming channels times the multiplier."""
        return (self.incoming[0] or 1) * self.multiplier

    def weights(self) -> dict[str, tuple[int, ...]]:
        """Weight (outputs, 1, kernel) and bias (outputs,)."""
        shapes: dict[str, tuple[int, ...]] = {"weight": (self.channels, 1, *self.kernel)}
        return shapes | ({"bias": (self.channels,)} if self.bias else {})

    def macs(self, *incomings: Shape) -> int | None:
        """Output positions x weights."""
        at = positions(self.output(*incomings))
        return None if at is None else at * math.prod(self.weights()["weight"])


def main_kernel(options: Options, default: int) -> tuple[int, ...]:
    """Kernel of an op whose bare number is its kernel."""
    given = options.given("number", "sizes", "k")
    if len(given) > 1:
        first, second = (options.word(key).text for key in given[:2])
        raise options.word(given[1]).error(
            f'"{first}" and "{second}" are both kernels', "keep one of them"
        )
    if options.main:
        return options.per_axis("number", options.main, 1)
    return _kernel(options, default)


@dataclass(frozen=True, kw_only=True)
class Separable(Windowed):
    """Depthwise separable convolution: a depthwise one, then a 1x1 one that mixes the channels."""

    out: int
    bias: bool = True

    word: ClassVar[str] = "sep"
    title: ClassVar[str] = "Depthwise separable convolution"
    family: ClassVar[str] = "convolution"
    help: ClassVar[str] = (
        "Filters each channel by itself, then mixes them: far fewer multiplications."
    )
    formula: ClassVar[str] = (
        "y[o, i] = b[o] + sum over c of v[o, c] sum over j of w[c, j] x[c, s i - p + d j]"
    )
    example: ClassVar[str] = "sep 72 k3"
    signature: ClassVar[Signature] = Signature(Main("outputs"), "kspd", _PADDING_FLAGS)
    counts_macs: ClassVar[bool] = True

    @classmethod
    def _make(cls, options: Options, incoming: Shape, bias: bool) -> Self:
        return cls(
            incoming=incoming,
            out=cls._count(options),
            bias=bias_wanted(options, bias),
            **window_options(options, _kernel(options, 3), "same"),  # type: ignore[arg-type]
        )

    @property
    def channels(self) -> int:
        """Number of feature maps."""
        return self.out

    def weights(self) -> dict[str, tuple[int, ...]]:
        """Depthwise (inputs, 1, kernel), pointwise (outputs, inputs, 1...) and bias (outputs,)."""
        inputs = self.incoming[0] or 1
        shapes: dict[str, tuple[int, ...]] = {
            "depthwise": (inputs, 1, *self.kernel),
            "pointwise": (self.out, inputs, *(1,) * self.rank),
        }
        return shapes | ({"bias": (self.out,)} if self.bias else {})

    def macs(self, *incomings: Shape) -> int | None:
        """Output positions x (depthwise + pointwise weights)."""
        at = positions(self.output(*incomings))
        shapes = self.weights()
        each = math.prod(shapes["depthwise"]) + math.prod(shapes["pointwise"])
        return None if at is None else at * each


@dataclass(frozen=True, kw_only=True)
class Local(Windowed):
    """Locally connected layer: a convolution whose kernel differs from place to place."""

    out: int
    bias: bool = True

    word: ClassVar[str] = "local"
    title: ClassVar[str] = "Locally connected"
    family: ClassVar[str] = "convolution"
    help: ClassVar[str] = "Like a convolution, but with a kernel of its own at every place."
    formula: ClassVar[str] = (
        "y[o, i] = b[o, i] + sum over c, j of w[i, o, c, j] x[c, s i - p + d j]"
    )
    example: ClassVar[str] = "local 4 k3"
    signature: ClassVar[Signature] = Signature(Main("outputs"), "kspd", _PADDING_FLAGS)
    counts_macs: ClassVar[bool] = True

    @classmethod
    def _make(cls, options: Options, incoming: Shape, bias: bool) -> Self:
        if None in incoming:
            raise options.call.word.error(
                "local needs every size of the map", "write numbers for ? in the input line"
            )
        return cls(
            incoming=incoming,
            out=cls._count(options),
            bias=bias_wanted(options, bias),
            **window_options(options, _kernel(options, 3), "same"),  # type: ignore[arg-type]
        )

    @property
    def channels(self) -> int:
        """Number of feature maps."""
        return self.out

    def weights(self) -> dict[str, tuple[int, ...]]:
        """Weight (places..., outputs, inputs, kernel) and bias (outputs, places...)."""
        places = tuple(n for n in self.output()[1:] if n is not None)
        shapes = {"weight": (*places, self.out, self.incoming[0] or 1, *self.kernel)}
        return shapes | ({"bias": (self.out, *places)} if self.bias else {})

    def macs(self, *incomings: Shape) -> int | None:
        """Every weight once."""
        return math.prod(self.weights()["weight"])


@dataclass(frozen=True, kw_only=True)
class TransposedConv(Op):
    """Transposed convolution: spreads every input over a window of the output, to enlarge a map."""

    out: int
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    pad: tuple[int, ...]
    dilation: tuple[int, ...]
    extra: tuple[int, ...]
    groups: int = 1
    bias: bool = True

    word: ClassVar[str] = "tconv"
    title: ClassVar[str] = "Transposed convolution"
    family: ClassVar[str] = "convolution"
    help: ClassVar[str] = (
        "Enlarges the map with learned kernels; the reverse of a strided convolution."
    )
    formula: ClassVar[str] = "size = (n - 1) s - 2 p + d (k - 1) + 1 + o"
    example: ClassVar[str] = "tconv 64"
    signature: ClassVar[Signature] = Signature(Main("outputs"), "kspdgo", ("bias", "nobias"))
    reach: ClassVar[Reach] = "window"
    counts_macs: ClassVar[bool] = True
    takes_map: ClassVar[bool] = True
    takes_vector: ClassVar[bool] = False

    @classmethod
    def _make(cls, options: Options, incoming: Shape, bias: bool) -> Self:
        out = cls._count(options)
        kernel = _kernel(options, 2)
        stride = options.letter("s", 1, 1) if "s" in options.letters else kernel
        dilation, extra = options.letter("d", 1, 1), options.letter("o", 0, 0)
        for o, s, d in zip(extra, stride, dilation, strict=True):
            if o and o >= max(s, d):
                raise options.word("o").error(
                    f"an output padding of {o} needs a stride or dilation above it",
                    f"use at most o{max(s, d) - 1}",
                )
        return cls(
            incoming=incoming,
            out=out,
            kernel=kernel,
            stride=stride,
            pad=options.letter("p", 0, 0),
            dilation=dilation,
            extra=extra,
            groups=_groups(options, incoming[0] or 1, out),
            bias=bias_wanted(options, bias),
        )

    @property
    def channels(self) -> int:
        """Number of feature maps."""
        return self.out

    def span(self, axis: int) -> int:
        """Output pixels that one input reaches: d (k - 1) + 1."""
        return self.dilation[axis] * (self.kernel[axis] - 1) + 1

    def size(self, axis: int, n: int) -> int:
        """Length of the output: (n - 1) s - 2 p + d (k - 1) + 1 + o."""
        length = (n - 1) * self.stride[axis] - 2 * self.pad[axis] + self.span(axis)
        length += self.extra[axis]
        if length < 1:
            raise UserError(
                f"padding {self.pad[axis]} leaves nothing of a map of {n}", "use less padding"
            )
        return length

    def weights(self) -> dict[str, tuple[int, ...]]:
        """Weight (inputs, outputs / groups, kernel) and bias (outputs,)."""
        shapes = {"weight": (self.incoming[0] or 1, self.out // self.groups, *self.kernel)}
        return shapes | ({"bias": (self.out,)} if self.bias else {})

    def macs(self, *incomings: Shape) -> int | None:
        """Input positions x weights."""
        at = positions(self._given(incomings))
        return None if at is None else at * math.prod(self.weights()["weight"])

    def step(self, axis: int) -> Step:
        """Reach ceil(span / s) - 1 at most, ratio 1 / s, offset (p - d (k - 1) / 2) / s."""
        span, stride = self.span(axis), self.stride[axis]
        offset = (self.pad[axis] - Fraction(span - 1, 2)) / stride
        return Step(Fraction(-(-span // stride) - 1), Fraction(1, stride), offset)

    def region(self, axis: int, start: int, stop: int, n: int) -> tuple[int, int]:
        """Inputs ceil((start + p - d (k - 1)) / s) to floor((stop - 1 + p) / s)."""
        stride, pad = self.stride[axis], self.pad[axis]
        lo = -(-(start + pad - self.span(axis) + 1) // stride)
        return clipped(lo, (stop - 1 + pad) // stride + 1, n)
