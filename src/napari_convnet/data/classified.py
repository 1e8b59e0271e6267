"""Images, volumes or recordings with one class each, in three parts."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from .batching import batches
from .contents import Note
from .dataset import Dataset
from .examples import Batch, Examples
from .settings import SettingLike, Shape
from .splitting import Split


@dataclass(frozen=True, eq=False)
class Classified(Examples):
    """A dataset and its parts.

    Parameters
    ----------
    dataset : Dataset
        All images; `Dataset.take` gives what the network is given.
    parts : Split
        Indices of the images of each part.
    notes : tuple of Note
        What the person should know.
    unit : str
        What is counted.
    """

    dataset: Dataset
    parts: Split
    notes: tuple[Note, ...] = ()
    unit: str = "images"

    @property
    def classes(self) -> tuple[str, ...]:  # type: ignore[override]
        """Names of the classes."""
        return self.dataset.classes

    @property
    def rate(self) -> float:
        """Samples per second of recordings; 0 where there is none, or it is not known."""
        return self.dataset.rate

    @property
    def shape(self) -> Shape:
        """(C, *spatial) of one image."""
        return self.dataset.shape

    @property
    def counts(self) -> tuple[int, int, int]:
        """Images for training, validation and test."""
        return len(self.parts.train), len(self.parts.validation), len(self.parts.test)

    @property
    def signature(self) -> str:
        """Count, shape and a checksum of the targets."""
        targets = zlib.crc32(np.ascontiguousarray(self.dataset.targets).tobytes())
        return json.dumps([len(self.dataset), list(self.dataset.shape), targets])

    def describe(self) -> str:
        """Say in a line what there is."""
        return self.dataset.describe()

    def batches(
        self, batch: int, seed: int, epoch: int, augment: Sequence[SettingLike] = (), start: int = 0
    ) -> Iterator[Batch]:
        """Iterate over one epoch of the training images; see `Examples.batches`."""
        return batches(self.dataset, self.parts.train, batch, seed, epoch, augment, start)
