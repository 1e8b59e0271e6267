"""The rows of the network as a Qt model: updated in place, so that nothing on the screen jumps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from qtpy.QtCore import QAbstractListModel, QModelIndex, Qt, Signal
from qtpy.QtGui import QPixmap

from napari_convnet.network import RowPath

from .row_tree import SUM
from .rows import RowView, changes
from .values import count_text

TITLES: dict[RowPath, str] = {
    ("#blocks",): "Rows with a name and parameters, which the network calls like an op",
    ("#net",): "What happens to the image, from top to bottom",
}
"""What the titles mean."""

IN_BLOCK = "Output, field and picture are those of the block's first call; parameters of all."
"""What the facts of a row in a block mean."""

VIEW = Qt.ItemDataRole.UserRole
PICTURE = Qt.ItemDataRole.UserRole + 1


@dataclass(frozen=True, eq=False)
class Picture:
    """What a row's layer sees.

    Parameters
    ----------
    pixmap : QPixmap or None
        The thumbnail; None where there is none.
    dead : int
        How many of its maps are constant.
    error : str
        Why there is no thumbnail.
    """

    pixmap: QPixmap | None = None
    dead: int = 0
    error: str = ""

    @property
    def note(self) -> str:
        """What a thumbnail cannot show."""
        if self.error:
            return self.error
        return f"{count_text(self.dead, 'map')} dead: the same value everywhere" * bool(self.dead)


class RowModel(QAbstractListModel):
    """Rows, each with its picture.

    `setValue` compares with what is there: rows that stay keep their index, selection and editor.
    Pictures are kept by the names of their layers, so that unfolding a row shows them again.
    """

    edited = Signal(object, str)
    """A row (`RowView`) and what was typed into it."""

    def __init__(self) -> None:
        super().__init__()
        self._views: list[RowView] = [RowView((0,), blank=True)]
        self._pictures: dict[str, Picture] = {}
        self._changing = False

    # ------------------------------------------------------------ value
    def value(self) -> tuple[RowView, ...]:
        """Return the rows."""
        return tuple(self._views)

    def setValue(self, views: Sequence[RowView]) -> None:
        """Show other rows, changing only what differs."""
        # A row that goes takes its editor along, which would hand on what is typed: not now.
        self._changing = True
        try:
            self._change(views)
        finally:
            self._changing = False

    def _change(self, views: Sequence[RowView]) -> None:
        for change in changes(self._views, views):
            kept = change.start + change.kept
            self._views[change.start : kept] = views[change.begin : change.begin + change.kept]
            self.dataChanged.emit(self.index(change.start), self.index(kept - 1))
            self._remove(kept, change.stop)
            self._insert(kept, views[change.begin + change.kept : change.end])
        self._refresh(views)

    def _remove(self, start: int, stop: int) -> None:
        if start < stop:
            self.beginRemoveRows(QModelIndex(), start, stop - 1)
            del self._views[start:stop]
            self.endRemoveRows()

    def _insert(self, start: int, views: Sequence[RowView]) -> None:
        if views:
            self.beginInsertRows(QModelIndex(), start, start + len(views) - 1)
            self._views[start:start] = views
            self.endInsertRows()

    def _refresh(self, views: Sequence[RowView]) -> None:
        """Take over what is newly known of rows that say the same as before."""
        for i, view in enumerate(views):
            old, self._views[i] = self._views[i], view
            if old != view:
                self.dataChanged.emit(self.index(i), self.index(i))

    # ------------------------------------------------------------ rows that are typed
    def addBlank(self, row: int, path: RowPath) -> None:
        """Open a blank row, which becomes part of the document when something is typed."""
        depth = len(path) - 1
        self._insert(row, [RowView(path, blank=True, depth=depth, guides=("|",) * depth)])

    def dropBlank(self, row: int) -> None:
        """Take a blank row out, unless it is the last, which always stays."""
        if not self._changing and 0 <= row < len(self._views) - 1 and self._views[row].blank:
            self._remove(row, row + 1)

    def rowOf(self, path: RowPath) -> int | None:
        """Index of the row at a path of the document."""
        return next((i for i, v in enumerate(self._views) if v.path == path and not v.blank), None)

    # ------------------------------------------------------------ pictures
    def setPicture(self, layer: str, picture: Picture) -> None:
        """Show what a layer sees."""
        self._pictures[layer] = picture
        for i, view in enumerate(self._views):
            if view.layer == layer:
                self.dataChanged.emit(self.index(i), self.index(i), [PICTURE])

    def clearPictures(self) -> None:
        """Forget all pictures: they show another image."""
        self._pictures.clear()
        self.dataChanged.emit(self.index(0), self.index(len(self._views) - 1), [PICTURE])

    def keepPictures(self) -> None:
        """Forget the pictures of layers that are not shown: the document has changed."""
        shown = {view.layer for view in self._views}
        self._pictures = {name: one for name, one in self._pictures.items() if name in shown}

    def picture(self, row: int) -> Picture | None:
        """Return a row's picture; None where it has not arrived."""
        return self._pictures.get(self._views[row].layer)

    # ------------------------------------------------------------ what Qt asks
    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Count the rows."""
        return 0 if parent is not None and parent.isValid() else len(self._views)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Answer for a row: its text, its view or its picture."""
        if not index.isValid():
            return None
        view = self._views[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return view.text
        if role == VIEW:
            return view
        if role == PICTURE:
            return self.picture(index.row())
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tip(index.row())
        if role == Qt.ItemDataRole.AccessibleDescriptionRole:
            return view.message or f"{view.shape}, {view.parameters} parameters"
        return None

    def _tip(self, row: int) -> str:
        view, picture = self._views[row], self.picture(row)
        if view.blank:
            return "Type a layer, for example conv 8 k3 relu"
        if view.kind == "title":
            return TITLES.get(view.path, "")
        note = picture.note if picture else ""
        told = view.message or view.warning
        if view.parameters.startswith(SUM):
            note = " ".join(filter(None, (IN_BLOCK, note)))
        return "<br>".join(filter(None, [view.details, escape(told), note]))

    def setData(self, index: QModelIndex, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Hand on what was typed; the row itself changes when the document has."""
        view, text = self._views[index.row()], str(value).strip()
        if text == view.text or self._changing:
            return False
        self.edited.emit(view, text)
        return True

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:
        """Rows are edited and dragged; drops go between them."""
        if not index.isValid():
            return Qt.ItemFlag.ItemIsDropEnabled
        view = self._views[index.row()]
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        if view.editable:
            flags |= Qt.ItemFlag.ItemIsEditable
        return flags | Qt.ItemFlag.ItemIsDragEnabled if view.movable else flags

    def supportedDropActions(self) -> Qt.DropAction:
        """Rows are moved."""
        return Qt.DropAction.MoveAction
