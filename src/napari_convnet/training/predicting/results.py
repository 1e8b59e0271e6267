"""What a prediction per voxel gives: labels or values in their place, and what can be counted."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_convnet.data.contents import Note
from napari_convnet.data.write import IN_MM

from .. import metrics
from ..metrics import Counts, listed
from ..results import Judged, told_dice

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Predicting:
    """How far a prediction has come.

    Parameters
    ----------
    fraction : float
        How much of the work is done, 0 to 1.
    seconds_left : float or None
        What the rest will take; None before that can be said.
    """

    fraction: float
    seconds_left: float | None = None


@dataclass(frozen=True, eq=False)
class Segmentation(Judged):
    """The class of every voxel, in its place.

    Parameters
    ----------
    labels : numpy.ndarray
        uint8 or uint16 (*spatial): the number of the class, plus `first`.
    affine : numpy.ndarray
        (rank + 1) square, from indices to the input's world.
    units, axes : tuple of str
        Unit and name of each axis.
    classes : tuple of str
        Names of the classes.
    voxels : numpy.ndarray
        int64 (classes,): how many voxels there are of each.
    first : int
        The label of the first class: 1 where the network was trained on labels in which 0 means
        not labelled, else 0.
    probabilities : array, optional
        float16 (chosen classes, *spatial), where they were asked for.
    chosen : tuple of int
        The classes that they are of.
    confusion : numpy.ndarray, optional
        int64 (classes, classes): voxels per right class (row) and predicted class (column), where
        the right labels are known.
    trained : bool
        Whether the weights were trained or loaded, rather than random.
    name : str
        Name of the image.
    notes : tuple of Note
        What was found in the image's file, and what was done about it.
    """

    labels: NDArray[Any]
    affine: Matrix
    units: tuple[str, ...]
    axes: tuple[str, ...]
    classes: tuple[str, ...]
    voxels: Counts
    first: int = 0
    probabilities: Any = None
    chosen: tuple[int, ...] = ()
    confusion: Counts | None = None
    trained: bool = True
    name: str = ""
    notes: tuple[Note, ...] = ()

    @property
    def mean_dice(self) -> float:
        """Mean Dice of the foreground classes; NaN where the right labels are not known."""
        if self.confusion is None:
            return math.nan
        return metrics.mean_dice(self.confusion, self._foreground)

    @property
    def _foreground(self) -> int:
        """The first class that enters the mean Dice: see `metrics.foreground_of`."""
        return 0 if self.first else 1

    @property
    def millilitres(self) -> NDArray[np.float64] | None:
        """Volume of each class; None where voxels have none, or it is not known in mm."""
        if self.labels.ndim != 3 or any(unit not in IN_MM for unit in self.units):
            return None
        sides = np.prod([IN_MM[unit] for unit in self.units])
        return self.voxels * abs(float(np.linalg.det(self.affine[:-1, :-1]))) * sides / 1000

    def rows(self) -> list[dict[str, Any]]:
        """Give the table: a row per class, with its measures where the right labels are known."""
        columns: dict[str, Any] = {
            "label": [i + self.first for i in range(len(self.classes))],
            "class": list(self.classes),
            "voxels": [int(n) for n in self.voxels],
        }
        if self.millilitres is not None:
            columns["ml"] = [float(v) for v in self.millilitres]
        columns |= {name: [listed(v) for v in found] for name, found in self._measures()}
        keys = list(columns)
        return [dict(zip(keys, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def _measures(self) -> Iterator[tuple[str, Any]]:
        if self.confusion is not None:
            for name in ("dice", "iou", "precision", "recall"):
                yield name, getattr(metrics, name)(self.confusion)

    def as_dict(self) -> dict[str, Any]:
        """Give everything but the arrays as JSON can hold it."""
        found: dict[str, Any] = {
            "name": self.name,
            "task": "segment",
            "shape": list(self.labels.shape),
            "affine": self.affine.tolist(),
            "units": list(self.units),
            "trained": self.trained,
            "classes": self.rows(),
        }
        if self.confusion is not None:
            found["accuracy"] = listed(metrics.accuracy(self.confusion))
            found["mean_dice"] = listed(self.mean_dice)
        return found

    def __str__(self) -> str:
        rows = self.rows()
        cells = [list(rows[0]), *([_cell(value) for value in row.values()] for row in rows)]
        widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
        lines = [_line(row, widths) for row in cells]
        if self.confusion is not None:
            lines.append(told_dice(self.confusion, self._foreground, self.classes))
        return "\n".join([*([self.message] if self.message else []), *lines])


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.1f}" if value > 1 else f"{value:.4f}"
    return "" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def _line(row: list[str], widths: list[int]) -> str:
    cells = zip(row, widths, range(len(row)), strict=True)
    # The names to the left, numbers to the right.
    return "  ".join(f"{c:<{w}}" if i == 1 else f"{c:>{w}}" for c, w, i in cells).rstrip()


@dataclass(frozen=True, eq=False)
class Regressed(Judged):
    """Values for every voxel, in their place.

    Parameters
    ----------
    values : array
        float32 (*spatial), or (channels, *spatial) of several; in the image's own range where the
        document normalises images and targets alike.
    affine : numpy.ndarray
        (rank + 1) square, from indices of the spatial axes to the input's world.
    units, axes : tuple of str
        Unit and name of each spatial axis.
    trained : bool
        Whether the weights were trained or loaded, rather than random.
    name : str
        Name of the image.
    notes : tuple of Note
        What was found in the image's file, and what was done about it.
    """

    values: Any
    affine: Matrix
    units: tuple[str, ...]
    axes: tuple[str, ...]
    trained: bool = True
    name: str = ""
    notes: tuple[Note, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Give everything but the values as JSON can hold it."""
        return {
            "name": self.name,
            "task": "regress",
            "shape": list(self.values.shape),
            "affine": self.affine.tolist(),
            "units": list(self.units),
            "trained": self.trained,
            "least": float(np.min(self.values)),
            "greatest": float(np.max(self.values)),
        }

    def __str__(self) -> str:
        sizes = "x".join(map(str, self.values.shape))
        told = f"{sizes} values from {np.min(self.values):.5g} to {np.max(self.values):.5g}"
        return f"{told}\n{self.message}" if self.message else told
