"""What layers that depend on everything need to know of it, gathered part by part.

A norm needs the statistics of its whole input and is then a matter of single positions; a global
pool is its own statistics. So neither needs its whole input at once, however large that is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias, Union

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


class Gathering:
    """What a layer needs to know of its input, as far as it is gathered.

    Parameters
    ----------
    twin : Twin
        The layer; one of those that `gathers` names.
    """

    def __init__(self, twin: Twin) -> None:
        self._twin = twin
        self._found: Gathered | None = None
        self._count = 0
        self._dtype: torch.dtype | None = None

    def add(self, part: torch.Tensor) -> None:
        """Add a part (N, C, spatial...) of the input, each place once."""
        import torch

        with torch.inference_mode():
            for piece in _pieces(part):
                found = self._look(piece)
                self._found = found if self._found is None else self._joined(self._found, found)
        self._count += part[0, 0].numel()
        self._dtype = part.dtype

    def result(self) -> Gathered:
        """Give what was gathered of the whole input."""
        import torch

        assert self._found is not None
        if isinstance(self._found, torch.Tensor) and self._averages:
            assert self._dtype is not None
            return (self._found / self._count).to(self._dtype)
        return self._found

    @property
    def _averages(self) -> bool:
        return not isinstance(self._twin.op, GlobalMax)

    def _look(self, piece: torch.Tensor) -> Gathered:
        import torch

        from napari_convnet.model.twins.norm import GroupedNorm

        if isinstance(self._twin, GroupedNorm):
            return self._twin.statistics(piece)
        if not self._averages:
            return piece.flatten(2).amax(2)
        wide = torch.float32 if piece.device.type == "mps" else torch.float64
        return piece.flatten(2).sum(2, dtype=wide)

    def _joined(self, one: Any, other: Any) -> Gathered:
        import torch

        joined: Gathered = one + other if self._averages else torch.maximum(one, other)
        return joined


def gather(twin: Twin, parts: Iterable[torch.Tensor]) -> Gathered:
    """Gather what a layer needs to know of its input.

    Parameters
    ----------
    twin : Twin
        The layer; one of those that `gathers` names.
    parts : iterable of Tensor
        The input in parts (N, C, spatial...), each place once.
    """
    gathering = Gathering(twin)
    for part in parts:
        gathering.add(part)
    return gathering.result()


def _pieces(part: torch.Tensor) -> Iterator[torch.Tensor]:
    """Cut a part along its first spatial axis into pieces of so many values."""
    rows = max(1, PIECE * part.shape[2] // max(1, part.numel()))
    for start in range(0, part.shape[2], rows):
        yield part.narrow(2, start, min(rows, part.shape[2] - start))
