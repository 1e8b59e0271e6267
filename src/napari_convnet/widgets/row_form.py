"""The form of a row: its calls side by side, and the fields of the one that is chosen."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QPushButton, QTabBar, QVBoxLayout, QWidget

from napari_convnet.network import Layer, Network

from .call_form import CallForm
from .calls import AnyCall, BlockCall, CallValue, RowText
from .rows import RowView
from .section import Section
from .theme import Colors
from .why_view import WhyView
from .words import Words


class RowForm(QWidget):
    """Edits the calls of a row's text.

    `value` is the text of the row; `valueChanged` is emitted with the new text.
    """

    valueChanged = Signal(str)
    definitionAsked = Signal()
    """The row was to be edited that makes what is shown."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._row = RowText("")
        self._calls: tuple[AnyCall, ...] = ()
        self._words = Words()
        self._layers: tuple[Layer, ...] = ()
        self._shown = -1
        self.tabs = QTabBar(self)
        self.tabs.setDrawBase(False)
        self.tabs.setExpanding(False)
        self.tabs.setUsesScrollButtons(True)
        self.form = CallForm(self)
        self.help = QLabel(self)
        self.help.setWordWrap(True)
        self.help.setProperty("role", "faint")
        self.definition = QPushButton(self)
        self.definition.setToolTip("This layer is made by a row; edit that")
        self.definition.clicked.connect(lambda: self.definitionAsked.emit())
        self.why = WhyView(self)
        self.why_section = Section("Why these numbers?", self.why, parent=self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2, 2, 2, 2)
        layout.setSpacing(3)
        for part in (self.tabs, self.help, self.form, self.definition, self.why_section):
            layout.addWidget(part)
        self.tabs.currentChanged.connect(self._choose)
        self.form.valueChanged.connect(self._changed)
        self._show_call(-1)
        self.definition.hide()

    def value(self) -> str:
        """Return the text of the row."""
        return self._row.text

    def setValue(self, text: str, words: Words | None = None) -> None:
        """Show another row; the chosen call stays where it can.

        Parameters
        ----------
        text : str
            The row.
        words : Words, optional
            What the document adds to the language at this row.
        """
        if self.form.waiting and text == self._row.text:
            return
        self._words = words or Words()
        self._row = RowText(text, self._words.params)
        self._calls = self._row.calls
        self.form.setNames(self._words.names)
        named = [call.op for call in self._calls]
        if named != [self.tabs.tabText(i) for i in range(self.tabs.count())]:
            self._set_tabs(named)
        self._show_call(self.tabs.currentIndex())

    def setLayers(self, network: Network | None, view: RowView | None) -> None:
        """Say which layers a row makes, to explain their numbers."""
        self._layers = () if view is None else view.layers
        names = [layer.name for layer in self._layers]
        chosen = self._layer_of(self._shown) or (view.layer if view is not None else "")
        self.why_section.setVisible(bool(names))
        self.why.setValue(network, names, chosen)
        made = view is not None and bool(view.definition)
        self.definition.setVisible(made)
        if view is not None and made:
            self.definition.setText(f"Edit the row that makes {view.layer}")
            self.help.setText(view.layers[-1].kind.help if view.kind == "layer" else "")
        elif view is not None and view.group:
            self.help.setText(STRUCTURES_HELP.get(view.kind, ""))

    def setColors(self, colors: Colors) -> None:
        """Use other colours."""
        self.why_section.setColors(colors)
        self.why.setColors(colors)

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
        name = self._layer_of(index)
        if name:
            self.why.explain(name)

    def _layer_of(self, index: int) -> str:
        """Name of the layer that a call makes, the first of them; empty for a block's."""
        call = self._calls[index] if 0 <= index < len(self._calls) else None
        if not isinstance(call, CallValue):
            return ""
        before = sum(1 for one in self._calls[:index] if one.op == call.op)
        made = [layer.name for layer in self._layers if layer.op == call.op]
        return made[before] if before < len(made) else ""

    def _show_call(self, index: int) -> None:
        self._shown = index
        call = self._calls[index] if 0 <= index < len(self._calls) else None
        self.form.setValue(call)
        self.form.setVisible(call is not None and bool(self.form.fields()))
        self.tabs.setVisible(len(self._calls) > 0)
        self.help.setText(self._help(call))

    def _help(self, call: AnyCall | None) -> str:
        if isinstance(call, BlockCall):
            return f"Calls the block {self._words.blocks[call.op]}"
        if call is not None:
            return call.kind.help
        unread = self._row.text and not self._row.text.endswith(":")
        return "This row cannot be read yet." if unread else "Select a row to edit its layers."

    def _changed(self, call: AnyCall) -> None:
        row = self._row.with_call(self._shown, call)
        if row.text != self._row.text:
            self._row, self._calls = row, row.calls
            self.valueChanged.emit(row.text)


STRUCTURES_HELP = {
    "res": "What comes in is added to what the rows in it make; where the two differ in shape, "
    "what comes in goes through a 1x1 convolution.",
    "cat": "Each row in it is a branch from the same input; their maps are stacked.",
    "add": "Each row in it is a branch from the same input; their maps are summed.",
    "side": "A further output: what comes in also goes on below, as it is.",
    "group": "Rows that belong together; with x3: in front of them they are repeated.",
    "branch": "One of several ways from the same input; its rows follow each other.",
    "block": "Rows with a name and parameters, called like an op: $a in them is what a call gives.",
}
"""What rows do that hold rows."""
