"""Pooling: a window, or the whole map, becomes its largest value, mean or sum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from .base import Op
from .explained import Explained, count
from .kernelled import main_kernel
from .options import Options
from .shapes import Reach, Shape
from .signature import Main, Signature
from .window import Windowed, window_options

_DEFAULTS = {"k": "2", "s": "k", "p": "0", "d": "1"}


@dataclass(frozen=True, kw_only=True)
class _Pool(Windowed):
    family: ClassVar[str] = "pooling"
    signature: ClassVar[Signature] = Signature(
        Main("kernel", "sizes", 2), "ksp", ("valid", "same", "ceil"), _DEFAULTS
    )

    @classmethod
    def _make(cls, options: Options, incoming: Shape, bias: bool) -> Self:
        kernel = main_kernel(options, 2)
        window = window_options(options, kernel, "valid", stride=kernel)
        for k, p in zip(kernel, options.letter("p", 0, 0), strict=True):
            if 2 * p > k:
                raise options.word("p").error(
                    f"padding {p} is more than half the kernel of {k}", f"use at most p{k // 2}"
                )
        return cls(incoming=incoming, **window)  # type: ignore[arg-type]


@dataclass(frozen=True, kw_only=True)
class Max(_Pool):
    """Max pooling: the largest value of each window."""

    word: ClassVar[str] = "max"
    title: ClassVar[str] = "Max pooling"
    help: ClassVar[str] = "Keeps the largest value of each window and shrinks the map."
    formula: ClassVar[str] = "y[c, i] = max over j of x[c, s i - p + d j]; padding never wins"
    example: ClassVar[str] = "max 2"
    signature: ClassVar[Signature] = Signature(
        Main("kernel", "sizes", 2), "kspd", ("valid", "same", "ceil"), _DEFAULTS
    )


@dataclass(frozen=True, kw_only=True)
class Average(_Pool):
    """Average pooling: the mean of each window, padding counted as zeros."""

    word: ClassVar[str] = "avg"
    title: ClassVar[str] = "Average pooling"
    help: ClassVar[str] = "Keeps the mean of each window and shrinks the map."
    formula: ClassVar[str] = "y[c, i] = mean over j of x[c, s i - p + j]; padding counts as zeros"
    example: ClassVar[str] = "avg 2"


@dataclass(frozen=True, kw_only=True)
class Sum(_Pool):
    """Sum pooling: the sum of each window."""

    word: ClassVar[str] = "sum"
    title: ClassVar[str] = "Sum pooling"
    help: ClassVar[str] = "Adds up each window and shrinks the map."
    formula: ClassVar[str] = "y[c, i] = sum over j of x[c, s i - p + j]"
    example: ClassVar[str] = "sum 2"


@dataclass(frozen=True, kw_only=True)
class _Global(Op):
    family: ClassVar[str] = "pooling"
    reach: ClassVar[Reach] = "global"
    size_formula: ClassVar[str] = "one value per channel"
    takes_map: ClassVar[bool] = True

    @classmethod
    def _make(cls, options: Options, incoming: Shape, bias: bool) -> Self:
        return cls(incoming=incoming)

    def output(self, *incomings: Shape) -> Shape:
        """Give a vector of one value per channel."""
        return (self.channels,)

    def _explain_channels(self) -> tuple[Explained, ...]:
        each = count(self.channels)
        return (Explained("length", self.size_formula, each, each),)


@dataclass(frozen=True, kw_only=True)
class GlobalAverage(_Global):
    """Global average pooling: each map becomes its mean."""

    word: ClassVar[str] = "gap"
    title: ClassVar[str] = "Global average pooling"
    help: ClassVar[str] = "Turns each feature map into one number, its mean."
    formula: ClassVar[str] = "y[c] = mean over i of x[c, i]"
    example: ClassVar[str] = "gap"


@dataclass(frozen=True, kw_only=True)
class GlobalMax(_Global):
    """Global max pooling: each map becomes its largest value."""

    word: ClassVar[str] = "gmp"
    title: ClassVar[str] = "Global max pooling"
    help: ClassVar[str] = "Turns each feature map into one number, its largest value."
    formula: ClassVar[str] = "y[c] = max over i of x[c, i]"
    example: ClassVar[str] = "gmp"
