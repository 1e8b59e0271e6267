"""Where slices lie: pure functions from DICOM's positions and directions to an affine.

DICOM gives, for each slice, the place of its first pixel (ImagePositionPatient), the directions in
which columns and rows are counted (ImageOrientationPatient), in LPS millimetres, and the distances
of pixels. The distance of slices comes from their places alone: SliceThickness says how thick a
slice is, which is something else.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

EVEN = 0.01
"""How far steps from slice to slice may differ, as a part of the spacing."""

SAME_PLACE = 1e-3
"""Slices nearer to each other than this, in mm, are at the same place."""

_UNIT = 1e-3  # files round directions to 4 digits or more


def directions(values: Sequence[float]) -> Floats:
    """Return the directions along a row, along a column, and across the slice, as rows.

    Raises
    ------
    ValueError
        If the six numbers are not two directions at right angles.

    Examples
    --------
    >>> directions([1, 0, 0, 0, 1, 0])[2]
    array([0., 0., 1.])
    """
    along = np.array(values, dtype=np.float64)
    if along.shape != (6,) or not np.isfinite(along).all():
        raise ValueError("they are not six numbers")
    row, column = along[:3], along[3:]
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if any(abs(length - 1) > _UNIT for length in lengths) or abs(row @ column) > _UNIT:
        raise ValueError("they are not two directions at right angles")
    row, column = row / lengths[0], column / lengths[1]
    across = np.cross(row, column)
    return np.stack([row, column, across / np.linalg.norm(across)])


@dataclass(frozen=True, eq=False)
class Spread:
    """How slices follow each other.

    Parameters
    ----------
    step : numpy.ndarray
        From one slice to the next, mm, LPS: what an affine holds.
    spacing : float
        Median distance of neighbouring slices.
    distances : numpy.ndarray
        Distance of each slice to the next.
    deviation : float
        Largest difference of a slice's step to the next from `step`, as a part of the spacing.
    displacement : float
        How far the slice that lies worst is from where `step` puts it, mm.
    tilt : float
        Degrees between `step` and the direction across the slices.
    """

    step: Floats
    spacing: float
    distances: Floats
    deviation: float
    displacement: float
    tilt: float

    @property
    def is_even(self) -> bool:
        """Whether an affine can hold these slices: each is where `step` puts it, or nearly."""
        if self.displacement <= EVEN * self.spacing:
            return True  # places rounded by the scanner
        return self.deviation <= EVEN and self.displacement <= self.spacing / 2

    @property
    def is_sheared(self) -> bool:
        """Whether the slices slide along themselves, by more than places are rounded."""
        slide = math.sin(math.radians(self.tilt)) * self.spacing * len(self.distances)
        return self.tilt > 0.01 and slide > 0.01

    @property
    def gaps(self) -> tuple[tuple[int, int], ...]:
        """Slices (counted from 0) behind which others are missing, and how many."""
        counts = np.rint(self.distances / self.spacing).astype(int)
        return tuple((int(i), int(counts[i]) - 1) for i in np.flatnonzero(counts > 1))


def spread(positions: ArrayLike, across: ArrayLike) -> Spread:
    """Measure how slices follow each other, from their places in order.

    Parameters
    ----------
    positions : array-like
        (n, 3), n at least 2, in the order of `order`.
    across : array-like
        The direction across the slices.

    Examples
    --------
    >>> spread([[0, 0, 0], [0, 0, 2], [0, 0, 6]], [0, 0, 1]).gaps
    ((1, 1),)
    """
    places = np.asarray(positions, dtype=np.float64)
    count = len(places)
    step = (places[-1] - places[0]) / (count - 1)
    steps = np.diff(places, axis=0)
    distances = np.linalg.norm(steps, axis=1)
    spacing = _median_low(distances)
    even = places[0] + np.arange(count)[:, None] * step
    cosine = abs(step @ np.asarray(across, dtype=np.float64)) / np.linalg.norm(step)
    return Spread(
        step=step,
        spacing=spacing,
        distances=distances,
        deviation=float(np.linalg.norm(steps - step, axis=1).max()) / spacing,
        displacement=float(np.linalg.norm(places - even, axis=1).max()),
        tilt=math.degrees(math.acos(min(1.0, float(cosine)))),
    )


def order(positions: ArrayLike, across: ArrayLike) -> tuple[tuple[int, ...], ...]:
    """Sort slices across their planes; those at the same place come together.

    Examples
    --------
    >>> order([[0, 0, 4], [0, 0, 2], [0, 0, 4]], [0, 0, 1])
    ((1,), (0, 2))
    """
    heights = np.asarray(positions, dtype=np.float64) @ np.asarray(across, dtype=np.float64)
    places: list[list[int]] = []
    before = -math.inf
    for index in np.argsort(heights, kind="stable"):
        if heights[index] - before > SAME_PLACE:
            places.append([])
            before = float(heights[index])
        places[-1].append(int(index))
    return tuple(tuple(sorted(place)) for place in places)


def place(
    origin: ArrayLike, axes: ArrayLike, spacing: tuple[float, float], step: ArrayLike
) -> Floats:
    """Return the affine from an index (z, y, x) to the world (S, P, L), in mm.

    Parameters
    ----------
    origin : array-like
        Place of the first slice's first pixel, LPS.
    axes : array-like
        As `directions` gives them.
    spacing : tuple of float
        Distance of rows, distance of columns.
    step : array-like
        From one slice to the next, LPS.

    Examples
    --------
    >>> place([10, 20, 30], directions([1, 0, 0, 0, 1, 0]), (2, 3), [0, 0, 5]).tolist()
    [[5.0, 0.0, 0.0, 30.0], [0.0, 2.0, 0.0, 20.0], [0.0, 0.0, 3.0, 10.0], [0.0, 0.0, 0.0, 1.0]]
    """
    row, column, _ = np.asarray(axes, dtype=np.float64)
    lps = np.stack([np.asarray(step), column * spacing[0], row * spacing[1], np.asarray(origin)], 1)
    affine = np.eye(4)
    affine[:3] = lps[::-1]
    return affine


def plane(axes: ArrayLike) -> str:
    """Name how slices lie in the body.

    Examples
    --------
    >>> plane(directions([1, 0, 0, 0, 0, -1]))
    'coronal'
    """
    across = np.abs(np.asarray(axes, dtype=np.float64)[2])
    name = ("sagittal", "coronal", "axial")[int(across.argmax())]
    return name if across.max() > 0.99 else f"oblique ({name})"


def _median_low(values: Floats) -> float:
    """Median that is one of the values: between a spacing and a gap there is no spacing."""
    return float(np.sort(values)[(len(values) - 1) // 2])
