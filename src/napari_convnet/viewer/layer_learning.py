"""A session that learns from open layers, and shows what a training is shown."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_convnet.data.layer_files import LayerFile
from napari_convnet.engine import Failure, Job, Ticket
from napari_convnet.network import UserError

from .layer_changes import LayerChanges
from .layer_data import LayerPair, Plan, check_painted, described, plan
from .learning import Learning
from .patches import is_shown_patches, show_patches

if TYPE_CHECKING:
    import napari
    from napari.layers import Image, Labels

    from napari_convnet.engine.data_jobs import PatchesSeen

JOBS = "napari_convnet.engine.data_jobs:"

PATCHES = 16
"""Patches that a preview shows, where nothing else is said."""


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
        self._preview: Ticket | None = None

    def _end(self, timeout: float) -> None:
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
        the layer names value 0 as a class.

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
        own = self._own_folder(self.path)
        found = plan(
            chosen, self._pipeline.network.input, self._pipeline.folder, own, self._changes
        )
        text = described(self._pipeline, found, chosen)
        self._pairs = [(weakref.ref(pair.image), weakref.ref(pair.target)) for pair in chosen]
        self._plan = found
        self._push(text, "learn from layers")
        self.document_changed.emit(self._pipeline)

    def _own_folder(self, path: Path | None) -> str:
        """Name the folder for files of layers: beside the document, or beside its runs to be."""
        if path is not None:
            return f"{path.stem}.layers"
        if not self._unsaved:
            folder = self._pipeline.folder
            ways = ("untitled.layers", *(f"untitled-{n}.layers" for n in range(2, 10_000)))
            self._unsaved = next(way for way in ways if not (folder / way).exists())
        return self._unsaved

    def _layer_files(self) -> list[LayerFile]:
        """Take what has to be written before the document can be run."""
        pairs = self.layer_pairs
        if not pairs:
            return []
        check_painted(pairs)
        # Planned anew: other slices, or further classes, may have been painted since.
        found = self._planned_anew(pairs, self.path)
        files = []
        for one in found.files:
            stamp = (id(one.layer), self._changes.count(one.layer))
            if self._stamps.get(one.path) != stamp or not one.path.exists():
                files.append(one.make())
                self._stamps[one.path] = stamp
        return files

    def _planned_anew(self, pairs: Sequence[LayerPair], path: Path | None) -> Plan:
        """Decide again which files the layers become, and let the document say so."""
        folder = path.parent if path is not None else self._pipeline.folder
        given, own = self._pipeline.network.input, self._own_folder(path)
        found = plan(pairs, given, folder, own, self._changes)
        kept = self._pipeline.data.classes if self._pipeline.data else ()
        text = described(self._pipeline, found, pairs, kept)
        self._plan = found
        self._push(text, "learn from layers")
        return found

    def save(self, path: str | Path | None = None) -> Path:
        """Write the document, and the layers that it learns from beside it; see `OpenDocument`."""
        target = Path(path) if path is not None else self.path
        pairs = self.layer_pairs
        if target is not None and pairs:
            self._planned_anew(pairs, target)
        written = super().save(path)
        files = self._layer_files() if pairs and _painted(pairs) else []
        if files:
            self._submit(
                self._eye,
                Job(JOBS + "write_layers", {"files": files}),
                on_result=lambda count: self.say("info", _told(files)),
            )
        return written

    def _train_arguments(self) -> dict[str, Any]:
        """Send along what has to be written first."""
        return {"files": self._layer_files()}

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
        path = str(self.path) if self.path else None
        arguments = {"text": self.text, "path": path, "count": count, "files": self._layer_files()}
        worker = self._eye if self._trainer is None or self.training.active else self._trainer
        self._preview = self._submit(
            worker,
            Job(JOBS + "patches", arguments),
            key="patches",
            on_result=self._patches_arrived,
            on_error=self._preview_failed,
            on_cancelled=self._preview_over,
        )
        self.previewing_changed.emit(True)

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

    def _preview_failed(self, failure: Failure) -> None:
        self._preview_over()
        self._failed(failure)

    def _patches_arrived(self, found: PatchesSeen) -> None:
        self._preview_over()
        show_patches(self.viewer, found, getattr(self, "input_layer", None))
        count = len(found.images)
        self.say("info", f"{count} {found.unit} as the training sees them: move the slider")


def _painted(pairs: Sequence[LayerPair]) -> bool:
    try:
        check_painted(pairs)
    except UserError:
        return False
    return True


def _told(files: Sequence[LayerFile]) -> str:
    folder = Path(files[0].path).parent.name
    return f"wrote the layers that it learns from to {folder}"
