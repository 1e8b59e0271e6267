"""How well a prediction per voxel agrees with labels of the viewer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_convnet.data import check_same_place
from napari_convnet.data.contents import Contents
from napari_convnet.engine.control import Token
from napari_convnet.network import UserError
from napari_convnet.network.problems import listed

from .layer_classes import names_of
from .reading import pieces, values_of
from .source import world_matrix

if TYPE_CHECKING:
    from napari.layers import Labels

TOGETHER = 2**20
"""Voxels that are counted together."""

MOST_NAMED = 5
"""Of the labels that no class has, how many a message names."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """Counts how voxels of a segmentation agree with labels.

    Parameters
    ----------
    result : Segmentation
        The prediction.
    right : array
        (*spatial), what is right, and perhaps being painted.
    name : str
        Name of the labels.
    first : int
        The number that the first class has in them.
    """

    result: Any
    right: Any
    name: str
    first: int

    @classmethod
    def of(cls, result: Any, layer: Labels) -> Comparison:
        """Prepare to compare with a layer.

        Parameters
        ----------
        result : Segmentation
            The prediction.
        layer : napari.layers.Labels
            What is right. Where they name value 0, that is the first class; else they have the
            numbers of the prediction, and what is not painted does not count where the network was
            trained so.

        Raises
        ------
        UserError
            Where there is no segmentation, or the two do not lie in the same place.
        """
        if not hasattr(result, "labels"):
            raise UserError("there is no segmentation to compare", "predict first")
        rank = result.labels.ndim
        right = values_of(layer)
        if right.ndim > rank and set(right.shape[: right.ndim - rank]) == {1}:
            right = right[(0,) * (right.ndim - rank)]
        axes = (*range(layer.ndim - rank, layer.ndim), -1)
        place = world_matrix(layer)[np.ix_(axes, axes)]
        check_same_place(
            Contents(result.labels, affine=result.affine, units=result.units),
            Contents(
                np.broadcast_to(np.uint8(0), right.shape),
                affine=place,
                units=tuple(str(unit) for unit in layer.units[-rank:]),
            ),
            names=("the prediction", layer.name),
        )
        # Labels that name value 0 count it as the first class, whatever the network was trained on.
        first = 0 if 0 in names_of(layer) else result.first
        return cls(result, right, layer.name, first)

    def __call__(self, token: Token) -> Any:
        """Give the prediction with its measures; called in a thread.

        Raises
        ------
        UserError
            Where there are labels that are of no class: which, how often, and what is right.
        """
        classes = len(self.result.classes)
        counts = np.zeros((classes, classes), np.int64)
        beyond: dict[int, int] = {}
        for rows in pieces(self.right, token):
            right = np.ravel(np.asarray(self.right[rows]))
            found = np.ravel(self.result.labels[rows])
            # A few at a time: as indices they take eight bytes each.
            for start in range(0, right.size, TOGETHER):
                part = slice(start, start + TOGETHER)
                self._count(right[part], found[part], counts, beyond)
        if beyond:
            raise self._outside(beyond)
        return replace(self.result, confusion=counts)

    def _count(
        self,
        right: NDArray[Any],
        found: NDArray[Any],
        counts: NDArray[np.int64],
        beyond: dict[int, int],
    ) -> None:
        """Add voxels per right class (row) and predicted class (column)."""
        classes = len(counts)
        last = self.first + classes - 1
        # Where classes begin at 1, 0 is not painted: it neither counts nor is it wrong.
        wrong = (right < 0) | (right > last)
        known = (right >= self.first) & (right <= last)
        if wrong.any():
            for value, n in zip(*np.unique(right[wrong], return_counts=True), strict=True):
                beyond[int(value)] = beyond.get(int(value), 0) + int(n)
        pairs = (right[known].astype(np.int64) - self.first) * classes
        pairs += found[known].astype(np.int64) - self.result.first
        counts += np.bincount(pairs, minlength=classes**2).reshape(classes, classes)

    def _outside(self, beyond: dict[int, int]) -> UserError:
        each = [
            f"{value} ({n:,} {'voxel' if n == 1 else 'voxels'})"
            for value, n in sorted(beyond.items())
        ]
        if len(each) > MOST_NAMED:
            each[MOST_NAMED:] = [f"{len(each) - MOST_NAMED} more"]
        numbers = (
            f"{self.first + n} {name}" for n, name in enumerate(self.result.classes[:MOST_NAMED])
        )
        more = ", \u2026" if len(self.result.classes) > MOST_NAMED else ""
        unpainted = "; 0 where nothing is to be compared" if self.first else ""
        return UserError(
            f"{self.name} has labels that are none of the classes: {listed(each, 'and')}",
            f"the classes of the prediction are {', '.join(numbers)}{more}{unpainted}",
        )
