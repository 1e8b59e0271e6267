"""The list of rows: where a network is typed, clicked and dragged together."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QModelIndex, QPersistentModelIndex, QPoint, QRect, Qt, Signal
from qtpy.QtGui import QContextMenuEvent, QDropEvent, QKeyEvent, QMouseEvent
from qtpy.QtWidgets import QAbstractItemDelegate, QAbstractItemView, QListView, QWidget

from .calls import RowText
from .row_delegate import RowDelegate
from .row_editor import RowEditor
from .row_menu import row_menu
from .row_model import VIEW, Picture, RowModel
from .rows import RowPath, RowView, below, move_target, stepped
from .theme import Colors

_EDITING_ENDS = QAbstractItemDelegate.EndEditHint.NoHint


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
    rowMoved = Signal(object, int)
    """Path of a row and its new index among its siblings."""
    currentChanged_ = Signal(object)
    """The row (`RowView`) that is current now."""
    pictureClicked = Signal(object)
    """The row (`RowView`) whose picture was clicked."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = RowModel()
        self._delegate = RowDelegate(self)
        self._pressed = QPoint()
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

    # ------------------------------------------------------------ value
    def value(self) -> tuple[RowView, ...]:
        """Return the rows, with the blank one at the end."""
        return self._model.value()

    def setValue(self, views: Sequence[RowView]) -> None:
        """Show other rows; what stays keeps its place, selection, editor and picture."""
        before = self.current()
        self._model.setValue(views)
        if self.current() != before:
            self.currentChanged_.emit(self.current())

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

    def currentChanged(self, current: QModelIndex, previous: QModelIndex) -> None:
        """Tell which row is current."""
        super().currentChanged(current, previous)
        self.currentChanged_.emit(self.current())

    # ------------------------------------------------------------ editing
    def editRow(self, row: int, position: int | None = None) -> RowEditor | None:
        """Open the editor of the row at an index of the list."""
        if not 0 <= row < self._model.rowCount():
            return None
        index = self._model.index(row)
        self.setCurrentIndex(index)
        self.scrollTo(index)
        self.edit(index)
        editor = self.indexWidget(index)
        if not isinstance(editor, RowEditor):
            return None
        editor.setCursorPosition(len(editor.text()) if position is None else position)
        editor.setFocus()
        return editor

    def insertBelow(self, row: int) -> RowEditor | None:
        """Open a blank row below one, and its editor."""
        views = self.value()
        if row >= len(views) or views[row].blank:
            return self.editRow(len(views) - 1)
        self._model.addBlank(row + 1, below(views[row]))
        return self.editRow(row + 1)

    def insertAbove(self, row: int) -> RowEditor | None:
        """Open a blank row above one, and its editor."""
        self._model.addBlank(row, self.value()[row].path)
        return self.editRow(row)

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
        if where == "next":
            self.editRow(min(row + 1, count - 1))
        elif where == "previous":
            self.editRow(max(0, row - 1))
        elif where == "below":
            self.insertBelow(min(row, count - 1))
        elif where in ("move-up", "move-down"):
            self.moveRow(self.value()[min(row, count - 1)], -1 if where == "move-up" else 1)

    def closeEditor(self, editor: QWidget | None, hint: QAbstractItemDelegate.EndEditHint) -> None:
        """Close an editor; a blank row in which nothing was typed goes with it."""
        index = QPersistentModelIndex(self.indexAt(editor.geometry().center()))
        super().closeEditor(editor, hint)
        if index.isValid():
            self._model.dropBlank(index.row())

    # ------------------------------------------------------------ rows
    def deleteRow(self, view: RowView) -> None:
        """Ask for a row to be deleted."""
        if not view.blank:
            self.rowDeleted.emit(view.path)

    def duplicateRow(self, view: RowView) -> None:
        """Ask for a copy of a row below it, without its name: names are unique."""
        self.rowInserted.emit((*view.path[:-1], view.path[-1] + 1), RowText(view.text).line)

    def moveRow(self, view: RowView, step: int) -> None:
        """Ask for a row to go up or down among its siblings."""
        to = stepped(self.value(), view, step)
        if to is not None:
            self._move(view.path, to)

    def _move(self, path: RowPath, to: int) -> None:
        self.rowMoved.emit(path, to)
        self.setCurrent((*path[:-1], to))

    # ------------------------------------------------------------ mouse and keys
    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Note where a click began: a drag opens no editor."""
        self._pressed = event.pos()
        super().mousePressEvent(event)

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
        elif view.blank or parts.text.contains(event.pos()):
            self._edit_at(index.row(), event.pos())

    def _edit_at(self, row: int, pos: QPoint) -> None:
        editor = self.editRow(row)
        if editor is not None:
            editor.setCursorPosition(editor.cursorPositionAt(pos - editor.pos()))

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Edit, move or delete the current row; typing a letter begins to edit it."""
        view, row = self.current(), self.currentIndex().row()
        key, modifiers = event.key(), event.modifiers()
        alt = bool(modifiers & Qt.KeyboardModifier.AltModifier)
        if view is None:
            super().keyPressEvent(event)
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
        if index.isValid() and not index.data(VIEW).blank:
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
        gap = self.gapAt(event.position().toPoint())
        target = move_target(self.value(), view, gap) if view and not view.blank else None
        # Nothing is left for Qt to do: the rows change when the document has.
        event.setDropAction(Qt.DropAction.IgnoreAction)
        event.accept()
        self.setState(QAbstractItemView.State.NoState)
        self.viewport().update()
        if view is not None and target is not None:
            self._move(view.path, target)
