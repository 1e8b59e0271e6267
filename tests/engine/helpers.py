"""What the tests of the engine share."""

import threading
from collections.abc import Callable
from typing import Any

import psutil

from napari_convnet.engine import Job, Ticket, Worker

# Nothing here takes that long, but a busy machine may.
LONG = 60.0


def job(name: str, /, **arguments: Any) -> Job:
    return Job(f"helper_jobs:{name}", arguments)


class Watched:
    """A submitted job, and what its callbacks were called with."""

    ticket: Ticket

    def __init__(self) -> None:
        self.progress: list[Any] = []
        self.ends: list[tuple[str, Any]] = []
        self._changed = threading.Condition()

    def callbacks(self) -> dict[str, Callable[..., Any]]:
        return {
            "on_progress": self._on_progress,
            "on_result": lambda value: self.ends.append(("result", value)),
            "on_error": lambda failure: self.ends.append(("error", failure)),
            "on_cancelled": lambda: self.ends.append(("cancelled", None)),
        }

    def _on_progress(self, value: Any) -> None:
        with self._changed:
            self.progress.append(value)
            self._changed.notify_all()

    def wait(self, n: int = 1) -> None:
        """Wait for the n-th progress."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.progress) >= n, LONG)


def submit(
    worker: Worker, name: str, /, key: Any = None, interrupt: bool = True, **arguments: Any
) -> Watched:
    watched = Watched()
    watched.ticket = worker.submit(
        job(name, **arguments), key=key, interrupt=interrupt, **watched.callbacks()
    )
    return watched


def gone(pid: int) -> bool:
    """Wait for a process's end, whoever started it."""
    try:
        psutil.Process(pid).wait(LONG)
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        return False
    return True
