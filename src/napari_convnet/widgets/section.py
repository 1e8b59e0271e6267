"""A part of a dock that folds up to its title."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QSizePolicy, QToolButton, QVBoxLayout, QWidget

from .icons import icon
from .theme import Colors


class Section(QWidget):
    """A title that shows or hides what stands below it.

    Parameters
    ----------
    title : str
        The title.
    content : QWidget
        What stands below it.
    open : bool
        Whether it is shown at first.
    """

    toggled = Signal(bool)

    def __init__(
        self, title: str, content: QWidget, open: bool = False, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._colors = Colors()
        self.button = QToolButton(self)
        self.button.setText(title)
        self.button.setCheckable(True)
        self.button.setChecked(open)
        self.button.setAutoRaise(True)
        self.button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.button.toggled.connect(self._show)
        self.content = content
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.button)
        layout.addWidget(content)
        self._show(open)

    def setTitle(self, title: str) -> None:
        """Change the title."""
        self.button.setText(title)

    def setOpen(self, open: bool) -> None:
        """Show or hide the content."""
        self.button.setChecked(open)

    def isOpen(self) -> bool:
        """Whether the content is shown."""
        return self.button.isChecked()

    def setColors(self, colors: Colors) -> None:
        """Draw the arrow in another colour."""
        self._colors = colors
        self.button.setIcon(icon("down" if self.isOpen() else "right", colors.text))

    def _show(self, open: bool) -> None:
        self.content.setVisible(open)
        self.setColors(self._colors)
        self.toggled.emit(open)
