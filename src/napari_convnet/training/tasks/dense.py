"""What tasks that learn a value per voxel have in common: where maps lie, and exact measures."""

from __future__ import annotations

import itertools
import math
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_convnet.data import Box, Dense, Region, Scan
from napari_convnet.network import Network, UserError

from ..control import Control
from ..modes import in_use
from .base import EVERYTHING, Learner, Whole
from .bounds import spread

Piece: TypeAlias = tuple[Scan, Tensor, Tensor]
"""A scan, and outputs and targets of a part of it as a batch of one."""


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

    @cached_property
    def field(self) -> tuple[int, ...]:
        """Voxels that an output sees, per axis of a scan."""
        network = self.network
        seen = network[self.output_layer].receptive_field or (1,) * len(network.input.sizes)
        return (network.input.channels, *seen) if network.input.slices else tuple(seen)

    @cached_property
    def sees_everything(self) -> bool:
        """Whether an output depends on all of a scan, as behind instance normalisation."""
        reaches = (layer.kind.reach for layer in self.network.layers)
        return not self.network.input.slices and "global" in reaches

    def regions(self, examples: Dense, part: Whole, most: int | None = None) -> tuple[Region, ...]:
        """Give the regions of a part, for all of them whole scans; or what `most` leaves of them.

        Parameters
        ----------
        examples : Dense
            The data.
        part : {"train", "validation", "test", "all"}
            Which of them.
        most : int, optional
            Voxels to compute at most.
        """
        if part == EVERYTHING:
            return tuple(Region(i, scan.whole) for i, scan in enumerate(examples.scans))
        sizes = {i: scan.size for i, scan in enumerate(examples.scans)}
        field = (1,) * len(self.field) if self.sees_everything else self.field
        return spread(examples.regions(part), sizes, field, most)

    def _pieces(
        self, examples: Dense, part: Whole, most: int | None, batch: int, control: Control | None
    ) -> Iterator[Piece]:
        """Compute a part of the data: scan, outputs and targets of a piece at a time.

        Exactly, as parts of whole scans. But where an output depends on all of a scan and `most` is
        a bound, patches are computed each by itself, as in training.
        """
        patchwise = most is not None and self.sees_everything
        regions = self.regions(examples, part, most)
        images = [region for region in regions if _is_example(region, examples)]
        others = [region for region in regions if not _is_example(region, examples)]
        with in_use(self.model), torch.inference_mode():
            for start in range(0, len(images), batch):
                if control is not None and control.stopping:
                    return
                scans = [examples.scans[each.scan] for each in images[start : start + batch]]
                yield from self._images(scans)
            for region in others:
                if patchwise:
                    yield from self._patches(examples, region, control)
                    continue
                scan = examples.scans[region.scan]
                for box, outputs in self._tiles(scan, region.box, control):
                    yield scan, outputs[None].float(), self._target(scan.target_in(box))

    def _images(self, scans: Sequence[Scan]) -> Iterator[Piece]:
        """Compute whole images at once: where they are small, cutting them takes longest."""
        together = torch.from_numpy(np.stack([scan.image for scan in scans])).to(self.device)
        found = self.outputs(together)
        for i, scan in enumerate(scans):
            yield scan, found[i : i + 1], self.aligned(found, self._target(scan.target))

    def _patches(self, examples: Dense, region: Region, control: Control | None) -> Iterator[Piece]:
        """Compute a region patch by patch, side by side."""
        scan, patch, box = examples.scans[region.scan], examples.patch, region.box
        steps = [range(lo, hi, n) for (lo, hi), n in zip(box, patch.size, strict=True)]
        for start in itertools.product(*steps):
            if control is not None and control.stopping:
                return
            image = torch.from_numpy(np.array(patch.image(scan.image, box, start), np.float32))
            outputs = self.outputs(image[None].to(self.device))
            targets = self._target(patch.target(scan.target, box, start))
            yield scan, outputs, self.aligned(outputs, targets)

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


def _is_example(region: Region, examples: Dense) -> bool:
    """Whether a region is an image of its own, as large as those that are learned from."""
    scan = examples.scans[region.scan]
    whole = region.box == scan.whole and scan.image.shape == examples.shape
    return whole and not examples.patch.slices


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
