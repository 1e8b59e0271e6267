"""Recordings to learn from: those that come along, and folders of files, one folder per class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..network.problems import UserError
from . import directions
from .dataset import Dataset, dataset_from_arrays
from .documents import PatchesLike, SoundsLike
from .rates import ratio, resample_sound
from .samples import recordings
from .settings import Input, text_of
from .sound import SOUNDS
from .sounds import Recording, in_memory, read_recordings
from .values import AnyArray
from .windows import PER_RECORDING, Windows, cut_windows, windows_over

KINDS = ("ambient", "bass", "beat")
"""Classes of `kinds`: the recordings in stereo, by the folder that they are in."""


def direction(input: Input, data: SoundsLike) -> Dataset:
    """Make the task of telling where a sound comes from, for a network with this input."""
    if data.patches is not None:
        raise UserError(
            "source: direction has recordings of one length, which are not cut",
            "leave patches: out",
        )
    made = directions.direction()
    rate = data.rate or made.rate
    found = dataset_from_arrays(
        resample_sound(np.asarray(made.images[:]), ratio(made.rate, rate)),
        made.targets,
        made.classes,
        input=input,
        normalize=data.normalize,
        names=made.names,
    )
    return replace(found, groups=made.groups, unit=made.unit, rate=rate)


def kinds(input: Input, data: SoundsLike) -> Windows:
    """Cut the recordings in stereo into windows; what is to be told is their kind."""
    loaded = [(kind, each) for kind in KINDS for each in recordings(kind)]
    found = [in_memory(each, input, f"{kind}/{each.name}", data) for kind, each in loaded]
    targets = [KINDS.index(kind) for kind, _ in loaded]
    size, count = _size_and_count(input, data.patches, found)
    return cut_windows(found, targets, KINDS, size, count, data.normalize)


def heard(sound: AnyArray, input: Input, patches: PatchesLike | None) -> Iterator[AnyArray]:
    """Cut a prepared recording as those were that were learned from, leaving nothing out.

    Parameters
    ----------
    sound : numpy.ndarray
        (C, *spatial).
    input : sequence of int or None
        The network's input.
    patches : Patches or None
        The document's; without it the recording, or image, is one thing.
    """
    if patches is None:
        yield sound
    else:
        count = patches.per_volume or PER_RECORDING
        yield from windows_over(sound, _size(input, patches), count)


def are_sounds(paths: Sequence[Path]) -> bool:
    """Whether all files are recordings."""
    return all(path.suffix.lower() in SOUNDS for path in paths)


def from_files(
    root: Path,
    paths: Sequence[Path],
    targets: Sequence[int],
    classes: Sequence[str],
    input: Input,
    data: SoundsLike,
) -> Windows:
    """Cut recordings in files into windows.

    Parameters
    ----------
    root : Path
        What names are relative to.
    paths : sequence of Path
        The files.
    targets : sequence of int
        The class of each.
    classes : sequence of str
        Names of the classes.
    input : sequence of int or None
        The network's input.
    data : Data
        The document's. Without its ``patches:`` recordings of one length are taken as they are.

    Returns
    -------
    Windows

    Raises
    ------
    UserError
        If a file is damaged or does not fit the network, sampling rates differ, or lengths differ
        and nothing says how long windows are.
    """
    found = read_recordings(paths, root, input, data)
    size, count = _size_and_count(input, data.patches, found)
    return cut_windows(found, targets, classes, size, count, data.normalize)


def _size_and_count(
    input: Input, patches: PatchesLike | None, recordings: Sequence[Recording]
) -> tuple[int, int]:
    """Tell how long windows are, and how many are cut from each recording."""
    if patches is None:
        return _one_length(input, recordings), 1
    return _size(input, patches), patches.per_volume or PER_RECORDING


def _size(input: Input, patches: PatchesLike) -> int:
    size = patches.size[-1] if patches.size else input[-1]
    if size is None:
        what = f"the network's input {text_of(input)} leaves open how long a window is"
        raise UserError(what, f"write patches: 22050 per-recording {PER_RECORDING}")
    return size


def _one_length(input: Input, recordings: Sequence[Recording]) -> int:
    first = recordings[0]
    for other in recordings:
        if other.length != first.length:
            size = input[-1] or min(each.length for each in recordings)
            raise UserError(
                f"recordings differ in length: {first.name} has {_long(first)}, "
                f"{other.name} {_long(other)}",
                f"add patches: {size} per-recording {PER_RECORDING} to data:, which cuts windows",
            )
    return first.length


def _long(recording: Recording) -> str:
    if not recording.rate:
        return f"{recording.length:,} samples"
    return f"{recording.length / recording.rate:.3g} s"
