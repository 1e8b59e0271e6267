"""The form of a row: its calls side by side, and the fields of the one that is chosen."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QTabBar, QVBoxLayout, QWidget

from .call_form import CallForm
from .calls import CallValue, RowText


class RowForm(QWidget):
    """Edits the calls of a row's text.

    `value` is the text of the row; `valueChanged` is emitted with the new text.
    """

    valueChanged = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._row = RowText("")
        self._calls: tuple[CallValue, ...] = ()
        self._shown = -1
        self.tabs = QTabBar(self)
        self.tabs.setDrawBase(False)
        self.tabs.setExpanding(False)
        self.tabs.setUsesScrollButtons(True)
        self.form = CallForm(self)
        self.help = QLabel(self)
        self.help.setWordWrap(True)
        self.help.setProperty("role", "faint")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2, 2, 2, 2)
        layout.setSpacing(3)
        layout.addWidget(self.tabs)
        layout.addWidget(self.help)
        layout.addWidget(self.form)
        self.tabs.currentChanged.connect(self._choose)
        self.form.valueChanged.connect(self._changed)
        self._show_call(-1)

    def value(self) -> str:
        """Return the text of the row."""
        return self._row.text

    def setValue(self, text: str) -> None:
        """Show another row; the chosen call stays where it can."""
        if self.form.waiting and text == self._row.text:
            return
        self._row = RowText(text)
        self._calls = self._row.calls
        words = [call.op for call in self._calls]
        if words != [self.tabs.tabText(i) for i in range(self.tabs.count())]:
            self._set_tabs(words)
        self._show_call(self.tabs.currentIndex())

    def flush(self) -> None:
        """Tell a change at once that is still waiting for the next."""
        if self.form.waiting:
            self.form.flush()

    def _set_tabs(self, words: list[str]) -> None:
        self.tabs.blockSignals(True)
        current = self.tabs.currentIndex()
        while self.tabs.count():
            self.tabs.removeTab(0)
        for word in words:
            self.tabs.addTab(word)
        self.tabs.setCurrentIndex(min(max(current, 0), len(words) - 1))
        self.tabs.blockSignals(False)

    def _choose(self, index: int) -> None:
        self.flush()
        self._show_call(index)

    def _show_call(self, index: int) -> None:
        self._shown = index
        call = self._calls[index] if 0 <= index < len(self._calls) else None
        self.form.setValue(call)
        self.form.setVisible(call is not None and bool(self.form.fields()))
        self.tabs.setVisible(len(self._calls) > 0)
        self.help.setText(_help(call, self._row.text))

    def _changed(self, call: CallValue) -> None:
        row = self._row.with_call(self._shown, call)
        if row.text != self._row.text:
            self._row, self._calls = row, row.calls
            self.valueChanged.emit(row.text)


def _help(call: CallValue | None, text: str) -> str:
    if call is not None:
        return call.kind.help
    return "This row cannot be read yet." if text else "Select a row to edit its layers."
