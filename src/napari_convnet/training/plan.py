"""What a training needs, loaded and checked before its first step."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import torch
from torch import Tensor

from napari_convnet.data import Classified, Dense, Examples, load_examples
from napari_convnet.document import Pipeline, Train
from napari_convnet.model import build, pick_device
from napari_convnet.network import Network, UserError

from .modes import in_use
from .tasks import DenseLearner, Learner, class_weights, learner, volume

Data: TypeAlias = Any
"""What `load_examples` takes instead of the document's own data."""

VALIDATED = 1.5
"""Voxels computed to validate an epoch, at most, by those learned from in it. To learn from a voxel
takes about three times what it takes to compute it: validation then takes half the time."""

LEAST_VALIDATED = 64**3
"""Voxels that may always be computed to validate an epoch."""


@dataclass(frozen=True, eq=False)
class Plan:
    """A training that can begin.

    Parameters
    ----------
    pipeline : Pipeline
        The document.
    examples : Examples
        All data, in three parts.
    device : torch.device
        What computes.
    net : Learner
        The network on it, with its first weights, and its task.
    """

    pipeline: Pipeline
    examples: Examples
    device: torch.device
    net: Learner

    @property
    def settings(self) -> Train:
        """The document's ``train:``."""
        return self.pipeline.train

    @property
    def steps_per_epoch(self) -> int:
        """Steps in which all training examples are seen once."""
        return self.examples.steps(self.settings.batch)

    @property
    def steps(self) -> int:
        """Steps of the whole training."""
        return self.settings.epochs * self.steps_per_epoch

    @property
    def most_validated(self) -> int | None:
        """Voxels to compute at most for the validation of an epoch; None without such a bound.

        A volume may have a hundred times the voxels of an epoch's patches: measuring all of it
        after each would take longer than learning. At the end of the training all is measured.
        """
        if not isinstance(self.examples, Dense):
            return None
        learned = self.examples.counts[0] * math.prod(self.examples.shape[1:])
        return max(LEAST_VALIDATED, int(VALIDATED * learned))

    @property
    def normalised(self) -> bool:
        """Whether values were brought to a range that networks do well with."""
        if isinstance(self.examples, Classified):
            return self.examples.dataset.normalize is not None
        return self.pipeline.data is not None and self.pipeline.data.normalize is not None

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know about the data."""
        notes = [note.text for note in self.examples.notes]
        return tuple(notes + self._validation_notes())

    def _validation_notes(self) -> list[str]:
        net, examples = self.net, self.examples
        if not (isinstance(net, DenseLearner) and isinstance(examples, Dense)):
            return []
        have = sum(volume(region.box) for region in examples.regions("validation"))
        chosen = net.regions(examples, "validation", self.most_validated)
        taken = sum(volume(region.box) for region in chosen)
        notes = []
        if taken < have:
            notes.append(
                f"every epoch is validated by {taken:,} of the {have:,} voxels there are for it, "
                "spread evenly, to save time; the test at the end takes all of its own"
            )
        if net.sees_everything and have:
            notes.append(
                "every epoch is validated patch by patch, since the network has layers that see "
                "all of a scan; the test at the end is of whole scans"
            )
        return notes


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
    _check_network(pipeline.network)
    picked = pick_device(device)
    _check_precision(pipeline.train, picked)
    examples = load_examples(pipeline, data)
    model = build(
        pipeline if fresh else pipeline.network,
        seed=pipeline.train.seed,
        device=picked,
        folder=pipeline.folder,
    )
    net = learner(model, pipeline, picked, _weights(pipeline.train, examples, picked))
    net.check(examples)
    _try(net, pipeline, examples)
    return Plan(pipeline, examples, picked, net)


def _weights(settings: Train, examples: Examples, device: torch.device) -> Tensor | None:
    if settings.balance == "none" or settings.task == "regress":
        return None
    return class_weights(examples).to(device)


def _try(net: Learner, pipeline: Pipeline, examples: Examples) -> None:
    """Cut, augment and compute an example, so that what is wrong is told before the first step."""
    batches = examples.batches(1, pipeline.train.seed, 1, pipeline.augment)
    images, targets = next(batches)
    with in_use(net.model), torch.no_grad():
        outputs = net.outputs(torch.from_numpy(images).to(net.device))
        net.loss(outputs, torch.from_numpy(targets).to(net.device))


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
