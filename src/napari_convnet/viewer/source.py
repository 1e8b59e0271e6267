"""The image that the network looks at: a napari layer at the current step of its sliders."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_convnet.data import Note, Sample, sample_as_it_came, sample_from_array
from napari_convnet.data.axes import GivenInput, Layout, input_form, layout
from napari_convnet.data.sound import EAR_AXES, ears_note
from napari_convnet.data.transforms import layer_matrix
from napari_convnet.network import Shape

if TYPE_CHECKING:
    from napari.layers import Image

Matrix = NDArray[np.float64]

MOST_VALUES = 2**22
"""Images of more values travel to the worker as they came, and are prepared there."""


@dataclass(frozen=True, eq=False)
class Source:
    """What the network sees of a napari layer.

    Parameters
    ----------
    sample : Sample
        The values, (C, *spatial), and the place of the spatial axes in the world.
    extra : tuple of (scale, translate)
        For each axis of the layer that the network does not move along: the step and place that a
        map needs on it to lie over what was computed. A slider's is the current step; along the
        channels, and along the ears of a recording, a map lies over all of them.
    labels : tuple of str
        Names of these axes.
    units : tuple of str
        Their units.
    """

    sample: Sample
    extra: tuple[tuple[float, float], ...]
    labels: tuple[str, ...]
    units: tuple[str, ...]


def source_of(layer: Image, shape: Shape, point: Sequence[float]) -> Source:
    """Take what the network sees of a layer.

    Parameters
    ----------
    layer : napari.layers.Image
        The layer.
    shape : tuple of int or None
        The network's input: channels, then sizes.
    point : sequence of float
        Where the viewer's sliders stand, in world coordinates.

    Raises
    ------
    UserError
        Where the layer cannot be the network's input.
    """
    data = layer.data[0] if layer.multiscale else layer.data
    notes = _ear_notes(layer, shape)
    found = layout(tuple(data.shape), shape, bool(layer.rgb), layer.name)
    # The ears are no slider: both are on the screen, and the left one is the first.
    step = (0, 0) if notes else step_of(layer, point)
    # A copy in single precision of a large scan would hold up the window: the worker makes it.
    large = math.prod(data.shape[axis] for axis in found.spatial) > MOST_VALUES
    sample = (sample_as_it_came if large else sample_from_array)(
        data,
        shape,
        affine=world_matrix(layer),
        units=tuple(str(unit) for unit in layer.units),
        axes=_spatial_names(layer, found),
        rgb=bool(layer.rgb),
        name=layer.name,
        step=step,
    )
    return Source(replace(sample, notes=notes), *_extra(layer, found, step))


def form_of(layer: Image, given: GivenInput) -> tuple[int | None, ...]:
    """Decide as what a network takes a layer: of a network of slices, as a volume or an image.

    Examples
    --------
    >>> from napari.layers import Image
    >>> from napari_convnet.network import parse_input
    >>> form_of(Image(np.zeros((40, 9, 9))), parse_input("5zx9x9"))
    (1, None, 9, 9)
    >>> form_of(Image(np.zeros((5, 9, 9))), parse_input("5zx9x9"))
    (5, 9, 9)
    """
    data = layer.data[0] if layer.multiscale else layer.data
    return tuple(input_form(given, tuple(data.shape), tuple(layer.axis_labels), bool(layer.rgb)))


def _ear_notes(layer: Image, shape: Shape) -> tuple[Note, ...]:
    """Tell what a network does not hear of a recording; refuse one that it cannot hear."""
    if tuple(layer.axis_labels) != EAR_AXES:
        return ()
    note = ears_note(layer.data.shape[0], shape, layer.name)
    return () if note is None else (note,)


def _spatial_names(layer: Image, found: Layout) -> tuple[str, ...] | None:
    """Names that the user gave the axes; napari's own are numbers from the end."""
    names = tuple(layer.axis_labels[axis] for axis in found.spatial)
    return None if any(name.startswith("-") for name in names) else names


def step_of(layer: Image, point: Sequence[float]) -> tuple[int, ...]:
    """Give the index of a layer, per axis, that lies at a point of the world."""
    world = np.zeros(layer.ndim)
    given = np.asarray(point, dtype=float)[-layer.ndim :]
    world[layer.ndim - len(given) :] = given
    inverse = np.linalg.inv(world_matrix(layer))
    return tuple(int(i) for i in np.rint(inverse[:-1, :-1] @ world + inverse[:-1, -1]))


def slice_of(
    layer: Image, point: Sequence[float], spacing: Sequence[float] | None = None
) -> tuple[int, int, int]:
    """Give the voxel in the middle of the slice of a volume that is nearest to a point.

    Parameters
    ----------
    layer : napari.layers.Image
        The volume.
    point : sequence of float
        Where the viewer's sliders stand, in world coordinates.
    spacing : sequence of float, optional
        To what the volume is resampled, in the world's unit; the voxel is one of those then.
    """
    data = layer.data[0] if layer.multiscale else layer.data
    shape = data.shape[layer.ndim - 3 : layer.ndim]
    z = step_of(layer, point)[-3]
    voxel = np.array([min(max(z, 0), shape[0] - 1), shape[1] // 2, shape[2] // 2], float)
    if spacing:
        sizes = np.linalg.norm(world_matrix(layer)[:-1, :-1], axis=0)[-3:]
        voxel *= sizes / np.broadcast_to(np.asarray(spacing, float), 3)
    first, second, third = (round(float(n)) for n in voxel)
    return first, second, third


def _extra(
    layer: Image, found: Layout, step: Sequence[int]
) -> tuple[tuple[tuple[float, float], ...], tuple[str, ...], tuple[str, ...]]:
    matrix = world_matrix(layer)
    places, labels, units = [], [], []
    for axis in range(layer.ndim):
        if axis in found.spatial:
            continue
        scale, translate = float(matrix[axis, axis]) or 1.0, float(matrix[axis, -1])
        if axis == found.channel or layer.ndim == 2:
            count = layer.data.shape[axis]
            places.append((scale * count, translate + scale * (count - 1) / 2))
        else:
            last = layer.data.shape[axis] - 1
            places.append((scale, translate + scale * min(max(step[axis], 0), last)))
        labels.append(layer.axis_labels[axis])
        units.append(str(layer.units[axis]))
    return tuple(places), tuple(labels), tuple(units)


def world_matrix(layer: Image) -> Matrix:
    """Matrix from a layer's indices to the world, homogeneous."""
    return layer_matrix(
        layer.ndim,
        scale=layer.scale,
        translate=layer.translate,
        rotate=layer.rotate,
        shear=layer.shear,
        affine=layer.affine,
    )
