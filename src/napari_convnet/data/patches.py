"""Cutting patches out of scans, where the draw says, never across the border of a region.

A network that takes neighbouring slices as channels sees a volume through patches of one slice:
its channels are the slices around it, those at the region's ends repeated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .augmentation import IGNORED
from .examples import Box
from .settings import Shape
from .values import counted, slabs

# First word of a sequence of random numbers; others are in splitting and batching.
_PLACES, _DRAW = 4, 5

MOST_PLACES = 20_000
"""Voxels of a class, in one scan, that patches are centred on."""


@dataclass(frozen=True)
class Patch:
    """The form of a patch.

    Parameters
    ----------
    shape : tuple of int
        (C, *spatial) as the network takes it.
    slices : bool
        Whether the channels are neighbouring slices of a volume.
    """

    shape: Shape
    slices: bool = False

    @property
    def size(self) -> Shape:
        """Voxels of its target along each axis of the scan."""
        return (1, *self.shape[1:]) if self.slices else self.shape[1:]

    def image(self, image: NDArray[Any], box: Box, start: Shape) -> NDArray[Any]:
        """Cut the image (C, *spatial) from `start`; what lies beyond `box` repeats its edge."""
        size = self.size
        if self.slices:
            start = (start[0] - self.shape[0] // 2, *start[1:])
            size = (self.shape[0], *size[1:])
        cut = image[(slice(None), *_indices(box, start, size))]
        return cut[0] if self.slices else cut

    def target(self, target: NDArray[Any], box: Box, start: Shape) -> NDArray[Any]:
        """Cut the target (*spatial) or (C', *spatial).

        Beyond `box` classes are `IGNORED`, and values NaN.
        """
        lead = target.ndim - len(box)
        cut = target[(*(slice(None),) * lead, *_indices(box, start, self.size))]
        if any(_beyond(box, start, self.size)):
            inside: tuple[Any, ...] = (..., *_inside(box, start, self.size))
            known, cut = cut[inside], np.full_like(cut, np.nan if lead else IGNORED)
            cut[inside] = known
        return cut.squeeze(lead) if self.slices else cut


def _indices(box: Box, start: Shape, size: Shape) -> tuple[Any, ...]:
    """Index a patch: by slices where it lies inside the box, else with the edge repeated."""
    if not any(_beyond(box, start, size)):
        return tuple(slice(at, at + n) for at, n in zip(start, size, strict=True))
    ranges = zip(box, start, size, strict=True)
    return np.ix_(*(np.clip(np.arange(at, at + n), lo, hi - 1) for (lo, hi), at, n in ranges))


def _beyond(box: Box, start: Shape, size: Shape) -> list[bool]:
    ranges = zip(box, start, size, strict=True)
    return [at < lo or at + n > hi for (lo, hi), at, n in ranges]


def _inside(box: Box, start: Shape, size: Shape) -> tuple[slice, ...]:
    """The part of a patch that lies inside the box."""
    ranges = zip(box, start, size, strict=True)
    return tuple(slice(max(lo - at, 0), min(hi - at, n)) for (lo, hi), at, n in ranges)


@dataclass(frozen=True, eq=False)
class Field:
    """The training regions of one scan, and where in them patches are drawn.

    Parameters
    ----------
    target : numpy.ndarray
        The scan's.
    boxes : tuple of Box
        Its training regions.
    classes : bool
        Whether the target holds classes, not values.
    every : bool
        Whether the first class counts as foreground too: it does where only a part is labelled.
    number : int
        Of the scan, so that each draws its own.
    """

    target: NDArray[Any]
    boxes: tuple[Box, ...]
    classes: bool
    every: bool = False
    number: int = 0

    @cached_property
    def volumes(self) -> NDArray[np.int64]:
        """Voxels of each region."""
        return np.array([np.prod([hi - lo for lo, hi in box]) for box in self.boxes], np.int64)

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """Voxels of each region and class: (regions, classes); the first column is `IGNORED`."""
        if not self.classes:
            return np.zeros((len(self.boxes), 1), np.int64)
        most = max(int(_within(self.target, box).max()) for box in self.boxes) + 2
        each = [counted(_within(self.target, box), -1, most) for box in self.boxes]
        return np.stack(each)

    @property
    def labelled(self) -> int:
        """Voxels that count."""
        return int(self.counts[:, 1:].sum()) if self.classes else int(self.volumes.sum())

    @property
    def sparse(self) -> bool:
        """Whether there are voxels that do not count."""
        return self.classes and bool(self.counts[:, 0].any())

    @cached_property
    def foreground(self) -> tuple[NDArray[np.int32], ...]:
        """Voxels (N, axes) of each foreground class that is there, to centre patches on."""
        return self._places(0 if self.every else 1)

    @cached_property
    def anything(self) -> tuple[NDArray[np.int32], ...]:
        """Voxels (N, axes) of each class that is there."""
        return self.foreground if self.every else (*self._places(0, 1), *self.foreground)

    def _places(self, first: int, stop: int | None = None) -> tuple[NDArray[np.int32], ...]:
        there = self.counts[:, 1:].sum(axis=0) > 0
        labels = range(first, len(there) if stop is None else min(stop, len(there)))
        return tuple(self._places_of(label) for label in labels if there[label])

    def _places_of(self, label: int) -> NDArray[np.int32]:
        total = self.counts[:, label + 1]
        chosen = _ranks(int(total.sum()), self.number, label)
        starts = np.cumsum([0, *total])
        return np.concatenate(
            [
                _places(
                    _within(self.target, box), label, chosen[(chosen >= lo) & (chosen < hi)] - lo
                )
                + np.array([a for a, _ in box], np.int32)
                for box, lo, hi in zip(self.boxes, starts[:-1], starts[1:], strict=True)
            ]
        )

    def draw(self, size: Shape, foreground: bool, rng: np.random.Generator) -> tuple[Box, Shape]:
        """Draw a region and the start of a patch in it.

        Parameters
        ----------
        size : tuple of int
            Of the patch, in voxels of the scan.
        foreground : bool
            Whether it is centred on a voxel of a class, drawn evenly, rather than anywhere.
        rng : numpy.random.Generator
            What decides.

        Returns
        -------
        box : Box
            The region.
        start : tuple of int
            First voxel; before the region's where that is smaller than the patch.
        """
        groups = self.foreground if foreground else ()
        if not groups and self.sparse:
            groups = self.anything
        if len(groups):
            places = groups[int(rng.integers(len(groups)))]
            return self._around(places[int(rng.integers(len(places)))].tolist(), size)
        voxel = rng.integers(self.volumes.sum())
        box = self.boxes[int(np.searchsorted(np.cumsum(self.volumes), voxel, "right"))]
        start = [
            int(rng.integers(lo, hi - n + 1)) if hi - lo >= n else _centred(lo, hi, n)
            for (lo, hi), n in zip(box, size, strict=True)
        ]
        return box, tuple(start)

    def _around(self, place: Sequence[int], size: Shape) -> tuple[Box, Shape]:
        box = next(
            box
            for box in self.boxes
            if all(lo <= at < hi for (lo, hi), at in zip(box, place, strict=True))
        )
        start = [
            min(max(at - n // 2, lo), hi - n) if hi - lo >= n else _centred(lo, hi, n)
            for (lo, hi), at, n in zip(box, place, size, strict=True)
        ]
        return box, tuple(start)


def _centred(lo: int, hi: int, size: int) -> int:
    """Start of a patch that is larger than the region: it lies in its middle."""
    return lo - (size - (hi - lo)) // 2


def _within(target: NDArray[Any], box: Box) -> NDArray[Any]:
    view: NDArray[Any] = target[tuple(slice(lo, hi) for lo, hi in box)]
    return view


def _ranks(count: int, number: int, label: int) -> NDArray[np.int64]:
    """Choose which of the voxels of a class are remembered, in ascending order."""
    if count <= MOST_PLACES:
        return np.arange(count)
    rng = np.random.default_rng([_PLACES, number, label])
    return np.unique(rng.integers(0, count, MOST_PLACES))


def _places(target: NDArray[Any], label: int, ranks: NDArray[np.int64]) -> NDArray[np.int32]:
    """Find the voxels of a class with these ranks in the order of the array."""
    found: list[NDArray[np.int64]] = []
    before = 0
    for first, slab in slabs(target):
        flat = np.flatnonzero(slab.ravel() == label)
        here = ranks[(ranks >= before) & (ranks < before + flat.size)] - before
        before += flat.size
        places = np.stack(np.unravel_index(flat[here], slab.shape), 1)
        places[:, 0] += first
        found.append(places)
    return np.concatenate(found).astype(np.int32)


def generator(seed: int, epoch: int, example: int) -> np.random.Generator:
    """Random numbers of one patch of an epoch."""
    return np.random.default_rng([_DRAW, seed % 2**64, epoch, example])
