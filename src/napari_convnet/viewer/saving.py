"""What is to be saved and is not on disk yet: a window that closes finishes it first."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from napari_convnet.engine import Ticket

logger = logging.getLogger("napari_convnet")

FINISH_SECONDS = 60.0
"""So long a window that closes waits for what is to be saved."""


@dataclass(eq=False)
class Save:
    """Files that are to be written.

    Parameters
    ----------
    name : str
        What is told of them.
    write : callable
        Writes all of them, on any thread, without the window; what is there already may stay.
    ticket : Ticket, optional
        The job that writes them, once it is asked for.
    """

    name: str
    write: Callable[[], Any]
    ticket: Ticket | None = None

    def finish(self, end: float) -> None:
        """See to it that the files are there, by the time `end` of the monotonic clock."""
        ticket = self.ticket
        if ticket is not None and ticket.dispatched:
            ticket.wait(max(0.0, end - time.monotonic()))
        elif ticket is not None:
            # Else the worker might begin with it, and be ended amid a file.
            ticket.cancel()
        if ticket is None or ticket.state != "done":
            self.write()


@dataclass(eq=False)
class Once:
    """Does something once, on whichever thread comes first; others wait for that.

    Parameters
    ----------
    work : callable
        What is done; if it fails, the next one tries again.
    """

    work: Callable[..., Any]
    _found: Any = None
    _done: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, *arguments: Any) -> Any:
        """Do it, or give what came of it."""
        with self._lock:
            if not self._done:
                self._found = self.work(*arguments)
                self._done = True
            return self._found


def finish(saves: Iterable[Save], seconds: float = FINISH_SECONDS) -> None:
    """Finish what is to be saved, and say what could not be: no window is there to say it.

    All is done in a thread, so that a disk that does not answer keeps nobody from leaving.

    Parameters
    ----------
    saves : iterable of Save
        What is not on disk yet.
    seconds : float
        How long that may take.
    """
    left = list(saves)
    end = time.monotonic() + seconds

    def work() -> None:
        while left:
            try:
                left[0].finish(end)
            except Exception as error:
                logger.error("%s is not saved: %s", left[0].name, error or type(error).__name__)
            del left[0]

    if left:
        thread = threading.Thread(target=work, name="napari-convnet save", daemon=True)
        thread.start()
        thread.join(seconds)
    for one in list(left):
        logger.error("%s is not saved: it was not done after %g seconds", one.name, seconds)
