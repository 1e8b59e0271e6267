"""Start, pause, stop, and how far a training is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from .icons import icon
from .theme import Colors
from .values import score_text, time_text

if TYPE_CHECKING:
    from napari_convnet.viewer import TrainingStatus


@dataclass(frozen=True)
class Controls:
    """Which buttons may be pressed.

    Parameters
    ----------
    start, pause, stop : bool
        Whether they are enabled.
    resumes : bool
        Whether the pause button goes on instead.
    """

    start: bool = False
    pause: bool = False
    stop: bool = False
    resumes: bool = False


_CONTROLS = {
    "starting": Controls(stop=True),
    "running": Controls(pause=True, stop=True),
    "paused": Controls(pause=True, stop=True, resumes=True),
}


def controls(state: str) -> Controls:
    """Say what can be done in a state of a training.

    Examples
    --------
    >>> controls("paused").resumes, controls("idle").start
    (True, True)
    """
    return _CONTROLS.get(state, Controls(start=True))


def progress_text(status: TrainingStatus) -> str:
    """Say in a line how far a training is."""
    if status.state == "idle":
        return "not trained yet"
    if status.state == "starting":
        return "loading the data \u2026"
    if status.state == "failed":
        return "failed"
    where = f"epoch {status.epoch} of {status.epochs}" if status.epochs else ""
    left = time_text(status.seconds_left) if status.seconds_left is not None else ""
    if status.state == "running" and left:
        return f"{where}, {left} left"
    return ", ".join(filter(None, (status.state, where)))


def result_text(status: TrainingStatus) -> str:
    """Say what came of a training; empty while nothing has."""
    score = status.test_score
    if score is None and status.score_name == "accuracy":
        score = status.test_accuracy
    if score is None:
        return ""
    told = f"Test {status.score_name} {score_text(status.score_name, score)}"
    # In a word; the tooltip says why.
    return f"{told} ({status.caution.partition(':')[0]})" if status.caution else told


class RunControls(QWidget):
    """Buttons and progress of a training; `setValue` takes a `TrainingStatus`."""

    started = Signal()
    paused = Signal()
    resumed = Signal()
    stopped = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.state = ""
        self._controls = controls("idle")
        self._colors = Colors()
        self.start_button = QPushButton("Start", self)
        self.start_button.setToolTip("Train the network as the document says")
        self.pause_button = QPushButton("Pause", self)
        self.stop_button = QPushButton("Stop", self)
        self.stop_button.setToolTip("End the training and keep the best weights")
        self.bar = QProgressBar(self)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(8)
        self.label = QLabel(self)
        self.label.setWordWrap(True)
        self.start_button.clicked.connect(lambda: self.started.emit())
        self.pause_button.clicked.connect(self._pause)
        self.stop_button.clicked.connect(lambda: self.stopped.emit())
        self._lay_out()

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(4)
        for button in (self.start_button, self.pause_button, self.stop_button):
            button.setIconSize(QSize(14, 14))
            row.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(row)
        layout.addWidget(self.bar)
        layout.addWidget(self.label)

    def setValue(self, status: TrainingStatus) -> None:
        """Show where a training stands."""
        if status.state != self.state:
            self._set_state(status.state)
        # A bar whose end is not known yet runs to and fro.
        most = 0 if status.state == "starting" else max(1, status.steps)
        # Qt would paint the whole window at once for every value.
        self.bar.setUpdatesEnabled(False)
        self.bar.setRange(0, most)
        self.bar.setValue(min(status.step, max(1, status.steps)))
        self.bar.setUpdatesEnabled(True)
        self.label.setText(progress_text(status))

    def _set_state(self, state: str) -> None:
        self.state = state
        self._controls = now = controls(state)
        self.start_button.setEnabled(now.start)
        self.pause_button.setEnabled(now.pause)
        self.stop_button.setEnabled(now.stop)
        self.pause_button.setText("Resume" if now.resumes else "Pause")
        self.pause_button.setToolTip(
            "Go on training" if now.resumes else "Hold the training after this step"
        )
        self.setColors(self._colors)

    def setColors(self, colors: Colors) -> None:
        """Use other colours."""
        self._colors = colors
        pause = "play" if self._controls.resumes else "pause"
        self.start_button.setIcon(icon("play", colors.text))
        self.pause_button.setIcon(icon(pause, colors.text))
        self.stop_button.setIcon(icon("stop", colors.text))

    def _pause(self) -> None:
        if self._controls.resumes:
            self.resumed.emit()
        else:
            self.paused.emit()
