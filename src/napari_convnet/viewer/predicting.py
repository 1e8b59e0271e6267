"""Predicting in a window: what an image shows, or the class or value of every voxel as a layer.

A network that ends in a number per class answers in the eye. One that ends in maps works through
the whole image in a process of its own, so that looking goes on meanwhile; its memory is freed when
it is done.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_convnet.engine import Failure, Job, Stored, Ticket, Worker
from napari_convnet.network import UserError

from .bridge import Errand
from .comparing import Comparison
from .computing import JOBS
from .layer_learning import LayerLearning
from .prediction_layers import PredictionLayers
from .reading import copied
from .saving import Once, Save
from .source import Source
from .status import PredictionStatus

if TYPE_CHECKING:
    import napari
    from napari.layers import Image, Labels

PREDICTING = "napari_convnet.engine.predicting:"


class Predictions(LayerLearning):
    """A document whose network predicts on the layer that it looks at.

    Attributes
    ----------
    prediction : Prediction, Segmentation, Regressed or None
        What was said last: of an image as a whole, or of its voxels. A `Segmentation` has `rows()`,
        the table of classes with voxels and millilitres.
    predicting : PredictionStatus
        Where a prediction per voxel stands; `prediction_progress` tells of every change.
    """

    prediction_changed = Signal(object)
    prediction_progress = Signal(PredictionStatus)

    viewer: napari.Viewer

    def __init__(self) -> None:
        super().__init__()
        self.prediction: Any = None
        self.predicting = PredictionStatus()
        self._predictor: Worker | None = None
        self._prediction_ticket: Ticket | Errand | None = None
        self._comparing: Errand | None = None
        self._predicted_over: tuple[Source, str] | None = None

    # What a session knows of the layer that it looks at.
    @property
    @abstractmethod
    def input_layer(self) -> Image | None:
        """The layer that the network looks at."""

    @abstractmethod
    def source(self) -> Source:
        """What the network sees of it."""

    @abstractmethod
    def _question(self) -> tuple[Source, dict[str, Any]] | None:
        """The arguments that all jobs have."""

    @property
    def predicts_voxels(self) -> bool:
        """Whether the network ends in maps: then a prediction is a layer, not a class."""
        return len(self._pipeline.network.output) > 1

    # ------------------------------------------------------------ asking
    @property
    def _prediction_layers(self) -> PredictionLayers:
        return PredictionLayers(self.viewer)

    def predict(self, *, probabilities: bool = False, most_bytes: int | None = None) -> None:
        """Say what the input layer shows; the answer comes as `prediction_changed`.

        A network that ends in maps gives a layer "NAME: predicted" in place over the input, updated
        by the next prediction; `prediction_progress` tells how far it has come.

        Parameters
        ----------
        probabilities : bool
            Whether to add those of all classes too, as an image layer; of networks that end in
            maps.
        most_bytes : int, optional
            Memory that such a network may compute in; by default half of what is free, within
            reason.

        Raises
        ------
        UserError
            Where the document is wrong, there is no image that fits, or a prediction is under way.
        """
        self._pipeline.checked()
        source = self.source()
        if self.predicts_voxels:
            self._predict_voxels(source, probabilities, most_bytes)
            return
        question = self._question()
        if question is None:
            return
        self._submit(
            self._eye,
            Job(JOBS + "predict", question[1]),
            key="predict",
            on_result=self._predicted,
        )

    def cancel_prediction(self) -> None:
        """Give up the prediction that is under way; what was there before stays."""
        if self._prediction_ticket is not None and self.predicting.active:
            self._prediction_ticket.cancel()

    def _predict_voxels(self, source: Source, probabilities: bool, most: int | None) -> None:
        if self.predicting.active:
            raise UserError("a prediction is under way", "wait for it, or cancel it")
        question = self._question()
        layer = self.input_layer
        if question is None or layer is None:
            return
        self._predicted_over = (source, layer.name)
        self._predictor = self._predictor or Worker("eye")
        self._predictor.put("image", source.sample.array)
        arguments = {
            "look": question[1]["look"],
            "image": Stored("image"),
            "affine": source.sample.affine,
            "units": source.sample.units,
            "axes": source.sample.axes,
            "name": layer.name,
            "probabilities": probabilities,
            "most_bytes": most,
        }
        self._set_predicting(PredictionStatus("running"))
        self._prediction_ticket = self._submit(
            self._predictor,
            Job(PREDICTING + "segment", arguments),
            on_progress=self._predicted_part,
            on_result=self._predicted_voxels,
            on_error=self._prediction_failed,
            on_cancelled=self._prediction_cancelled,
        )

    # ------------------------------------------------------------ answers
    def _set_predicting(self, status: PredictionStatus) -> None:
        self.predicting = status
        self.prediction_progress.emit(status)

    def _predicted(self, prediction: Any) -> None:
        self.prediction = prediction
        self.prediction_changed.emit(prediction)

    def _predicted_part(self, event: Any) -> None:
        self._set_predicting(PredictionStatus("running", event.fraction, event.seconds_left))

    def _predicted_voxels(self, result: Any) -> None:
        """Show it, once its layer has labels of its own.

        People mend them in the layer, and what the network said stays in `prediction`: to be
        measured, and for scripts. That is one byte a voxel, where the scan has two or four;
        napari tells of strokes after they were painted, so that nothing could be kept instead.
        """
        self._leave_predictor()
        if hasattr(result, "labels"):
            self._prediction_ticket = self._aside(
                partial(copied, result.labels),
                on_result=partial(self._show_prediction, result),
                on_error=self._prediction_failed,
                on_cancelled=self._prediction_cancelled,
            )
        else:
            self._show_prediction(result)

    def _show_prediction(self, result: Any, labels: NDArray[Any] | None = None) -> None:
        self._prediction_ticket = None
        assert self._predicted_over is not None
        selection = set(self.viewer.layers.selection)
        shown = result if labels is None else replace(result, labels=labels)
        self._prediction_layers.show(shown, *self._predicted_over)
        # Adding a layer selects it; the input stays what the user selected.
        self.viewer.layers.selection = selection
        self._set_predicting(PredictionStatus("finished", 1.0, 0.0))
        self._predicted(result)
        if result.message:
            self.say("warning", result.message)

    def _prediction_failed(self, failure: Failure | Exception) -> None:
        self._leave_predictor()
        self._set_predicting(replace(self.predicting, state="failed", error=str(failure)))
        self._failed(failure)

    def _prediction_cancelled(self) -> None:
        self._leave_predictor()
        self._set_predicting(PredictionStatus("cancelled"))

    def _leave_predictor(self) -> None:
        """Free its memory: that of a GPU by ending the process."""
        self._prediction_ticket = None
        if self._predictor is None:
            return
        self._predictor.forget("image")
        if not self.device_name.startswith("CPU"):
            self._let_go(self._predictor)
            self._predictor = None

    def _end(self, timeout: float) -> None:
        if self._predictor is not None:
            self._predictor.close(timeout)
        super()._end(timeout)

    # ------------------------------------------------------------ layers
    def prediction_layer(self, kind: str = "prediction") -> Labels | Image | None:
        """Give the layer of the last prediction on the input layer, if it is there.

        Parameters
        ----------
        kind : {"prediction", "probabilities"}
            Which one.
        """
        name = self.input_layer.name if self.input_layer is not None else ""
        found: Labels | Image | None = self._prediction_layers.known(name, kind)
        return found

    def compare_prediction(self, labels: Labels) -> None:
        """Measure the last prediction by labels; it comes as `prediction_changed` again.

        Parameters
        ----------
        labels : napari.layers.Labels
            What is right, in the same place and with the same numbers. What is not painted (0)
            does not count where the network was trained so.

        Raises
        ------
        UserError
            Where there is no segmentation, or the two do not lie in the same place. That there are
            labels of no class is a message, since it is found in a thread.
        """
        comparison = Comparison.of(self.prediction, labels)
        if self._comparing is not None:
            self._comparing.cancel()
        self.say("info", f"comparing with {labels.name} \u2026")
        compared = partial(self._compared, labels.name)
        self._comparing = self._at_one_moment([labels], comparison, compared)

    def _compared(self, name: str, result: Any) -> None:
        # Unless another one has come meanwhile.
        if self.prediction is None or result.labels is not self.prediction.labels:
            return
        dice = result.mean_dice
        found = "nothing to compare" if math.isnan(dice) else f"mean Dice {dice:.3f}"
        self.say("info", f"compared with {name}: {found}")
        self._predicted(result)

    # ------------------------------------------------------------ files
    def save_prediction(self, path: str | Path, *, probabilities: bool = False) -> None:
        """Write the last prediction per voxel, placed as its input; a message says when it is done.

        Labels are written as the layer has them now: what was mended by hand is in the file.

        Parameters
        ----------
        path : str or Path
            Ending in .nii.gz, .nii, .tif, .npy or .zarr.
        probabilities : bool
            Whether to write the probabilities instead of labels.

        Raises
        ------
        UserError
            Where there is none, or the file's name does not fit.
        """
        from napari_convnet.training.predicting.files import check_name

        result = self.prediction
        if result is None or not hasattr(result, "affine"):
            raise UserError("there is no prediction per voxel", "predict first")
        path = check_name(path, len(result.axes))
        write = Once(partial(_written, path, probabilities))
        layer = self._prediction_layers.known(result.name, "prediction")
        if layer is None or probabilities or not hasattr(result, "labels"):
            save = self._saving(path, partial(write, result))
            self._write(save, write, result)
            return

        def mended(labels: Any) -> Any:
            return replace(result, labels=np.asarray(labels).reshape(result.labels.shape))

        # A window that closes before they are copied writes them as they are then.
        save = self._saving(path, lambda: write(mended(layer.data)))
        self._at_one_moment(
            [layer],
            partial(copied, layer.data),
            lambda labels: self._write(save, write, mended(labels)),
            on_error=partial(self._not_saved, save),
        )

    def _saving(self, path: Path, write: Callable[[], Any]) -> Save:
        save = Save(str(path), write)
        self._saves.add(save)
        return save

    def _write(self, save: Save, write: Once, result: Any) -> None:
        """Write a file in a thread; it is another one as long as it is not whole."""

        def written(told: str) -> None:
            self._saves.discard(save)
            self.say("info", told)

        self._aside(
            lambda token: write(result),
            on_result=written,
            on_error=partial(self._not_saved, save),
        )

    def _not_saved(self, save: Save, error: Exception) -> None:
        self._saves.discard(save)
        self._failed(error)


def _written(path: Path, probabilities: bool, result: Any) -> str:
    """Write a prediction, and say so."""
    from napari_convnet.training import save_prediction

    notes = save_prediction(result, path, probabilities=probabilities)
    return " ".join([f"wrote {path}", *(f"({note})" for note in notes)])
