"""What evaluating and predicting give: plain values and numpy arrays."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import metrics
from .events import OPTIMISTIC
from .metrics import Counts, Ratios, listed

NOTHING = "-"
WHY_NOTHING = f"{NOTHING}: nothing to measure, of what is not there or was not found"
"""What is said below a table in which a number is missing."""


class Judged:
    """What a network says, or how well it does: worth something once it is trained."""

    trained: bool

    @property
    def message(self) -> str:
        """What the reader of it must know; mostly empty."""
        return "" if self.trained else "these weights are random: train the network first"


class Scored(Judged):
    """How well a network does."""

    optimistic: bool

    @property
    def message(self) -> str:
        """What the reader of these numbers must know; mostly empty."""
        return "; ".join(filter(None, (super().message, OPTIMISTIC if self.optimistic else "")))


@dataclass(frozen=True, eq=False)
class Evaluation(Scored):
    """How well a network tells classes apart, of images or of voxels.

    Parameters
    ----------
    accuracy : float
        Part of the images (voxels) whose class is right.
    loss : float
        Mean loss.
    confusion : numpy.ndarray
        int64 (classes, classes): images (voxels) per right class (row) and predicted class
        (column).
    classes : tuple of str
        Their names.
    part : str
        Which of them: ``test``, ``validation``, ``train`` or ``all``.
    trained : bool
        Whether the weights were trained or loaded, rather than random.
    unit : str
        What is counted: ``images``, ``voxels``.
    millilitres : numpy.ndarray, optional
        float64 (classes, classes): the confusion in millilitres, of scans in mm.
    foreground : int
        The first class that enters the mean Dice.
    optimistic : bool
        Whether some of what is measured is seen together with voxels that were trained on.
    """

    accuracy: float
    loss: float
    confusion: Counts
    classes: tuple[str, ...]
    part: str = "all"
    trained: bool = True
    unit: str = "images"
    millilitres: Ratios | None = None
    foreground: int = 1
    optimistic: bool = False

    @property
    def n(self) -> int:
        """Number of images (voxels)."""
        return int(self.confusion.sum())

    @property
    def counts(self) -> Counts:
        """Images (voxels) of each class."""
        counts: Counts = self.confusion.sum(1)
        return counts

    @property
    def accuracies(self) -> Ratios:
        """Per class, the part of everything that is rightly taken for it or for something else."""
        return metrics.rightness(self.confusion)

    @property
    def recall(self) -> Ratios:
        """Per class, the part of it that was found; NaN where there is nothing of it."""
        return metrics.recall(self.confusion)

    @property
    def precision(self) -> Ratios:
        """Per class, the part of what was taken for it that is; NaN where nothing was."""
        return metrics.precision(self.confusion)

    @property
    def dice(self) -> Ratios:
        """Per class, the Dice overlap; NaN where it neither is nor was found."""
        return metrics.dice(self.confusion)

    @property
    def iou(self) -> Ratios:
        """Per class, the intersection over the union; NaN where it neither is nor was found."""
        return metrics.iou(self.confusion)

    @property
    def dense(self) -> bool:
        """Whether voxels are counted, not images as a whole."""
        return self.unit in ("voxels", "pixels", "samples")

    @property
    def mean_dice(self) -> float:
        """Mean Dice of the foreground classes that there are, of voxels; of images NaN."""
        return metrics.mean_dice(self.confusion, self.foreground) if self.dense else math.nan

    @property
    def volumes(self) -> dict[str, Ratios]:
        """Millilitres of each class as ``labelled`` and as ``predicted``; empty without mm."""
        if self.millilitres is None:
            return {}
        return {"labelled": self.millilitres.sum(1), "predicted": self.millilitres.sum(0)}

    def as_dict(self) -> dict[str, Any]:
        """Give everything as JSON can hold it."""
        return {
            "accuracy": self.accuracy,
            "loss": listed(self.loss),
            "mean_dice": listed(self.mean_dice),
            "n": self.n,
            "unit": self.unit,
            "part": self.part,
            "trained": self.trained,
            "optimistic": self.optimistic,
            "classes": list(self.classes),
            "accuracies": _listed(self.accuracies),
            "precision": _listed(self.precision),
            "recall": _listed(self.recall),
            "dice": _listed(self.dice),
            "iou": _listed(self.iou),
            "volumes_ml": {name: _listed(values) for name, values in self.volumes.items()},
            "confusion": self.confusion.tolist(),
        }

    def __str__(self) -> str:
        mean = told_dice(self.confusion, self.foreground, self.classes)
        judged = f"{mean}, " if self.dense else ""
        where = "" if self.part == "all" else f" of the {self.part} part"
        head = f"{judged}accuracy {self.accuracy:.2%}, loss {self.loss:.4f}, "
        head += f"{self.n:,} {self.unit}{where}"
        columns = self._overlaps() if self.dense else self._rates()
        lines = [head, *([self.message] if self.message else [])]
        lines += _table(("class", *self.classes), columns)
        absent = any(NOTHING in column for column in columns)
        return "\n".join([*lines, *([WHY_NOTHING] if absent else [])])

    def _rates(self) -> list[tuple[str, ...]]:
        return [
            ("precision", *_cells(self.precision, ".1%")),
            ("recall", *_cells(self.recall, ".1%")),
            (self.unit, *(f"{count:,}" for count in self.counts)),
        ]

    def _overlaps(self) -> list[tuple[str, ...]]:
        columns = [
            ("Dice", *_cells(self.dice, ".4f")),
            ("IoU", *_cells(self.iou, ".4f")),
            *self._rates()[:2],
            ("accuracy", *_cells(self.accuracies, ".1%")),
            (self.unit, *(f"{count:,}" for count in self.counts)),
        ]
        for name, values in self.volumes.items():
            columns.append((f"ml {name}", *(f"{value:,.1f}" for value in values)))
        return columns


def told_dice(counts: Counts, foreground: int, classes: Sequence[str]) -> str:
    """Tell the mean Dice of voxels, or why there is none.

    Parameters
    ----------
    counts : numpy.ndarray
        int64 (classes, classes): per right class (row) and predicted class (column).
    foreground : int
        The first class that enters the mean.
    classes : sequence of str
        Names of the classes.

    Examples
    --------
    >>> told_dice(np.array([[7, 2], [0, 0]]), 1, ("air", "bone"))
    'no mean Dice (nothing but air is labelled)'
    """
    value = metrics.mean_dice(counts, foreground)
    if not math.isnan(value):
        return f"mean Dice {value:.4f}"
    but = f" but {classes[0]}" if counts.any() else ""
    return f"no mean Dice (nothing{but} is labelled)"


def _cells(values: Ratios, form: str) -> Iterator[str]:
    """Write numbers of a table; NaN is a dash."""
    return (NOTHING if math.isnan(value) else format(value, form) for value in values)


def _table(names: Sequence[str], columns: Sequence[Sequence[str]]) -> list[str]:
    """Set columns side by side, the names to the left, numbers to the right."""
    lines = [f"{name:<{max(map(len, names))}}" for name in names]
    for column in columns:
        width = max(map(len, column))
        lines = [f"{line}  {cell:>{width}}" for line, cell in zip(lines, column, strict=True)]
    return lines


@dataclass(frozen=True, eq=False)
class RegressionEvaluation(Scored):
    """How well a network gives values.

    Parameters
    ----------
    mse, mae : float
        Mean squared and mean absolute error, in the units that the network is trained in.
    psnr : float
        Peak signal-to-noise ratio in dB; the peak is the range of the values wanted.
    loss : float
        Loss of the whole.
    n : int
        Values compared.
    part : str
        Which of them: ``test``, ``validation``, ``train`` or ``all``.
    trained : bool
        Whether the weights were trained or loaded, rather than random.
    optimistic : bool
        Whether some of what is measured is seen together with voxels that were trained on.
    """

    mse: float
    mae: float
    psnr: float
    loss: float
    n: int
    part: str = "all"
    trained: bool = True
    optimistic: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Give everything as JSON can hold it."""
        return {
            "mse": listed(self.mse),
            "mae": listed(self.mae),
            "psnr": listed(self.psnr),
            "loss": listed(self.loss),
            "n": self.n,
            "part": self.part,
            "trained": self.trained,
            "optimistic": self.optimistic,
        }

    def __str__(self) -> str:
        where = "" if self.part == "all" else f" of the {self.part} part"
        head = f"mse {self.mse:.5g}, mean absolute error {self.mae:.5g}, PSNR {self.psnr:.2f} dB, "
        head += f"loss {self.loss:.5g}, {self.n:,} values{where}"
        return f"{head}\n{self.message}" if self.message else head


