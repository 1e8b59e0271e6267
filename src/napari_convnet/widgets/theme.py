"""The colours of napari's theme, for what is drawn by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qtpy.QtGui import QColor, QFont, QFontDatabase

if TYPE_CHECKING:
    import napari


@dataclass(frozen=True)
class Colors:
    """Colours that go together, as ``#rrggbb``.

    Parameters
    ----------
    dark : bool
        Whether the ground is dark.
    ground, field, line : str
        Of the dock, of what one types into, and of borders.
    text, faint : str
        Of what is read first, and of what is read second.
    accent, error, warning, good : str
        Of what is chosen, wrong, doubtful and done.
    name : str
        Name of the theme.
    """

    dark: bool = True
    ground: str = "#262930"
    field: str = "#414851"
    line: str = "#5a626c"
    text: str = "#f0f1f2"
    faint: str = "#a9afb6"
    accent: str = "#4ea1ff"
    error: str = "#ff6b6b"
    warning: str = "#e3b617"
    good: str = "#4cc38a"
    name: str = "dark"

    @property
    def curves(self) -> tuple[str, str]:
        """Colours of training and validation: blue and orange, told apart by everybody."""
        return ("#56b4e9", "#e69f00") if self.dark else ("#0072b2", "#d55e00")


def mixed(first: str, second: str, share: float) -> str:
    """Mix two colours.

    Examples
    --------
    >>> mixed("#000000", "#ffffff", 0.5)
    '#808080'
    """
    a, b = QColor(first), QColor(second)
    parts = zip(a.getRgb()[:3], b.getRgb()[:3], strict=True)
    return "#" + "".join(f"{round(x + (y - x) * share):02x}" for x, y in parts)


def colors_of(viewer: napari.Viewer) -> Colors:
    """Take the colours from the theme of a viewer."""
    from napari.utils.theme import get_theme

    return colors_from(get_theme(str(viewer.theme)))


def colors_from(theme: Any) -> Colors:
    """Take the colours from a theme; those it lacks are chosen to be read on its ground."""
    dark = theme.type == "dark"
    ground, text = _hex(theme.background), _hex(theme.text)
    return Colors(
        dark=dark,
        ground=ground,
        field=_hex(theme.foreground),
        line=_hex(theme.primary),
        text=text,
        faint=mixed(text, ground, 0.35),
        accent="#4ea1ff" if dark else "#0a5dc2",
        # The theme's own error and warning colours fill buttons; as text they are hard to read.
        error="#ff7b7b" if dark else "#b3001b",
        warning="#e8c14a" if dark else "#8a5a00",
        good="#55c98f" if dark else "#14743f",
        name=str(theme.id),
    )


def _hex(color: Any) -> str:
    return QColor(*color.as_rgb_tuple()[:3]).name()


def style_of(colors: Colors) -> str:
    """Style sheet for what napari's own leaves as it is.

    There is one for a whole dock, set before it is shown: each costs a pass over all its widgets.
    Labels ask for a colour by their property ``role``.
    """
    return f"""
        QLabel[role="faint"] {{ color: {colors.faint}; }}
        QLabel[role="error"], QListWidget[role="error"] {{ color: {colors.error}; }}
        QTabBar {{ background: transparent; border: 0; }}
        QProgressBar::chunk {{ background: {colors.accent}; border-radius: 2px; }}
        QListWidget::indicator {{
            width: 12px; height: 12px; border-radius: 2px; border: 1px solid {colors.faint};
        }}
        QListWidget::indicator:unchecked {{ image: none; background: {colors.line}; }}
        QListWidget::indicator:checked {{
            background: {colors.accent}; image: url("theme_{colors.name}:/check.svg");
        }}
    """


def fixed_font(size: float) -> QFont:
    """Font whose characters are all as wide, for texts that are code."""
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
    font.setPointSizeF(size)
    return font
