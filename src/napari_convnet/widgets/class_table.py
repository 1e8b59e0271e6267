"""Numbers of each class, as a table."""

from __future__ import annotations

from collections.abc import Mapping

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QGuiApplication, QKeyEvent, QKeySequence
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from .values import measure_text

Numbers = Mapping[str, Mapping[str, float | None]]
"""Per class, numbers by what they are."""

MOST_ROWS = 6
"""Classes that are seen without scrolling."""

_TIPS = {
    "Dice": "Twice the overlap by the sizes of both: 1 where they are the same",
    "IoU": "Overlap by what is in either: 1 where they are the same",
    "precision": "Part of what was taken for the class that is",
    "recall": "Part of the class that was found",
    "ml": "Volume as labelled, in millilitres",
    "ml predicted": "Volume as predicted, in millilitres",
}


_SHORT = {"precision": "prec.", "ml predicted": "ml pred."}
"""Headings where there is little room."""


class ClassTable(QTableWidget):
    """Shows numbers of classes: a row for each class, a column for each kind of number.

    Ctrl+C copies the whole table, as a spreadsheet takes it.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._value: Numbers = {}
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setAlternatingRowColors(False)
        self.setShowGrid(False)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 6)
        self.setMinimumWidth(60)
        self.setVisible(False)

    def value(self) -> Numbers:
        """Return the numbers."""
        return self._value

    def setValue(self, numbers: Numbers) -> None:
        """Show other numbers; an empty table is not seen."""
        if numbers == self._value:
            return
        self._value = dict(numbers)
        columns = list(dict.fromkeys(name for one in numbers.values() for name in one))
        self.setRowCount(len(numbers))
        self.setColumnCount(len(columns))
        self.setVerticalHeaderLabels(list(numbers))
        self.setHorizontalHeaderLabels([_SHORT.get(name, name) for name in columns])
        for column, name in enumerate(columns):
            self.horizontalHeaderItem(column).setToolTip(_TIPS.get(name, ""))
            for row, one in enumerate(numbers.values()):
                self.setItem(row, column, _cell(measure_text(name, one.get(name))))
        self.setVisible(bool(numbers))
        self.setFixedHeight(self.sizeHint().height())

    def sizeHint(self) -> QSize:
        """As high as its rows, up to a number of them."""
        rows = min(self.rowCount(), MOST_ROWS)
        line = self.verticalHeader().defaultSectionSize()
        head = self.horizontalHeader().sizeHint().height()
        return QSize(240, head + rows * line + 2 * self.frameWidth() + 14)

    def text(self) -> str:
        """Give the table as lines with tabs, as a spreadsheet takes it."""
        columns = list(dict.fromkeys(name for one in self._value.values() for name in one))
        lines = ["\t".join(("class", *columns))]
        for name, one in self._value.items():
            cells = ("" if (n := one.get(c)) is None else f"{n:.6g}" for c in columns)
            lines.append("\t".join((name, *cells)))
        return "\n".join(lines)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Copy the whole table."""
        if event is not None and event.matches(QKeySequence.StandardKey.Copy):
            QGuiApplication.clipboard().setText(self.text())
        else:
            super().keyPressEvent(event)


def _cell(text: str) -> QTableWidgetItem:
    item = QTableWidgetItem(text)
    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    return item
