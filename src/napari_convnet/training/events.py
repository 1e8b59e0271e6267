"""What a training says while it goes on: typed events of plain values.

They are the same in a script, over the engine's connection and in a run's ``metrics.jsonl``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any


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
    return value


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
        Images in each part.
    parameters : int
        Numbers that are trained; frozen layers do not count.
    step : int
        Steps done before, by the run that is resumed.
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
        Means over the epoch, of images as augmented and weights as they changed.
    validation_loss, validation_accuracy : float or None
        Of the validation images, with the weights as they are now; None where there are none.
    lr : float
        Learning rate of the last step.
    seconds_left : float
        Estimate of what the training still takes.
    """

    epoch: int
    step: int
    train_loss: float
    train_accuracy: float
    validation_loss: float | None
    validation_accuracy: float | None
    lr: float
    seconds_left: float


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
        Of the images held out, with the best weights; None where there are none, and where the
        training was stopped.
    seconds : float
        Seconds of training, without pauses.
    stopped : bool
        Whether it was stopped before its end; it can be resumed.
    """

    run: Path
    step: int
    test_accuracy: float | None
    test_loss: float | None
    seconds: float
    stopped: bool


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
    known = {field.name for field in fields(kind)} & values.keys()
    try:
        return kind(
            **{name: Path(values[name]) if name in _PATHS else values[name] for name in known}
        )
    except TypeError:  # a field that this version needs is missing
        return None
