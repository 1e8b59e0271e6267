"""A session: one document, one viewer, and what the docks and scripts do with the two.

The session holds all state that is not the document; docks come and go. It computes in worker
processes only and touches napari on the window's thread only.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_convnet.document import Pipeline, draft, edit, preset_text, read_text
from napari_convnet.engine import Failure, Job, Stored, Ticket, Worker, WorkerDied
from napari_convnet.engine.jobs import Look
from napari_convnet.network import UserError

from .bridge import MainThread
from .files import write_text
from .history import History
from .maps import Kind, LayerMaps, MapLayers
from .source import Source, source_of
from .status import Message, Preview, TrainingStatus

if TYPE_CHECKING:
    import napari
    from napari.layers import Image

    from napari_convnet.data import Dataset

JOBS = "napari_convnet.engine.jobs:"
NEW = "input: 1x28x28\nnet:\n  - conv 8 k5 relu\n"
"""A new document: the smallest network that shows something."""


class Session:
    """What a viewer and a pipeline have to do with each other.

    Get one with `attach`. All methods may be called from scripts; signals are emitted on the
    window's thread.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer.
    """

    document_changed = Signal(Pipeline)
    file_changed = Signal()
    input_changed = Signal(object)
    preview_ready = Signal(Preview)
    previews_done = Signal()
    maps_changed = Signal()
    message = Signal(Message)
    training_changed = Signal(TrainingStatus)
    event = Signal(object)
    prediction_changed = Signal(object)
    device_changed = Signal(str)
    ended = Signal()

    def __init__(self, viewer: napari.Viewer) -> None:
        self.viewer = viewer
        self.layers = MapLayers(viewer)
        self.training = TrainingStatus()
        self.device = "auto"
        self.device_name = ""
        self.prediction: Any = None
        self._main = MainThread()
        self._eye = Worker("eye", on_death=self._main.later(self._eye_died))
        self._trainer: Worker | None = None
        self._run_ticket: Ticket | None = None
        self._history = History(NEW)
        self._pipeline = draft(NEW)
        self._chosen: weakref.ref[Image] | None = None
        self._watched: Image | None = None
        self._stored: tuple[Any, ...] | None = None
        self._previewed: tuple[Any, ...] | None = None
        self._source: tuple[Any, Source] | None = None
        self._wanted: dict[Kind, tuple[str, ...]] = {}
        self._weights = ""
        self._stamp = 0
        self._open = 0
        self._closed = False
        self._connect()

    # ------------------------------------------------------------ life
    def _connect(self) -> None:
        events, dims = self.viewer.layers.events, self.viewer.dims.events
        events.removed.connect(self._layers_changed)
        events.inserted.connect(self._layers_changed)
        self.viewer.layers.selection.events.changed.connect(self._layers_changed)
        dims.point.connect(self._moved)

    def start(self) -> None:
        """Start the eye in the background, so that the first picture need not wait for it."""
        self._eye.start()
        self._ask_device()
        # napari's points layers, which name the montages, import pandas: half a second that the
        # window need not wait for.
        threading.Thread(target=import_module, args=("pandas",), daemon=True).start()

    def close(self, timeout: float = 2.0) -> None:
        """End the workers, in at most `timeout` seconds; the layers stay."""
        if self._closed:
            return
        self._closed = True
        self._main.close()
        self._watch(None)
        events, dims = self.viewer.layers.events, self.viewer.dims.events
        for emitter, callback in (
            (events.removed, self._layers_changed),
            (events.inserted, self._layers_changed),
            (self.viewer.layers.selection.events.changed, self._layers_changed),
            (dims.point, self._moved),
        ):
            emitter.disconnect(callback)
        self._eye.close(timeout)
        if self._trainer is not None:
            self._trainer.close(timeout)
        self.ended.emit()

    @property
    def closed(self) -> bool:
        """Whether the session has ended."""
        return self._closed

    @property
    def busy(self) -> bool:
        """Whether a worker computes, or what it sent has still to be shown."""
        return not self._closed and (self._open > 0 or self._main.waiting > 0)

    def wait(self, timeout: float = 60.0) -> None:
        """Run the window until nothing is being computed; for scripts.

        Raises
        ------
        TimeoutError
            Where that takes longer than `timeout` seconds.
        """
        from qtpy.QtCore import QEventLoop
        from qtpy.QtWidgets import QApplication

        end = time.monotonic() + timeout
        while self.busy:
            if time.monotonic() > end:
                raise TimeoutError(f"the session is still busy after {timeout:g} seconds")
            QApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 20)
            time.sleep(0.002)

    def _submit(
        self,
        worker: Worker,
        job: Job,
        *,
        key: str | None = None,
        interrupt: bool = True,
        on_progress: Callable[[Any], Any] | None = None,
        on_result: Callable[[Any], Any] | None = None,
        on_error: Callable[[Failure], Any] | None = None,
        on_cancelled: Callable[[], Any] | None = None,
    ) -> Ticket:
        """Submit a job whose callbacks run on the window's thread; it is open until the last has."""
        self._open += 1

        def last(callback: Callable[..., Any] | None) -> Callable[..., None]:
            def call(*arguments: Any) -> None:
                self._open -= 1
                if callback is not None:
                    callback(*arguments)

            return self._main.later(call)

        return worker.submit(
            job,
            key=key,
            interrupt=interrupt,
            on_progress=on_progress and self._main.later(on_progress),
            on_result=last(on_result),
            on_error=last(on_error or self._failed),
            on_cancelled=last(on_cancelled),
        )

    def say(self, level: Any, text: str) -> None:
        """Tell the person at the screen."""
        self.message.emit(Message(level, text))

    def _failed(self, failure: Failure) -> None:
        self.say("error", str(failure))

    def _eye_died(self, death: WorkerDied) -> None:
        """The jobs that ran have failed with the same reason, which is told there."""
        self._stored = self._previewed = None

    # ------------------------------------------------------------ document
    @property
    def pipeline(self) -> Pipeline:
        """The document, read; it may have problems."""
        return self._pipeline

    @property
    def text(self) -> str:
        """The document's text."""
        return self._history.text

    @property
    def path(self) -> Path | None:
        """The document's file."""
        return self._pipeline.path

    @property
    def modified(self) -> bool:
        """Whether there are changes that are not saved."""
        return self._history.modified

    def new(self) -> None:
        """Begin a new document."""
        self._begin(NEW, None)

    def open(self, path: str | Path) -> None:
        """Open a document; a wrong one is opened too, with its problems.

        Raises
        ------
        UserError
            Where there is no such file, or it is no text.
        """
        self._begin(read_text(path), Path(path))

    def open_preset(self, name: str) -> None:
        """Begin with a copy of a preset."""
        self._begin(preset_text(name), None)

    def _begin(self, text: str, path: Path | None) -> None:
        self._history.reset(text)
        self._weights = ""
        self._read(text, path)
        self.file_changed.emit()

    def save(self, path: str | Path | None = None) -> Path:
        """Write the document, to its own file or to another one, which becomes its own.

        Raises
        ------
        UserError
            Where it has no file yet and none is given, or the file cannot be written.
        """
        target = Path(path) if path is not None else self.path
        if target is None:
            raise UserError("this pipeline has no file yet", "save it as a .yaml file")
        write_text(target, self.text)
        self._history.mark_saved()
        if target != self.path:
            self._pipeline = self._pipeline.moved(target)
        self.file_changed.emit()
        return target

    def set_text(self, text: str) -> None:
        """Replace the whole text."""
        self._push(text, "edit text")

    def set_row(self, path: Sequence[int], row: str) -> None:
        """Write a row of the network anew; an empty one is taken out."""
        if not row.strip():
            return self.delete_row(path)
        return self._push(edit.set_row(self.text, path, row), f"edit {self._row_name(path)}")

    def insert_row(self, path: Sequence[int], row: str) -> None:
        """Insert a row in front of the one at `path`."""
        self._push(edit.insert_row(self.text, path, row), f"insert {row}")

    def delete_row(self, path: Sequence[int]) -> None:
        """Take a row out."""
        self._push(edit.delete_row(self.text, path), f"delete {self._row_name(path)}")

    def move_row(self, path: Sequence[int], to: int) -> None:
        """Move a row to another index among its siblings."""
        self._push(edit.move_row(self.text, path, to), f"move {self._row_name(path)}")

    def set_value(self, key: str, value: str | None) -> None:
        """Write a setting, such as ``train.epochs``; None takes it out."""
        self._push(edit.set_value(self.text, key, value), f"set {key}")

    def _row_name(self, path: Sequence[int]) -> str:
        row = next((row for row in self._pipeline.rows if row.path == tuple(path)), None)
        return (row.name or row.text) if row else "row"

    def _push(self, text: str, label: str) -> None:
        if text == self.text:
            return
        self._history.push(text, label)
        self._read(text, self.path)
        self.file_changed.emit()

    @property
    def can_undo(self) -> bool:
        """Whether there is an edit to take back."""
        return bool(self._history.undo_label)

    @property
    def can_redo(self) -> bool:
        """Whether there is an edit to make again."""
        return bool(self._history.redo_label)

    @property
    def undo_text(self) -> str:
        """What `undo` would take back, for a menu."""
        return f"Undo {self._history.undo_label}".strip()

    @property
    def redo_text(self) -> str:
        """What `redo` would make again, for a menu."""
        return f"Redo {self._history.redo_label}".strip()

    def undo(self) -> None:
        """Take the last edit back."""
        self._read(self._history.undo(), self.path)
        self.file_changed.emit()

    def redo(self) -> None:
        """Make the edit again that was taken back last."""
        self._read(self._history.redo(), self.path)
        self.file_changed.emit()

    def _read(self, text: str, path: Path | None) -> None:
        self._pipeline = draft(text, path)
        self._previewed = None
        self.document_changed.emit(self._pipeline)
        self.refresh()

    # ------------------------------------------------------------ the image
    def input_layers(self) -> list[Image]:
        """Image layers that the network may look at: all but its own maps."""
        from napari.layers import Image

        return [v for v in self.viewer.layers if isinstance(v, Image) and v not in self.layers]

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
        if self._watched is not None:
            events = self._watched.events
            events.data.disconnect(self._data_changed)
            for name in ("scale", "translate", "rotate", "shear", "affine"):
                getattr(events, name).disconnect(self._data_changed)
            events.name.disconnect(self._renamed)
        self._watched = layer
        if layer is not None:
            events = layer.events
            events.data.connect(self._data_changed)
            for name in ("scale", "translate", "rotate", "shear", "affine"):
                getattr(events, name).connect(self._data_changed)
            events.name.connect(self._renamed)

    def _renamed(self, event: object = None) -> None:
        self.input_changed.emit(self._watched)

    def _data_changed(self, event: object = None) -> None:
        self._stamp += 1
        self._previewed = None
        self.refresh()

    def _moved(self, event: object = None) -> None:
        """A slider has moved: another feature, or another step of the input."""
        self.layers.clamp(self._feature())
        layer = self.input_layer
        if layer is not None and layer.ndim > len(self._pipeline.input) - 1:
            self.refresh()

    def _feature(self) -> float:
        """Where the slider of the features stands."""
        stacks = [self.layers.layer(name) for name in self.layers.shown("maps")]
        ndim = max((stack.ndim for stack in stacks if stack is not None), default=0)
        point = self.viewer.dims.point
        return float(point[len(point) - ndim]) if 0 < ndim <= len(point) else 0.0

    def set_feature(self, index: int) -> None:
        """Show the map of this index in all layers; those that have fewer show their last one."""
        stacks = [self.layers.layer(name) for name in self.layers.shown("maps")]
        ndim = max((stack.ndim for stack in stacks if stack is not None), default=0)
        if ndim:
            self.viewer.dims.set_point(self.viewer.dims.ndim - ndim, index)

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
        key = (id(layer), self._stamp, self._pipeline.input, point[: 1 - len(self._pipeline.input)])
        if self._source is None or self._source[0] != key:
            self._source = (key, source_of(layer, self._pipeline.input, point))
        return self._source[1]

    # ------------------------------------------------------------ what the eye is asked
    def refresh(self) -> None:
        """Ask anew for everything that is looked at; what has not changed is not computed again."""
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
            self.say("warning", str(error))
            return None
        key = ("image", self._stamp, *(place for _, place in source.extra))
        if key != self._stored:
            if self._stored is not None:
                self._eye.forget(self._stored)
            self._eye.put(key, source.sample.array)
            self._stored = key
        path = self.path and str(self.path)
        return source, {
            "look": Look(self.text, path, self._weights, self.device),
            "image": Stored(key),
            "affine": source.sample.affine,
        }

    def request_previews(self) -> None:
        """Ask for a thumbnail of every row; each comes as `preview_ready`."""
        layer = self.input_layer
        point = tuple(self.viewer.dims.point)[: -(len(self._pipeline.input) - 1)]
        key = (id(layer), self._stamp, self._weights, layer and layer.ndim > 2 and point)
        if key == self._previewed:
            return
        question = self._question()
        if question is None:
            return
        self._previewed = key
        self._submit(
            self._eye,
            Job(JOBS + "previews", question[1]),
            key="previews",
            interrupt=not self.training.active,
            on_progress=self._preview_arrived,
            on_result=lambda _: self.previews_done.emit(),
            on_error=self._previews_failed,
        )

    def _preview_arrived(self, found: Any) -> None:
        if found.layer in self._pipeline.network:
            row = self._pipeline.network[found.layer].row
            self.preview_ready.emit(
                Preview(found.layer, row, found.thumbnail, found.limits, found.dead, found.error)
            )

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

    def hide(self) -> None:
        """Take all maps out of the viewer."""
        self._wanted = {}
        self.layers.keep_only({})
        self.maps_changed.emit()

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
        self._submit(
            self._eye,
            Job(JOBS + "maps", {**arguments, "layers": names}),
            key="maps",
            interrupt=not self.training.active,
            on_progress=partial(self._maps_arrived, source, self._pipeline),
            on_result=self._main.later(self._maps_done),
        )

    def _maps_done(self, result: object) -> None:
        selection = set(self.viewer.layers.selection)
        self.layers.name_montages()
        self.viewer.layers.selection = selection
        self.maps_changed.emit()

    def _maps_arrived(self, source: Source, pipeline: Pipeline, found: Any) -> None:
        if found.layer not in self._pipeline.network or self._pipeline.input != pipeline.input:
            return
        maps = LayerMaps(
            pipeline.network[found.layer], found.array, found.affine, found.limits, found.dead
        )
        for kind, names in self._wanted.items():
            if found.layer in names:
                # Each on its own turn of the event loop, so that none waits for all.
                self._main.later(self._put)(maps, source, kind, names)

    def _put(self, maps: LayerMaps, source: Source, kind: Kind, names: Sequence[str]) -> None:
        if maps.layer.name not in self._wanted.get(kind, ()):
            return
        selection = set(self.viewer.layers.selection)
        new = self.layers.layer(maps.layer.name, kind) is None
        network = self._pipeline.network
        among = [network[name] for name in names if name in network]
        layer = self.layers.put(maps, source, kind, among)
        if new:
            # Adding a layer selects it; the input stays what the user selected.
            self.viewer.layers.selection = selection or {layer}
        self.layers.clamp(self._feature())

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

    # ------------------------------------------------------------ device
    def set_device(self, device: str) -> None:
        """Compute on another device: auto, cpu, cuda or mps."""
        self.device = device
        self._previewed = None
        self._ask_device()
        self.refresh()

    def _ask_device(self) -> None:
        self._submit(
            self._eye,
            Job(JOBS + "describe_device", {"device": self.device}),
            key="device",
            on_result=self._device_known,
        )

    def _device_known(self, device: Any) -> None:
        self.device_name = device.name
        self.device_changed.emit(device.name)

    # ------------------------------------------------------------ training
    def train(self, run: str | Path | None = None, data: Dataset | None = None) -> None:
        """Train in a process of its own; `training_changed` and `event` tell how it goes.

        Parameters
        ----------
        run : str or Path, optional
            The run's folder; a new one in ``runs/`` beside the document by default.
        data : Dataset, optional
            Images and classes to learn from, instead of the document's ``data:``.

        Raises
        ------
        UserError
            Where the document is wrong, or a training is under way.
        """
        if self.training.active:
            raise UserError("a training is under way", "stop it first")
        self._pipeline.checked()
        if self._trainer is not None:
            self._trainer.close(0)
        self._trainer = Worker("trainer", preload=("torch",))
        self._set_training(TrainingStatus("starting", epochs=self._pipeline.train.epochs))
        self._run_ticket = self._submit(
            self._trainer,
            Job(
                JOBS + "train",
                {
                    "text": self.text,
                    "path": self.path and str(self.path),
                    "run": run and str(run),
                    "data": data,
                    "device": self.device,
                },
            ),
            on_progress=self._training_event,
            on_result=self._training_ended,
            on_error=self._training_failed,
            on_cancelled=self._training_cancelled,
        )

    def pause(self) -> None:
        """Hold the training after the step that runs."""
        self._tell("pause")

    def resume(self) -> None:
        """Go on with a training that was held."""
        self._tell("resume")

    def stop(self) -> None:
        """End the training after the step that runs, and keep the best weights."""
        if self.training.state == "starting" and self._run_ticket is not None:
            self._run_ticket.cancel()
        else:
            self._tell("stop")

    def _tell(self, word: str) -> None:
        if self._run_ticket is not None and self.training.active:
            self._run_ticket.tell(word)

    def _set_training(self, status: TrainingStatus) -> None:
        self.training = status
        self.training_changed.emit(status)

    def _training_event(self, event: Any) -> None:
        kind = type(event).__name__
        self._set_training(self.training.after(event))
        self.event.emit(event)
        if kind == "Snapshot":
            self._look_with(str(event.path))
        elif kind == "Finished":
            self._adopt(event)

    def _look_with(self, weights: str) -> None:
        """Compute what is shown with these weights; their file is written anew again and again."""
        self._weights = weights
        self._previewed = None
        self.refresh()

    def _adopt(self, event: Any) -> None:
        """The document names the run that its weights come from."""
        run = Path(str(event.run))
        self._weights = ""
        try:
            named = run.resolve().relative_to(self._pipeline.folder.resolve()).as_posix()
        except ValueError:
            named = str(run.resolve())
        self.set_value("weights", f"{named}@best")

    def _training_ended(self, result: object) -> None:
        if self.training.active:
            self._set_training(replace(self.training, state="stopped"))
        self._close_trainer()

    def _training_failed(self, failure: Failure) -> None:
        self._set_training(replace(self.training, state="failed", error=str(failure)))
        self._failed(failure)
        self._close_trainer()

    def _training_cancelled(self) -> None:
        self._set_training(replace(self.training, state="stopped"))
        self._close_trainer()

    def _close_trainer(self) -> None:
        """Ending the process frees the memory of the GPU."""
        if self._trainer is not None:
            self._trainer.close(0.5)
        self._trainer = self._run_ticket = None

    # ------------------------------------------------------------ prediction
    def predict(self) -> None:
        """Say which class the input layer shows; the answer comes as `prediction_changed`.

        Raises
        ------
        UserError
            Where the document is wrong or there is no image that fits.
        """
        self._pipeline.checked()
        self.source()
        question = self._question()
        if question is None:
            return
        self._submit(
            self._eye,
            Job(JOBS + "predict", question[1]),
            key="predict",
            on_result=self._predicted,
        )

    def _predicted(self, prediction: Any) -> None:
        self.prediction = prediction
        self.prediction_changed.emit(prediction)
