"""From the voxels that a network was given back to those of the scan, where these are others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Back:
    """Which voxel of a result lies nearest to each voxel of the scan.

    Parameters
    ----------
    indices : tuple of numpy.ndarray
        int64, per spatial axis: for the scan's voxels along it, the index in the result.
    affine : numpy.ndarray
        Place of the first of them, and the rest.
    """

    indices: tuple[NDArray[np.int64], ...]
    affine: Matrix


def own_grid(
    shape: tuple[int, ...], affine: Matrix, found: tuple[int, ...], found_affine: Matrix
) -> Back:
    """Find for each of a scan's voxels the nearest one of a result.

    The two grids run along the same axes: the result's is the scan's, resampled. Voxels of the scan
    over which nothing of the result lies (of a network without padding) are left out.

    Parameters
    ----------
    shape, affine
        Of the scan.
    found, found_affine
        Shape and place of the result.
    """
    matrix = np.linalg.solve(found_affine, affine)
    indices, starts = [], []
    for axis, (had, has) in enumerate(zip(shape, found, strict=True)):
        at = np.arange(had) * matrix[axis, axis] + matrix[axis, -1]
        # Resampling keeps the middle: at its ends a grid may be up to half a voxel short, and so
        # is what a voxel is the middle of.
        near = np.flatnonzero((at >= -1.0) & (at <= has))
        indices.append(np.rint(at[near]).astype(np.int64).clip(0, has - 1))
        starts.append(near[0] if near.size else 0)
    moved = np.eye(len(shape) + 1)
    moved[:-1, -1] = starts
    return Back(tuple(indices), affine @ moved)


def taken(array: Any, back: Back, space: Callable[[tuple[int, ...], Any], Any]) -> Any:
    """Take the nearest voxels, (*spatial) or (channels, *spatial), slab by slab."""
    lead = array.ndim - len(back.indices)
    size = tuple(len(each) for each in back.indices)
    out = space((*array.shape[:lead], *size), array.dtype)
    first, *others = back.indices
    rest = np.ix_(*others)
    channels = range(array.shape[0]) if lead else [None]
    for channel in channels:
        for row, index in enumerate(first):
            at = (index,) if channel is None else (channel, index)
            to = (row,) if channel is None else (channel, row)
            plane = np.asarray(array[at])
            out[to] = plane[rest] if others else plane
    return out
