"""A session: one document, one viewer, and what the docks and scripts do with the two.

The session holds all state that is not the document; docks come and go. It computes in worker
processes only and touches napari on the window's thread only.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_convnet.data.axes import volume_input
from napari_convnet.document import Pipeline
from napari_convnet.engine import Failure, Job, Stored, Ticket, WorkerDied
from napari_convnet.engine.look import Look
from napari_convnet.maps import input_form
from napari_convnet.network import Layer, UserError

from .bridge import later
from .computing import JOBS
from .inspecting import Inspection
from .looking import Looking
from .maps import Kind, LayerMaps, MapLayers, Spans
from .montages import Montages
from .patches import is_shown_patches
from .predicting import Predictions
from .source import Source, form_of, slice_of, source_of
from .status import Preview

if TYPE_CHECKING:
    import napari
    from napari.layers import Image

    from napari_convnet.engine.jobs import Seen
    from napari_convnet.engine.regions import Large


RESTING = 250
"""Milliseconds for which a slider stands still before thumbnails of whole volumes follow it."""

PREVIEW_SECONDS = 2.0
"""After so long, thumbnails that are not begun are late: they are asked for once more."""


class Session(Predictions):
    """What a viewer and a pipeline have to do with each other.

    Get one with `attach`. All methods may be called from scripts; signals are emitted on the
    window's thread.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer.

    Attributes
    ----------
    preview_seconds : float or None
        How long thumbnails may take before the rest of them is late; None for as long as it takes.
    """

    input_changed = Signal(object)
    preview_ready = Signal(Preview)
    previews_done = Signal()
    maps_changed = Signal()

    def __init__(self, viewer: napari.Viewer) -> None:
        super().__init__()
        self.viewer = viewer
        self.layers = MapLayers(viewer)
        self.looking = Looking(self)
        self.montages = Montages(self)
        self.inspection = Inspection(self)
        self._chosen: weakref.ref[Image] | None = None
        self._watched: Image | None = None
        self._stored: tuple[Any, ...] | None = None
        self._previewed: tuple[Any, ...] | None = None
        self._looked: tuple[str, ...] | None = None
        self._warned = False
        self.preview_seconds: float | None = PREVIEW_SECONDS
        self._late: set[str] = set()
        self._late_before: frozenset[str] | None = None
        self._source: tuple[Any, Source] | None = None
        self._maps_ticket: Ticket | None = None
        self._wanted: dict[Kind, tuple[str, ...]] = {}
        self.spans: Spans = "layer"
        self._weights = ""
        self._stamp = 0
        self._follow_layers()
        self._connect()
        self.document_changed.connect(self._document_read)
        self._resting = later(RESTING, self.request_previews)

    # ------------------------------------------------------------ life
    def _followed(self) -> tuple[tuple[Any, Callable[..., None]], ...]:
        """Events of the viewer that the session follows, and what it does then."""
        layers, dims = self.viewer.layers, self.viewer.dims
        return (
            (layers.events.removed, self._layers_changed),
            (layers.events.inserted, self._layers_changed),
            (layers.selection.events.changed, self._layers_changed),
            (dims.events.point, self._moved),
        )

    def _connect(self) -> None:
        for emitter, callback in self._followed():
            emitter.connect(callback)

    def _end(self, timeout: float) -> None:
        self._resting.stop()
        self._watch(None)
        self.inspection.end()
        self.looking.end()
        for emitter, callback in self._followed():
            emitter.disconnect(callback)
        super()._end(timeout)

    def set_device(self, device: str) -> None:
        """Compute on another device: auto, cpu, cuda or mps."""
        super().set_device(device)
        self._previewed = None
        self.refresh()

    def _eye_died(self, death: WorkerDied) -> None:
        """The jobs that ran have failed with the same reason, which is told there."""
        self._stored = self._previewed = None

    def _begin(self, text: str, path: Path | None) -> None:
        self._weights = ""
        super()._begin(text, path)

    def _look_with(self, weights: str) -> None:
        """Compute what is shown with these weights; their file is written anew again and again."""
        self._weights = weights
        self._previewed = None
        self.refresh()

    def _document_read(self, pipeline: Pipeline) -> None:
        self._previewed = None
        self.refresh()

    # ------------------------------------------------------------ the image
    def input_layers(self) -> list[Image]:
        """Image layers that the network may look at: all but its own maps."""
        from napari.layers import Image

        images = [v for v in self.viewer.layers if isinstance(v, Image) and v not in self.layers]
        return [v for v in images if not is_shown_patches(v)]

    @property
    def input_layer(self) -> Image | None:
        """The layer that the network looks at: the chosen one, else the selected one.

        Where neither is an image, the one looked at before stays, or else the topmost is taken.
        Set it to choose a layer, or to None to follow the selection.
        """
        candidates = self.input_layers()
        chosen = self._chosen() if self._chosen is not None else None
        if chosen is not None and any(chosen is v for v in candidates):
            return chosen
        active = self.viewer.layers.selection.active
        for layer in (active, self._watched):
            if layer is not None and any(layer is v for v in candidates):
                return layer
        return candidates[-1] if candidates else None

    @input_layer.setter
    def input_layer(self, layer: Image | None) -> None:
        self._chosen = None if layer is None else weakref.ref(layer)
        self._layers_changed()

    @property
    def follows_selection(self) -> bool:
        """Whether the network looks at whatever image is selected."""
        return self._chosen is None or self._chosen() is None

    def _layers_changed(self, event: object = None) -> None:
        layer = self.input_layer
        self.maps_changed.emit()
        if layer is self._watched:
            return
        self._watch(layer)
        self.input_changed.emit(layer)
        self._data_changed()

    def _watch(self, layer: Image | None) -> None:
        for emitter, callback in self._events_of(self._watched):
            emitter.disconnect(callback)
        self._watched = layer
        for emitter, callback in self._events_of(layer):
            emitter.connect(callback)

    def _events_of(self, layer: Image | None) -> list[tuple[Any, Callable[..., None]]]:
        """Events of the layer looked at: its values, its place, its name."""
        if layer is None:
            return []
        values = ("data", "scale", "translate", "rotate", "shear", "affine")
        events = layer.events
        changes = [(getattr(events, name), self._data_changed) for name in values]
        return [*changes, (events.name, self._renamed)]

    def _renamed(self, event: object = None) -> None:
        self.input_changed.emit(self._watched)

    def _data_changed(self, event: object = None) -> None:
        self._stamp += 1
        self._previewed = None
        self.refresh()

    def _moved(self, event: object = None) -> None:
        """A slider has moved: another feature, or another step of the input."""
        self._clamp()
        if self.spans == "map":
            self.layers.span(self.spans, self._feature())
        self.inspection.request_at(self.viewer.dims.point)
        layer = self.input_layer
        if layer is not None and layer.ndim > len(self._form) - 1:
            self._refresh_document()
        elif self._pipeline.network.input.slices:
            self.request_previews()
        elif self._slice() is not None:
            self._resting.start()

    def _feature(self) -> float:
        """Where the slider of the features stands."""
        ndim = self._stack_axes()
        point = self.viewer.dims.point
        return float(point[len(point) - ndim]) if 0 < ndim <= len(point) else 0.0

    def _stack_axes(self) -> int:
        """Axes of the stacks of maps that are shown; 0 where there are none."""
        both = (self.layers, self.inspection.layers)
        stacks = [layers.layer(name) for layers in both for name in layers.shown("maps")]
        return max((stack.ndim for stack in stacks if stack is not None), default=0)

    def _clamp(self) -> None:
        """Keep stacks in sight that have fewer maps than the slider has steps."""
        feature = self._feature()
        self.layers.clamp(feature)
        self.inspection.layers.clamp(feature)

    def set_feature(self, index: int) -> None:
        """Show the map of this index in all layers; those that have fewer show their last one."""
        ndim = self._stack_axes()
        if ndim:
            self.viewer.dims.set_point(self.viewer.dims.ndim - ndim, index)

    @property
    def _form(self) -> tuple[int | None, ...]:
        """What the network takes the input layer as: see `napari_convnet.data.axes`."""
        given, layer = self._pipeline.network.input, self.input_layer
        return tuple(volume_input(given) if layer is None else form_of(layer, given))

    def _slice(self) -> tuple[int, ...] | None:
        """Where thumbnails of a volume look: the middle of the slice in sight; else None."""
        layer, data = self.input_layer, self._pipeline.data
        if layer is None or layer.ndim < 3 or len(self._form) != 4:
            return None
        point = self.viewer.dims.point
        middle = slice_of(layer, point, data.spacing if data is not None else None)
        return middle[:1] if self._pipeline.network.input.slices else middle

    def source(self) -> Source:
        """What the network sees of the input layer now.

        Raises
        ------
        UserError
            Where there is none, or it does not fit.
        """
        layer = self.input_layer
        if layer is None:
            raise UserError("there is no image", "open one, or File > Open Sample > digits")
        point = self.viewer.dims.point
        form = self._form
        key = (id(layer), self._stamp, form, point[: 1 - len(form)])
        if self._source is None or self._source[0] != key:
            self._source = (key, source_of(layer, form, point))
        return self._source[1]

    # ------------------------------------------------------------ what the eye is asked
    def refresh(self) -> None:
        """Ask anew for everything that is looked at; what has not changed is not computed again."""
        self._refresh_document()
        self.inspection.request()

    def _refresh_document(self) -> None:
        self.request_previews()
        if any(self._wanted.values()):
            self._request_maps()

    def _question(self) -> tuple[Source, dict[str, Any]] | None:
        """The arguments that all jobs of the eye have; None where there is nothing to ask."""
        if self._closed or not self._pipeline.network.layers or self.input_layer is None:
            return None
        try:
            source = self.source()
        except UserError as error:
            self._warned = True
            self.say("warning", str(error))
            return None
        if self._warned:
            self._warned = False
            self.say("warning", "")
        shape = tuple(source.sample.array.shape)
        key = ("image", self._stamp, shape, *(place for _, place in source.extra))
        if key != self._stored:
            if self._stored is not None:
                self._eye.forget(self._stored)
            self._eye.put(key, source.sample.array)
            self._stored = key
            for note in source.sample.notes:
                self.say("info", f"{source.sample.name}: {note}")
        path = str(self.path) if self.path else None
        return source, {
            "look": Look(self.text, path, self._weights, self.device, tuple(source.sample.units)),
            "image": Stored(key),
            "affine": source.sample.affine,
        }

    def look_at(self, layers: Sequence[str] | None) -> None:
        """Choose the layers that thumbnails are made of; None for all.

        Parameters
        ----------
        layers : sequence of str or None
            Names of layers: those that are on the screen.
        """
        self._looked = None if layers is None else tuple(layers)
        self.request_previews()

    def request_previews(self) -> None:
        """Ask for thumbnails of the layers looked at; each comes as `preview_ready`."""
        layer = self.input_layer
        point = tuple(self.viewer.dims.point)[: 1 - len(self._form)]
        place = layer and layer.ndim > 2 and point
        step = self._slice()
        key = (id(layer), self._stamp, self._weights, place, step, self._looked)
        if key == self._previewed:
            return
        question = self._question()
        if question is None:
            return
        self._previewed = key
        self._late = set()
        self._submit(
            self._eye,
            Job(
                JOBS + "previews",
                {
                    **question[1],
                    "layers": self._looked,
                    "point": step,
                    "budget": self.preview_seconds,
                },
            ),
            key="previews",
            interrupt=not self.training.active,
            on_progress=self._preview_arrived,
            on_result=self._previews_finished,
            on_error=self._previews_failed,
        )

    def _preview_arrived(self, found: Any) -> None:
        if found.late:
            self._late.add(found.layer)
        if found.layer in self._pipeline.network:
            row = self._pipeline.network[found.layer].row
            self.preview_ready.emit(
                Preview(found.layer, row, found.thumbnail, found.limits, found.dead, found.error)
            )

    def _previews_finished(self, result: object = None) -> None:
        """Ask once more for what took too long, as long as each time there is less of it."""
        late, before = frozenset(self._late), self._late_before
        goes_on = bool(late) and self._looked is not None and (before is None or late < before)
        self._late_before = late if goes_on else None
        if goes_on:
            self._previewed = None
            self.request_previews()
        else:
            self.previews_done.emit()

    def _previews_failed(self, failure: Failure) -> None:
        self._previewed = None
        self._failed(failure)

    # ------------------------------------------------------------ maps
    @property
    def shown(self) -> tuple[str, ...]:
        """Names of the network layers whose maps are shown."""
        return tuple(dict.fromkeys((*self.layers.shown("maps"), *self.layers.shown("montage"))))

    def show(
        self, layers: Sequence[str] | str | None = None, *, montage: bool | None = None
    ) -> None:
        """Show maps as napari layers, and keep them up to date until `hide`.

        Parameters
        ----------
        layers : sequence of str, optional
            Names of network layers, or ``"all"``; by default those of the document's ``show:``.
        montage : bool, optional
            True shows all maps of a layer side by side, right of the image; False one map at a
            time over the image, with a slider for the feature; None (default) keeps to the
            current way.

        Raises
        ------
        UserError
            Where there is no layer of that name.
        """
        names = self._names(layers)
        kind: Kind = "montage" if montage else "maps"
        if montage is None and self._wanted.get("montage"):
            kind = "montage"
        self._wanted = {kind: names}
        self.layers.keep_only(self._wanted)
        self.maps_changed.emit()
        self._request_maps()

    def show_both(self, layers: Sequence[str] | str | None = None) -> None:
        """Show maps over the image and, right of it, all of them side by side."""
        names = self._names(layers)
        self._wanted = {"maps": names, "montage": names}
        self._request_maps()

    def set_spans(self, spans: Spans) -> None:
        """Choose what shares its colours.

        Parameters
        ----------
        spans : {"layer", "map", "net"}
            The maps of a layer; each map by itself; or all layers that are shown.
        """
        self.spans = spans
        self.maps_changed.emit()
        if any(self._wanted.values()):
            self._request_maps()

    def hide(self) -> None:
        """Take all maps out of the viewer."""
        self._wanted = {}
        self.layers.keep_only({})
        self.inspection.look(None, None)
        self.maps_changed.emit()

    def inspect(
        self,
        module: Any,
        image: Any = None,
        *,
        layers: Sequence[str] | str | None = None,
    ) -> None:
        """Look into a live torch module: show its maps over an image until `hide`.

        The module is run here, in a thread, and left as it is; its maps are copied, and computed
        anew when the image or the step of a slider changes. After a change of its weights call
        `refresh`.

        Parameters
        ----------
        module : torch.nn.Module
            Any module, from a document or not.
        image : napari.layers.Image or array, optional
            What it looks at: a layer of the viewer, or an array, which becomes one; by default the
            session's `input_layer`.
        layers : sequence of str, optional
            Names of its layers, as its `named_modules` has them; by default all whose maps have a
            place in the image.

        Raises
        ------
        UserError
            Where it is no module that can be looked into, or there is no image.
        """
        if image is not None:
            self.input_layer = image if hasattr(image, "data_to_world") else self._added(image)
        if self.input_layer is None:
            raise UserError("there is no image", "give one: inspect(module, image)")
        input_form(module, self.input_layer.data.shape)
        self.inspection.look(module, layers)

    def _added(self, image: Any) -> Image:
        return self.viewer.add_image(image, name="image")

    def _names(self, layers: Sequence[str] | str | None) -> tuple[str, ...]:
        network = self._pipeline.network
        if layers is None:
            layers = self._pipeline.show or "all"
        if isinstance(layers, str):
            layers = [layers]
        if "all" in layers:
            return tuple(layer.name for layer in network if layer.fields is not None)
        for name in layers:
            if name not in network:
                known = ", ".join(layer.name for layer in network)
                raise UserError(f'no layer is called "{name}"', f"the layers are {known}")
        return tuple(network[name].name for name in layers)

    def _request_maps(self) -> None:
        network = self._pipeline.network
        names = [n for n in dict.fromkeys(sum(self._wanted.values(), ())) if n in network]
        names = [n for n in names if network[n].fields is not None]
        question = self._question() if names else None
        if question is None:
            return
        source, arguments = question
        self._maps_ticket = self._submit(
            self._eye,
            Job(JOBS + "maps", {**arguments, "layers": names, **self.looking.bounds}),
            key="maps",
            interrupt=not self.training.active,
            on_progress=partial(self._maps_arrived, source, self._pipeline),
            on_result=self._main.later(self._maps_done),
        )

    def _maps_done(self, result: object) -> None:
        selection = set(self.viewer.layers.selection)
        self.layers.span(self.spans, self._feature())
        if not self.montages.busy:
            self.layers.name_montages()
        self.viewer.layers.selection = selection
        self.maps_changed.emit()

    def _montages_done(self) -> None:
        """All that have come are shown; they get their names once, since that takes long."""
        ticket = self._maps_ticket
        if ticket is None or ticket.state not in ("waiting", "running"):
            self._maps_done(None)

    def _maps_arrived(self, source: Source, pipeline: Pipeline, found: Any) -> None:
        if found.layer not in self._pipeline.network or self._pipeline.input != pipeline.input:
            return
        for kind, names in self._wanted.items():
            if found.layer in names:
                # Each on its own turn of the event loop, so that none waits for all.
                self._main.later(self._put)(found, source, pipeline, kind, names)

    def _put(
        self,
        found: Seen | Large,
        source: Source,
        pipeline: Pipeline,
        kind: Kind,
        names: Sequence[str],
    ) -> None:
        if found.layer not in self._wanted.get(kind, ()):
            return
        network = self._pipeline.network
        among = tuple(network[name] for name in names if name in network)
        shown = pipeline.network[found.layer]
        maps = self.looking.layer_maps(found, shown, source, kind, among)
        place = partial(self._place, source, kind, among)
        if kind == "montage":
            self.montages.lay_out(maps, self.spans, place)
        else:
            place(maps)

    def _place(self, source: Source, kind: Kind, among: Sequence[Layer], maps: LayerMaps) -> None:
        name = maps.layer.name
        if name not in self._wanted.get(kind, ()) or not any(one.name == name for one in among):
            return
        selection = set(self.viewer.layers.selection)
        new = self.layers.layer(name, kind) is None
        layer = self.layers.put(maps, source, kind, among)
        if new:
            # Adding a layer selects it; the input stays what the user selected.
            self.viewer.layers.selection = selection or {layer}
        self._clamp()

    def save_sheet(self, path: str | Path, layers: Sequence[str] | str | None = None) -> None:
        """Write a picture with the maps of layers, each with its name, of the image looked at.

        Parameters
        ----------
        path : str or Path
            The PNG file; a message tells when it is there.
        layers : sequence of str, optional
            As in `show`.
        """
        question = self._question()
        if question is None:
            return
        self._submit(
            self._eye,
            Job(
                JOBS + "sheet",
                {**question[1], "layers": self._names(layers), "path": str(path)},
            ),
            on_result=lambda written: self.say("info", f"wrote {written}"),
        )
