"""Whether a network sees volumes, or neighbouring slices of them."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QWidget

from napari_convnet.document.edit import SLICES, View
from napari_convnet.network import Input

from .setting_edits import ChoiceEdit

VIEWS = {"3-D": "depth is an axis", "2.5-D": "neighbouring slices are channels"}
COUNTS = ("1", "3", "5", "7", "9", "11")


class ViewSwitch(QWidget):
    """Edits how depth goes into a network: its view, and how many slices a 2.5-D one sees."""

    valueChanged = Signal(str, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view = ChoiceEdit(tuple(VIEWS), self)
        self.view.setToolTip(
            "3-D: the network moves through the volume, its depth is an axis.\n"
            "2.5-D: it sees some neighbouring slices as channels, and answers for the middle one.\n"
            "Only the input line changes; rows that do not fit the other way say so."
        )
        self.slices = ChoiceEdit(COUNTS, self)
        self.slices.setToolTip("Neighbouring slices that a 2.5-D network sees")
        self.slices.setValue(str(SLICES))
        for combo, letters in ((self.view, 5), (self.slices, 2)):
            combo.setMinimumContentsLength(letters)
            combo.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.about = QLabel(self)
        self.about.setProperty("role", "faint")
        # Whatever it says, the dock stays as wide as it is.
        self.about.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        row.addWidget(QLabel("View", self))
        row.addWidget(self.view)
        row.addWidget(self.slices)
        row.addWidget(self.about, 1)
        self.view.valueChanged.connect(lambda _: self._tell())
        self.slices.valueChanged.connect(lambda _: self._tell())

    def value(self) -> tuple[View, int]:
        """Return the view, and how many slices a 2.5-D network sees."""
        return ("2.5-D" if self.view.value() == "2.5-D" else "3-D"), int(self.slices.value())

    def setValue(self, given: Input) -> None:
        """Show how an input sees volumes."""
        view = "2.5-D" if given.slices else "3-D"
        self.view.setValue(view)
        if given.slices:
            self.slices.setValue(str(given.channels))
        self.slices.setVisible(given.slices)
        self.about.setText("slices as channels" if given.slices else VIEWS[view])

    def _tell(self) -> None:
        self.valueChanged.emit(*self.value())
