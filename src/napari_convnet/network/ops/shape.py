"""Ops that change the form of the data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar, Self

from ..problems import UserError
from .base import Op
from .explained import Explained, count, product
from .options import Options
from .shapes import Reach, Shape, Step, clipped, spelled
from .signature import Main, Signature


@dataclass(frozen=True, kw_only=True)
class Flatten(Op):
    """Flatten: the map's values as one long vector, channel by channel."""

    word: ClassVar[str] = "flatten"
    title: ClassVar[str] = "Flatten"
    family: ClassVar[str] = "shape"
    help: ClassVar[str] = "Writes all maps one after the other, as a vector."
    formula: ClassVar[str] = "y[c n + i] = x[c, i]"
    example: ClassVar[str] = "flatten"
    reach: ClassVar[Reach] = "global"
    size_formula: ClassVar[str] = "channels × sizes"

    @classmethod
    def _make(cls, options: Options, incoming: Shape, bias: bool) -> Self:
        if None in incoming:
            raise options.call.word.error(
                "flatten needs every size of the map",
                "write numbers for ? in the input line, or use gap",
            )
        return cls(incoming=incoming)

    def output(self, *incomings: Shape) -> Shape:
        """Give a vector of channels x positions."""
        return (math.prod(n or 1 for n in self._given(incomings)),)

    @property
    def channels(self) -> int:
        """Length of the vector."""
        return math.prod(n or 1 for n in self.incoming)

    def _explain_channels(self) -> tuple[Explained, ...]:
        numbers = product(self.incoming)
        return (Explained("length", self.size_formula, numbers, count(self.channels)),)


@dataclass(frozen=True, kw_only=True)
class Identity(Op):
    """Identity: what comes in goes out; a place to hang a name on."""

    word: ClassVar[str] = "id"
    title: ClassVar[str] = "Identity"
    family: ClassVar[str] = "shape"
    help: ClassVar[str] = "Does nothing; gives a place a name."
    formula: ClassVar[str] = "y = x"
    example: ClassVar[str] = "id"

    @classmethod
    def _make(cls, options: Options, incoming: Shape, bias: bool) -> Self:
        return cls(incoming=incoming)


@dataclass(frozen=True, kw_only=True)
class Upsample(Op):
    """Upsampling: a larger map by repeating values or interpolating between them."""

    factor: tuple[int, ...]
    linear: bool = False

    word: ClassVar[str] = "up"
    title: ClassVar[str] = "Upsampling"
    family: ClassVar[str] = "shape"
    help: ClassVar[str] = "Enlarges the map without weights."
    formula: ClassVar[str] = "y[c, i] = x[c, floor(i / r)], or linear at (i + 1/2) / r - 1/2"
    example: ClassVar[str] = "up 2 linear"
    signature: ClassVar[Signature] = Signature(
        Main("factor", "sizes", 2), "", ("nearest", "linear")
    )
    reach: ClassVar[Reach] = "window"
    takes_map: ClassVar[bool] = True
    takes_vector: ClassVar[bool] = False
    size_formula: ClassVar[str] = "n r"
    field_formula: ClassVar[str] = "RF; linear: RF + jump"

    @classmethod
    def _make(cls, options: Options, incoming: Shape, bias: bool) -> Self:
        if {"nearest", "linear"} <= options.flags:
            raise options.word("linear").error('"nearest" and "linear" contradict', "keep one")
        if options.main and options.sizes:
            raise options.word("sizes").error("up takes one factor", "keep one of the two")
        key = "sizes" if options.sizes else "number"
        factor = options.per_axis(key, options.sizes or options.main or (2,), 1)
        return cls(incoming=incoming, factor=factor, linear="linear" in options.flags)

    def size(self, axis: int, n: int) -> int:
        """Length of the output: n r."""
        return n * self.factor[axis]

    def step(self, axis: int) -> Step:
        """Reach 0 (nearest) or 1 (linear), ratio 1 / r, offset 1 / (2 r) - 1/2."""
        r = self.factor[axis]
        reach = Fraction(1 if self.linear and r > 1 else 0)
        return Step(reach, Fraction(1, r), Fraction(1, 2 * r) - Fraction(1, 2))

    def region(self, axis: int, start: int, stop: int, n: int) -> tuple[int, int]:
        """Inputs floor(start / r) to floor((stop - 1) / r), or those on both sides when linear."""
        r = self.factor[axis]
        if not self.linear or r == 1:
            return start // r, (stop - 1) // r + 1
        # Source of output i: (2 i + 1 - r) / (2 r).
        lo, last = (2 * start + 1 - r) // (2 * r), (2 * (stop - 1) + 1 - r) // (2 * r)
        return clipped(lo, last + 2, n)

    def size_numbers(self, axis: int, n: int | None) -> str:
        """Put numbers into the formula of the size."""
        return f"{spelled((n,))} × {self.factor[axis]}"

    def field_numbers(self, axis: int, size: str, jump: str) -> str:
        """One input more where values between two are interpolated."""
        return f"{size} + {jump}" if self.linear and self.factor[axis] > 1 else size


@dataclass(frozen=True, kw_only=True)
class Crop(Op):
    """Crop: cut the same number of pixels from both ends of every axis."""

    cut: tuple[int, ...]

    word: ClassVar[str] = "crop"
    title: ClassVar[str] = "Crop"
    family: ClassVar[str] = "shape"
    help: ClassVar[str] = "Cuts pixels from the borders."
    formula: ClassVar[str] = "y[c, i] = x[c, i + n]"
    example: ClassVar[str] = "crop 2"
    signature: ClassVar[Signature] = Signature(Main("cut per side", "sizes", 1))
    reach: ClassVar[Reach] = "window"
    takes_map: ClassVar[bool] = True
    takes_vector: ClassVar[bool] = False
    size_formula: ClassVar[str] = "n - 2 cut"

    @classmethod
    def _make(cls, options: Options, incoming: Shape, bias: bool) -> Self:
        if not options.main and not options.sizes:
            raise options.call.word.error(
                "crop needs the number of pixels to cut from each side", "for example crop 2"
            )
        key = "sizes" if options.sizes else "number"
        return cls(incoming=incoming, cut=options.per_axis(key, options.sizes or options.main, 0))

    def size(self, axis: int, n: int) -> int:
        """Length of the output: n - 2 cut."""
        left = n - 2 * self.cut[axis]
        if left < 1:
            raise UserError(
                f"cutting {self.cut[axis]} from both ends leaves nothing of {n}", "cut less"
            )
        return left

    def step(self, axis: int) -> Step:
        """Offset by the cut."""
        return Step(offset=Fraction(self.cut[axis]))

    def region(self, axis: int, start: int, stop: int, n: int) -> tuple[int, int]:
        """Shifted by the cut."""
        return start + self.cut[axis], stop + self.cut[axis]

    def size_numbers(self, axis: int, n: int | None) -> str:
        """Put numbers into the formula of the size."""
        return f"{spelled((n,))} - 2×{self.cut[axis]}"
