"""What shows how rows lie in one another: arrows, guides, letters of branches, marks of joins."""

from __future__ import annotations

from qtpy.QtCore import QPointF, QRect, QRectF, Qt
from qtpy.QtGui import QColor, QFont, QPainter, QPen, QPolygonF

from .row_layout import ARROW, INDENT, guide_x, least_height
from .rows import RowView
from .theme import Colors, mixed

MARK = 11
_MARKED = ("cat", "add", "res", "side")


def paint_arrow(painter: QPainter, rect: QRect, view: RowView, colors: Colors) -> None:
    """Draw the triangle of a row that folds."""
    if view.open is None:
        return
    middle = QPointF(rect.left() + ARROW / 2, rect.center().y() + 0.5)
    shape = [(-4, -2.5), (4, -2.5), (0, 3.5)] if view.open else [(-2.5, -4), (-2.5, 4), (3.5, 0)]
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(colors.faint))
    painter.drawPolygon(QPolygonF([middle + QPointF(x, y) for x, y in shape]))
    painter.restore()


def paint_chip(painter: QPainter, rect: QRect, view: RowView, colors: Colors) -> None:
    """Draw the letter of a branch."""
    if not view.label or rect.isEmpty():
        return
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    chip = QRectF(rect.left(), rect.center().y() - 7, rect.width(), 15)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(mixed(colors.ground, branch_color(view.label, colors), 0.35)))
    painter.drawRoundedRect(chip, 3, 3)
    font = QFont(painter.font())
    font.setPointSizeF(max(6.0, font.pointSizeF() - 1.5))
    painter.setFont(font)
    painter.setPen(QColor(colors.text))
    painter.drawText(chip, Qt.AlignmentFlag.AlignCenter, view.label)
    painter.restore()


BRANCHES = ("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#f0e442", "#d55e00")
"""Colours told apart by everybody."""


def branch_color(letter: str, colors: Colors) -> str:
    """Colour of a branch."""
    return mixed(BRANCHES[(ord(letter) - ord("A")) % len(BRANCHES)], colors.ground, 0.1)


def paint_guides(painter: QPainter, rect: QRect, view: RowView, colors: Colors) -> None:
    """Draw the lines from the heads of rows down to those that lie in them, and their ends."""
    if not view.guides:
        return
    line = mixed(colors.ground, colors.faint, 0.55)
    painter.setPen(QPen(QColor(line), 1))
    middle = rect.top() + min(rect.height(), least_height(view, 15)) // 2
    for depth, guide in enumerate(view.guides):
        x = guide_x(rect, depth)
        own = depth == len(view.guides) - 1
        marked = guide in _MARKED
        if guide == "|" or marked:
            painter.drawLine(x, rect.top(), x, rect.bottom() - (MARK if marked else 0))
        elif own or guide:
            painter.drawLine(x, rect.top(), x, middle)
        if own:
            painter.drawLine(x, middle, x + INDENT - ARROW // 2 + 2, middle)
        if marked:
            _paint_mark(painter, x, rect.bottom() - MARK // 2 - 1, guide, colors)
            painter.setPen(QPen(QColor(line), 1))


def _paint_mark(painter: QPainter, x: int, y: int, kind: str, colors: Colors) -> None:
    """Draw how branches meet: a sum, a stack, or an output of its own."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor(colors.faint), 1.2))
    painter.setBrush(QColor(colors.ground))
    half = MARK / 2
    painter.drawEllipse(QPointF(x + 0.5, y + 0.5), half, half)
    centre = QPointF(x + 0.5, y + 0.5)
    for x1, y1, x2, y2 in _STROKES[kind]:
        painter.drawLine(centre + QPointF(x1, y1), centre + QPointF(x2, y2))
    painter.restore()


_STROKES = {
    "add": ((-3, 0, 3, 0), (0, -3, 0, 3)),
    "res": ((-3, 0, 3, 0), (0, -3, 0, 3)),
    "cat": ((-1.5, -3, -1.5, 3), (1.5, -3, 1.5, 3)),
    "side": ((-3, 0, 3, 0), (1, -2, 3, 0), (1, 2, 3, 0)),
}
"""Lines of the marks, around their middles."""
