"""The task of telling where a sound comes from: strokes from the left, the centre or the right.

What two ears hear differs by when a sound arrives and by how loud it is. Mono strokes are given
both differences, for a head of the usual size; what is learned is tested on strokes that were not
heard in training.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .contents import Contents
from .dataset import Dataset
from .samples import recording, recordings

Heard = NDArray[np.float32]

DIRECTIONS = ("left", "centre", "right")
"""Classes of `direction`."""

RATE = 22050
"""Samples per second of the recordings that come along."""

LENGTH = 4096
"""Samples of a recording of `direction`: 186 ms."""

_HEAD = 0.0875
"""Radius of a head in metres."""

_SOUND = 343.0
"""Speed of sound in metres per second."""

_LEVEL = 9.0
"""Difference between the ears in decibels, of a sound at 90 degrees."""

# Samples within which a stroke that goes on for longer fades out: cut off, it would click.
_FADE = 256

# Degrees to the right. Between the directions lies a gap: no sound is half left.
_RANGES = ((-90.0, -20.0), (-8.0, 8.0), (20.0, 90.0))


def direction(positions: int = 40, seed: int = 0) -> Dataset:
    """Make recordings of strokes from the left, the centre and the right; it needs soundfile.

    Each of the eight strokes is heard from `positions` places of each direction, of which no two
    are alike: 20 to 90 degrees to the left or right, or within 8 degrees of the centre. It begins
    within the first 46 ms, is up to 12 dB quieter than the loudest, and each ear adds a noise of
    its own, 20 to 40 dB below it.

    Parameters
    ----------
    positions : int
        Recordings of each stroke from each direction.
    seed : int
        Another seed gives other positions and noise.

    Returns
    -------
    Dataset
        Recordings (N, 2, 4096), float32, at 22,050 Hz; classes are the `DIRECTIONS`. Its groups are
        the strokes: a split keeps all recordings of a stroke in one part, so that a test is about
        strokes that were not heard in training, from places of their own.

    Examples
    --------
    >>> direction(positions=1).describe()
    '24 recordings of 2x4096 in 3 classes: left (8), centre (8), right (8)'
    """
    rng = np.random.default_rng(seed)
    strokes = recordings("sources")
    sounds, names = [], []
    for stroke in strokes:
        name = stroke.name.partition(".")[0]
        for low, high in _RANGES:
            degrees = rng.uniform(low, high, positions)
            sounds += [_heard(stroke.array[0], float(angle), rng) for angle in degrees]
            names += [f"{name} from {_said(float(angle))}" for angle in degrees]
    count, sides = len(strokes), len(_RANGES)
    return Dataset(
        images=np.stack(sounds),
        targets=np.tile(np.repeat(np.arange(sides), positions), count),
        classes=DIRECTIONS,
        names=tuple(names),
        groups=np.repeat(np.arange(count), sides * positions),
        unit="recordings",
        rate=RATE,
    )


def heard_from(degrees: float, stroke: str = "tabla_na") -> Contents:
    """Let one of the strokes that come along be heard from a place; it needs soundfile.

    Parameters
    ----------
    degrees : float
        To the right of the listener's nose; negative to the left.
    stroke : str
        Name of a recording of a `sources` folder, such as ``drum_cowbell``.

    Returns
    -------
    Contents
        (ear, t), as a recording in stereo is read.
    """
    mono = recording(f"sources/{stroke}")
    quiet = np.zeros(RATE // 100, np.float32)
    heard = placed(np.concatenate([quiet, mono.array[0], quiet]), degrees)
    most = float(np.abs(heard).max())
    return replace(
        mono, array=heard, notes=(), limits=(-most, most), name=f"{stroke} from {_said(degrees)}"
    )


def placed(sound: Heard, degrees: float, rate: float = RATE) -> Heard:
    """Put a mono sound to a place in front of a listener.

    It reaches the far ear later (Woodworth's formula for a head of 87.5 mm radius: up to 0.66 ms)
    and more quietly (by up to 9 dB).

    Parameters
    ----------
    sound : numpy.ndarray
        (t,): silent at its beginning and end for a millisecond, else that goes around.
    degrees : float
        To the right of the listener's nose; negative to the left.
    rate : float
        Samples per second.

    Returns
    -------
    numpy.ndarray
        (2, t), float32: what the left and the right ear hear.
    """
    angle = np.deg2rad(degrees)
    late = _HEAD / _SOUND * (angle + np.sin(angle))
    loud = _LEVEL * np.sin(angle)
    # The left ear hears what comes from the right half the delay later, the right one earlier.
    delays = np.array([late, -late]) / 2
    gains = 10 ** (np.array([-loud, loud]) / 2 / 20)
    waves = np.fft.rfft(sound)
    turns = np.exp(-2j * np.pi * np.fft.rfftfreq(len(sound), 1 / rate) * delays[:, None])
    heard = np.fft.irfft(waves * turns, len(sound)) * gains[:, None]
    return heard.astype(np.float32)


def _heard(stroke: Heard, degrees: float, rng: np.random.Generator) -> Heard:
    """Let a stroke begin somewhere in a short recording, with noise at each ear."""
    begin = int(rng.integers(64, 1024))
    alone = np.zeros(LENGTH, np.float32)
    part = stroke[: LENGTH - 64 - begin] / np.abs(stroke).max()
    part[-_FADE:] *= np.linspace(1, 0, _FADE)
    alone[begin : begin + len(part)] = part
    loud, quiet = 10 ** (rng.uniform((-12.0, -40.0), (0.0, -20.0)) / 20)
    noise = rng.standard_normal((2, LENGTH), dtype=np.float32) * np.float32(quiet * alone.std())
    return np.asarray((placed(alone, degrees) + noise) * np.float32(loud / 2), np.float32)


def _said(degrees: float) -> str:
    if not degrees:
        return "the centre"
    side = "left" if degrees < 0 else "right"
    return f"{abs(degrees):.0f}\N{DEGREE SIGN} {side}"
