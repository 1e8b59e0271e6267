"""Normalisation: bring an image's values to a known range before the network sees them.

It is part of the input path: training, maps, probe and prediction apply it alike. Its statistics
are those of one whole image or volume (all its channels), never of a patch: `normalisation` takes
them once, and the result can then be applied to any region.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..network.problems import UserError
from .settings import SettingLike, Word, look_up, numbers_of
from .values import AnyArray

NORMALISATIONS: Mapping[str, Word] = MappingProxyType(
    {
        word.word: word
        for word in (
            Word(
                "zscore",
                "Zero mean, unit deviation",
                "Subtract the image's mean and divide by its standard deviation; "
                "those of the values above V only with: above V.",
                "zscore",
            ),
            Word(
                "minmax",
                "Minimum to maximum",
                "The image's least value becomes 0, its greatest 1.",
                "minmax",
            ),
            Word(
                "percentile",
                "Percentiles",
                "The lower percentile becomes 0, the upper 1; values beyond are cut off. "
                "Those of the values above V only with: above V.",
                "percentile .5 99.5",  # also what no numbers stand for
                ("low", "high"),
            ),
            Word(
                "window",
                "Window",
                "The low value becomes 0, the high one 1, in every image alike; "
                "values beyond are cut off.",
                "window -160 240",
                ("low", "high"),
            ),
        )
    }
)
"""Words of ``normalize:``."""


@dataclass(frozen=True, eq=False)
class Normalisation:
    """What one image's (or each image of a stack's) statistics make of its values.

    ``(value - centre) * gain``, cut off at 0 and 1 where `clip` is set.

    Parameters
    ----------
    centre, gain : numpy.ndarray
        float64, of a shape that broadcasts against the image or stack.
    clip : bool
        Whether values beyond 0 and 1 are cut off.
    """

    centre: NDArray[np.float64]
    gain: NDArray[np.float64]
    clip: bool = False

    def apply(self, array: AnyArray) -> AnyArray:
        """Normalise the image, or any region of it; floats keep their precision."""
        dtype = float_type(array)
        # Subtracting first keeps what large values with small differences carry.
        out: AnyArray = np.subtract(array, self.centre.astype(dtype), dtype=dtype)
        out *= self.gain.astype(dtype)
        return np.clip(out, 0, 1, out=out) if self.clip else out

    def shaped(self, ndim: int) -> Normalisation:
        """Give the numbers the shape of one image with `ndim` axes."""
        shape = (1,) * ndim
        return replace(self, centre=self.centre.reshape(shape), gain=self.gain.reshape(shape))

    @classmethod
    def stacked(cls, each: Sequence[Normalisation]) -> Normalisation:
        """Join those of the images of a stack."""
        centre = np.concatenate([one.centre for one in each])
        return cls(centre, np.concatenate([one.gain for one in each]), each[0].clip)


def _values_above(array: AnyArray, least: float) -> AnyArray:
    """Take the values above `least`, such as those of a head without the air around it."""
    values = array[array > least]
    return values if values.size else array.reshape(-1)


def float_type(array: AnyArray) -> np.dtype[Any]:
    """Precision to compute in: double for doubles, single for all else."""
    return np.dtype(np.float64 if array.dtype == np.float64 else np.float32)


def normalise(array: ArrayLike, setting: SettingLike | None) -> AnyArray:
    """Normalise one whole image.

    Parameters
    ----------
    array : numpy.ndarray
        One whole image or volume, channels included.
    setting : Setting or None
        The document's ``normalize:``; None returns the image unchanged.

    Returns
    -------
    numpy.ndarray
        float32 (float64 where it came so). A constant image becomes 0, never NaN.

    Raises
    ------
    UserError
        If the setting has an unknown word or wrong numbers.
    """
    whole = np.asarray(array)
    found = normalisation(whole, setting)
    return whole if found is None else found.apply(whole)


def normalisation(
    array: AnyArray, setting: SettingLike | None, axes: tuple[int, ...] | None = None
) -> Normalisation | None:
    """Take the statistics that a setting needs, to apply to the image or to regions of it.

    Parameters
    ----------
    array : numpy.ndarray
        One whole image, or a stack of them.
    setting : Setting or None
        The document's ``normalize:``.
    axes : tuple of int, optional
        The axes of one image, where `array` is a stack; all if not given.

    Returns
    -------
    Normalisation or None
        None where the setting is None.
    """
    if setting is None:
        return None
    word = look_up(setting.word, NORMALISATIONS, "normalize")
    numbers = checked_numbers(setting, word)
    if array.dtype == np.bool_:
        array = array.view(np.uint8)  # True counts as 1
    above = dict(setting.words).get("above")
    if above is None:
        return _TAKE[word.word](array, axes, numbers)
    if axes is None:
        return _TAKE[word.word](_values_above(array, above), None, numbers).shaped(array.ndim)
    each = [_TAKE[word.word](_values_above(one, above), None, numbers) for one in array]
    return Normalisation.stacked([one.shaped(array.ndim) for one in each])


def check_normalisation(setting: SettingLike | None) -> None:
    """Raise UserError if a ``normalize:`` setting is not one that `normalise` knows."""
    if setting is not None:
        checked_numbers(setting, look_up(setting.word, NORMALISATIONS, "normalize"))


class _Bare:
    """A setting without its ``above V``, where its word takes that."""

    def __init__(self, setting: SettingLike) -> None:
        self.word = setting.word
        self.numbers = setting.numbers
        masked = setting.word in ("zscore", "percentile")
        self.words = [pair for pair in setting.words if not (masked and pair[0] == "above")]


def checked_numbers(setting: SettingLike, word: Word) -> list[float]:
    """Give the numbers of a setting, those that no numbers stand for included; refuse others."""
    bare = _Bare(setting)
    if word.word == "percentile" and not bare.numbers and not bare.words:
        return [0.5, 99.5]
    numbers = numbers_of(bare, word.numbers, "normalize", word.example)
    if numbers and not numbers[0] < numbers[1]:
        what = f"normalize: {word.word} goes from {numbers[0]:g} to {numbers[1]:g}"
        raise UserError(what, "the first number must be the lower one")
    if word.word == "percentile" and not (numbers[0] >= 0 and numbers[1] <= 100):
        raise UserError("normalize: percentiles go from 0 to 100", f"write {word.example}")
    return numbers


Axes = tuple[int, ...] | None


def _zscore(array: AnyArray, axes: Axes, numbers: list[float]) -> Normalisation:
    mean = array.mean(axes, dtype=np.float64, keepdims=True)
    deviation = array.std(axes, dtype=np.float64, keepdims=True)
    # The rounding of a sum makes a constant image's deviation tiny rather than 0.
    constant = deviation <= 1e-9 * np.abs(mean)
    return Normalisation(mean, inverse(np.where(constant, 0, deviation)))


def _minmax(array: AnyArray, axes: Axes, numbers: list[float]) -> Normalisation:
    low = array.min(axes, keepdims=True).astype(np.float64)
    high = array.max(axes, keepdims=True).astype(np.float64)
    return Normalisation(low, inverse(high - low))


def _percentile(array: AnyArray, axes: Axes, numbers: list[float]) -> Normalisation:
    low, high = np.percentile(array, numbers, axis=axes, keepdims=True).astype(np.float64)
    whole = _minmax(array, axes, numbers)
    # Both percentiles on the background of a nearly empty image: keep what little there is.
    flat = high <= low
    gain = np.where(flat, whole.gain, inverse(high - low))
    return Normalisation(np.where(flat, whole.centre, low), gain, clip=True)


def _window(array: AnyArray, axes: Axes, numbers: list[float]) -> Normalisation:
    low, high = numbers
    return Normalisation(np.array(low), np.array(1 / (high - low)), clip=True)


def inverse(width: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1 / width, and 0 for a width of (almost) 0: a constant image becomes 0."""
    # Of anything narrower the inverse is beyond 32-bit numbers.
    least = float(np.finfo(np.float32).tiny)
    return np.divide(1.0, width, out=np.zeros_like(width), where=width > least)


_TAKE = {"zscore": _zscore, "minmax": _minmax, "percentile": _percentile, "window": _window}
