"""Why a layer has the numbers it has: formulae, with the numbers put in."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from qtpy.QtCore import Qt
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QComboBox, QLabel, QVBoxLayout, QWidget

from napari_convnet.network import Network, Spacing
from napari_convnet.network.explain import why

from .theme import Colors

MOST = 200
"""Layers of a row that can be chosen."""


class WhyView(QWidget):
    """Explains the numbers of one of a row's layers; worked out when it is looked at."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._network: Network | None = None
        self._spacing: Spacing | None = None
        self._colors = Colors()
        self._names: tuple[str, ...] = ()
        self._stale = False
        self.layers = QComboBox(self)
        self.layers.setToolTip("Layer that is explained")
        self.layers.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.text = QLabel(self)
        self.text.setWordWrap(True)
        self.text.setTextFormat(Qt.TextFormat.RichText)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2, 0, 2, 2)
        layout.setSpacing(2)
        layout.addWidget(self.layers)
        layout.addWidget(self.text)
        self.layers.activated.connect(lambda _: self._refresh())

    def value(self) -> str:
        """Name of the layer that is explained; empty where there is none."""
        return self.layers.currentText()

    def setValue(self, network: Network | None, names: Sequence[str], name: str = "") -> None:
        """Explain a layer of a network.

        Parameters
        ----------
        network : Network or None
            The network.
        names : sequence of str
            The layers that can be chosen.
        name : str
            The one that is explained; the last one where it is not given.
        """
        self._network = network
        names = tuple(names)[-MOST:]
        if names != self._names:
            self._names = names
            self.layers.clear()
            self.layers.addItems(list(names))
        self.layers.setVisible(len(names) > 1)
        if names:
            self.layers.setCurrentText(name or names[-1])
        self._refresh()

    def setSpacing(self, spacing: Spacing | None) -> None:
        """Say how far apart the input's pixels are, to give lengths too."""
        if spacing != self._spacing:
            self._spacing = spacing
            self._refresh()

    def explain(self, name: str) -> None:
        """Choose one of the layers."""
        self.layers.setCurrentText(name)
        self._refresh()

    def setColors(self, colors: Colors) -> None:
        """Write in other colours."""
        self._colors = colors
        self._refresh()

    def showEvent(self, event: QShowEvent | None) -> None:
        """Work out what is asked for now."""
        super().showEvent(event)
        if self._stale:
            self._write()

    def _refresh(self) -> None:
        self._stale = True
        if self.isVisible():
            self._write()

    def _write(self) -> None:
        self._stale = False
        name = self.value()
        known = self._network is not None and name in self._network
        faint, spacing = self._colors.faint, self._spacing
        self.text.setText(why_html(self._network, name, faint, spacing) if known else "")


def why_html(network: Network | None, name: str, faint: str, spacing: Spacing | None = None) -> str:
    """Write the reasons for a layer's numbers as HTML."""
    if network is None:
        return ""
    found = why(network, name, spacing)
    rows = []
    for line in found.lines:
        numbers = f"{escape(line.numbers)} = " if line.numbers else ""
        rows.append(
            f"<p style='margin:3px 0'><b>{escape(line.what)}</b> "
            f"<span style='color:{faint}'>{escape(line.formula)}</span><br>"
            f"{numbers}<b>{escape(line.result)}</b></p>"
        )
    dense = f"<p style='margin:3px 0; color:{faint}'>{escape(found.dense)}</p>"
    return "".join(rows) + dense * bool(found.dense)
