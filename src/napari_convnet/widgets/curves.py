"""Live curves of a training, drawn with pyqtgraph at most ten times a second."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from .theme import Colors
from .training_history import CURVES, TrainingHistory

if TYPE_CHECKING:
    import pyqtgraph

PERIOD = 100
"""Milliseconds from one drawing to the next, at least."""

_TITLES = {"loss": "loss", "accuracy": "accuracy, %", "rate": "rate"}
_PLOT_OF = {
    "step_loss": "loss",
    "train_loss": "loss",
    "validation_loss": "loss",
    "train_accuracy": "accuracy",
    "validation_accuracy": "accuracy",
    "lr": "rate",
}
_NAMES = {
    "train_loss": "training",
    "validation_loss": "validation",
    "train_accuracy": "training",
    "validation_accuracy": "validation",
}


class Curves(QWidget):
    """Shows the curves of a `TrainingHistory`.

    pyqtgraph is loaded when the widget is first shown.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._colors = Colors()
        self._history = TrainingHistory()
        self._plots: dict[str, pyqtgraph.PlotItem] = {}
        self._lines: dict[str, pyqtgraph.PlotDataItem] = {}
        self._view: pyqtgraph.GraphicsLayoutWidget | None = None
        self.drawn = 0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(PERIOD)
        self._timer.timeout.connect(self.draw)
        self.setMinimumHeight(180)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)

    # ------------------------------------------------------------ value
    def setHistory(self, history: TrainingHistory) -> None:
        """Show another course."""
        self._history = history
        self.touch()

    def touch(self) -> None:
        """Say that there is more to draw; it is drawn soon, together with what comes meanwhile."""
        if not self._timer.isActive():
            self._timer.start()

    def draw(self) -> None:
        """Draw now, if it can be seen."""
        if not self.isVisible():
            return
        self._build()
        for name, line in self._lines.items():
            curve = self._history.curves[name]
            scale = 100.0 if "accuracy" in name else 1.0
            line.setData(curve.x, [scale * y for y in curve.y])
        self.drawn += 1

    def showEvent(self, event: Any) -> None:
        """Catch up with what happened meanwhile."""
        super().showEvent(event)
        self.touch()

    # ------------------------------------------------------------ plots
    def _build(self) -> None:
        if self._view is not None:
            return
        import pyqtgraph as pg

        self._view = pg.GraphicsLayoutWidget(parent=self)
        self._view.ci.setContentsMargins(0, 2, 4, 0)
        self._view.ci.setSpacing(2)
        for at, (name, title) in enumerate(_TITLES.items()):
            self._plots[name] = self._plot(at, title)
        self._view.ci.layout.setRowStretchFactor(0, 3)
        self._view.ci.layout.setRowStretchFactor(1, 3)
        self._view.ci.layout.setRowStretchFactor(2, 2)
        for name in CURVES:
            self._lines[name] = self._plots[_PLOT_OF[name]].plot([], [])
        self.layout().addWidget(self._view)
        self._paint()

    def _plot(self, at: int, title: str) -> pyqtgraph.PlotItem:
        assert self._view is not None
        plot = self._view.addPlot(row=at, col=0, enableMenu=False)
        plot.hideButtons()
        plot.setMouseEnabled(False, False)
        plot.getAxis("left").setWidth(58)
        plot.getAxis("left").enableAutoSIPrefix(False)
        plot.getAxis("bottom").enableAutoSIPrefix(False)
        plot.setLabel("left", title)
        if at < len(_TITLES) - 1:
            plot.getAxis("bottom").setStyle(showValues=False)
        else:
            plot.setLabel("bottom", "step")
            plot.getAxis("bottom").setHeight(38)
        return plot

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
        for plot in self._plots.values():
            plot.showGrid(x=False, y=True, alpha=0.15)
            for side in ("left", "bottom"):
                plot.getAxis(side).setPen(colors.line)
                plot.getAxis(side).setTextPen(colors.text)
        training, validation = colors.curves
        for name, line in self._lines.items():
            color = validation if name.startswith("validation") else training
            if name == "lr":
                color = colors.text
            faint = name == "step_loss"
            line.setPen(pg.mkPen(color, width=1 if faint else 2))
            line.setOpacity(0.35 if faint else 1.0)
            line.setSymbol(None)


def legend(colors: Colors) -> str:
    """Name the colours of the curves, as HTML."""
    training, validation = colors.curves
    bar = "\u2501\u2501"
    return (
        f'<span style="color:{training}">{bar}</span> training &nbsp; '
        f'<span style="color:{validation}">{bar}</span> validation'
    )
