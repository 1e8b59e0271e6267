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

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from .ops.base import STAY, Step

Matrix = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class Field:
    """Receptive field of a layer's outputs along one axis, in input pixels.

    Parameters
    ----------
    low, high : Fraction
        First and last pixel that output 0 sees.
    jump : Fraction
        How far the field moves from one output to the next.
    """

    low: Fraction = Fraction(0)
    high: Fraction = Fraction(0)
    jump: Fraction = Fraction(1)

    @property
    def size(self) -> Fraction:
        """Number of input pixels that an output sees."""
        return self.high - self.low + 1

    @property
    def start(self) -> Fraction:
        """Centre of what output 0 sees, in input index coordinates."""
        return (self.low + self.high) / 2

    def through(self, step: Step) -> Field:
        """Field of an op's outputs, given that of its inputs."""
        if step is STAY:
            return self
        half = step.reach / 2
        low = self.low + self.jump * (step.offset - half)
        high = self.high + self.jump * (step.offset + half)
        return Field(low, high, self.jump * step.ratio)


def hull(fields: Iterable[Field]) -> Field:
    """Field that covers all of `fields`, which must have one jump."""
    found = list(fields)
    return Field(
        min(field.low for field in found), max(field.high for field in found), found[0].jump
    )


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
