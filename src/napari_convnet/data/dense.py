"""Scans with a target for every voxel, divided into regions, of which patches are cut."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .augmentation import augment
from .batching import augmenting, epoch_order
from .contents import Note
from .examples import Batch, Box, Examples
from .normalisation import Normalisation
from .orientation import number, voxel_size
from .patches import Field, Patch, generator
from .rates import rate_of
from .settings import SettingLike, Shape, text_of
from .values import counted

Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class Scan:
    """One image, volume or recording as the network is given it, and its target.

    Parameters
    ----------
    image : numpy.ndarray
        float32 (C, *spatial): resampled, fitted and normalised as the document says. A volume for a
        network that takes neighbouring slices as channels is (1, z, y, x).
    target : numpy.ndarray
        int8 or int16 (*spatial), the class of each voxel or `IGNORED`; or float32 (C', *spatial),
        the values that a regression is to give.
    affine : numpy.ndarray
        (rank + 1) square, float64: index of `image` to world.
    units, axes : tuple of str
        Unit and name of each spatial axis.
    name : str
        What to call it: its file.
    notes : tuple of Note
        What was found in its files, and what was done about it.
    normalised : Normalisation, optional
        What its values (and those of the target of a regression) were changed by.
    volume : str
        The volume that it is a slice of, where it is: neighbours in it are alike.
    """

    image: NDArray[np.float32]
    target: NDArray[Any]
    affine: NDArray[np.float64]
    units: tuple[str, ...]
    axes: tuple[str, ...]
    name: str = ""
    notes: tuple[Note, ...] = ()
    normalised: Normalisation | None = None
    volume: str = ""

    @property
    def size(self) -> Shape:
        """Length of each spatial axis."""
        return self.image.shape[1:]

    @property
    def whole(self) -> Box:
        """The box that holds all of it."""
        return tuple((0, n) for n in self.size)

    def target_in(self, box: Box) -> NDArray[Any]:
        """View the target within a box: (*spatial) or (C', *spatial)."""
        index: tuple[Any, ...] = (..., *(slice(lo, hi) for lo, hi in box))
        view: NDArray[Any] = self.target[index]
        return view


@dataclass(frozen=True)
class Region:
    """The part of a scan that is trained on, or that is measured by.

    Parameters
    ----------
    scan : int
        Number of the scan.
    box : tuple of (int, int)
        Half-open range of voxels along each spatial axis.
    """

    scan: int
    box: Box


@dataclass(frozen=True)
class Parts:
    """Regions that are trained on, that choose the best state, and that are kept for the end."""

    train: tuple[Region, ...]
    validation: tuple[Region, ...]
    test: tuple[Region, ...]


@dataclass(frozen=True, eq=False)
class Dense(Examples):
    """Scans, their parts, and how patches are cut.

    Parameters
    ----------
    scans : tuple of Scan
        All scans.
    parts : Parts
        Their regions. Voxels count only within a region, where the target is not `IGNORED`.
    classes : tuple of str
        Names of the classes; empty for a regression.
    patch : Patch
        What is cut.
    per_volume : tuple of int
        Patches of an epoch from each scan; 0 for those without a training region.
    foreground : float
        Share of the patches that are centred on a voxel of a foreground class.
    every : bool
        Whether all classes are foreground: they are where only a part is labelled.
    notes : tuple of Note
        What the person should know, the rule of the split among it.
    unit : str
        What is counted.
    """

    scans: tuple[Scan, ...]
    parts: Parts
    classes: tuple[str, ...]
    patch: Patch
    per_volume: tuple[int, ...]
    foreground: float = 0.0
    every: bool = False
    notes: tuple[Note, ...] = ()
    unit: str = "patches"

    @property
    def rate(self) -> float:
        """Samples per second of recordings; 0 where that is not known."""
        return rate_of(self.scans[0].affine, self.scans[0].units)

    @property
    def shape(self) -> Shape:
        """(C, *spatial) of a patch."""
        return self.patch.shape

    @property
    def counts(self) -> tuple[int, int, int]:
        """Patches of a training epoch, then the regions of validation and test."""
        return sum(self.per_volume), len(self.parts.validation), len(self.parts.test)

    @property
    def signature(self) -> str:
        """Shapes, regions, patches and checksums of the targets."""
        sums = [zlib.crc32(np.ascontiguousarray(scan.target).tobytes()) for scan in self.scans]
        sizes = [list(scan.image.shape) for scan in self.scans]
        parts = [[[r.scan, r.box] for r in self.regions(part)] for part in PARTS]
        return json.dumps([sizes, sums, parts, self.patch.shape, self.per_volume])

    def regions(self, part: Part) -> tuple[Region, ...]:
        """Regions of a part."""
        found: tuple[Region, ...] = getattr(self.parts, part)
        return found

    def voxels(self, part: Part) -> NDArray[np.int64]:
        """Count the voxels of each class within a part."""
        counts = np.zeros(len(self.classes) + 1, np.int64)
        for region in self.regions(part):
            target = self.scans[region.scan].target_in(region.box)
            counts += counted(target, -1, len(counts))
        return counts[1:]

    def describe(self) -> str:
        """Say in a line what there is."""
        sizes = {f"{text_of(scan.size)}{_of(scan)}" for scan in self.scans}
        thing = {1: "recording", 2: "image"}.get(len(self.scans[0].size), "scan")
        count = f"{len(self.scans)} {thing}{'s' * (len(self.scans) != 1)}"
        size = f"of {sizes.pop()}" if len(sizes) == 1 else "of several sizes"
        if not self.classes:
            return f"{count} {size}, with values to give"
        classes = "1 class" if len(self.classes) == 1 else f"{len(self.classes)} classes"
        return f"{count} {size}, {classes}: {', '.join(self.classes)}"

    def batches(
        self, batch: int, seed: int, epoch: int, augment: Sequence[SettingLike] = (), start: int = 0
    ) -> Iterator[Batch]:
        """Iterate over one epoch of training patches; see `Examples.batches`."""
        order = epoch_order(np.arange(self.counts[0]), seed, epoch)
        count = self.steps(batch)
        for at in range(start, count):
            stop = None if at == count - 1 else (at + 1) * batch
            each = [self.example(int(i), seed, epoch) for i in order[at * batch : stop]]
            images = np.stack([image for image, _ in each])
            targets = np.stack([target for _, target in each])
            yield self._augmented(images, targets, augment, augmenting(seed, epoch, at))

    def example(
        self, number: int, seed: int, epoch: int
    ) -> tuple[NDArray[np.float32], NDArray[Any]]:
        """Cut one patch of an epoch: image (C, *spatial) and target, not augmented."""
        scan, at = self._scan_of(number)
        foreground = _falls(at + epoch * self.per_volume[scan], self.foreground)
        rng = generator(seed, epoch, number)
        box, start = self._fields[scan].draw(self.patch.size, foreground, rng)
        image = self.patch.image(self.scans[scan].image, box, start)
        target = self.patch.target(self.scans[scan].target, box, start)
        return np.asarray(image, np.float32), target.astype(self._type)

    def _augmented(
        self,
        images: NDArray[np.float32],
        targets: NDArray[Any],
        settings: Sequence[SettingLike],
        rng: np.random.Generator,
    ) -> Batch:
        if not settings:
            return images, targets
        images, targets = augment(
            images, settings, rng, targets, classes=self.classes, spacing=self._spacing
        )
        return np.ascontiguousarray(images, np.float32), targets.astype(self._type, copy=False)

    @property
    def _type(self) -> Any:
        return np.int64 if self.classes else np.float32

    @cached_property
    def _spacing(self) -> tuple[float, ...] | None:
        """Size of a voxel of the patches."""
        size = voxel_size(self.scans[0].affine)
        return size[-len(self.shape) + 1 :]

    @cached_property
    def _fields(self) -> dict[int, Field]:
        boxes: dict[int, list[Box]] = {}
        for region in self.parts.train:
            boxes.setdefault(region.scan, []).append(region.box)
        return {
            scan: Field(self.scans[scan].target, tuple(each), bool(self.classes), self.every, scan)
            for scan, each in boxes.items()
        }

    def _scan_of(self, number: int) -> tuple[int, int]:
        """Find the scan of an epoch's patch, and which of its patches it is."""
        ends = np.cumsum(self.per_volume)
        scan = int(np.searchsorted(ends, number, "right"))
        return scan, number - int(ends[scan] - self.per_volume[scan])


def _falls(number: int, share: float) -> bool:
    """Whether the patch with this number is one of the `share`, which are spread evenly."""
    return math.floor((number + 1) * share) > math.floor(number * share)


def _of(scan: Scan) -> str:
    """Say how large voxels are, where that is known."""
    if scan.units[-1] in ("pixel", ""):
        return ""
    sizes = [number(size) for size in voxel_size(scan.affine)]
    return f" ({sizes[0] if len(set(sizes)) == 1 else ' x '.join(sizes)} {scan.units[-1]})"
