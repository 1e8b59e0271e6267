"""Classify: one class per image, volume or recording."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_convnet.data import Classified, Dataset, Examples
from napari_convnet.network import Network, UserError

from ..control import Control
from ..metrics import Counts, accuracy, confusion
from ..modes import in_use
from .base import EVERYTHING, ClassLearner, Measured, Whole


class Classifier(ClassLearner):
    """A network that gives a number per class; judged by the part of images told right."""

    task: ClassVar[str] = "classify"
    score_name: ClassVar[str] = "accuracy"

    def check(self, examples: Examples) -> None:
        """Refuse a network that does not give one number per class."""
        check_classes(self.network, examples.classes)

    def tally(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, ...]:
        """Keep what images were taken for, and what they are."""
        # Compared when somebody asks: small calls between large ones cost more than they do.
        return outputs.detach().argmax(1), targets

    def counted(self, kept: tuple[Tensor, ...]) -> list[float]:
        """Count the images told right, and all."""
        found, right = kept
        return [float((found == right).sum()), float(len(right))]

    def told(self, tally: NDArray[np.float64]) -> tuple[float | None, float | None]:
        """Give the accuracy, twice: it is the score."""
        right, seen = tally
        return right / seen, right / seen

    def measure(
        self,
        examples: Examples,
        part: Whole,
        *,
        batch: int = 1,
        most: int | None = None,
        control: Control | None = None,
    ) -> Measured[Counts] | None:
        """Measure the network on all images of a part; `most` is of no account."""
        assert isinstance(examples, Classified)
        indices: NDArray[np.int64]
        if part == EVERYTHING:
            indices = np.arange(len(examples.dataset), dtype=np.int64)
        else:
            indices = getattr(examples.parts, part)
        return self.measure_images(examples.dataset, indices, batch, control)

    def measure_images(
        self,
        dataset: Dataset,
        indices: NDArray[np.int64],
        batch: int,
        control: Control | None = None,
    ) -> Measured[Counts] | None:
        """Measure the network on some images of a dataset.

        Parameters
        ----------
        dataset, indices : Dataset, numpy.ndarray
            The images.
        batch : int
            Images computed at once.
        control : Control, optional
            Whose `stop` ends the measuring.

        Returns
        -------
        Measured or None
            None where there are no images, and where it was stopped. What counts are images, and
            recordings where the images are windows of them.
        """
        loss = 0.0
        told: list[NDArray[np.float32]] = []
        with in_use(self.model), torch.no_grad():
            for images, targets in self._batches(dataset, indices, batch):
                if control is not None and control.stopping:
                    return None
                outputs = self.outputs(images)
                loss += float(self._plain_losses(outputs, targets)) * len(targets)
                told.append(self.probabilities(outputs).cpu().numpy())
        if not told:
            return None
        probabilities, right_ones = dataset.pooled(np.concatenate(told), indices)
        counts = confusion(right_ones, probabilities.argmax(1), len(dataset.classes))
        right = accuracy(counts)
        return Measured(loss / len(indices), right, right, counts, right)

    def _batches(
        self, dataset: Dataset, indices: NDArray[np.int64], batch: int
    ) -> Iterator[tuple[Tensor, Tensor]]:
        for start in range(0, len(indices), batch):
            chosen = indices[start : start + batch]
            images = torch.from_numpy(dataset.take(chosen)).to(self.device)
            yield images, torch.from_numpy(dataset.targets[chosen]).to(self.device)


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
