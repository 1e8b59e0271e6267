"""Labels to paint: empty, in the place of an image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_convnet.data.axes import layout
from napari_convnet.network import Input

from .source import form_of, world_matrix

if TYPE_CHECKING:
    import napari
    from napari.layers import Image, Labels

BRUSH = 40
"""Strokes of the brush that are as wide as the image, roughly."""


def add_labels(viewer: napari.Viewer, image: Image, given: Input) -> Labels:
    """Add an empty labels layer in the place of an image, with the brush in hand.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer.
    image : napari.layers.Image
        What is to be painted on.
    given : Input
        The network's input: its channels are not painted one by one.

    Raises
    ------
    UserError
        Where the image does not suit the network.
    """
    data: Any = image.data[0] if image.multiscale else image.data
    found = layout(tuple(data.shape), form_of(image, given), bool(image.rgb), image.name)
    axes = [*found.sliders, *found.spatial]
    shape = tuple(data.shape[axis] for axis in axes)
    labels: Labels = viewer.add_labels(
        np.zeros(shape, np.uint8),
        name=f"{image.name}: painted",
        affine=world_matrix(image)[np.ix_((*axes, -1), (*axes, -1))],
        units=tuple(image.units[axis] for axis in axes),
        axis_labels=tuple(image.axis_labels[axis] for axis in axes),
    )
    labels.brush_size = max(1, round(min(shape[-2:]) / BRUSH))
    labels.mode = "paint"
    viewer.layers.selection = {labels}
    return labels
