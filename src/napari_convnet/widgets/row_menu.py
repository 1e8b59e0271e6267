"""What can be done to a row, and the words it may be written with, as menus."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from html import escape
from typing import TYPE_CHECKING

from qtpy.QtGui import QCursor
from qtpy.QtWidgets import QMenu, QToolTip, QWidget

from napari_convnet.network import OPS, Op, RowPath
from napari_convnet.network.ops import LETTER_HELP

from .calls import CallValue, RowText
from .rows import RowView
from .words import Words

if TYPE_CHECKING:
    from .row_list import RowList


WRAPS = (
    ("res", "Shortcut (res)"),
    ("cat", "Branches, stacked (cat)"),
    ("add", "Branches, summed (add)"),
    ("side", "Output of its own (side)"),
    ("x2", "Repeat (x2)"),
)
"""What rows can be put into, with its title."""

STRUCTURES = (
    ("res", "Shortcut: x + f(x)", ("conv 8 relu conv 8",)),
    ("cat", "Branches, stacked", ("conv 8 k1 relu", "conv 8 k3 relu")),
    ("add", "Branches, summed", ("conv 8 k1", "conv 8 k3")),
    ("side", "Output of its own", ("gap fc 10",)),
    ("x2", "Group, repeated", ("conv 8 k3 relu",)),
)
"""What holds rows, for the palette: its word, its title and its first rows."""


def row_menu(rows: RowList, row: int) -> QMenu:
    """Make the context menu of the row at an index of a list."""
    view = rows.value()[row]
    menu = QMenu(rows)
    if view.definition:
        menu.addAction("Edit the row that makes it\tReturn", partial(_ask_definition, rows, view))
    if view.movable:
        _add_row_actions(menu, rows, row, view)
    if view.kind == "block":
        menu.addAction("Insert a row in it\tCtrl+Return", partial(rows.insertBelow, row))
        menu.addAction("Delete\tDel", partial(rows.deleteRow, view))
    if view.open is not None:
        word, keys = ("Fold", "Left") if view.open else ("Unfold", "Right")
        menu.addSeparator()
        menu.addAction(f"{word}\t{keys}", partial(rows.foldRow, view, not view.open))
        menu.addAction(
            f"{word} all in it\tAlt+{keys}", partial(rows.foldRow, view, not view.open, below=True)
        )
    calls = RowText(view.text).calls
    kinds = list(dict.fromkeys(c.kind for c in calls if isinstance(c, CallValue)))
    if kinds:
        menu.addSeparator()
    for kind in kinds:
        action = menu.addAction(f"What does {kind.word} do?")
        action.triggered.connect(partial(_explain, rows, kind))
    return menu


def _ask_definition(rows: RowList, view: RowView) -> None:
    rows.definitionAsked.emit(view)


def _add_row_actions(menu: QMenu, rows: RowList, row: int, view: RowView) -> None:
    actions: list[tuple[str, str, Callable[[], object]]] = [
        ("Insert above", "", partial(rows.insertAbove, row)),
        ("Insert below", "Ctrl+Return", partial(rows.insertBelow, row)),
        ("Duplicate", "", partial(rows.duplicateRow, view)),
        ("Move up", "Alt+Up", partial(rows.moveRow, view, -1)),
        ("Move down", "Alt+Down", partial(rows.moveRow, view, 1)),
        ("Delete", "Del", partial(rows.deleteRow, view)),
    ]
    for title, keys, do in actions:
        if title == "Duplicate" and view.group:
            continue
        # The keys are told, not bound: the list itself listens to them.
        menu.addAction(f"{title}\t{keys}" if keys else title, do)
    menu.addSeparator()
    branched = view.path if view.kind in ("cat", "add") else view.path[:-1]
    if view.kind in ("cat", "add") or view.label:
        menu.addAction("Add a branch", partial(rows.addBranch, branched))
    part = menu.addMenu("Put into")
    for word, title in WRAPS:
        part.addAction(title, partial(_change, rows, "wrap", view.path, word))
    if view.group:
        menu.addAction("Take its rows out", partial(_change, rows, "unwrap", view.path, ""))


def _change(rows: RowList, what: str, path: RowPath, word: str) -> None:
    rows.structureAsked.emit(what, path, word)


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


def palette_menu(
    parent: QWidget,
    insert: Callable[[str], object],
    insert_structure: Callable[[str, tuple[str, ...]], object] | None = None,
) -> QMenu:
    """Make the menu of all ops by family, and of what holds rows; choosing one inserts it."""
    menu = QMenu(parent)
    for family in dict.fromkeys(kind.family for kind in OPS.values()):
        part = menu.addMenu(family.capitalize())
        part.setToolTipsVisible(True)
        for kind in (kind for kind in OPS.values() if kind.family == family):
            action = part.addAction(f"{kind.title}\t{kind.example}")
            action.setToolTip(about_html(kind))
            action.setData(kind.word)
            action.triggered.connect(partial(_chosen, insert, kind.example))
    if insert_structure is not None:
        menu.addSeparator()
        part = menu.addMenu("Branches and blocks")
        for word, title, rows in STRUCTURES:
            action = part.addAction(f"{title}\t{word}:")
            action.setData(word)
            action.triggered.connect(partial(_structure, insert_structure, word, rows))
        part.addSeparator()
        action = part.addAction("New block, to be called\ttwo(a):")
        action.setData("block")
        action.triggered.connect(partial(_structure, insert_structure, "block", ()))
    return menu


def _chosen(insert: Callable[[str], object], example: str, checked: bool = False) -> None:
    insert(example)


def _structure(
    insert: Callable[[str, tuple[str, ...]], object],
    word: str,
    rows: tuple[str, ...],
    checked: bool = False,
) -> None:
    insert(word, rows)


def document_words_menu(menu: QMenu, words: Words, insert: Callable[[str], object]) -> None:
    """Offer, in front of the palette, the blocks and layers that a new row may name."""
    for action in menu.actions():
        if action.data() == "document":
            menu.removeAction(action)
            action.deleteLater()
    first = menu.actions()[0] if menu.actions() else None
    for title, entries in _documents(words):
        part = QMenu(title, menu)
        for shown, text in entries:
            part.addAction(shown).triggered.connect(partial(_chosen, insert, text))
        entry = part.menuAction()
        entry.setData("document")
        menu.insertAction(first, entry)
    if first is not None and menu.actions()[0] is not first:
        menu.insertSeparator(first).setData("document")


def _documents(words: Words) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    calls = [(head, _call_text(name, words)) for name, head in words.blocks.items()]
    names = [name for name, _ in words.names][:12]
    if calls:
        yield "Blocks of this network", calls
    if names:
        about = dict(words.names)
        yield "Stack with (cat)", [(f"{n}\t{about[n]}", f"cat {n}") for n in names]
        yield "Sum with (add)", [(f"{n}\t{about[n]}", f"add {n}") for n in names]
        yield "Crop to", [(f"{n}\t{about[n]}", f"crop {n}") for n in names]


def _call_text(name: str, words: Words) -> str:
    """Write a call of a block: with 8 for each parameter that has no default."""
    inside = words.blocks[name].partition("(")[2].rstrip(")")
    params = [param.strip() for param in inside.split(",") if param.strip()]
    near = words.names[0][0] if words.names else "8"
    given = [near if "skip" in param else "8" for param in params if "=" not in param]
    return " ".join([name, *given])
