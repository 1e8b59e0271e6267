"""Shapes of maps, ranges of them, and what an op does to the receptive field along one axis."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

Shape = tuple[int | None, ...]
"""Channels first, then the spatial sizes in array order; None is a size that is not fixed."""

Reach = Literal["point", "window", "global"]


@dataclass(frozen=True, slots=True)
class Step:
    """What an op does to the receptive field along one axis.

    Parameters
    ----------
    reach : Fraction
        Input pixels from the first to the last one that an output sees: 0 for one pixel.
    ratio : Fraction
        Distance between neighbouring outputs, in input pixels.
    offset : Fraction
        Centre of what output 0 sees, in input pixels.
    """

    reach: Fraction = Fraction(0)
    ratio: Fraction = Fraction(1)
    offset: Fraction = Fraction(0)


STAY = Step()
"""What an op does that looks at one position only."""


def clipped(lo: int, hi: int, n: int) -> tuple[int, int]:
    """Clip a range to ``[0, n)``, keeping the nearest sample where nothing else is left."""
    lo, hi = max(lo, 0), min(hi, n)
    if lo >= hi:
        lo = min(max(lo, 0), n - 1)
        hi = lo + 1
    return lo, hi


def spelled(shape: Shape) -> str:
    """Spell a shape as a document does: ``16x32x?``."""
    return "x".join("?" if n is None else str(n) for n in shape)


def told(shape: Shape) -> str:
    """Spell a shape in a message: ``16x32x?``, ``a vector of 10``."""
    return spelled(shape) if len(shape) > 1 else f"a vector of {spelled(shape)}"


def positions(shape: Shape) -> int | None:
    """Number of positions of a map; None where a size is not fixed."""
    total = 1
    for n in shape[1:]:
        if n is None:
            return None
        total *= n
    return total
