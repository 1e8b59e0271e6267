"""What is looked at of large maps: asked of the eye, the latest first, and shown when it comes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_convnet.engine import Failure, Job
from napari_convnet.engine.jobs import CACHE_BYTES, MOST_BYTES, Seen
from napari_convnet.engine.regions import Large, Looked, Region
from napari_convnet.maps import Box
from napari_convnet.network import Layer

from .lazy import LazyArray, Look, Values, flat_steps, picture_steps, solid_steps
from .maps import Kind, LayerMaps
from .source import Source

if TYPE_CHECKING:
    from .session import Session

REGIONS = "napari_convnet.engine.regions:"

VALUE_BYTES = 256 * 2**20
"""Memory of the window for parts of large maps."""

DRAW_SECONDS = 1.0
"""Least time between two drawings of a volume that is being computed."""


@dataclass(eq=False)
class _Shown:
    """A layer of large maps that is shown, flat and in 3-D."""

    found: Large
    layer: Layer
    source: Source
    among: tuple[Layer, ...]
    look: Look
    flat: LazyArray
    solid: LazyArray | None = None

    @property
    def arrays(self) -> tuple[LazyArray, ...]:
        known = (self.flat, self.solid, self.flat.montage)
        return tuple(array for array in known if array is not None)


class Looking:
    """The large maps of a session: what is looked at of them, and what of that is there.

    Parameters
    ----------
    session : Session
        The session.

    Attributes
    ----------
    plain_bytes : int
        Maps of a layer up to so many bytes are held whole, in the window as in the worker.
    worker_bytes : int
        Memory of the worker for chunks of the others.
    values : Values
        The parts that the window holds; its `most_bytes` may be set.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.plain_bytes = MOST_BYTES
        self.worker_bytes = CACHE_BYTES
        self.values = Values(VALUE_BYTES)
        self._shown: dict[tuple[Kind, str], _Shown] = {}
        self._wanted: dict[int, tuple[LazyArray, Box]] = {}
        self._due = False
        self._drawn = 0.0
        # Rows that are there, of parts that come slab by slab.
        self._rows: dict[int, int] = {}
        # Layers of which parts have come, and whether the last one was drawn.
        self._touched: dict[tuple[Kind, str], bool] = {}
        events = session.viewer.dims.events.ndisplay
        events.connect(self._display_changed, position="first")

    def end(self) -> None:
        """Ask no more."""
        self._wanted.clear()
        self._session.viewer.dims.events.ndisplay.disconnect(self._display_changed)

    @property
    def solid(self) -> bool:
        """Whether the viewer shows volumes."""
        return int(self._session.viewer.dims.ndisplay) == 3

    # ------------------------------------------------------------ layers
    @property
    def bounds(self) -> dict[str, int]:
        """Arguments of the engine's job that sends maps: how much memory they may take."""
        return {"most_bytes": self.plain_bytes, "cache_bytes": self.worker_bytes}

    def layer_maps(
        self,
        found: Seen | Large,
        layer: Layer,
        source: Source,
        kind: Kind,
        among: tuple[Layer, ...],
    ) -> LayerMaps:
        """Give the maps of a layer: where they are large, as an array that asks for its parts.

        Parameters
        ----------
        found : Seen or Large
            The maps, as they come from the engine.
        layer : Layer
            The network layer.
        source : Source
            What the network looks at.
        kind : {"maps", "montage"}
            How they are shown.
        among : tuple of Layer
            The network layers that are shown, in their order.
        """
        key = (kind, layer.name)
        if not isinstance(found, Large):
            self._shown.pop(key, None)
            return LayerMaps(layer, found.array, found.affine, found.limits, found.dead)
        known = self._shown.get(key)
        if known is not None and known.found.shape == found.shape:
            known.found, known.layer, known.source, known.among = found, layer, source, among
            for array in known.arrays:
                array.renew()
        else:
            look = Look()
            steps = picture_steps if kind == "montage" and len(found.shape) == 4 else flat_steps
            flat = LazyArray(self, layer.name, found.shape, steps(found.shape), look)
            known = self._shown[key] = _Shown(found, layer, source, among, look, flat)
        return self._maps(known, kind)

    def _maps(self, shown: _Shown, kind: Kind) -> LayerMaps:
        array = shown.flat
        if self.solid and kind == "maps" and len(array.steps) == 3:
            if shown.solid is None:
                full = array.full
                shown.solid = LazyArray(self, array.layer, full, solid_steps(full), shown.look)
            array = shown.solid
        affine = shown.found.affine @ array.place
        return LayerMaps(shown.layer, array, affine, shown.look.limits, shown.look.dead)

    def _display_changed(self, event: object = None) -> None:
        """Hand over what is seen in 3-D, or flat, before the viewer looks at it."""
        layers = self._session.layers
        self._wanted.clear()
        self._rows.clear()
        for (kind, name), shown in self._shown.items():
            if kind == "maps" and layers.layer(name) is not None and len(shown.flat.steps) == 3:
                layers.put(self._maps(shown, kind), shown.source, kind, shown.among)

    # ------------------------------------------------------------ asking
    def ask(self, array: LazyArray, part: Box) -> None:
        """Ask for a part of an array, instead of what was asked for before of the same."""
        if self._wanted.get(array.token) != (array, part):
            self._wanted[array.token] = (array, part)
            self._rows.pop(array.token, None)
        self._ask()

    def _ask(self) -> None:
        if not self._due:
            self._due = True
            self._session._main.later(self._send)()

    def _send(self) -> None:
        self._due = False
        self._forget_removed()
        question = self._session._question() if self._wanted else None
        if question is None:
            return
        asked = {n: (array, part, array.age) for n, (array, part) in self._wanted.items()}
        network = self._session.pipeline.network
        order = {layer.name: index for index, layer in enumerate(network)}
        wanted = [array.wanted(part) for array, part, _ in asked.values()]
        wanted = [replace(one, start=self._rows.get(one.token, 0)) for one in wanted]
        wanted.sort(key=lambda one: order.get(one.layer, 0))
        self._session._submit(
            self._session._eye,
            Job(
                REGIONS + "regions",
                {**question[1], "wanted": wanted, "cache_bytes": self.worker_bytes},
            ),
            key="regions",
            interrupt=not self._session.training.active,
            on_progress=partial(self._arrived, asked),
            on_result=self._quiet,
            on_error=self._failed,
        )

    def _forget_removed(self) -> None:
        """Ask for nothing of layers that the user has removed, and let go of their values."""
        layers = self._session.layers
        for key in [key for key in self._shown if layers.layer(key[1], key[0]) is None]:
            for array in self._shown.pop(key).arrays:
                self._wanted.pop(array.token, None)
                self.values.keep_only(array.token, None)

    def whole(self, layer: str) -> NDArray[np.float32]:
        """Compute all maps of a layer, and wait for them: somebody wants a plain array."""
        question = self._session._question()
        if question is None:
            raise RuntimeError(f"there is nothing that {layer} looks at")
        arguments = {**question[1], "layer": layer, "cache_bytes": self.worker_bytes}
        ticket = self._session._eye.submit(Job(REGIONS + "whole_maps", arguments))
        found: NDArray[np.float32] = ticket.result()
        return found

    # ------------------------------------------------------------ answers
    def _arrived(
        self, asked: Mapping[int, tuple[LazyArray, Box, int]], found: Region | Looked
    ) -> None:
        array, part, age = asked[found.token]
        key = next((key for key, shown in self._shown.items() if array in shown.arrays), None)
        if key is None or age != array.age:
            return  # removed, or of other weights or another image
        if isinstance(found, Looked):
            self._looked(key, found)
            return
        complete = array.arrived(part, found.start, found.array)
        if self._wanted.get(array.token) == (array, part):
            self._rows[array.token] = found.stop
            if complete:
                del self._wanted[array.token]
        self._touched[key] = False
        if not complete and monotonic() - self._drawn < DRAW_SECONDS:
            return
        self._drawn = monotonic()
        layer = self._session.layers.layer(key[1], key[0])
        if layer is not None and layer.data is array:
            layer.refresh(thumbnail=False, extent=False, highlight=False)
            self._touched[key] = True

    def _looked(self, key: tuple[Kind, str], found: Looked) -> None:
        shown = self._shown[key]
        shown.look.limits, shown.look.each, shown.look.dead = found.limits, found.each, found.dead
        self._session.layers.looked(self._maps(shown, key[0]), key[0])

    def _quiet(self, result: object = None) -> None:
        """Draw what has come and is not drawn yet, and thumbnails; ask for the rest of the large.

        A frame of a window takes as long whether or not there is anything new in it.
        """
        for (kind, name), drawn in self._touched.items():
            layer = self._session.layers.layer(name, kind)
            if layer is not None:
                layer.refresh(data_displayed=not drawn, extent=False, highlight=False)
        self._touched.clear()
        self._session._maps_done(None)
        if any(token in self._rows for token in self._wanted):
            self._ask()

    def _failed(self, failure: Failure) -> None:
        """Ask no more for what failed; the next step of a slider asks anew."""
        self._wanted.clear()
        self._session._failed(failure)
