"""A plain text editor for the document: line numbers, colours, marks under what is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from qtpy.QtCore import QRect, QSize, Qt, Signal
from qtpy.QtGui import (
    QColor,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QSyntaxHighlighter,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
)
from qtpy.QtWidgets import QPlainTextEdit, QTextEdit, QWidget

from napari_convnet.network import OPS, Place, Problem

from .theme import Colors, fixed_font, mixed

_KEY = re.compile(r"^(\s*(?:- )*)([A-Za-z][\w-]*)(?=:(\s|$))")
_WORD = re.compile(r"(?<![\w$.-])[A-Za-z]\w*")
_NUMBER = re.compile(r"(?<![\w.])[kspdgmox]?\d[\d.x]*(e-?\d+)?\b|(?<![\w.])\.\d+")
_COMMENT = re.compile(r"(^|\s)#.*$")


class Highlighter(QSyntaxHighlighter):
    """Colours keys, ops, numbers and comments; lightly, for a text that is mostly words."""

    def __init__(self, document: QTextDocument | None) -> None:
        super().__init__(document)
        self._formats: dict[str, QTextCharFormat] = {}
        self.setColors(Colors())

    def setColors(self, colors: Colors) -> None:
        """Use other colours."""
        shades = {
            "key": colors.accent,
            "op": mixed(colors.good, colors.text, 0.25),
            "number": mixed(colors.warning, colors.text, 0.3),
            "comment": colors.faint,
        }
        for name, shade in shades.items():
            self._formats[name] = QTextCharFormat()
            self._formats[name].setForeground(QColor(shade))
        self._formats["comment"].setFontItalic(True)
        self.rehighlight()

    def highlightBlock(self, text: str | None) -> None:
        """Colour one line."""
        text = text or ""
        for match in _NUMBER.finditer(text):
            self._mark("number", match.start(), match.end())
        for match in _WORD.finditer(text):
            if match.group() in OPS:
                self._mark("op", match.start(), match.end())
        key = _KEY.match(text)
        if key is not None:
            self._mark("key", key.start(2), key.end(2))
        comment = _COMMENT.search(text)
        if comment is not None:
            self._mark("comment", comment.start(), comment.end())

    def _mark(self, name: str, start: int, stop: int) -> None:
        self.setFormat(start, stop - start, self._formats[name])


class _Numbers(QWidget):
    """The column of line numbers."""

    def __init__(self, editor: TextEditor) -> None:
        super().__init__(editor)
        self._editor = editor

    def sizeHint(self) -> QSize:
        """As wide as the largest number."""
        return QSize(self._editor.numbersWidth(), 0)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the numbers of the lines that are seen."""
        self._editor.paintNumbers(self, event)


