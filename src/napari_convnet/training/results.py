"""What evaluating and predicting give: plain values and numpy arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

UNTRAINED = "these weights are random: train the network first"


@dataclass(frozen=True, eq=False)
class Evaluation:
    """How well a network tells classes apart.

    Parameters
    ----------
    accuracy : float
        Part of the images whose class is right.
    loss : float
        Mean loss.
    confusion : numpy.ndarray
        int64 (classes, classes): images per right class (row) and predicted class (column).
    classes : tuple of str
        Their names.
    part : str
        Which images: ``test``, ``validation``, ``train`` or ``all``.
    trained : bool
        Whether the weights were trained or loaded, rather than random.
    """

    accuracy: float
    loss: float
    confusion: NDArray[np.int64]
    classes: tuple[str, ...]
    part: str = "all"
    trained: bool = True

    @property
    def n(self) -> int:
        """Number of images."""
        return int(self.confusion.sum())

    @property
    def counts(self) -> NDArray[np.int64]:
        """Images of each class."""
        counts: NDArray[np.int64] = self.confusion.sum(1)
        return counts

    @property
    def recall(self) -> NDArray[np.float64]:
        """Per class, the part of its images that was found; NaN where it has none."""
        return _ratio(self.confusion.diagonal(), self.confusion.sum(1))

    @property
    def precision(self) -> NDArray[np.float64]:
        """Per class, the part of what was taken for it that is; NaN where nothing was."""
        return _ratio(self.confusion.diagonal(), self.confusion.sum(0))

    @property
    def message(self) -> str:
        """What the reader of these numbers must know; mostly empty."""
        return "" if self.trained else UNTRAINED

    def as_dict(self) -> dict[str, Any]:
        """Give everything as JSON can hold it."""
        return {
            "accuracy": self.accuracy,
            "loss": self.loss if np.isfinite(self.loss) else None,
            "n": self.n,
            "part": self.part,
            "trained": self.trained,
            "classes": list(self.classes),
            "precision": _listed(self.precision),
            "recall": _listed(self.recall),
            "confusion": self.confusion.tolist(),
        }

    def __str__(self) -> str:
        where = "" if self.part == "all" else f" of the {self.part} part"
        head = f"accuracy {self.accuracy:.2%}, loss {self.loss:.4f}, {self.n:,} images{where}"
        lines = [head, *([self.message] if self.message else [])]
        width = max(5, *(len(name) for name in self.classes))
        lines.append(f"{'class':<{width}}  precision  recall  images")
        table = zip(self.classes, self.precision, self.recall, self.counts, strict=True)
        for name, precision, recall, count in table:
            lines.append(f"{name:<{width}}  {precision:>9.1%}  {recall:>6.1%}  {count:>6,}")
        return "\n".join(lines)


def _ratio(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    none = np.full(len(whole), np.nan)
    ratio: NDArray[np.float64] = np.divide(part, whole, out=none, where=whole > 0)
    return ratio


def _listed(values: NDArray[np.float64]) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a network takes an image for.

    Parameters
    ----------
    classes : tuple of str
        Names, in the order of the network's outputs.
    probabilities : numpy.ndarray
        float64 (classes,).
    trained : bool
        Whether the weights were trained or loaded, rather than random.
    name : str
        Name of the image.
    """

    classes: tuple[str, ...]
    probabilities: NDArray[np.float64]
    trained: bool = True
    name: str = ""

    @property
    def best(self) -> str:
        """The most probable class."""
        return self.classes[int(self.probabilities.argmax())]

    @property
    def probability(self) -> float:
        """Its probability."""
        return float(self.probabilities.max())

    @property
    def message(self) -> str:
        """What the reader of these numbers must know; mostly empty."""
        return "" if self.trained else UNTRAINED

    def ranked(self) -> list[tuple[str, float]]:
        """List classes and probabilities, the most probable first."""
        order = np.argsort(-self.probabilities, kind="stable")
        return [(self.classes[i], float(self.probabilities[i])) for i in order]

    def as_dict(self) -> dict[str, Any]:
        """Give everything as JSON can hold it."""
        return {
            "name": self.name,
            "best": self.best,
            "probability": self.probability,
            "trained": self.trained,
            "classes": list(self.classes),
            "probabilities": [float(p) for p in self.probabilities],
        }

    def __str__(self) -> str:
        told = ", ".join(f"{name} {p:.1%}" for name, p in self.ranked()[:3])
        return f"{told} ({self.message})" if self.message else told
