"""Dividing one scan into regions to train on, to choose by and to test on.

Pure arithmetic along one axis. Each part gets its share of what is labelled, so that air around a
head, or what nobody has painted, makes no part of its own. Between regions of different use a gap
is left out, as wide as the network sees: what it gives at a tested voxel then owes nothing to a
voxel that it was trained on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..network.problems import UserError, listed
from .orientation import Matrix
from .settings import Shape

Range = tuple[int, int]
"""Half-open range of indices."""

_PARTS = ("training", "validation", "test")

# Where an axis of a scan (S, P, L) leads as its index ascends, and back.
_WAYS = (
    ("bottom to top", "top to bottom"),
    ("front to back", "back to front"),
    ("right to left", "left to right"),
)


@dataclass(frozen=True)
class Rule:
    """How a scan is divided.

    Parameters
    ----------
    axis : int
        Along which spatial axis.
    descending : bool
        Whether training begins at the end of the axis.
    gap : int or None
        Voxels between regions of different use; None for as many as the network sees.
    slabs : int
        How often the order is repeated, every second time mirrored.
    """

    axis: int
    descending: bool = False
    gap: int | None = None
    slabs: int = 1


@dataclass(frozen=True)
class Division:
    """One axis, divided.

    Parameters
    ----------
    ranges : tuple
        Of training, validation and test: their ranges of indices, ascending.
    gap : int
        Voxels left out between them.
    wanted : int
        As many as the network sees: more than `gap` where there was no room.
    """

    ranges: tuple[tuple[Range, ...], tuple[Range, ...], tuple[Range, ...]]
    gap: int
    wanted: int


def divide(weights: NDArray[np.int64], shares: Sequence[float], rule: Rule, field: int) -> Division:
    """Divide an axis so that each part gets its share of what is there.

    Parameters
    ----------
    weights : numpy.ndarray
        What is there at each index of the axis: how many voxels are labelled.
    shares : sequence of float
        Of training, validation and test.
    rule : Rule
        How.
    field : int
        Receptive field of the network along the axis. Where the rule names no gap, it is this
        wide, but takes at most half of any region.

    Returns
    -------
    Division

    Raises
    ------
    UserError
        If no voxel is left for a region.

    Examples
    --------
    >>> divide(np.ones(100, int), (0.7, 0.15, 0.15), Rule(0), 5).ranges
    (((0, 68),), ((73, 83),), ((88, 100),))
    """
    length = len(weights)
    given = np.asarray(weights[::-1] if rule.descending else weights)
    if not given.any():
        given = np.ones(length, np.int64)
    uses = _uses(shares, rule.slabs)
    cuts = _cuts(given, [share for _, share in uses])
    widths = _widths(given, cuts)
    gap = min([field, *widths]) if rule.gap is None else rule.gap
    starts = [0, *(cut + gap - gap // 2 for cut in cuts)]
    stops = [*(cut - gap // 2 for cut in cuts), length]
    if any(stop <= start for start, stop in zip(starts, stops, strict=True)):
        raise _nothing_left(given, len(uses), gap, rule)
    ranges: list[list[Range]] = [[], [], []]
    for (part, _), start, stop in zip(uses, starts, stops, strict=True):
        ranges[part].append((length - stop, length - start) if rule.descending else (start, stop))
    train, validation, test = (tuple(sorted(part)) for part in ranges)
    return Division((train, validation, test), gap, field if rule.gap is None else gap)


def near(division: Division) -> list[str]:
    """Name the parts that come closer to what is trained on than the network sees.

    Examples
    --------
    >>> near(divide(np.ones(100, int), (0.7, 0.15, 0.15), Rule(0), 21))
    ['validation']
    """
    trained, *others = division.ranges
    return [
        name
        for name, ranges in zip(_PARTS[1:], others, strict=True)
        if any(
            max(lo - end, start - hi) < division.wanted
            for lo, hi in ranges
            for start, end in trained
        )
    ]


def _uses(shares: Sequence[float], slabs: int) -> list[tuple[int, float]]:
    """List the parts in their order along the axis, with the share that each takes there."""
    once = [(part, share) for part, share in enumerate(shares) if share > 0]
    out: list[tuple[int, float]] = []
    for slab in range(slabs):
        for part, share in once[:: -1 if slab % 2 else 1]:
            if out and out[-1][0] == part:
                out[-1] = (part, out[-1][1] + share)
            else:
                out.append((part, share))
    return out


def _cuts(weights: NDArray[np.int64], shares: Sequence[float]) -> list[int]:
    """Find the indices at which one part ends and the next begins."""
    wanted = np.cumsum(shares)[:-1] / np.sum(shares) * weights.sum()
    reached = np.concatenate([[0], np.cumsum(weights)])
    return [int(np.argmin(np.abs(reached - one))) for one in wanted]


def _widths(weights: NDArray[np.int64], cuts: Sequence[int]) -> list[int]:
    """Tell how wide a gap each region can bear and keep half of where something is."""
    there = np.flatnonzero(weights)
    edges = [int(there[0]), *cuts, int(there[-1]) + 1]
    # A region in the middle loses half a gap on either side.
    sides = [1 if i in (0, len(cuts)) else 2 for i in range(len(cuts) + 1)]
    pairs = zip(edges, edges[1:], sides, strict=False)
    return [max(0, (hi - lo) // side) for lo, hi, side in pairs] if cuts else []


def _nothing_left(weights: NDArray[np.int64], regions: int, gap: int, rule: Rule) -> UserError:
    there = int(np.count_nonzero(weights))
    gaps = f" with gaps of {gap} voxels" if gap else ""
    what = f"{regions} regions{gaps} do not fit into the {there} voxels of the axis with labels"
    fewer = ", fewer slabs" if rule.slabs > 1 else ""
    smaller = f"a smaller gap{fewer} or another axis in regions:" if gap else "another axis"
    return UserError(what, f"write {smaller}, label more, or split: 100/0 to train on all of it")


def left_right(affine: Matrix) -> int:
    """Find the axis that runs from left to right: the one closest to the world's last axis."""
    linear = np.asarray(affine)[:-1, :-1]
    cosines = np.abs(linear[-1]) / np.sqrt((linear**2).sum(axis=0))
    # The last of equals: in an image without a place, x.
    return int(len(cosines) - 1 - np.argmax(cosines[::-1]))


