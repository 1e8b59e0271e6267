"""Icons, drawn as lines in the colour of the theme's text."""

from __future__ import annotations

from functools import lru_cache

from qtpy.QtCore import QByteArray, Qt
from qtpy.QtGui import QIcon, QPainter, QPixmap
from qtpy.QtSvg import QSvgRenderer

_SHEET = "M6 2.5h8l4 4v15H6z M14 2.5v4h4"
PATHS = {
    "new": f"{_SHEET} M12 11v6 M9 14h6",
    "open": "M3 19V5h6l2 3h9v3 M3 19l3.5-8H22l-3.5 8z",
    "save": "M4 4h13l3 3v13H4z M8 4v5h7V4 M8 20v-7h8v7",
    "save-as": "M12 20H4V4h13l3 3v4 M8 4v5h7V4 M14 20l1-4 5-5 3 3-5 5z",
    "undo": "M8 5L4 9l4 4 M4 9h9a6 6 0 0 1 0 12H8",
    "redo": "M16 5l4 4-4 4 M20 9h-9a6 6 0 0 0 0 12h5",
    "presets": "M4 4h7v7H4z M13 4h7v7h-7z M4 13h7v7H4z M13 13h7v7h-7z",
    "add": "M12 5v14 M5 12h14",
    "play": "M7 4l13 8-13 8z",
    "pause": "M8 5v14 M16 5v14",
    "stop": "M6 6h12v12H6z",
    "eye": "M2 12c3-5 6.5-7 10-7s7 2 10 7c-3 5-6.5 7-10 7s-7-2-10-7z "
    "M12 9a3 3 0 1 0 0 6a3 3 0 1 0 0-6z",
    "close": "M6 6l12 12 M18 6L6 18",
    "down": "M6 9l6 6 6-6",
    "right": "M9 6l6 6-6 6",
}
"""Name of an icon -> its lines on a square of 24."""

_FILLED = {"play", "stop"}


@lru_cache(maxsize=256)
def icon(name: str, color: str) -> QIcon:
    """Draw an icon.

    Parameters
    ----------
    name : str
        A key of `PATHS`.
    color : str
        Its colour, as ``#rrggbb``.
    """
    drawn = QIcon(pixmap(name, color))
    drawn.addPixmap(pixmap(name, color, 0.35), QIcon.Mode.Disabled)
    return drawn


def pixmap(name: str, color: str, opacity: float = 1.0, size: int = 48) -> QPixmap:
    """Draw the picture of an icon; twice as large as it is shown, for dense screens."""
    fill = color if name in _FILLED else "none"
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">'
        f'<path d="{PATHS[name]}" fill="{fill}" stroke="{color}" stroke-width="1.8" '
        'stroke-linecap="round" stroke-linejoin="round"/></svg>'
    )
    picture = QPixmap(size, size)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setOpacity(opacity)
    QSvgRenderer(QByteArray(svg.encode())).render(painter)
    painter.end()
    return picture
