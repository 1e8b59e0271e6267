"""What every twin is: a torch module that computes one op, whole or in part.

A region is computed from a `Patch`, a piece of the whole input that knows where it lies. What a
window reaches beyond the *whole* input is made anew with the layer's own fill; what lies beyond the
patch only is never asked for, since a patch covers `Op.region`. So a region equals that part of the
whole computation, at the borders too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_convnet.network import UserError
from napari_convnet.network.ops import Op

Box: TypeAlias = tuple[tuple[int, int], ...]
"""A half-open range of indices per spatial axis."""


def whole_box(size: Iterable[int]) -> Box:
    """Box of everything.

    Examples
    --------
    >>> whole_box((5, 7))
    ((0, 5), (0, 7))
    """
    return tuple((0, n) for n in size)


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """A piece of a map, and where it lies in the whole one.

    Parameters
    ----------
    data : Tensor
        The piece, (N, C, spatial...).
    start : tuple of int
        Index of its first element in the whole map, per spatial axis.
    size : tuple of int
        Spatial size of the whole map.
    """

    data: Tensor
    start: tuple[int, ...]
    size: tuple[int, ...]

    @classmethod
    def whole(cls, data: Tensor) -> Patch:
        """Make the patch that is all of a map."""
        size = tuple(data.shape[2:])
        return cls(data, (0,) * len(size), size)

    @property
    def box(self) -> Box:
        """Where it lies."""
        lengths = self.data.shape[2:]
        return tuple((lo, lo + n) for lo, n in zip(self.start, lengths, strict=True))

    @property
    def is_whole(self) -> bool:
        """Whether nothing of the map is missing."""
        return self.box == whole_box(self.size)

    def cut(self, box: Box) -> Tensor:
        """Cut out a box that the patch covers, as a view."""
        self._check_covers(box)
        data = self.data
        for axis, (lo, hi) in enumerate(box):
            data = data.narrow(axis + 2, lo - self.start[axis], hi - lo)
        return data

    def window(self, box: Box, mode: str = "zeros", fill: float = 0.0) -> Tensor:
        """Cut out a box that may reach beyond the whole map.

        Parameters
        ----------
        box : Box
            The box.
        mode : {"zeros", "reflect", "replicate", "circular"}
            What lies beyond the whole map: `fill`, or values of the map itself.
        fill : float
            The value beyond it in the mode ``zeros``.
        """
        if mode == "zeros":
            return self._filled(box, fill)
        return self._folded(box, mode)

    def _filled(self, box: Box, fill: float) -> Tensor:
        inside = tuple((max(lo, 0), min(hi, n)) for (lo, hi), n in zip(box, self.size, strict=True))
        if any(lo >= hi for lo, hi in inside):
            shape = (*self.data.shape[:2], *(hi - lo for lo, hi in box))
            return self.data.new_full(shape, fill)
        data = self.cut(inside)
        pads = [(a - lo, hi - b) for (lo, hi), (a, b) in zip(box, inside, strict=True)]
        return padded(data, pads, fill)

    def _folded(self, box: Box, mode: str) -> Tensor:
        data = self.data
        for axis, ((lo, hi), n) in enumerate(zip(box, self.size, strict=True)):
            start = self.start[axis]
            if lo >= 0 and hi <= n:
                self._check_inside(axis, lo, hi)
                data = data.narrow(axis + 2, lo - start, hi - lo)
                continue
            indices = [fold(index, n, mode) for index in range(lo, hi)]
            self._check_inside(axis, min(indices), max(indices) + 1)
            places = torch.tensor([index - start for index in indices], device=data.device)
            data = data.index_select(axis + 2, places)
        return data

    def _check_covers(self, box: Box) -> None:
        for axis, (lo, hi) in enumerate(box):
            self._check_inside(axis, lo, hi)

    def _check_inside(self, axis: int, lo: int, hi: int) -> None:
        start, stop = self.box[axis]
        if lo < start or hi > stop:
            raise IndexError(f"axis {axis}: {lo} to {hi} wanted of a patch from {start} to {stop}")


def padded(data: Tensor, pads: Iterable[tuple[int, int]], fill: float = 0.0) -> Tensor:
    """Pad the spatial axes with a value; (before, after) per axis, in array order."""
    flat = [n for before, after in reversed(list(pads)) for n in (before, after)]
    return F.pad(data, flat, value=fill) if any(flat) else data


def fold(index: int, n: int, mode: str) -> int:
    """Find the index of a map of length `n` whose value stands at `index`, inside it or beyond.

    Examples
    --------
    >>> [fold(i, 4, "reflect") for i in (-2, -1, 0, 3, 4)]
    [2, 1, 0, 3, 2]
    """
    if mode == "circular":
        return index % n
    if mode == "replicate":
        return min(max(index, 0), n - 1)
    return n - 1 - abs(n - 1 - abs(index))


class Twin(nn.Module):
    """An op as a torch module.

    Its parameters bear the names and shapes of `Op.weights`; a ``weight`` or ``bias`` that the op
    lacks is None.

    Parameters
    ----------
    op : Op
        The op.

    Notes
    -----
    `region` is of the layer in use, never of a training step: dropout does nothing in it, and batch
    normalisation takes its running statistics, whatever the module's mode.
    """

    op: Op
    forward: Callable[..., Tensor]
    """Compute the layer on whole inputs, (N, C, spatial...); most layers take one."""

    def __init__(self, op: Op) -> None:
        super().__init__()
        self.op = op
        shapes = op.weights()
        for name, shape in shapes.items():
            self.register_parameter(name, nn.Parameter(torch.empty(shape)))
        for name in ("weight", "bias"):
            if name not in shapes:
                self.register_parameter(name, None)

    def region(self, out: Box, *patches: Patch) -> Tensor:
        """Compute a part of the output.

        Parameters
        ----------
        out : Box
            Which part, in indices of the whole output.
        *patches : Patch
            For each input, a piece that covers what `Op.region` names.

        Returns
        -------
        Tensor
            What `forward` gives there on the whole input.
        """
        (patch,) = patches
        return self.forward(patch.cut(out))

    def check(self, *incomings: tuple[int, ...]) -> None:
        """Refuse inputs that the layer was not made for.

        Parameters
        ----------
        *incomings : tuple of int
            For each input its channels and spatial sizes, or its length where it is a vector.

        Raises
        ------
        UserError
            Where the channels, or the number of axes, are others than the op's.
        """
        op = self.op
        (incoming,) = incomings
        if incoming[0] != op.incoming[0] and op.rank == 0:
            raise UserError(
                f"{op.word} was made for {op.incoming[0]} values, but {incoming[0]} come in",
                "give the network inputs of the size in its input line, or use gap for flatten",
            )
        if incoming[0] != op.incoming[0] or len(incoming) != len(op.incoming):
            raise UserError(
                f"{op.word} was made for {described(op.incoming)}, but {described(incoming)} "
                "come in"
            )

    def draw(self, generator: torch.Generator) -> Mapping[str, Tensor]:
        """Draw values for parameters and buffers, in float32 on the CPU; by name."""
        return {}

    def extra_repr(self) -> str:
        """Say what comes in and what goes out."""
        return f"{described(self.op.incoming)} to {described(self.op.output())}"


def described(shape: tuple[int | None, ...]) -> str:
    """Describe a shape in words.

    Examples
    --------
    >>> described((6, 28, None)), described((84,))
    ('6 channels of 28x?', '84 values')
    """
    if len(shape) == 1:
        return f"{shape[0]} values"
    sizes = "x".join("?" if n is None else str(n) for n in shape[1:])
    return f"{shape[0]} channel{'' if shape[0] == 1 else 's'} of {sizes}"


class GlobalTwin(Twin):
    """A twin whose every output depends on the whole input."""

    def region(self, out: Box, *patches: Patch) -> Tensor:
        """Compute the whole output from the whole input, and cut."""
        (patch,) = patches
        if not patch.is_whole:
            raise IndexError(f"{self.op.word} needs the whole of {patch.size}, not {patch.box}")
        return Patch.whole(self.forward(patch.data)).cut(out)
