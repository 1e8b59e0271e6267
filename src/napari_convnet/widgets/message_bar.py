"""One message for the person at the screen, until it is read."""

from __future__ import annotations

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QToolButton, QWidget

from .icons import icon
from .theme import Colors, mixed

MOST_LINES = 6
_BRIEF = 6000
"""Milliseconds that a message which asks for nothing stays."""


class MessageBar(QWidget):
    """Shows the last message; hidden while there is none.

    `value` is ``(level, text)``, with level info, warning or error.
    """

    valueChanged = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("message")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._value = ("info", "")
        self._colors = Colors()
        self.label = QLabel(self)
        self.label.setWordWrap(True)
        self.close_button = QToolButton(self)
        self.close_button.setAutoRaise(True)
        self.close_button.setToolTip("Dismiss this message")
        self.close_button.clicked.connect(self.clear)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(6, 3, 2, 3)
        layout.addWidget(self.label, 1)
        layout.addWidget(self.close_button)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_BRIEF)
        self._timer.timeout.connect(self.clear)
        self.hide()

    def value(self) -> tuple[str, str]:
        """Return level and text of the message; an empty text where there is none."""
        return self._value

    def setValue(self, level: str, text: str) -> None:
        """Show a message."""
        self._value = (level, text)
        self.label.setText(shortened(text))
        self.label.setToolTip(text)
        self.setVisible(bool(text))
        if text:
            self._paint()
        self._timer.stop()
        if level == "info" and text:
            self._timer.start()
        self.valueChanged.emit(self._value)

    def clear(self) -> None:
        """Take the message away."""
        self.setValue("info", "")

    def setColors(self, colors: Colors) -> None:
        """Use other colours."""
        self._colors = colors
        if self._value[1]:
            self._paint()

    def _paint(self) -> None:
        colors = self._colors
        shades = {"error": colors.error, "warning": colors.warning}
        shade = shades.get(self._value[0], colors.accent)
        ground = mixed(colors.ground, shade, 0.15)
        self.setStyleSheet(
            f"#message, #message QLabel {{ background: {ground}; color: {colors.text}; }}"
            f"#message {{ border-left: 3px solid {shade}; }}"
        )
        self.close_button.setIcon(icon("close", colors.text))


def shortened(text: str) -> str:
    """Give the first lines of a text, and say how many more there are."""
    lines = text.splitlines()
    if len(lines) <= MOST_LINES:
        return text
    rest = len(lines) - MOST_LINES + 1
    return "\n".join([*lines[: MOST_LINES - 1], f"and {rest} more lines"])
