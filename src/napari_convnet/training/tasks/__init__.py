"""Tasks: what a network learns, and how it is judged.

A `Learner` is a network with its task: a `Classifier` gives a class per image, a `Segmenter` one
per voxel, a `Regressor` values per voxel.
"""

from __future__ import annotations

import torch

from napari_convnet.document import Pipeline
from napari_convnet.model import ConvNet

from ..metrics import foreground_of
from .balance import class_weights
from .base import EVERYTHING, ClassLearner, Learner, Measured, Whole
from .bounds import spread, volume
from .classify import Classifier, check_classes
from .dense import DenseLearner, output_offset
from .overlap import overlapping
from .regress import Regressor
from .segment import Segmenter, millilitres

__all__ = [
    "EVERYTHING",
    "LEARNERS",
    "ClassLearner",
    "Classifier",
    "DenseLearner",
    "Learner",
    "Measured",
    "Regressor",
    "Segmenter",
    "Whole",
    "check_classes",
    "class_weights",
    "learner",
    "millilitres",
    "output_offset",
    "overlapping",
    "spread",
    "volume",
]

LEARNERS: dict[str, type[Learner]] = {
    kind.task: kind for kind in (Classifier, Segmenter, Regressor)
}
"""Kinds of learner by the word of ``task:``."""


def learner(
    model: ConvNet,
    pipeline: Pipeline,
    device: torch.device,
    weights: torch.Tensor | None = None,
) -> Learner:
    """Give a network the task that its document names.

    Parameters
    ----------
    model : ConvNet
        The network.
    pipeline : Pipeline
        The document, of which ``train:`` and ``data:`` count.
    device : torch.device
        Where the weights of the network are.
    weights : torch.Tensor, optional
        What each class counts for while training.
    """
    train, data = pipeline.train, pipeline.data
    foreground = foreground_of(None if data is None else data.unlabelled)
    return LEARNERS[train.task](model, train.loss, device, weights, foreground)
