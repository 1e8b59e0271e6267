"""What maps look like: montages, the values that colours span, and maps that show nothing."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]
Limits = tuple[float, float]
Colours = Literal["diverging", "sequential"]

PERCENTILES = (0.5, 99.5)

_ENOUGH = 2**20
"""Percentiles of more values than these are those of every so many-th."""


def montage(
    maps: ArrayLike, columns: int | None = None, gap: int = 1, index: int | None = None
) -> Array:
    """Lay all maps of a layer side by side.

    Parameters
    ----------
    maps : array-like
        (C, y, x). Of volumes (C, z, y, x) one slice is shown; maps (C, n) of a recording are a
        strip of their own, and a vector (N,) is one row.
    columns : int, optional
        Maps beside each other; by default so many that the montage is about square.
    gap : int
        Pixels between them.
    index : int, optional
        Which slice of volumes; the middle one if not given.

    Returns
    -------
    numpy.ndarray
        (rows, columns) of floats; NaN between maps and where there are none.

    Examples
    --------
    >>> montage(np.ones((2, 2, 1)))
    array([[ 1., nan,  1.],
           [ 1., nan,  1.]])
    """
    array = np.asarray(maps)
    array = array.astype(np.result_type(array.dtype, np.float32), copy=False)
    if array.ndim < 3:
        return np.array(np.atleast_2d(array))
    if array.ndim > 3:
        array = array[:, array.shape[1] // 2 if index is None else index]
    count, height, width = array.shape
    columns = _columns(count, height + gap, width + gap) if columns is None else columns
    rows = -(-count // columns)
    # One gap more on either side, cut off at the end.
    tiles = np.full((rows * columns, height + gap, width + gap), np.nan, array.dtype)
    tiles[:count, :height, :width] = array
    tiles = tiles.reshape(rows, columns, height + gap, width + gap).swapaxes(1, 2)
    whole = tiles.reshape(rows * (height + gap), columns * (width + gap))
    return np.array(whole[: whole.shape[0] - gap, : whole.shape[1] - gap])


def _columns(count: int, height: int, width: int) -> int:
    """Choose the columns that make the longer side shortest; then the fuller, the wider one."""

    def cost(columns: int) -> tuple[int, int, int]:
        rows = -(-count // columns)
        return max(rows * height, columns * width), rows * columns - count, -columns

    return min(range(1, count + 1), key=cost, default=1)


def limits(array: ArrayLike, percentiles: tuple[float, float] = PERCENTILES) -> Limits:
    """Find the values that the colours of a map, or of a whole layer, should span.

    Parameters
    ----------
    array : array-like
        Of any shape.
    percentiles : tuple of float
        A few extreme values may lie beyond the colours.

    Returns
    -------
    tuple of float
        Least and greatest, never the same; as far below zero as above where there are values of
        both signs. Values that are not finite do not count. Where nearly all values are the same,
        the others are what is to be seen: then all count.

    Examples
    --------
    >>> limits([-1.0, 0.0, 3.0], percentiles=(0, 100))
    (-3.0, 3.0)
    >>> limits([0.0, 2.0, float("nan")], percentiles=(0, 100))
    (0.0, 2.0)
    """
    values = np.asarray(array).ravel()
    some = values[:: max(1, values.size // _ENOUGH | 1)]
    some = some[np.isfinite(some)]
    low, high = (float(v) for v in np.percentile(some, percentiles)) if some.size else (0.0, 0.0)
    if not low < high:
        values = values[np.isfinite(values)]
        low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    return _span(low, high)


def _span(low: float, high: float) -> Limits:
    if low < 0 < high:
        greatest = max(-low, high)
        return -greatest, greatest
    if low < high:
        return low, high
    # A constant: it stands at the end of colours that begin at zero.
    return (min(low, 0.0), max(high, 0.0)) if low else (0.0, 1.0)


def limits_per_map(maps: ArrayLike, percentiles: tuple[float, float] = PERCENTILES) -> Array:
    """Find the limits of each map (C, ...) by itself: (C, 2)."""
    return np.array([limits(one, percentiles) for one in np.asarray(maps)])


def common_limits(each: Iterable[Limits]) -> Limits:
    """Find limits for several layers together, for a whole network for example.

    Examples
    --------
    >>> common_limits([(0.0, 1.0), (-2.0, 2.0)])
    (-2.0, 2.0)
    """
    found = list(each)
    low, high = min(low for low, _ in found), max(high for _, high in found)
    return _span(low, high)


def dead(maps: ArrayLike) -> NDArray[np.bool_]:
    """Find maps that show nothing.

    Parameters
    ----------
    maps : array-like
        (C, ...).

    Returns
    -------
    numpy.ndarray
        (C,) bool: True where a map is constant or has no finite value. A map of one value is not
        called constant.
    """
    array = np.asarray(maps)
    flat = array.reshape(len(array), math.prod(array.shape[1:]))
    finite = np.isfinite(flat)
    low = np.min(flat, axis=1, initial=np.inf, where=finite)
    high = np.max(flat, axis=1, initial=-np.inf, where=finite)
    return np.asarray(low > high if flat.shape[1] == 1 else low >= high)


def colours(low: float, high: float) -> Colours:
    """Choose colours: diverging around zero for values of both signs, else sequential."""
    return "diverging" if low < 0 < high else "sequential"
