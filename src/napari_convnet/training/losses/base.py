"""What all losses have in common, and several of them added up."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor


class Loss(ABC):
    """One word of ``loss:``, for one task."""

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Give the loss of a batch.

        Parameters
        ----------
        outputs : Tensor
            float32 (B, C, *S).
        targets : Tensor
            int64 (B, *S): the right classes, -1 where nobody knows; or float32 (B, C, *S): the
            values wanted, NaN where nobody knows.
        """
        return self._batch(outputs, targets)

    def sums(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Give the sums over a piece that the loss of the whole is made of, in float64."""
        return self._sums(outputs, targets)

    def total(self, sums: Tensor) -> float:
        """Give the loss of a whole from the sums over its pieces."""
        return self._total(sums)

    @abstractmethod
    def _batch(self, outputs: Tensor, targets: Tensor) -> Tensor: ...

    @abstractmethod
    def _sums(self, outputs: Tensor, targets: Tensor) -> Tensor: ...

    @abstractmethod
    def _total(self, sums: Tensor) -> float: ...


class Mean(Loss):
    """A loss that is the mean over what is labelled."""

    @abstractmethod
    def _each(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Give the sum over what is labelled."""

    @abstractmethod
    def _count(self, targets: Tensor) -> Tensor:
        """Count what is labelled."""

    def _batch(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return self._each(outputs, targets) / self._count(targets).clamp(min=1)

    def _sums(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return torch.stack([self._each(outputs, targets).double(), self._count(targets).double()])

    def _total(self, sums: Tensor) -> float:
        return float(sums[0] / sums[1].clamp(min=1))


class Total:
    """The losses that a document names, added up.

    Parameters
    ----------
    terms : sequence of Loss
        One or more.

    Examples
    --------
    >>> from napari_convnet.training.losses import ClassSquares, CrossEntropy
    >>> outputs, targets = torch.tensor([[0.0, 0.0]]), torch.tensor([1])
    >>> total = Total([CrossEntropy(), ClassSquares()])
    >>> round(float(total(outputs, targets)), 4)
    1.1931
    """

    def __init__(self, terms: Sequence[Loss]) -> None:
        self.terms = tuple(terms)

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Give the loss of a batch."""
        total = self.terms[0](outputs, targets)
        for term in self.terms[1:]:
            total = total + term(outputs, targets)
        return total

    def gathering(self) -> Gathering:
        """Begin to gather the loss of a whole."""
        return Gathering(self.terms)


class Gathering:
    """The loss of a whole that comes in pieces.

    Parameters
    ----------
    terms : sequence of Loss
        What is added up.
    """

    def __init__(self, terms: Sequence[Loss]) -> None:
        self._terms = tuple(terms)
        self._sums: list[Tensor] | None = None

    def add(self, outputs: Tensor, targets: Tensor) -> None:
        """Take a piece."""
        found = [term.sums(outputs, targets) for term in self._terms]
        before = self._sums
        self._sums = (
            found if before is None else [a + b for a, b in zip(before, found, strict=True)]
        )

    @property
    def value(self) -> float:
        """The loss of all pieces together; NaN where there were none."""
        if self._sums is None:
            return float("nan")
        return sum(term.total(each) for term, each in zip(self._terms, self._sums, strict=True))
