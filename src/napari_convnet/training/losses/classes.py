"""Losses of classes, of images or of voxels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_convnet.data import IGNORED

from .base import Loss, Mean, Total

SMOOTH = 1e-5
"""Added above and below the fraction of a Dice loss, as MONAI does by default."""


@dataclass(frozen=True, eq=False)
class CrossEntropy(Mean):
    r"""Negative logarithm of the right class's probability, mean over what is labelled.

    The probabilities are the softmax of the outputs: :math:`-\log p_t`.

    Parameters
    ----------
    weights : Tensor, optional
        (classes,): what each counts for in a batch; the mean is then a weighted one.
    """

    weights: Tensor | None = None

    def _batch(self, outputs: Tensor, targets: Tensor) -> Tensor:
        if outputs.ndim > 2 and not bool((targets != IGNORED).any()):
            return outputs.sum() * 0.0  # torch's mean over nothing is no number
        return F.cross_entropy(outputs, targets, self.weights, ignore_index=IGNORED)

    def _each(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(outputs, targets, ignore_index=IGNORED, reduction="sum")

    def _count(self, targets: Tensor) -> Tensor:
        return (targets != IGNORED).sum()


@dataclass(frozen=True, eq=False)
class Focal(Mean):
    r"""Cross-entropy that counts less what is right already: :math:`-(1 - p_t)^2 \log p_t`.

    MONAI's, with its exponent of 2; the mean over what is labelled.

    Parameters
    ----------
    weights : Tensor, optional
        (classes,): what each counts for in a batch.
    """

    weights: Tensor | None = None

    def _batch(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return self._focal(outputs, targets, self.weights) / self._count(targets).clamp(min=1)

    def _each(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return self._focal(outputs, targets, None)

    def _focal(self, outputs: Tensor, targets: Tensor, weights: Tensor | None) -> Tensor:
        from monai.losses.focal_loss import FocalLoss

        focal = FocalLoss(to_onehot_y=True, use_softmax=True, weight=weights, reduction="none")
        known = targets != IGNORED
        # Per class, and 0 at all but the right one.
        each: Tensor = focal(outputs, targets.clamp(min=0)[:, None]).sum(1)
        return (each * known).sum()

    def _count(self, targets: Tensor) -> Tensor:
        return (targets != IGNORED).sum()


class Dice(Loss):
    r"""One minus the Dice overlap of probabilities and labels, mean over the classes.

    MONAI's, of the softmax of the outputs, the overlap taken over all of the batch together, since
    patches are cut anywhere: :math:`1 - \frac{2 \sum p t + \epsilon}{\sum p + \sum t + \epsilon}`.
    """

    def _batch(self, outputs: Tensor, targets: Tensor) -> Tensor:
        from monai.losses.dice import DiceLoss

        shares, wanted = _overlapping(outputs, targets)
        loss: Tensor = DiceLoss(batch=True, smooth_nr=SMOOTH, smooth_dr=SMOOTH)(shares, wanted)
        return loss

    def _sums(self, outputs: Tensor, targets: Tensor) -> Tensor:
        shares, wanted = _overlapping(outputs, targets)
        axes = (0, *range(2, outputs.ndim))
        return torch.stack([part.double().sum(axes) for part in (shares * wanted, shares, wanted)])

    def _total(self, sums: Tensor) -> float:
        both, shares, wanted = sums
        return float((1 - (2 * both + SMOOTH) / (shares + wanted + SMOOTH)).mean())


def _overlapping(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Give probabilities and labels as 0 and 1 per class, both 0 where nothing is labelled."""
    known = (targets != IGNORED)[:, None]
    classes = torch.arange(outputs.shape[1], device=targets.device)
    wanted = targets[:, None] == classes.view(1, -1, *[1] * (targets.ndim - 1))
    shares = outputs.softmax(1)
    return shares if bool(known.all()) else shares * known, wanted.to(outputs.dtype)


@dataclass(frozen=True, eq=False)
class ClassSquares(Mean):
    r"""Half the sum of squared differences to what is wanted, as textbooks write it.

    Wanted are 1 at the right class and 0 at the others, whatever the last activation:
    :math:`\frac12 \sum_k (y_k - t_k)^2`, summed over the outputs of an image, mean over the images.
    Its derivative by an output is the plain :math:`y_k - t_k`.

    Parameters
    ----------
    softmax : bool
        Whether the network ends in softmax, so that its outputs proper are the probabilities.
    """

    softmax: bool = False

    def _batch(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return self._squares(outputs, targets).sum(1).mean()

    def _each(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return self._squares(outputs, targets).sum()

    def _count(self, targets: Tensor) -> Tensor:
        return torch.tensor(len(targets), device=targets.device)

    def _squares(self, outputs: Tensor, targets: Tensor) -> Tensor:
        found = outputs.softmax(1) if self.softmax else outputs
        wanted = F.one_hot(targets, outputs.shape[1]).to(outputs.dtype)
        return 0.5 * (found - wanted).square()


def class_losses(
    words: Sequence[str], weights: Tensor | None = None, *, softmax: bool = False
) -> Total:
    """Make the losses of a classification or segmentation.

    Parameters
    ----------
    words : sequence of str
        ``cross-entropy``, ``dice``, ``focal``, ``half-squares``.
    weights : Tensor, optional
        (classes,): what each counts for in cross-entropy and focal.
    softmax : bool
        Whether the network ends in softmax, of which losses take what goes into it.
    """
    known: dict[str, Loss] = {
        "cross-entropy": CrossEntropy(weights),
        "dice": Dice(),
        "focal": Focal(weights),
        "half-squares": ClassSquares(softmax),
    }
    return Total([known[word] for word in words])


def probabilities(words: Sequence[str], outputs: Tensor, *, softmax: bool = False) -> Tensor:
    """Turn outputs (B, classes, *S) into probabilities, as the losses of the training meant them.

    That is their softmax. With half-squares alone the outputs themselves tend to the probabilities:
    they are cut off below 0 and divided by their sum.

    Parameters
    ----------
    words : sequence of str
        The losses.
    outputs : Tensor
        What goes out of the network, or into the softmax at its end.
    softmax : bool
        Whether the network ends in softmax.
    """
    if softmax or set(words) != {"half-squares"}:
        return outputs.softmax(1)
    positive = outputs.clamp(min=0)
    sums = positive.sum(1, keepdim=True)
    return torch.where(sums > 0, positive / sums.clamp(min=1e-30), 1 / outputs.shape[1])
