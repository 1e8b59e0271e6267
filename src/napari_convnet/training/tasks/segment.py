"""Segment: one class per voxel, of images, volumes and recordings."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_convnet.data import IGNORED, Dense, Examples, Scan

from ..control import Control
from ..metrics import Counts, accuracy, dice, listed, mean_dice, named
from .base import ClassLearner, Measured, Whole
from .dense import DenseLearner, check_maps


class Segmenter(ClassLearner, DenseLearner):
    """A network that gives a number per class and voxel; judged by the mean Dice.

    The mean is over the classes that there are; without class 0, which surrounds the others, unless
    ``unlabelled: 0`` makes it the first one painted. What is not labelled counts nowhere.
    """

    task: ClassVar[str] = "segment"
    score_name: ClassVar[str] = "Dice"

    def check(self, examples: Examples) -> None:
        """Refuse a network that does not end in a map per class."""
        count = len(examples.classes)
        check_maps(self.network, count, f"the data have {count} classes")

    def tally(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, ...]:
        """Count voxels per right and predicted class."""
        return (self._counts(outputs, self.aligned(outputs, targets)),)

    def counted(self, kept: tuple[Tensor, ...]) -> list[float]:
        """Give the counts in a row."""
        return [float(count) for count in kept[0].flatten().tolist()]

    def told(self, tally: NDArray[np.float64]) -> tuple[float | None, float | None]:
        """Give the part of voxels told right, and the mean Dice."""
        classes = round(len(tally) ** 0.5)
        counts = tally.astype(np.int64).reshape(classes, classes)
        return listed(accuracy(counts)), listed(mean_dice(counts, self.foreground))

    def measure(
        self,
        examples: Examples,
        part: Whole,
        *,
        batch: int = 1,
        most: int | None = None,
        control: Control | None = None,
    ) -> Measured[Counts] | None:
        """Measure the network on the regions of a part, as on whole scans; see `Learner`."""
        assert isinstance(examples, Dense)
        size = len(examples.classes)
        counts, volumes = np.zeros((size, size), np.int64), np.zeros((size, size))
        loss = self._plain_losses.gathering()
        for scan, outputs, targets in self._pieces(examples, part, most, batch, control):
            loss.add(outputs, targets)
            found = self._counts(outputs, targets).cpu().numpy()
            counts += found
            volumes += found * millilitres(scan)
        if not counts.sum() or (control is not None and control.stopping):
            return None
        score = mean_dice(counts, self.foreground)
        return Measured(
            loss=loss.value,
            score=score,
            rank=0.0 if np.isnan(score) else score,
            found=counts,
            accuracy=accuracy(counts),
            scores=named(examples.classes, dice(counts)),
            volumes=volumes if np.isfinite(volumes).all() else None,
        )

    def _counts(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Count voxels per right class (row) and predicted class (column)."""
        size = outputs.shape[1]
        # max: argmax takes ten times as long over an axis that is not the last. One row more, for
        # what is not labelled, is cheaper than to take that out.
        pairs = (targets - IGNORED) * size + outputs.detach().max(1).indices
        counts = torch.bincount(pairs.flatten(), minlength=(1 + size) * size)
        return counts.view(1 + size, size)[1:]

    def _target(self, target: NDArray[Any]) -> Tensor:
        return torch.from_numpy(target.astype(np.int64))[None].to(self.device)


def millilitres(scan: Scan) -> float:
    """Volume of a voxel; NaN where it is none, or not known in mm."""
    if len(scan.size) != 3 or any(unit != "mm" for unit in scan.units):
        return float("nan")
    return float(abs(np.linalg.det(scan.affine[:-1, :-1]))) / 1000
