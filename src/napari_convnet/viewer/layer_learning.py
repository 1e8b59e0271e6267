"""A session that learns from open layers, and shows what a training is shown."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from psygnal import Signal

from napari_convnet.data.layer_files import LayerFile, write_layer_files
from napari_convnet.document import write_text
from napari_convnet.engine import Failure, Job, Ticket
from napari_convnet.engine.control import Token
from napari_convnet.network import UserError

from .bridge import Errand
from .layer_changes import LayerChanges, painting
from .layer_classes import described, highest, highest_at_once, labels_of
from .layer_data import LayerPair, Plan, Planned, plan
from .learning import Learning
from .patches import is_shown_patches, show_patches
from .reading import values_of
from .saving import Save, finish
from .taking import NothingPainted, Taken, Taking

if TYPE_CHECKING:
    import napari
    from napari.layers import Image, Labels

    from napari_convnet.data import Dataset
    from napari_convnet.engine.data_jobs import PatchesSeen

JOBS = "napari_convnet.engine.data_jobs:"

PATCHES = 16
"""Patches that a preview shows, where nothing else is said."""

STROKE_SECONDS = 0.05
"""Time for whoever paints, before what was read meanwhile is read again."""

Found = TypeVar("Found")


class LayerLearning(Learning):
    """A document that can be trained on layers of the viewer."""

    viewer: napari.Viewer
    previewing_changed = Signal(bool)
    """Whether patches are being cut to be shown."""

    def _follow_layers(self) -> None:
        """Know from now on which layers change; the viewer is there."""
        self._changes = LayerChanges(self.viewer)
        self._pairs: list[tuple[weakref.ref[Any], weakref.ref[Any]]] = []
        self._plan: Plan | None = None
        self._stamps: dict[Path, tuple[int, int]] = {}
        self._unsaved = ""
        self._preview: Ticket | Errand | None = None
        self._saves: set[Save] = set()

    def finish_saving(self) -> None:
        """Write what was saved and is not on disk yet; called before the window goes."""
        saves, self._saves = self._saves, set()
        finish(saves)

    def _end(self, timeout: float) -> None:
        self.finish_saving()
        self._changes.close()
        super()._end(timeout)

    # ------------------------------------------------------------ layers as data
    def new_labels(self, image: Image | None = None) -> Labels:
        """Add an empty labels layer in the place of an image, ready to be painted.

        Parameters
        ----------
        image : napari.layers.Image, optional
            By default the layer that the network looks at.

        Raises
        ------
        UserError
            Where there is no image.
        """
        from .painting import add_labels

        image = image if image is not None else getattr(self, "input_layer", None)
        if image is None:
            raise UserError("there is no image to paint on", "open one first")
        return add_labels(self.viewer, image, self._pipeline.network.input)

    @property
    def layer_pairs(self) -> tuple[LayerPair, ...]:
        """The layers that the document learns from; empty where it learns from something else."""
        data, found = self._pipeline.data, self._plan
        if (
            data is None
            or found is None
            or (data.images, data.labels) != (found.images, found.labels)
        ):
            return ()
        pairs = ((image(), target()) for image, target in self._pairs)
        open = set(map(id, self.viewer.layers))
        return tuple(LayerPair(a, b) for a, b in pairs if id(a) in open and id(b) in open)

    def learn_from_layers(self, *pairs: tuple[Any, Any] | LayerPair) -> None:
        """Let the document learn from open layers.

        They become files beside it when it is run or saved; those that came from a file and have
        not changed are named as they are. Of labels, what is not painted (0) does not count, unless
        the layer names value 0 as a class. How many classes large labels have is counted meanwhile;
        the document follows.

        Parameters
        ----------
        *pairs : (image, labels)
            Image layers, each with its Labels layer; or with an Image layer, to learn its values.

        Raises
        ------
        UserError
            Where a pair does not lie in the same place, or does not suit the network's input.
        """
        chosen = [pair if isinstance(pair, LayerPair) else LayerPair(*pair) for pair in pairs]
        found = self._planned(chosen, self.path)
        most = highest_at_once(chosen)
        self._pairs = [(weakref.ref(pair.image), weakref.ref(pair.target)) for pair in chosen]
        self._plan = found
        self._push(described(self._pipeline, found, chosen, most), "learn from layers")
        self.document_changed.emit(self._pipeline)
        if most is None:
            values = [values_of(layer) for layer in labels_of(chosen)]
            self._aside(partial(highest, values), on_result=partial(self._counted, chosen, found))

    def _counted(self, pairs: Sequence[LayerPair], found: Plan, most: int) -> None:
        """The document follows what was counted, if it still learns from these layers."""
        if self._plan is found and self.layer_pairs:
            self._describe(found, pairs, most)

    def _describe(self, found: Plan, pairs: Sequence[LayerPair], most: int | None) -> None:
        """Let the document say what it learns from; names of classes stay."""
        kept = self._pipeline.data.classes if self._pipeline.data else ()
        self._plan = found
        self._push(described(self._pipeline, found, pairs, most, kept), "learn from layers")

    def _planned(self, pairs: Sequence[LayerPair], path: Path | None) -> Plan:
        """Decide which files the layers become, for a document in this file."""
        folder = path.parent if path is not None else self._pipeline.folder
        given = self._pipeline.network.input
        return plan(pairs, given, folder, self._own_folder(path), self._changes)

    def _own_folder(self, path: Path | None) -> str:
        """Name the folder for files of layers: beside the document, or beside its runs to be."""
        if path is not None:
            return f"{path.stem}.layers"
        if not self._unsaved:
            folder = self._pipeline.folder
            ways = ("untitled.layers", *(f"untitled-{n}.layers" for n in range(2, 10_000)))
            self._unsaved = next(way for way in ways if not (folder / way).exists())
        return self._unsaved

    # ------------------------------------------------------------ taking values
    def _at_one_moment(
        self,
        layers: Sequence[Any],
        work: Callable[[Token], Found],
        on_result: Callable[[Found], Any],
        errand: Errand | None = None,
        **otherwise: Callable[..., Any],
    ) -> Errand:
        """Read layers in a thread, as they are at one moment at which nobody paints.

        People go on painting meanwhile, in the very arrays: what was read then may hold half a
        stroke, and is read again, until nothing has changed from its beginning to its end.
        """
        before = [self._changes.version(layer) for layer in layers]

        def read(token: Token) -> Found:
            if errand is not None:
                token.wait(STROKE_SECONDS)
            token.check()
            return work(token)

        def settle(found: Found) -> None:
            if before == [self._changes.version(layer) for layer in layers] and not any(
                map(painting, layers)
            ):
                on_result(found)
            else:
                self._at_one_moment(layers, work, on_result, begun, **otherwise)

        begun = self._aside(read, errand, on_result=settle, **otherwise)
        return begun

    def _take(
        self,
        then: Callable[[Sequence[LayerFile] | None], Any],
        failed: Callable[[Exception], Any],
        cancelled: Callable[[], Any],
    ) -> Errand:
        """Take what has to be written before the document can be run, and name its classes.

        `then` gets the files; None where the document has meanwhile come to learn from others.
        """
        pairs, before = self.layer_pairs, self._learned_from()
        found = self._planned(pairs, self.path)

        def settled(values: Taken) -> None:
            if self._learned_from() != before:
                then(None)
                return
            # Further classes may have been painted since it was planned.
            self._describe(found, pairs, values.highest)
            then(self._files(values))

        def taken(values: Taken) -> None:
            try:
                settled(values)
            except UserError as error:
                # The document, too, may have changed meanwhile.
                failed(error)

        return self._at_one_moment(
            [pair.target for pair in pairs],
            Taking(found, self._fresh),
            taken,
            on_error=failed,
            on_cancelled=cancelled,
        )

    def _learned_from(self) -> tuple[Any, ...]:
        """Give what the files of layers depend on, besides what is painted."""
        layers = [layer for pair in self.layer_pairs for layer in (pair.image, pair.target)]
        # A layer may be given another array.
        arrays = [(id(layer), id(values_of(layer))) for layer in layers]
        return self.path, self._pipeline.network.input, arrays

    def _fresh(self, one: Planned) -> bool:
        """Whether a file holds already what its layer does; asked in a thread."""
        return self._stamps.get(one.path) == self._stamp_of(one) and one.path.exists()

    def _stamp_of(self, one: Planned) -> tuple[int, int]:
        return id(one.side.layer), self._changes.count(one.side.layer)

    def _files(self, taken: Taken) -> list[LayerFile]:
        current = [one for one, _ in taken.files if one.side.is_current]
        self._stamps |= {one.path: self._stamp_of(one) for one in current}
        return [one.file(values) for one, values in taken.files]

    def save(self, path: str | Path | None = None) -> Path:
        """Write the document, and soon the layers that it learns from beside it.

        See `OpenDocument`. Layers are written as they are at one moment after this; a message says
        when it is done.
        """
        target = Path(path) if path is not None else self.path
        pairs = self.layer_pairs
        if target is None or not pairs:
            return super().save(path)
        found = self._planned(pairs, target)
        self._describe(found, pairs, highest_at_once(pairs))
        written = super().save(path)
        here = partial(self._save_layers_here, found, pairs)
        save = Save(f"{target.name} with its layers", here)
        self._saves.add(save)
        self._at_one_moment(
            [pair.target for pair in pairs],
            Taking(found, self._fresh),
            partial(self._save_layers, save, found, pairs),
            on_error=partial(self._not_taken, save),
        )
        return written

    def _save_layers(
        self, save: Save, found: Plan, pairs: Sequence[LayerPair], taken: Taken
    ) -> None:
        if self._plan is found and self.layer_pairs:
            saved = not self.modified
            self._describe(found, pairs, taken.highest)
            if saved and self.modified:
                # It has fewer classes on disk than there are labels.
                super().save()
        files = self._files(taken)
        if not files:
            self._saves.discard(save)
            return
        save.ticket = self._submit(
            self._eye,
            Job(JOBS + "write_layers", {"files": files}),
            on_result=partial(self._saved, save, files),
            on_error=partial(self._not_written, save, files),
        )

    def _saved(self, save: Save, files: Sequence[LayerFile], count: int) -> None:
        self._saves.discard(save)
        self.say("info", _told(files))

    def _not_written(self, save: Save, files: Sequence[LayerFile], failure: Failure) -> None:
        """What is there is older than the layers."""
        self._saves.discard(save)
        for file in files:
            self._stamps.pop(Path(file.path), None)
        self._failed(failure)

    def _not_taken(self, save: Save, error: Exception) -> None:
        self._saves.discard(save)
        # A document may be saved before anything is painted.
        if not isinstance(error, NothingPainted):
            self._failed(error)

    def _save_layers_here(self, found: Plan, pairs: Sequence[LayerPair]) -> None:
        """Write the layers as they are; the window waits, so that nobody paints meanwhile."""
        with suppress(NothingPainted):
            taken = Taking(found, lambda one: False)(Token())
            if self._plan is found and self.path is not None and not self.modified:
                kept = self._pipeline.data.classes if self._pipeline.data else ()
                text = described(self._pipeline, found, pairs, taken.highest, kept)
                write_text(self.path, text)
            write_layer_files(self._files(taken))

    def _begin_run(
        self,
        run: str | Path | None,
        data: Dataset | None,
        files: Sequence[LayerFile] | None = None,
    ) -> None:
        """Take what has to be written first, then submit the job."""
        if files is not None or not self.layer_pairs:
            super()._begin_run(run, data, files)
            return
        begin = partial(self._begin_run, run, data)
        try:
            ways = (begin, self._training_failed, self._training_cancelled)
            self._run_ticket = self._take(*ways)
        except UserError as error:
            self._training_failed(error)

    def _close_trainer(self) -> None:
        if self.training.state == "failed" or not self.training.step:
            # It may have ended before the files were written.
            self._stamps.clear()
        super()._close_trainer()

    def labels_layers(self) -> list[Labels]:
        """Labels layers of the viewer, but for those that show what a training is shown."""
        from napari.layers import Labels

        layers = [layer for layer in self.viewer.layers if isinstance(layer, Labels)]
        return [layer for layer in layers if not is_shown_patches(layer)]

    # ------------------------------------------------------------ patches
    def preview_patches(self, count: int = PATCHES) -> None:
        """Show patches as a training sees them, cut and augmented, as layers beside the image.

        Parameters
        ----------
        count : int
            How many, at most.

        Raises
        ------
        UserError
            Where the document is wrong.
        """
        self._pipeline.checked()
        self._cut(count)
        self.previewing_changed.emit(True)

    def _cut(self, count: int, files: Sequence[LayerFile] | None = None) -> None:
        if files is None and self.layer_pairs:
            ways = (partial(self._cut, count), self._preview_failed, self._preview_over)
            self._preview = self._take(*ways)
            return
        path = str(self.path) if self.path else None
        arguments = {"text": self.text, "path": path, "count": count, "files": files or ()}
        worker = self._eye if self._trainer is None or self.training.active else self._trainer
        self._preview = self._submit(
            worker,
            Job(JOBS + "patches", arguments),
            key="patches",
            on_result=self._patches_arrived,
            on_error=self._preview_failed,
            on_cancelled=self._preview_over,
        )

    @property
    def previewing(self) -> bool:
        """Whether patches are being cut to be shown."""
        return self._preview is not None

    def cancel_preview(self) -> None:
        """Give up cutting patches."""
        if self._preview is not None:
            self._preview.cancel()

    def _preview_over(self) -> None:
        self._preview = None
        self.previewing_changed.emit(False)

    def _preview_failed(self, failure: Failure | Exception) -> None:
        self._preview_over()
        self._failed(failure)

    def _patches_arrived(self, found: PatchesSeen) -> None:
        self._preview_over()
        show_patches(self.viewer, found, getattr(self, "input_layer", None))
        count = len(found.images)
        self.say("info", f"{count} {found.unit} as the training sees them: move the slider")


def _told(files: Sequence[LayerFile]) -> str:
    folder = Path(files[0].path).parent.name
    return f"wrote the layers that it learns from to {folder}"
