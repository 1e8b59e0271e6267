"""The course of a training as curves and a log: plain lists, bounded however long it goes."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from psygnal import Signal

from .values import count_text, score_text, time_text

MOST_POINTS = 2000
MOST_LINES = 1000


@dataclass
class Curve:
    """Points of a curve; where there are too many, every second one is kept.

    Examples
    --------
    >>> curve = Curve()
    >>> curve.add(1, 0.5)
    >>> curve.x, curve.y
    ([1.0], [0.5])
    """

    x: list[float] = field(default_factory=list)
    y: list[float] = field(default_factory=list)
    _stride: int = 1
    _count: int = 0

    def add(self, x: float, y: float | None) -> None:
        """Add a point; None is no point."""
        if y is None:
            return
        if self._count % self._stride == 0:
            self.x.append(float(x))
            self.y.append(float(y))
        self._count += 1
        if len(self.x) > MOST_POINTS:
            del self.x[1::2], self.y[1::2]
            self._stride *= 2

    def __len__(self) -> int:
        return len(self.x)


CURVES = (
    "step_loss",
    "train_loss",
    "validation_loss",
    "train_score",
    "validation_score",
    "lr",
)


class TrainingHistory:
    """Gathers a training's events into curves over the steps, and a log.

    Signals
    -------
    changed
        Something was added.
    restarted
        A new training has begun.
    """

    changed = Signal()
    restarted = Signal()

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Begin anew."""
        self.curves = {name: Curve() for name in CURVES}
        self.score_name = "accuracy"
        self.log: deque[str] = deque(maxlen=MOST_LINES)
        self.lines = 0

    def add(self, event: Any) -> None:
        """Take an event of the training room in."""
        add = getattr(self, f"_{type(event).__name__.lower()}", None)
        if add is not None:
            add(event)
            self.changed.emit()

    def write(self, line: str) -> None:
        """Add a line to the log."""
        self.log.append(line)
        self.lines += 1

    # ------------------------------------------------------------ events
    def _started(self, event: Any) -> None:
        self.clear()
        self.restarted.emit()
        self.score_name = event.score_name
        self.write(f"training on {event.device}")
        self.write(f"{_parts_text(event)}; {count_text(event.parameters, 'parameter')}")
        for note in event.notes:
            self.write(note)
        self.write(f"{count_text(event.epochs, 'epoch')} of {event.steps_per_epoch:,} steps")

    def _step(self, event: Any) -> None:
        self.curves["step_loss"].add(event.step, event.loss)
        self.curves["lr"].add(event.step, event.lr)

    def _epoch(self, event: Any) -> None:
        values = {name: getattr(event, name) for name in ("train_loss", "validation_loss")}
        for part in ("train", "validation"):
            values[f"{part}_score"] = score_of(event, part)
        for name, value in values.items():
            self.curves[name].add(event.step, value)
        self.write(epoch_line(event))

    def _paused(self, event: Any) -> None:
        self.write(f"paused at step {event.step:,}")

    def _resumed(self, event: Any) -> None:
        self.write(f"resumed at step {event.step:,}")

    def _finished(self, event: Any) -> None:
        how = "stopped" if event.stopped else "finished"
        self.write(f"{how} after {time_text(event.seconds)}")
        score = score_of(event, "test")
        if score is not None:
            self.write(f"test {event.score_name} {score_text(event.score_name, score)}")
        for name, value in event.scores.items():
            if value is not None:
                self.write(f"    {name}: {score_text(event.score_name, value)}")

    def _failed(self, event: Any) -> None:
        self.write(f"failed: {event.message}")


def epoch_line(event: Any) -> str:
    """One line about an epoch, for the log."""
    parts = [f"epoch {event.epoch}: loss {event.train_loss:.3f}"]
    if event.validation_loss is not None:
        parts.append(f"validation {event.validation_loss:.3f}")
    score = score_of(event, "validation")
    if score is None:
        score = score_of(event, "train")
    if score is not None:
        text = score_text(event.score_name, score).replace(" ", "\u00a0")
        parts.append(text if event.score_name == "accuracy" else f"{event.score_name} {text}")
    return ", ".join(parts)


def score_of(event: Any, part: str) -> float | None:
    """Give the score of a part in an event; the accuracy where that is what it is judged by."""
    score: float | None = getattr(event, f"{part}_score")
    if score is None and event.score_name == "accuracy":
        score = getattr(event, f"{part}_accuracy")
    return score


def _parts_text(event: Any) -> str:
    """Count what a training has.

    Of images there are some in each part; of patches, some are cut in each epoch.
    """
    if event.task != "classify":
        return f"{event.train:,} {event.unit} in each epoch"
    parts = ((event.train, "train"), (event.validation, "validation"), (event.test, "test"))
    return ", ".join(f"{n:,} {part}" for n, part in parts if n)
