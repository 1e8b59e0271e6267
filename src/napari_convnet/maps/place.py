"""Where a layer's map lies in the world: over the centres of what its pixels see.

A map with jump S and first centre c in the input, which the matrix A takes to the world, has the
matrix A [diag(S) | c]. The shift passes through A's whole linear part: for a rotated, sheared or
anisotropic scan it is no mere addition to the translation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_convnet.data.transforms import layer_matrix
from napari_convnet.network import Layer

if TYPE_CHECKING:
    from napari_convnet.model.foreign import ForeignLayer

Matrix = NDArray[np.float64]


def world_affine(
    rank: int,
    scale: ArrayLike | None = None,
    rotate: ArrayLike | None = None,
    shear: ArrayLike | None = None,
    translate: ArrayLike | None = None,
    affine: Any = None,
) -> Matrix:
    """Compose the matrix from an array's indices to the world, as napari does for a layer.

    Parameters
    ----------
    rank : int
        Number of axes.
    scale, rotate, shear, translate, affine : optional
        As those of a napari layer: ``affine @ (translate @ rotate @ shear @ scale)``. Where a part
        has fewer axes, the last ones are meant.

    Returns
    -------
    numpy.ndarray
        (rank + 1) square, float64.

    Raises
    ------
    UserError
        If a part has the wrong length, is not finite, or flattens the image.

    Examples
    --------
    >>> world_affine(2, scale=(3, 1), translate=(10, 0))
    array([[ 3.,  0., 10.],
           [ 0.,  1.,  0.],
           [ 0.,  0.,  1.]])
    """
    return layer_matrix(
        rank, scale=scale, translate=translate, rotate=rotate, shear=shear, affine=affine
    )


def place(layer: Layer | ForeignLayer, affine: ArrayLike) -> Matrix | None:
    """Give the matrix from the indices of a layer's map to the world.

    Parameters
    ----------
    layer : Layer
        A layer of a network.
    affine : array-like
        (rank + 1) square, from the input's indices to the world.

    Returns
    -------
    numpy.ndarray or None
        (rank + 1) square, float64; None where the layer's outputs have no place, after flatten or
        a global pool.
    """
    if layer.matrix is None:
        return None
    return np.asarray(np.asarray(affine, dtype=np.float64) @ np.asarray(layer.matrix))


def scale_and_translate(affine: Matrix) -> tuple[Matrix, Matrix] | None:
    """Take a matrix apart into scale and translate.

    Parameters
    ----------
    affine : numpy.ndarray
        (rank + 1) square.

    Returns
    -------
    tuple of numpy.ndarray, or None
        (rank,) each; None where there is more to it, a rotation or shear.
    """
    linear, diagonal = affine[:-1, :-1], np.diag(affine)[:-1]
    # What a product of matrices leaves of a zero is as small as the rounding of its entries.
    rest = np.abs(linear - np.diag(diagonal)).max(initial=0.0)
    if rest > 1e-12 * np.abs(linear).max(initial=0.0):
        return None
    return diagonal.copy(), affine[:-1, -1].copy()
