"""Checkpoints: weights for those who look, and the state that a training is resumed from."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from napari_convnet.model import save_weights
from napari_convnet.network import UserError

from .run import CHECKPOINTS, STATE

VERSION = 1
"""Of the state's file."""


@dataclass
class Progress:
    """How far a training has come.

    Parameters
    ----------
    step : int
        Steps done.
    epoch : int
        The epoch that goes on, from 1.
    batch : int
        Batches of it done.
    seen : int
        Examples of it seen.
    loss : float
        Sum of their losses.
    tally : list of float
        How they were told, as the task counts that; empty before the first step.
    seconds : float
        Time of training, without pauses.
    best : tuple of float
        Rank of the score and negative loss on the validation part of the best weights; empty
        without.
    """

    step: int = 0
    epoch: int = 1
    batch: int = 0
    seen: int = 0
    loss: float = 0.0
    tally: list[float] = field(default_factory=list)
    seconds: float = 0.0
    best: tuple[float, ...] = ()

    def next_epoch(self) -> None:
        """Begin the next epoch."""
        self.epoch += 1
        self.batch = self.seen = 0
        self.loss, self.tally = 0.0, []

    def count(self, tally: Sequence[float]) -> None:
        """Add to the tally of the epoch."""
        before = self.tally or [0.0] * len(tally)
        self.tally = [a + b for a, b in zip(before, tally, strict=True)]


@dataclass
class Pace:
    """Says when to write: often at first, when much changes, and never so often that it costs.

    Parameters
    ----------
    every : int or None
        Steps from one snapshot to the next; None for growing intervals, 0, 1, 2, 4, 8 and so on,
        up to 16, then about two per second.
    """

    every: int | None = None
    _weights_at: float = field(default=-1e9, init=False)
    _state_at: float = field(default_factory=time.monotonic, init=False)
    _cost: float = field(default=0.0, init=False)

    SHORTEST = 0.5  # seconds between snapshots
    STATE = 10.0  # seconds between states: what a killed training loses at most
    SHARE = 0.01  # of the time, that writing may take

    def snapshot_due(self, step: int) -> bool:
        """Whether the weights of this step are to be written."""
        if self.every is not None:
            return step % self.every == 0
        power_of_two = step & (step - 1) == 0
        waited = time.monotonic() - self._weights_at
        return (power_of_two and step <= 16) or waited > max(self.SHORTEST, self._cost / self.SHARE)

    def state_due(self, step: int) -> bool:
        """Whether the state of this step is to be written."""
        if self.every is not None:
            return step % self.every == 0
        waited = time.monotonic() - self._state_at
        return waited > max(self.STATE, 4 * self._cost / self.SHARE)

    def wrote(self, seconds: float, *, state: bool) -> None:
        """Remember that something was written, and how long it took."""
        if state:
            self._state_at = time.monotonic()
        else:
            self._weights_at, self._cost = time.monotonic(), seconds


@dataclass(frozen=True)
class Checkpoints:
    """The files of a run's ``checkpoints/``.

    Parameters
    ----------
    run : Path
        The run.
    model, optimizer, scaler
        What is kept.
    classes : tuple of str
        Names of the classes, written beside the weights.
    signature : str
        What must be the same when the run is resumed.
    rate : float
        Samples per second of recordings, written beside the weights; 0 where there are none.
    """

    run: Path
    model: nn.Module
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    classes: tuple[str, ...]
    signature: str
    rate: float = 0.0

    @property
    def folder(self) -> Path:
        """Where they lie."""
        return self.run / CHECKPOINTS

    def save_weights(self, which: str, progress: Progress) -> Path:
        """Write the weights of now as ``last`` or ``best``; return the file."""
        path = self.folder / f"{which}.safetensors"
        said: dict[str, object] = {"step": progress.step, "classes": list(self.classes)}
        if self.rate:
            said["rate"] = self.rate
        save_weights(self.model, path, **said)
        return path

    def save_state(self, progress: Progress) -> None:
        """Write all that a resumed training needs.

        The model is in it too: the weights' own file is written more often, and a training that is
        killed between the two must find a pair that belongs together.
        """
        state = {
            "version": VERSION,
            "signature": self.signature,
            "progress": asdict(progress),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
        }
        path = self.folder / STATE
        partial = path.with_name(f".{path.name}.part")
        try:
            torch.save(state, partial)
            os.replace(partial, path)
        except (OSError, RuntimeError) as error:  # torch's writer raises the latter on a full disk
            raise UserError(f"cannot write {path}: {error}", "make room on the disk") from None

    def load_state(self) -> Progress:
        """Take up what was saved.

        Raises
        ------
        UserError
            If it is damaged, or of another training.
        """
        state = read_state(self.folder / STATE)
        if state["signature"] != self.signature:
            raise UserError(
                f"{self.run} was trained with other data than now",
                "resume it with the data it began with, or train a new run",
            )
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        return _progress(state["progress"])


def _progress(values: dict[str, Any]) -> Progress:
    if "correct" in values:  # of version 0.1, which had one task
        right, seen = values.pop("correct"), values["seen"]
        values["tally"] = [float(right), float(seen)] if seen else []
    return Progress(**values)


def read_state(path: Path) -> dict[str, Any]:
    """Read a state's file, without running anything in it.

    Raises
    ------
    UserError
        If it is missing, damaged or of another version.
    """
    if not path.is_file():
        raise UserError(f"there is no {path}", "train a new run")
    try:
        state = dict(torch.load(path, map_location="cpu", weights_only=True))
        version = state["version"]
    except Exception as error:  # torch's reader meets damage with any of a dozen kinds
        told = (str(error) or type(error).__name__).splitlines()[0][:80]
        raise UserError(f"{path} is damaged ({told})", "train a new run") from None
    if version != VERSION:
        what = f"{path} was written by another version of napari-convnet"
        raise UserError(what, "resume it with that version, or train a new run")
    return state
