"""How far apart the pixels are that a network sees of a napari layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_convnet.network import Input, Spacing

from .source import world_matrix

if TYPE_CHECKING:
    from napari.layers import Image


def spacing_of(layer: Image | None, given: Input) -> Spacing | None:
    """Take the distances of neighbouring pixels from a layer, for a network with this input.

    Parameters
    ----------
    layer : napari.layers.Image or None
        What the network looks at.
    given : Input
        The network's input; one of neighbouring slices looks along their axis too.

    Returns
    -------
    Spacing or None
        None where the layer knows pixels only, or has too few axes.
    """
    axes = len(given.sizes) + given.slices
    if layer is None or layer.ndim < axes:
        return None
    # The length of a step, whichever way it goes in the world.
    steps = np.linalg.norm(world_matrix(layer)[:-1, :-1], axis=0)[-axes:]
    units = tuple(str(unit) for unit in layer.units[-axes:])
    told = tuple(
        float(f"{step:.6g}") if unit != "pixel" else 1.0
        for step, unit in zip(steps, units, strict=True)
    )
    found = Spacing(told, units)
    return found if found.known else None
