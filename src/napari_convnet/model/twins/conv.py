"""Twins of the convolutions: dense, grouped, depthwise, separable, local and transposed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_convnet.network import UserError, ops

from ..init import he, uniform
from .base import Box, Patch, described, padded
from .kernelled import KernelTwin
from .window import WindowTwin

_CONV: Mapping[int, Callable[..., Tensor]] = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_TRANSPOSED: Mapping[int, Callable[..., Tensor]] = {
    1: F.conv_transpose1d,
    2: F.conv_transpose2d,
    3: F.conv_transpose3d,
}


SMALL = 20480
"""Up to so many values, those along its last axis not counted, torch takes a volume for small."""


def _is_thin(x: Tensor, op: ops.Conv) -> bool:
    """Whether a volume is a slab for which torch would choose its slow convolution on a CPU.

    It leaves small inputs to code that is up to ten times slower than oneDNN, and counts the last
    axis out: a slab of a few large slices is small to it (``ConvParams::use_mkldnn``).
    """
    return bool(
        op.rank == 3
        and max(op.kernel) > 1
        and x.device.type == "cpu"
        and x.dtype == torch.float32
        and len(x) == 1
        and x[0, ..., 0].numel() <= SMALL
        and not torch.is_grad_enabled()
        and torch.backends.mkldnn.enabled
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    )


class Conv(KernelTwin, WindowTwin):
    """Convolution."""

    op: ops.Conv
    weight: nn.Parameter
    bias: nn.Parameter | None

    @property
    def full_weight(self) -> Tensor:
        """The weight, (outputs, inputs / groups, kernel); zero where a connection is missing."""
        op = self.op
        if not op.connect:
            return self.weight
        outs, ins = (torch.tensor(each, device=self.weight.device) for each in op.links)
        return self.weight.new_zeros(op.dense_shape).index_put((outs, ins), self.weight)

    def slide(self, x: Tensor, padding: tuple[int, ...]) -> Tensor:
        """Run torch's convolution."""
        op, weight = self.op, self.full_weight
        if _is_thin(x, op):
            thin = (padding, op.stride, op.dilation, op.groups)
            y: Tensor = torch.mkldnn_convolution(x, weight, self.bias, *thin)
            return y
        return _CONV[op.rank](x, weight, self.bias, op.stride, padding, op.dilation, op.groups)

    def draw_kernels(self, generator: torch.Generator) -> Mapping[str, Tensor]:
        """He's, by the number of inputs that each output is connected with."""
        shape = self.op.kernels()["weight"]
        if not self.op.connect:
            return {"weight": he(shape, math.prod(shape[1:]), generator)}
        taps = math.prod(shape[1:])
        fans = [len(row) * taps for row in self.op.connect for _ in row]
        drawn = [he((1, *shape[1:]), fan_in, generator) for fan_in in fans]
        return {"weight": torch.cat(drawn)}


class Depthwise(KernelTwin, WindowTwin):
    """Depthwise convolution."""

    op: ops.Depthwise
    weight: nn.Parameter
    bias: nn.Parameter | None

    def slide(self, x: Tensor, padding: tuple[int, ...]) -> Tensor:
        """Run torch's convolution with a group per channel."""
        op = self.op
        groups = x.shape[1]
        return _CONV[op.rank](x, self.weight, self.bias, op.stride, padding, op.dilation, groups)

    def draw_kernels(self, generator: torch.Generator) -> Mapping[str, Tensor]:
        """He's."""
        shape = self.op.kernels()["weight"]
        return {"weight": he(shape, math.prod(self.op.kernel), generator)}


class Separable(KernelTwin, WindowTwin):
    """Depthwise separable convolution."""

    op: ops.Separable
    depthwise: nn.Parameter
    pointwise: nn.Parameter
    bias: nn.Parameter | None

    def slide(self, x: Tensor, padding: tuple[int, ...]) -> Tensor:
        """Run the depthwise, then the pointwise convolution."""
        op, conv = self.op, _CONV[self.op.rank]
        x = conv(x, self.depthwise, None, op.stride, padding, op.dilation, x.shape[1])
        return conv(x, self.pointwise, self.bias)

    def draw_kernels(self, generator: torch.Generator) -> Mapping[str, Tensor]:
        """Variance 1 / taps for the depthwise part, as no rectifier follows; He's for the other."""
        shapes = self.op.kernels()
        bound = math.sqrt(3 / math.prod(self.op.kernel))
        return {
            "depthwise": uniform(shapes["depthwise"], bound, generator),
            "pointwise": he(shapes["pointwise"], shapes["pointwise"][1], generator),
        }


