"""Which open layers a network learns from: an image, and what it is to make of it."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from .setting_edits import narrow

if TYPE_CHECKING:
    from napari_convnet.viewer.layer_data import LayerPair

_NONE = "choose \u2026"


class LayerCombo(QComboBox):
    """Chooses one of several layers, or none."""

    valueChanged = Signal(object)

    def __init__(self, tip: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._layers: list[weakref.ref[Any]] = []
        self.setToolTip(tip)
        narrow(self)
        self.activated.connect(lambda _: self.valueChanged.emit(self.value()))

    def value(self) -> Any:
        """Return the layer; None where none is chosen."""
        at = self.currentIndex() - 1
        return self._layers[at]() if 0 <= at < len(self._layers) else None

    def setValue(self, layer: Any) -> None:
        """Choose a layer, or None."""
        at = next((i for i, ref in enumerate(self._layers) if ref() is layer), -1)
        self.setCurrentIndex(at + 1 if layer is not None else 0)

    def setLayers(self, layers: Sequence[Any]) -> None:
        """Offer other layers; the chosen one stays where it is among them."""
        chosen = self.value()
        self._layers = [weakref.ref(layer) for layer in layers]
        titles = [_NONE, *(layer.name for layer in layers)]
        if titles != [self.itemText(i) for i in range(self.count())]:
            self.clear()
            self.addItems(titles)
        self.setValue(chosen)


class LayerPairs(QWidget):
    """Edits pairs of layers: images, and their labels or target images.

    `valueChanged` is emitted with the pairs that are whole.
    """

    valueChanged = Signal(object)
    newLabelsAsked = Signal(object)
    """Labels to paint on were asked for, over this image (None: whichever is looked at)."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._images: tuple[Any, ...] = ()
        self._targets: tuple[Any, ...] = ()
        self.rows: list[tuple[LayerCombo, LayerCombo, QToolButton]] = []
        self._told: tuple[LayerPair, ...] = ()
        self._grid = QGridLayout()
        self._grid.setSpacing(4)
        self._grid.setColumnStretch(0, 1)
        self._grid.setColumnStretch(1, 1)
        self._grid.addWidget(self._title("image"), 0, 0)
        self.target_title = self._title("labels")
        self._grid.addWidget(self.target_title, 0, 1)
        self.add_button = QPushButton("Add a pair", self)
        self.add_button.setToolTip("Learn from one more image and its labels")
        self.add_button.clicked.connect(lambda: self._add())
        self.new_button = QPushButton("New labels layer", self)
        self.new_button.setToolTip(
            "Add an empty labels layer in the place of the image, and paint: label 1 is the first "
            "class, 2 the second. What is not painted does not count"
        )
        self.new_button.clicked.connect(lambda: self.newLabelsAsked.emit(self.rows[0][0].value()))
        buttons = QHBoxLayout()
        buttons.setSpacing(4)
        buttons.addWidget(self.new_button)
        buttons.addWidget(self.add_button)
        buttons.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(self._grid)
        layout.addLayout(buttons)
        self._add()

    def _title(self, text: str) -> QLabel:
        label = QLabel(text, self)
        label.setProperty("role", "faint")
        return label

    # ------------------------------------------------------------ value
    def value(self) -> tuple[LayerPair, ...]:
        """Return the pairs of which both layers are chosen."""
        from napari_convnet.viewer.layer_data import LayerPair

        chosen = ((image.value(), target.value()) for image, target, _ in self.rows)
        return tuple(LayerPair(a, b) for a, b in chosen if a is not None and b is not None)

    def setValue(self, pairs: Sequence[LayerPair]) -> None:
        """Show other pairs; one empty row where there are none.

        Rows that are not whole yet stay while the others say the same.
        """
        if _same(pairs, self.value()):
            return
        for _ in range(len(pairs) - len(self.rows)):
            self._add()
        while len(self.rows) > max(1, len(pairs)):
            self._drop(self.rows[-1])
        for (image, target, _), pair in zip(self.rows, pairs, strict=False):
            image.setValue(pair.image)
            target.setValue(pair.target)

    def setLayers(self, images: Sequence[Any], targets: Sequence[Any]) -> None:
        """Offer other layers.

        Parameters
        ----------
        images : sequence of Image
            What the network may be shown.
        targets : sequence of Labels or Image
            What it may learn to answer.
        """
        self._images, self._targets = tuple(images), tuple(targets)
        for image, target, _ in self.rows:
            image.setLayers(images)
            target.setLayers(targets)

    def suggest(self, image: Any, target: Any) -> None:
        """Choose layers in the first row where none are chosen yet."""
        first = self.rows[0]
        for combo, layer in ((first[0], image), (first[1], target)):
            if combo.value() is None and layer is not None:
                combo.setValue(layer)

    # ------------------------------------------------------------ rows
    def _add(self) -> None:
        image = LayerCombo("What the network is shown", self)
        target = LayerCombo("What it is to answer: Labels, or an image to learn its values", self)
        remove = QToolButton(self)
        remove.setText("\u00d7")
        remove.setAutoRaise(True)
        remove.setToolTip("Learn from this pair no longer")
        row = (image, target, remove)
        at = self._grid.rowCount()
        for column, part in enumerate(row):
            self._grid.addWidget(part, at, column)
        image.setLayers(self._images)
        target.setLayers(self._targets)
        for combo in (image, target):
            combo.valueChanged.connect(lambda _: self._changed())
        remove.clicked.connect(lambda: self._removed(row))
        self.rows.append(row)
        self._show_removes()

    def _drop(self, row: tuple[LayerCombo, LayerCombo, QToolButton]) -> None:
        self.rows.remove(row)
        for part in row:
            self._grid.removeWidget(part)
            part.hide()
            part.deleteLater()
        self._show_removes()

    def _removed(self, row: tuple[LayerCombo, LayerCombo, QToolButton]) -> None:
        self._drop(row)
        self._changed()

    def _show_removes(self) -> None:
        for _, _, remove in self.rows:
            remove.setVisible(len(self.rows) > 1)

    def _changed(self) -> None:
        """Tell the whole pairs, unless they are those told last: a row may be half chosen."""
        pairs = self.value()
        if pairs and not _same(pairs, self._told):
            self._told = pairs
            self.valueChanged.emit(pairs)


def _same(some: Sequence[LayerPair], others: Sequence[LayerPair]) -> bool:
    return [(p.image, p.target) for p in some] == [(p.image, p.target) for p in others]
