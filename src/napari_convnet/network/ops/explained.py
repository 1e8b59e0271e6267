"""What an op says of its own numbers: a formula, the same with numbers put in, and the result."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from ..problems import listed

AXES = "zyx"
"""Names of the last spatial axes."""


@dataclass(frozen=True, slots=True)
class Explained:
    """One number of a layer, and where it comes from.

    Parameters
    ----------
    what : str
        What it is: ``size along y``, ``parameters``.
    formula : str
        The formula in letters.
    numbers : str
        The formula with numbers put in.
    result : str
        The number.
    """

    what: str
    formula: str
    numbers: str
    result: str

    def __str__(self) -> str:
        parts = dict.fromkeys(filter(None, (self.formula, self.numbers, self.result)))
        return f"{self.what}: {' = '.join(parts)}"


def axis_name(axis: int, rank: int) -> str:
    """Name a spatial axis: x is the last one.

    Examples
    --------
    >>> axis_name(0, 2), axis_name(0, 3)
    ('y', 'z')
    """
    return AXES[len(AXES) - rank + axis]


def per_axis(what: str, rows: Sequence[tuple[str, str, str]]) -> tuple[Explained, ...]:
    """Explain a number of every axis; axes that have all in common share a line.

    Parameters
    ----------
    what : str
        What the number is: ``size``.
    rows : sequence of (formula, numbers, result)
        One for each spatial axis.
    """
    rank = len(rows)
    found: dict[tuple[str, str, str], list[str]] = {}
    for axis, row in enumerate(rows):
        found.setdefault(row, []).append(axis_name(axis, rank))
    return tuple(
        Explained(f"{what} along {listed(axes, 'and')}", *row) for row, axes in found.items()
    )


def product(factors: Iterable[int | str | None]) -> str:
    """Spell a product: ``6 × 5 × 5``; a size that is not fixed is a question mark."""
    return " × ".join("?" if n is None else str(n) for n in factors) or "1"


def total(factors: Iterable[int | None]) -> str:
    """Spell the value of a product; a question mark where a factor is not known."""
    known = list(factors)
    return "?" if None in known else count(math.prod(n or 0 for n in known))


def count(number: int | None) -> str:
    """Spell a count: ``61,706``."""
    return "?" if number is None else f"{number:,}"


def fraction(number: Fraction | float) -> str:
    """Spell a number that is mostly whole: ``8``, ``0.5``, ``1/3``."""
    exact = Fraction(number)
    if exact.denominator == 1:
        return str(exact.numerator)
    decimals = f"{float(exact):g}"
    return decimals if Fraction(decimals) == exact else str(exact)
