"""Where a scan lies: between the worlds of ITK and DICOM (L, P, S), nibabel (R, A, S) and napari.

In napari the data are (z, y, x) and the world is (S, P, L) in millimetres: ITK's world and index
with their axes reversed. Nothing is straightened, so oblique and sheared scans stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .axes import axis_names

Matrix = NDArray[np.float64]

_REVERSED = np.eye(4)[[2, 1, 0, 3]]
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])

# Below this many degrees an angle is rounding in a file's header, not a tilt.
_LEAST_ANGLE = 0.01


def lps_to_napari(direction: ArrayLike, spacing: ArrayLike, origin: ArrayLike) -> Matrix:
    """Make a scan's affine of ITK's (or DICOM's) direction, spacing and origin.

    Parameters
    ----------
    direction : 3x3 matrix
        Columns are the directions of the axes x, y, z in L, P, S.
    spacing : 3 floats
        Millimetres along x, y, z.
    origin : 3 floats
        Where the centre of voxel 0, 0, 0 lies in L, P, S.

    Returns
    -------
    numpy.ndarray
        4x4, index z, y, x to S, P, L.

    Examples
    --------
    >>> lps_to_napari(np.eye(3), (1, 2, 3), (10, 20, 30))[:3]
    array([[ 3.,  0.,  0., 30.],
           [ 0.,  2.,  0., 20.],
           [ 0.,  0.,  1., 10.]])
    """
    affine = np.eye(4)
    affine[:3, :3] = np.asarray(direction, dtype=np.float64).reshape(3, 3) * np.asarray(spacing)
    affine[:3, 3] = origin
    return _REVERSED @ affine @ _REVERSED


def napari_to_lps(affine: ArrayLike) -> tuple[Matrix, Matrix, Matrix]:
    """Take a scan's affine apart: direction, spacing, origin, as ITK has them.

    The direction of a sheared scan is not orthogonal; see `shear_angle`.
    """
    lps = _REVERSED @ spatial_part(affine) @ _REVERSED
    spacing = _lengths(lps)
    return lps[:3, :3] / spacing, spacing, lps[:3, 3]


def nibabel_to_napari(affine: ArrayLike) -> Matrix:
    """Bring nibabel's affine (index x, y, z to R, A, S) into napari's form."""
    return _REVERSED @ _LPS_TO_RAS @ np.asarray(affine, dtype=np.float64) @ _REVERSED


def napari_to_nibabel(affine: ArrayLike) -> Matrix:
    """Bring a scan's affine in napari into nibabel's form (index x, y, z to R, A, S)."""
    return _LPS_TO_RAS @ _REVERSED @ spatial_part(affine) @ _REVERSED


def spatial_part(affine: ArrayLike, rank: int = 3) -> Matrix:
    """Take the rows and columns of the last `rank` axes of an affine."""
    given = np.asarray(affine, dtype=np.float64)
    start = len(given) - 1 - rank
    return given[start:, start:]


def with_leading_axes(affine: ArrayLike, count: int) -> Matrix:
    """Put identity rows for `count` further axes (time, echo) before a scan's affine."""
    given = np.asarray(affine, dtype=np.float64)
    whole = np.eye(len(given) + count)
    whole[count:, count:] = given
    return whole


@dataclass(frozen=True)
class Turn:
    """How a scan's axes are brought into the order and direction that people look at.

    Parameters
    ----------
    order : tuple of int
        Which axis of the file's array becomes the first, the second, ...
    flips : tuple of bool
        Whether each axis, in the new order, runs backwards.
    """

    order: tuple[int, ...]
    flips: tuple[bool, ...]

    @property
    def is_identity(self) -> bool:
        """Whether nothing changes."""
        return self.order == tuple(range(len(self.order))) and not any(self.flips)

    def array(self, array: Any) -> Any:
        """View `array` in the new order; colours, the last axis of RGB, stay last."""
        if self.is_identity:
            return array
        if not hasattr(array, "transpose"):
            # A lazy array stays lazy; dask comes with napari.
            array = import_module("dask.array").from_array(array)
        kept = tuple(range(len(self.order), array.ndim))
        index = tuple(slice(None, None, -1 if flip else 1) for flip in self.flips)
        return array.transpose(self.order + kept)[index]

    def affine(self, affine: ArrayLike, shape: Sequence[int]) -> Matrix:
        """Move an affine along: every voxel of the array of `shape` stays where it was."""
        given = np.asarray(affine, dtype=np.float64)
        rank = len(self.order)
        turn = np.zeros((rank + 1, rank + 1))
        turn[rank, rank] = 1
        for new, (old, flip) in enumerate(zip(self.order, self.flips, strict=True)):
            turn[old, new] = -1 if flip else 1
            turn[old, rank] = shape[old] - 1 if flip else 0
        return given @ turn


def canonical_turn(affine: ArrayLike) -> Turn:
    """Find the order and the flips that bring a scan's axes closest to S, P, L.

    Further, leading axes keep their place.
    """
    given = np.asarray(affine, dtype=np.float64)
    rank = min(len(given) - 1, 3)
    lead = len(given) - 1 - rank
    linear = spatial_part(given, rank)[:rank, :rank]
    cosines = linear / _lengths(spatial_part(given, rank))
    # The first of equals is the order as it stands.
    order = max(permutations(range(rank)), key=lambda each: _likeness(cosines, each))
    flips = tuple(bool(cosines[world, axis] < 0) for world, axis in enumerate(order))
    return Turn(
        (*range(lead), *(lead + axis for axis in order)),
        ((False,) * lead + flips),
    )


def _likeness(cosines: Matrix, order: tuple[int, ...]) -> float:
    return round(sum(abs(float(cosines[world, axis])) for world, axis in enumerate(order)), 9)


def closest_canonical(array: Any, affine: ArrayLike) -> tuple[Any, Matrix]:
    """Reorder and flip a scan's axes to be closest to S, P, L; no voxel changes its place.

    What remains of a tilt or a shear stays in the affine.

    Returns
    -------
    array
        A view.
    numpy.ndarray
        Its affine.
    """
    turn = canonical_turn(affine)
    return turn.array(array), turn.affine(affine, array.shape)


def voxel_size(affine: ArrayLike) -> tuple[float, ...]:
    """Distance of neighbouring voxels along each of the last three axes (or fewer)."""
    rank = min(len(np.asarray(affine)) - 1, 3)
    return tuple(float(length) for length in _lengths(spatial_part(affine, rank)))


def tilt_angle(affine: ArrayLike) -> float:
    """Largest angle, in degrees, between an axis of the scan and the nearest axis of the world."""
    rank = min(len(np.asarray(affine)) - 1, 3)
    part = spatial_part(affine, rank)
    unit = part[:rank, :rank] / _lengths(part)
    order = canonical_turn(part).order
    return max(_degrees(unit[:, axis], np.eye(rank)[world]) for world, axis in enumerate(order))


def shear_angle(affine: ArrayLike) -> float:
    """Largest difference, in degrees, of the angle between two axes of the scan from 90."""
    rank = min(len(np.asarray(affine)) - 1, 3)
    part = spatial_part(affine, rank)
    unit = part[:rank, :rank] / _lengths(part)
    pairs = [(i, j) for i in range(rank) for j in range(i)]
    return max((90 - _degrees(unit[:, i], unit[:, j]) for i, j in pairs), default=0.0)


def is_usable(affine: ArrayLike) -> bool:
    """Whether all numbers are finite and no axis, and no pair of axes, falls into one."""
    given = np.asarray(affine, dtype=np.float64)
    if not np.isfinite(given).all():
        return False
    with np.errstate(all="ignore"):
        lengths = _lengths(given)
        if not (np.isfinite(lengths).all() and lengths.all()):
            return False
        return bool(abs(np.linalg.det(given[:-1, :-1] / lengths)) > 1e-6)


def describe(affine: ArrayLike, units: str = "mm") -> str:
    """Tell a scan's voxel size, tilt and shear in words.

    Examples
    --------
    >>> describe(np.diag([3.0, 1.0, 1.0, 1.0]))
    '3 x 1 x 1 mm (z, y, x)'
    """
    sizes = voxel_size(affine)
    names = ", ".join(axis_names(len(sizes)))
    parts = [f"{' x '.join(number(size) for size in sizes)} {units} ({names})"]
    tilt, shear = tilt_angle(affine), shear_angle(affine)
    if tilt > _LEAST_ANGLE:
        parts.append(f"tilted by {number(tilt)} degrees")
    if shear > _LEAST_ANGLE:
        parts.append(f"sheared by {number(shear)} degrees")
    return ", ".join(parts)


def number(value: float) -> str:
    """Write a length or an angle with three or four figures.

    Examples
    --------
    >>> number(1.0), number(0.48828125), number(1234.5)
    ('1', '0.488', '1234')
    """
    return f"{value:.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.3g}"


def corners(shape: Sequence[int], affine: ArrayLike) -> Matrix:
    """Places in the world of the centres of an array's corner voxels, one a row."""
    given = np.asarray(affine, dtype=np.float64)
    last = np.asarray(shape, dtype=np.float64) - 1
    chosen = np.indices((2,) * len(last)).reshape(len(last), -1).T * last
    return np.asarray(chosen @ given[:-1, :-1].T + given[:-1, -1])


def farthest(shape: Sequence[int], first: ArrayLike, second: ArrayLike) -> float:
    """Largest distance between the places that two affines give to one voxel of an array."""
    apart = corners(shape, first) - corners(shape, second)
    return float(np.sqrt((apart**2).sum(axis=1)).max())


def _lengths(affine: Matrix) -> Matrix:
    return np.asarray(np.sqrt((affine[:-1, :-1] ** 2).sum(axis=0)))


def _degrees(a: Matrix, b: Matrix) -> float:
    """Angle between two lines, from 0 to 90 degrees."""
    # The arc tangent is exact for small angles, where the arc cosine is not.
    dot = abs(float(a @ b))
    across = float(np.sqrt(max(float(a @ a) * float(b @ b) - dot * dot, 0.0)))
    if a.size == 3:
        across = float(np.linalg.norm(np.cross(a, b)))
    return float(np.degrees(np.arctan2(across, dot)))
