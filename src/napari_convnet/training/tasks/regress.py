"""Regress: values per voxel, such as another image of the same place, or the image without noise.

Where a document with ``task: regress`` names no ``labels:``, each image is its own target. What
``augment:`` does to values (``noise .1``, ``intensity``) is done to what comes in only, so that the
network learns to take it away; what moves pixels is done to both.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_convnet.data import Dense, Examples
from napari_convnet.network import UserError

from ..control import Control
from ..losses import Total, value_losses
from ..metrics import Errors, listed
from .base import Measured, Whole
from .dense import DenseLearner, check_maps


class Regressor(DenseLearner):
    """A network that gives values per voxel; judged by the mean squared error.

    Values that are NaN in a target count nowhere.
    """

    task: ClassVar[str] = "regress"
    score_name: ClassVar[str] = "mse"

    @cached_property
    def _losses(self) -> Total:
        return value_losses(self.losses)

    @cached_property
    def _plain_losses(self) -> Total:
        return self._losses

    def check(self, examples: Examples) -> None:
        """Refuse a network that does not end in a map per channel of the targets."""
        assert isinstance(examples, Dense)
        channels = {scan.target.shape[0] for scan in examples.scans}
        if len(channels) > 1:
            several = " and ".join(map(str, sorted(channels)))
            raise UserError(f"the targets differ in channels: {several}", "give them alike")
        (count,) = channels
        wanted = "1 channel" if count == 1 else f"{count} channels"
        check_maps(self.network, count, f"the targets have {wanted}")

    def tally(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, ...]:
        """Add up squared errors, and count values."""
        difference = self._difference(outputs, self.aligned(outputs, targets))
        squares = difference.double().square().sum()
        return squares, squares.new_tensor(len(difference))

    def counted(self, kept: tuple[Tensor, ...]) -> list[float]:
        """Give the sum and the count."""
        return [float(each) for each in kept]

    def told(self, tally: NDArray[np.float64]) -> tuple[float | None, float | None]:
        """Give the mean squared error."""
        squares, count = tally
        return None, listed(squares / count if count else float("nan"))

    def measure(
        self,
        examples: Examples,
        part: Whole,
        *,
        batch: int = 1,
        most: int | None = None,
        control: Control | None = None,
    ) -> Measured[Errors] | None:
        """Measure the network on the regions of a part, as on whole scans; see `Learner`."""
        assert isinstance(examples, Dense)
        errors, loss = Errors(), self._plain_losses.gathering()
        for _, outputs, targets in self._pieces(examples, part, most, batch, control):
            loss.add(outputs, targets)
            errors += self._errors(outputs, targets)
        if not errors.count or (control is not None and control.stopping):
            return None
        return Measured(loss=loss.value, score=errors.mse, rank=-errors.mse, found=errors)

    def _errors(self, outputs: Tensor, targets: Tensor) -> Errors:
        difference = self._difference(outputs, targets).double()
        known = targets[targets.isfinite()]
        if not len(known):
            return Errors()
        return Errors(
            count=len(difference),
            squares=float(difference.square().sum()),
            absolute=float(difference.abs().sum()),
            least=float(known.min()),
            most=float(known.max()),
        )

    def _difference(self, outputs: Tensor, targets: Tensor) -> Tensor:
        known = targets.isfinite()
        return outputs.detach()[known] - targets[known]

    def _target(self, target: NDArray[Any]) -> Tensor:
        return torch.from_numpy(np.array(target, np.float32))[None].to(self.device)
