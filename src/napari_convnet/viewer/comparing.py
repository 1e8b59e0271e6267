"""How well a prediction per voxel agrees with labels of the viewer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_convnet.data import check_same_place
from napari_convnet.data.contents import Contents
from napari_convnet.network import UserError
from napari_convnet.training.metrics import confusion

from .layer_data import names_of
from .source import world_matrix

if TYPE_CHECKING:
    from napari.layers import Labels


def comparing(result: Any, layer: Labels, done: Callable[[Any], Any]) -> threading.Thread:
    """Count in a thread how voxels of a segmentation agree with labels.

    Parameters
    ----------
    result : Segmentation
        The prediction.
    layer : napari.layers.Labels
        What is right. Where they name value 0, that is the first class; else they have the numbers
        of the prediction, and what is not painted does not count where the network was trained so.
    done : callable
        Gets the prediction with its measures, in that thread.

    Raises
    ------
    UserError
        Where there is no segmentation, or the two do not lie in the same place.
    """
    if not hasattr(result, "labels"):
        raise UserError("there is no segmentation to compare", "predict first")
    rank = result.labels.ndim
    right = np.asarray(layer.data)
    if right.ndim > rank and set(right.shape[: right.ndim - rank]) == {1}:
        right = right.reshape(right.shape[-rank:])
    axes = (*range(layer.ndim - rank, layer.ndim), -1)
    units = tuple(str(unit) for unit in layer.units[-rank:])
    place = world_matrix(layer)[np.ix_(axes, axes)]
    check_same_place(
        Contents(result.labels, affine=result.affine, units=result.units),
        Contents(right, affine=place, units=units),
        names=("the prediction", layer.name),
    )
    right = right.copy()
    # Labels that name value 0 count it as the first class, whatever the network was trained on.
    first = 0 if 0 in names_of(layer) else result.first

    def count() -> None:
        done(replace(result, confusion=counted(result, right, first)))

    thread = threading.Thread(target=count, daemon=True)
    thread.start()
    return thread


def counted(result: Any, right: NDArray[Any], first: int) -> NDArray[np.int64]:
    """Count voxels per right class (row) and predicted class (column), slice by slice.

    Labels below `first`, the number of the first class, and those beyond the last do not count.
    """
    classes = len(result.classes)
    counts = np.zeros((classes, classes), np.int64)
    for wanted, found in zip(right, result.labels, strict=True):
        # One slice at a time: the window goes on meanwhile.
        target = wanted.astype(np.int64) - first
        target[target >= classes] = -1
        counts += confusion(target, found.astype(np.int64) - result.first, classes)
    return counts
