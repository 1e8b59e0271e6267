"""The classes that a network believes in, as bars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QRect, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent
from qtpy.QtWidgets import QSizePolicy, QWidget

from .theme import Colors, mixed
from .values import percent_text

MOST = 5


def best(prediction: Any, most: int = MOST) -> list[tuple[str, float]]:
    """Give the likeliest classes of a prediction, from the likeliest on.

    Parameters
    ----------
    prediction : Prediction or None
        With ``classes`` and ``probabilities``.
    most : int
        How many at most.
    """
    if prediction is None:
        return []
    pairs = zip(prediction.classes, map(float, prediction.probabilities), strict=True)
    return sorted(pairs, key=lambda pair: -pair[1])[:most]


class PredictionView(QWidget):
    """Shows a prediction; `value` is what the session said, or None."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._value: Any = None
        self._bars: Sequence[tuple[str, float]] = ()
        self._colors = Colors()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def value(self) -> Any:
        """Return the prediction."""
        return self._value

    def setValue(self, prediction: Any) -> None:
        """Show a prediction; None takes it away."""
        self._value = prediction
        self._bars = best(prediction)
        said = (f"{name}: {percent_text(p)}" for name, p in self._bars)
        self.setAccessibleDescription(", ".join(said))
        self.setToolTip("\n".join(f"{name}: {p:.4f}" for name, p in best(prediction, 20)))
        self.updateGeometry()
        self.update()

    def setColors(self, colors: Colors) -> None:
        """Draw in other colours."""
        self._colors = colors
        self.update()

    def sizeHint(self) -> QSize:
        """One line for each class."""
        lines = max(1, len(self._bars))
        return QSize(200, lines * self._line() + 4)

    def minimumSizeHint(self) -> QSize:
        """As high as it wants to be, at any width."""
        return QSize(80, self.sizeHint().height())

    def _line(self) -> int:
        return self.fontMetrics().height() + 6

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw name, bar and per cent of each class."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if not self._bars:
            painter.setPen(QColor(self._colors.faint))
            left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(self.rect(), left, "What the network takes the image for.")
        names = max((self._width(name) for name, _ in self._bars), default=0)
        names = min(names, self.width() // 3)
        for i, (name, probability) in enumerate(self._bars):
            row = QRect(0, 2 + i * self._line(), self.width(), self._line())
            self._paint_bar(painter, row, names, name, probability, i == 0)
        painter.end()

    def _width(self, text: str) -> int:
        return self.fontMetrics().horizontalAdvance(text)

    def _paint_bar(
        self, painter: QPainter, row: QRect, names: int, name: str, share: float, first: bool
    ) -> None:
        colors = self._colors
        number = self._width("100.0 %") + 4
        center = Qt.AlignmentFlag.AlignVCenter
        painter.setPen(QColor(colors.text if first else colors.faint))
        shown = self.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight, names)
        painter.drawText(
            QRect(row.left(), row.top(), names, row.height()),
            center | Qt.AlignmentFlag.AlignLeft,
            shown,
        )
        painter.drawText(row, center | Qt.AlignmentFlag.AlignRight, percent_text(share))
        ground = QRectF(row.left() + names + 8, row.top() + 5, 1, row.height() - 10)
        ground.setRight(row.right() - number)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(mixed(colors.ground, colors.field, 0.7)))
        painter.drawRoundedRect(ground, 3, 3)
        painter.setBrush(QColor(colors.accent if first else colors.line))
        ground.setWidth(max(2.0, ground.width() * min(max(share, 0.0), 1.0)))
        painter.drawRoundedRect(ground, 3, 3)
