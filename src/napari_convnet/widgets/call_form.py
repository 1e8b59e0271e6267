"""A form for one call, made by magicgui from the op's signature."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QModelIndex, QObject, QRegularExpression, Qt, QTimer, Signal
from qtpy.QtGui import QKeyEvent, QRegularExpressionValidator
from qtpy.QtWidgets import QCompleter, QGridLayout, QLabel, QLineEdit, QWidget

from napari_convnet.network.ops import FLAG_HELP, LETTER_HELP, Main

from .calls import AnyCall, BlockCall, CallValue, choices

if TYPE_CHECKING:
    from magicgui.widgets.bases import ValueWidget

_SIZES = QRegularExpression(r"\d*(x\d+){0,2}|[\d(]*\$[\w$()*/+-]*")
_WAIT = 300
"""Milliseconds in which further changes count as the same edit."""

_NAMES = {"padding on both sides": "padding", "output padding": "extra"}


class CallForm(QWidget):
    """Edits one call: a field for each of its arguments.

    `value` is a `CallValue` or a `BlockCall`; `valueChanged` is emitted when the person has
    stopped changing it.
    """

    valueChanged = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._value: AnyCall | None = None
        self._names: tuple[tuple[str, str], ...] = ()
        self._fields: dict[str, ValueWidget[Any]] = {}
        self._filling = False
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(2, 2, 2, 2)
        self._grid.setHorizontalSpacing(6)
        self._grid.setVerticalSpacing(3)
        self._grid.setColumnStretch(1, 1)
        self._grid.setColumnStretch(3, 1)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_WAIT)
        self._timer.timeout.connect(self.flush)

    # ------------------------------------------------------------ value
    def value(self) -> AnyCall | None:
        """Return the call; None where there is none."""
        return self._value

    def setValue(self, value: AnyCall | None) -> None:
        """Show a call; the fields stay where the op is the same."""
        self._timer.stop()
        same = _kind(value) == _kind(self._value)
        self._value = value
        if not same:
            self._build()
        self._fill()

    def setNames(self, names: tuple[tuple[str, str], ...]) -> None:
        """Offer these names of layers, each with what it puts out."""
        if names != self._names:
            self._names = names
            for field in self._fields.values():
                self._complete(field)

    def _complete(self, field: ValueWidget[Any]) -> None:
        """Offer the names in a field that takes them."""
        edit = field.native
        if isinstance(edit, QLineEdit) and edit.property("names"):
            edit.setCompleter(LastWordCompleter([name for name, _ in self._names], edit))

    def fields(self) -> dict[str, ValueWidget[Any]]:
        """The magicgui widgets by what they set: ``main``, a letter, or a group of flags."""
        return dict(self._fields)

    def flush(self) -> None:
        """Tell a change at once that is still waiting for the next."""
        self._timer.stop()
        if self._value is not None:
            self.valueChanged.emit(self._value)

    @property
    def waiting(self) -> bool:
        """Whether there is a change that has not been told."""
        return self._timer.isActive()

    # ------------------------------------------------------------ fields
    def _build(self) -> None:
        while self._grid.count():
            item = self._grid.takeAt(0)
            if item.widget() is not None:
                item.widget().hide()
                item.widget().deleteLater()
        self._fields = {}
        if self._value is None:
            return
        if isinstance(self._value, BlockCall):
            for index, param in enumerate(self._value.params):
                field = _text_field("A number, arithmetic such as $in/2, or the name of a layer")
                self._add(f"${param}", param, field, partial(self._set_param, index))
            return
        if self._value.takes_names:
            tip = "Names of layers above, with blanks between them"
            self._add("names", "layers", _text_field(tip), self._set_names)
        signature = self._value.kind.signature
        if signature.main is not None:
            field = _main_field(signature.main, self._value.main)
            self._add("main", signature.main.name, field, self._set_main)
        for letter in signature.letters:
            title = LETTER_HELP[letter]
            field = _sizes_field(f"{letter}: {title}")
            self._add(letter, _NAMES.get(title, title), field, partial(self._set_letter, letter))
        for title, flags in choices(self._value.kind):
            field = _flags_field(title, flags)
            self._add(title, title, field, partial(self._set_flag, flags))

    def _add(
        self, key: str, title: str, field: ValueWidget[Any], changed: Callable[[Any], None]
    ) -> None:
        at = len(self._fields)
        self._fields[key] = field
        label = QLabel(title)
        label.setToolTip(field.tooltip or "")
        row, column = at // 2, at % 2 * 2
        # Narrower than Qt thinks it must be: four columns have to fit into a dock.
        field.native.setMinimumWidth(56)
        self._grid.addWidget(label, row, column, Qt.AlignmentFlag.AlignRight)
        self._grid.addWidget(field.native, row, column + 1)
        field.changed.connect(partial(self._changed, changed))
        self._complete(field)
        if hasattr(field.native, "setValidator") and not field.native.property("names"):
            field.native.installEventFilter(self)

    def _fill(self) -> None:
        if self._value is None:
            return
        self._filling = True
        try:
            for key, field in self._fields.items():
                shown = self._shown(key)
                if field.value != shown:
                    field.value = shown
        finally:
            self._filling = False

    def _shown(self, key: str) -> Any:
        value = self._value
        assert value is not None
        if isinstance(value, BlockCall):
            return value.values[value.params.index(key[1:])]
        if key == "names":
            return " ".join(value.names)
        main = value.kind.signature.main
        if key == "main" and main is not None:
            if "$" in value.main or main.kind == "sizes" or main.optional:
                return value.main
            number = float(value.main or main.default or 1)
            return round(number) if main.kind == "count" else number
        if key in LETTER_HELP:
            return value.letter(key)
        flags = dict(choices(value.kind))[key]
        chosen = next((flag for flag in flags if flag in value.flags), "")
        return bool(chosen) if len(flags) == 1 else chosen

    # ------------------------------------------------------------ changes
    def _changed(self, change: Callable[[Any], None], new: Any) -> None:
        if self._filling or self._value is None:
            return
        change(new)
        self._timer.start()

    def _set_main(self, new: Any) -> None:
        assert isinstance(self._value, CallValue)
        self._value = self._value.with_main(new if isinstance(new, str) else f"{new:g}")

    def _set_letter(self, letter: str, new: str) -> None:
        assert isinstance(self._value, CallValue)
        if not new.endswith("x"):
            self._value = self._value.with_letter(letter, new)

    def _set_flag(self, flags: tuple[str, ...], new: Any) -> None:
        assert isinstance(self._value, CallValue)
        flag = (flags[0] if new else "") if len(flags) == 1 else str(new)
        self._value = self._value.with_choice(flags, flag)

    def _set_names(self, new: str) -> None:
        assert isinstance(self._value, CallValue)
        self._value = replace(self._value, names=tuple(new.split()))

    def _set_param(self, index: int, new: str) -> None:
        assert isinstance(self._value, BlockCall)
        self._value = self._value.with_value(index, "".join(new.split()))

    def eventFilter(self, field: QObject | None, event: QEvent | None) -> bool:
        """Let Up and Down count sizes up and down: 3x3 becomes 4x4."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            up = event.key() == Qt.Key.Key_Up
            if isinstance(field, QLineEdit) and (up or event.key() == Qt.Key.Key_Down):
                field.setText(counted(field.text(), 1 if up else -1))
                return True
        return super().eventFilter(field, event)


