"""Computing for a window: jobs in worker processes, whose answers come on the window's thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar

from psygnal import Signal

from napari_convnet.engine import Failure, Job, Ticket, Worker, WorkerDied
from napari_convnet.engine.control import Token

from .bridge import Errand, MainThread
from .open_document import OpenDocument
from .status import Message

JOBS = "napari_convnet.engine.jobs:"

Found = TypeVar("Found")


class Computing(OpenDocument):
    """A document and the eye, the worker that computes what is looked at."""

    message = Signal(Message)
    device_changed = Signal(str)
    ended = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.device = "auto"
        self.device_name = ""
        self._main = MainThread()
        self._eye = Worker("eye", on_death=self._main.later(self._eye_died))
        self._open = 0
        self._closed = False
        self._errands: set[Errand] = set()

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
        self._end(timeout)
        self.ended.emit()

    def _end(self, timeout: float) -> None:
        for errand in self._errands:
            errand.cancel()
        self._eye.close(timeout)

    @property
    def closed(self) -> bool:
        """Whether the session has ended."""
        return self._closed

    def _eye_died(self, death: WorkerDied) -> None:
        """Forget what the eye knew; the jobs that ran have failed with the reason, told there."""

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
        """Submit a job whose callbacks run on the window's thread; open until the last has."""
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

    def _aside(
        self,
        work: Callable[[Token], Found],
        errand: Errand | None = None,
        *,
        on_result: Callable[[Found], Any] | None = None,
        on_error: Callable[[Exception], Any] | None = None,
        on_cancelled: Callable[[], Any] | None = None,
    ) -> Errand:
        """Do in a thread what would hold up the window; the callbacks are as those of `_submit`.

        `work` looks at its token, and raises `Cancelled` once that is set. An `errand` that goes on
        may be given.
        """
        begun = errand or Errand()
        self._errands.add(begun)
        self._open += 1

        def ended(callback: Callable[..., Any] | None, *arguments: Any) -> None:
            self._open -= 1
            self._errands.discard(begun)
            if begun.token():
                callback, arguments = on_cancelled, ()
            if callback is not None:
                callback(*arguments)

        begun.run(work, self._main.later(ended), on_result, on_error or self._failed)
        return begun

    def _let_go(self, worker: Worker) -> None:
        """End a worker; its process may take a while to go."""
        self._aside(lambda token: worker.close(0.5))

    def say(self, level: Any, text: str) -> None:
        """Tell the person at the screen."""
        self.message.emit(Message(level, text))

    def _failed(self, failure: Failure | Exception) -> None:
        self.say("error", str(failure) or type(failure).__name__)

    # ------------------------------------------------------------ device
    def set_device(self, device: str) -> None:
        """Compute on another device: auto, cpu, cuda or mps."""
        self.device = device
        self._ask_device()

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
