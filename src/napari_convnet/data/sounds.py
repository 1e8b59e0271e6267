"""Recordings as a network takes them: read, of one rate and form, ready to be cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..network.problems import UserError
from .contents import Contents, Note
from .dataset import one_image
from .documents import SoundsLike
from .normalisation import Normalisation, normalisation
from .notes import about
from .rates import differing, needed, rate_of, ratio, resample_sound
from .readers import read_contents
from .settings import Input, Shape, text_of
from .sound import EAR_AXES, check_ears

IN_MEMORY = 1 << 30
"""Bytes of recordings that are kept; those of a larger set are read when they are heard."""

Sound = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Recording:
    """A recording as the network takes it, from which windows are cut.

    Parameters
    ----------
    name : str
        What to call it: its file.
    shape : tuple of int
        (C, t) or (C, ear, t).
    rate : float
        Samples per second; 0 where that is not known.
    array : numpy.ndarray or None
        Its values; None where they are read from the file when a window is cut.
    path : Path or None
        The file.
    own : float
        Samples per second of the file, from which it is resampled.
    accept : tuple of str
        What may be approximated in the file.
    input : sequence of int or None
        The network's input, which says what the axes of the file are.
    normalised : Normalisation, optional
        What the document's ``normalize:`` makes of the values, from statistics of all of them.
    notes : tuple of Note
        What is odd about it.
    """

    name: str
    shape: Shape
    rate: float = 0.0
    array: Sound | None = None
    path: Path | None = None
    own: float = 0.0
    accept: tuple[str, ...] = ()
    input: Input = ()
    normalised: Normalisation | None = None
    notes: tuple[Note, ...] = ()

    @property
    def length(self) -> int:
        """Number of samples."""
        return self.shape[-1]

    def cut(self, start: int, size: int) -> Sound:
        """Cut a window; what lies before the recording or after it is silent."""
        low, high = max(start, 0), min(start + size, self.length)
        out = np.zeros((*self.shape[:-1], size), np.float32)
        out[..., low - start : high - start] = self._part(low, high)
        return out

    def prepared(self, window: Sound) -> Sound:
        """Normalise a window as all of the recording would be."""
        if self.normalised is None:
            return window
        return np.asarray(self.normalised.apply(window), np.float32)

    def _part(self, low: int, high: int) -> Sound:
        if self.array is not None:
            part: Sound = self.array[..., low:high]
            return part
        assert self.path is not None
        found = ratio(self.own, self.rate)
        first, last = (low, high) if found == 1 else needed(low, high, found)
        seconds = f"{first / self.own:.9f}-{last / self.own:.9f}"
        read = read_contents(self.path, series=seconds, accept=self.accept)
        part = resample_sound(arranged(read, self.input, self.name), found)
        begin = low - int(first * found)
        return part[..., begin : begin + high - low]


def in_memory(found: Contents, input: Input, name: str, data: SoundsLike) -> Recording:
    """Bring a recording that was read into the form that the network takes.

    Raises
    ------
    UserError
        If its ears do not fit the network, or it holds NaN.
    """
    own = rate_of(found.affine, found.units)
    rate = data.rate or own
    array = resample_sound(arranged(found, input, name), ratio(own, rate))
    notes = check_ears(found, input, name).notes
    return Recording(
        name,
        array.shape,
        rate,
        array,
        own=own,
        accept=tuple(data.accept),
        input=input,
        normalised=normalisation(array, data.normalize),
        notes=about(name, [note for note in notes if note.kind == "warning"]),
    )


def arranged(found: Contents, input: Input, name: str) -> Sound:
    """Bring what a file holds into (C, t) or (C, ear, t).

    Raises
    ------
    UserError
        If its ears do not fit the network, or it holds NaN.
    """
    array = check_ears(found, input, name).array
    if found.axes == EAR_AXES and len(input) == 2 and input[0] == 1:
        array = array[0]  # the left ear: check_ears has told
    return np.asarray(one_image(array, input, False, name), np.float32)


def read_recordings(
    paths: Sequence[Path], root: Path, input: Input, data: SoundsLike
) -> tuple[Recording, ...]:
    """Read recordings to be cut into windows; of a large set, only what normalising needs is kept.

    Parameters
    ----------
    paths : sequence of Path
        The files.
    root : Path
        What their names are relative to.
    input : sequence of int or None
        The network's input.
    data : Data
        The document's.

    Raises
    ------
    UserError
        If one is damaged, holds NaN, has other ears than the network wants, or another sampling
        rate than the first one and the document no ``rate:``.
    """
    kept: list[Recording] = []
    total = 0
    for path in paths:
        name = path.relative_to(root).as_posix()
        one = in_memory(read_contents(path, accept=data.accept), input, name, data)
        if kept:
            _check_alike(kept[0], one)
        total += one.length * int(np.prod(one.shape[:-1])) * 4
        if total > IN_MEMORY and one.rate:
            one = replace(one, array=None, path=path)
        kept.append(one)
    return tuple(kept)


def _check_alike(first: Recording, other: Recording) -> None:
    if round(first.rate) != round(other.rate):
        raise differing((first.name, first.rate), (other.name, other.rate))
    if first.shape[:-1] != other.shape[:-1]:
        raise UserError(
            f"{first.name} is {text_of(first.shape)}, {other.name} {text_of(other.shape)}",
            "give recordings with as many channels",
        )
