"""Statistics of an image that is too large to be held: taken part by part, and the same.

Normalisation is by the statistics of the whole image, whatever part of it is looked at. Those of
images of few different values (8 and 16 bits) are counted in one pass; percentiles of others take
two, since the bits of a number in single precision are as ordered as the numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .normalisation import NORMALISATIONS, Normalisation, checked_numbers, inverse
from .settings import SettingLike, look_up
from .values import AnyArray

Parts: TypeAlias = Callable[[], Iterable[AnyArray]]
"""Gives the parts of an image, each value once, as often as it is called."""

PIECE = 2**20
"""Values that are looked at in one go: they are converted to 64 bits for it."""

_HALF = 2**16


def streamed_normalisation(parts: Parts, setting: SettingLike, ndim: int) -> Normalisation:
    """Take the statistics that a setting needs, as `normalisation` does of a whole image.

    Parameters
    ----------
    parts : callable
        Gives the parts of the image.
    setting : Setting
        The document's ``normalize:``.
    ndim : int
        Number of axes of the image, channels included.

    Returns
    -------
    Normalisation
        Of numbers that broadcast against the image.

    Raises
    ------
    UserError
        If the setting has an unknown word or wrong numbers.
    """
    known = look_up(setting.word, NORMALISATIONS, "normalize")
    word, numbers = known.word, checked_numbers(setting, known)
    if word == "window":
        low, high = numbers
        return _made(low, 1 / (high - low), ndim, clip=True)
    values = _values(parts, dict(setting.words).get("above"))
    low, high = values.ends()
    if word == "minmax":
        return _made(low, _inverse(high - low), ndim)
    if word == "zscore":
        mean, deviation = values.moments()
        constant = deviation <= 1e-9 * abs(mean)
        return _made(mean, 0.0 if constant else _inverse(deviation), ndim)
    first, last = values.percentiles(numbers)
    # Both percentiles on the background of a nearly empty image: keep what little there is.
    if last <= first:
        return _made(low, _inverse(high - low), ndim, clip=True)
    return _made(first, _inverse(last - first), ndim, clip=True)


def _made(centre: float, gain: float, ndim: int, *, clip: bool = False) -> Normalisation:
    return Normalisation(np.array(centre), np.array(gain), clip).shaped(ndim)


def _inverse(width: float) -> float:
    return float(inverse(np.array(width)))


def _values(parts: Parts, above: float | None) -> _Counted | _Passed:
    first = next(iter(parts()))
    if first.dtype.kind in "iub" and first.dtype.itemsize <= 2:
        return _counted(parts, above)
    found = _Passed(parts, above)
    # A head without a voxel above the number has the statistics of all.
    return found if above is None or found.count else _Passed(parts, None)


# -- few different values: counted --


@dataclass(frozen=True, eq=False)
class _Counted:
    """How often each value occurs.

    Parameters
    ----------
    values, counts : numpy.ndarray
        Ascending values, float64, and how often each occurs.
    """

    values: NDArray[np.float64]
    counts: NDArray[np.int64]

    def ends(self) -> tuple[float, float]:
        return float(self.values[0]), float(self.values[-1])

    def moments(self) -> tuple[float, float]:
        count = self.counts.sum()
        mean = float((self.values * self.counts).sum() / count)
        squares = float(((self.values - mean) ** 2 * self.counts).sum() / count)
        return mean, squares**0.5

    def percentiles(self, numbers: list[float]) -> list[float]:
        ends = self.counts.cumsum()

        def at(places: list[int]) -> list[float]:
            return [float(self.values[np.searchsorted(ends, k, "right")]) for k in places]

        return _interpolated(int(ends[-1]), numbers, at)


def _counted(parts: Parts, above: float | None) -> _Counted:
    counts = np.zeros(_HALF, np.int64)
    lowest = 0
    for part in parts():
        lowest = -(2**15) if part.dtype.kind == "i" else 0
        for piece in _pieces(part):
            counts += np.bincount(piece.astype(np.int64) - lowest, minlength=_HALF)
    values = np.arange(lowest, lowest + _HALF, dtype=np.float64)
    there = counts > 0
    if above is not None and (there & (values > above)).any():
        there &= values > above
    return _Counted(values[there], counts[there])


def _pieces(part: AnyArray) -> Iterator[AnyArray]:
    flat = part.reshape(-1)
    return (flat[start : start + PIECE] for start in range(0, flat.size, PIECE))


# -- many different values: passed over --


class _Passed:
    """Numbers in single precision, passed over as often as needed.

    Parameters
    ----------
    parts : callable
        Gives the parts of the image.
    above : float or None
        Values above this only.
    """

    def __init__(self, parts: Parts, above: float | None) -> None:
        self._parts = parts
        self._above = above
        self.count = 0
        self._mean = self._squares = 0.0
        self._low, self._high = np.inf, -np.inf
        for piece in self._numbers():
            self._add(piece.astype(np.float64))

    def _numbers(self) -> Iterator[NDArray[np.float32]]:
        for part in self._parts():
            for piece in _pieces(part):
                # Zero has one sign: the bits of both are apart.
                values = piece.astype(np.float32) + np.float32(0)
                values = values if self._above is None else values[values > self._above]
                if values.size:
                    yield values

    def _add(self, values: NDArray[np.float64]) -> None:
        """Add up the statistics of parts, after Chan, Golub and LeVeque (1979)."""
        count, mean = values.size, float(values.mean())
        total, delta = self.count + count, mean - self._mean
        self._squares += float(((values - mean) ** 2).sum())
        self._squares += delta**2 * self.count * count / total
        self._mean += delta * count / total
        self.count = total
        self._low = min(self._low, float(values.min()))
        self._high = max(self._high, float(values.max()))

    def ends(self) -> tuple[float, float]:
        return self._low, self._high

    def moments(self) -> tuple[float, float]:
        return self._mean, (self._squares / self.count) ** 0.5

    def percentiles(self, numbers: list[float]) -> list[float]:
        return _interpolated(self.count, numbers, self._at)

    def _at(self, places: list[int]) -> list[float]:
        """Find the values at places of the sorted image: their upper, then their lower bits."""
        counts = np.zeros(_HALF, np.int64)
        for piece in self._numbers():
            counts += np.bincount(_ordered(piece) >> 16, minlength=_HALF)
        ends = counts.cumsum()
        uppers = [int(np.searchsorted(ends, k, "right")) for k in places]
        lowers = {upper: np.zeros(_HALF, np.int64) for upper in uppers}
        for piece in self._numbers():
            bits = _ordered(piece)
            for upper, found in lowers.items():
                found += np.bincount(bits[bits >> 16 == upper] & 0xFFFF, minlength=_HALF)
        result = []
        for k, upper in zip(places, uppers, strict=True):
            before = int(ends[upper] - counts[upper])
            lower = int(np.searchsorted(lowers[upper].cumsum(), k - before, "right"))
            result.append(_number(upper << 16 | lower))
        return result


def _ordered(values: NDArray[np.float32]) -> NDArray[np.int64]:
    """Give numbers from 0 to 2**32 that are as ordered as the values."""
    bits = values.view(np.uint32).astype(np.int64)
    return np.where(bits >> 31, 0xFFFFFFFF - bits, bits + 2**31)


def _number(ordered: int) -> float:
    bits = ordered - 2**31 if ordered >= 2**31 else 0xFFFFFFFF - ordered
    return float(np.array(bits, np.uint32).view(np.float32))


def _interpolated(
    count: int, numbers: list[float], at: Callable[[list[int]], list[float]]
) -> list[float]:
    """Give percentiles as numpy does: between the two nearest values of the sorted image."""
    places = [number / 100 * (count - 1) for number in numbers]
    below = [int(place) for place in places]
    above = [min(k + 1, count - 1) for k in below]
    values = at([*below, *above])
    lows, highs = values[: len(places)], values[len(places) :]
    return [
        low + (high - low) * (place - k)
        for low, high, place, k in zip(lows, highs, places, below, strict=True)
    ]
