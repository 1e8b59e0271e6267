"""How a row is drawn: text, output, parameters, receptive field, picture, and what is wrong."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, QModelIndex, QObject, QRect, QSize, Qt, Signal
from qtpy.QtGui import QColor, QFont, QFontMetrics, QKeyEvent, QPainter
from qtpy.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from .row_editor import RowEditor
from .row_guides import paint_arrow, paint_chip, paint_guides
from .row_layout import GAP, SLIM, RowLayout, least_height, row_layout
from .row_model import PICTURE, VIEW, Picture
from .rows import RowView
from .theme import Colors, fixed_font, mixed
from .values import TIMES
from .words import Words


class RowDelegate(QStyledItemDelegate):
    """Draws rows, and opens the editor for their text."""

    accepted = Signal(QWidget, str)
    """An editor is done; see `RowEditor.accepted`."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._colors = Colors()
        self._words = Words()

    def setWords(self, words: Words) -> None:
        """Offer these words where rows are typed."""
        self._words = words

    def setColors(self, colors: Colors) -> None:
        """Draw in other colours."""
        self._colors = colors

    # ------------------------------------------------------------ size
    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:
        """A picture's height, and below it that of the message."""
        view: RowView = index.data(VIEW)
        metrics = QFontMetrics(option.font)
        height = least_height(view, metrics.height())
        told = view.message or view.warning
        if told:
            width = self.parent().viewport().width()
            area = row_layout(QRect(0, 0, width, height), view, metrics.height()).message
            flags = Qt.TextFlag.TextWordWrap
            bounds = metrics.boundingRect(0, 0, area.width(), 10_000, flags, told)
            height = max(height, area.top() + bounds.height() + GAP)
        return QSize(0, height)

    def layoutOf(self, rect: QRect, view: RowView, font: QFont) -> RowLayout:
        """Where the parts of a row lie."""
        return row_layout(rect, view, QFontMetrics(font).height())

    # ------------------------------------------------------------ drawing
    def paint(
        self, painter: QPainter | None, option: QStyleOptionViewItem, index: QModelIndex
    ) -> None:
        """Draw a row."""
        assert painter is not None
        view: RowView = index.data(VIEW)
        parts = self.layoutOf(option.rect, view, option.font)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        self._paint_ground(painter, option, view)
        paint_guides(painter, option.rect, view, self._colors)
        painter.setOpacity(0.5 if view.dimmed else 1.0)
        paint_arrow(painter, parts.arrow, view, self._colors)
        paint_chip(painter, parts.chip, view, self._colors)
        if not parts.picture.isEmpty():
            self._paint_picture(painter, parts.picture, view, index.data(PICTURE))
        self._paint_text(painter, option, parts, view)
        painter.restore()

    def _paint_ground(self, painter: QPainter, option: QStyleOptionViewItem, view: RowView) -> None:
        colors, rect = self._colors, option.rect
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        ground = colors.ground
        if view.kind == "title":
            ground = mixed(ground, colors.field, 0.45)
        ground = mixed(ground, colors.accent, 0.22) if selected else ground
        tint = colors.error if view.message else colors.warning if view.warning else ""
        if tint:
            ground = mixed(ground, tint, 0.18 if view.message else 0.10)
        painter.fillRect(rect, QColor(ground))
        if tint:
            painter.fillRect(rect.left(), rect.top(), 3, rect.height(), QColor(tint))
        line = QColor(mixed(colors.ground, colors.line, 0.45))
        painter.fillRect(rect.left(), rect.bottom(), rect.width(), 1, line)
        if option.state & QStyle.StateFlag.State_MouseOver and view.movable:
            self._paint_grip(painter, rect)

    def _paint_grip(self, painter: QPainter, rect: QRect) -> None:
        """Dots that say: this can be dragged."""
        top = rect.top() + min(rect.height() // 2, 28) - 6
        for i in range(4):
            painter.fillRect(rect.left() + 4, top + 4 * i, 2, 2, QColor(self._colors.faint))

    def _paint_picture(
        self, painter: QPainter, rect: QRect, view: RowView, picture: Picture | None
    ) -> None:
        painter.fillRect(rect, QColor(mixed(self._colors.ground, self._colors.field, 0.6)))
        if not view.layer:
            return
        pixmap = picture.pixmap if picture else None
        if pixmap is None:
            painter.setPen(QColor(self._colors.faint))
            mark = "!" if picture and picture.error else "\u2026"
            painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, mark)
            return
        size = pixmap.size().scaled(rect.size(), Qt.AspectRatioMode.KeepAspectRatio)
        target = QRect(rect.topLeft(), size)
        target.moveCenter(rect.center())
        painter.drawPixmap(target, pixmap)
        if picture and picture.dead:
            painter.fillRect(rect.right() - 6, rect.top() + 2, 5, 5, QColor(self._colors.warning))

    def _paint_text(
        self, painter: QPainter, option: QStyleOptionViewItem, parts: RowLayout, view: RowView
    ) -> None:
        colors = self._colors
        color = colors.error if view.message else colors.text
        if view.blank or view.kind in ("title", "branch"):
            color = colors.faint
        plain = view.blank or view.kind in ("title", "branch", "call")
        font = option.font if plain else fixed_font(option.font.pointSizeF() + 0.5)
        painter.setFont(font)
        taken = painter.fontMetrics().horizontalAdvance(text_of(view)) + 2 * GAP
        room = parts.text
        beside = room.adjusted(min(taken, room.width()), 0, 0, 0)
        note = self._fitting(painter, option.font, note_of(view), beside.width())
        right = Qt.AlignmentFlag.AlignRight
        self._paint_line(painter, beside, note, option.font, colors.faint, right)
        self._paint_line(painter, room, text_of(view), font, color)
        if not parts.picture.isEmpty() and not view.message:
            self._paint_facts(painter, option, parts, view)
        told = view.message or view.warning
        if told:
            painter.setFont(option.font)
            painter.setPen(QColor(colors.error if view.message else colors.warning))
            painter.drawText(parts.message, Qt.TextFlag.TextWordWrap, told)

    def _fitting(self, painter: QPainter, font: QFont, notes: tuple[str, ...], width: int) -> str:
        """Give the longest note for which there is room beside a row's text."""
        painter.setFont(font)
        metrics = painter.fontMetrics()
        return next((one for one in notes if metrics.horizontalAdvance(one) <= width), "")

    def _paint_facts(
        self, painter: QPainter, option: QStyleOptionViewItem, parts: RowLayout, view: RowView
    ) -> None:
        right = Qt.AlignmentFlag.AlignRight
        left = Qt.AlignmentFlag.AlignLeft
        facts = zip(
            parts.cells,
            (view.shape, view.parameters, view.sees),
            (left, right, right),
            strict=True,
        )
        for rect, fact, align in facts:
            # Where there is no room for them, without blanks.
            close = fact.replace(f" {TIMES} ", TIMES)
            text = self._fitting(painter, option.font, (fact,), rect.width()) or close
            self._paint_line(painter, rect, text, option.font, self._colors.faint, align)

    def _paint_line(
        self,
        painter: QPainter,
        rect: QRect,
        text: str,
        font: QFont,
        color: str,
        align: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft,
    ) -> None:
        painter.setFont(font)
        painter.setPen(QColor(color))
        shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, rect.width())
        painter.drawText(rect, align | Qt.AlignmentFlag.AlignVCenter, shown)

    # ------------------------------------------------------------ editing
    def createEditor(
        self, parent: QWidget | None, option: QStyleOptionViewItem, index: QModelIndex
    ) -> QWidget:
        """Open a line edit over the text."""
        view: RowView = index.data(VIEW)
        editor = RowEditor(parent, self._words.at(view.path))
        editor.setFont(fixed_font(option.font.pointSizeF() + 0.5))
        editor.setColors(self._colors)
        editor.setPlaceholderText("conv 8 k3 relu" if view.blank else "")
        editor.accepted.connect(lambda where: self.accepted.emit(editor, where))
        return editor

    def updateEditorGeometry(
        self, editor: QWidget | None, option: QStyleOptionViewItem, index: QModelIndex
    ) -> None:
        """Lay the editor over the text, as wide as the row allows."""
        view: RowView = index.data(VIEW)
        rect = self.layoutOf(option.rect, view, option.font).text
        editor.setGeometry(rect.adjusted(-3, -1, 2, 1))

    def setEditorData(self, editor: QWidget | None, index: QModelIndex) -> None:
        """Fill the editor, unless something has been typed: that is never overwritten."""
        if isinstance(editor, RowEditor) and not editor.isModified():
            text = index.data(Qt.ItemDataRole.EditRole)
            if editor.text() != text:
                editor.setText(text)

    def setModelData(self, editor: QWidget | None, model: Any, index: QModelIndex) -> None:
        """Hand what was typed to the model."""
        if isinstance(editor, RowEditor):
            text = editor.text()
            editor.setModified(False)
            model.setData(index, text)

    def eventFilter(self, editor: QObject | None, event: QEvent | None) -> bool:
        """Leave Return and Tab to the editor; Qt itself would close it."""
        keys = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Tab)
        pressed = isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress
        if pressed and event.key() in keys:
            return False
        return super().eventFilter(editor, event)


def text_of(view: RowView) -> str:
    """What a row says, where that is not what it is typed as."""
    if view.blank:
        return "add a layer \u2026"
    if view.kind == "branch":
        return f"branch {view.label}"
    return view.text


def note_of(view: RowView) -> tuple[str, ...]:
    """What may stand at the end of a row's line, the longest first: how much it holds, its name.

    Examples
    --------
    >>> note_of(RowView((0,), kind="cat", open=False, count=7))
    ('7 layers',)
    """
    if view.message:
        return ()
    if view.kind == "layer":
        return (view.layer, view.layer.rpartition(".")[2])
    count = f"{view.count} layers" if view.count > 1 and view.open is False else ""
    if view.kind in SLIM and view.kind != "title":
        facts = [fact for fact in (count, view.shape, view.parameters) if fact]
        return tuple(" \u00b7 ".join(facts[i:]) for i in range(len(facts)))
    return (count,)
