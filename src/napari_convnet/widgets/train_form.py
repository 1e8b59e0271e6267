"""The settings of a document's training and data, as forms."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QFileDialog, QFormLayout, QWidget

from napari_convnet.document import Data, Pipeline

from .setting_edits import (
    ChoiceEdit,
    CountEdit,
    LineEdit,
    OptimizerEdit,
    SettingEdit,
    SettingsEdit,
    narrow,
)
from .settings import (
    Field,
    names_value,
    scalar,
    setting_text,
    settings_text,
    split_text,
    train_fields,
)

_FOLDER = "\0folder"


def _form(parent: QWidget) -> QFormLayout:
    layout = QFormLayout(parent)
    layout.setContentsMargins(2, 2, 2, 2)
    layout.setSpacing(4)
    layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    layout.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
    layout.setLabelAlignment(Qt.AlignmentFlag.AlignRight)
    return layout


class TrainForm(QWidget):
    """Edits how a network is trained, with a field for each that the document's model has.

    `value` is a mapping of keys to texts; `valueChanged` is emitted with one key and its new text.
    """

    valueChanged = Signal(str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = _form(self)
        self.edits: dict[str, Any] = {}
        for field in train_fields():
            self.edits[field.key] = edit = self._edit(field)
            edit.setToolTip(field.help)
            layout.addRow(field.title, edit)

    def _edit(self, field: Field) -> QWidget:
        tell = partial(self._tell, field.key)
        if field.kind == "choice":
            choice = ChoiceEdit(field.choices, self)
            choice.valueChanged.connect(tell)
            return choice
        if field.kind == "optimizer":
            optimizer = OptimizerEdit(self)
            optimizer.valueChanged.connect(tell)
            return optimizer
        count = CountEdit(field.least, self)
        count.settled.connect(tell)
        return count

    def _tell(self, key: str, value: Any) -> None:
        self.valueChanged.emit(key, setting_text(value))

    def value(self) -> dict[str, str]:
        """Return what every field says, as a document would."""
        return {key: setting_text(edit.value()) for key, edit in self.edits.items()}

    def setPipeline(self, pipeline: Pipeline) -> None:
        """Show a document's settings."""
        for field in train_fields():
            value = getattr(pipeline.train, field.key.partition(".")[2])
            text = field.kind == "choice"
            self.edits[field.key].setValue(setting_text(value) if text else value)

    def settle(self) -> None:
        """Tell at once what is still waiting."""
        for edit in self.edits.values():
            if isinstance(edit, CountEdit) and edit.waiting:
                edit.flush()


class DataForm(QWidget):
    """Edits what a network learns from.

    `valueChanged` is emitted with one key and its new text, None to take it out; a choice of other
    images is told by `sourceChosen` or `imagesChosen`, since it changes several keys.
    """

    valueChanged = Signal(str, object)
    sourceChosen = Signal(str)
    imagesChosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        from napari_convnet.data import AUGMENTATIONS, FITS, NORMALISATIONS

        self._pipeline: Pipeline | None = None
        self.source = QComboBox(self)
        narrow(self.source)
        self.source.setToolTip("What the network learns from")
        self.source.activated.connect(self._choose)
        self.classes = LineEdit(self)
        self.classes.setPlaceholderText("as in the data")
        self.classes.setToolTip("Names of the classes, with commas between, in their order")
        self.split = LineEdit(self)
        self.split.setToolTip("Per cent for training/validation/test, or training/test: 80/20")
        self.normalize = SettingEdit(NORMALISATIONS, self)
        self.fit = SettingEdit(FITS, self)
        self.augment = SettingsEdit({w: kind.about for w, kind in AUGMENTATIONS.items()}, self)
        layout = _form(self)
        for title, edit in (
            ("Learn from", self.source),
            ("Classes", self.classes),
            ("Split", self.split),
            ("Normalise", self.normalize),
            ("Fit", self.fit),
            ("Augment", self.augment),
        ):
            layout.addRow(title, edit)
        self._connect()

    def _connect(self) -> None:
        tell = self.valueChanged.emit
        self.classes.valueChanged.connect(lambda text: tell("data.classes", names_value(text)))
        self.split.valueChanged.connect(lambda text: tell("data.split", text or None))
        self.normalize.valueChanged.connect(lambda v: tell("data.normalize", _or_none(v)))
        self.fit.valueChanged.connect(lambda v: tell("data.fit", _or_none(v)))
        self.augment.valueChanged.connect(
            lambda v: tell("augment", scalar(settings_text(v)) if v else None)
        )

    def value(self) -> dict[str, Any]:
        """Return what every field says."""
        return {
            "classes": self.classes.value(),
            "split": self.split.value(),
            "normalize": self.normalize.value(),
            "fit": self.fit.value(),
            "augment": self.augment.value(),
        }

    def setPipeline(self, pipeline: Pipeline) -> None:
        """Show a document's data."""
        self._pipeline = pipeline
        data = pipeline.data or Data()
        self._offer(data)
        self.classes.setValue(", ".join(data.classes))
        self.split.setValue(split_text(data.split))
        self.normalize.setValue(data.normalize)
        self.fit.setValue(data.fit)
        self.augment.setValue(pipeline.augment)

    # ------------------------------------------------------------ where images come from
    def _offer(self, data: Data) -> None:
        from napari_convnet.data import SOURCES

        self.source.clear()
        if not data.source and not data.images:
            self.source.addItem("choose \u2026", None)
        for source in SOURCES.values():
            self.source.addItem(source.title, source.name)
        if data.images:
            self.source.addItem(data.images, None)
        self.source.addItem("A folder with a folder per class \u2026", _FOLDER)
        self._show(data)

    def _show(self, data: Data) -> None:
        at = self.source.findData(data.source) if data.source else self.source.findData(None)
        self.source.setCurrentIndex(at)

    def _choose(self) -> None:
        chosen, pipeline = self.source.currentData(), self._pipeline
        if pipeline is None or chosen is None:
            return
        data = pipeline.data or Data()
        if chosen == _FOLDER:
            self._show(data)
            self._ask(pipeline.folder)
        elif chosen != data.source:
            self.sourceChosen.emit(chosen)

    def _ask(self, folder: Path) -> None:
        name = QFileDialog.getExistingDirectory(
            self, "A folder with one folder of images per class", str(folder)
        )
        if name:
            self.imagesChosen.emit(Path(name))


def _or_none(value: Any) -> str | None:
    return None if value is None else scalar(str(value))
