"""Losses: what a training makes small, one class per word of a document's ``loss:``.

A loss is computed in two ways. Training asks for the loss of a batch, with its derivative.
Measuring asks for the loss of a whole part of the data, which is too large to be held: every loss
is a function of sums over voxels, and these are gathered piece by piece, so that the result does
not depend on how the whole was cut into pieces.
"""

from .base import Gathering, Loss, Total
from .classes import ClassSquares, CrossEntropy, Dice, Focal, class_losses, probabilities
from .values import Absolute, HalfSquares, Squares, value_losses

__all__ = [
    "Absolute",
    "ClassSquares",
    "CrossEntropy",
    "Dice",
    "Focal",
    "Gathering",
    "HalfSquares",
    "Loss",
    "Squares",
    "Total",
    "class_losses",
    "probabilities",
    "value_losses",
]
