"""The list of rows: where a network is typed, clicked and dragged together."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QModelIndex, QPersistentModelIndex, QPoint, QRect, Qt, QTimer, Signal
from qtpy.QtGui import QContextMenuEvent, QDropEvent, QKeyEvent, QMouseEvent, QResizeEvent
from qtpy.QtWidgets import QAbstractItemDelegate, QAbstractItemView, QListView, QWidget

from napari_convnet.network import RowPath

from .calls import RowText
from .row_delegate import RowDelegate
from .row_editor import RowEditor
from .row_folding import folded_by_key
from .row_layout import depth_at, in_arrow
from .row_menu import row_menu
from .row_model import VIEW, Picture, RowModel
from .rows import (
    GENERATED,
    RowView,
    below_in_branch,
    landing,
    move_target,
    stepped,
)
from .theme import Colors
from .words import Words

_EDITING_ENDS = QAbstractItemDelegate.EndEditHint.NoHint
_LOOK = 40
"""Milliseconds after which rows that have come to stand still are looked at."""


class RowList(QListView):
    """Shows rows and says what is done to them; it never changes a row by itself.

    Whoever listens edits the document and calls `setValue` with the rows that it then has.
    """

    rowEdited = Signal(object, str)
    """Path of a row and its new text."""
    rowInserted = Signal(object, str)
    """Path that a row is inserted at, and its text."""
    rowDeleted = Signal(object)
    """Path of a row."""
    rowMoved = Signal(object, object)
    """Path of a row, and its new index among its siblings or the path it goes in front of."""
    foldAsked = Signal(object, bool)
    """Paths of rows, and whether they are to be unfolded."""
    definitionAsked = Signal(object)
    """The row (`RowView`), made by another one, that was to be edited."""
    structureAsked = Signal(str, object, str)
    """What is done to the row at a path (``wrap``, ``unwrap`` or ``branch``), and the word."""
    looksAt = Signal(object)
    """Names of the layers whose pictures are on the screen."""
    currentChanged_ = Signal(object)
    """The row (`RowView`) that is current now."""
    pictureClicked = Signal(object)
    """The row (`RowView`) whose picture was clicked."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = RowModel()
        self._delegate = RowDelegate(self)
        self._pressed = QPoint()
        self._looked: tuple[str, ...] = ()
        self._look = QTimer(self)
        self._look.setSingleShot(True)
        self._look.setInterval(_LOOK)
        self._look.timeout.connect(self._tell_looked)
        self.setModel(self._model)
        self.setItemDelegate(self._delegate)
        self.setMouseTracking(True)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # A message wraps: its row is as high as the list's width makes it.
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        self.setDropIndicatorShown(True)
        self._model.edited.connect(self._on_edited)
        self._delegate.accepted.connect(self._on_accepted)
        self.verticalScrollBar().valueChanged.connect(lambda _: self._look.start())

    # ------------------------------------------------------------ value
    def value(self) -> tuple[RowView, ...]:
        """Return the rows, with the blank one at the end."""
        return self._model.value()

    def setValue(self, views: Sequence[RowView]) -> None:
        """Show other rows; what stays keeps its place, selection, editor and picture."""
        before = self.current()
        self._model.setValue(views)
        if before is not None and self._model.rowOf(before.path) is None:
            self._stay_near(before.path)
        if self.current() != before:
            self.currentChanged_.emit(self.current())
        self._look.start()

    def _stay_near(self, path: RowPath) -> None:
        """Make the row current that one lay in which is folded away."""
        for length in range(len(path) - 1, 0, -1):
            if self._model.rowOf(path[:length]) is not None:
                return self.setCurrent(path[:length])

    def setWords(self, words: Words) -> None:
        """Offer these words where rows are typed, beside those of the language."""
        self._delegate.setWords(words)

    def keepPictures(self) -> None:
        """Forget the pictures of layers that are not shown: the document has changed."""
        self._model.keepPictures()

    # ------------------------------------------------------------ what is looked at
    def visibleLayers(self) -> tuple[str, ...]:
        """Names of the layers whose pictures are on the screen."""
        area = self.viewport().rect()
        top = self.indexAt(area.topLeft() + QPoint(1, 1))
        views, found = self.value(), []
        for row in range(top.row() if top.isValid() else 0, len(views)):
            if self.visualRect(self._model.index(row)).top() > area.bottom():
                break
            if views[row].layer:
                found.append(views[row].layer)
        return tuple(dict.fromkeys(found))

    def _tell_looked(self) -> None:
        looked = self.visibleLayers()
        if looked != self._looked:
            self._looked = looked
            self.looksAt.emit(looked)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Look at rows that came onto the screen."""
        super().resizeEvent(event)
        self._look.start()

    def setPicture(self, layer: str, picture: Picture) -> None:
        """Show what a layer sees."""
        self._model.setPicture(layer, picture)

    def hasPicture(self, path: RowPath) -> bool:
        """Whether the picture of the row at a path has arrived."""
        row = self._model.rowOf(path)
        picture = None if row is None else self._model.picture(row)
        return picture is not None and picture.pixmap is not None

    def clearPictures(self) -> None:
        """Forget all pictures."""
        self._model.clearPictures()

    def setColors(self, colors: Colors) -> None:
        """Draw in other colours."""
        self._delegate.setColors(colors)
        self.viewport().update()

    # ------------------------------------------------------------ current row
    def current(self) -> RowView | None:
        """Return the current row."""
        index = self.currentIndex()
        view: RowView | None = index.data(VIEW) if index.isValid() else None
        return view

    def setCurrent(self, path: RowPath) -> None:
        """Make the row at a path the current one."""
        row = self._model.rowOf(path)
        if row is not None:
            self.setCurrentIndex(self._model.index(row))

    def showCurrent(self) -> None:
        """Bring the current row onto the screen."""
        if self.currentIndex().isValid():
            self.scrollTo(self.currentIndex())

    def currentChanged(self, current: QModelIndex, previous: QModelIndex) -> None:
        """Tell which row is current."""
        super().currentChanged(current, previous)
        self.currentChanged_.emit(self.current())

    # ------------------------------------------------------------ editing
    def editRow(self, row: int, position: int | None = None) -> RowEditor | None:
        """Open the editor of the row at an index of the list."""
        if not 0 <= row < self._model.rowCount():
            return None
        view, index = self.value()[row], self._model.index(row)
        if not view.editable:
            self.setCurrentIndex(index)
            if view.definition:
                self.definitionAsked.emit(view)
            return None
        self.setCurrentIndex(index)
        self.scrollTo(index)
        self.edit(index)
        editor = self.indexWidget(index)
        if not isinstance(editor, RowEditor):
            return None
        editor.setCursorPosition(len(editor.text()) if position is None else position)
        editor.setFocus()
        return editor

    def editPath(self, path: RowPath) -> None:
        """Open the editor of the row at a path."""
        row = self._model.rowOf(path)
        if row is not None:
            self.editRow(row)

    def insertBelow(self, row: int) -> RowEditor | None:
        """Open a blank row below one, and its editor."""
        views = self.value()
        if row >= len(views) or views[row].blank:
            return self.editRow(len(views) - 1)
        if views[row].kind == "title":
            return None
        path = below_in_branch(views[row])
        return self._insert_blank(self._below(row, path), path)

    def _below(self, row: int, path: RowPath) -> int:
        """Index in the list of a row that is inserted below another one at a path."""
        views = self.value()
        to = row + 1
        while to < len(views) - 1 and (
            views[to].kind in GENERATED or (len(views[to].path) >= len(path) and path[-1] != 0)
        ):
            if views[to].path == path:
                break
            to += 1
        return to

    def _insert_blank(self, row: int, path: RowPath) -> RowEditor | None:
        self._model.addBlank(row, path)
        return self.editRow(row)

    def insertAbove(self, row: int) -> RowEditor | None:
        """Open a blank row above one, and its editor."""
        return self._insert_blank(row, self.value()[row].path)

    def settle(self) -> None:
        """Tell at once what has been typed; the editor stays open."""
        editor = self.indexWidget(self.currentIndex())
        if isinstance(editor, RowEditor) and editor.isModified():
            self.commitData(editor)

    def _on_edited(self, view: RowView, text: str) -> None:
        if not view.blank:
            self.rowEdited.emit(view.path, text)
        elif text:
            self.rowInserted.emit(view.path, text)

    def _on_accepted(self, editor: QWidget, where: str) -> None:
        row = self.currentIndex().row()
        view = self.value()[row]
        if where == "delete":
            self.closeEditor(editor, _EDITING_ENDS)
            self.deleteRow(view)
            self.editRow(max(0, row - 1))
            return
        self.commitData(editor)
        self.closeEditor(editor, _EDITING_ENDS)
        self._go(row, where)

    def _go(self, row: int, where: str) -> None:
        """Go on where the key that ended typing leads."""
        count = self._model.rowCount()
        view = self.value()[min(row, count - 1)]
        if where == "next" and view.group and not self._holds(view):
            self.insertBelow(row)
        elif where == "next":
            self.editRow(self._editable(row + 1, 1))
        elif where == "previous":
            self.editRow(self._editable(row - 1, -1))
        elif where == "below":
            self.insertBelow(min(row, count - 1))
        elif where in ("move-up", "move-down"):
            self.moveRow(self.value()[min(row, count - 1)], -1 if where == "move-up" else 1)

    def _holds(self, view: RowView) -> bool:
        """Whether a row holds rows already."""
        return any(v.path[:-1] == view.path for v in self.value()) or view.open is False

    def _editable(self, row: int, step: int) -> int:
        """Index of the next row that can be typed into; of none, the nearest end."""
        views = self.value()
        while 0 <= row < len(views) - 1 and not views[row].editable:
            row += step
        return max(0, min(row, len(views) - 1))

    def closeEditor(self, editor: QWidget | None, hint: QAbstractItemDelegate.EndEditHint) -> None:
        """Close an editor; a blank row in which nothing was typed goes with it."""
        index = QPersistentModelIndex(self.indexAt(editor.geometry().center()))
        super().closeEditor(editor, hint)
        if index.isValid():
            self._model.dropBlank(index.row())

    # ------------------------------------------------------------ rows
    def deleteRow(self, view: RowView) -> None:
        """Ask for a row to be deleted."""
        if view.movable or view.kind == "block":
            self.rowDeleted.emit(view.path)

    def duplicateRow(self, view: RowView) -> None:
        """Ask for a copy of a row below it, without its name: names are unique."""
        if view.movable and not view.group:
            below_it = (*view.path[:-1], int(view.path[-1]) + 1)
            self.rowInserted.emit(below_it, RowText(view.text).line)

    def moveRow(self, view: RowView, step: int) -> None:
        """Ask for a row to go up or down among its siblings."""
        to = stepped(self.value(), view, step) if view.movable else None
        if to is not None:
            self.rowMoved.emit(view.path, to)
            self.setCurrent((*view.path[:-1], to))

    def addBranch(self, path: RowPath) -> None:
        """Ask for a further branch of the row at a path."""
        self.structureAsked.emit("branch", path, "conv 8 k3 relu")

    def foldRow(self, view: RowView, open: bool, below: bool = False) -> None:
        """Ask for a row to be folded or unfolded, with all that lie in it if asked."""
        if view.open is not None:
            self.foldAsked.emit((view.path, below), open)

    # ------------------------------------------------------------ mouse and keys
    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Fold at an arrow; note where a click began: a drag opens no editor."""
        self._pressed = event.pos()
        super().mousePressEvent(event)
        index = self.indexAt(event.pos())
        if event.button() == Qt.MouseButton.LeftButton and index.isValid():
            view: RowView = index.data(VIEW)
            if view.open is not None and self._on_arrow(index, view, event.pos()):
                self._pressed = QPoint(-99, -99)
                alt = bool(event.modifiers() & Qt.KeyboardModifier.AltModifier)
                self.foldRow(view, not view.open, alt)

    def _on_arrow(self, index: QModelIndex, view: RowView, pos: QPoint) -> bool:
        parts = self._delegate.layoutOf(self.visualRect(index), view, self.font())
        return view.kind == "title" or in_arrow(parts, pos)

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        """Edit the text, or take up the picture, that was clicked."""
        super().mouseReleaseEvent(event)
        moved = (event.pos() - self._pressed).manhattanLength()
        index = self.indexAt(event.pos())
        if event.button() != Qt.MouseButton.LeftButton or moved > 4 or not index.isValid():
            return
        view: RowView = index.data(VIEW)
        parts = self._delegate.layoutOf(self.visualRect(index), view, self.font())
        if view.layer and parts.picture.contains(event.pos()):
            self.pictureClicked.emit(view)
        elif view.blank or (view.editable and parts.text.contains(event.pos())):
            self._edit_at(index.row(), event.pos())

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:
        """Go from a layer that a row makes to the row."""
        index = self.indexAt(event.pos())
        view = index.data(VIEW) if index.isValid() else None
        if view is not None and view.definition:
            self.definitionAsked.emit(view)
        else:
            super().mouseDoubleClickEvent(event)

    def _edit_at(self, row: int, pos: QPoint) -> None:
        editor = self.editRow(row)
        if editor is not None:
            editor.setCursorPosition(editor.cursorPositionAt(pos - editor.pos()))

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Edit, move or delete the current row; typing a letter begins to edit it."""
        view, row = self.current(), self.currentIndex().row()
        key, modifiers = event.key(), event.modifiers()
        alt = bool(modifiers & Qt.KeyboardModifier.AltModifier)
        fold = folded_by_key(self.value(), view, key) if view is not None else None
        if view is None:
            super().keyPressEvent(event)
        elif fold is not None:
            if fold.path == view.path:
                self.foldRow(view, not view.open, alt)
            else:
                self.setCurrent(fold.path)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            control = modifiers & Qt.KeyboardModifier.ControlModifier
            _ = self.insertBelow(row) if control else self.editRow(row)
        elif key == Qt.Key.Key_F2:
            self.editRow(row)
        elif key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.deleteRow(view)
        elif alt and key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self.moveRow(view, -1 if key == Qt.Key.Key_Up else 1)
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent | None) -> None:
        """Offer what can be done to a row."""
        index = self.indexAt(event.pos())
        view = index.data(VIEW) if index.isValid() else None
        if view is not None and not view.blank and view.kind != "title":
            self.setCurrentIndex(index)
            menu = row_menu(self, index.row())
            menu.exec(event.globalPos())
            menu.deleteLater()

    # ------------------------------------------------------------ dragging
    def gapAt(self, pos: QPoint) -> int:
        """Index of the row that something dropped at a point comes in front of."""
        index = self.indexAt(pos)
        if not index.isValid():
            return self._model.rowCount() - 1
        rect: QRect = self.visualRect(index)
        return index.row() + (pos.y() > rect.center().y())

    def dropEvent(self, event: QDropEvent | None) -> None:
        """Move the row that was dragged."""
        view = self.current()
        pos = event.position().toPoint()
        gap, depth = self.gapAt(pos), depth_at(pos.x())
        target = move_target(self.value(), view, gap, depth) if view and view.movable else None
        # Nothing is left for Qt to do: the rows change when the document has.
        event.setDropAction(Qt.DropAction.IgnoreAction)
        event.accept()
        self.setState(QAbstractItemView.State.NoState)
        self.viewport().update()
        if view is not None and target is not None:
            self.rowMoved.emit(view.path, target)
            self.setCurrent(landing(view.path, target))
