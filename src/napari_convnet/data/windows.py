"""Recordings of any length, one class each, cut into windows for a network to hear.

A window is as long as the network's input. In training it begins anywhere in its recording, anew
in each epoch; in a test the windows of a recording lie evenly over it, and the mean of what the
network says of them counts for the recording. A split parts recordings, never windows of one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .contents import Note
from .dataset import Dataset
from .notes import joined
from .settings import SettingLike, Shape, text_of
from .sounds import Recording, Sound

PER_RECORDING = 8
"""Windows of each recording where the document does not say."""


@dataclass(frozen=True, eq=False)
class _Cut:
    """Windows in a row, cut when they are asked for."""

    recordings: tuple[Recording, ...]
    owners: NDArray[np.int64]
    starts: NDArray[np.int64]
    size: int
    prepared: bool

    @property
    def shape(self) -> Shape:
        return (len(self.owners), *self.recordings[0].shape[:-1], self.size)

    def __len__(self) -> int:
        return len(self.owners)

    def __getitem__(self, index: Any) -> Sound:
        chosen = np.arange(len(self))[index]
        if chosen.ndim == 0:
            return self._one(int(chosen))
        if not len(chosen):
            return np.empty((0, *self.shape[1:]), np.float32)
        return np.stack([self._one(int(number)) for number in chosen])

    def _one(self, number: int) -> Sound:
        recording = self.recordings[int(self.owners[number])]
        window = recording.cut(int(self.starts[number]), self.size)
        return recording.prepared(window) if self.prepared else window


@dataclass(frozen=True, eq=False)
class Windows(Dataset):
    """Windows of recordings, and the class of each.

    Parameters
    ----------
    recordings : tuple of Recording
        What the windows are cut from; `groups` tells which of them each window is of.
    """

    unit: str = "windows"
    recordings: tuple[Recording, ...] = ()

    @property
    def notes(self) -> tuple[Note, ...]:
        """What is odd about the recordings."""
        return joined((note for each in self.recordings for note in each.notes), "recordings")

    @property
    def size(self) -> int:
        """Samples of a window."""
        return self.shape[-1]

    @cached_property
    def inputs(self) -> Any:
        """What the network is given: windows of recordings that were normalised as a whole."""
        assert isinstance(self.images, _Cut)
        return _Cut(self.recordings, self.images.owners, self.images.starts, self.size, True)

    def draw(self, indices: ArrayLike, rng: np.random.Generator) -> Sound:
        """Cut windows from the same recordings, each beginning anywhere in its own.

        A recording that is shorter than a window lies anywhere in it.
        """
        assert self.groups is not None
        owners = self.groups[np.asarray(indices)]
        spare = np.array([self.recordings[owner].length for owner in owners]) - self.size
        starts = rng.integers(np.minimum(spare, 0), np.maximum(spare, 0), endpoint=True)
        return _Cut(self.recordings, owners, starts, self.size, True)[:]

    def pooled(
        self, probabilities: NDArray[np.float32], indices: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Average the probabilities of the windows of each recording."""
        assert self.groups is not None
        owners, first, member = np.unique(
            self.groups[indices], return_index=True, return_inverse=True
        )
        sums = np.zeros((len(owners), probabilities.shape[1]), np.float64)
        np.add.at(sums, member, probabilities)
        means = sums / np.bincount(member)[:, None]
        return means.astype(np.float32), self.targets[indices[first]]

    def describe(self) -> str:
        """Say in a line what there is."""
        each = np.bincount(self.groups) if self.groups is not None else np.ones(1, int)
        classes = [self.targets[self.groups == i][0] for i in range(len(self.recordings))]
        counts = np.bincount(classes, minlength=len(self.classes))
        listing = ", ".join(f"{n} ({c})" for n, c in zip(self.classes, counts, strict=True))
        count = len(self.recordings)
        return (
            f"{count} {'recording' if count == 1 else 'recordings'} in {len(self.classes)} "
            f"{'class' if len(self.classes) == 1 else 'classes'}: {listing}; "
            f"{each[0]} windows of {text_of(self.shape)} from each"
        )


def cut_windows(
    recordings: Sequence[Recording],
    targets: Sequence[int],
    classes: Sequence[str],
    size: int,
    count: int = PER_RECORDING,
    normalize: SettingLike | None = None,
) -> Windows:
    """Make a dataset of windows of recordings.

    Parameters
    ----------
    recordings : sequence of Recording
        Of one shape but for their lengths.
    targets : sequence of int
        The class of each.
    classes : sequence of str
        Names of the classes.
    size : int
        Samples of a window.
    count : int
        Windows of each recording.
    normalize : Setting, optional
        As in the document, whose statistics the recordings hold.

    Returns
    -------
    Windows
        Spread evenly: the first window begins with its recording, the last one ends with it.
    """
    owners = np.repeat(np.arange(len(recordings)), count)
    starts = np.concatenate([_starts(each.length, size, count) for each in recordings])
    images = _Cut(tuple(recordings), owners, starts, size, prepared=False)
    return Windows(
        images=images,
        targets=np.repeat(np.asarray(targets, np.int64), count),
        classes=tuple(classes),
        names=tuple(
            _named(recordings[owner], start, size)
            for owner, start in zip(owners.tolist(), starts.tolist(), strict=True)
        ),
        normalize=normalize,
        groups=owners,
        rate=recordings[0].rate,
        recordings=tuple(recordings),
    )


def windows_over(sound: Sound, size: int, count: int = PER_RECORDING) -> Iterator[Sound]:
    """Cut a recording into windows that lie evenly over it, and leave nothing out.

    Parameters
    ----------
    sound : numpy.ndarray
        (C, t) or (C, ear, t).
    size : int
        Samples of a window.
    count : int
        Windows, or as many more as it takes to hear all of it.

    Yields
    ------
    numpy.ndarray
        As long as `size`, one after the other.
    """
    whole = Recording("", sound.shape, array=sound)
    for start in _starts(whole.length, size, max(count, -(-whole.length // size))).tolist():
        yield whole.cut(start, size)


def _starts(length: int, size: int, count: int) -> NDArray[np.int64]:
    return np.linspace(0, max(length - size, 0), count).round().astype(np.int64)


def _named(recording: Recording, start: int, size: int) -> str:
    """Name a window as a part of its file is named: ``beat/loop_amen.flac#0.5-1.25``."""
    if not recording.rate:
        return f"{recording.name}, samples {start} to {start + size - 1}"
    end = min(start + size, recording.length)
    return f"{recording.name}#{start / recording.rate:.4g}-{end / recording.rate:.4g}"
