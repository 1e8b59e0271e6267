"""The settings of a document's data as a form, whose fields are those that its task needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton, QWidget

from napari_convnet.document import Data, Pipeline

from .dense_edits import NormaliseEdit, PatchesEdit, RegionsEdit
from .setting_edits import ChoiceEdit, LineEdit, SettingEdit, SettingsEdit
from .settings import (
    augmentation_words,
    data_fields,
    fitting_augmentations,
    names_value,
    scalar,
    settings_text,
    split_text,
)
from .source_edit import SourceEdit
from .train_form import form_layout
from .values import number_text

_ALIGN = {"none": "must lie over the images", "labels": "are resampled to the images"}


class DataForm(QWidget):
    """Edits what a network learns from.

    `valueChanged` is emitted with one key and its new text, None to take it out; where examples
    come from is edited by `source`, since it changes several keys.
    """

    valueChanged = Signal(str, object)
    patchesAsked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        from napari_convnet.data import FITS, NORMALISATIONS

        self._dense = self._cutting = False
        self.source = SourceEdit(self)
        self.classes = self._line("as in the data", "Names of the classes, with commas between")
        self.unlabelled = self._line("none", "Value of labels that means: not labelled")
        self.align = ChoiceEdit(tuple(_ALIGN.values()), self)
        self.align.setToolTip("Labels that do not lie where their image does")
        self.accept = self._line(
            "nothing", "What files may lack, as a message named it: uneven, duplicates, damaged"
        )
        self.spacing = self._line("as it is", "Millimetres to resample to: 1, or 3x1x1 (z, y, x)")
        self.rate = self._line("as it is", "Samples per second to resample recordings to: 16000")
        self.normalize = NormaliseEdit(NORMALISATIONS, self)
        self.split = self._line(
            "", "Per cent for training/validation/test, or training/test: 80/20"
        )
        self.regions = RegionsEdit(self)
        self.patches = PatchesEdit(self)
        self.fit = SettingEdit(FITS, self)
        self.augment = SettingsEdit(augmentation_words(), self)
        self.show_button = QPushButton("Show patches", self)
        self.show_button.setToolTip(
            "Add some examples as layers beside the image: cut, normalised and augmented as the "
            "training sees them"
        )
        self.show_button.clicked.connect(lambda: self.patchesAsked.emit())
        self.form = form_layout(self)
        self.rows: dict[str, QWidget] = {
            "source": self.source,
            "classes": self.classes,
            "unlabelled": self.unlabelled,
            "align": self.align,
            "accept": self.accept,
            "spacing": self.spacing,
            "rate": self.rate,
            "normalize": self.normalize,
            "split": self.split,
            "regions": self.regions,
            "patches": self.patches,
            "fit": self.fit,
            "augment": self.augment,
        }
        for key, edit in self.rows.items():
            self.form.addRow(TITLES[key], edit)
        self.form.addRow("", self.show_button)
        self._connect()

    def setCutting(self, cutting: bool) -> None:
        """Say whether examples are being cut: the button gives up then."""
        self._cutting = cutting
        what = "patches" if self._dense else "examples"
        self.show_button.setText(f"Cutting {what} \u2026 cancel" if cutting else f"Show {what}")

    def _line(self, placeholder: str, tip: str) -> LineEdit:
        edit = LineEdit(self)
        edit.setPlaceholderText(placeholder)
        edit.setToolTip(tip)
        return edit

    def _connect(self) -> None:
        tell = self.valueChanged.emit
        self.classes.valueChanged.connect(lambda text: tell("data.classes", names_value(text)))
        for key in ("unlabelled", "accept", "spacing", "rate", "split", "regions", "patches"):
            self._tell_text(key, self.rows[key])
        self.align.valueChanged.connect(
            lambda text: tell("data.align", None if text == _ALIGN["none"] else "labels")
        )
        self.normalize.valueChanged.connect(lambda v: tell("data.normalize", _or_none(v)))
        self.fit.valueChanged.connect(lambda v: tell("data.fit", _or_none(v)))
        self.augment.valueChanged.connect(
            lambda v: tell("augment", scalar(settings_text(v)) if v else None)
        )

    def _tell_text(self, key: str, edit: Any) -> None:
        edit.valueChanged.connect(lambda text: self.valueChanged.emit(f"data.{key}", text or None))

    def value(self) -> dict[str, Any]:
        """Return what every field says."""
        return {
            "classes": self.classes.value(),
            "unlabelled": self.unlabelled.value(),
            "accept": self.accept.value(),
            "spacing": self.spacing.value(),
            "rate": self.rate.value(),
            "split": self.split.value(),
            "regions": self.regions.value(),
            "patches": self.patches.value(),
            "normalize": self.normalize.value(),
            "fit": self.fit.value(),
            "augment": self.augment.value(),
        }

    def setPipeline(self, pipeline: Pipeline, pairs: Sequence[Any] = ()) -> None:
        """Show a document's data.

        Parameters
        ----------
        pipeline : Pipeline
            The document.
        pairs : sequence of LayerPair
            The open layers that it learns from, if it does.
        """
        data = pipeline.data or Data()
        self.source.setPipeline(pipeline, pairs)
        self.classes.setValue(", ".join(data.classes))
        self.unlabelled.setValue("" if data.unlabelled is None else str(data.unlabelled))
        self.align.setValue(_ALIGN[data.align])
        self.accept.setValue(", ".join(data.accept))
        self.rate.setValue("" if data.rate is None else str(data.rate))
        self.spacing.setValue("x".join(number_text(n) for n in data.spacing or ()))
        self.split.setValue(split_text(data.split))
        self.normalize.setValue(data.normalize)
        self.regions.setValue(data.regions)
        self.patches.setValue(data.patches)
        self.fit.setValue(data.fit)
        given = pipeline.network.input
        # Neighbouring slices are a part of a volume, whatever the network makes of them.
        self.augment.setWords(fitting_augmentations(len(given.sizes) + given.slices))
        self.augment.setValue(pipeline.augment)
        self._dense = pipeline.train.task != "classify"
        self.setCutting(self._cutting)
        shown = data_fields(pipeline)
        if pairs:
            shown -= {"align", "accept"}  # layers are checked when they are chosen
        for key, edit in self.rows.items():
            self.form.setRowVisible(edit, key in shown)


TITLES = {
    "source": "Learn from",
    "classes": "Classes",
    "unlabelled": "Unlabelled",
    "align": "Labels",
    "accept": "Accept",
    "spacing": "Spacing",
    "rate": "Rate (Hz)",
    "normalize": "Normalise",
    "split": "Split",
    "regions": "Regions",
    "patches": "Patches",
    "fit": "Fit",
    "augment": "Augment",
}
"""Names of the fields."""


def _or_none(value: Any) -> str | None:
    return None if value is None else scalar(str(value))
