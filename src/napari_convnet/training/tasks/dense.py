"""What tasks that learn a value per voxel have in common: where maps lie, and exact measures."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_convnet.data import Box, Dense, Region, Scan
from napari_convnet.network import Network, UserError

from ..control import Control
from ..modes import in_use
from .base import EVERYTHING, Learner, Whole

SLABS = 4
"""Parts at most that a region is measured by, where all of it is too much."""


class DenseLearner(Learner):
    """A network that ends in maps which lie over its images."""

    @cached_property
    def offset(self) -> tuple[int, ...]:
        """Voxel of the image that the first voxel of the output lies on, per axis of a scan."""
        offset = output_offset(self.network)
        return (0, *offset) if self.network.input.slices else offset

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Give the loss of a batch; targets are cut to where there are outputs."""
        return self._losses(outputs, self.aligned(outputs, targets))

    def aligned(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Cut targets (..., *S) to where outputs lie: without padding they are smaller."""
        sizes = outputs.shape[2:]
        if sizes == targets.shape[targets.ndim - len(sizes) :]:
            return targets
        offset = self.offset[-len(sizes) :]
        cut: tuple[Any, ...] = tuple(slice(o, o + n) for o, n in zip(offset, sizes, strict=True))
        return targets[(..., *cut)]

    def regions(self, examples: Dense, part: Whole) -> tuple[Region, ...]:
        """Give the regions of a part; for all, whole scans."""
        if part == EVERYTHING:
            return tuple(Region(i, scan.whole) for i, scan in enumerate(examples.scans))
        return examples.regions(part)

    def _pieces(
        self, examples: Dense, regions: Sequence[Region], control: Control | None
    ) -> Iterator[tuple[Scan, Tensor, Tensor]]:
        """Compute regions exactly, as parts of the whole: scan, outputs and targets of a piece."""
        with in_use(self.model), torch.inference_mode():
            for region in regions:
                scan = examples.scans[region.scan]
                for box, outputs in self._tiles(scan, region.box, control):
                    target = scan.target_in(box)
                    yield scan, outputs[None].float(), self._target(target)

    def _tiles(self, scan: Scan, box: Box, control: Control | None) -> Iterator[tuple[Box, Tensor]]:
        """Compute the part of a scan's output that lies within a box of the scan."""
        from napari_convnet.maps import FeatureMaps, feature_maps, output_tiles

        name = self.output_layer
        maps = feature_maps(self.model, scan.image, layers=[name], name=scan.name)
        assert isinstance(maps, FeatureMaps), "what a document says is no foreign module"
        sizes = maps[name].shape[1:]
        ends = zip(box, self.offset, sizes, strict=True)
        within = tuple((max(lo - o, 0), min(hi - o, n)) for (lo, hi), o, n in ends)
        if any(lo >= hi for lo, hi in within):
            return
        stopping = (lambda: control.stopping) if control is not None else (lambda: False)
        for part, tile in output_tiles(maps, name, within, cancelled=stopping):
            over = zip(part, self.offset, strict=True)
            yield tuple((lo + o, hi + o) for (lo, hi), o in over), tile

    @abstractmethod
    def _target(self, target: NDArray[Any]) -> Tensor:
        """Give a piece of a target as a batch of one, on the device."""


def check_maps(network: Network, channels: int, needs: str) -> None:
    """Refuse a network that does not end in so many maps, each as fine as its images.

    Parameters
    ----------
    network : Network
        The network.
    channels : int
        Maps wanted.
    needs : str
        Why: ``the data have 3 classes``.

    Raises
    ------
    UserError
        Says how to end it.
    """
    output = network.output
    fix = f"end it with out: conv {channels} k1"
    if len(output) == 1:
        what = f"the network ends in {output[0]} values, not in maps"
        raise UserError(f"{what}, and {needs}", f"take flatten, fc or gap away, and {fix}")
    if output[0] != channels:
        maps = "1 map" if output[0] == 1 else f"{output[0]} maps"
        raise UserError(f"the network ends in {maps}, and {needs}", fix)
    output_offset(network)


def output_offset(network: Network) -> tuple[int, ...]:
    """Say which pixel of the input the first pixel of the output lies on, per axis.

    Not 0 where convolutions without padding make maps smaller than images.

    Raises
    ------
    UserError
        Where the output's pixels do not lie on the input's.
    """
    sizes, output = network.input.sizes, network.output[1:]
    if None not in output and tuple(output) == tuple(sizes):
        return (0,) * len(sizes)
    layer = network[network.end]
    shown = "x".join("?" if n is None else str(n) for n in output)
    images = "x".join("?" if n is None else str(n) for n in sizes)
    what = f"the network ends in maps of {shown}, and its images have {images}"
    if layer.jump is None or layer.start is None:
        raise UserError(what, "end it in maps of that size: without gap or flatten")
    coarse = max(layer.jump)
    if coarse > 1:
        raise UserError(
            f"{what}: each value stands for {coarse:g} pixels",
            f"bring the maps back to that size before the last layer: up {coarse:g}, or tconv",
        )
    if min(layer.jump) < 1 or min(layer.start) < 0:
        raise UserError(f"{what}: they are finer or larger", "end it in maps of that size")
    if any(start != math.floor(start) for start in layer.start):
        fix = "use kernels of odd size, or padding, which keeps the size"
        raise UserError(f"{what}: they lie half a pixel off", fix)
    return tuple(int(start) for start in layer.start)


def spread(regions: Sequence[Region], most: int | None) -> tuple[Region, ...]:
    """Choose parts of regions to measure by, of so many voxels at most, spread evenly.

    Of many regions (images of their own, say) every so many-th is taken whole. Of a few, each gives
    slabs across its longest axis: up to four, where these are no thinner than a quarter of it.
    It is the same choice for the same regions, so that one epoch compares with the next.

    Parameters
    ----------
    regions : sequence of Region
        What there is.
    most : int or None
        Voxels at most (a slab has at least one layer of them); None for all.

    Examples
    --------
    >>> spread([Region(0, ((0, 10), (0, 80)))], 400)
    (Region(scan=0, box=((0, 10), (10, 30))), Region(scan=0, box=((0, 10), (50, 70))))
    """
    total = sum(_voxels(region.box) for region in regions)
    if most is None or total <= most:
        return tuple(regions)
    share = most / total
    kept = int(len(regions) * share)
    if kept >= SLABS:
        return tuple(regions[int((i + 0.5) * len(regions) / kept)] for i in range(kept))
    return tuple(slab for region in regions for slab in _slabs(region, share))


def _slabs(region: Region, share: float) -> Iterator[Region]:
    box = region.box
    axis = max(range(len(box)), key=lambda a: box[a][1] - box[a][0])
    lo, hi = box[axis]
    length = hi - lo
    wanted = max(1, int(length * share))
    count = max(1, min(SLABS, wanted * 4 // length))
    thick = max(1, wanted // count)
    for i in range(count):
        start = lo + int((i + 0.5) * length / count - thick / 2)
        yield Region(region.scan, (*box[:axis], (start, start + thick), *box[axis + 1 :]))


def _voxels(box: Box) -> int:
    return math.prod(hi - lo for lo, hi in box)
