"""Looking into a live torch module: in this process, in a thread, its maps over the image.

What a document describes is computed in worker processes; a module of the caller's lives here and
is run here. Only the layers are touched on the window's thread.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_convnet.maps import feature_maps, input_form
from napari_convnet.network import UserError, did_you_mean, listed

from .maps import LayerMaps, MapLayers
from .source import Source, source_of

if TYPE_CHECKING:
    from napari_convnet.maps import FeatureMap, ForeignMaps
    from napari_convnet.model.foreign import ForeignLayer

    from .session import Session

MOST_BYTES = 2**30
"""Maps of more layers than fit in here are not shown unless they are asked for by name."""


class Inspection:
    """The module that a session looks into, and its maps in the viewer.

    Parameters
    ----------
    session : Session
        The session, whose image is looked at.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.layers = MapLayers(session.viewer)
        self.module: Any = None
        self._names: tuple[str, ...] | None = None
        self._turn = 0
        self._lock = threading.Lock()
        self._told = ""
        self._seen: tuple[tuple[float, float], ...] | None = None

    @property
    def shown(self) -> tuple[str, ...]:
        """Names of the module's layers whose maps are shown."""
        return self.layers.shown("maps")

    def look(self, module: Any, names: Sequence[str] | str | None) -> None:
        """Look into a module from now on; into none where it is None."""
        self.module, self._told = module, ""
        asked = [names] if isinstance(names, str) else names
        self._names = tuple(asked) if asked else None
        self.layers.keep_only({})
        self.request()

    def request(self) -> None:
        """Compute its maps anew; an answer that is still awaited is given up."""
        self._turn += 1
        image = self._session.input_layer
        if self.module is None or image is None:
            return
        try:
            form = input_form(self.module, image.data.shape, bool(image.rgb))
            source = source_of(image, form, self._session.viewer.dims.point)
        except UserError as error:
            self._tell("warning", str(error))
            return
        self._seen = source.extra
        self._session._open += 1
        arguments = (self._turn, self.module, self._names, source)
        threading.Thread(target=self._work, args=arguments, daemon=True).start()

    def request_at(self, point: Sequence[float]) -> None:
        """Compute its maps anew if another step of the image is in sight."""
        image = self._session.input_layer
        if self.module is None or image is None or self._seen is None:
            return
        form = input_form(self.module, image.data.shape, bool(image.rgb))
        if image.ndim < len(form):
            return  # it has no sliders
        if source_of(image, form, point).extra != self._seen:
            self.request()

    def end(self) -> None:
        """Give up what is still computed; the layers stay."""
        self._turn += 1
        self.module = None

    # ------------------------------------------------------------ in the thread
    def _work(self, turn: int, module: Any, names: tuple[str, ...] | None, source: Source) -> None:
        later = self._session._main.later
        try:
            # One at a time: a module's hooks are not made for two runs at once.
            with self._lock:
                if turn == self._turn:
                    self._compute(turn, module, names, source)
        except UserError as error:
            later(self._failed)(turn, str(error))
        except Exception as error:
            later(self._failed)(turn, f"{type(error).__name__}: {error}")
        finally:
            later(self._done)(turn)

    def _compute(
        self, turn: int, module: Any, names: tuple[str, ...] | None, source: Source
    ) -> None:
        later = self._session._main.later
        maps: Any = feature_maps(module, source.sample)
        chosen, remarks = choose(maps, names)
        later(self._begin)(turn, chosen, remarks)
        among = [m.layer for m in chosen]
        for name, array in maps.stream([m.name for m in chosen]):
            if turn != self._turn:
                return
            found = _layer_maps(maps[name], array)
            later(self._arrived)(turn, found, source, among)

    # ------------------------------------------------------------ on the window's thread
    def _begin(self, turn: int, chosen: Sequence[FeatureMap], remarks: str) -> None:
        if turn == self._turn:
            self.layers.keep_only({"maps": [m.name for m in chosen]})
            if remarks:
                self._tell("info", remarks)

    def _arrived(
        self, turn: int, maps: LayerMaps, source: Source, among: Sequence[ForeignLayer]
    ) -> None:
        if turn != self._turn:
            return
        selection = set(self._session.viewer.layers.selection)
        new = self.layers.layer(maps.layer.name) is None
        layer = self.layers.put(maps, source, "maps", among)
        if new:
            # Adding a layer selects it; the input stays what the user selected.
            self._session.viewer.layers.selection = selection or {layer}
        self._session._clamp()

    def _failed(self, turn: int, text: str) -> None:
        if turn == self._turn:
            self._tell("error", text)

    def _done(self, turn: int) -> None:
        self._session._open -= 1
        if turn == self._turn:
            self._session.maps_changed.emit()

    def _tell(self, level: str, text: str) -> None:
        """Tell the person at the screen, the same thing once."""
        if text != self._told:
            self._told = text
            self._session.say(level, text)


def choose(maps: ForeignMaps, names: tuple[str, ...] | None) -> tuple[list[FeatureMap], str]:
    """Choose the layers to show, and say what is not shown and why.

    Parameters
    ----------
    maps : ForeignMaps
        The maps of all layers.
    names : tuple of str, optional
        Those asked for; all that have a place in the image if not given.

    Raises
    ------
    UserError
        Where a layer asked for is unknown, or has no place.
    """
    for name in names or ():
        m = maps[name]
        if m.affine is None:
            placed = [other.name for other in maps.values() if other.affine is not None]
            fix = did_you_mean(name, placed, f"those that have one are {listed(placed, 'and')}")
            raise UserError(f"{name} has no place in the image: {_why(m)}", fix)
    if names:
        return [m for m in maps.values() if m.name in names], ""
    chosen, left, room = [], 0, MOST_BYTES
    placed_maps = [m for m in maps.values() if m.affine is not None]
    for m in placed_maps:
        room -= m.nbytes
        if room < 0:
            left += 1
        else:
            chosen.append(m)
    remarks = []
    if left:
        remarks.append(f"{left} layers are left out for memory: ask for them by name")
    lost = [m for m in maps.values() if m.affine is None and len(m.shape) > 1]
    if lost:
        reasons = dict.fromkeys(_why(m) for m in lost)
        count = "1 layer has" if len(lost) == 1 else f"{len(lost)} layers have"
        remarks.append(f"{count} no place in the image: {'; '.join(list(reasons)[:3])}")
    return chosen, ". ".join(remarks)


def _why(m: FeatureMap) -> str:
    """Say why a map has no place; a document's layers lose it only where they lose all axes."""
    return str(getattr(m.layer, "why", "it is a vector"))


def _layer_maps(m: FeatureMap, array: Any) -> LayerMaps:
    from napari_convnet.maps import dead, limits

    assert m.affine is not None
    gone = tuple(int(i) for i in np.flatnonzero(dead(array)))
    return LayerMaps(m.layer, np.asarray(array, np.float32), m.affine, limits(array), gone)
