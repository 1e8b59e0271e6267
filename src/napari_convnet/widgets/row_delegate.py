"""How a row is drawn: text, output, parameters, receptive field, picture, and what is wrong."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from qtpy.QtCore import QEvent, QModelIndex, QObject, QRect, QSize, Qt, Signal
from qtpy.QtGui import QColor, QFont, QFontMetrics, QKeyEvent, QPainter
from qtpy.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from .row_editor import RowEditor
from .row_model import PICTURE, VIEW, Picture
from .rows import RowView
from .theme import Colors, fixed_font, mixed

PICTURE_SIZE = 48
GAP = 4
GRIP = 10
INDENT = 14


@dataclass(frozen=True)
class RowLayout:
    """Where the parts of a row lie; the message of a wrong row stands in place of its facts."""

    picture: QRect
    text: QRect
    cells: tuple[QRect, QRect, QRect]
    message: QRect


def row_layout(rect: QRect, depth: int, line: int) -> RowLayout:
    """Divide the rectangle of a row.

    Parameters
    ----------
    rect : QRect
        The row.
    depth : int
        How many groups it lies in.
    line : int
        Height of a line of text.
    """
    picture = QRect(
        rect.left() + GRIP + depth * INDENT, rect.top() + GAP, PICTURE_SIZE, PICTURE_SIZE
    )
    left = picture.right() + 2 * GAP
    width = max(0, rect.right() - GAP - left)
    text = QRect(left, rect.top() + GAP, width, line + 2 * GAP)
    top = picture.bottom() + 1 - line
    below = text.bottom() + GAP
    return RowLayout(
        picture,
        text,
        cells(QRect(left, top, width, line)),
        QRect(left, below, width, max(0, rect.bottom() - below)),
    )


def cells(rect: QRect) -> tuple[QRect, QRect, QRect]:
    """Columns for output, parameters and receptive field."""
    first, second = round(rect.width() * 0.42), round(rect.width() * 0.29)
    return (
        QRect(rect.left(), rect.top(), first, rect.height()),
        QRect(rect.left() + first, rect.top(), second, rect.height()),
        QRect(
            rect.left() + first + second + 2 * GAP,
            rect.top(),
            rect.width() - first - second - 2 * GAP,
            rect.height(),
        ),
    )


class RowDelegate(QStyledItemDelegate):
    """Draws rows, and opens the editor for their text."""

    accepted = Signal(QWidget, str)
    """An editor is done; see `RowEditor.accepted`."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._colors = Colors()

    def setColors(self, colors: Colors) -> None:
        """Draw in other colours."""
        self._colors = colors

    # ------------------------------------------------------------ size
    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:
        """A picture's height, and below it that of the message."""
        view: RowView = index.data(VIEW)
        metrics = QFontMetrics(option.font)
        height = PICTURE_SIZE + 2 * GAP
        if view.blank:
            height = metrics.height() + 4 * GAP
        elif view.message:
            width = self.parent().viewport().width()
            area = row_layout(QRect(0, 0, width, height), view.depth, metrics.height()).message
            bounds = metrics.boundingRect(
                0, 0, area.width(), 10_000, Qt.TextFlag.TextWordWrap, view.message
            )
            height = max(height, area.top() + bounds.height() + GAP)
        return QSize(0, height)

    def layoutOf(self, rect: QRect, view: RowView, font: QFont) -> RowLayout:
        """Where the parts of a row lie; a blank row is a line of text only."""
        found = row_layout(rect, view.depth, QFontMetrics(font).height())
        if view.blank:
            centre = found.text.translated(0, rect.center().y() - found.text.center().y())
            return replace(found, text=centre)
        return found

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
        painter.setOpacity(0.5 if view.dimmed else 1.0)
        if not view.blank:
            self._paint_picture(painter, parts.picture, view, index.data(PICTURE))
        self._paint_text(painter, option, parts, view)
        painter.restore()

    def _paint_ground(self, painter: QPainter, option: QStyleOptionViewItem, view: RowView) -> None:
        colors, rect = self._colors, option.rect
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        ground = mixed(colors.ground, colors.accent, 0.22) if selected else colors.ground
        if view.message:
            ground = mixed(ground, colors.error, 0.18)
        painter.fillRect(rect, QColor(ground))
        if view.message:
            painter.fillRect(rect.left(), rect.top(), 3, rect.height(), QColor(colors.error))
        line = QColor(mixed(colors.ground, colors.line, 0.45))
        painter.fillRect(rect.left(), rect.bottom(), rect.width(), 1, line)
        if option.state & QStyle.StateFlag.State_MouseOver and not view.blank:
            self._paint_grip(painter, rect)

    def _paint_grip(self, painter: QPainter, rect: QRect) -> None:
        """Dots that say: this can be dragged."""
        top = rect.top() + GAP + PICTURE_SIZE // 2 - 6
        for i in range(4):
            painter.fillRect(rect.left() + 5, top + 4 * i, 2, 2, QColor(self._colors.faint))

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
        color = colors.error if view.message else colors.faint if view.blank else colors.text
        text = view.text or "add a layer \u2026"
        code = option.font if view.blank else fixed_font(option.font.pointSizeF() + 0.5)
        if view.blank:
            parts = replace(parts, text=parts.text.adjusted(-PICTURE_SIZE, 0, 0, 0))
        self._paint_line(painter, parts.text, text, code, color)
        facts = (view.shape, view.parameters, view.sees)
        if view.message:
            facts = ("", "", "")
        right = Qt.AlignmentFlag.AlignRight
        left = Qt.AlignmentFlag.AlignLeft
        for rect, fact, align in zip(parts.cells, facts, (left, right, right), strict=True):
            self._paint_line(painter, rect, fact, option.font, colors.faint, align)
        if view.message:
            painter.setFont(option.font)
            painter.setPen(QColor(colors.error))
            painter.drawText(parts.message, Qt.TextFlag.TextWordWrap, view.message)

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
        editor = RowEditor(parent)
        editor.setFont(fixed_font(option.font.pointSizeF() + 0.5))
        editor.setColors(self._colors)
        editor.setPlaceholderText("conv 8 k3 relu" if index.data(VIEW).blank else "")
        editor.accepted.connect(lambda where: self.accepted.emit(editor, where))
        return editor

    def updateEditorGeometry(
        self, editor: QWidget | None, option: QStyleOptionViewItem, index: QModelIndex
    ) -> None:
        """Lay the editor over the text, as wide as the row allows."""
        view: RowView = index.data(VIEW)
        rect = self.layoutOf(option.rect, view, option.font).text
        if view.blank:
            rect = rect.adjusted(-PICTURE_SIZE, 0, 0, 0)
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
