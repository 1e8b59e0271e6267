"""Twins of the activations. None works in place: every layer's output stays what it was."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_convnet.network import ops

from .base import Twin


class Relu(Twin):
    """Rectifier."""

    op: ops.Relu

    def forward(self, x: Tensor) -> Tensor:
        """Set negative values to zero, and those above the cap to the cap."""
        return F.relu(x) if self.op.cap is None else x.clamp(0, self.op.cap)


class Leaky(Twin):
    """Leaky rectifier."""

    op: ops.Leaky

    def forward(self, x: Tensor) -> Tensor:
        """Make negative values small."""
        return F.leaky_relu(x, self.op.slope)


class Prelu(Twin):
    """Parametric rectifier."""

    op: ops.Prelu
    weight: nn.Parameter

    def forward(self, x: Tensor) -> Tensor:
        """Multiply negative values with their channel's slope."""
        return F.prelu(x, self.weight)

    def draw(self, generator: torch.Generator) -> Mapping[str, Tensor]:
        """Slope 1/4, as in He et al. 2015."""
        return {"weight": torch.full((self.op.channels,), 0.25, device="cpu")}


class Elu(Twin):
    """Exponential linear unit."""

    op: ops.Elu

    def forward(self, x: Tensor) -> Tensor:
        """Level negative values off."""
        return F.elu(x, self.op.alpha)


class Selu(Twin):
    """Scaled exponential linear unit."""

    op: ops.Selu

    def forward(self, x: Tensor) -> Tensor:
        """Level negative values off, and scale."""
        return F.selu(x)


class Gelu(Twin):
    """Gaussian error linear unit."""

    op: ops.Gelu

    def forward(self, x: Tensor) -> Tensor:
        """Multiply with the normal distribution function."""
        return F.gelu(x)


class Silu(Twin):
    """Sigmoid linear unit."""

    op: ops.Silu

    def forward(self, x: Tensor) -> Tensor:
        """Multiply with the sigmoid."""
        return F.silu(x)


class Sigmoid(Twin):
    """Logistic function."""

    op: ops.Sigmoid

    def forward(self, x: Tensor) -> Tensor:
        """Squeeze into 0 to 1."""
        return torch.sigmoid(x)


class Tanh(Twin):
    """Hyperbolic tangent."""

    op: ops.Tanh

    def forward(self, x: Tensor) -> Tensor:
        """Squeeze into -1 to 1."""
        return torch.tanh(x)


class Scaledtanh(Twin):
    """LeCun's hyperbolic tangent."""

    op: ops.Scaledtanh

    def forward(self, x: Tensor) -> Tensor:
        """Squeeze so that 1 stays 1."""
        return 1.7159 * torch.tanh(2 / 3 * x)


class Hardswish(Twin):
    """Piecewise swish."""

    op: ops.Hardswish

    def forward(self, x: Tensor) -> Tensor:
        """Multiply with a clipped line."""
        return F.hardswish(x)


class Softmax(Twin):
    """Softmax over the channels."""

    op: ops.Softmax

    def forward(self, x: Tensor) -> Tensor:
        """Turn the channels into probabilities."""
        return F.softmax(x, 1)
