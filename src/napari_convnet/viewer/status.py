"""What a session tells its listeners: small immutable values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari_convnet.network import RowPath
    from napari_convnet.training import Event

State = Literal["idle", "starting", "running", "paused", "finished", "stopped", "failed"]
PredictionState = Literal["idle", "running", "finished", "cancelled", "failed"]


@dataclass(frozen=True, slots=True)
class Message:
    """A line for the person at the screen.

    Parameters
    ----------
    level : {"info", "warning", "error"}
        How bad it is.
    text : str
        The line, or lines; empty where what was said last no longer holds.
    """

    level: Literal["info", "warning", "error"]
    text: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What one layer sees of the selected image, thumbnail size.

    Parameters
    ----------
    layer : str
        Name of the layer.
    row : tuple of int
        Path of its row.
    thumbnail : ndarray or None
        (h, w, 3) uint8; None where there is none.
    limits : tuple of float
        Values of the darkest and brightest colour.
    dead : int
        How many of its maps are constant.
    error : str
        Why there is no thumbnail.
    """

    layer: str
    row: RowPath
    thumbnail: NDArray[np.uint8] | None
    limits: tuple[float, float] = (0.0, 1.0)
    dead: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class TrainingStatus:
    """Where a training stands; what is not known yet is None."""

    state: State = "idle"
    epoch: int = 0
    epochs: int = 0
    step: int = 0
    steps: int = 0
    train_loss: float | None = None
    train_accuracy: float | None = None
    train_score: float | None = None
    validation_loss: float | None = None
    validation_accuracy: float | None = None
    validation_score: float | None = None
    score_name: str = "accuracy"
    lr: float | None = None
    seconds_left: float | None = None
    device: str = ""
    run: str = ""
    test_accuracy: float | None = None
    test_score: float | None = None
    scores: Mapping[str, float | None] = field(default_factory=dict)
    measures: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    caution: str = ""
    notes: tuple[str, ...] = ()
    error: str = ""

    @property
    def active(self) -> bool:
        """Whether a run is under way."""
        return self.state in ("starting", "running", "paused")

    def after(self, event: Event) -> TrainingStatus:
        """Give the status after an event of the training."""
        changes: Callable[[Any], dict[str, Any]] = _CHANGES.get(type(event).__name__, _nothing)
        return replace(self, **changes(event))


@dataclass(frozen=True, slots=True)
class PredictionStatus:
    """Where a prediction per voxel stands.

    Parameters
    ----------
    state : {"idle", "running", "finished", "cancelled", "failed"}
        What it does.
    fraction : float
        Part of the voxels that is done, 0 to 1.
    seconds_left : float or None
        What the rest will take; None before that can be said.
    error : str
        Why it failed.
    """

    state: PredictionState = "idle"
    fraction: float = 0.0
    seconds_left: float | None = None
    error: str = ""

    @property
    def active(self) -> bool:
        """Whether one is under way."""
        return self.state == "running"


def _nothing(event: object) -> dict[str, Any]:
    return {}


def _fields(event: object, **names: str) -> dict[str, Any]:
    """Fields of an event, under the names that the status has for them."""
    return {own: getattr(event, theirs, None) for own, theirs in names.items()}


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


_CHANGES: dict[str, Callable[[Any], dict[str, Any]]] = {
    "Started": lambda e: {
        "state": "running",
        "run": str(e.run),
        "steps": e.epochs * e.steps_per_epoch,
        **_fields(e, **_same("device", "epochs", "score_name", "notes")),
    },
    "Step": lambda e: {
        "state": "running",
        **_fields(e, train_loss="loss", **_same("step", "epoch", "lr")),
    },
    "Epoch": lambda e: _fields(
        e,
        **_same(
            "epoch",
            "step",
            "train_loss",
            "train_accuracy",
            "train_score",
            "validation_loss",
            "validation_accuracy",
            "validation_score",
            "lr",
            "seconds_left",
        ),
    ),
    "Paused": lambda e: {"state": "paused"},
    "Resumed": lambda e: {"state": "running"},
    "Finished": lambda e: {
        "state": "stopped" if e.stopped else "finished",
        "seconds_left": 0.0,
        **_fields(
            e,
            **_same(
                "step",
                "test_accuracy",
                "test_score",
                "score_name",
                "scores",
                "measures",
                "caution",
            ),
        ),
    },
    "Failed": lambda e: {"state": "failed", "error": e.message},
}
