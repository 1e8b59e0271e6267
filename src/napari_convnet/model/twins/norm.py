"""Twins of normalisation and dropout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_convnet.network import UserError, ops

from .base import Box, GlobalTwin, Patch, Twin

EPS = 1e-5
"""Added to a variance before its root is taken."""

MOMENTUM = 0.1
"""Weight of a batch's statistics in the running ones of batch normalisation."""


def _unit(op: ops.Op) -> Mapping[str, Tensor]:
    """Gain one, offset zero."""
    shape = (op.channels,)
    return {"weight": torch.ones(shape, device="cpu"), "bias": torch.zeros(shape, device="cpu")}


class BatchNorm(Twin):
    """Batch normalisation."""

    op: ops.BatchNorm
    weight: nn.Parameter
    bias: nn.Parameter
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, op: ops.BatchNorm) -> None:
        super().__init__(op)
        self.register_buffer("running_mean", torch.empty(op.channels))
        self.register_buffer("running_var", torch.empty(op.channels))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise by the batch while training, by the running statistics otherwise."""
        if not self.training:
            return self._normal(x, False)
        if x.numel() == x.shape[1]:
            raise UserError(
                "bn needs more than one value per channel while training",
                "use a batch of at least 2",
            )
        return self._normal(x, True)

    def region(self, out: Box, *patches: Patch) -> Tensor:
        """Normalise a part by the running statistics."""
        (patch,) = patches
        return self._normal(patch.cut(out), False)

    def _normal(self, x: Tensor, batch: bool) -> Tensor:
        mean, variance, epsilon = self.running_mean, self.running_var, self.op.epsilon
        return F.batch_norm(x, mean, variance, self.weight, self.bias, batch, MOMENTUM, epsilon)

    def draw(self, generator: torch.Generator) -> Mapping[str, Tensor]:
        """Gain one, offset zero, and statistics of mean 0 and variance 1."""
        unit = _unit(self.op)
        return {**unit, "running_mean": unit["bias"], "running_var": unit["weight"]}


@dataclass(frozen=True, slots=True, eq=False)
class Statistics:
    """Count, mean and sum of squared deviations; those of two parts add up to those of both.

    Parameters
    ----------
    count : int
        Number of values.
    mean, squares : Tensor
        Mean, and sum of squared deviations from it, (N, groups); in float64 where the device can.

    References
    ----------
    Chan, Golub and LeVeque, Updating formulae and a pairwise algorithm for computing sample
    variances, Stanford STAN-CS-79-773 (1979).
    """

    count: int
    mean: Tensor
    squares: Tensor

    def __add__(self, other: Statistics) -> Statistics:
        count = self.count + other.count
        delta = other.mean - self.mean
        mean = self.mean + delta * (other.count / count)
        squares = self.squares + other.squares + delta**2 * (self.count * other.count / count)
        return Statistics(count, mean, squares)

    @property
    def variance(self) -> Tensor:
        """Variance of the values themselves, (N, groups)."""
        return self.squares / self.count


class GroupedNorm(GlobalTwin):
    """A norm by the statistics of groups of channels of each image.

    `forward` is `statistics` and `normalise` in one; they are apart so that a large map can be
    normalised in parts: add up the statistics of all parts, then normalise each.
    """

    weight: nn.Parameter
    bias: nn.Parameter

    @property
    def groups(self) -> int:
        """Number of groups of channels."""
        return 1

    def forward(self, x: Tensor) -> Tensor:
        """Normalise by the statistics of the input itself."""
        return torch.group_norm(x, self.groups, self.weight, self.bias, EPS)

    def statistics(self, x: Tensor) -> Statistics:
        """Gather the statistics of a map, or of a part of it."""
        wide = torch.float32 if x.device.type == "mps" else torch.float64
        values = x.reshape(x.shape[0], self.groups, -1).to(wide)
        mean = values.mean(2)
        squares = (values - mean[..., None]).square_().sum(2)
        return Statistics(values.shape[2], mean, squares)

    def normalise(self, x: Tensor, statistics: Statistics) -> Tensor:
        """Normalise a map, or a part of it, by given statistics."""
        each = x.shape[1] // self.groups
        mean = statistics.mean.repeat_interleave(each, 1)
        scale = self.weight / (statistics.variance + EPS).sqrt().repeat_interleave(each, 1)
        offset = self.bias - mean * scale
        shape = (*scale.shape, *(1,) * (x.dim() - 2))
        return torch.addcmul(offset.to(x.dtype).view(shape), x, scale.to(x.dtype).view(shape))

    def draw(self, generator: torch.Generator) -> Mapping[str, Tensor]:
        """Gain one, offset zero."""
        return _unit(self.op)


class InstanceNorm(GroupedNorm):
    """Instance normalisation: every channel is a group."""

    op: ops.InstanceNorm

    @property
    def groups(self) -> int:
        """One group per channel."""
        return self.op.channels


class GroupNorm(GroupedNorm):
    """Group normalisation."""

    op: ops.GroupNorm

    @property
    def groups(self) -> int:
        """The groups of the op."""
        return self.op.groups


class LayerNorm(GroupedNorm):
    """Layer normalisation: all channels are one group."""

    op: ops.LayerNorm


class Scale(Twin):
    """A gain, and an offset, for each channel."""

    op: ops.Scale
    weight: nn.Parameter
    bias: nn.Parameter | None

    def forward(self, x: Tensor) -> Tensor:
        """Multiply, and add."""
        shape = (-1, *(1,) * self.op.rank)
        if self.bias is None:
            return x * self.weight.view(shape)
        return torch.addcmul(self.bias.view(shape), x, self.weight.view(shape))

    def draw(self, generator: torch.Generator) -> Mapping[str, Tensor]:
        """Gain one, offset zero."""
        unit = _unit(self.op)
        return {name: unit[name] for name in self.op.weights()}


class LocalResponseNorm(Twin):
    """Local response normalisation, after the paper: alpha is not divided by the window."""

    op: ops.LocalResponseNorm

    def forward(self, x: Tensor) -> Tensor:
        """Damp each channel by its neighbours."""
        op = self.op
        squares = x.square().flatten(2).transpose(1, 2)
        before = op.window // 2
        squares = F.pad(squares, (before, op.window - 1 - before))
        sums = F.avg_pool1d(squares, op.window, 1) * op.window
        sums = sums.transpose(1, 2).view_as(x)
        return x / (op.k + op.alpha * sums) ** op.beta


class Dropout(Twin):
    """Dropout, in training only."""

    op: ops.Dropout

    def forward(self, x: Tensor) -> Tensor:
        """Drop values while training."""
        return F.dropout(x, self.op.probability, self.training)

    def region(self, out: Box, *patches: Patch) -> Tensor:
        """Give the part back."""
        (patch,) = patches
        return patch.cut(out)
