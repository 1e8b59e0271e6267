"""numpy's indexing of an array that is not there yet: which part of it an index needs."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .regions import Box


@dataclass(frozen=True)
class Selection:
    """An index, split into the part of the array that it needs and what is then taken of it.

    Parameters
    ----------
    box : Box
        The part, a range for every axis; empty ranges where nothing is needed.
    index : tuple
        The index, relative to the part.
    """

    box: Box
    index: tuple[Any, ...]

    @property
    def empty(self) -> bool:
        """Whether nothing is needed."""
        return any(lo == hi for lo, hi in self.box)


def select(key: Any, shape: tuple[int, ...]) -> Selection:
    """Find the part of an array that an index needs.

    Parameters
    ----------
    key : int, slice, Ellipsis, None, array-like of int or bool, or tuple of these
        An index as numpy takes it.
    shape : tuple of int
        Shape of the array.

    Raises
    ------
    IndexError
        As numpy does.

    Examples
    --------
    >>> select((-1, slice(None, None, 2)), (3, 6))
    Selection(box=((2, 3), (0, 5)), index=(0, slice(0, 5, 2)))
    """
    box: list[tuple[int, int]] = []
    index: list[Any] = []
    entries = _entries(key, shape)
    skipped = len(shape) - sum(map(_axes, entries))
    for entry in entries:
        if entry is Ellipsis:
            # Kept: between two arrays it decides where numpy puts their axes.
            box += [(0, n) for n in shape[len(box) : len(box) + skipped]]
            index.append(Ellipsis)
        elif entry is None:
            index.append(None)
        else:
            bounds, relative = _part(entry, shape[len(box)], len(box))
            box.append(bounds)
            index.append(relative)
    return Selection(tuple(box), tuple(index))


def _entries(key: Any, shape: tuple[int, ...]) -> list[Any]:
    """Write an index as one entry per axis, None for new axes, and one Ellipsis for the others."""
    given = [_readable(entry) for entry in (key if isinstance(key, tuple) else (key,))]
    gaps = [i for i, entry in enumerate(given) if entry is Ellipsis]
    if len(gaps) > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    used = sum(map(_axes, given))
    if used > len(shape):
        raise IndexError(f"too many indices: the array has {len(shape)} axes, {used} were indexed")
    if not gaps and used < len(shape):
        given.append(Ellipsis)
    entries: list[Any] = []
    axis = 0
    for entry in given:
        entries += _unmasked(entry, shape[axis : axis + _axes(entry)])
        axis += len(shape) - used if entry is Ellipsis else _axes(entry)
    return entries


def _readable(entry: Any) -> Any:
    """Read an entry of an index: an integer, a slice, an array, None or Ellipsis."""
    if entry is None or entry is Ellipsis or isinstance(entry, slice):
        return entry
    if isinstance(entry, bool | np.bool_):
        raise IndexError("True and False are no indices of a feature map")
    try:
        return operator.index(entry)
    except TypeError:
        array = np.asarray(entry)
    if array.ndim and (not array.size or array.dtype.kind in "iub"):
        return array if array.size or array.dtype == np.bool_ else array.astype(np.intp)
    raise IndexError(
        "only integers, slices, ellipsis, None and arrays of integers or booleans are indices"
    )


def _axes(entry: Any) -> int:
    """Count the axes that an entry stands for; a mask has as many as the array."""
    if entry is None or entry is Ellipsis:
        return 0
    masks = isinstance(entry, np.ndarray) and entry.dtype == np.bool_
    return entry.ndim if masks else 1


def _unmasked(entry: Any, shape: tuple[int, ...]) -> list[Any]:
    """Write a mask as the indices of what is true in it."""
    if not isinstance(entry, np.ndarray):
        return [entry]
    if entry.dtype != np.bool_:
        return [entry.astype(np.intp)]
    if entry.shape != shape:
        raise IndexError(f"a mask of shape {entry.shape} does not fit axes of {shape}")
    return list(np.nonzero(entry))


def _part(entry: Any, n: int, axis: int) -> tuple[tuple[int, int], Any]:
    """Range of an axis of length `n` that an entry needs, and the entry relative to it."""
    if isinstance(entry, slice):
        return _slice(range(*entry.indices(n)))
    if isinstance(entry, int):
        index = _checked(entry, entry, n, axis)
        index += n if index < 0 else 0
        return (index, index + 1), 0
    if not entry.size:
        return (0, 0), entry
    _checked(int(entry.min()), int(entry.max()), n, axis)
    indices = np.where(entry < 0, entry + n, entry)
    lo, hi = int(indices.min()), int(indices.max()) + 1
    return (lo, hi), indices - lo


def _slice(indices: range) -> tuple[tuple[int, int], slice]:
    if not indices:
        return (0, 0), slice(0, 0)
    lo, hi = min(indices), max(indices) + 1
    stop = indices[-1] - lo + (1 if indices.step > 0 else -1)
    return (lo, hi), slice(indices[0] - lo, None if stop < 0 else stop, indices.step)


def _checked(low: int, high: int, n: int, axis: int) -> int:
    for index in (low, high):
        if not -n <= index < n:
            raise IndexError(f"index {index} is out of bounds for axis {axis} with size {n}")
    return low
