"""What this room reads of a document: the parts of a pipeline, as protocols."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from .settings import Input, SettingLike


class PatchesLike(Protocol):
    """A document's ``patches:``."""

    @property
    def size(self) -> Sequence[int]:
        """Of a patch; one number, one for each axis, or none."""

    @property
    def per_volume(self) -> int | None:
        """Patches of each scan in an epoch."""

    @property
    def foreground(self) -> float | None:
        """Share that is centred on a foreground voxel."""


class RegionsLike(Protocol):
    """A document's ``regions:``."""

    @property
    def axis(self) -> str:
        """Name of the axis; may be empty."""

    @property
    def descending(self) -> bool:
        """Whether training begins at its end."""

    @property
    def gap(self) -> int | None:
        """Voxels between regions."""

    @property
    def slabs(self) -> int:
        """How often the order is repeated."""


class SoundsLike(Protocol):
    """What a document's ``data:`` says of recordings."""

    @property
    def normalize(self) -> SettingLike | None:
        """How values are brought to a range."""

    @property
    def patches(self) -> PatchesLike | None:
        """How windows are cut."""

    @property
    def rate(self) -> float | None:
        """Samples per second to which they are resampled."""

    @property
    def accept(self) -> Sequence[str]:
        """What readers may do that they refuse else."""


class DataLike(SoundsLike, Protocol):
    """A document's ``data:``, as this room reads it."""

    @property
    def source(self) -> str:
        """Name of a shipped sample, or nothing."""

    @property
    def images(self) -> str:
        """Pattern, folder or file of images, or nothing."""

    @property
    def labels(self) -> str:
        """Pattern, folder or file of labels, or nothing."""

    @property
    def classes(self) -> Sequence[str]:
        """Names of the classes; may be empty."""

    @property
    def fit(self) -> SettingLike | None:
        """How images are brought to size."""

    @property
    def unlabelled(self) -> int | None:
        """Label of what is not labelled."""

    @property
    def align(self) -> str:
        """Whether labels that lie elsewhere are resampled: "labels" or "none"."""

    @property
    def spacing(self) -> tuple[float, ...] | None:
        """Millimetres to which scans are resampled."""

    @property
    def split(self) -> tuple[float, float, float]:
        """Shares of training, validation and test."""

    @property
    def regions(self) -> RegionsLike | None:
        """How scans are divided."""


class TrainLike(Protocol):
    """A document's ``train:``, as this room reads it."""

    @property
    def task(self) -> str:
        """classify, segment or regress."""

    @property
    def seed(self) -> int:
        """Seed of the split."""


class PipelineLike(Protocol):
    """A document, as this room reads it."""

    @property
    def input(self) -> Input:
        """The network's input: channels, then sizes."""

    @property
    def data(self) -> DataLike | None:
        """The document's ``data:``."""

    @property
    def augment(self) -> Sequence[SettingLike]:
        """The document's ``augment:``."""

    @property
    def train(self) -> TrainLike:
        """The document's ``train:``."""

    @property
    def network(self) -> Any:
        """The network, analysed."""

    @property
    def folder(self) -> str | Path | None:
        """Where relative files are."""
