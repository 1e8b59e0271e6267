"""Examples: what a training is given batch by batch, whatever its task.

`Classified` holds images (or recordings, volumes) with one class each, `Dense` scans with a target
for every voxel, of which patches are cut. All of it is a pure function of (seed, epoch, batch): a
run that is killed and resumed sees what it would have seen.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .batching import number_of_batches
from .contents import Note
from .settings import SettingLike, Shape

Box = tuple[tuple[int, int], ...]
"""Half-open range of indices along each spatial axis."""

Batch = tuple[NDArray[np.float32], NDArray[Any]]
"""Images (B, C, *spatial) and their targets."""


class Examples(ABC):
    """What a network is trained on and measured by, in three parts.

    Attributes
    ----------
    classes : tuple of str
        Names of the classes, from 0; empty for a regression.
    shape : tuple of int
        (C, *spatial) of one example of a batch.
    notes : tuple of Note
        What the person should know: how it was split, what was left out, what is odd.
    unit : str
        What is counted: "images", "patches", "windows".
    """

    classes: tuple[str, ...]
    notes: tuple[Note, ...]
    unit: str

    @property
    @abstractmethod
    def shape(self) -> Shape:
        """(C, *spatial) of one example of a batch."""

    @property
    def rate(self) -> float:
        """Samples per second of recordings; 0 where that is not known."""
        return 0.0

    @property
    @abstractmethod
    def counts(self) -> tuple[int, int, int]:
        """Training examples of an epoch, then what validation and test measure by."""

    @property
    @abstractmethod
    def signature(self) -> str:
        """Text that differs where the data do: a resumed run compares it."""

    @abstractmethod
    def describe(self) -> str:
        """Say in a line what there is."""

    @abstractmethod
    def batches(
        self, batch: int, seed: int, epoch: int, augment: Sequence[SettingLike] = (), start: int = 0
    ) -> Iterator[Batch]:
        """Iterate over one epoch of the training part, shuffled and augmented.

        Parameters
        ----------
        batch : int
            Examples in a batch.
        seed, epoch : int
            Decide the order, the patches and the augmentation, with the number of the batch.
        augment : sequence of Setting
            A document's ``augment:``.
        start : int
            Batch to begin with, for a run that is resumed.

        Yields
        ------
        images : numpy.ndarray
            float32 (B, C, *spatial).
        targets : numpy.ndarray
            int64 (B,) for `Classified`; for `Dense` int64 (B, *spatial), `IGNORED` where nothing
            is known, or float32 (B, C', *spatial) for a regression.
        """

    def steps(self, batch: int) -> int:
        """Count the batches of an epoch."""
        return number_of_batches(self.counts[0], batch)
