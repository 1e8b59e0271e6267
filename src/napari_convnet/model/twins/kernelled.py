"""Twins of the ops that multiply with kernels: how their weights begin."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor

from napari_convnet.network.ops import Kernelled

from .base import Twin


class KernelTwin(Twin):
    """A twin with kernels and, mostly, biases, which begin at zero."""

    op: Kernelled

    @abstractmethod
    def draw_kernels(self, generator: torch.Generator) -> Mapping[str, Tensor]:
        """Draw the kernels, by name."""

    def draw(self, generator: torch.Generator) -> Mapping[str, Tensor]:
        """Draw the kernels; biases are zero."""
        drawn = dict(self.draw_kernels(generator))
        if self.op.bias:
            drawn["bias"] = torch.zeros(self.op.biases(), dtype=torch.float32, device="cpu")
        return drawn
