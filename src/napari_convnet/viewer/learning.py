"""Learning in a window: a training in a process of its own, and what it tells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_convnet.engine import Failure, Job, Ticket, Worker
from napari_convnet.network import UserError

from .bridge import Errand
from .computing import JOBS, Computing
from .status import TrainingStatus

if TYPE_CHECKING:
    from napari_convnet.data import Dataset
    from napari_convnet.data.layer_files import LayerFile


class Learning(Computing):
    """A document that can be trained; one training at a time."""

    training_changed = Signal(TrainingStatus)
    event = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.training = TrainingStatus()
        self._trainer: Worker | None = None
        self._run_ticket: Ticket | Errand | None = None

    def start(self) -> None:
        """Start the eye and the trainer in the background, so that neither is waited for later."""
        super().start()
        self._trainer = Worker("trainer")
        self._trainer.start()

    def _end(self, timeout: float) -> None:
        super()._end(timeout)
        if self._trainer is not None:
            self._trainer.close(timeout)

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
        if self._trainer is None:
            self._trainer = Worker("trainer")
        self._set_training(TrainingStatus("starting", epochs=self._pipeline.train.epochs))
        self._begin_run(run, data)

    def _begin_run(
        self,
        run: str | Path | None,
        data: Dataset | None,
        files: Sequence[LayerFile] | None = None,
    ) -> None:
        """Submit the job; `files` have to be written first."""
        assert self._trainer is not None
        self._run_ticket = self._submit(
            self._trainer,
            Job(
                JOBS + "train",
                {
                    "text": self.text,
                    "path": str(self.path) if self.path else None,
                    "run": run and str(run),
                    "data": data,
                    "device": self.device,
                    "files": files or (),
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
        ticket = self._run_ticket
        if ticket is not None and not isinstance(ticket, Errand) and self.training.active:
            ticket.tell(word)

    def _set_training(self, status: TrainingStatus) -> None:
        self.training = status
        self.training_changed.emit(status)

    def _training_event(self, event: Any) -> None:
        kind = type(event).__name__
        self._set_training(self.training.after(event))
        self.event.emit(event)
        if kind == "Snapshot":
            self._look_with(str(Path(event.path).resolve()))
        elif kind == "Finished":
            self._adopt(event)

    def _look_with(self, weights: str) -> None:
        """Use these weights for what is looked at; empty stands for the document's own."""

    def _adopt(self, event: Any) -> None:
        """The document names the run that its weights come from."""
        run = Path(str(event.run))
        self._look_with("")
        try:
            named = run.resolve().relative_to(self._pipeline.folder.resolve()).as_posix()
        except ValueError:
            named = str(run.resolve())
        self.set_value("weights", f"{named}@best")

    def _training_ended(self, result: object) -> None:
        if self.training.active:
            self._set_training(replace(self.training, state="stopped"))
        self._close_trainer()

    def _training_failed(self, failure: Failure | Exception) -> None:
        self._set_training(replace(self.training, state="failed", error=str(failure)))
        self._failed(failure)
        self._close_trainer()

    def _training_cancelled(self) -> None:
        self._set_training(replace(self.training, state="stopped"))
        self._close_trainer()

    def _close_trainer(self) -> None:
        """Ending the process frees the memory of the GPU."""
        if self._trainer is not None:
            self._let_go(self._trainer)
        self._trainer = self._run_ticket = None