def _listed(values: Ratios) -> list[float | None]:
    return [listed(value) for value in values]


@dataclass(frozen=True, eq=False)
class Prediction(Judged):
    """What a network takes an image for.

    Parameters
    ----------
    classes : tuple of str
        Names, in the order of the network's outputs.
    probabilities : numpy.ndarray
        float64 (classes,).
    trained : bool
        Whether the weights were trained or loaded, rather than random.
    name : str
        Name of the image.
    """

    classes: tuple[str, ...]
    probabilities: NDArray[np.float64]
    trained: bool = True
    name: str = ""

    @property
    def best(self) -> str:
        """The most probable class."""
        return self.classes[int(self.probabilities.argmax())]

    @property
    def probability(self) -> float:
        """Its probability."""
        return float(self.probabilities.max())

    def ranked(self) -> list[tuple[str, float]]:
        """List classes and probabilities, the most probable first."""
        order = np.argsort(-self.probabilities, kind="stable")
        return [(self.classes[i], float(self.probabilities[i])) for i in order]

    def as_dict(self) -> dict[str, Any]:
        """Give everything as JSON can hold it."""
        return {
            "name": self.name,
            "best": self.best,
            "probability": self.probability,
            "trained": self.trained,
            "classes": list(self.classes),
            "probabilities": [float(p) for p in self.probabilities],
        }

    def __str__(self) -> str:
        told = ", ".join(f"{name} {p:.1%}" for name, p in self.ranked()[:3])
        return f"{told} ({self.message})" if self.message else told
