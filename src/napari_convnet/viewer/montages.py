"""Montages are laid out in a thread: those of volumes have up to 64 MB, too many to wait for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from napari_convnet.engine.control import Token

from .lazy import LazyArray
from .maps import LayerMaps, Spans, pictures

if TYPE_CHECKING:
    from .session import Session


class Montages:
    """Lays out the maps of layers, one after the other; of each layer the latest that wait.

    Parameters
    ----------
    session : Session
        The session, which has the threads.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._waiting: dict[str, tuple[LayerMaps, Spans, Callable[[LayerMaps], Any]]] = {}
        self._going = False

    def lay_out(self, maps: LayerMaps, spans: Spans, then: Callable[[LayerMaps], Any]) -> None:
        """Make the picture of a layer's maps.

        Parameters
        ----------
        maps : LayerMaps
            The maps; large ones, that are not there, are laid out as they are looked at.
        spans : {"layer", "map", "net"}
            What shares its colours.
        then : callable
            Gets them with their picture, on the window's thread.
        """
        self._waiting[maps.layer.name] = (maps, spans, then)
        if not self._going:
            self._next()

    @property
    def busy(self) -> bool:
        """Whether there are some to come."""
        return self._going

    def _next(self) -> None:
        self._going = bool(self._waiting)
        if not self._going:
            self._session._montages_done()
            return
        maps, spans, then = self._waiting.pop(next(iter(self._waiting)))
        self._session._aside(
            partial(_laid_out, maps, spans),
            on_result=partial(self._done, then),
            on_error=self._failed,
        )

    def _done(self, then: Callable[[LayerMaps], Any], maps: LayerMaps) -> None:
        try:
            then(maps)
        finally:
            self._next()

    def _failed(self, error: Exception) -> None:
        self._session._failed(error)
        self._next()


def _laid_out(maps: LayerMaps, spans: Spans, token: Token) -> LayerMaps:
    if isinstance(maps.array, LazyArray):
        return maps
    maps = maps.scaled() if spans == "map" else maps
    token.check()
    assert not isinstance(maps.array, LazyArray)
    return replace(maps, picture=pictures(maps.array, token))
