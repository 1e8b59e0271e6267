"""Room 9, the dock widgets: Builder and Train.

Each editor is ``value()``, ``setValue()`` and ``valueChanged`` over an immutable value; what a dock
does is a call of the session, which a script can make too.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .builder import Builder
    from .train import Train

__all__ = ["Builder", "Train"]

_MODULES = {"Builder": "builder", "Train": "train"}


def __getattr__(name: str) -> object:
    """Load a dock at first use: whoever asks for the room's pure parts needs no Qt."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_MODULES[name]}", __name__), name)
