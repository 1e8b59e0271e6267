"""Evaluate: how well a trained network does on images that it has not seen."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from napari_convnet.data import Dataset, Split
from napari_convnet.document import Pipeline
from napari_convnet.network import UserError

from .classifier import check_classes, measure
from .loading import Source, load
from .plan import Data, dataset_of, parts_of
from .results import Evaluation


def evaluate(
    source: Source,
    data: Data | None = None,
    device: str | torch.device = "auto",
    *,
    part: str | None = None,
    which: str = "best",
) -> Evaluation:
    """Measure a network on images.

    Parameters
    ----------
    source : Run, Pipeline or path
        A run or its folder, or a document (with its ``weights:``) or its file.
    data : Dataset or (images, labels), optional
        Images to measure on; else those of the document.
    device : str or torch.device
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    part : {"test", "validation", "train", "all"}, optional
        Which part of them. Else all of `data` where that is given; of the document's own, the
        images held out: the test part, or validation, or all where there is neither.
    which : {"best", "last"}
        Which weights of a run.

    Returns
    -------
    Evaluation

    Raises
    ------
    UserError
        If the network, its weights or the data are missing or do not fit.
    """
    loaded = load(source, which, device)
    dataset = dataset_of(loaded.pipeline, data)
    check_classes(loaded.pipeline.network, dataset.classes)
    if part is None and data is not None:
        part = "all"
    part, indices = _chosen(loaded.pipeline, dataset, part)
    found = measure(loaded.net, dataset, indices, loaded.pipeline.train.batch)
    if found is None:
        raise UserError(f"the {part} part has no images", "evaluate another part, or change split:")
    return Evaluation(
        accuracy=found.accuracy,
        loss=found.loss,
        confusion=confusion(found.targets, found.predicted, len(dataset.classes)),
        classes=dataset.classes,
        part=part,
        trained=loaded.trained,
    )


def _chosen(
    pipeline: Pipeline, dataset: Dataset, part: str | None
) -> tuple[str, NDArray[np.int64]]:
    """Name the part to measure on, and find its images."""
    if part == "all":  # not split: what cannot be parted can still be measured
        return part, np.arange(len(dataset), dtype=np.int64)
    parts = parts_of(pipeline, dataset)
    part = part or _held_out(parts)
    return part, _part(part, parts, dataset)


def _held_out(parts: Split) -> str:
    return next((name for name in ("test", "validation") if len(getattr(parts, name))), "all")


def _part(part: str, parts: Split, dataset: Dataset) -> NDArray[np.int64]:
    if part == "all":
        return np.arange(len(dataset), dtype=np.int64)
    if part not in ("test", "validation", "train"):
        raise UserError(f'data have no part "{part}"', "ask for test, validation, train or all")
    indices: NDArray[np.int64] = getattr(parts, part)
    return indices


def confusion(
    targets: NDArray[np.int64], predicted: NDArray[np.int64], classes: int
) -> NDArray[np.int64]:
    """Count images per right class (row) and predicted class (column).

    Examples
    --------
    >>> confusion(np.array([0, 1, 1]), np.array([0, 0, 1]), 2)
    array([[1, 0],
           [1, 1]])
    """
    counts = np.bincount(targets * classes + predicted, minlength=classes**2)
    return counts.astype(np.int64).reshape(classes, classes)
