"""What a training says while it goes on: typed events of plain values.

They are the same in a script, over the engine's connection and in a run's ``metrics.jsonl``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

OPTIMISTIC = "optimistic: at its borders the network sees voxels that it was trained on"
"""What is said of a score that would be worse on other scans."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a training."""

    @property
    def kind(self) -> str:
        """Name of the event as in files: ``step``."""
        return type(self).__name__.lower()

    def as_dict(self) -> dict[str, Any]:
        """Give the event as JSON can hold it; a number that is not finite becomes None.

        Examples
        --------
        >>> Resumed(step=7).as_dict()
        {'event': 'resumed', 'step': 7}
        """
        values = {field.name: _plain(getattr(self, field.name)) for field in fields(self)}
        return {"event": self.kind, **values}


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return value.as_posix()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    return list(value) if isinstance(value, tuple) else value


@dataclass(frozen=True, slots=True)
class Started(Event):
    """Everything is loaded and checked; the first step comes next.

    Parameters
    ----------
    run : Path
        The run directory.
    device : str
        What computes, by its name.
    epochs, steps_per_epoch : int
        How long it goes.
    train, validation, test : int
        Examples in each part: images, or patches of an epoch and regions to measure by.
    parameters : int
        Numbers that are trained; frozen layers do not count.
    step : int
        Steps done before, by the run that is resumed.
    task : str
        What is learned: ``classify``, ``segment`` or ``regress``.
    score_name : str
        What it is judged by: ``accuracy``, ``Dice`` (the mean of `mean_dice`), or ``mse``, of
        which lower is better.
    unit : str
        What `train` counts: ``images``, ``patches``.
    notes : tuple of str
        What a person should know: how the data were divided, what was left out.
    """

    run: Path
    device: str
    epochs: int
    steps_per_epoch: int
    train: int
    validation: int
    test: int
    parameters: int
    step: int = 0
    task: str = "classify"
    score_name: str = "accuracy"
    unit: str = "images"
    notes: tuple[str, ...] = ()

    @property
    def steps(self) -> int:
        """Steps of the whole training."""
        return self.epochs * self.steps_per_epoch


@dataclass(frozen=True, slots=True)
class Step(Event):
    """The weights were changed once.

    Parameters
    ----------
    step : int
        Steps done, this one included.
    epoch : int
        The epoch that it belongs to, from 1.
    loss : float
        Mean loss of its images, before the change.
    lr : float
        Learning rate of the change.
    seconds : float
        Seconds of training so far, without pauses.
    """

    step: int
    epoch: int
    loss: float
    lr: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Epoch(Event):
    """All training images were seen once more.

    Parameters
    ----------
    epoch : int
        Epochs done, this one included.
    step : int
        Steps done.
    train_loss, train_accuracy : float
        Means over the epoch, of images as augmented and weights as they changed. The accuracy is
        that of voxels where each has a class, and None in a regression.
    validation_loss, validation_accuracy : float or None
        Of the validation part, with the weights as they are now; None where there is none.
    lr : float
        Learning rate of the last step.
    seconds_left : float
        Estimate of what the training still takes.
    score_name : str
        What the training is judged by, as in `Started`.
    train_score, validation_score : float or None
        That, over the epoch and of the validation part.
    scores : mapping of str to float or None
        Dice of each class in the validation part of a segmentation; empty otherwise.
    """

    epoch: int
    step: int
    train_loss: float
    train_accuracy: float | None
    validation_loss: float | None
    validation_accuracy: float | None
    lr: float
    seconds_left: float
    score_name: str = "accuracy"
    train_score: float | None = None
    validation_score: float | None = None
    scores: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Paused(Event):
    """The training waits for `Control.resume`.

    Parameters
    ----------
    step : int
        Steps done.
    """

    step: int


@dataclass(frozen=True, slots=True)
class Resumed(Event):
    """The training goes on.

    Parameters
    ----------
    step : int
        Steps done.
    """

    step: int


@dataclass(frozen=True, slots=True)
class Snapshot(Event):
    """The weights of now are in a file, whole: it was put in place by renaming.

    Parameters
    ----------
    step : int
        Steps done; 0 are the weights before the first.
    path : Path
        The file.
    """

    step: int
    path: Path


@dataclass(frozen=True, slots=True)
class Finished(Event):
    """The training is over.

    Parameters
    ----------
    run : Path
        The run directory.
    step : int
        Steps done.
    test_accuracy, test_loss : float or None
        Of the part held out, with the best weights; None where there is none, where the training
        was stopped, and (the accuracy) in a regression.
    seconds : float
        Seconds of training, without pauses.
    stopped : bool
        Whether it was stopped before its end; it can be resumed.
    score_name : str
        What the training is judged by, as in `Started`.
    test_score : float or None
        That, of the part held out, with the best weights.
    scores : mapping of str to float or None
        Dice of each class in that part of a segmentation; empty otherwise.
    measures : mapping of str to mapping
        For each class its Dice, IoU, precision and recall in that part, and of scans in mm its
        volume in ml as labelled and as predicted; empty in a regression.
    optimistic : bool
        Whether some of that part is seen together with voxels that were trained on: where one scan
        had no room for a gap as wide as the network sees.
    """

    run: Path
    step: int
    test_accuracy: float | None
    test_loss: float | None
    seconds: float
    stopped: bool
    score_name: str = "accuracy"
    test_score: float | None = None
    scores: Mapping[str, float | None] = field(default_factory=dict)
    measures: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    optimistic: bool = False

    @property
    def caution(self) -> str:
        """What the reader of the score must know; mostly empty."""
        return OPTIMISTIC if self.optimistic else ""


@dataclass(frozen=True, slots=True)
class Failed(Event):
    """The training cannot go on.

    Parameters
    ----------
    message : str
        What happened, and what helps.
    step : int
        Steps done.
    """

    message: str
    step: int = 0


EVENTS: dict[str, type[Event]] = {
    kind.__name__.lower(): kind
    for kind in (Started, Step, Epoch, Paused, Resumed, Snapshot, Finished, Failed)
}
"""Kinds of event by their name in files."""

_PATHS = frozenset({"run", "path"})


def _read(name: str, value: Any) -> Any:
    if name in _PATHS:
        return Path(value)
    return tuple(value) if isinstance(value, list) else value


def _scores_of_old(values: Mapping[str, Any]) -> dict[str, Any]:
    """Give the scores of a run from when all tasks were judged by accuracy."""
    parts = ("train", "validation", "test")
    return {f"{part}_score": values.get(f"{part}_accuracy") for part in parts}


def event_from(values: Mapping[str, Any]) -> Event | None:
    """Make an event of what `Event.as_dict` gave; None for a kind of another version.

    Examples
    --------
    >>> event_from({"event": "resumed", "step": 7})
    Resumed(step=7)
    """
    kind = EVENTS.get(str(values.get("event")))
    if kind is None:
        return None
    values = {**_scores_of_old(values), **values}
    known = {each.name for each in fields(kind)} & values.keys()
    try:
        return kind(**{name: _read(name, values[name]) for name in known})
    except TypeError:  # a field that this version needs is missing
        return None
