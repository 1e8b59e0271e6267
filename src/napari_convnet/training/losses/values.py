"""Losses of values."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .base import Loss, Mean, Total


class _Differences(Mean):
    """A mean over the values that are known."""

    def _count(self, targets: Tensor) -> Tensor:
        return targets.isfinite().sum()

    def _difference(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Give how far outputs are off; 0 where nobody knows what is wanted."""
        known = targets.isfinite()
        return torch.where(known, outputs - torch.where(known, targets, 0.0), 0.0)


class Squares(_Differences):
    r"""Mean squared difference: :math:`(y - t)^2`, mean over all values that are known."""

    def _each(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return self._difference(outputs, targets).square().sum()


class Absolute(_Differences):
    r"""Mean absolute difference: :math:`|y - t|`, mean over all values that are known."""

    def _each(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return self._difference(outputs, targets).abs().sum()


class HalfSquares(_Differences):
    r"""Half the sum of squared differences of a voxel, mean over the voxels that are known.

    :math:`\frac12 \sum_k (y_k - t_k)^2` over the channels: as textbooks write it for a vector.
    """

    def _each(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return 0.5 * self._difference(outputs, targets).square().sum()

    def _count(self, targets: Tensor) -> Tensor:
        return targets.isfinite().sum() / targets.shape[1]


def value_losses(words: Sequence[str]) -> Total:
    """Make the losses of a regression: ``mse``, ``l1``, ``half-squares``."""
    known: dict[str, Loss] = {"mse": Squares(), "l1": Absolute(), "half-squares": HalfSquares()}
    return Total([known[word] for word in words])
