"""How a layer is cut so that no part takes too much memory: slabs along an axis, in columns."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from .regions import Box, make_plan
from .sweep import Sweep, make_sweep

if TYPE_CHECKING:
    from .forward import Forward

Known: TypeAlias = Mapping[str, Any]
"""Layers of whose whole input is known what they need of it."""

STEPS = 64
"""Slabs by which memory is estimated: beyond them it is always the same."""


@dataclass(frozen=True, eq=False)
class Tiling:
    """How a part of a layer is cut.

    Parameters
    ----------
    sweeps : tuple of Sweep
        Columns, each in slabs; of one column there is one sweep.
    bytes : int
        Memory that the computation takes, estimated.
    """

    sweeps: tuple[Sweep, ...]
    bytes: int

    @property
    def boxes(self) -> list[Box]:
        """The parts, in the order in which they come."""
        return [step.wanted for sweep in self.sweeps for step in sweep.steps]

    @property
    def work(self) -> int:
        """What it takes to compute all, in multiply-adds, roughly."""
        return sum(sum(sweep.work) for sweep in self.sweeps)


def uncut(forward: Forward, name: str, box: Box) -> Tiling:
    """Compute a part of a layer in one go."""
    return _tiling(forward, name, [box], 0, box[0][1] - box[0][0], forward._gathered)


def _tiling(
    forward: Forward, name: str, columns: list[Box], axis: int, thickness: int, known: Known
) -> Tiling:
    sweeps = [
        make_sweep(forward.layers, forward.shapes, name, column, axis, thickness, known)
        for column in columns
    ]
    most = max(sweep.values() for sweep in sweeps)
    return Tiling(tuple(sweeps), most * forward.weights.dtype.itemsize)


def cut(forward: Forward, name: str, box: Box, most: int, known: Known) -> Tiling:
    """Cut a part of a layer so that no more than `most` bytes are needed, if that can be."""
    tried: list[tuple[int, list[Box], int, int]] = []
    for columns in _columns(box):
        longest = max(range(len(box)), key=lambda a: box[a][1] - box[a][0])
        for axis in dict.fromkeys((0, longest)):
            if any(column[axis] != box[axis] for column in columns):
                continue  # a slab across parts of an axis that is cut already
            thickness, size = _thickness(forward, name, columns, axis, most, known)
            if size <= most:
                return _tiling(forward, name, columns, axis, thickness, known)
            tried.append((size, columns, axis, thickness))
    _, columns, axis, thickness = min(tried, key=lambda each: each[0])
    return _tiling(forward, name, columns, axis, thickness, known)


def _columns(box: Box) -> Iterator[list[Box]]:
    """Cut across the slabs, into ever more columns, no thinner than 32."""
    yield [box]
    counts = [1] * len(box)
    while True:
        lengths = [
            0 if axis == 0 else (hi - lo) / counts[axis] for axis, (lo, hi) in enumerate(box)
        ]
        axis = max(range(len(box)), key=lengths.__getitem__)
        if lengths[axis] < 64:
            return
        counts[axis] *= 2
        ends = [_ends(lo, hi, n) for (lo, hi), n in zip(box, counts, strict=True)]
        yield [tuple(column) for column in itertools.product(*ends)]


def _ends(lo: int, hi: int, count: int) -> list[tuple[int, int]]:
    at = [lo + (hi - lo) * i // count for i in range(count + 1)]
    return list(itertools.pairwise(at))


def _thickness(
    forward: Forward, name: str, columns: list[Box], axis: int, most: int, known: Known
) -> tuple[int, int]:
    """Find how thick slabs may be, and how many bytes they then take."""
    column = columns[len(columns) // 2]
    lo, hi = column[axis]
    unit = _unit(forward, name, column, axis, known)
    thickness = hi - lo
    while True:
        thickness = _rounded(thickness, unit)
        size = _estimate(forward, name, column, axis, thickness, known)
        if size <= most or thickness == 1:
            return thickness, size
        thickness //= 2


def _rounded(thickness: int, unit: int) -> int:
    return thickness if thickness < unit else thickness - thickness % unit


def _unit(forward: Forward, name: str, box: Box, axis: int, known: Known) -> int:
    """Rows of a layer that one row of the coarsest layer before it stands for."""
    plan = make_plan(forward.layers, forward.shapes, {name: box}, local=known)
    sizes = [forward.shapes[v.name][axis + 1] for v in plan.layers if plan.boxes[v.name]]
    own = forward.shapes[name][axis + 1]
    return max(1, math.ceil(own / min(sizes, default=own)))


def _estimate(
    forward: Forward, name: str, column: Box, axis: int, thickness: int, known: Known
) -> int:
    """Bytes that slabs of a column take: those at its beginning, where there are many."""
    lo, hi = column[axis]
    part = (*column[:axis], (lo, min(hi, lo + STEPS * thickness)), *column[axis + 1 :])
    sweep = make_sweep(forward.layers, forward.shapes, name, part, axis, thickness, known)
    return sweep.values() * forward.weights.dtype.itemsize