def default_axis(size: Shape, affine: Matrix) -> int:
    """Choose the longest axis that does not run from left to right.

    Bodies are alike on both sides: a test on the other half would meet what was trained on.

    Parameters
    ----------
    size : tuple of int
        How far what is labelled reaches along each axis.
    affine : numpy.ndarray
        Index to world.

    Examples
    --------
    >>> default_axis((10, 20, 30), np.eye(4))
    1
    """
    if len(size) == 1:
        return 0
    sideways = left_right(affine)
    others = [axis for axis in range(len(size)) if axis != sideways]
    return max(others, key=lambda axis: size[axis])


def axis_of(name: str, axes: Sequence[str]) -> int:
    """Find an axis by its name.

    Raises
    ------
    UserError
        If there is none of that name.
    """
    if name not in axes:
        what = f"regions: {name} is no axis of these scans"
        raise UserError(what, f"write {listed(axes)}")
    return list(axes).index(name)


def way(affine: Matrix, axis: int, descending: bool, units: Sequence[str]) -> str:
    """Say where an axis of a scan leads, such as "front to back"; empty where it has no body."""
    if len(affine) != 4 or set(units) != {"mm"}:
        return ""
    column = np.asarray(affine)[:-1, axis]
    world = int(np.argmax(np.abs(column)))
    return _WAYS[world][int((column[world] < 0) != descending)]


def told(division: Division, axis: str) -> str:
    """Say which indices are for what.

    Examples
    --------
    >>> told(divide(np.ones(100, int), (0.8, 0, 0.2), Rule(0), 5), "y")
    'training y 0 to 77, test y 83 to 99'
    """
    parts = []
    for name, ranges in zip(_PARTS, division.ranges, strict=True):
        each = listed((f"{lo} to {hi - 1}" for lo, hi in ranges), "and")
        parts += [f"{name} {axis} {each}"] if ranges else []
    return ", ".join(parts)
