"""Twins of the ops that change the form of the data."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_convnet.network import ops

from .base import Box, GlobalTwin, Patch, Twin, whole_box

_LINEAR: Mapping[int, str] = {1: "linear", 2: "bilinear", 3: "trilinear"}


class Flatten(GlobalTwin):
    """All maps written one after the other."""

    op: ops.Flatten

    def forward(self, x: Tensor) -> Tensor:
        """Give one vector per image."""
        return x.flatten(1)


class Identity(Twin):
    """What comes in goes out."""

    op: ops.Identity

    def forward(self, x: Tensor) -> Tensor:
        """Give the input back."""
        return x


class Crop(Twin):
    """A map without its borders."""

    op: ops.Crop

    def forward(self, x: Tensor) -> Tensor:
        """Cut the borders off."""
        size = x.shape[2:]
        box = tuple((cut, n - cut) for cut, n in zip(self.op.cut, size, strict=True))
        return Patch.whole(x).cut(box)

    def region(self, out: Box, *patches: Patch) -> Tensor:
        """Cut out a part, further in by what is cut off."""
        (patch,) = patches
        cuts = zip(out, self.op.cut, strict=True)
        return patch.cut(tuple((lo + cut, hi + cut) for (lo, hi), cut in cuts))


class Upsample(Twin):
    """A larger map, by repeating values or interpolating linearly between them."""

    op: ops.Upsample

    def forward(self, x: Tensor) -> Tensor:
        """Enlarge the whole map."""
        op = self.op
        if not op.linear:
            return _repeated(x, op.factor)
        size = tuple(n * r for n, r in zip(x.shape[2:], op.factor, strict=True))
        # torch rounds the places between pixels to the data's precision: exact for powers of two.
        if all(r & (r - 1) == 0 for r in op.factor):
            return F.interpolate(x, size=size, mode=_LINEAR[op.rank], align_corners=False)
        return self.region(whole_box(size), Patch.whole(x))

    def region(self, out: Box, *patches: Patch) -> Tensor:
        """Enlarge what a part of the output depends on, and cut."""
        (patch,) = patches
        op = self.op
        inputs = tuple(
            op.region(axis, lo, hi, n)
            for axis, ((lo, hi), n) in enumerate(zip(out, patch.size, strict=True))
        )
        x = patch.cut(inputs)
        if op.linear:
            for axis, (lo, hi) in enumerate(out):
                x = _interpolated(x, axis, lo, hi, inputs[axis][0], op.factor[axis])
            return x
        start = tuple(lo * r for (lo, _), r in zip(inputs, op.factor, strict=True))
        size = tuple(n * r for n, r in zip(patch.size, op.factor, strict=True))
        return Patch(_repeated(x, op.factor), start, size).cut(out)


def _repeated(x: Tensor, factor: tuple[int, ...]) -> Tensor:
    """Repeat every value `factor` times along each axis, in one copy."""
    size = x.shape[2:]
    # (N, C, a, 1, b, 1) to (N, C, a, r, b, r), read as (N, C, a r, b r).
    x = x.reshape(*x.shape[:2], *(m for n in size for m in (n, 1)))
    x = x.expand(*x.shape[:2], *(m for n, r in zip(size, factor, strict=True) for m in (n, r)))
    return x.reshape(*x.shape[:2], *(n * r for n, r in zip(size, factor, strict=True)))


def _interpolated(x: Tensor, axis: int, lo: int, hi: int, start: int, factor: int) -> Tensor:
    """Interpolate outputs `lo` to `hi` along an axis of a map that begins at `start`.

    Output i lies at (2 i + 1 - r) / (2 r); its place and weight are computed in integers. Beyond
    the ends the nearest value stands, which only happens at the border of the whole map, since the
    patch has both neighbours of every other output.
    """
    twice = [2 * index + 1 - factor for index in range(lo, hi)]
    last = x.shape[axis + 2] - 1
    below = [min(max(t // (2 * factor) - start, 0), last) for t in twice]
    above = [min(max(t // (2 * factor) + 1 - start, 0), last) for t in twice]
    share = torch.tensor(
        [t % (2 * factor) / (2 * factor) for t in twice], dtype=x.dtype, device=x.device
    ).view(-1, *(1,) * (x.dim() - 3 - axis))
    first = x.index_select(axis + 2, torch.tensor(below, device=x.device))
    second = x.index_select(axis + 2, torch.tensor(above, device=x.device))
    return torch.lerp(first, second, share)
