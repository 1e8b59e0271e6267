"""The rows of the network with their headings, the palette and the form of the current row."""

from __future__ import annotations

from qtpy.QtCore import QRect, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPaintEvent
from qtpy.QtWidgets import QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from napari_convnet.document import Pipeline
from napari_convnet.network import Network

from .icons import icon
from .row_delegate import row_layout
from .row_form import RowForm
from .row_list import RowList
from .row_menu import palette_menu
from .rows import RowPath, RowView, below, row_views, top_level
from .section import Section
from .theme import Colors
from .values import bytes_text, count_text, large_text


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
            "Sees: how large a piece of the image one value depends on (receptive field)."
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
        cells = row_layout(rect, 0, self.height()).cells
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

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._path: RowPath | None = None
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

    def _palette_button(self) -> QToolButton:
        button = QToolButton(self)
        button.setText("Add")
        button.setToolTip("Insert a layer below the selected row")
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        button.setMenu(palette_menu(button, self.insert))
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
        self.rows.setValue(row_views(pipeline))
        self.totals.setText(totals_text(pipeline.network))
        self._top = top_level(pipeline)
        self._on_current(self.rows.current())

    def settle(self) -> None:
        """Tell at once what has been typed or chosen."""
        self.form.flush()
        self.rows.settle()

    def setColors(self, colors: Colors) -> None:
        """Use other colours."""
        for part in (self.rows, self.headings, self.section):
            part.setColors(colors)
        self.palette_button.setIcon(icon("add", colors.text))

    # ------------------------------------------------------------ what is done
    def insert(self, text: str) -> None:
        """Ask for a new row below the current one, or at the end."""
        self.settle()
        view = self.rows.current()
        path = (self._top,) if view is None or view.blank else below(view)
        self.rowInserted.emit(path, text)
        self.rows.setCurrent(path)

    def _on_current(self, view: RowView | None) -> None:
        path = view.path if view is not None and not view.blank else None
        if path != self._path:
            self.form.flush()
        self._path = path
        self.form.setValue(view.text if view is not None and path is not None else "")
        self.section.setTitle(f"Row: {view.text}" if view and view.text else "Row")

    def _on_form(self, text: str) -> None:
        if self._path is not None:
            self.rowEdited.emit(self._path, text)
