"""An open document: its text, its history, its file, and the edits that an editor makes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from psygnal import Signal

from napari_convnet.document import Pipeline, draft, edit, open_text, preset_text, write_text
from napari_convnet.network import RowPath, UserError

from .history import History

NEW = "input: 1x28x28\nnet:\n  - conv 8 k5 relu\n"
"""A new document: the smallest network that shows something."""


class OpenDocument:
    """A document as it is edited: every edit is a text, and undo goes back through the texts."""

    document_changed = Signal(Pipeline)
    document_opened = Signal()
    """Another document takes the place of this one."""
    file_changed = Signal()

    def __init__(self) -> None:
        self._history = History(NEW)
        self._pipeline = draft(NEW)

    @property
    def pipeline(self) -> Pipeline:
        """The document, read; it may have problems."""
        return self._pipeline

    @property
    def text(self) -> str:
        """The document's text."""
        return self._history.text

    @property
    def path(self) -> Path | None:
        """The document's file."""
        return self._pipeline.path

    @property
    def modified(self) -> bool:
        """Whether there are changes that are not saved."""
        return self._history.modified

    def new(self) -> None:
        """Begin a new document."""
        self._begin(NEW, None)

    def open(self, path: str | Path) -> None:
        """Open a document; a wrong one is opened too, with its problems.

        Raises
        ------
        UserError
            Where there is no such file, or it is no text.
        """
        self._begin(*open_text(path))

    def open_preset(self, name: str) -> None:
        """Begin with a copy of a preset."""
        self._begin(preset_text(name), None)

    def _begin(self, text: str, path: Path | None) -> None:
        self._history.reset(text)
        self.document_opened.emit()
        self._read(text, path)
        self.file_changed.emit()

    def save(self, path: str | Path | None = None) -> Path:
        """Write the document, to its own file or to another one, which becomes its own.

        Raises
        ------
        UserError
            Where it has no file yet and none is given, or the file cannot be written.
        """
        target = Path(path) if path is not None else self.path
        if target is None:
            raise UserError("this pipeline has no file yet", "save it as a .yaml file")
        write_text(target, self.text)
        self._history.mark_saved()
        if target != self.path:
            self._pipeline = self._pipeline.moved(target)
        self.file_changed.emit()
        return target

    def set_text(self, text: str) -> None:
        """Replace the whole text."""
        self._push(text, "edit text")

    def set_task(self, task: str) -> None:
        """Learn something else: ``classify``, ``segment`` or ``regress``."""
        self._push(edit.set_task(self.text, task), f"task {task}")

    def set_source(self, source: str) -> None:
        """Learn from a sample that comes along, such as ``head``."""
        self._push(edit.set_source(self.text, source), f"learn from {source}")

    def set_files(self, images: str, labels: str = "") -> None:
        """Learn from files: patterns, paths or a folder, as the document names them."""
        text = edit.set_files(self.text, images, labels or None)
        self._push(text, f"learn from {images}")

    def set_view(self, view: edit.View, slices: int = edit.SLICES) -> None:
        """See a volume as neighbouring slices (``"2.5-D"``) or as a whole (``"3-D"``).

        Only the input line changes; see `document.edit.set_view`.
        """
        self._push(edit.set_view(self.text, view, slices), f"{view} input")

    def set_row(self, path: RowPath, row: str) -> None:
        """Write a row of the network or of a block anew; an empty one is taken out.

        The path of a block is its name alone, and its row its name and parameters.
        """
        path = tuple(path)
        if not row.strip():
            return self.delete_row(path)
        if len(path) == 1 and isinstance(path[0], str):
            text = edit.set_block(self.text, path[0], row)
        else:
            text = edit.set_row(self.text, path, row)
        return self._push(text, f"edit {self._row_name(path)}")

    def insert_row(self, path: RowPath, row: str) -> None:
        """Insert a row in front of the one at `path`."""
        self._push(edit.insert_row(self.text, path, row), f"insert {row}")

    def insert_structure(
        self, path: RowPath, word: str, rows: Sequence[str], name: str = ""
    ) -> None:
        """Insert ``res``, ``cat``, ``add``, ``side`` or ``xN`` with rows in it."""
        text = edit.insert_structure(self.text, path, word, rows, name)
        self._push(text, f"insert {word or name}")

    def add_branch(self, path: RowPath, row: str) -> None:
        """Add a branch to the cat or add at `path`."""
        text = edit.add_branch(self.text, path, row)
        self._push(text, f"add a branch to {self._row_name(path)}")

    def wrap_row(self, path: RowPath, word: str, count: int = 1) -> None:
        """Put rows into ``res``, ``cat``, ``add``, ``side``, ``xN`` or a group of that name."""
        text = edit.wrap_row(self.text, path, word, count)
        self._push(text, f"put {self._row_name(path)} into {word}")

    def unwrap_row(self, path: RowPath) -> None:
        """Put the rows that a row holds in its place."""
        text = edit.unwrap_row(self.text, path)
        self._push(text, f"take out of {self._row_name(path)}")

    def add_block(self, head: str, row: str) -> None:
        """Define a block such as ``two(a, b)``, with its first row."""
        self._push(edit.add_block(self.text, head, row), f"add block {head}")

    def delete_row(self, path: RowPath) -> None:
        """Take a row out, or a block's definition."""
        self._push(edit.delete_row(self.text, path), f"delete {self._row_name(path)}")

    def move_row(self, path: RowPath, to: int | RowPath) -> None:
        """Move a row to another index among its siblings, or in front of the row at a path."""
        self._push(edit.move_row(self.text, path, to), f"move {self._row_name(path)}")

    def set_value(self, key: str, value: str | None) -> None:
        """Write a setting, such as ``train.epochs``; None takes it out."""
        self._push(edit.set_value(self.text, key, value), f"set {key}")

    def _row_name(self, path: RowPath) -> str:
        rows = (*self._pipeline.rows, *self._pipeline.block_rows)
        row = next((row for row in rows if row.path == tuple(path)), None)
        return (row.name or row.text) if row else "row"

    def _push(self, text: str, label: str) -> None:
        if text == self.text:
            return
        self._history.push(text, label)
        self._read(text, self.path)
        self.file_changed.emit()

    @property
    def can_undo(self) -> bool:
        """Whether there is an edit to take back."""
        return bool(self._history.undo_label)

    @property
    def can_redo(self) -> bool:
        """Whether there is an edit to make again."""
        return bool(self._history.redo_label)

    @property
    def undo_text(self) -> str:
        """What `undo` would take back, for a menu."""
        return f"Undo {self._history.undo_label}".strip()

    @property
    def redo_text(self) -> str:
        """What `redo` would make again, for a menu."""
        return f"Redo {self._history.redo_label}".strip()

    def undo(self) -> None:
        """Take the last edit back."""
        self._read(self._history.undo(), self.path)
        self.file_changed.emit()

    def redo(self) -> None:
        """Make the edit again that was taken back last."""
        self._read(self._history.redo(), self.path)
        self.file_changed.emit()

    def _read(self, text: str, path: Path | None) -> None:
        # Rows that have not changed are not analysed again.
        self._pipeline = self._pipeline.edited(text) if path == self.path else draft(text, path)
        self.document_changed.emit(self._pipeline)
