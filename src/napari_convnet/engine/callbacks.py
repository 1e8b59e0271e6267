"""One thread that calls the window's callbacks, in order, whatever they raise."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from typing import Any

logger = logging.getLogger("napari_convnet.engine")

# Progress that the window has not yet seen to. A job that is faster than its window waits for it,
# rather than fill the memory.
BACKLOG = 64


class Callbacks:
    """Calls functions one after the other, on a thread of its own.

    Parameters
    ----------
    name : str
        The thread's name.
    """

    def __init__(self, name: str) -> None:
        self._calls: queue.SimpleQueue[tuple[Callable[..., Any], tuple[Any, ...]] | None]
        self._calls = queue.SimpleQueue()
        self._places = threading.Semaphore(BACKLOG)
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def post(self, function: Callable[..., Any], *args: Any) -> None:
        """Call a function soon; never waits."""
        self._calls.put((function, args))

    def post_in_turn(self, function: Callable[..., Any], *args: Any) -> None:
        """Call a function soon; waits while too many such calls are due."""
        self._places.acquire()
        self.post(self._in_turn, function, *args)

    def stop(self) -> None:
        """End the thread after what is due now."""
        self._calls.put(None)

    def join(self, timeout: float) -> None:
        """Wait for the thread's end; returns at once on the thread itself."""
        if not self.here:
            self._thread.join(timeout)

    @property
    def here(self) -> bool:
        """Whether the caller is being called back."""
        return threading.current_thread() is self._thread

    def _in_turn(self, function: Callable[..., Any], *args: Any) -> None:
        self._places.release()
        function(*args)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            function, args = call
            try:
                function(*args)
            except BaseException:  # sys.exit() in a callback would end the thread without a word
                logger.exception("A callback of the engine failed")
            # A waiting thread must not keep the last result, and whoever asked for it, alive.
            del call, function, args
