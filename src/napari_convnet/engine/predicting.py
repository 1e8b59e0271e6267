"""The job that predicts per voxel, in a worker of its own."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .control import Token
from .look import Look

if TYPE_CHECKING:
    from ..training import Predicting, Regressed, Segmentation


def segment(
    look: Look,
    image: NDArray[Any],
    affine: NDArray[np.float64],
    units: tuple[str, ...],
    axes: tuple[str, ...],
    name: str,
    cancelled: Token,
    probabilities: bool = False,
    most_bytes: int | None = None,
) -> Generator[Predicting, None, Segmentation | Regressed]:
    """Predict a class or value for every voxel of an image, telling how far it has come.

    Parameters
    ----------
    look : Look
        Document, weights and device.
    image : ndarray
        (C, *spatial), as it came.
    affine : ndarray
        Its place: spatial index to world.
    units, axes : tuple of str
        Unit and name of each spatial axis.
    name : str
        What to call it.
    cancelled : Token
        Looked at between layers.
    probabilities : bool
        Whether those of all classes are wanted, too.
    most_bytes : int, optional
        Memory to compute in.
    """
    from ..data import Sample
    from ..training import Predicting, load
    from ..training.predicting import predicting

    loaded = load(look.pipeline().checked(), device=look.device)
    sample = Sample(image, affine, units, axes, name)
    options: dict[str, Any] = {"probabilities": probabilities, "most_bytes": most_bytes}
    for event in predicting(loaded, sample, cancelled=cancelled, **options):
        if not isinstance(event, Predicting):
            # What came with the image is known to the window.
            return replace(event, notes=())
        cancelled.check()
        yield event
    cancelled.check()
    raise AssertionError("a prediction that is not given up ends with its result")
