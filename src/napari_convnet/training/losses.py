"""Losses: what a training makes small, per word of a document's ``loss:``."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    r"""Negative logarithm of the right class's probability, mean over the images.

    The probabilities are the softmax of the outputs: :math:`-\log p_t`.
    """
    return F.cross_entropy(outputs, targets)


def half_squares(outputs: Tensor, targets: Tensor) -> Tensor:
    r"""Half the sum of squared differences to what is wanted, as textbooks write it.

    Wanted are 1 at the right class and 0 at the others, whatever the last activation:
    :math:`\frac12 \sum_k (y_k - t_k)^2`, summed over the outputs of an image, mean over the images.
    Its derivative by an output is the plain :math:`y_k - t_k`.
    """
    wanted = F.one_hot(targets, outputs.shape[1]).to(outputs.dtype)
    return 0.5 * (outputs - wanted).square().sum(1).mean()


def total_loss(
    words: Sequence[str], outputs: Tensor, targets: Tensor, *, softmax: bool = False
) -> Tensor:
    """Add up the losses that a document names.

    Parameters
    ----------
    words : sequence of str
        ``cross-entropy``, ``half-squares``.
    outputs : Tensor
        (B, classes), before a softmax at the end of the network.
    targets : Tensor
        (B,): the right classes.
    softmax : bool
        Whether the network ends in softmax, so that its outputs proper are the probabilities.

    Examples
    --------
    >>> outputs, targets = torch.tensor([[0.0, 0.0]]), torch.tensor([1])
    >>> round(float(total_loss(["cross-entropy", "half-squares"], outputs, targets)), 4)
    1.1931
    """
    total: Tensor | None = None
    for word in words:
        if word == "cross-entropy":
            term = cross_entropy(outputs, targets)
        else:
            term = half_squares(outputs.softmax(1) if softmax else outputs, targets)
        total = term if total is None else total + term
    assert total is not None, "a document has a loss"
    return total


def probabilities(words: Sequence[str], outputs: Tensor, *, softmax: bool = False) -> Tensor:
    """Turn outputs (B, classes) into probabilities, as the losses of the training meant them.

    With cross-entropy that is their softmax. With half-squares alone the outputs themselves tend to
    the probabilities: they are cut off below 0 and divided by their sum.

    Parameters
    ----------
    words, outputs, softmax
        As in `total_loss`.
    """
    if softmax or "cross-entropy" in words:
        return outputs.softmax(1)
    positive = outputs.clamp(min=0)
    sums = positive.sum(1, keepdim=True)
    return torch.where(sums > 0, positive / sums.clamp(min=1e-30), 1 / outputs.shape[1])
