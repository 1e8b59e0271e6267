"""Which image of the viewer the network looks at."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QSizePolicy, QWidget

if TYPE_CHECKING:
    from napari.layers import Image


_TIP = "The image whose maps are shown"


class ImageCombo(QComboBox):
    """Chooses an image layer.

    `value` is the layer, or None to follow the viewer's selection.
    """

    valueChanged = Signal(object)
    aboutToShow = Signal()
    """The list is about to open: now is the time to offer the layers that there are."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._layers: list[weakref.ref[Image]] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumContentsLength(8)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.activated.connect(lambda _: self.valueChanged.emit(self.value()))
        self.setLayers((), None)

    def value(self) -> Image | None:
        """Return the chosen layer; None where the selection is followed."""
        index = self.currentIndex() - 1
        return self._layers[index]() if 0 <= index < len(self._layers) else None

    def setValue(self, layer: Image | None) -> None:
        """Choose a layer, or None."""
        index = next((i for i, ref in enumerate(self._layers) if ref() is layer), -1)
        self.setCurrentIndex(index + 1 if layer is not None else 0)

    def setLayers(
        self, layers: Sequence[Image], chosen: Image | None, followed: Image | None = None
    ) -> None:
        """Offer other layers.

        Parameters
        ----------
        layers : sequence of Image
            What can be chosen.
        chosen : Image or None
            What is.
        followed : Image or None
            The one that following the selection leads to.
        """
        follow = f"Selected: {followed.name}" if followed is not None else "Selected layer"
        titles = [follow, *(layer.name for layer in layers)]
        self._layers = [weakref.ref(layer) for layer in layers]
        if titles != [self.itemText(i) for i in range(self.count())]:
            self.clear()
            self.addItems(titles)
        self.setValue(chosen)
        self.setToolTip(f"The image whose maps are shown:\n{followed.name}" if followed else _TIP)

    def showPopup(self) -> None:
        """Open the list, brought up to date."""
        self.aboutToShow.emit()
        super().showPopup()
