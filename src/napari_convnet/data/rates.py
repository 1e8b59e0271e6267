"""Sampling rates: recordings of several rates brought to one, each sample where it was in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..network.problems import UserError
from .orientation import Matrix, voxel_size
from .sample import Sample

Values = TypeVar("Values", bound=np.generic)

SECONDS = {
    "s": 1.0,
    "sec": 1.0,
    "second": 1.0,
    "seconds": 1.0,
    "ms": 1e-3,
    "millisecond": 1e-3,
    "milliseconds": 1e-3,
    "us": 1e-6,
    "microsecond": 1e-6,
    "microseconds": 1e-6,
}
"""Units of time, in seconds."""

# Below this the difference of two rates is that of their rounding.
_ROUNDED = 1e-6

# A difference that nobody hears.
_HEARD = 1e-3

# scipy's `resample_poly` looks so many samples of the lower rate to either side.
_REACH = 10

# Of rates that are no whole numbers.
_MOST_PARTS = 10_000


def rate_of(affine: Matrix | None, units: Sequence[str] | None) -> float:
    """Tell how many samples there are in a second along the last axis; 0 where that is not known.

    Examples
    --------
    >>> rate_of(np.diag([0.5, 1.0]), ("ms",))
    2000.0
    """
    seconds = SECONDS.get(units[-1]) if units else None
    if affine is None or seconds is None:
        return 0.0
    rate = 1 / (float(voxel_size(affine)[-1]) * seconds)
    near = float(round(rate))
    return near if abs(near - rate) <= _ROUNDED * rate else rate


def to_rate(sample: Sample, rate: float | None) -> Sample:
    """Resample a recording to a document's ``rate:``; None leaves it as it is.

    Its first sample stays where it is, and seconds stay seconds.

    Raises
    ------
    UserError
        If its own rate is not known: it is no recording.
    """
    if rate is None:
        return sample
    own = known_rate(sample, rate)
    found = ratio(own, rate)
    if found == 1:
        return sample
    matrix = np.eye(len(sample.affine))
    matrix[-2, -2] = 1 / found
    return replace(sample, array=resample_sound(sample.array, found), affine=sample.affine @ matrix)


def known_rate(sample: Sample, wanted: float) -> float:
    """Tell the sampling rate of what is to be resampled.

    Raises
    ------
    UserError
        If it is not known.
    """
    own = rate_of(sample.affine, sample.units)
    if not own:
        raise UserError(
            f"rate: {wanted:g} is for recordings, and {sample.name or 'the image'} does not say "
            f"how many samples it has per second (it is in {sample.units[-1]})",
            "leave rate: out, or give a recording with its times in seconds",
        )
    return own


def ratio(own: float, wanted: float) -> Fraction:
    """Tell how many new samples there are for each old one.

    Examples
    --------
    >>> ratio(44100, 16000)
    Fraction(160, 441)
    """
    if abs(own / wanted - 1) <= _ROUNDED:
        return Fraction(1)
    if own == int(own) and wanted == int(wanted):
        return Fraction(int(wanted), int(own))
    return Fraction(wanted / own).limit_denominator(_MOST_PARTS)


def resampled_length(length: int, ratio: Fraction) -> int:
    """Tell how many new samples there are for so many old ones."""
    return -(-length * ratio.numerator // ratio.denominator)


def resample_sound(array: NDArray[Any], ratio: Fraction) -> NDArray[np.float32]:
    """Resample (..., t) by a filter that keeps all tones that the new rate can hold."""
    if ratio == 1:
        return np.asarray(array, np.float32)
    from scipy.signal import resample_poly  # type: ignore[import-untyped]

    values = np.asarray(array, np.float32)
    found = resample_poly(values, ratio.numerator, ratio.denominator, axis=-1)
    return np.ascontiguousarray(found, np.float32)


def resample_steps(array: NDArray[Values], ratio: Fraction) -> NDArray[Values]:
    """Resample what has no values between two of its own, such as classes: the nearest (..., t)."""
    count = resampled_length(array.shape[-1], ratio)
    nearest = np.rint(np.arange(count) / float(ratio)).astype(np.int64)
    taken: NDArray[Values] = array[..., nearest.clip(0, array.shape[-1] - 1)]
    return taken


def needed(low: int, high: int, ratio: Fraction) -> tuple[int, int]:
    """Tell which old samples the new ones from `low` to `high` are made of; the end may lie beyond.

    The first is one that a new sample lies upon: from there on a part is resampled as the whole.
    """
    up, down = ratio.numerator, ratio.denominator
    reach = _REACH * max(up, down)
    first = max(0, (low * down - reach) // up)
    return first - first % down, -(-((high - 1) * down + reach) // up) + 1


def check_rate(own: float, learned: float, name: str) -> None:
    """Refuse a recording in which everything sounds higher or lower than in what was learned.

    Parameters
    ----------
    own, learned : float
        Samples per second of the recording, and of those that a network learned from; 0 where that
        is not known.
    name : str
        What to call the recording.

    Raises
    ------
    UserError
        If they differ.
    """
    if not own or not learned or abs(own / learned - 1) <= _HEARD:
        return
    raise UserError(
        f"{name or 'the recording'} has {own:,.0f} samples per second; the network learned from "
        f"recordings with {learned:,.0f}",
        f"add rate: {learned:.0f} to data: in the network's document, which resamples it",
    )


def differing(first: tuple[str, float], other: tuple[str, float]) -> UserError:
    """Make an error about two recordings, each with its name and rate."""
    names = [f"{name} has {rate:,.0f} Hz" for name, rate in (first, other)]
    return UserError(
        f"the recordings differ in their sampling rate: {names[0]}, {names[1]}",
        f"add rate: {min(first[1], other[1]):.0f} to data:, which resamples them",
    )
