"""A question in napari's window: what is to be opened, where a file alone does not say.

It waits beside the other work: nothing is blocked until it is answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

_WIDTH, _HIGHEST, _LETTERS = 460, 400, 70


class Question(QDialog):
    """Asks whether to do something, or which of several things.

    Parameters
    ----------
    parent : QWidget
        The window it lies over.
    text : str
        What was found.
    options : sequence of str
        What can be chosen; where there is only one, it is asked for by the button alone.
    do : str
        Name of the button that does it.

    Attributes
    ----------
    answered : Signal
        Carries the numbers of what was chosen; not sent where it was left.
    boxes : tuple of QCheckBox
        One for each of several options; none is checked at first.

    Examples
    --------
    A script answers the questions of a viewer like this::

        for question in questions(viewer):
            question.accept()
    """

    answered = Signal(tuple)

    def __init__(self, parent: QWidget, text: str, options: Sequence[str], do: str) -> None:
        super().__init__(parent)
        self.setWindowTitle("napari-convnet")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(_WIDTH)
        layout = QVBoxLayout(self)
        self.label = QLabel(text)
        self.label.setWordWrap(True)
        # What is quoted from a file is text, never markup.
        self.label.setTextFormat(Qt.TextFormat.PlainText)
        layout.addWidget(self.label)
        # Check boxes do not break lines by themselves.
        lines = [fill(option, _LETTERS, break_long_words=False) for option in options]
        self.boxes = tuple(map(QCheckBox, lines)) if len(options) > 1 else ()
        if self.boxes:
            layout.addWidget(_scrolled(self.boxes))
        buttons = QDialogButtonBox()
        buttons.addButton(do, QDialogButtonBox.ButtonRole.AcceptRole)
        leave = QPushButton("Leave it")
        buttons.addButton(leave, QDialogButtonBox.ButtonRole.RejectRole)
        leave.setDefault(True)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout.addWidget(buttons)

    @property
    def text(self) -> str:
        """What is asked."""
        return str(self.label.text())

    def accept(self) -> None:
        """Answer with what is checked, or with yes."""
        chosen = tuple(i for i, box in enumerate(self.boxes) if box.isChecked())
        super().accept()
        if chosen or not self.boxes:
            self.answered.emit(chosen or (0,))


def _scrolled(boxes: Sequence[QCheckBox]) -> QScrollArea:
    """Stack many boxes in a room that is not higher than a screen."""
    inside = QWidget()
    column = QVBoxLayout(inside)
    for box in boxes:
        column.addWidget(box)
    area = QScrollArea()
    area.setWidget(inside)
    area.setWidgetResizable(True)
    area.setMinimumHeight(min(inside.sizeHint().height() + 4, _HIGHEST))
    return area


def window_of(viewer: Any) -> QWidget | None:
    """Give a viewer's window, or None where it has none."""
    # Plugins get viewers in a wrapping that hides it.
    window = getattr(getattr(viewer, "__wrapped__", viewer), "window", None)
    return getattr(getattr(window, "__wrapped__", window), "_qt_window", None)


def questions(viewer: Any) -> tuple[Question, ...]:
    """Questions in a viewer's window that are not answered yet."""
    window = window_of(viewer)
    asked = () if window is None else window.findChildren(Question)
    return tuple(each for each in asked if each.isVisible())
