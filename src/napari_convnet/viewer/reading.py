"""Values of layers, read piece by piece in a thread: the window goes on, and may give it up."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_convnet.engine.control import Token

PIECE = 2**24
"""Bytes that are read at a time, roughly; between two pieces a reader may be told to stop."""


def values_of(layer: Any) -> Any:
    """Give the array of a layer, at its full resolution."""
    return layer.data[0] if layer.multiscale else layer.data


def pieces(values: Any, token: Token) -> Iterator[slice]:
    """Divide an array along its first axis.

    Raises
    ------
    Cancelled
        Once nobody wants it any more.
    """
    row = math.prod(values.shape[1:]) * np.dtype(values.dtype).itemsize
    count = max(1, PIECE // max(row, 1))
    for start in range(0, values.shape[0], count):
        token.check()
        yield slice(start, start + count)


def span(values: Any, token: Token) -> tuple[int, int]:
    """Give the lowest and the highest label, or 0 where those are above or below it."""
    low = high = 0
    for rows in pieces(values, token):
        piece = np.asarray(values[rows])
        low = min(low, int(piece.min(initial=0)))
        high = max(high, int(piece.max(initial=0)))
    return low, high


def copied(values: Any, token: Token, room: NDArray[Any] | None = None) -> NDArray[Any]:
    """Copy an array, into the memory of an earlier copy where there is one."""
    out: NDArray[Any] = np.empty(values.shape, values.dtype) if room is None else room
    for rows in pieces(values, token):
        out[rows] = values[rows]
    return out
