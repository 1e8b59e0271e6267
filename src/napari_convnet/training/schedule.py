"""Schedules: how the learning rate runs, as a pure function of the step.

Nothing has to be remembered for a training that is resumed, and a window can draw the curve before
the first step.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_convnet.document import Train

RISE = 0.3
"""Part of a one-cycle schedule in which the rate rises."""

FIRST = 25.0
"""What the highest rate is divided by at the first step."""

LAST = 1e4
"""What the first rate is divided by at the last step."""


def learning_rate(train: Train, step: int, steps: int) -> float:
    """Give the learning rate of a step.

    Parameters
    ----------
    train : Train
        A document's ``train:``.
    step : int
        The step, from 0.
    steps : int
        Steps of the whole training.

    Returns
    -------
    float
        The document's rate; in a one-cycle schedule that of torch's ``OneCycleLR`` with its
        defaults, which leaves momentum as the document says.

    Examples
    --------
    >>> from napari_convnet.document import Train
    >>> one_cycle = Train(optimizer="adam lr 1", schedule="one-cycle")
    >>> [round(learning_rate(one_cycle, step, 100), 3) for step in (0, 29, 64, 99)]
    [0.04, 1.0, 0.5, 0.0]
    """
    highest = train.optimizer.lr
    if train.schedule == "constant":
        return highest
    top = RISE * steps - 1
    if step <= top:
        return _eased(highest / FIRST, highest, step / top)
    return _eased(highest, highest / FIRST / LAST, (step - top) / (steps - 1 - top))


def _eased(start: float, end: float, part: float) -> float:
    """Go from one value to another along half a cosine."""
    return end + (start - end) / 2.0 * (math.cos(math.pi * part) + 1)
