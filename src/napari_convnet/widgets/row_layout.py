"""Where the parts of a row lie: pure arithmetic of rectangles."""

from __future__ import annotations

from dataclasses import dataclass

from qtpy.QtCore import QPoint, QRect

from .rows import RowView

PICTURE_SIZE = 48
SMALL_SIZE = 36
GAP = 4
GRIP = 10
INDENT = 14
ARROW = 14
CHIP = 14

SLIM = ("title", "block", "branch")
"""Kinds of rows that are a line of text only."""


@dataclass(frozen=True)
class RowLayout:
    """Where the parts of a row lie.

    The message of a wrong row stands in place of its facts; a warning stands below them.
    """

    arrow: QRect
    chip: QRect
    picture: QRect
    text: QRect
    cells: tuple[QRect, QRect, QRect]
    message: QRect


def picture_size(view: RowView) -> int:
    """Pixels of a row's picture; zero where it has none."""
    if view.blank or view.kind in SLIM:
        return 0
    return SMALL_SIZE if view.kind in ("layer", "call") else PICTURE_SIZE


def least_height(view: RowView, line: int) -> int:
    """Height of a row without its message."""
    size = picture_size(view)
    if size:
        return max(size, 2 * line + GAP) + 2 * GAP
    return line + (4 if view.blank else 3) * GAP


def row_layout(rect: QRect, view: RowView, line: int) -> RowLayout:
    """Divide the rectangle of a row.

    Parameters
    ----------
    rect : QRect
        The row.
    view : RowView
        What it shows.
    line : int
        Height of a line of text.
    """
    left, size = rect.left() + GRIP + view.depth * INDENT, picture_size(view)
    top = rect.top() + GAP
    height = least_height(view, line) - 2 * GAP
    arrow = QRect(left, top, ARROW, height)
    chip = QRect(arrow.right() + 1, top, CHIP * bool(view.label), height)
    picture = QRect(chip.right() + 1 + bool(view.label) * 2, top, size, size)
    start = picture.right() + 1 + (2 * GAP if size else 0)
    width = max(0, rect.right() - GAP - start)
    text_height = min(line + 2 * GAP, height - line) if size else height
    text = QRect(start, top, width, text_height)
    facts = QRect(start, top + height - line, width, line)
    told = facts.bottom() + 1 + GAP // 2 if view.warning and not view.message else text.bottom() + 1
    message = QRect(start, told, width, max(0, rect.bottom() - told))
    return RowLayout(arrow, chip, picture, text, cells(facts), message)


def cells(rect: QRect) -> tuple[QRect, QRect, QRect]:
    """Columns for output, parameters and receptive field."""
    first, second = round(rect.width() * 0.40), round(rect.width() * 0.26)
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


def guide_x(rect: QRect, depth: int) -> int:
    """Where the guide of the rows at a depth runs: under the arrow of the row they lie in."""
    return rect.left() + GRIP + depth * INDENT + ARROW // 2


def in_arrow(layout: RowLayout, point: QPoint) -> bool:
    """Whether a point is on the arrow, or on the little that lies beside it."""
    return layout.arrow.adjusted(-4, -GAP, 2, GAP).contains(point)


def depth_at(x: int) -> int:
    """How far in a row is that is dropped with the pointer at `x`: by its arrow, or its picture."""
    return max(0, (x - GRIP) // INDENT)
