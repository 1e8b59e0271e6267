"""Scans with a target for every voxel, divided into regions, of which patches are cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .contents import Note
from .examples import Batch, Examples
from .normalisation import Normalisation
from .settings import SettingLike, Shape

Box = tuple[tuple[int, int], ...]
"""Half-open range of indices along each spatial axis."""

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
    """

    image: NDArray[np.float32]
    target: NDArray[Any]
    affine: NDArray[np.float64]
    units: tuple[str, ...]
    axes: tuple[str, ...]
    name: str = ""
    notes: tuple[Note, ...] = ()
    normalised: Normalisation | None = None

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
    patch : tuple of int
        (C, *spatial) of a patch as the network takes it.
    notes : tuple of Note
        What the person should know, the rule of the split among it.
    """

    scans: tuple[Scan, ...]
    parts: Parts
    classes: tuple[str, ...]
    patch: Shape
    notes: tuple[Note, ...] = ()
    unit: str = "patches"

    @property
    def shape(self) -> Shape:
        """(C, *spatial) of a patch."""
        return self.patch

    @property
    def counts(self) -> tuple[int, int, int]:
        """Patches of a training epoch, then the regions of validation and test."""
        raise NotImplementedError

    @property
    def signature(self) -> str:
        """Shapes, regions and checksums of the targets."""
        raise NotImplementedError

    def describe(self) -> str:
        """Say in a line what there is."""
        raise NotImplementedError

    def regions(self, part: Part) -> tuple[Region, ...]:
        """Regions of a part."""
        found: tuple[Region, ...] = getattr(self.parts, part)
        return found

    def batches(
        self, batch: int, seed: int, epoch: int, augment: Sequence[SettingLike] = (), start: int = 0
    ) -> Iterator[Batch]:
        """Iterate over one epoch of training patches; see `Examples.batches`."""
        raise NotImplementedError
