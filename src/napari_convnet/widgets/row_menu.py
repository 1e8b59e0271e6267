"""What can be done to a row, and the words it may be written with, as menus."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from html import escape
from typing import TYPE_CHECKING

from qtpy.QtGui import QCursor
from qtpy.QtWidgets import QMenu, QToolTip, QWidget

from napari_convnet.network import OPS, Op
from napari_convnet.network.ops import LETTER_HELP

from .calls import RowText

if TYPE_CHECKING:
    from .row_list import RowList


def row_menu(rows: RowList, row: int) -> QMenu:
    """Make the context menu of the row at an index of a list."""
    view = rows.value()[row]
    menu = QMenu(rows)
    for title, keys, do in (
        ("Insert above", "", partial(rows.insertAbove, row)),
        ("Insert below", "Ctrl+Return", partial(rows.insertBelow, row)),
        ("Duplicate", "", partial(rows.duplicateRow, view)),
        ("Move up", "Alt+Up", partial(rows.moveRow, view, -1)),
        ("Move down", "Alt+Down", partial(rows.moveRow, view, 1)),
        ("Delete", "Del", partial(rows.deleteRow, view)),
    ):
        # The keys are told, not bound: the list itself listens to them.
        menu.addAction(f"{title}\t{keys}" if keys else title, do)
    kinds = list(dict.fromkeys(call.kind for call in RowText(view.text).calls))
    if kinds:
        menu.addSeparator()
    for kind in kinds:
        action = menu.addAction(f"What does {kind.word} do?")
        action.triggered.connect(partial(_explain, rows, kind))
    return menu


def _explain(parent: QWidget, kind: type[Op], checked: bool = False) -> None:
    QToolTip.showText(QCursor.pos(), about_html(kind), parent, msecShowTime=20_000)


def about_html(kind: type[Op]) -> str:
    """Explain an op: what it does, its formula, its arguments, an example."""
    return (
        f"<b>{escape(kind.title)}</b><br>{escape(kind.help)}<br>"
        f"<code>{escape(kind.formula)}</code><br>"
        f"{escape(arguments_text(kind))}<br>"
        f"Example: <code>{escape(kind.example)}</code>"
    )


def arguments_text(kind: type[Op]) -> str:
    """Say in a sentence what an op takes.

    Examples
    --------
    >>> arguments_text(OPS["up"])
    'Arguments: factor; nearest, linear.'
    """
    signature = kind.signature
    numbers = [signature.main.name] if signature.main else []
    numbers += [f"{letter} {LETTER_HELP[letter]}" for letter in signature.letters]
    parts = [", ".join(numbers), ", ".join(signature.flags)]
    told = "; ".join(filter(None, parts))
    return f"Arguments: {told}." if told else "It takes no arguments."


def palette_menu(parent: QWidget, insert: Callable[[str], object]) -> QMenu:
    """Make the menu of all ops by family; choosing one calls `insert` with its example."""
    menu = QMenu(parent)
    for family in dict.fromkeys(kind.family for kind in OPS.values()):
        part = menu.addMenu(family.capitalize())
        part.setToolTipsVisible(True)
        for kind in (kind for kind in OPS.values() if kind.family == family):
            action = part.addAction(f"{kind.title}\t{kind.example}")
            action.setToolTip(about_html(kind))
            action.setData(kind.word)
            action.triggered.connect(partial(_chosen, insert, kind.example))
    return menu


def _chosen(insert: Callable[[str], object], example: str, checked: bool = False) -> None:
    insert(example)
