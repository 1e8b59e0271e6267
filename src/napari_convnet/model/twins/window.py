"""Twins of the ops that slide a window: what convolution and pooling have in common."""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar

from torch import Tensor

from napari_convnet.network.ops import Windowed

from .base import Box, Patch, Twin, whole_box


class WindowTwin(Twin):
    """A twin that slides a window over the map, padded with `fill` beyond its borders."""

    op: Windowed
    fill: ClassVar[float] = 0.0

    def forward(self, x: Tensor) -> Tensor:
        """Compute the layer, with torch's own padding where that does the same."""
        if self.padded_natively:
            return self.slide(x, self._before)
        size = self.op.output((x.shape[1], *x.shape[2:]))[1:]
        return self.region(whole_box(n for n in size if n is not None), Patch.whole(x))

    @cached_property
    def _before(self) -> tuple[int, ...]:
        return tuple(before for before, _ in self.op.pad)

    @cached_property
    def padded_natively(self) -> bool:
        """Whether torch's op does the padding: zeros, as many before as after."""
        op = self.op
        return op.mode == "zeros" and all(before == after for before, after in op.pad)

    def slide(self, x: Tensor, padding: tuple[int, ...]) -> Tensor:
        """Run torch's op with so much padding on both sides of each axis."""
        raise NotImplementedError

    def region(self, out: Box, *patches: Patch) -> Tensor:
        """Compute a part of the output, on what its windows reach.

        Where the part is all of an axis, torch's op pads that axis: that saves a copy.
        """
        (patch,) = patches
        windows = self._windows(out)
        padding = tuple(self._padding(axis, out, patch) for axis in range(len(out)))
        inner = tuple(
            (0, n) if pad else window
            for pad, window, n in zip(padding, windows, patch.size, strict=True)
        )
        return self.slide(patch.window(inner, self.op.mode, self.fill), padding)

    def _padding(self, axis: int, out: Box, patch: Patch) -> int:
        """How much torch's op may pad an axis, as it does for the whole; 0 where it may not."""
        before, n = self._before[axis], patch.size[axis]
        whole = patch.box[axis] == (0, n) and out[axis] == (0, self.op.size(axis, n))
        return before if whole and self.padded_natively else 0

    def reached(self, out: Box, patch: Patch) -> Tensor:
        """Give the input that the windows of a part of the output reach, padding included."""
        return patch.window(self._windows(out), self.op.mode, self.fill)

    def _windows(self, out: Box) -> Box:
        op = self.op
        firsts = [lo * s - p for (lo, _), s, (p, _) in zip(out, op.stride, op.pad, strict=True)]
        return tuple(
            (first, first + (hi - lo - 1) * stride + op.span(axis))
            for axis, (first, (lo, hi), stride) in enumerate(
                zip(firsts, out, op.stride, strict=True)
            )
        )
