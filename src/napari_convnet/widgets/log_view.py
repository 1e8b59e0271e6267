"""The log of a training."""

from __future__ import annotations

from qtpy.QtWidgets import QPlainTextEdit, QWidget

from .training_history import MOST_LINES, TrainingHistory


class LogView(QPlainTextEdit):
    """Shows the last lines of a `TrainingHistory`, and stays at the end while it is there."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown = 0
        self.setReadOnly(True)
        self.setMaximumBlockCount(MOST_LINES)
        self.setMinimumHeight(60)
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.WidgetWidth)

    def setHistory(self, history: TrainingHistory) -> None:
        """Show a log; what is shown already is left as it is."""
        if history.lines < self._shown:
            self.clear()
            self._shown = 0
        new = list(history.log)[-(history.lines - self._shown) :] if self._behind(history) else []
        for line in new:
            self.appendPlainText(line)
        self._shown = history.lines

    def restart(self) -> None:
        """Begin with an empty log."""
        self.clear()
        self._shown = 0

    def _behind(self, history: TrainingHistory) -> bool:
        return history.lines > self._shown
