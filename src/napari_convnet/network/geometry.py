"""Receptive fields along one axis, and the place of a map in the world.

Every output ``i`` of a layer sees the input pixels from ``low + i jump`` to ``high + i jump``;
these are exact fractions, since upsampling divides and padding shifts by halves. Through branches
the field is the hull over all paths: least left edge, greatest right edge.

References
----------
Araujo, Norris and Sim, Computing receptive fields of convolutional neural networks, Distill, 2019,
https://distill.pub/2019/computing-receptive-fields.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from .ops.shapes import STAY, Step

Matrix = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class Move:
    """What an op does to a field along one axis: a `Step`, ready to be applied.

    Parameters
    ----------
    low, high, ratio, parts : int
        First and last pixel of the input that output 0 sees, and the distance between neighbouring
        outputs, all in pixels of the input times `parts`.
    """

    low: int = 0
    high: int = 0
    ratio: int = 1
    parts: int = 1

    @classmethod
    def of(cls, step: Step) -> Move:
        """Give a step as a move."""
        if step == STAY:
            return STILL
        half = step.reach / 2
        return cls(*_in_parts(step.offset - half, step.offset + half, step.ratio))


STILL = Move()
"""What an op does that looks at one position only."""


@dataclass(frozen=True, slots=True)
class Field:
    """Receptive field of a layer's outputs along one axis, in input pixels.

    It is exact, and kept in whole numbers: halves and thirds of pixels count as such. Make another
    than that of the input with `of`.
    """

    _low: int = 0
    _high: int = 0
    _jump: int = 1
    _parts: int = 1

    @classmethod
    def of(cls, low: Fraction | int, high: Fraction | int, jump: Fraction | int = 1) -> Field:
        """Make a field.

        Parameters
        ----------
        low, high : Fraction or int
            First and last pixel that output 0 sees.
        jump : Fraction or int
            How far the field moves from one output to the next.
        """
        return cls(*_in_parts(low, high, jump))

    @property
    def low(self) -> Fraction:
        """First pixel that output 0 sees."""
        return Fraction(self._low, self._parts)

    @property
    def high(self) -> Fraction:
        """Last pixel that output 0 sees."""
        return Fraction(self._high, self._parts)

    @property
    def jump(self) -> Fraction:
        """How far the field moves from one output to the next."""
        return Fraction(self._jump, self._parts)

    @property
    def size(self) -> Fraction:
        """Number of input pixels that an output sees."""
        return Fraction(self._high - self._low, self._parts) + 1

    @property
    def start(self) -> Fraction:
        """Centre of what output 0 sees, in input index coordinates."""
        return Fraction(self._low + self._high, 2 * self._parts)

    def through(self, step: Step) -> Field:
        """Field of an op's outputs, given that of its inputs."""
        return self.moved(Move.of(step))

    def moved(self, move: Move) -> Field:
        """Field of an op's outputs, given that of its inputs."""
        if move is STILL:
            return self
        jump, parts = self._jump, move.parts
        found = (
            self._low * parts + jump * move.low,
            self._high * parts + jump * move.high,
            jump * move.ratio,
            self._parts * parts,
        )
        return Field(*found) if found[3] == 1 else Field(*_reduced(*found))

    def same_centres(self, other: Field) -> bool:
        """Whether outputs of both see the same places, if not as much of them."""
        mine, others = self._parts, other._parts
        return (self._low + self._high) * others == (other._low + other._high) * mine

    def same_jump(self, other: Field) -> bool:
        """Whether both move equally far from one output to the next."""
        return self._jump * other._parts == other._jump * self._parts


def _in_parts(*values: Fraction | int) -> tuple[int, ...]:
    """Give values as whole numbers of parts, and in how many parts one is cut."""
    parts = math.lcm(*(value.denominator for value in values))
    return (*(value.numerator * (parts // value.denominator) for value in values), parts)


def _reduced(*values: int) -> tuple[int, ...]:
    common = math.gcd(*values)
    return tuple([value // common for value in values])


def hull(fields: Iterable[Field]) -> Field:
    """Field that covers all of `fields`, which must have one jump."""
    found = list(fields)
    first = found[0]
    if all(field == first for field in found):
        return first
    low, high = min(field.low for field in found), max(field.high for field in found)
    return Field.of(low, high, first.jump)


def map_matrix(fields: Sequence[Field]) -> Matrix:
    """Homogeneous matrix from a map's indices to the input's: ``[diag(jump) | start]``."""
    rank = len(fields)
    rows = [
        (
            *(float(field.jump) if column == axis else 0.0 for column in range(rank)),
            float(field.start),
        )
        for axis, field in enumerate(fields)
    ]
    return (*rows, (0.0,) * rank + (1.0,))


def compose(outer: Sequence[Sequence[float]], inner: Sequence[Sequence[float]]) -> Matrix:
    """Product of two homogeneous matrices: first `inner`, then `outer`.

    Examples
    --------
    A map pooled by 2 over an image whose pixels are 0.5 mm lies 0.25 mm in, 1 mm apart:

    >>> compose(((0.5, 0), (0, 1)), ((2, 0.5), (0, 1)))
    ((1.0, 0.25), (0.0, 1.0))
    """
    columns = list(zip(*inner, strict=True))
    return tuple(
        tuple(float(sum(a * b for a, b in zip(row, column, strict=True))) for column in columns)
        for row in outer
    )
