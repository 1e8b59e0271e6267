"""What layers that depend on everything need to know of it, gathered part by part.

A norm needs the statistics of its whole input and is then a matter of single positions; a global
pool is its own statistics. So neither needs its whole input at once, however large that is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, TypeAlias, Union

from napari_convnet.network import Layer
from napari_convnet.network.ops import (
    GlobalAverage,
    GlobalMax,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
)

if TYPE_CHECKING:
    import torch

    from napari_convnet.model import Twin
    from napari_convnet.model.twins import Statistics

Gathered: TypeAlias = Union["Statistics", "torch.Tensor"]
"""Statistics of a norm's input, or the output of a global pool."""

NORMS = (InstanceNorm, GroupNorm, LayerNorm)

PIECE = 2**22
"""Values that are looked at in one go: they are converted to 64 bits for it."""


def gathers(layer: Layer) -> bool:
    """Whether what a layer needs to know of its input can be gathered part by part."""
    pools = (GlobalAverage, GlobalMax)
    return isinstance(layer.kind, (*NORMS, *pools)) and len(layer.kind.incoming) > 1


def gather(twin: Twin, parts: Iterable[torch.Tensor]) -> Gathered:
    """Gather what a layer needs to know of its input.

    Parameters
    ----------
    twin : Twin
        The layer; one of those that `gathers` names.
    parts : iterable of Tensor
        The input in parts (N, C, spatial...), each place once.
    """
    import torch

    from napari_convnet.model.twins.norm import GroupedNorm

    pieces = (piece for part in parts for piece in _pieces(part))
    with torch.inference_mode():
        if isinstance(twin, GroupedNorm):
            return reduce(add, map(twin.statistics, pieces))
        if isinstance(twin.op, GlobalMax):
            return reduce(torch.maximum, (piece.flatten(2).amax(2) for piece in pieces))
        return _mean(pieces)


def _pieces(part: torch.Tensor) -> Iterator[torch.Tensor]:
    """Cut a part along its first spatial axis into pieces of so many values."""
    rows = max(1, PIECE * part.shape[2] // max(1, part.numel()))
    for start in range(0, part.shape[2], rows):
        yield part.narrow(2, start, min(rows, part.shape[2] - start))


def _mean(pieces: Iterable[torch.Tensor]) -> torch.Tensor:
    import torch

    total: torch.Tensor | None = None
    count = 0
    for piece in pieces:
        wide = torch.float32 if piece.device.type == "mps" else torch.float64
        part = piece.flatten(2).sum(2, dtype=wide)
        total = part if total is None else total + part
        count += piece[0, 0].numel()
        dtype = piece.dtype
    assert total is not None
    return (total / count).to(dtype)
