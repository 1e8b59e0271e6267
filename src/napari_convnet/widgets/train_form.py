"""The settings of a document's training as a form."""

from __future__ import annotations

from functools import partial
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QFormLayout, QWidget

from napari_convnet.document import Pipeline

from .dense_edits import LossEdit
from .setting_edits import ChoiceEdit, CountEdit, OptimizerEdit
from .settings import Field, setting_text, train_fields, train_keys


def form_layout(parent: QWidget) -> QFormLayout:
    """Lay a form out that may be narrow."""
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
    taskChosen = Signal(str)
    """Another task: more keys than its own may change."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.form = layout = form_layout(self)
        self.edits: dict[str, Any] = {}
        for field in train_fields():
            self.edits[field.key] = edit = self._edit(field)
            edit.setToolTip(field.help)
            layout.addRow(field.title, edit)

    def _edit(self, field: Field) -> QWidget:
        tell = partial(self._tell, field.key)
        if field.kind == "choice":
            choice = ChoiceEdit(field.choices, self)
            task = field.key == "train.task"
            choice.valueChanged.connect(self.taskChosen if task else tell)
            return choice
        if field.kind == "losses":
            losses = LossEdit(self)
            losses.valueChanged.connect(tell)
            return losses
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
        self.edits["train.loss"].setTask(pipeline.train.task)
        shown = train_keys(pipeline)
        for field in train_fields():
            self.form.setRowVisible(self.edits[field.key], field.key in shown)
            value = getattr(pipeline.train, field.key.partition(".")[2])
            text = field.kind == "choice"
            self.edits[field.key].setValue(setting_text(value) if text else value)

    def settle(self) -> None:
        """Tell at once what is still waiting."""
        for edit in self.edits.values():
            if isinstance(edit, CountEdit) and edit.waiting:
                edit.flush()
