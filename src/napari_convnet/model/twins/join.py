"""Twins of the ops that take more than one layer."""

from __future__ import annotations

from functools import reduce

import torch
from torch import Tensor

from napari_convnet.network import UserError, ops

from .base import Box, Patch, Twin, described


class JoinTwin(Twin):
    """A twin with several inputs."""

    op: ops.Join

    def check(self, *incomings: tuple[int, ...]) -> None:
        """Refuse inputs of other channels or axes than the op's, and such as do not fit."""
        for nominal, incoming in zip(self.op.incomings, incomings, strict=True):
            if incoming[0] != nominal[0] or len(incoming) != len(nominal):
                raise UserError(
                    f"{self.op.word} was made for {described(nominal)}, but "
                    f"{described(incoming)} come in"
                )
        self.op.output(*incomings)

    def region(self, out: Box, *patches: Patch) -> Tensor:
        """Join the parts of all inputs at the same place."""
        return self.forward(*(patch.cut(out) for patch in patches))

    def extra_repr(self) -> str:
        """Say what comes in and what goes out."""
        incoming = ", ".join(map(described, self.op.incomings))
        return f"{incoming} to {described(self.op.output())}"


class Cat(JoinTwin):
    """Channels of all inputs, one after the other."""

    op: ops.Cat

    def forward(self, *xs: Tensor) -> Tensor:
        """Concatenate along the channels."""
        return torch.cat(xs, 1)


class Add(JoinTwin):
    """Sum of all inputs."""

    op: ops.Add

    def forward(self, *xs: Tensor) -> Tensor:
        """Add up, in the order of the inputs."""
        return reduce(torch.add, xs)


class CropTo(JoinTwin):
    """The first input, cut to the size of the second."""

    op: ops.CropTo

    def forward(self, *xs: Tensor) -> Tensor:
        """Cut the borders off."""
        x, reference = xs
        out = tuple((0, m) for m in reference.shape[2:])
        return self._cut(out, Patch.whole(x), tuple(reference.shape[2:]))

    def region(self, out: Box, *patches: Patch) -> Tensor:
        """Cut out a part, further in by what is cut off."""
        patch, reference = patches
        return self._cut(out, patch, reference.size)

    def _cut(self, out: Box, patch: Patch, size: tuple[int, ...]) -> Tensor:
        cuts = [self.op.cut(n, m) for n, m in zip(patch.size, size, strict=True)]
        return patch.cut(
            tuple((lo + cut, hi + cut) for (lo, hi), cut in zip(out, cuts, strict=True))
        )
