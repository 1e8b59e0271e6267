"""What is odd about a recording: silence, clipping, rates, a length that cannot be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..contents import Note
from ..values import value_notes
from .about import BITS, About
from .whole import OPEN, wav_chunks, wav_surplus

_USUAL_RATES = {
    8000, 11025, 12000, 16000, 22050, 24000, 32000, 37800, 44056, 44100, 47250, 48000, 50000,
    64000, 88200, 96000, 176400, 192000, 352800, 384000,
}  # fmt: skip

# Of this many samples in a row at full scale, at least one was cut off.
_RUN = 3


def odd(array: NDArray[np.float32], about: About) -> Iterator[Note]:
    """Tell what is odd about a recording."""
    channels = array.shape[0]
    if channels == 1:
        yield Note("the recording is mono: from one ear nobody can tell a direction")
    elif channels > 2:
        yield Note(
            f"the recording has {channels} channels: along the ear axis, in the file's order"
        )
    if about.path.suffix.lower() == ".wav":
        yield from _wav_notes(about.path)
    if about.rate not in _USUAL_RATES:
        text = f"the sample rate is {about.rate:,} Hz, an unusual one: times follow it"
        yield Note(text, "warning")
    silent = [not ear.any() for ear in array]
    if all(silent):
        yield Note("the recording is silent: all of its values are 0", "warning")
        return
    names = ("left", "right") if channels == 2 else tuple(map(str, range(channels)))
    for name in (name for name, each in zip(names, silent, strict=True) if each):
        yield Note(f"the {name} channel is silent", "warning")
    if channels == 2 and np.array_equal(array[0], array[1]):
        yield Note("both ears hear the same: it is a mono recording", "warning")
    yield from value_notes(array)
    yield from _loudness(array, about)


def _loudness(array: NDArray[np.float32], about: About) -> Iterator[Note]:
    bits = BITS.get(about.subtype)
    full = np.float32(1.0 - 2.0 ** (1 - bits)) if bits else np.float32(1)
    loud = np.abs(array) >= full
    beyond = array[np.isfinite(array) & (np.abs(array) > 1)]
    if beyond.size and bits is None:
        most = np.abs(beyond).max()
        yield Note(f"its values go up to {most:.3g}, beyond full scale (1): they are kept as read")
    run = loud[:, _RUN - 1 :].copy()
    for shift in range(_RUN - 1):
        run &= loud[:, shift : shift - _RUN + 1]
    if bits and run.any():
        share = loud.mean()
        yield Note(
            f"the recording is clipped: {loud.sum():,} samples ({share:.2%}) lie at full scale",
            "warning",
        )


def limits(array: NDArray[np.float32]) -> tuple[float, float]:
    """Show silence in the middle between black and white."""
    finite = array[np.isfinite(array)] if not np.isfinite(array).all() else array
    most = float(np.abs(finite).max(initial=0))
    return (-most, most) if most > 0 else (-1.0, 1.0)


def _wav_notes(path: Path) -> Iterator[Note]:
    surplus = wav_surplus(path)
    if surplus:
        text = f"the file goes on for {surplus:,} bytes behind its last sample"
        yield Note(f"{text}: the length in its header may be damaged", "warning")
    if any(name == b"data" and length >= OPEN for name, length, _ in wav_chunks(path)):
        yield Note("the file does not say how long it is: it was read to its end")
