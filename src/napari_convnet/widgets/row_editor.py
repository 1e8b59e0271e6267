"""The line edit in which a row is typed, with the words of the language at hand."""

from __future__ import annotations

from qtpy.QtCore import QEvent, Qt, Signal
from qtpy.QtGui import QKeyEvent, QKeySequence, QStandardItem, QStandardItemModel
from qtpy.QtWidgets import QCompleter, QLineEdit, QWidget

from napari_convnet.network import OPS
from napari_convnet.network.ops import FLAG_HELP

from .calls import BlockCall, CallValue, RowText, word_at
from .theme import Colors, mixed
from .words import STRUCTURE_HELP, Words

_ALT = Qt.KeyboardModifier.AltModifier
_CONTROL = Qt.KeyboardModifier.ControlModifier


def words_for(text: str, position: int, words: Words | None = None) -> list[tuple[str, str]]:
    """Words that may stand at a cursor, each with what it means.

    Ops and blocks may stand everywhere; flags and names of layers only behind an op that takes
    them, and what holds rows only at the beginning.

    Examples
    --------
    >>> words_for("conv 6 sa", 9)
    [('same', 'padding that keeps the size at stride 1')]
    """
    words = words or Words()
    begin, prefix = word_at(text, position)
    row = RowText(text[:begin].rstrip(), words.params)
    call = row.calls[-1] if row.calls else None
    joins = isinstance(call, CallValue) and call.takes_names
    named = joins or isinstance(call, BlockCall)
    if not prefix and not joins:
        return []
    found = list(words.names) if named else []
    if prefix.startswith("$"):
        found = [one for one in words.here if one[0].startswith("$")]
    if isinstance(call, CallValue):
        found += [(flag, FLAG_HELP[flag]) for flag in call.kind.signature.flags]
    if prefix:
        found += [(word, kind.title) for word, kind in OPS.items()]
        found += [(name, f"block {head}") for name, head in words.blocks.items()]
    if not row.line:
        found += STRUCTURE_HELP.items()
    return [(word, about) for word, about in found if word.startswith(prefix) and word != prefix]


def popup_style(colors: Colors) -> str:
    """Style sheet of a list that opens below what one types."""
    chosen = mixed(colors.field, colors.accent, 0.4)
    return f"""
        QListView {{ background: {colors.field}; color: {colors.text};
            border: 1px solid {colors.line}; outline: 0; }}
        QListView::item {{ padding: 2px 4px; }}
        QListView::item:selected {{ background: {chosen}; color: {colors.text}; }}
    """


class RowEditor(QLineEdit):
    """Edits one row's text.

    Parameters
    ----------
    words : Words, optional
        Words that are offered beside those of the language.

    Keys: Return accepts and goes on to the next row, with Control it opens a row below; Up and Down
    accept and change rows, with Alt they move the row; Delete or Backspace in an empty row deletes
    it; Tab takes the first suggestion.
    """

    accepted = Signal(str)
    """Typing is over; where to go: next, below, previous, move-up, move-down or delete."""

    def __init__(self, parent: QWidget | None = None, words: Words | None = None) -> None:
        super().__init__(parent)
        self._more = words or Words()
        self.setFrame(False)
        self._words = QStandardItemModel(0, 1, self)
        self._completer = QCompleter(self._words, self)
        self._completer.setWidget(self)
        # The words offered are filtered here: they depend on the op before the cursor.
        self._completer.setCompletionMode(QCompleter.CompletionMode.UnfilteredPopupCompletion)
        self._completer.setCompletionRole(Qt.ItemDataRole.UserRole)
        self._completer.activated.connect(self._complete)
        self.textEdited.connect(self._offer)

    def setColors(self, colors: Colors) -> None:
        """Use these colours for the list of words, a window of its own that has no theme."""
        popup = self._completer.popup()
        popup.setFont(self.font())
        popup.setStyleSheet(popup_style(colors))

    def offered(self) -> list[str]:
        """Words that are offered now."""
        popup = self._completer.popup()
        if not popup.isVisible():
            return []
        items = (self._words.item(i) for i in range(self._words.rowCount()))
        return [item.data(Qt.ItemDataRole.UserRole) for item in items]

    def _offer(self) -> None:
        found = words_for(self.text(), self.cursorPosition(), self._more)[:12]
        self._words.clear()
        for word, about in found:
            item = QStandardItem(f"{word}  \u2013  {about}")
            item.setData(word, Qt.ItemDataRole.UserRole)
            self._words.appendRow(item)
        popup = self._completer.popup()
        if not found:
            popup.hide()
            return
        rect = self.cursorRect()
        rect.setWidth(min(320, popup.sizeHintForColumn(0) + 32))
        self._completer.complete(rect)

    def _complete(self, word: str) -> None:
        position = self.cursorPosition()
        begin, _ = word_at(self.text(), position)
        self.setText(f"{self.text()[:begin]}{word} {self.text()[position:].lstrip()}")
        self.setCursorPosition(begin + len(word) + 1)
        self.setModified(True)

    def event(self, event: QEvent | None) -> bool:
        """Take Tab as a key; Qt itself would go to the next widget."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            taken = event.key() == Qt.Key.Key_Tab
            if taken:
                self.keyPressEvent(event)
                return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Turn the keys that end typing into `accepted`."""
        assert event is not None
        if self._completer.popup().isVisible() and self._for_popup(event):
            return
        where = self._where(event)
        if event.matches(QKeySequence.StandardKey.Undo) and not self.isUndoAvailable():
            event.ignore()  # what was typed before is the document's to take back
        elif where:
            event.accept()
            self.accepted.emit(where)
        else:
            super().keyPressEvent(event)

    def _for_popup(self, event: QKeyEvent) -> bool:
        """Whether a key is meant for the words that are offered."""
        chosen = self._completer.popup().currentIndex().isValid()
        if event.key() == Qt.Key.Key_Tab:
            self._completer.popup().hide()
            self._complete(self._words.item(0).data(Qt.ItemDataRole.UserRole))
            return True
        if event.key() == Qt.Key.Key_Escape or (
            chosen and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        ):
            event.ignore()  # the completer does it
            return True
        return False

    def _where(self, event: QKeyEvent) -> str:
        key, modifiers = event.key(), event.modifiers()
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            return "below" if modifiers & _CONTROL else "next"
        if key == Qt.Key.Key_Tab:
            return "next"
        if key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            up = key == Qt.Key.Key_Up
            if modifiers & _ALT:
                return "move-up" if up else "move-down"
            return "previous" if up else "next"
        if key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace) and not self.text():
            return "delete"
        return ""
