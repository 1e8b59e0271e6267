"""The rows of the network with their headings, the palette and the form of the current row."""

from __future__ import annotations

from qtpy.QtCore import QRect, Qt, QTimer, Signal
from qtpy.QtGui import QColor, QPainter, QPaintEvent
from qtpy.QtWidgets import QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from napari_convnet.document import Pipeline
from napari_convnet.network import Network, RowPath, Spacing

from .folds import BLOCKS, Folds
from .icons import icon
from .row_delegate import text_of
from .row_form import RowForm
from .row_layout import row_layout
from .row_list import RowList
from .row_menu import document_words_menu, palette_menu
from .row_tree import paths_below, row_views
from .rows import RowView, below, below_in_branch
from .section import Section
from .theme import Colors
from .values import bytes_text, count_text, large_text
from .words import words_of


class Headings(QWidget):
    """Headings of the columns of a list of rows, behind the button that adds one."""

    def __init__(self, rows: RowList, button: QToolButton) -> None:
        super().__init__(rows.parentWidget())
        self._rows = rows
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(button)
        layout.addStretch(1)
        self._colors = Colors()
        self.setToolTip(
            "Output: channels, then sizes. Parameters: numbers that are learned.\n"
            "Sees: how large a piece of the image one value depends on (receptive field), in mm\n"
            "or s where the image has such units."
        )

    def setColors(self, colors: Colors) -> None:
        """Write in another colour."""
        self._colors = colors
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Write each heading over its column."""
        painter = QPainter(self)
        painter.setPen(QColor(self._colors.faint))
        frame = self._rows.viewport().x()
        rect = QRect(frame, 0, self._rows.viewport().width(), self.height())
        cells = row_layout(rect, RowView(()), self.height()).cells
        right, left = Qt.AlignmentFlag.AlignRight, Qt.AlignmentFlag.AlignLeft
        titles = zip(cells, ("output", "parameters", "sees"), (left, right, right), strict=True)
        for cell, title, align in titles:
            place = QRect(cell.left(), 0, cell.width(), self.height())
            painter.drawText(place, align | Qt.AlignmentFlag.AlignVCenter, title)
        painter.end()


def totals_text(network: Network) -> str:
    """Sum a network up in a line."""
    totals = network.totals
    parts = (
        count_text(len(network), "layer"),
        count_text(totals.parameters, "parameter"),
        f"{large_text(totals.macs)} MACs",
        bytes_text(totals.bytes),
    )
    # Where the line is too long it breaks between the parts, not in them.
    return " \u00b7 ".join(part.replace(" ", "\u00a0") for part in parts)


class LayersTab(QWidget):
    """Edits the network row by row.

    Like its list, it only says what is done to the rows, and shows what it is given.
    """

    rowEdited = Signal(object, str)
    rowInserted = Signal(object, str)
    structureInserted = Signal(object, str, object)
    """Path, word and rows of what is inserted that holds rows."""
    blockAdded = Signal(str, str)
    """Head and first row of a block."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._path: RowPath | None = None
        self._pipeline: Pipeline | None = None
        self._spacing: Spacing | None = None
        self._folds = Folds()
        self.rows = RowList(self)
        self.rows.setMinimumHeight(150)
        self.palette_button = self._palette_button()
        self.headings = Headings(self.rows, self.palette_button)
        self.form = RowForm(self)
        self.section = Section("Row", self.form, parent=self)
        self.totals = QLabel(self)
        self.totals.setWordWrap(True)
        self.totals.setProperty("role", "faint")
        self.totals.setToolTip(
            "All layers together. MACs: multiplications of one image's way through the network.\n"
            "Memory: of all maps of one image, as 32-bit numbers."
        )
        self._lay_out()
        self.rows.rowEdited.connect(self.rowEdited)
        self.rows.rowInserted.connect(self.rowInserted)
        self.rows.currentChanged_.connect(self._on_current)
        self.form.valueChanged.connect(self._on_form)
        self.form.definitionAsked.connect(lambda: self._go_to_definition(self.rows.current()))
        self.rows.definitionAsked.connect(self._go_to_definition)
        self.rows.foldAsked.connect(self._fold)
        for section in (self.section, self.form.why_section):
            # The list becomes shorter, but the row it is about stays on the screen.
            section.toggled.connect(lambda _: QTimer.singleShot(0, self.rows.showCurrent))

    def _palette_button(self) -> QToolButton:
        button = QToolButton(self)
        button.setText("Add")
        button.setToolTip("Insert a layer below the selected row")
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.offers = palette_menu(button, self.insert, self._insert_structure)
        self.offers.aboutToShow.connect(self._offer_words)
        button.setMenu(self.offers)
        return button

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.headings)
        layout.addWidget(self.rows, 1)
        layout.addWidget(self.totals)
        layout.addWidget(self.section)

    # ------------------------------------------------------------ value
    def setPipeline(self, pipeline: Pipeline) -> None:
        """Show a document's network."""
        self._pipeline = pipeline
        self._folds.follow((*pipeline.block_rows, *pipeline.rows))
        self.rows.setWords(words_of(pipeline))
        self._show_rows()
        self.rows.keepPictures()
        self.totals.setText(totals_text(pipeline.network))
        self._top = len(pipeline.items)
        self._on_current(self.rows.current())

    def setSpacing(self, spacing: Spacing | None) -> None:
        """Say how far apart the input's pixels are: rows give what they see in mm or s then."""
        if spacing == self._spacing:
            return
        self._spacing = spacing
        self.form.why.setSpacing(spacing)
        self._show_rows()

    def _show_rows(self) -> None:
        if self._pipeline is not None:
            self.rows.setValue(row_views(self._pipeline, self._folds, self._spacing))

    def forget(self) -> None:
        """Forget what was unfolded and seen: another document comes."""
        self._folds = Folds()
        self.rows.clearPictures()
        self.rows.scrollToTop()

    # ------------------------------------------------------------ folding
    def _fold(self, what: tuple[RowPath, bool], open: bool) -> None:
        path, below = what
        if self._pipeline is None:
            return
        paths = paths_below(self._pipeline, path) if below else [path]
        self._folds.set_all(paths, open)
        self._show_rows()

    def _go_to_definition(self, view: RowView | None) -> None:
        """Unfold what the row lies in that makes a layer, and edit it."""
        if view is None or not view.definition or self._pipeline is None:
            return
        path = view.definition
        within = [path[:length] for length in range(1, len(path))]
        self._folds.set_all([BLOCKS, *within] if isinstance(path[0], str) else within, True)
        self._show_rows()
        self.rows.editPath(path)

    def settle(self) -> None:
        """Tell at once what has been typed or chosen."""
        self.form.flush()
        self.rows.settle()

    def setColors(self, colors: Colors) -> None:
        """Use other colours."""
        for part in (self.rows, self.headings, self.section, self.form):
            part.setColors(colors)
        self.palette_button.setIcon(icon("add", colors.text))

    # ------------------------------------------------------------ what is done
    def insert(self, text: str) -> None:
        """Ask for a new row below the current one, or at the end."""
        self.settle()
        path = self._below_current()
        self.rowInserted.emit(path, text)
        self.rows.setCurrent(path)

    def _below_current(self) -> RowPath:
        view = self.rows.current()
        if view is None or view.blank or view.kind == "title":
            return (self._top,)
        return below_in_branch(view) if view.label else below(view)

    def _insert_structure(self, word: str, rows: tuple[str, ...]) -> None:
        self.settle()
        if word == "block":
            name = self._free_name()
            self._folds.set_all([BLOCKS, (name,)], True)
            self.blockAdded.emit(f"{name}(a)", "conv $a k3 relu")
            self.rows.setCurrent((name,))
            return
        path = self._below_current()
        self.structureInserted.emit(path, word, rows)
        self.rows.setCurrent(path)

    def _free_name(self) -> str:
        taken = {block.name for block in self._pipeline.blocks} if self._pipeline else set()
        return next(n for i in range(1, 1000) if (n := f"block{i}") not in taken)

    def _offer_words(self) -> None:
        """Offer the document's own words in the palette, those that fit where a row would go."""
        if self._pipeline is not None:
            words = words_of(self._pipeline).at(self._below_current())
            document_words_menu(self.offers, words, self.insert)

    def _on_current(self, view: RowView | None) -> None:
        path = None
        if view is not None and view.editable and not view.blank and view.kind != "block":
            path = view.path
        if path != self._path:
            self.form.flush()
        self._path = path
        network = self._pipeline.network if self._pipeline else None
        words = words_of(self._pipeline).at(path) if self._pipeline and path else None
        self.form.setValue(view.text if view is not None and path is not None else "", words)
        self.form.setLayers(network, view)
        said = text_of(view) if view is not None and not view.blank else ""
        self.section.setTitle(f"Row: {said}" if said else "Row")

    def _on_form(self, text: str) -> None:
        if self._path is not None:
            self.rowEdited.emit(self._path, text)
