"""Connections that are made and undone together: a dock listens while it is seen, and no longer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Links:
    """A set of connections between signals and callbacks.

    The signals are psygnal's, napari's or Qt's: anything with ``connect`` and ``disconnect``.

    Examples
    --------
    >>> from psygnal import Signal
    >>> class Model:
    ...     changed = Signal(int)
    >>> model, seen, links = Model(), [], Links()
    >>> links.add(model.changed, seen.append)
    >>> links.connect(); links.connect(); model.changed.emit(1)
    >>> links.disconnect(); links.disconnect(); model.changed.emit(2)
    >>> seen
    [1]
    """

    def __init__(self) -> None:
        self._pairs: list[tuple[Any, Callable[..., Any]]] = []
        self._connected = False

    @property
    def connected(self) -> bool:
        """Whether the callbacks are called."""
        return self._connected

    def add(self, signal: Any, callback: Callable[..., Any]) -> None:
        """Remember a connection; it is made at once where the others are."""
        self._pairs.append((signal, callback))
        if self._connected:
            signal.connect(callback)

    def connect(self) -> None:
        """Make all connections, unless they are made."""
        if self._connected:
            return
        self._connected = True
        for signal, callback in self._pairs:
            signal.connect(callback)

    def disconnect(self) -> None:
        """Undo all connections, unless they are undone; a signal that has gone is no error."""
        if not self._connected:
            return
        self._connected = False
        for signal, callback in self._pairs:
            try:
                signal.disconnect(callback)
            except (ValueError, TypeError, RuntimeError):
                # The other side went first, and the connection with it.
                continue
