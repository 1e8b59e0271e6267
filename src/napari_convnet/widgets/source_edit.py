"""What a network learns from: a sample, files, or open layers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QGridLayout,
    QLabel,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_convnet.document import Data, Pipeline

from .layer_pairs import LayerPairs
from .setting_edits import LineEdit, narrow

LAYERS, FOLDER, FILES = "\0layers", "\0folder", "\0files"

_WAYS = {
    LAYERS: "Open layers \u2026",
    FILES: "Files and their labels \u2026",
    FOLDER: "A folder with a folder per class \u2026",
}


class SourceEdit(QWidget):
    """Edits where examples come from.

    A choice changes several keys of a document, so each kind has a signal of its own.
    """

    sampleChosen = Signal(str)
    """Name of a sample."""
    filesChosen = Signal(str, str)
    """Images and labels, as they were typed or chosen; no labels for a folder per class."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pipeline: Pipeline | None = None
        self._way = ""
        self.choice = QComboBox(self)
        narrow(self.choice)
        self.choice.setToolTip("What the network learns from")
        self.choice.activated.connect(self._choose)
        self.files = self._files()
        self.pairs = LayerPairs(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for part in (self.choice, self.files, self.pairs):
            layout.addWidget(part)

    def _files(self) -> QWidget:
        part = QWidget(self)
        grid = QGridLayout(part)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(4)
        self.images = self._file_row(grid, 0, "images", "scans/*_ct.nii.gz")
        self.labels = self._file_row(grid, 1, "labels", "scans/*_seg.nii.gz")
        self.images.setToolTip(
            "One file, or a pattern: * stands for what differs from file to file"
        )
        self.labels.setToolTip(
            "The labels (or target images); those of a pattern are found by the text under its *"
        )
        return part

    def _file_row(self, grid: QGridLayout, row: int, title: str, example: str) -> LineEdit:
        edit = LineEdit(self)
        edit.setPlaceholderText(example)
        edit.valueChanged.connect(lambda _: self._tell_files())
        browse = QToolButton(self)
        browse.setText("\u2026")
        browse.setToolTip(f"Choose a file of {title}")
        browse.clicked.connect(lambda: self._browse(edit))
        label = QLabel(title, self)
        label.setProperty("role", "faint")
        for column, part in enumerate((label, edit, browse)):
            grid.addWidget(part, row, column)
        return edit

    # ------------------------------------------------------------ value
    def value(self) -> str:
        """Return what is chosen: a sample's name, or the images as the document names them."""
        data = self._pipeline.data if self._pipeline else None
        return "" if data is None else data.source or data.images

    def setPipeline(self, pipeline: Pipeline, pairs: Any = ()) -> None:
        """Show where a document's examples come from.

        Parameters
        ----------
        pipeline : Pipeline
            The document.
        pairs : sequence of LayerPair
            The layers that it learns from, if it does.
        """
        before, self._pipeline = self.value(), pipeline
        data = pipeline.data or Data()
        if self.value() != before or pairs:
            self._way = ""
        self._offer(data)
        self.images.setValue(data.images)
        self.labels.setValue(data.labels)
        if pairs:
            self.pairs.setValue(pairs)
        self._show(LAYERS if pairs else self._way or (FILES if data.images else ""), data)

    def _offer(self, data: Data) -> None:
        from napari_convnet.data import SOURCES

        self.choice.clear()
        if not data.source and not data.images:
            self.choice.addItem(_CHOOSE, None)
        for source in SOURCES.values():
            self.choice.addItem(source.title, source.name)
        if data.images:
            self.choice.addItem(data.images, None)
        for way, title in _WAYS.items():
            self.choice.addItem(title, way)

    def _show(self, way: str, data: Data) -> None:
        if way == LAYERS or (way and way == self._way):
            at = self.choice.findData(way)
        else:
            at = self.choice.findData(data.source or None)
        self.choice.setCurrentIndex(at)
        self.pairs.setVisible(way == LAYERS)
        self.files.setVisible(way == FILES)

    # ------------------------------------------------------------ what is chosen
    def _choose(self) -> None:
        chosen, pipeline = self.choice.currentData(), self._pipeline
        if pipeline is None or chosen is None:
            return
        data = pipeline.data or Data()
        self._way = chosen if chosen in (LAYERS, FILES) else ""
        if chosen == FOLDER:
            self._show(FILES if data.images else "", data)
            self._ask_folder(pipeline.folder)
        elif self._way:
            self._show(chosen, data)
        elif chosen != data.source:
            self.sampleChosen.emit(chosen)

    def _ask_folder(self, folder: Path) -> None:
        name = QFileDialog.getExistingDirectory(
            self, "A folder with one folder of images per class", str(folder)
        )
        if name:
            self.filesChosen.emit(name, "")

    def _browse(self, edit: LineEdit) -> None:
        folder = self._pipeline.folder if self._pipeline else Path.cwd()
        name, _ = QFileDialog.getOpenFileName(self, "A file to learn from", str(folder))
        if name:
            edit.setText(name)
            self._tell_files()

    def _tell_files(self) -> None:
        if self.images.value():
            self.filesChosen.emit(self.images.value(), self.labels.value())


_CHOOSE = "choose \u2026"
