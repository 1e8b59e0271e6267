"""The door through which napari opens files: drag and drop, File > Open, ``napari FILE``.

Only what is read better here than by napari itself, which keeps single pictures. Whatever a
reader found or did is shown, and kept in the layer's metadata.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

from ._layers import LayerData
from ._opening import ask, can_ask, is_window, opened, show, show_upright, tell

Read: TypeAlias = "Callable[[str | Sequence[str]], list[LayerData] | list[tuple[None]]]"

_PICTURES = (".png", ".jpg", ".jpeg", ".bmp")


def get_reader(path: str | Sequence[str]) -> Read | None:
    """Tell napari who reads `path`: `read`, or None for what is not ours.

    Nothing is decoded: a suffix decides, or a look at the first bytes of a file without one and of
    the files in a directory.
    """
    given = [path] if isinstance(path, str) else list(path)
    return read if len(given) == 1 and is_ours(given[0]) else None


def is_ours(path: str | Path) -> bool:
    """Whether this door opens a file or a directory: no single pictures."""
    name = str(path).lower()
    if name.endswith(_PICTURES) or name.startswith(("http://", "https://", "ftp://")):
        return False
    from .data.contents import Choice
    from .data.readers import FOLDER, chosen, is_readable

    found = chosen(Path(path), Choice())[0]
    return is_readable(found) or FOLDER.knows(found)


def read(path: str | Sequence[str]) -> list[LayerData] | list[tuple[None]]:
    """Read a file or a directory as layers for napari, and show what was found in it.

    A file that cannot be read becomes a notification in napari's window, and no layer; one that is
    read only if the user accepts something becomes a question.

    Raises
    ------
    UserError
        If it cannot be read and there is no window to say so.
    """
    from .network import UserError

    given = path if isinstance(path, str) else path[0]
    try:
        found = opened(given)
        if not can_ask():
            found = found.without_questions()
    except UserError as error:
        if not is_window():
            raise
        show("error", str(error))
        # napari's word for: read, and there is nothing to add.
        return [(None,)]
    tell(found.layers)
    show_upright()
    ask(found.offers)
    return found.layers or [(None,)]


def layers(path: str | Path, accept: Iterable[str] = ()) -> list[LayerData]:
    """Read a file or a directory as layers for napari: one, or one for each series of a folder.

    Parameters
    ----------
    path : str or Path
        ``FOLDER#2`` names the second of several series.
    accept : iterable of str
        What may be approximated; the messages that refuse to do it name the words.

    Raises
    ------
    UserError
        If it cannot be read.
    """
    return opened(path, accept).without_questions().layers
