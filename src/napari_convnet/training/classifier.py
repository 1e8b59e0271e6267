"""A network as a classifier: its outputs, losses and probabilities, in training and in use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_convnet.data import Dataset
from napari_convnet.model import ConvNet
from napari_convnet.network import Network, UserError

from .control import Control
from .losses import probabilities, total_loss


@dataclass(frozen=True, eq=False)
class Classifier:
    """A network that gives a number per class.

    Parameters
    ----------
    model : ConvNet
        The network.
    losses : tuple of str
        Words of the document's ``loss:``.
    device : torch.device
        Where its weights are.
    """

    model: ConvNet
    losses: tuple[str, ...]
    device: torch.device

    @cached_property
    def ends_in_softmax(self) -> bool:
        """Whether the network makes probabilities itself."""
        network = self.model.network
        return network.end in network and network[network.end].op == "softmax"

    def outputs(self, images: Tensor) -> Tensor:
        """Compute the outputs (B, classes) in float32.

        Of a network that ends in softmax, those that go into it: their cross-entropy is exact where
        that of a probability near 0 is rounded off.
        """
        if not self.ends_in_softmax:
            found: Tensor = self.model(images)
            return found.float()
        network = self.model.network
        (before,) = network[network.end].inputs
        return self.model.outputs(images, (before,))[before].float()

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Mean loss of some images."""
        return total_loss(self.losses, outputs, targets, softmax=self.ends_in_softmax)

    def probabilities(self, outputs: Tensor) -> Tensor:
        """Probabilities (B, classes) of some images."""
        return probabilities(self.losses, outputs, softmax=self.ends_in_softmax)


def check_classes(network: Network, classes: Sequence[str]) -> None:
    """Refuse a network that does not give one number per class.

    Raises
    ------
    UserError
        Says what to write at its end.
    """
    count, output = len(classes), network.output
    if len(output) > 1:
        sizes = "x".join("?" if n is None else str(n) for n in output)
        raise UserError(
            f"the network ends in maps of {sizes}, and a class needs one number per image",
            f"end it with flatten and fc {count}, or with conv {count} k1 and gap",
        )
    if output[0] != count:
        raise UserError(
            f"the network ends in {output[0]} values, and the data have {count} classes",
            f"make its last layer with weights fc {count}",
        )


@dataclass(frozen=True, eq=False)
class Measured:
    """How a network does on some images, in their order.

    Parameters
    ----------
    loss : float
        Mean loss.
    predicted : numpy.ndarray
        int64 (N,): the class with the greatest output.
    targets : numpy.ndarray
        int64 (N,): the right class.
    """

    loss: float
    predicted: NDArray[np.int64]
    targets: NDArray[np.int64]

    @property
    def accuracy(self) -> float:
        """Part of the images whose class is right."""
        return float((self.predicted == self.targets).mean())


def measure(
    net: Classifier,
    dataset: Dataset,
    indices: NDArray[np.int64],
    batch: int,
    control: Control | None = None,
) -> Measured | None:
    """Measure a network on some images of a dataset, with dropout off.

    Parameters
    ----------
    net : Classifier
        The network; its mode is put back afterwards.
    dataset, indices : Dataset, numpy.ndarray
        The images.
    batch : int
        Images computed at once.
    control : Control, optional
        Whose `stop` ends the measuring.

    Returns
    -------
    Measured or None
        None where there are no images, and where it was stopped.
    """
    losses: list[float] = []
    predicted: list[NDArray[np.int64]] = []
    with in_use(net.model), torch.no_grad():
        for images, targets in _batches(net, dataset, indices, batch):
            if control is not None and control.stopping:
                return None
            outputs = net.outputs(images)
            losses.append(float(net.loss(outputs, targets)) * len(targets))
            predicted.append(outputs.argmax(1).cpu().numpy())
    if not predicted:
        return None
    loss = sum(losses) / len(indices)
    return Measured(loss, np.concatenate(predicted), dataset.targets[indices])


def _batches(
    net: Classifier, dataset: Dataset, indices: NDArray[np.int64], batch: int
) -> Iterator[tuple[Tensor, Tensor]]:
    for start in range(0, len(indices), batch):
        chosen = indices[start : start + batch]
        images = torch.from_numpy(dataset.take(chosen)).to(net.device)
        yield images, torch.from_numpy(dataset.targets[chosen]).to(net.device)


@contextmanager
def in_use(module: torch.nn.Module) -> Iterator[None]:
    """Set a module's layers to how they are in use, and back to how each of them was."""
    modes = [(each, each.training) for each in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for each, mode in modes:
            each.training = mode
