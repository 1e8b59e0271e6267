"""Class weights: rare classes count as much as frequent ones."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from napari_convnet.data import Classified, Dense, Examples

from ..metrics import Counts


def class_weights(examples: Examples) -> Tensor:
    """Give each class a weight such that all count for as much together.

    Parameters
    ----------
    examples : Examples
        Of classes; what is counted are images, or the labelled voxels of the training regions.

    Returns
    -------
    Tensor
        float32 (classes,): the mean count of the classes that there are by the count of each, and 0
        for classes that there are not.

    Examples
    --------
    >>> _weights(np.array([30, 10, 0])).tolist()
    [0.6666666865348816, 2.0, 0.0]
    """
    return _weights(_counts(examples))


def _counts(examples: Examples) -> Counts:
    """Count what there is of each class to train on."""
    size = len(examples.classes)
    if isinstance(examples, Classified):
        targets = examples.dataset.targets[examples.parts.train]
        return np.bincount(targets, minlength=size).astype(np.int64)
    assert isinstance(examples, Dense)
    return examples.voxels("train")


def _weights(counts: Counts) -> Tensor:
    present = counts > 0
    mean = counts[present].mean()
    weights = np.divide(mean, counts, out=np.zeros(len(counts)), where=present)
    return torch.from_numpy(weights.astype(np.float32))
