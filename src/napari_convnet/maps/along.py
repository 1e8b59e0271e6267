"""The axis along which layers are cut into rows: the one that a slice is thin in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from .regions import Box, Size

Rows: TypeAlias = tuple[int, int]
"""A half-open range along the axis."""


@dataclass(frozen=True)
class Along:
    """An axis, and boxes as rows along it that reach across the others.

    Parameters
    ----------
    axis : int
        Which one; all layers have the same until they are vectors, of one row.

    Examples
    --------
    >>> along = Along.thinnest(((0, 9), (4, 5), (0, 7)), (3, 9, 8, 7))
    >>> along.rows(((0, 9), (4, 5), (0, 7))), along.across(((0, 9), (4, 5), (0, 7)))
    ((4, 5), ((0, 9), (0, 7)))
    """

    axis: int = 0

    @classmethod
    def thinnest(cls, box: Box, shape: Size) -> Along:
        """Give the axis along which a box is the least part of a layer (C, spatial...)."""
        shares = [(hi - lo) / n for (lo, hi), n in zip(box, shape[1:], strict=True)]
        return cls(shares.index(min(shares))) if shares else cls()

    def rows(self, box: Box) -> Rows:
        """Where a box begins and ends; a vector is one row."""
        return box[self.axis] if box else (0, 1)

    def across(self, box: Box) -> Box:
        """How far a box reaches along the other axes."""
        return box[: self.axis] + box[self.axis + 1 :]

    def box(self, rows: Rows, across: Box) -> Box:
        """Put rows together with how far they reach."""
        return (*across[: self.axis], rows, *across[self.axis :])

    def replaced(self, box: Box, rows: Rows) -> Box:
        """Give other rows that reach equally far; a vector has no others."""
        return self.box(rows, self.across(box)) if box else box

    def size(self, shape: Size) -> int:
        """Rows of a layer (C, spatial...)."""
        return shape[1 + self.axis] if len(shape) > 1 else 1


FIRST = Along()
"""Along the first axis."""
