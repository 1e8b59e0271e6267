"""From the voxels that a network was given back to those of the scan, where these are others."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

PIECE = 2**21
"""Values that are brought back in one go."""

SHORT = 1.0
"""Voxels, less than which a result may end before the middle of a scan's voxel that is its own.

Resampling a scan keeps the middle and rounds the number of voxels: at its ends a grid may be a
quarter of a voxel short, and the middles of its outermost voxels lie half a voxel within. That of a
recording begins with it, and may end nearly one of its samples earlier."""


@dataclass(frozen=True, eq=False)
class Back:
    """Where in a result the voxels of a scan lie.

    Parameters
    ----------
    places : tuple of numpy.ndarray
        float64, per spatial axis: for the scan's voxels along it, the index in the result, a
        fraction; beyond its outermost voxels those themselves.
    affine : numpy.ndarray
        Place of the first of them, and the rest.
    """

    places: tuple[NDArray[np.float64], ...]
    affine: Matrix

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels of the scan along each axis."""
        return tuple(len(each) for each in self.places)


def own_grid(
    shape: tuple[int, ...], affine: Matrix, found: tuple[int, ...], found_affine: Matrix
) -> Back:
    """Find where each of a scan's voxels lies in a result.

    The two grids run along the same axes: the result's is the scan's, resampled or fitted. Voxels
    of the scan over which nothing of the result lies (of one that was cropped, or of a network
    without padding) are left out.

    Parameters
    ----------
    shape, affine
        Of the scan.
    found, found_affine
        Shape and place of the result.
    """
    # Rounding must not make another voxel of one that lies on one.
    matrix = np.linalg.solve(found_affine, affine).round(9)
    places, starts = [], []
    for axis, (had, has) in enumerate(zip(shape, found, strict=True)):
        at = np.arange(had) * matrix[axis, axis] + matrix[axis, -1]
        near = np.flatnonzero(_over(at, has))
        places.append(at[near].clip(0, has - 1))
        starts.append(near[0] if near.size else 0)
    moved = np.eye(len(shape) + 1)
    moved[:-1, -1] = starts
    return Back(tuple(places), affine @ moved)


def _over(at: NDArray[np.float64], has: int) -> NDArray[np.bool_]:
    """Say which of ascending places a result of `has` voxels lies over."""
    # Only where the scan ends, too, the result may be short of it.
    low = -SHORT if at[0] > -SHORT else -0.5
    high = SHORT if at[-1] < has - 1 + SHORT else 0.5
    over: NDArray[np.bool_] = (at >= low) & (at <= has - 1 + high)
    return over


def nearest(labels: NDArray[Any], back: Back) -> NDArray[Any]:
    """Take the nearest label for each voxel of a scan, (*spatial)."""
    indices = [np.rint(each).astype(np.int64) for each in back.places]
    taken: NDArray[Any] = labels[np.ix_(*indices)]
    return taken


def between(values: Any, back: Back, space: Callable[[tuple[int, ...], Any], Any]) -> Any:
    """Interpolate values for each voxel of a scan linearly, slab by slab.

    Parameters
    ----------
    values : array
        (channels, *spatial) of floats, in memory or in a file.
    back : Back
        Where the scan's voxels lie.
    space : callable
        Makes the array of a shape and type that is given.
    """
    out = space((len(values), *back.shape), values.dtype)
    first, *others = back.places
    for channel in range(len(values)):
        for lo, hi in _slabs(values.shape[1:], back.shape):
            at = first[lo:hi]
            start, stop = int(at[0]), int(at[-1]) + 2
            part = np.asarray(values[channel, start:stop], np.float32)
            part = _along(part, at - start, 0)
            for axis, place in enumerate(others, 1):
                part = _along(part, place, axis)
            out[channel, lo:hi] = part
    return out


def _slabs(had: tuple[int, ...], has: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """Cut the scan's first axis into ranges small enough, of what is read as of what is made."""
    if not all(has):
        return
    read, made = math.prod(had) // has[0], math.prod(has[1:])
    rows = max(1, PIECE // max(1, read, made))
    for lo in range(0, has[0], rows):
        yield lo, min(lo + rows, has[0])


def _along(values: NDArray[np.float32], at: NDArray[np.float64], axis: int) -> NDArray[np.float32]:
    """Interpolate between neighbours along one axis."""
    low = at.astype(np.int64)
    if np.array_equal(low, at):
        return values if len(at) == values.shape[axis] else values.take(low, axis)
    high = np.minimum(low + 1, values.shape[axis] - 1)
    weight = (at - low).astype(np.float32).reshape(-1, *(1,) * (values.ndim - 1 - axis))
    found: NDArray[np.float32] = values.take(low, axis) * (1 - weight)
    found += values.take(high, axis) * weight
    return found
