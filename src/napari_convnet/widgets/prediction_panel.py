"""Predicting: what an image shows as bars, or every voxel's class as a layer and a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_convnet.document import Pipeline

from .class_table import ClassTable
from .layer_pairs import LayerCombo
from .prediction_view import PredictionView
from .theme import Colors
from .values import time_text

if TYPE_CHECKING:
    from napari_convnet.viewer.status import PredictionStatus

_NAMES = {"dice": "Dice", "iou": "IoU"}

FILES = "NIfTI (*.nii.gz);;TIFF (*.tif);;NumPy (*.npy);;Zarr (*.zarr)"
"""What a prediction can be saved as, for a dialog."""


class PredictionPanel(QWidget):
    """Shows a prediction and how far it is; `value` is what the session said, or None."""

    predictAsked = Signal()
    cancelAsked = Signal()
    saveAsked = Signal()
    compareAsked = Signal(object)
    """A Labels layer that says what is right."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._value: Any = None
        self.button = QPushButton("Predict this image", self)
        self.cancel_button = QPushButton("Cancel", self)
        self.cancel_button.setToolTip("Give up; the prediction that was there before stays")
        self.bar = QProgressBar(self)
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(8)
        self.status = QLabel(self)
        self.status.setProperty("role", "faint")
        self.view = PredictionView(self)
        self.table = ClassTable(self)
        self.labels = LayerCombo(
            "Labels that say what is right: how well the prediction agrees", self
        )
        self.save_button = QPushButton("Save \u2026", self)
        self.save_button.setToolTip(
            "Write the prediction as NIfTI, TIFF, NumPy or Zarr file, in place"
        )
        self._lay_out()
        self.button.clicked.connect(lambda: self.predictAsked.emit())
        self.cancel_button.clicked.connect(lambda: self.cancelAsked.emit())
        self.save_button.clicked.connect(lambda: self.saveAsked.emit())
        self.labels.valueChanged.connect(self._compare)
        self.setStatus(None)
        self.setValue(None)

    def _lay_out(self) -> None:
        buttons, further = QHBoxLayout(), QHBoxLayout()
        for row in (buttons, further):
            row.setSpacing(4)
        buttons.addWidget(self.button, 1)
        buttons.addWidget(self.cancel_button)
        self._compared = QLabel("Compare with", self)
        further.addWidget(self._compared)
        further.addWidget(self.labels, 1)
        further.addWidget(self.save_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2, 2, 2, 2)
        layout.setSpacing(3)
        layout.addLayout(buttons)
        for part in (self.bar, self.status, self.view, self.table):
            layout.addWidget(part)
        layout.addLayout(further)

    # ------------------------------------------------------------ value
    def value(self) -> Any:
        """Return the prediction."""
        return self._value

    def setValue(self, prediction: Any) -> None:
        """Show a prediction; None takes it away."""
        self._value = prediction
        dense, classes = hasattr(prediction, "affine"), hasattr(prediction, "labels")
        self.view.setVisible(not dense)
        self.view.setValue(None if dense else prediction)
        self.table.setValue(numbers_of(prediction) if classes else {})
        self._compared.setVisible(classes)
        self.labels.setVisible(classes)
        self.save_button.setVisible(dense)

    def setPipeline(self, pipeline: Pipeline) -> None:
        """Say what a document's network predicts: a class of the image, or of each place in it."""
        network = pipeline.network
        dense = len(network.output) > 1
        volume = len(network.input.sizes) == 3 or network.input.slices
        every = "Predict every voxel" if volume else "Predict every pixel"
        self.button.setText(every if dense else "Predict this image")
        self.button.setToolTip(
            "Add the class of each place as a layer over the image"
            if dense
            else "Say which class the image shows"
        )
        if not dense:
            self.view.show()
        elif self._value is None:
            self.view.hide()

    def setLayers(self, layers: Sequence[Any]) -> None:
        """Offer labels to compare with."""
        self.labels.setLayers(layers)

    def setStatus(self, status: PredictionStatus | None) -> None:
        """Show how far a prediction is."""
        active = status is not None and status.active
        self.cancel_button.setVisible(active)
        self.button.setDisabled(active)
        for part in (self.bar, self.status):
            part.setVisible(active)
        if status is not None and active:
            self.bar.setValue(round(1000 * status.fraction))
            left = status.seconds_left
            done = f"{100 * status.fraction:.0f} %"
            self.status.setText(done if left is None else f"{done}, {time_text(left)} left")

    def setColors(self, colors: Colors) -> None:
        """Use other colours."""
        self.view.setColors(colors)

    def _compare(self, layer: Any) -> None:
        if layer is not None:
            self.compareAsked.emit(layer)


def numbers_of(prediction: Any) -> dict[str, dict[str, float | None]]:
    """Give the numbers of each class of a segmentation: its volume, and how well it agrees."""
    rows = prediction.rows()
    left_out = {"label", "class"} | ({"voxels"} if rows and "ml" in rows[0] else set())
    names = _NAMES if prediction.labels.ndim > 2 else {**_NAMES, "voxels": "pixels"}
    return {
        row["class"]: {names.get(k, k): v for k, v in row.items() if k not in left_out}
        for row in rows
    }