class Local(KernelTwin, WindowTwin):
    """Locally connected layer: every place has a kernel of its own."""

    op: ops.Local
    weight: nn.Parameter
    bias: nn.Parameter | None

    def check(self, *incomings: tuple[int, ...]) -> None:
        """Refuse every size but the nominal one, for which there are kernels."""
        super().check(*incomings)
        (incoming,) = incomings
        if incoming != self.op.incoming:
            raise UserError(
                f"local has kernels for {described(self.op.incoming)}, but {described(incoming)} "
                "come in",
                "give the network inputs of the size in its input line, or use conv",
            )

    @cached_property
    def padded_natively(self) -> bool:
        """No op of torch's does this."""
        return False

    def region(self, out: Box, *patches: Patch) -> Tensor:
        """Take the kernels of the part's own places."""
        (patch,) = patches
        return self._connect(self.reached(out, patch), out)

    def _connect(self, x: Tensor, out: Box) -> Tensor:
        rank, places = len(out), tuple(slice(lo, hi) for lo, hi in out)
        for axis in range(rank):
            x = x.unfold(axis + 2, self.op.span(axis), self.op.stride[axis])
        for axis, dilation in enumerate(self.op.dilation):
            taps_axis = axis + 2 + rank
            x = x[(slice(None),) * taps_axis + (slice(None, None, dilation),)]
        # (N, C, places..., taps...) to (places, N, C taps), and one matrix product per place.
        count = math.prod(x.shape[2 : 2 + rank])
        taps = x.flatten(2 + rank).flatten(2, 1 + rank).permute(2, 0, 1, 3).flatten(2)
        weight = self.weight[places].reshape(count, self.op.out, -1)
        y = torch.bmm(taps, weight.transpose(1, 2)).permute(1, 2, 0)
        y = y.reshape(*y.shape[:2], *(hi - lo for lo, hi in out))
        return y if self.bias is None else y + self.bias[(slice(None), *places)]

    def draw_kernels(self, generator: torch.Generator) -> Mapping[str, Tensor]:
        """He's."""
        shape = self.op.kernels()["weight"]
        return {"weight": he(shape, math.prod(shape[self.op.rank + 1 :]), generator)}


class TransposedConv(KernelTwin):
    """Transposed convolution."""

    op: ops.TransposedConv
    weight: nn.Parameter
    bias: nn.Parameter | None

    def forward(self, x: Tensor) -> Tensor:
        """Run torch's transposed convolution."""
        op = self.op
        return _TRANSPOSED[op.rank](
            x, self.weight, self.bias, op.stride, op.pad, op.extra, op.groups, op.dilation
        )

    def region(self, out: Box, *patches: Patch) -> Tensor:
        """Spread what reaches the part, and cut; where nothing reaches, there is the bias only."""
        (patch,) = patches
        op = self.op
        inputs = tuple(
            op.region(axis, lo, hi, n)
            for axis, ((lo, hi), n) in enumerate(zip(out, patch.size, strict=True))
        )
        y = _TRANSPOSED[op.rank](
            patch.cut(inputs), self.weight, None, op.stride, 0, 0, op.groups, op.dilation
        )
        # Element 0 of y lies at lo s - p of the output; all that y lacks of `out` is zero.
        start = tuple(lo * s - p for (lo, _), s, p in zip(inputs, op.stride, op.pad, strict=True))
        y = _placed(y, start, out)
        return y if self.bias is None else y + self.bias.view(-1, *(1,) * op.rank)

    def draw_kernels(self, generator: torch.Generator) -> Mapping[str, Tensor]:
        """He's, by the number of inputs that reach an output."""
        shape = self.op.kernels()["weight"]
        inputs = shape[0] // self.op.groups
        taps = math.prod(max(k / s, 1) for k, s in zip(self.op.kernel, self.op.stride, strict=True))
        return {"weight": he(shape, inputs * taps, generator)}


def _placed(y: Tensor, start: tuple[int, ...], out: Box) -> Tensor:
    """Cut `out` from a map that begins at `start`, with zeros where that has nothing."""
    inside = []
    for axis, ((lo, hi), first) in enumerate(zip(out, start, strict=True)):
        a, b = max(lo, first), min(hi, first + y.shape[axis + 2])
        if a >= b:
            return y.new_zeros((*y.shape[:2], *(hi - lo for lo, hi in out)))
        y = y.narrow(axis + 2, a - first, b - a)
        inside.append((a - lo, hi - b))
    return padded(y, inside)
