"""Where an array lies in the world, as napari composes it.

A layer's scale, translate, rotate and shear make one matrix, rotate @ shear @ scale, and the
layer's affine goes on top of it. All matrices are homogeneous, rank + 1 square, index to world.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..network.problems import UserError

Matrix = NDArray[np.float64]


def layer_matrix(
    ndim: int,
    *,
    scale: ArrayLike | None = None,
    translate: ArrayLike | None = None,
    rotate: ArrayLike | None = None,
    shear: ArrayLike | None = None,
    affine: Any = None,
) -> Matrix:
    """Compose the index-to-world matrix of a layer with `ndim` axes.

    Parameters
    ----------
    ndim : int
        Axes of the layer; the colours of an RGB layer do not count.
    scale, translate : sequence of float, optional
        One number per axis; where there are fewer, the last axes are meant.
    rotate : float, 3 floats or matrix, optional
        As napari takes it: degrees in the last two axes, degrees in the last three, or a matrix.
    shear : sequence of float or matrix, optional
        Values above the diagonal, row by row, or a triangular matrix.
    affine : matrix or object with an ``affine_matrix``, optional
        Applied after all of them.

    Returns
    -------
    numpy.ndarray
        (ndim + 1) square, float64.

    Raises
    ------
    UserError
        If a part has the wrong length, is not finite, or flattens the image.
    """
    scales = _vector(scale, ndim, "scale", 1.0)
    if not scales.all():
        raise UserError("scale has a zero", "give the size of a pixel along each axis")
    linear = _rotation(rotate, ndim) @ _shearing(shear, ndim) @ np.diag(scales)
    matrix = np.eye(ndim + 1)
    matrix[:ndim, :ndim] = linear
    matrix[:ndim, ndim] = _vector(translate, ndim, "translate", 0.0)
    return _affine(affine, ndim) @ matrix


def spatial_matrix(matrix: Matrix, spatial: Sequence[int], steps: dict[int, int]) -> Matrix:
    """Take the block of a layer's matrix that belongs to its spatial axes.

    Parameters
    ----------
    matrix : numpy.ndarray
        Of the whole layer.
    spatial : sequence of int
        The axes to keep.
    steps : dict
        Axis and index of each slider: an oblique layer moves in the image as they move.
    """
    keep = list(spatial)
    block = np.eye(len(keep) + 1)
    block[:-1, :-1] = matrix[np.ix_(keep, keep)]
    block[:-1, -1] = matrix[keep, -1]
    for axis, step in steps.items():
        block[:-1, -1] += matrix[keep, axis] * step
    return block


def _vector(values: ArrayLike | None, ndim: int, what: str, fill: float) -> Matrix:
    out = np.full(ndim, fill)
    given = _numbers(() if values is None else values, what)
    if given.ndim != 1 or given.size > ndim:
        raise UserError(f"{what} has {given.size} numbers for {ndim} axes", "give one per axis")
    if given.size:
        out[-given.size :] = given
    return out


def _numbers(values: ArrayLike, what: str) -> Matrix:
    try:
        given = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise UserError(f"{what} is not made of numbers: {values!r}") from None
    if not np.isfinite(given).all():
        raise UserError(f"{what} has NaN or infinite numbers")
    return given


def _embedded(small: Matrix, ndim: int, what: str) -> Matrix:
    """Put a smaller square matrix into the last axes of the identity."""
    if small.ndim != 2 or small.shape[0] != small.shape[1] or len(small) > ndim:
        raise UserError(f"{what} does not fit {ndim} axes", f"give a {ndim}x{ndim} matrix")
    whole = np.eye(ndim)
    if len(small):
        whole[-len(small) :, -len(small) :] = small
    return whole


def _rotation(rotate: ArrayLike | None, ndim: int) -> Matrix:
    if rotate is None:
        return np.eye(ndim)
    given = _numbers(rotate, "rotate")
    if given.ndim == 0:
        given = _turn(2, 0, 1, float(given))
    elif given.shape == (3,):
        first, second, third = (float(angle) for angle in given)
        # napari's order of the three angles: about the last, the middle, the first axis.
        given = _turn(3, 0, 1, first) @ _turn(3, 2, 0, second) @ _turn(3, 1, 2, third)
    return _embedded(given, ndim, "rotate")


def _turn(ndim: int, a: int, b: int, degrees: float) -> Matrix:
    """Turn axis `a` towards axis `b`."""
    angle = np.deg2rad(degrees)
    turn = np.eye(ndim)
    turn[a, a] = turn[b, b] = np.cos(angle)
    turn[b, a] = np.sin(angle)
    turn[a, b] = -np.sin(angle)
    return turn


def _shearing(shear: ArrayLike | None, ndim: int) -> Matrix:
    if shear is None:
        return np.eye(ndim)
    given = _numbers(shear, "shear")
    if given.ndim == 1:
        size = round((1 + np.sqrt(1 + 8 * given.size)) / 2)
        if size * (size - 1) // 2 != given.size:
            raise UserError(f"shear has {given.size} numbers", "give those above the diagonal")
        values, given = given, np.eye(size)
        given[np.triu_indices(size, 1)] = values
    return _embedded(given, ndim, "shear")


def _affine(affine: Any, ndim: int) -> Matrix:
    if affine is None:
        return np.eye(ndim + 1)
    given = _numbers(getattr(affine, "affine_matrix", affine), "affine")
    if given.ndim != 2 or given.shape[0] != given.shape[1] or not 1 <= len(given) <= ndim + 1:
        size = f"{ndim + 1}x{ndim + 1}"
        raise UserError(f"affine has shape {given.shape}", f"give a {size} matrix, index to world")
    if abs(np.linalg.det(given)) < 1e-300:
        raise UserError("affine flattens the image: its determinant is zero")
    whole = np.eye(ndim + 1)
    rank = len(given) - 1
    start = ndim - rank
    whole[start:ndim, start:ndim] = given[:rank, :rank]
    whole[start:ndim, ndim] = given[:rank, rank]
    return whole
