"""Which maps are shown as napari layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QSlider,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_convnet.document import Pipeline

from .values import shape_text

_CHECKED = Qt.CheckState.Checked
_UNCHECKED = Qt.CheckState.Unchecked


SPANS = {
    "shared by the maps of a layer": "layer",
    "of each map by itself": "map",
    "shared by all layers": "net",
}
"""What may share its colours, as it is offered."""


@dataclass(frozen=True)
class MapsChoice:
    """Maps to show.

    Parameters
    ----------
    layers : tuple of str
        Names of network layers, in their order.
    montage : bool
        Whether all maps of a layer stand side by side.
    """

    layers: tuple[str, ...] = ()
    montage: bool = False


MOST_MAPS = 24
"""Layers whose maps are chosen where a document does not say whose."""


def chosen_by(pipeline: Pipeline) -> tuple[str, ...]:
    """Names of the layers that a document shows.

    Where it names none: all that are maps, or what the rows put out where these are too many.
    """
    named = pipeline.show
    maps = tuple(layer.name for layer in pipeline.network if layer.fields is not None)
    if not named and len(maps) > MOST_MAPS:
        ends = (row.end for row in pipeline.rows if row.depth == 0 and row.end is not None)
        named = tuple(end.name for end in ends if end.fields is not None)[:MOST_MAPS]
    if not named or "all" in named:
        return maps
    return tuple(layer.name for layer in pipeline.network if layer.name in named)


class MapsBox(QWidget):
    """Chooses layers, map and montage.

    `value` is a `MapsChoice`.
    """

    valueChanged = Signal(object)
    showAsked = Signal(object)
    """The `MapsChoice` to show."""
    hideAsked = Signal()
    featureChanged = Signal(int)
    """Index of the map that the person wants to see."""
    spansChanged = Signal(str)
    """What shall share its colours: ``layer``, ``map`` or ``net``."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document: tuple[str, ...] = ()
        self._channels: dict[str, int] = {}
        self._quiet = False
        self._latest: Pipeline | None = None
        self.list = QListWidget(self)
        self.list.setMinimumHeight(72)
        self.list.setMaximumHeight(132)
        self.list.setUniformItemSizes(True)
        self.list.itemChanged.connect(self._changed)
        self.montage = QCheckBox("Montage", self)
        self.montage.setToolTip("All maps of a layer side by side, right of the image")
        self.montage.toggled.connect(self._changed)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2, 2, 2, 2)
        layout.setSpacing(3)
        layout.addWidget(self.list)
        layout.addLayout(self._choices())
        layout.addLayout(self._feature())
        layout.addLayout(self._buttons())

    def _choices(self) -> QHBoxLayout:
        row = QHBoxLayout()
        for title, tip, names in (
            ("All", "Choose every layer that has maps", lambda: self._all()),
            ("Document's", "Choose the layers that the document names", lambda: self._document),
            ("None", "Choose no layer", lambda: ()),
        ):
            button = QPushButton(title, self)
            button.setToolTip(tip)
            button.clicked.connect(lambda _=False, names=names: self._choose(names()))
            row.addWidget(button)
        row.addWidget(self.montage)
        return row

    def _feature(self) -> QGridLayout:
        self.slider = QSlider(Qt.Orientation.Horizontal, self)
        self.spin = QSpinBox(self)
        tip = "Which map of each layer is shown; a layer with fewer shows its last one"
        for widget in (self.slider, self.spin):
            widget.setToolTip(tip)
            widget.valueChanged.connect(self._feature_moved)
        grid = QGridLayout()
        self.spans = QComboBox(self)
        self.spans.setToolTip("What shares its colours, from the lowest to the highest value")
        for title, spans in SPANS.items():
            self.spans.addItem(title, spans)
        self.spans.activated.connect(lambda _: self.spansChanged.emit(self.spans.currentData()))
        grid.addWidget(QLabel("Colours", self), 1, 0)
        grid.addWidget(self.spans, 1, 1, 1, 2)
        grid.addWidget(QLabel("Map", self), 0, 0)
        grid.addWidget(self.slider, 0, 1)
        grid.addWidget(self.spin, 0, 2)
        grid.setColumnStretch(1, 1)
        return grid

    def _buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        self.show_button = QPushButton("Show maps", self)
        self.show_button.setToolTip(
            "Show the chosen layers' maps in the viewer, and keep them up to date"
        )
        self.hide_button = QPushButton("Hide maps", self)
        self.hide_button.setToolTip("Take all maps out of the viewer")
        self.show_button.clicked.connect(lambda: self.showAsked.emit(self.value()))
        self.hide_button.clicked.connect(lambda: self.hideAsked.emit())
        row.addWidget(self.show_button)
        row.addWidget(self.hide_button)
        return row

    # ------------------------------------------------------------ value
    def value(self) -> MapsChoice:
        """Return what is chosen."""
        self._catch_up()
        items = (self.list.item(i) for i in range(self.list.count()))
        names = (self._name(item) for item in items if item.checkState() == _CHECKED)
        return MapsChoice(tuple(names), self.montage.isChecked())

    def setValue(self, value: MapsChoice) -> None:
        """Show another choice; names that no layer has are left out."""
        before = self.value()
        self._quiet = True
        self._check(value.layers)
        self.montage.setChecked(value.montage)
        self._quiet = False
        if self.value() != before:
            self._changed()

    def setPipeline(self, pipeline: Pipeline) -> None:
        """Offer the layers of a document; those chosen stay chosen where they still are.

        Where the document's own choice changes, it is taken over. Nothing is done before it is
        looked at.
        """
        self._latest = pipeline
        if self.isVisible():
            self._catch_up()

    def showEvent(self, event: QShowEvent | None) -> None:
        """Offer the layers that there are now."""
        super().showEvent(event)
        self._catch_up()

    def _catch_up(self) -> None:
        pipeline, self._latest = self._latest, None
        if pipeline is None:
            return
        before, self._document = self._document, chosen_by(pipeline)
        maps = [layer for layer in pipeline.network if layer.fields is not None]
        titles = {layer.name: f"{layer.name}   {shape_text(layer.output)}" for layer in maps}
        self._channels = {layer.name: layer.kind.channels for layer in maps}
        chosen = self.value().layers if before == self._document else self._document
        if titles != self._titles():
            self._offer(titles, set(chosen))
        elif chosen != self.value().layers:
            self._choose(chosen)
        self._set_range()

    def setSpans(self, spans: str) -> None:
        """Say what shares its colours now."""
        self.spans.setCurrentIndex(self.spans.findData(spans))

    def setShown(self, shown: Sequence[str]) -> None:
        """Say which layers' maps are shown now."""
        self.hide_button.setEnabled(bool(shown))
        self.show_button.setText("Update maps" if shown else "Show maps")

    # ------------------------------------------------------------ list
    @staticmethod
    def _name(item: QListWidgetItem | None) -> str:
        name: str = item.data(Qt.ItemDataRole.UserRole)
        return name

    def _titles(self) -> dict[str, str]:
        items = [self.list.item(i) for i in range(self.list.count())]
        return {self._name(item): item.text() for item in items}

    def _all(self) -> tuple[str, ...]:
        return tuple(self._channels)

    def _offer(self, titles: dict[str, str], checked: set[str]) -> None:
        self._quiet = True
        bar = self.list.verticalScrollBar()
        at = bar.value()
        self.list.clear()
        for name, title in titles.items():
            item = QListWidgetItem(title)
            item.setData(Qt.ItemDataRole.UserRole, name)
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(_CHECKED if name in checked else _UNCHECKED)
            self.list.addItem(item)
        bar.setValue(at)
        self._quiet = False

    def _choose(self, names: Sequence[str]) -> None:
        self.setValue(MapsChoice(tuple(names), self.montage.isChecked()))

    def _check(self, names: Sequence[str]) -> None:
        wanted = set(names)
        for i in range(self.list.count()):
            item = self.list.item(i)
            item.setCheckState(_CHECKED if self._name(item) in wanted else _UNCHECKED)

    def _changed(self) -> None:
        if not self._quiet:
            self._set_range()
            self.valueChanged.emit(self.value())

    # ------------------------------------------------------------ which map
    def feature(self) -> int:
        """Return the index of the map that is chosen."""
        return self.spin.value()

    def setFeature(self, index: int) -> None:
        """Show which map the viewer shows, without asking for it."""
        self._catch_up()
        for widget in (self.slider, self.spin):
            widget.blockSignals(True)
            widget.setValue(index)
            widget.blockSignals(False)

    def _set_range(self) -> None:
        chosen = self.value()
        most = max((self._channels.get(name, 1) for name in chosen.layers), default=1) - 1
        for widget in (self.slider, self.spin):
            widget.blockSignals(True)
            widget.setRange(0, most)
            widget.setEnabled(most > 0 and not chosen.montage)
            widget.blockSignals(False)

    def _feature_moved(self, index: int) -> None:
        self.setFeature(index)
        self.featureChanged.emit(index)