class TextEditor(QPlainTextEdit):
    """Edits a text.

    `value` is the text; `valueChanged` is emitted at every change that the person makes. The text
    keeps no history of its own: `undoAsked` and `redoAsked` hand Ctrl+Z on to whoever has one.
    """

    valueChanged = Signal(str)
    undoAsked = Signal()
    redoAsked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._colors = Colors()
        self._problems: tuple[Problem, ...] = ()
        self._text = ""
        self.setUndoRedoEnabled(False)
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setTabChangesFocus(True)
        self._highlighter = Highlighter(self.document())
        self._numbers = _Numbers(self)
        self.blockCountChanged.connect(self._make_room)
        self.updateRequest.connect(self._scroll_numbers)
        self.textChanged.connect(self._on_changed)
        self._make_room()

    # ------------------------------------------------------------ value
    def value(self) -> str:
        """Return the text."""
        return self.toPlainText()

    def setValue(self, text: str) -> None:
        """Show another text; only what differs is written, so that the cursor stays."""
        old = self.toPlainText()
        if text == old:
            return
        start, stop, new = difference(old, text)
        cursor = QTextCursor(self.document())
        self._text = text
        cursor.beginEditBlock()
        cursor.setPosition(utf16(old, start))
        cursor.setPosition(utf16(old, stop), QTextCursor.MoveMode.KeepAnchor)
        cursor.insertText(new)
        cursor.endEditBlock()

    def _on_changed(self) -> None:
        # Colouring counts as a change for Qt; only what was typed counts here.
        text = self.toPlainText()
        if text != self._text:
            self._text = text
            self.valueChanged.emit(text)

    # ------------------------------------------------------------ problems
    def setProblems(self, problems: Iterable[Problem]) -> None:
        """Underline the places of problems."""
        self._problems = tuple(problems)
        self._underline()
        self._numbers.update()

    def _underline(self) -> None:
        marks = []
        for problem in self._problems:
            if problem.place is None:
                continue
            mark = QTextEdit.ExtraSelection()
            mark.cursor = self._cursor_over(problem.place)
            mark.format.setUnderlineStyle(QTextCharFormat.UnderlineStyle.WaveUnderline)
            mark.format.setUnderlineColor(QColor(self._colors.error))
            mark.format.setToolTip(str(problem))
            marks.append(mark)
        self.setExtraSelections(marks)

    def _cursor_over(self, place: Place) -> QTextCursor:
        cursor = QTextCursor(self.document())
        start = self._position(place.line, place.column)
        stop = self._position(place.end_line, place.end_column)
        cursor.setPosition(start)
        cursor.setPosition(max(start, stop), QTextCursor.MoveMode.KeepAnchor)
        if start >= stop:
            cursor.select(QTextCursor.SelectionType.WordUnderCursor)
        return cursor

    def _position(self, line: int, column: int) -> int:
        """Position of a line and column that count from 1; beyond the text, its end."""
        block = self.document().findBlockByNumber(line - 1)
        if not block.isValid():
            return max(0, self.document().characterCount() - 1)
        return block.position() + min(utf16(block.text(), column - 1), block.length() - 1)

    def jump(self, place: Place) -> None:
        """Put the cursor at a place, and show it."""
        cursor = self.textCursor()
        cursor.setPosition(self._position(place.line, place.column))
        self.setTextCursor(cursor)
        self.centerCursor()
        self.setFocus()

    # ------------------------------------------------------------ keys
    def keyPressEvent(self, event: object) -> None:
        """Hand undo and redo on; a new line begins where the one before does."""
        from qtpy.QtGui import QKeyEvent, QKeySequence

        assert isinstance(event, QKeyEvent)
        if event.matches(QKeySequence.StandardKey.Undo):
            self.undoAsked.emit()
        elif event.matches(QKeySequence.StandardKey.Redo):
            self.redoAsked.emit()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.insertPlainText("\n" + indent_after(self._line_to_cursor()))
            self.ensureCursorVisible()
        else:
            super().keyPressEvent(event)

    def _line_to_cursor(self) -> str:
        cursor = self.textCursor()
        return cursor.block().text()[: cursor.positionInBlock()]

    # ------------------------------------------------------------ looks
    def setColors(self, colors: Colors) -> None:
        """Use other colours."""
        self._colors = colors
        self._highlighter.setColors(colors)
        self._underline()
        self._numbers.update()

    def setPointSize(self, size: float) -> None:
        """Use another size of characters."""
        self.setFont(fixed_font(size))
        self._make_room()

    def numbersWidth(self) -> int:
        """Width of the column of line numbers."""
        digits = max(2, len(str(self.blockCount())))
        return 10 + self.fontMetrics().horizontalAdvance("9" * digits)

    def _make_room(self) -> None:
        self.setViewportMargins(self.numbersWidth(), 0, 0, 0)

    def _scroll_numbers(self, rect: QRect, dy: int) -> None:
        if dy:
            self._numbers.scroll(0, dy)
        else:
            self._numbers.update(0, rect.y(), self._numbers.width(), rect.height())

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Keep the line numbers as high as the text."""
        super().resizeEvent(event)
        rect = self.contentsRect()
        self._numbers.setGeometry(rect.left(), rect.top(), self.numbersWidth(), rect.height())

    def paintNumbers(self, column: QWidget, event: QPaintEvent | None) -> None:
        """Draw the line numbers; those of wrong lines in red."""
        wrong = {p.place.line for p in self._problems if p.place is not None}
        painter = QPainter(column)
        painter.fillRect(event.rect(), QColor(mixed(self._colors.ground, self._colors.field, 0.5)))
        painter.setFont(self.font())
        block = self.firstVisibleBlock()
        offset = self.contentOffset()
        while block.isValid():
            rect = self.blockBoundingGeometry(block).translated(offset).toRect()
            if rect.top() > event.rect().bottom():
                break
            number = block.blockNumber() + 1
            color = self._colors.error if number in wrong else self._colors.faint
            painter.setPen(QColor(color))
            place = QRect(0, rect.top(), column.width() - 5, rect.height())
            painter.drawText(place, Qt.AlignmentFlag.AlignRight, str(number))
            block = block.next()
        painter.end()


def difference(old: str, new: str) -> tuple[int, int, str]:
    """Find the stretch of a text that differs, and what stands there instead.

    Examples
    --------
    >>> difference("conv 6 k5", "conv 16 k5")
    (5, 5, '1')
    """
    start = _common(old, new)
    tail = _common(old[start:][::-1], new[start:][::-1])
    return start, len(old) - tail, new[start : len(new) - tail]


def _common(a: str, b: str) -> int:
    """Length of the common beginning: by halves, since comparing slices is quick."""
    lo, hi = 0, min(len(a), len(b))
    while lo < hi:
        middle = (lo + hi + 1) // 2
        if a[lo:middle] == b[lo:middle]:
            lo = middle
        else:
            hi = middle - 1
    return lo


def utf16(text: str, index: int) -> int:
    """Count the characters before an index as Qt does, which takes some for two."""
    return index + sum(1 for c in text[:index] if ord(c) > 0xFFFF)


def indent_after(line: str) -> str:
    """Blanks that a line after this one begins with; rows of a list go on with a dash.

    Examples
    --------
    >>> indent_after("  - conv 6"), indent_after("train:"), indent_after("  lr: 1")
    ('  - ', '  ', '  ')
    """
    bare = line.lstrip(" ")
    blanks = " " * (len(line) - len(bare))
    if bare.startswith("- ") and bare.strip() != "-":
        return f"{blanks}- "
    content: Sequence[str] = bare.split("#")[0].rstrip()
    return blanks + "  " if content and content[-1] == ":" else blanks
