"""Metrics: how good a network is, from what can be counted piece by piece.

Classes are judged by a confusion matrix, values by sums of their errors; both are small whatever
the size of what they sum up, and pieces are added.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Counts = NDArray[np.int64]
Ratios = NDArray[np.float64]


def confusion(targets: ArrayLike, predicted: ArrayLike, classes: int) -> Counts:
    """Count per right class (row) and predicted class (column); targets below 0 do not count.

    Examples
    --------
    >>> confusion([0, 1, 1, -1], [0, 0, 1, 1], 2)
    array([[1, 0],
           [1, 1]])
    """
    right, found = np.asarray(targets).ravel(), np.asarray(predicted).ravel()
    known = right >= 0
    pairs = right[known].astype(np.int64) * classes + found[known]
    return np.bincount(pairs, minlength=classes**2).astype(np.int64).reshape(classes, classes)


def accuracy(counts: Counts) -> float:
    """Part of what is counted whose class is right; NaN where nothing is.

    Examples
    --------
    >>> accuracy(np.array([[3, 1], [0, 4]]))
    0.875
    """
    total = int(counts.sum())
    return float(counts.diagonal().sum() / total) if total else math.nan


def recall(counts: Counts) -> Ratios:
    """Per class, the part of it that was found; NaN where there is nothing of it."""
    return ratio(counts.diagonal(), counts.sum(1))


def precision(counts: Counts) -> Ratios:
    """Per class, the part of what was taken for it that is; NaN where nothing was."""
    return ratio(counts.diagonal(), counts.sum(0))


def rightness(counts: Counts) -> Ratios:
    """Per class, the part of everything that is rightly taken for it or for something else.

    Examples
    --------
    >>> rightness(np.array([[3, 1], [0, 4]])).tolist()
    [0.875, 0.875]
    """
    total = np.full(len(counts), counts.sum())
    wrong = counts.sum(0) + counts.sum(1) - 2 * counts.diagonal()
    return ratio(total - wrong, total)


def dice(counts: Counts) -> Ratios:
    """Per class, twice what is rightly taken for it by what is or is taken for it.

    NaN where neither is anything.

    Examples
    --------
    >>> [round(float(d), 3) for d in dice(np.array([[3, 1], [0, 4]]))]
    [0.857, 0.889]
    """
    return ratio(2 * counts.diagonal(), counts.sum(0) + counts.sum(1))


def iou(counts: Counts) -> Ratios:
    """Per class, what is rightly taken for it by what is or is taken for it, or both."""
    return ratio(counts.diagonal(), counts.sum(0) + counts.sum(1) - counts.diagonal())


def mean_dice(counts: Counts, foreground: int = 1) -> float:
    """Mean Dice of the foreground classes that there are; NaN where there are none.

    A class counts where there is something of it.

    Parameters
    ----------
    counts : numpy.ndarray
        int64 (classes, classes): per right class (row) and predicted class (column).
    foreground : int
        The first class that enters, as of `foreground_of`.

    Examples
    --------
    >>> counts = np.array([[3, 1, 0], [0, 4, 0], [0, 0, 0]])
    >>> round(mean_dice(counts), 3), round(mean_dice(counts, 0), 3)
    (0.889, 0.873)
    """
    present = counts.sum(1) > 0
    present[:foreground] = False
    return float(dice(counts)[present].mean()) if present.any() else math.nan


def foreground_of(unlabelled: int | None) -> int:
    """Give the first class that enters a mean Dice, by a document's ``unlabelled:``.

    Class 0 surrounds the others, and does not. But where 0 says that nothing is labelled, classes
    were painted from 1: class 0 is the first of them, and enters as any other.
    """
    return 0 if unlabelled == 0 else 1


def ratio(part: ArrayLike, whole: ArrayLike) -> Ratios:
    """Divide; NaN by 0."""
    part, whole = np.asarray(part), np.asarray(whole)
    none = np.full(whole.shape, np.nan)
    found: Ratios = np.divide(part, whole, out=none, where=whole > 0)
    return found


def named(classes: tuple[str, ...], values: Ratios) -> dict[str, float | None]:
    """Give values by the names of their classes as JSON can hold them: None for NaN."""
    return {name: listed(value) for name, value in zip(classes, values, strict=True)}


def per_class(
    classes: tuple[str, ...], counts: Counts, volumes: Ratios | None = None
) -> dict[str, dict[str, float | None]]:
    """Give all measures of each class by name, as JSON can hold them.

    Parameters
    ----------
    classes : tuple of str
        Names of the classes.
    counts : numpy.ndarray
        int64 (classes, classes): per right class (row) and predicted class (column).
    volumes : numpy.ndarray, optional
        The same in millilitres.
    """
    columns = {"Dice": dice, "IoU": iou, "precision": precision, "recall": recall}
    found = {name: named(classes, measure(counts)) for name, measure in columns.items()}
    if volumes is not None:
        found["ml"] = named(classes, volumes.sum(1))
        found["ml predicted"] = named(classes, volumes.sum(0))
    return {name: {what: column[name] for what, column in found.items()} for name in classes}


def listed(value: float) -> float | None:
    """Give a number as JSON can hold it."""
    return float(value) if math.isfinite(value) else None


@dataclass(frozen=True)
class Errors:
    """Sums of errors of values.

    Parameters
    ----------
    count : int
        Number of values.
    squares, absolute : float
        Sums of squared and of absolute errors.
    least, most : float
        Range of the values wanted.
    """

    count: int = 0
    squares: float = 0.0
    absolute: float = 0.0
    least: float = math.inf
    most: float = -math.inf

    def __add__(self, other: Errors) -> Errors:
        return Errors(
            self.count + other.count,
            self.squares + other.squares,
            self.absolute + other.absolute,
            min(self.least, other.least),
            max(self.most, other.most),
        )

    @property
    def mse(self) -> float:
        """Mean squared error."""
        return self.squares / self.count if self.count else math.nan

    @property
    def mae(self) -> float:
        """Mean absolute error."""
        return self.absolute / self.count if self.count else math.nan

    @property
    def psnr(self) -> float:
        """Peak signal-to-noise ratio in dB, the peak being the range of the values wanted.

        Examples
        --------
        >>> Errors(count=4, squares=0.04, absolute=0.4, least=0.0, most=1.0).psnr
        20.0
        """
        span = self.most - self.least
        if not self.count or span <= 0:
            return math.nan
        return 10 * math.log10(span**2 / self.mse) if self.mse else math.inf

    def as_dict(self) -> Mapping[str, float | None]:
        """Give the measures as JSON can hold them."""
        return {"mse": listed(self.mse), "mae": listed(self.mae), "psnr": listed(self.psnr)}
