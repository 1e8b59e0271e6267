"""What all tasks have in common: outputs, losses, tallies and measures of a network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, Generic, Literal, TypeAlias, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_convnet.data import Examples, Part
from napari_convnet.model import ConvNet
from napari_convnet.network import Network

from ..control import Control
from ..losses import Total, class_losses, probabilities
from ..metrics import Counts, Errors

Whole: TypeAlias = Part | Literal["all"]
EVERYTHING: Literal["all"] = "all"
"""All data, whatever part they are in."""

Found = TypeVar("Found", Counts, Errors, covariant=True)


@dataclass(frozen=True, eq=False)
class Measured(Generic[Found]):
    """How a network does on a part of the data.

    Parameters
    ----------
    loss : float
        Of the whole part, without class weights.
    score : float
        What the task is judged by; NaN where nothing can be said.
    rank : float
        The score, turned so that higher is better.
    found : Counts or Errors
        Confusion matrix, or sums of errors.
    accuracy : float, optional
        Part of what is labelled whose class is right.
    scores : mapping of str to float or None
        Dice of each class, of a segmentation.
    volumes : numpy.ndarray, optional
        (classes, classes): the confusion matrix in millilitres, where scans are in mm.
    """

    loss: float
    score: float
    rank: float
    found: Found
    accuracy: float | None = None
    scores: Mapping[str, float | None] = field(default_factory=dict)
    volumes: NDArray[np.float64] | None = None


@dataclass(frozen=True, eq=False)
class Learner(ABC):
    """A network and its task.

    Parameters
    ----------
    model : ConvNet
        The network.
    losses : tuple of str
        Words of the document's ``loss:``.
    device : torch.device
        Where its weights are.
    weights : Tensor, optional
        (classes,): what each class counts for while training.
    foreground : int
        The first class that enters a mean Dice.
    """

    model: ConvNet
    losses: tuple[str, ...]
    device: torch.device
    weights: Tensor | None = None
    foreground: int = 1

    task: ClassVar[str]
    score_name: ClassVar[str]
    """What the task is judged by."""

    @property
    def network(self) -> Network:
        """The network as its document describes it."""
        return self.model.network

    @cached_property
    def ends_in_softmax(self) -> bool:
        """Whether the network makes probabilities itself."""
        network = self.network
        return network.end in network and network[network.end].op == "softmax"

    @cached_property
    def output_layer(self) -> str:
        """Name of the layer whose outputs the task is about.

        The last one; of a network that ends in softmax and learns classes, the one before it: the
        cross-entropy of what goes into a softmax is exact where that of a probability near 0 is
        rounded off.
        """
        return self.network.end

    def outputs(self, images: Tensor) -> Tensor:
        """Compute the outputs (B, C, *S) in float32."""
        name = self.output_layer
        if name == self.network.end:
            found: Tensor = self.model(images)
            return found.float()
        return self.model.outputs(images, (name,))[name].float()

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Give the loss of a batch, to learn from."""
        return self._losses(outputs, targets)

    @property
    @abstractmethod
    def _losses(self) -> Total:
        """The losses to learn from."""

    @property
    @abstractmethod
    def _plain_losses(self) -> Total:
        """The losses to measure with: no class counts for more."""

    @abstractmethod
    def check(self, examples: Examples) -> None:
        """Refuse a network whose end does not fit the task and the data.

        Raises
        ------
        UserError
            Says how to end it.
        """

    @abstractmethod
    def tally(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, ...]:
        """Keep of a batch, on the device, what tells how it was told: little, and soon done."""

    @abstractmethod
    def counted(self, kept: tuple[Tensor, ...]) -> list[float]:
        """Make numbers of what was kept, to be added up over an epoch."""

    @abstractmethod
    def told(self, tally: NDArray[np.float64]) -> tuple[float | None, float | None]:
        """Give accuracy and score of the numbers of an epoch."""

    @abstractmethod
    def measure(
        self,
        examples: Examples,
        part: Whole,
        *,
        batch: int = 1,
        most: int | None = None,
        control: Control | None = None,
    ) -> Measured[Counts] | Measured[Errors] | None:
        """Measure the network on a part of the data, as in use.

        Parameters
        ----------
        examples : Examples
            The data.
        part : {"train", "validation", "test", "all"}
            Which of them.
        batch : int
            Images computed at once, where they are all of one size.
        most : int, optional
            Voxels to compute at most, spread over the part; else all is measured.
        control : Control, optional
            Whose `stop` ends the measuring.

        Returns
        -------
        Measured or None
            None where there is nothing to measure by, and where it was stopped.
        """


class ClassLearner(Learner):
    """A network that tells classes apart."""

    @cached_property
    def output_layer(self) -> str:
        """Name of the layer whose outputs the task is about; see `Learner`."""
        network = self.network
        return network[network.end].inputs[0] if self.ends_in_softmax else network.end

    @cached_property
    def _losses(self) -> Total:
        return class_losses(self.losses, self.weights, softmax=self.ends_in_softmax)

    @cached_property
    def _plain_losses(self) -> Total:
        return class_losses(self.losses, softmax=self.ends_in_softmax)

    def probabilities(self, outputs: Tensor) -> Tensor:
        """Turn outputs into probabilities (B, classes, *S)."""
        return probabilities(self.losses, outputs, softmax=self.ends_in_softmax)
