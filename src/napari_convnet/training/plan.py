"""What a training needs, loaded and checked before its first step."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from napari_convnet.data import (
    Dataset,
    Split,
    augment,
    check_size,
    dataset_from_arrays,
    load_dataset,
    number_of_batches,
    split,
)
from napari_convnet.document import Pipeline, Train
from napari_convnet.model import build, pick_device
from napari_convnet.network import Network, UserError

from .classifier import Classifier, check_classes, measure

Data: TypeAlias = Dataset | tuple[ArrayLike, ArrayLike]
"""A dataset, or images and labels."""


@dataclass(frozen=True, eq=False)
class Plan:
    """A training that can begin.

    Parameters
    ----------
    pipeline : Pipeline
        The document.
    dataset : Dataset
        All images.
    parts : Split
        Which of them are for what.
    device : torch.device
        What computes.
    net : Classifier
        The network on it, with its first weights.
    """

    pipeline: Pipeline
    dataset: Dataset
    parts: Split
    device: torch.device
    net: Classifier

    @property
    def settings(self) -> Train:
        """The document's ``train:``."""
        return self.pipeline.train

    @property
    def steps_per_epoch(self) -> int:
        """Steps in which all training images are seen once."""
        return number_of_batches(len(self.parts.train), self.settings.batch)

    @property
    def steps(self) -> int:
        """Steps of the whole training."""
        return self.settings.epochs * self.steps_per_epoch

    @property
    def signature(self) -> str:
        """Text that differs where the data do."""
        targets = zlib.crc32(np.ascontiguousarray(self.dataset.targets).tobytes())
        return json.dumps([len(self.dataset), list(self.dataset.shape), targets])


def prepare(
    pipeline: Pipeline, data: Data | None, device: str | torch.device, *, fresh: bool = True
) -> Plan:
    """Load and check all that a training needs.

    Parameters
    ----------
    pipeline, data, device
        As of `train`.
    fresh : bool
        Whether to begin with the weights that the document names; a resumed run has its own.

    Raises
    ------
    UserError
        If the document, the data, the network for these data, or the device is wrong.
    """
    pipeline.checked()
    _check_task(pipeline.train)
    _check_network(pipeline.network)
    picked = pick_device(device)
    _check_precision(pipeline.train, picked)
    dataset = dataset_of(pipeline, data)
    check_classes(pipeline.network, dataset.classes)
    parts = parts_of(pipeline, dataset)
    model = build(
        pipeline if fresh else pipeline.network,
        seed=pipeline.train.seed,
        device=picked,
        folder=pipeline.folder,
    )
    net = Classifier(model, pipeline.train.loss, picked)
    _try(net, pipeline, dataset, parts.train[:1])
    return Plan(pipeline, dataset, parts, picked, net)


def _try(net: Classifier, pipeline: Pipeline, dataset: Dataset, indices: NDArray[np.int64]) -> None:
    """Augment and compute an image, so that what is wrong is told before anything is written."""
    augment(dataset.take(indices), pipeline.augment, np.random.default_rng(0))
    measure(net, dataset, indices, 1)


def dataset_of(pipeline: Pipeline, data: Data | None) -> Dataset:
    """Take the data given, else those that the document names."""
    if data is None:
        return load_dataset(pipeline)
    dataset = data if isinstance(data, Dataset) else _from_pair(pipeline, *data)
    check_size(pipeline, dataset.shape)
    return dataset


def _from_pair(pipeline: Pipeline, images: ArrayLike, labels: ArrayLike) -> Dataset:
    """Make a dataset of images and labels, treated as the document says of its own."""
    own = pipeline.data
    if own is None:
        return dataset_from_arrays(images, labels, input=pipeline.input)
    return dataset_from_arrays(
        images,
        labels,
        own.classes or None,
        input=pipeline.input,
        fit=own.fit,
        normalize=own.normalize,
        unlabelled=own.unlabelled,
    )


def parts_of(pipeline: Pipeline, dataset: Dataset) -> Split:
    """Split a dataset as the document says: 70/15/15 where it says nothing."""
    fractions = pipeline.data.split if pipeline.data else (0.7, 0.15, 0.15)
    return split(dataset, fractions, pipeline.train.seed)


def trained_alike(one: Pipeline, other: Pipeline) -> bool:
    """Whether two documents train the same network in the same way."""
    return _essence(one) == _essence(other)


def _essence(pipeline: Pipeline) -> tuple[Any, ...]:
    """All of a document that its training depends on, as far as it stands in its text."""
    sections = pipeline.sections.model_copy(update={"title": "", "show": (), "weights": ""})
    layers = tuple(
        (layer.name, layer.kind, layer.inputs, replace(layer.extras, note=""))
        for layer in pipeline.network.layers
    )
    return sections, layers


def _check_task(settings: Train) -> None:
    if settings.task != "classify":
        what = f"train: task: {settings.task} is not built yet"
        raise UserError(what, "write task: classify")


def _check_network(network: Network) -> None:
    weighted = [layer for layer in network.layers if layer.parameters]
    if not weighted:
        raise UserError("the network has no weights to train", "add a conv or fc layer")
    if all(layer.extras.freeze for layer in weighted):
        what = "every layer with weights is frozen: there is nothing to train"
        raise UserError(what, "take freeze: away from one")


def _check_precision(settings: Train, device: torch.device) -> None:
    if settings.precision == "float16" and device.type != "cuda":
        what = f"train: precision: float16 needs a CUDA GPU, and this trains on {device.type}"
        raise UserError(what, "write auto, float32 or bfloat16")
