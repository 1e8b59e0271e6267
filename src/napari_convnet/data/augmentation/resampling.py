"""Looking images up at other places, by MONAI (imported when first used; it brings torch)."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..values import AnyArray
from .base import IGNORED


def resampled(images: AnyArray, matrices: NDArray[np.float64]) -> AnyArray:
    """Look each image up at ``matrix @ place``, about its middle, linearly between pixels.

    Parameters
    ----------
    images : numpy.ndarray
        (B, C, *spatial), floats; one to three spatial axes.
    matrices : numpy.ndarray
        (B, rank, rank), in pixels.

    Returns
    -------
    numpy.ndarray
        Of the same shape and type; outside, the image's edge.
    """
    return _looked_up(images, matrices, "bilinear", "border")


def resampled_labels(labels: AnyArray, matrices: NDArray[np.float64]) -> AnyArray:
    """Look labels (B, *spatial) up as `resampled` does, at the nearest place; outside, IGNORED."""
    # Outside, what looks places up finds 0; so the lowest label, IGNORED, is moved there.
    found = _looked_up((labels[:, None] - IGNORED).astype(np.float32), matrices, "nearest", "zeros")
    return np.asarray(np.rint(found[:, 0]) + IGNORED, labels.dtype)


def _looked_up(
    images: AnyArray,
    matrices: NDArray[np.float64],
    mode: Literal["bilinear", "nearest"],
    outside: Literal["border", "zeros"],
) -> AnyArray:
    if not len(images) or (matrices == np.eye(matrices.shape[-1])).all():
        return images.copy()
    if images.ndim == 3:
        # MONAI takes images and volumes: a recording is an image of one row.
        rows = np.tile(np.eye(2), (len(images), 1, 1))
        rows[:, 1:, 1:] = matrices
        return _looked_up(images[:, :, None], rows, mode, outside)[:, :, 0]

    import torch
    from monai.networks.layers.spatial_transforms import AffineTransform

    middle = (np.array(images.shape[2:]) - 1) / 2
    whole = np.zeros((len(images), len(middle), len(middle) + 1))
    whole[:, :, :-1] = matrices
    whole[:, :, -1] = middle - matrices @ middle
    with torch.no_grad():
        source = torch.from_numpy(_thickened(images))
        places = torch.from_numpy(whole).to(source.dtype)
        found = AffineTransform(mode=mode, padding_mode=outside)(source, places).numpy()
    return np.ascontiguousarray(found[tuple(map(slice, images.shape))])


def _thickened(images: AnyArray) -> AnyArray:
    """Repeat what is one pixel thick: torch knows no place along an axis of one."""
    more = [(0, int(axis > 1 and size == 1)) for axis, size in enumerate(images.shape)]
    return np.ascontiguousarray(np.pad(images, more, mode="edge") if np.any(more) else images)
