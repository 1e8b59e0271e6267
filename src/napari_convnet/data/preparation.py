"""The input path of a document: what happens to an image between its file and the first layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from .fitting import fit
from .normalisation import normalise
from .rates import to_rate
from .sample import Sample
from .settings import Input, SettingLike
from .spacing import to_spacing


class FittingPath(Protocol):
    """What of a document's ``data:`` leaves pixels where they are."""

    @property
    def fit(self) -> SettingLike | None:
        """How images are brought to size."""

    @property
    def normalize(self) -> SettingLike | None:
        """How their values are brought to a range."""


class InputPath(FittingPath, Protocol):
    """The part of a document's ``data:`` that every image goes through."""

    @property
    def spacing(self) -> tuple[float, ...] | None:
        """Millimetres to which scans are resampled."""

    @property
    def rate(self) -> float | None:
        """Samples per second to which recordings are resampled."""


def resampled(sample: Sample, spacing: Sequence[float] | None, rate: float | None) -> Sample:
    """Resample a sample as a document's ``spacing:`` and ``rate:`` say; None leaves it as it is.

    Raises
    ------
    UserError
        If the size of its voxels, or its sampling rate, is not known.
    """
    return to_rate(to_spacing(sample, spacing), rate)


def prepare(sample: Sample, data: InputPath | None, input: Input) -> Sample:
    """Resample, fit, then normalise a sample as the document says, as training does.

    Parameters
    ----------
    sample : Sample
        As it came.
    data : Data or None
        The document's ``data:``; None leaves the sample as it is.
    input : sequence of int or None
        The network's input.

    Returns
    -------
    Sample
        What the network is given.
    """
    if data is None:
        return sample
    fitted = fit(resampled(sample, data.spacing, data.rate), data.fit, input)
    array = normalise(fitted.array, data.normalize)
    return replace(fitted, array=np.asarray(array, dtype=np.float32))
