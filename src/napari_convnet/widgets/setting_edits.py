"""Editors of single settings: each has `value`, `setValue` and `valueChanged`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtGui import QDoubleValidator
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSpinBox,
    QWidget,
)

from napari_convnet.document import Optimizer, Setting, parse_setting, vocabulary

from .values import number_text

_WAIT = 300


def narrow(combo: QComboBox) -> None:
    """Let a combo box be narrower than its longest entry."""
    policy = QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
    combo.setSizeAdjustPolicy(policy)
    combo.setMinimumContentsLength(6)


class ChoiceEdit(QComboBox):
    """Edits a word out of several; a word that it does not know is offered as it is."""

    valueChanged = Signal(str)

    def __init__(self, choices: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.addItems(list(choices))
        narrow(self)
        self.activated.connect(lambda _: self.valueChanged.emit(self.value()))

    def value(self) -> str:
        """Return the word."""
        return self.currentText()

    def setValue(self, word: str) -> None:
        """Show another word."""
        if self.findText(word) < 0:
            self.addItem(word)
        self.setCurrentText(word)


class CountEdit(QSpinBox):
    """Edits a whole number; tells it when the person has stopped counting."""

    settled = Signal(int)

    def __init__(self, least: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setRange(least, 2**31 - 1)
        self.setKeyboardTracking(False)
        self.setMinimumWidth(70)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_WAIT)
        self._timer.timeout.connect(self.flush)
        self.valueChanged.connect(self._timer.start)

    def setValue(self, number: int) -> None:
        """Show another number, without telling it."""
        if not self._timer.isActive():
            self.blockSignals(True)
            super().setValue(number)
            self.blockSignals(False)

    def flush(self) -> None:
        """Tell the number at once."""
        self._timer.stop()
        self.settled.emit(self.value())

    @property
    def waiting(self) -> bool:
        """Whether there is a number that has not been told."""
        return self._timer.isActive()


class LineEdit(QLineEdit):
    """Edits a text; tells it when the person is done."""

    valueChanged = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setMinimumWidth(40)
        self.editingFinished.connect(self._done)

    def value(self) -> str:
        """Return the text."""
        return self.text().strip()

    def setValue(self, text: str) -> None:
        """Show another text, unless one is being typed."""
        if not (self.isModified() and self.hasFocus()):
            self.setText(text)

    def _done(self) -> None:
        if self.isModified():
            self.setModified(False)
            self.valueChanged.emit(self.value())


class NumberEdit(LineEdit):
    """Edits a real number, which may be as small as a learning rate."""

    numberChanged = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setValidator(QDoubleValidator(0.0, 1e6, 12, self))
        self.valueChanged.connect(lambda text: self.numberChanged.emit(float(text)))

    def number(self) -> float:
        """Return the number; 0 where there is none."""
        try:
            return float(self.text())
        except ValueError:
            return 0.0

    def setNumber(self, number: float) -> None:
        """Show another number."""
        self.setValue(number_text(number))


class OptimizerEdit(QWidget):
    """Edits an `Optimizer`: its name and the numbers that it has."""

    valueChanged = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._value = Optimizer()
        self.name = ChoiceEdit(tuple(vocabulary.OPTIMIZERS), self)
        self.numbers: dict[str, NumberEdit] = {}
        self._labels: dict[str, QLabel] = {}
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(4)
        grid.addWidget(self.name, 0, 0, 1, 2)
        for at, key in enumerate(("lr", "momentum", "decay")):
            self.numbers[key] = NumberEdit(self)
            self._labels[key] = QLabel(key, self)
            row, column = (0, 2) if at == 0 else (1, 2 * (at - 1))
            grid.addWidget(self._labels[key], row, column)
            grid.addWidget(self.numbers[key], row, column + 1)
            self.numbers[key].numberChanged.connect(self._changed)
        self.numbers["lr"].setToolTip("Learning rate; the highest of a one-cycle schedule")
        self.name.valueChanged.connect(self._renamed)
        self.setValue(self._value)

    def value(self) -> Optimizer:
        """Return the optimizer."""
        return self._value

    def setValue(self, optimizer: Optimizer) -> None:
        """Show another optimizer."""
        self._value = optimizer
        self.name.setValue(optimizer.name)
        for key, edit in self.numbers.items():
            edit.setNumber(getattr(optimizer, key))
            known = key in vocabulary.OPTIMIZERS[optimizer.name]
            edit.setVisible(known)
            self._labels[key].setVisible(known)

    def _renamed(self, name: str) -> None:
        self.setValue(Optimizer(name=name, **vocabulary.OPTIMIZERS[name]))
        self.valueChanged.emit(self._value)

    def _changed(self) -> None:
        known = vocabulary.OPTIMIZERS[self._value.name]
        numbers = {key: self.numbers[key].number() for key in known}
        self._value = Optimizer(name=self._value.name, **numbers)
        self.valueChanged.emit(self._value)


class SettingEdit(QWidget):
    """Edits one `Setting` out of a table of words, or none of them.

    Parameters
    ----------
    words : mapping of str to Word
        The data room's table: what each word is called, means and takes.
    """

    valueChanged = Signal(object)

    def __init__(self, words: Mapping[str, Any], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._words = words
        self.word = QComboBox(self)
        self.word.addItem("none", "")
        for word, about in words.items():
            self.word.addItem(about.title, word)
            last = self.word.count() - 1
            self.word.setItemData(last, about.help, Qt.ItemDataRole.ToolTipRole)
        narrow(self.word)
        self.numbers = LineEdit(self)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.word, 2)
        layout.addWidget(self.numbers, 1)
        self.word.activated.connect(self._renamed)
        self.numbers.valueChanged.connect(lambda _: self.valueChanged.emit(self.value()))
        self.setValue(None)

    def value(self) -> Setting | None:
        """Return the setting; None where there is none, or its numbers cannot be read."""
        word = self.word.currentData()
        if not word:
            return None
        try:
            return parse_setting(f"{word} {self.numbers.text()}")
        except ValueError:
            return Setting(word)

    def setValue(self, setting: Setting | None) -> None:
        """Show another setting."""
        self.word.setCurrentIndex(max(0, self.word.findData(setting.word if setting else "")))
        self.numbers.setValue(str(setting).partition(" ")[2] if setting else "")
        self._show_numbers()

    def _show_numbers(self) -> None:
        about = self._words.get(self.word.currentData())
        self.numbers.setVisible(about is not None and bool(about.numbers))
        self.word.setToolTip(about.help if about else "")
        if about is not None:
            self.numbers.setPlaceholderText(" ".join(about.numbers))
            self.numbers.setToolTip(f"For example: {about.example}")

    def _renamed(self) -> None:
        about = self._words.get(self.word.currentData())
        example = about.example.partition(" ")[2] if about and about.numbers else ""
        self.numbers.setText(example)
        self._show_numbers()
        self.valueChanged.emit(self.value())


class SettingsEdit(QWidget):
    """Edits several settings at once: a box to tick, and numbers, for each word of a table.

    Parameters
    ----------
    words : mapping of str to Word
        The data room's table.
    """

    valueChanged = Signal(object)

    def __init__(self, words: Mapping[str, Any], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._words = words
        self.boxes: dict[str, QCheckBox] = {}
        self.numbers: dict[str, LineEdit] = {}
        self._offered: list[str] = []
        self._fitting = frozenset(words)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(4)
        for word, about in words.items():
            self.boxes[word] = QCheckBox(about.title, self)
            self.boxes[word].setToolTip(about.help)
            self.boxes[word].clicked.connect(self._ticked)
            self.numbers[word] = LineEdit(self)
            self.numbers[word].setPlaceholderText(" ".join(about.numbers) or "auto")
            self.numbers[word].setToolTip(f"For example: {about.example}")
            self.numbers[word].setMaximumWidth(64)
            self.numbers[word].valueChanged.connect(self._changed)
        self._grid.setColumnStretch(0, 1)
        self._grid.setColumnStretch(2, 1)
        self._offer(tuple(words))

    def value(self) -> tuple[Setting, ...]:
        """Return the settings that are ticked."""
        return tuple(self._setting(word) for word, box in self.boxes.items() if box.isChecked())

    def setValue(self, settings: Sequence[Setting]) -> None:
        """Show other settings."""
        found = {setting.word: setting for setting in settings}
        self._offer([word for word in self.boxes if word in self._fitting or word in found])
        for word, box in self.boxes.items():
            box.setChecked(word in found)
            numbers = str(found[word]).partition(" ")[2] if word in found else ""
            self.numbers[word].setValue(numbers)
            self.numbers[word].setEnabled(word in found)

    def setWords(self, words: Collection[str]) -> None:
        """Offer these words only, and those that are ticked."""
        self._fitting = frozenset(words)

    def _offer(self, words: Sequence[str]) -> None:
        if words == self._offered:
            return
        self._offered = list(words)
        for word, box in self.boxes.items():
            for part in (box, self.numbers[word]):
                self._grid.removeWidget(part)
                part.setVisible(word in words)
        for at, word in enumerate(words):
            row, column = at // 2, 2 * (at % 2)
            self._grid.addWidget(self.boxes[word], row, column)
            self._grid.addWidget(self.numbers[word], row, column + 1)

    def _setting(self, word: str) -> Setting:
        try:
            return parse_setting(f"{word} {self.numbers[word].text()}")
        except ValueError:
            return Setting(word)

    def _ticked(self) -> None:
        for word, box in self.boxes.items():
            if box.isChecked() and not self.numbers[word].text() and self._words[word].numbers:
                self.numbers[word].setText(self._words[word].example.split(" ")[1])
            self.numbers[word].setEnabled(box.isChecked())
        self._changed()

    def _changed(self) -> None:
        self.valueChanged.emit(self.value())
