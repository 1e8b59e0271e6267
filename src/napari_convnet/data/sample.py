"""One image, recording or scan as the network takes it, with its place in the world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .axes import Layout, axis_names, layout, per_axis
from .contents import Note
from .settings import Input
from .taken import Taken
from .transforms import layer_matrix, spatial_matrix
from .values import AnyArray, as_array, check_finite, check_kind

_TIMES = {"s", "second", "seconds", "ms", "millisecond", "milliseconds", "us", "microsecond"}


@dataclass(frozen=True, eq=False)
class Sample:
    """One thing that a network looks at.

    Parameters
    ----------
    array : numpy.ndarray
        (C, *spatial), float32, the values as they came (normalising is a step of its own).
    affine : numpy.ndarray
        (rank + 1) square, float64: spatial index to world, as a napari layer's.
    units : tuple of str
        Unit of each spatial axis.
    axes : tuple of str
        Name of each spatial axis, such as ("y", "x").
    name : str
        What to call it.
    target : int or None
        Its class, where that is known.
    notes : tuple of Note
        What was found in its file, and what was done about it.
    """

    array: NDArray[np.float32]
    affine: NDArray[np.float64]
    units: tuple[str, ...]
    axes: tuple[str, ...]
    name: str = ""
    target: int | None = None
    notes: tuple[Note, ...] = ()

    @property
    def rank(self) -> int:
        """Number of spatial axes."""
        return self.array.ndim - 1

    @property
    def shape(self) -> tuple[int, ...]:
        """Channels, then the size of each spatial axis."""
        return self.array.shape


def sample_from_array(
    array: Any,
    input: Input,
    *,
    scale: ArrayLike | None = None,
    translate: ArrayLike | None = None,
    rotate: ArrayLike | None = None,
    shear: ArrayLike | None = None,
    affine: Any = None,
    units: Any = None,
    axes: Sequence[str] | None = None,
    rgb: bool | None = None,
    name: str = "",
    step: Sequence[int] = (),
) -> Sample:
    """Make a sample of an array, or of a napari layer's data and place.

    An RGB image gives 3 channels; as many axes as the network has give one channel; a leading axis
    as long as the input has channels gives the channels; further axes are sliders, of which the
    current step is taken.

    Parameters
    ----------
    array : array-like
        Booleans, integers or floats; lazy arrays are read at the current step only. The sample may
        share its memory.
    input : sequence of int or None
        The network's input: channels, then nominal sizes.
    scale, translate, rotate, shear, affine : optional
        As those of a napari layer, per axis of the array (or of its last axes); the part that
        belongs to the spatial axes becomes the sample's affine.
    units : str or sequence, optional
        One for all axes, or one per axis; "pixel" if not given.
    axes : sequence of str, optional
        Names of the array's axes.
    rgb : bool, optional
        Whether the last axis holds colours; guessed if not given.
    name : str
        What to call it in messages.
    step : sequence of int
        Current index along each axis of the array (only those of sliders count, and are brought
        into range); the first where not given.

    Returns
    -------
    Sample

    Raises
    ------
    UserError
        If the axes do not fit the network's input, or the values are no numbers, NaN or infinite.

    Examples
    --------
    >>> sample = sample_from_array([[0, 1], [2, 3]], (1, 2, 2), scale=(3, 1), units="mm")
    >>> sample.shape, sample.axes, sample.units
    ((1, 2, 2), ('y', 'x'), ('mm', 'mm'))
    """
    called = name or "the image"
    found = sample_as_it_came(
        array,
        input,
        scale=scale,
        translate=translate,
        rotate=rotate,
        shear=shear,
        affine=affine,
        units=units,
        axes=axes,
        rgb=rgb,
        name=name,
        step=step,
    )
    return replace(found, array=as_floats(np.asarray(found.array), called))


def sample_as_it_came(
    array: Any,
    input: Input,
    *,
    units: Any = None,
    axes: Sequence[str] | None = None,
    rgb: bool | None = None,
    name: str = "",
    step: Sequence[int] = (),
    **place: Any,
) -> Sample:
    """Make a sample whose values are as they came: of any type, not checked, and lazy if they were.

    Parameters
    ----------
    array, input, units, axes, rgb, name, step
        As in `sample_from_array`.
    **place
        ``scale``, ``translate``, ``rotate``, ``shear`` and ``affine``, likewise.

    Raises
    ------
    UserError
        If the axes do not fit the network's input, or the values are no numbers.
    """
    called = name or "the image"
    data = as_array(array, called)
    check_kind(data, called)
    found = layout(tuple(data.shape), input, rgb, name)
    steps = _steps(found, tuple(data.shape), step)
    ndim = len(data.shape) - found.rgb
    matrix = layer_matrix(ndim, **place)
    rank = len(found.spatial)
    units = per_axis(units, rank, "units", ("pixel",) * rank)
    lazy = not isinstance(data, np.ndarray)
    values: Any = Taken(data, found, steps) if lazy else take(data, found, steps)
    return Sample(
        array=values,
        affine=spatial_matrix(matrix, found.spatial, steps),
        units=units,
        axes=per_axis(axes, rank, "axes", _default_axes(rank, units)),
        name=name,
    )


def take(data: Any, found: Layout, steps: dict[int, int]) -> AnyArray:
    """Take the current step of an array and bring its axes into the order (C, *spatial)."""
    index = tuple(steps.get(axis, slice(None)) for axis in range(data.ndim))
    part = np.asarray(data[index])
    if found.channel is None:
        return part[None]
    # The sliders before the channels are gone by now.
    channel = found.channel - sum(axis < found.channel for axis in found.sliders)
    return np.moveaxis(part, channel, 0)[: found.channels]


def as_floats(array: AnyArray, name: str) -> NDArray[np.float32]:
    """Convert to float32 with the values as they are.

    Raises
    ------
    UserError
        If there are NaN or infinite values.
    """
    check_finite(array, name)
    return np.ascontiguousarray(array, dtype=np.float32)


def _steps(found: Layout, shape: tuple[int, ...], step: Sequence[int]) -> dict[int, int]:
    ndim = len(shape) - found.rgb
    given = list(step)[-ndim:]
    given += [0] * (ndim - len(given))
    return {axis: min(max(int(given[axis]), 0), shape[axis] - 1) for axis in found.sliders}


def _default_axes(rank: int, units: tuple[str, ...]) -> tuple[str, ...]:
    return ("t",) if rank == 1 and units[0] in _TIMES else axis_names(rank)
