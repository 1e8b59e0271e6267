"""One step of a large array, as the network takes it: read where it is looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .axes import Layout
from .values import AnyArray


@dataclass(frozen=True, eq=False)
class Taken:
    """A step of an array that is read lazily, such as zarr's, with the axes (C, *spatial).

    Parameters
    ----------
    data : array-like
        Has ``shape`` and ``dtype``, and takes tuples of integers and slices.
    layout : Layout
        What its axes are.
    steps : dict of int to int
        The current step along each axis that is a slider.
    """

    data: Any
    layout: Layout
    steps: dict[int, int]

    @property
    def shape(self) -> tuple[int, ...]:
        """Channels, then the size of each spatial axis."""
        return (self.layout.channels, *(int(self.data.shape[a]) for a in self.layout.spatial))

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values, as they came."""
        found: np.dtype[Any] = np.dtype(self.data.dtype)
        return found

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return 1 + len(self.layout.spatial)

    @property
    def nbytes(self) -> int:
        """Memory that all of it would take."""
        return int(np.prod(self.shape)) * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> AnyArray:
        """Read a part; `key` is one slice per axis, or what numpy takes of all of it."""
        slices = isinstance(key, tuple) and all(isinstance(each, slice) for each in key)
        if not slices or len(key) != self.ndim:
            part: AnyArray = self._read((slice(None),) * self.ndim)[key]
            return part
        return self._read(key)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> AnyArray:
        return np.asarray(self._read((slice(None),) * self.ndim), dtype=dtype)

    def _read(self, key: tuple[slice, ...]) -> AnyArray:
        wanted: dict[int, int | slice] = dict(zip(self.layout.spatial, key[1:], strict=True))
        if self.layout.channel is not None:
            first, last, step = key[0].indices(self.layout.channels)
            wanted[self.layout.channel] = slice(first, last, step)
        wanted.update(self.steps)
        part = np.asarray(self.data[tuple(wanted[axis] for axis in range(len(self.data.shape)))])
        if self.layout.channel is None:
            return part[None][key[:1]]
        # The sliders before the channels are gone by now.
        gone = sum(axis < self.layout.channel for axis in self.layout.sliders)
        return np.moveaxis(part, self.layout.channel - gone, 0)
