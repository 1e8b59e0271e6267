"""Curves of a training, drawn with pyqtgraph."""

from __future__ import annotations

from importlib import import_module
from threading import Thread
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from .theme import Colors
from .training_history import CURVES, TrainingHistory

if TYPE_CHECKING:
    import pyqtgraph

_TITLES = {"loss": "loss", "score": "score", "rate": "rate"}
_PLOT_OF = {
    "step_loss": "loss",
    "train_loss": "loss",
    "validation_loss": "loss",
    "train_score": "score",
    "validation_score": "score",
    "lr": "rate",
}


class Curves(QWidget):
    """Shows the curves of a `TrainingHistory`.

    pyqtgraph is imported in a thread when the widget is first shown, and its plots are made one at
    a time: all at once would stop the window for a moment.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._colors = Colors()
        self._history = TrainingHistory()
        self._loader: Thread | None = None
        self._plots: dict[str, pyqtgraph.ViewBox] = {}
        self._axes: list[pyqtgraph.AxisItem] = []
        self._sides: dict[str, pyqtgraph.AxisItem] = {}
        self._lines: dict[str, pyqtgraph.PlotDataItem] = {}
        self._view: pyqtgraph.GraphicsLayoutWidget | None = None
        self.drawn = 0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(10)
        self._timer.timeout.connect(self.draw)
        self.setMinimumHeight(180)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)

    def setHistory(self, history: TrainingHistory) -> None:
        """Show another course, or the same one as it is now."""
        self._history = history
        self.draw()

    def draw(self) -> None:
        """Draw now, if it can be seen; where the plots are not made yet, soon."""
        if not self.isVisible():
            return
        if not self._built():
            self._timer.start()
            return
        per_cent = self._history.score_name == "accuracy"
        self._sides["score"].setLabel("accuracy, %" if per_cent else self._history.score_name)
        for name, line in self._lines.items():
            curve = self._history.curves[name]
            scale = 100.0 if per_cent and "score" in name else 1.0
            line.setData(curve.x, [scale * y for y in curve.y])
        self.drawn += 1

    def showEvent(self, event: QShowEvent | None) -> None:
        """Catch up with what happened meanwhile."""
        super().showEvent(event)
        self._timer.start()

    # ------------------------------------------------------------ plots
    def _built(self) -> bool:
        """Do the next step of making the plots; True when there is none left."""
        if self._loader is None:
            self._loader = Thread(target=import_module, args=("pyqtgraph",))
            self._loader.start()
        if self._loader.is_alive():
            return False
        if self._view is None:
            self._make_view()
        missing = [name for name in _TITLES if name not in self._plots]
        if missing:
            self._add_plot(missing[0])
        return len(missing) <= 1

    def _make_view(self) -> None:
        import pyqtgraph as pg

        self._view = pg.GraphicsLayoutWidget(parent=self)
        self._view.ci.setContentsMargins(0, 2, 4, 0)
        self._view.ci.setSpacing(2)
        for row, stretch in enumerate((3, 3, 2)):
            self._view.ci.layout.setRowStretchFactor(row, stretch)
        self.layout().addWidget(self._view)

    def _add_plot(self, name: str) -> None:
        """Put a plot together from its axes and its field; pyqtgraph's own brings menus along."""
        import pyqtgraph as pg

        row = len(self._plots)
        plot = self._view.addViewBox(row=row, col=1, enableMenu=False, enableMouse=False)
        self._plots[name] = plot
        if row:
            plot.setXLink(self._plots["loss"])
        self._sides[name] = self._add_axis("left", plot, row, 0)
        self._sides[name].setLabel(_TITLES[name])
        if row == len(_TITLES) - 1:
            self._add_axis("bottom", plot, row + 1, 1)
        for curve in CURVES:
            if _PLOT_OF[curve] == name:
                self._lines[curve] = pg.PlotDataItem()
                plot.addItem(self._lines[curve])
        self._paint()

    def _add_axis(
        self, side: str, plot: pyqtgraph.ViewBox, row: int, column: int
    ) -> pyqtgraph.AxisItem:
        import pyqtgraph as pg

        axis = pg.AxisItem(side)
        axis.enableAutoSIPrefix(False)
        if side == "left":
            axis.setWidth(58)
            axis.setGrid(40)
        axis.linkToView(plot)
        self._view.addItem(axis, row=row, col=column)
        self._axes.append(axis)
        return axis

    # ------------------------------------------------------------ looks
    def setColors(self, colors: Colors) -> None:
        """Draw in other colours."""
        self._colors = colors
        self._paint()

    def _paint(self) -> None:
        if self._view is None:
            return
        import pyqtgraph as pg

        colors = self._colors
        self._view.setBackground(colors.ground)
        for axis in self._axes:
            axis.setPen(colors.line)
            axis.setTextPen(colors.text)
        training, validation = colors.curves
        for name, line in self._lines.items():
            color = validation if name.startswith("validation") else training
            if name == "lr":
                color = colors.text
            of_steps = name in ("step_loss", "lr")  # so many points that a wide pen is slow
            line.setPen(pg.mkPen(color, width=1 if of_steps else 2))
            line.setOpacity(0.4 if name == "step_loss" else 1.0)
            if not of_steps:  # a first epoch is a point, which no line shows
                line.setSymbol("o")
                line.setSymbolSize(5)
                line.setSymbolBrush(color)
                line.setSymbolPen(None)


def legend(colors: Colors) -> str:
    """Name the colours of the curves, as HTML."""
    training, validation = colors.curves
    bar = "\u2501\u2501"
    return (
        f'<span style="color:{training}">{bar}</span> training &nbsp; '
        f'<span style="color:{validation}">{bar}</span> validation, by step'
    )
