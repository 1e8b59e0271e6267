"""The document as text, and the list of what is wrong with it."""

from __future__ import annotations

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from napari_convnet.document import Pipeline
from napari_convnet.network import Problem

from .text_editor import TextEditor
from .theme import Colors

MOST_HEIGHT = 110
_WAIT = 300
"""Milliseconds without a key after which the text is read."""


class TextTab(QWidget):
    """Edits the text of a document, in step with whoever else edits it.

    `valueChanged` is emitted when the person has stopped typing for a moment. A text that arrives
    meanwhile does not overwrite what is being typed.
    """

    valueChanged = Signal(str)
    undoAsked = Signal()
    redoAsked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._colors = Colors()
        self.editor = TextEditor(self)
        self.problems = QListWidget(self)
        self.problems.setWordWrap(True)
        self.problems.setProperty("role", "error")
        self.problems.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.problems.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.editor, 1)
        layout.addWidget(self.problems)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_WAIT)
        self._timer.timeout.connect(self.flush)
        self.editor.valueChanged.connect(self._typed)
        self.editor.undoAsked.connect(self._undo)
        self.editor.redoAsked.connect(self._redo)
        self.problems.itemClicked.connect(self._jump)
        self.problems.itemActivated.connect(self._jump)

    # ------------------------------------------------------------ value
    def value(self) -> str:
        """Return the text."""
        return self.editor.value()

    def setValue(self, text: str) -> None:
        """Show another text, unless one is being typed."""
        if not self.waiting:
            self.editor.setValue(text)

    def setPipeline(self, pipeline: Pipeline) -> None:
        """Show a document and what is wrong with it."""
        self.setValue(pipeline.text)
        if self.value() == pipeline.text:
            self.setProblems(pipeline.problems, pipeline.warnings)

    @property
    def waiting(self) -> bool:
        """Whether something was typed that has not been told."""
        return self._timer.isActive()

    def flush(self) -> None:
        """Tell at once what was typed."""
        if self._timer.isActive():
            self._timer.stop()
        self.valueChanged.emit(self.value())

    def settle(self) -> None:
        """Tell what was typed, if anything was."""
        if self.waiting:
            self.flush()

    # ------------------------------------------------------------ problems
    def setProblems(
        self, problems: tuple[Problem, ...], warnings: tuple[Problem, ...] = ()
    ) -> None:
        """List what is wrong and underline it; below it, what is right but hardly meant."""
        self.editor.setProblems(problems)
        self.problems.clear()
        for problem in problems:
            self._list(problem, str(problem))
        for warning in warnings:
            item = self._list(warning, f"{warning} (a warning)")
            item.setForeground(QColor(self._colors.warning))
        self.problems.setVisible(bool(problems or warnings))
        self._fit()

    def _list(self, problem: Problem, text: str) -> QListWidgetItem:
        item = QListWidgetItem(text)
        item.setData(Qt.ItemDataRole.UserRole, problem)
        self.problems.addItem(item)
        return item

    def _fit(self) -> None:
        """Give the list the height of what it lists."""
        metrics, width = self.problems.fontMetrics(), max(200, self.width() - 30)
        wrap = Qt.TextFlag.TextWordWrap
        texts = [self.problems.item(i).text() for i in range(self.problems.count())]
        heights = [metrics.boundingRect(0, 0, width, 9999, wrap, text).height() for text in texts]
        self.problems.setFixedHeight(min(sum(heights) + 2 * len(heights) + 6, MOST_HEIGHT))

    def _jump(self, item: QListWidgetItem) -> None:
        problem: Problem = item.data(Qt.ItemDataRole.UserRole)
        if problem.place is not None:
            self.editor.jump(problem.place)

    # ------------------------------------------------------------ what was typed
    def _typed(self, text: str) -> None:
        self._timer.start()

    def _undo(self) -> None:
        self.settle()
        self.undoAsked.emit()

    def _redo(self) -> None:
        self.settle()
        self.redoAsked.emit()

    def setColors(self, colors: Colors) -> None:
        """Use other colours."""
        self._colors = colors
        self.editor.setColors(colors)
