"""What a training is shown, as layers beside the image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .source import world_matrix

if TYPE_CHECKING:
    import napari
    from napari.layers import Image

    from napari_convnet.engine.data_jobs import PatchesSeen

NAME = "patches"
LABELS = "patches: labels"
_MARK = "shown to the training"
GAP = 0.05
"""Between the image and the patches, as a part of a patch."""


def show_patches(viewer: napari.Viewer, found: PatchesSeen, image: Image | None) -> None:
    """Add patches, and their labels over them, left of an image; older ones give way.

    The first axis is a slider through the patches; channels are a slider too.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer.
    found : PatchesSeen
        The patches.
    image : napari.layers.Image or None
        What they are shown beside.
    """
    for name in (NAME, LABELS):
        if name in viewer.layers:
            viewer.layers.remove(viewer.layers[name])
    images = found.images
    rank = images.ndim - 2 + found.slices
    if images.shape[1] == 1 and not found.slices:
        images = images[:, 0]
    steps, units = _steps(found, rank, image)
    lead = images.ndim - rank
    options: dict[str, Any] = {
        "scale": (1.0,) * lead + steps,
        "translate": (0.0,) * lead + _beside(viewer, images.shape[-rank:], steps, image),
        "units": ("pixel",) * lead + units,
        "axis_labels": ("patch", "channel")[:lead] + ("z", "y", "x")[-rank:],
        "metadata": {_MARK: found.unit},
    }
    viewer.add_image(images, name=NAME, contrast_limits=found.limits, rgb=False, **options)
    labels = _labels_of(found, images.shape)
    if labels is not None:
        names = {"index": range(1, len(found.classes) + 1), "class": found.classes}
        viewer.add_labels(labels, name=LABELS, opacity=0.4, features=names, **options)
    if image is not None:
        viewer.layers.selection = {image}


def is_shown_patches(layer: object) -> bool:
    """Whether a layer shows patches: normalised already, they are nothing to look at again."""
    return _MARK in getattr(layer, "metadata", {})


def _steps(
    found: PatchesSeen, rank: int, image: Image | None
) -> tuple[tuple[float, ...], tuple[str, ...]]:
    """Give the distances of pixels, and their units; those of the image where none are known."""
    if found.spacing:
        return found.spacing, (found.world_unit,) * rank
    if image is None or image.ndim < rank:
        return (1.0,) * rank, ("pixel",) * rank
    steps = np.linalg.norm(world_matrix(image)[:-1, :-1], axis=0)[-rank:]
    return tuple(float(n) for n in steps), tuple(str(unit) for unit in image.units[-rank:])


def _labels_of(found: PatchesSeen, shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
    """Give labels of the shape of the patches that they are shown over."""
    labels = found.labels
    if labels is None or labels.ndim == len(shape):
        return labels
    whole = np.zeros(shape, np.uint8)
    # Of neighbouring slices as channels the labels are those of the middle one.
    whole[:, shape[1] // 2] = labels
    return whole


def _beside(
    viewer: napari.Viewer, shape: tuple[int, ...], steps: tuple[float, ...], image: Image | None
) -> tuple[float, ...]:
    """Place patches left of an image, their middle at its height and at the slice looked at."""
    rank = len(shape)
    if image is None or image.ndim < rank:
        return (0.0,) * rank
    low, high = (np.asarray(corner)[-rank:] for corner in image.extent.world)
    middle = (low + high) / 2
    middle[: max(rank - 2, 0)] = viewer.dims.point[-rank : len(viewer.dims.point) - 2]
    place = middle - (np.asarray(shape) - 1) / 2 * steps
    place[-1] = low[-1] - shape[-1] * steps[-1] * (1 + GAP)
    return tuple(float(n) for n in place)
