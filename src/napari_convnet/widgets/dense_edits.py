"""Editors of the settings that scans need: losses, regions, patches, how values are normalised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtGui import QIntValidator
from qtpy.QtWidgets import QCheckBox, QGridLayout, QHBoxLayout, QLabel, QWidget

from napari_convnet.document import Patches, Regions, Setting, vocabulary
from napari_convnet.document.cutting import AXES, parse_patches, parse_regions

from .setting_edits import ChoiceEdit, LineEdit, SettingEdit
from .values import number_text

AUTOMATIC = "auto"
"""Stands for an axis that is chosen by itself."""


class LossEdit(QWidget):
    """Edits a sum of losses: a box for each that suits the task; one at least stays ticked."""

    valueChanged = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.boxes = {word: QCheckBox(word, self) for word in vocabulary.LOSSES}
        for word, box in self.boxes.items():
            box.setToolTip(LOSS_HELP.get(word, ""))
            box.clicked.connect(self._ticked)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(4)
        self._task = ""
        self._value: tuple[str, ...] = ()
        self.setTask("classify")

    def value(self) -> tuple[str, ...]:
        """Return the losses, in the order of the document's model."""
        return self._value

    def setValue(self, losses: Sequence[str]) -> None:
        """Show other losses."""
        self._value = tuple(losses)
        for word, box in self.boxes.items():
            box.setChecked(word in self._value)

    def setTask(self, task: str) -> None:
        """Offer the losses of a task."""
        if task == self._task:
            return
        self._task = task
        fitting = [word for word, tasks in vocabulary.LOSSES.items() if task in tasks]
        for box in self.boxes.values():
            self._grid.removeWidget(box)
            box.hide()
        for at, word in enumerate(fitting):
            self._grid.addWidget(self.boxes[word], at // 2, at % 2)
            self.boxes[word].show()

    def _ticked(self) -> None:
        ticked = tuple(w for w, box in self.boxes.items() if box.isChecked() and not box.isHidden())
        if not ticked:
            self.setValue(self._value)
            return
        self._value = ticked
        self.valueChanged.emit(ticked)


LOSS_HELP: Mapping[str, str] = {
    "cross-entropy": "Surprise at the right class",
    "dice": "1 - overlap with each class: small structures count as much as large ones",
    "focal": "Cross-entropy that looks away from what is easy",
    "mse": "Mean squared difference",
    "l1": "Mean absolute difference: edges stay sharper",
    "half-squares": "Half the sum of squared differences, as in early textbooks",
}
"""What each loss is."""


def _row(widget: QWidget) -> QHBoxLayout:
    row = QHBoxLayout(widget)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(4)
    return row


def _number(parent: QWidget, placeholder: str, tip: str, least: int = 1) -> LineEdit:
    edit = LineEdit(parent)
    edit.setValidator(QIntValidator(least, 10**6, edit))
    edit.setPlaceholderText(placeholder)
    edit.setToolTip(tip)
    return edit


class PatchesEdit(QWidget):
    """Edits `Patches`, or None: their size, how many, and how many of them show a class."""

    valueChanged = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.size_ = LineEdit(self)
        self.size_.setPlaceholderText("as input")
        self.size_.setToolTip("Size of a patch: 64, or 32x64x64; that of the input if empty")
        self.count = _number(self, "8", "Patches of each scan in an epoch")
        self.share = LineEdit(self)
        self.share.setPlaceholderText("0")
        self.share.setToolTip(
            "Share of the patches, 0 to 1, that are centred on a voxel of a class other than the "
            "first one: rare classes are seen often enough"
        )
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(4)
        titled = (("size", self.size_), ("per scan", self.count), ("on classes", self.share))
        for at, (title, edit) in enumerate(titled):
            label = QLabel(title, self)
            label.setProperty("role", "faint")
            label.setToolTip(edit.toolTip())
            grid.addWidget(label, 0, at)
            grid.addWidget(edit, 1, at)
            grid.setColumnStretch(at, 1)
            edit.valueChanged.connect(self._changed)

    def value(self) -> Patches | None:
        """Return what the fields say; None where they say nothing.

        Raises
        ------
        ValueError
            Where a field cannot be read: what is wrong, and what would be right.
        """
        text = self.text()
        return parse_patches(text) if text else None

    def text(self) -> str:
        """Write the fields as a document does."""
        words = (
            self.size_.value(),
            _named("per-volume", self.count),
            _named("foreground", self.share),
        )
        return " ".join(filter(None, words))

    def setValue(self, patches: Patches | None) -> None:
        """Show other patches."""
        patches = patches or Patches()
        self.size_.setValue("x".join(map(str, patches.size)))
        self.count.setValue("" if patches.per_volume is None else str(patches.per_volume))
        share = patches.foreground
        self.share.setValue("" if share is None else number_text(share))

    def _changed(self) -> None:
        self.valueChanged.emit(self.text())


def _named(word: str, edit: LineEdit) -> str:
    return f"{word} {edit.value()}" if edit.value() else ""


class RegionsEdit(QWidget):
    """Edits `Regions`, or None: along which axis one scan is divided, with which gap."""

    valueChanged = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        ways = [f"{sign}{axis}" for axis in AXES for sign in ("", "-")]
        self.axis = ChoiceEdit((AUTOMATIC, *ways), self)
        self.axis.setToolTip(
            "Axis along which one scan is divided into training, validation and test, in this "
            "order; -y begins at its end.\nBy itself: whole files where there are enough, else "
            "the longest axis that does not run from left to right"
        )
        self.gap = _number(self, "field", "Voxels left out between the parts: the receptive field")
        self.slabs = _number(self, "1", "How often the order of the parts is repeated")
        self.axis.setMinimumContentsLength(3)
        for edit in (self.gap, self.slabs):
            edit.setFixedWidth(38)
        row = _row(self)
        row.addWidget(self.axis, 1)
        for title, edit in (("gap", self.gap), ("slabs", self.slabs)):
            label = QLabel(title, self)
            label.setProperty("role", "faint")
            row.addWidget(label)
            row.addWidget(edit)
            edit.valueChanged.connect(self._changed)
        self.axis.valueChanged.connect(self._changed)

    def value(self) -> Regions | None:
        """Return what the fields say; None where they say nothing."""
        text = self.text()
        return parse_regions(text) if text else None

    def text(self) -> str:
        """Write the fields as a document does."""
        axis = "" if self.axis.value() == AUTOMATIC else self.axis.value()
        words = (axis, _named("gap", self.gap), _named("slabs", self.slabs))
        return " ".join(filter(None, words))

    def setValue(self, regions: Regions | None) -> None:
        """Show other regions."""
        regions = regions or Regions()
        axis = f"{'-' * regions.descending}{regions.axis}"
        self.axis.setValue(axis or AUTOMATIC)
        self.gap.setValue("" if regions.gap is None else str(regions.gap))
        self.slabs.setValue("" if regions.slabs == 1 else str(regions.slabs))

    def _changed(self) -> None:
        self.valueChanged.emit(self.text())


class NormaliseEdit(QWidget):
    """Edits how values are normalised, and above which value they count for the statistics."""

    valueChanged = Signal(object)

    def __init__(self, words: Mapping[str, Any], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setting = SettingEdit(words, self)
        self.word, self.numbers = self.setting.word, self.setting.numbers
        self.above = LineEdit(self)
        self.above.setPlaceholderText("any")
        self.above.setMaximumWidth(56)
        self.above.setToolTip(
            "Only values above this one count for the mean and the percentiles: 0 leaves the air "
            "around a head out"
        )
        self._label = QLabel("above", self)
        self._label.setProperty("role", "faint")
        row = _row(self)
        row.addWidget(self.setting, 1)
        row.addWidget(self._label)
        row.addWidget(self.above)
        self.setting.valueChanged.connect(lambda _: self._changed())
        self.above.valueChanged.connect(lambda _: self._changed())

    def value(self) -> Setting | None:
        """Return the setting; None where there is none."""
        found = self.setting.value()
        if found is None or found.word not in vocabulary.NAMED or not self.above.value():
            return found
        try:
            return replace(found, words=(("above", float(self.above.value())),))
        except ValueError:
            return found

    def setValue(self, setting: Setting | None) -> None:
        """Show another setting."""
        above = None if setting is None else dict(setting.words).get("above")
        self.setting.setValue(None if setting is None else replace(setting, words=()))
        self.above.setValue("" if above is None else number_text(above))
        self._show_above(setting)

    def _show_above(self, setting: Setting | None) -> None:
        known = setting is not None and "above" in vocabulary.NAMED.get(setting.word, ())
        self.above.setVisible(known)
        self._label.setVisible(known)

    def _changed(self) -> None:
        found = self.value()
        self._show_above(found)
        self.valueChanged.emit(found)
