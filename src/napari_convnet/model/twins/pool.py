"""Twins of the pooling layers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_convnet.network import ops

from .base import Box, GlobalTwin, Patch
from .window import WindowTwin

_MAX: Mapping[int, Callable[..., Tensor]] = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
_AVERAGE: Mapping[int, Callable[..., Tensor]] = {
    1: F.avg_pool1d,
    2: F.avg_pool2d,
    3: F.avg_pool3d,
}


class Max(WindowTwin):
    """Max pooling; padding never wins."""

    op: ops.Max
    fill = -math.inf

    @cached_property
    def padded_natively(self) -> bool:
        """Whether torch's op does the padding.

        A dilated window may lie wholly in the padding, where torch's op names no winner.
        """
        dilated = any(d > 1 for d in self.op.dilation)
        return super().padded_natively and not (dilated and any(map(any, self.op.pad)))

    def slide(self, x: Tensor, padding: tuple[int, ...]) -> Tensor:
        """Run torch's max pooling."""
        op = self.op
        return _MAX[op.rank](x, op.kernel, op.stride, padding, op.dilation, op.ceil)

    def region(self, out: Box, *patches: Patch) -> Tensor:
        """Compute a part of the output; its windows are all complete."""
        (patch,) = patches
        op = self.op
        x = self.reached(out, patch)
        return _MAX[op.rank](x, op.kernel, op.stride, 0, op.dilation)


class Average(WindowTwin):
    """Average pooling, padding counted as zeros."""

    op: ops.Average

    @cached_property
    def padded_natively(self) -> bool:
        """Whether torch's op does the padding; in 3D it refuses maps smaller than the kernel."""
        padding = any(map(any, self.op.pad))
        return super().padded_natively and not (padding and self.op.rank == 3)

    def slide(self, x: Tensor, padding: tuple[int, ...]) -> Tensor:
        """Run torch's average pooling."""
        op = self.op
        return _AVERAGE[op.rank](x, op.kernel, op.stride, padding, op.ceil, True)

    def region(self, out: Box, *patches: Patch) -> Tensor:
        """Compute a part of the output: sum / count."""
        (patch,) = patches
        op = self.op
        y = _AVERAGE[op.rank](self.reached(out, patch), op.kernel, op.stride)
        # A window that hangs over the padding (`ceil`) is divided by the values it has.
        for axis, (lo, hi) in enumerate(out):
            counts = [self._count(axis, index, patch.size[axis]) for index in range(lo, hi)]
            if any(count != op.kernel[axis] for count in counts):
                factors = [op.kernel[axis] / count for count in counts]
                factor = torch.tensor(factors, dtype=y.dtype, device=y.device)
                y = y * factor.view(-1, *(1,) * (op.rank - 1 - axis))
        return y

    def _count(self, axis: int, index: int, n: int) -> int:
        """Count the values of a window: those of the input and of its padding."""
        before, after = self.op.pad[axis]
        first = index * self.op.stride[axis] - before
        return min(first + self.op.kernel[axis], n + after) - first


class Sum(WindowTwin):
    """Sum pooling."""

    op: ops.Sum

    @cached_property
    def padded_natively(self) -> bool:
        """Whether torch's op does the padding; as `Average`, and ``ceil`` would divide by less."""
        padding = any(map(any, self.op.pad))
        return super().padded_natively and not self.op.ceil and not (padding and self.op.rank == 3)

    def slide(self, x: Tensor, padding: tuple[int, ...]) -> Tensor:
        """Run torch's average pooling, times the size of the window."""
        op = self.op
        mean = _AVERAGE[op.rank](x, op.kernel, op.stride, padding)
        return mean * math.prod(op.kernel)


class GlobalAverage(GlobalTwin):
    """Mean of each map."""

    op: ops.GlobalAverage

    def forward(self, x: Tensor) -> Tensor:
        """Average over all spatial axes."""
        return x.flatten(2).mean(2)


class GlobalMax(GlobalTwin):
    """Largest value of each map."""

    op: ops.GlobalMax

    def forward(self, x: Tensor) -> Tensor:
        """Take the largest value over all spatial axes."""
        return x.flatten(2).amax(2)
