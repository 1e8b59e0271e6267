"""On which sizes the joins of an exported network fit, as short as it can be written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from napari_convnet.network import Network
from napari_convnet.network.sizes import fitting

LOOKED_AT = 64
"""Largest divisor that is looked for; also the size taken for one that is not fixed."""

Rule: TypeAlias = tuple[int, tuple[int, ...]]
"""A divisor, and what sizes that fit leave when they are divided by it."""


@dataclass(frozen=True)
class Sizes:
    """What is written of the sizes.

    Parameters
    ----------
    helper : str
        Name of the helper that continues an input; empty where every size fits.
    lines : tuple of str
        What the helper looks at, as source text.
    """

    helper: str = ""
    lines: tuple[str, ...] = ()


def sizes_of(network: Network) -> Sizes:
    """Say how inputs are continued: by a divisor per axis, or else by a table."""
    if not any(layer.kind.joins for layer in network):
        return Sizes()
    nominal = [n or LOOKED_AT for n in network.input.sizes]
    missing = [_missing(network, axis, 2 * n + LOOKED_AT) for axis, n in enumerate(nominal)]
    # Small maps are often too small for a layer; what is said must hold from half the size on.
    rules = [_rule(table, n // 2) for table, n in zip(missing, nominal, strict=True)]
    found = tuple(rule for rule in rules if rule is not None)
    if len(found) == len(rules):
        if all(divisor == 1 for divisor, _ in found):
            return Sizes()
        note = "# Joins fit on sizes n for which n % divisor is a rest: (divisor, rests) per axis."
        return Sizes("continued", (note, f"FITTING = {found}"))
    note = "# Pixels that an input of each size lacks for the joins to fit; a table per axis."
    tables = (f"    {tuple(table)}," for table in missing)
    return Sizes("looked_up", (note, "MISSING = (", *tables, ")"))


def _missing(network: Network, axis: int, most: int) -> list[int]:
    """Give the pixels that each size lacks along an axis, from 0 up to `most`."""
    before, after = [None] * axis, [None] * (len(network.input.sizes) - axis - 1)
    found = [0]
    for n in range(1, most + 1):
        larger = fitting(network.layers, [*before, n, *after])[axis]
        found.append((larger or n) - n)
    return found


def _rule(missing: Sequence[int], start: int) -> Rule | None:
    """Find the least divisor that says of every size from `start` on what it lacks."""
    for divisor in range(1, LOOKED_AT + 1):
        rests = {n % divisor for n in range(start, len(missing)) if missing[n] == 0}
        if all(missing[n] == _lacks(n, divisor, rests) for n in range(start, len(missing))):
            return divisor, tuple(sorted(rests))
    return None


def _lacks(n: int, divisor: int, rests: set[int]) -> int:
    return next((k for k in range(divisor) if (n + k) % divisor in rests), -1)
