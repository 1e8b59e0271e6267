"""Twins of the layers over vectors."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_convnet.network import ops

from ..init import codes, he
from .base import GlobalTwin
from .kernelled import KernelTwin


class Dense(KernelTwin, GlobalTwin):
    """Fully connected layer."""

    op: ops.Dense
    weight: nn.Parameter
    bias: nn.Parameter | None

    def forward(self, x: Tensor) -> Tensor:
        """Multiply with the matrix of weights."""
        return F.linear(x, self.weight, self.bias)

    def draw_kernels(self, generator: torch.Generator) -> Mapping[str, Tensor]:
        """He's."""
        shape = self.op.kernels()["weight"]
        return {"weight": he(shape, shape[1], generator)}


class RadialBasis(GlobalTwin):
    """Minus the squared distance to each of some fixed codes, which are a buffer."""

    op: ops.RadialBasis
    codes: Tensor

    def __init__(self, op: ops.RadialBasis) -> None:
        super().__init__(op)
        self.register_buffer("codes", torch.empty(op.codes))

    def forward(self, x: Tensor) -> Tensor:
        """Compare with every code: 2 x code - x^2 - code^2, summed up."""
        squares = x.square().sum(1, keepdim=True) + self.codes.square().sum(1)
        return 2 * F.linear(x, self.codes) - squares

    def draw(self, generator: torch.Generator) -> Mapping[str, Tensor]:
        """Codes of +1 and -1."""
        return {"codes": codes(self.op.codes, generator)}