class LastWordCompleter(QCompleter):
    """Offers words for the last one of a text."""

    def __init__(self, words: Sequence[str], parent: QWidget) -> None:
        super().__init__(list(words), parent)
        self.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)

    def splitPath(self, path: str | None) -> list[str]:
        """Look for the last word only."""
        return [(path or "").rpartition(" ")[2]]

    def pathFromIndex(self, index: QModelIndex) -> str:
        """Put the word chosen behind those before it."""
        edit = self.widget()
        before = edit.text().rpartition(" ")[0] if isinstance(edit, QLineEdit) else ""
        return f"{before} {super().pathFromIndex(index)}".lstrip()


def counted(text: str, step: int) -> str:
    """Count every size of a text up or down, not below 1.

    Examples
    --------
    >>> counted("3x5", 1), counted("1", -1)
    ('4x6', '1')
    """
    sizes = [int(size) for size in text.split("x") if size] or [1]
    return "x".join(str(max(1, size + step)) for size in sizes)


def _kind(value: AnyCall | None) -> object:
    """What decides which fields a call has."""
    if isinstance(value, CallValue):
        return value.op, "$" in value.main
    return value and (value.op, value.params)


def _main_field(main: Main, text: str) -> ValueWidget[Any]:
    from magicgui.widgets import FloatSpinBox, SpinBox

    if "$" in text:
        return _sizes_field(f"{main.name}: a parameter of the block, or arithmetic with it")
    if main.kind == "sizes":
        default = "" if main.default is None else f"{main.default:g}"
        return _sizes_field(f"{main.name}: one number, or one per axis such as 3x5", default)
    if main.optional:
        return _sizes_field(f"{main.name.capitalize()}: a number, or nothing for none", "none")
    if main.kind == "count":
        return SpinBox(min=1, max=1_000_000, tooltip=f"Number of {main.name}")
    return FloatSpinBox(
        min=max(main.low, -1e6), max=min(main.high, 1e6), step=0.05, tooltip=main.name.capitalize()
    )


def _sizes_field(tip: str, default: str = "") -> ValueWidget[Any]:
    from magicgui.widgets import LineEdit

    field = LineEdit(tooltip=tip)
    field.native.setValidator(QRegularExpressionValidator(_SIZES, field.native))
    field.native.setPlaceholderText(default or "auto")
    return field


def _text_field(tip: str) -> ValueWidget[Any]:
    from magicgui.widgets import LineEdit

    field = LineEdit(tooltip=tip)
    field.native.setProperty("names", True)
    field.native.setPlaceholderText("default")
    return field


def _flags_field(title: str, flags: tuple[str, ...]) -> ValueWidget[Any]:
    from magicgui.widgets import CheckBox, ComboBox

    tip = "\n".join(f"{flag}: {FLAG_HELP[flag]}" for flag in flags)
    if len(flags) == 1:
        return CheckBox(text="", tooltip=tip)
    shown = [("default", ""), *((flag, flag) for flag in flags)]
    return ComboBox(choices=shown, value="", tooltip=tip)
