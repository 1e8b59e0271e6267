"""What all docks have in common: a session, a theme, a place for messages, and when they listen."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QSize, Qt
from qtpy.QtGui import QAction, QHideEvent, QKeyEvent, QKeySequence, QShowEvent
from qtpy.QtWidgets import QFrame, QScrollArea, QToolButton, QVBoxLayout, QWidget

from napari_convnet.network import UserError

from .icons import icon
from .links import Links
from .memory import memory_of
from .message_bar import MessageBar
from .theme import Colors, colors_of, style_of

if TYPE_CHECKING:
    import napari

    from napari_convnet.viewer import Message, Session

WIDTH = 330
"""Pixels that a dock needs; on a screen of 1366 it leaves room for the image."""


HEIGHT = 250
"""Pixels that a dock needs where napari puts one below the other; more is better."""


class Dock(QWidget):
    """A dock widget over a viewer's session.

    The session outlives the dock. A dock listens while it is shown and catches up when it is shown
    again, so that one which was closed costs nothing.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer.
    """

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__()
        # Imported here: describing or testing a widget needs no engine.
        from napari_convnet.viewer import attach

        self.viewer = napari_viewer
        self.session: Session = attach(napari_viewer)
        self.memory = memory_of(self.session)
        self.colors = Colors()
        self.links = Links()
        self.message = MessageBar(self)
        self._keys: list[tuple[QKeySequence, QAction]] = []
        self._actions: dict[str, tuple[QAction, str]] = {}
        self.setMinimumSize(WIDTH, HEIGHT)
        self._theme = ""
        self.links.add(self.session.message, self._on_message)
        self.links.add(self.viewer.events.theme, self._on_theme)

    def fill(self, content: QWidget) -> None:
        """Lay out the dock: the content, which scrolls where it is too high, and the messages."""
        self.area = area = QScrollArea(self)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(content)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.setSpacing(3)
        layout.addWidget(area, 1)
        layout.addWidget(self.message)
        self._on_theme()

    def sizeHint(self) -> QSize:
        """Narrow: the image is what one looks at."""
        return QSize(WIDTH + 50, 640)

    # ------------------------------------------------------------ listening
    def bind(self) -> None:
        """Listen to the session, and catch up with it."""
        if self.links.connected:
            return
        self.links.connect()
        self._on_theme()
        self.refresh()

    def unbind(self) -> None:
        """Listen no longer."""
        self.links.disconnect()

    def refresh(self) -> None:
        """Show everything as the session has it now."""

    def showEvent(self, event: QShowEvent | None) -> None:
        """Listen while shown."""
        super().showEvent(event)
        self.bind()

    def hideEvent(self, event: QHideEvent | None) -> None:
        """Listen no longer when closed, or hidden behind another dock."""
        self.unbind()
        super().hideEvent(event)

    def _on_message(self, message: Message) -> None:
        if message.text or self.message.value()[0] == "warning":
            self.message.setValue(message.level, message.text)

    def _on_theme(self, event: object = None) -> None:
        if self._theme == str(self.viewer.theme):
            return
        self._theme = str(self.viewer.theme)
        self.colors = colors_of(self.viewer)
        for action, name in self._actions.values():
            action.setIcon(icon(name, self.colors.text))
        self.setStyleSheet(style_of(self.colors))
        self.message.setColors(self.colors)
        self.setColors(self.colors)

    def setColors(self, colors: Colors) -> None:
        """Hand the theme's colours on."""

    # ------------------------------------------------------------ actions
    def do(self, action: Callable[..., Any], *arguments: Any) -> bool:
        """Do something that the user may have asked for in vain; say so if it fails.

        Returns
        -------
        bool
            Whether it was done.
        """
        try:
            action(*arguments)
        except UserError as error:
            self.message.setValue("error", str(error))
            return False
        return True

    def button(self, title: str, name: str, do: Callable[[], Any], *keys: str) -> QToolButton:
        """Make a button with an icon, and shortcuts that hold inside this dock only.

        Parameters
        ----------
        title : str
            What it does, for its tooltip.
        name : str
            Its icon.
        do : callable
            What it does.
        *keys : str
            Shortcuts.
        """
        action = QAction(title, self)
        action.triggered.connect(lambda _=False: do())
        sequences = [QKeySequence(key) for key in keys]
        # Not the action's own shortcuts: napari has Ctrl+S too, and Qt runs neither of two.
        self._keys += [(sequence, action) for sequence in sequences]
        self._actions[name] = (action, name)
        button = QToolButton(self)
        button.setDefaultAction(action)
        button.setAutoRaise(True)
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setTip(name, title)
        return button

    def action(self, name: str) -> QAction:
        """Return the action with an icon of this name."""
        return self._actions[name][0]

    def setTip(self, name: str, text: str) -> None:
        """Say what an action does, and its shortcut."""
        action = self.action(name)
        keys = [
            s.toString(QKeySequence.SequenceFormat.NativeText) for s, a in self._keys if a is action
        ]
        action.setToolTip(f"{text} ({keys[0]})" if keys else text)

    def _action_for(self, event: Any) -> QAction | None:
        pressed = QKeySequence(event.keyCombination())
        return next((action for sequence, action in self._keys if sequence == pressed), None)

    def event(self, event: QEvent | None) -> bool:
        """Claim this dock's shortcuts, while the focus is in it, before napari's."""
        override = event is not None and event.type() == QEvent.Type.ShortcutOverride
        if override and self._action_for(event) is not None:
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Do what a shortcut stands for."""
        action = self._action_for(event)
        if action is None:
            super().keyPressEvent(event)
        else:
            event.accept()
            action.trigger()
