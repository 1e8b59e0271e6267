"""One thread that calls quick functions soon or later, so that the caller need not wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from operator import itemgetter
from typing import Any


class Clock:
    """Calls functions at their time, on a thread of its own.

    Parameters
    ----------
    name : str
        The thread's name.
    """

    def __init__(self, name: str) -> None:
        self._changed = threading.Condition()
        self._due: list[tuple[float, Callable[[], Any]]] = []
        self._stopped = False
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def call(self, function: Callable[[], Any], delay: float = 0.0) -> None:
        """Call a function after `delay` seconds, unless the clock is stopped before."""
        with self._changed:
            self._due.append((time.monotonic() + delay, function))
            self._changed.notify()

    def stop(self) -> None:
        """End the thread; what is still due is not called."""
        with self._changed:
            self._stopped = True
            self._due.clear()
            self._changed.notify()

    def _work(self) -> None:
        while (function := self._next()) is not None:
            function()
            del function

    def _next(self) -> Callable[[], Any] | None:
        with self._changed:
            while not self._stopped:
                first = min(self._due, key=itemgetter(0), default=None)
                wait = None if first is None else first[0] - time.monotonic()
                if first is not None and wait is not None and wait <= 0:
                    self._due.remove(first)
                    return first[1]
                self._changed.wait(wait)
        return None
