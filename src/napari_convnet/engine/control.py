"""What a running job may ask for, by naming it in its signature.

``progress``
    a callable: ``progress(value)`` reports a value to the window (`on_progress`). It raises
    `Cancelled` once the job is cancelled, so that a job that reports often needs to do no more.
``cancelled``
    a `Token`: ``cancelled()`` is True once nobody wants the result any more. A job that does not
    stop within the worker's grace (2 seconds) is killed with its process.
``control``
    a `Mailbox` with what the window tells the job while it runs (`Ticket.tell`).

A generator job reports each value that it yields; what it returns is its result.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any


class Cancelled(BaseException):
    """Raised in a job to end it, since nobody wants its result any more.

    Not an `Exception`, so that code which reports every error does not report this one.
    """


class Token:
    """Says whether a job is cancelled.

    Examples
    --------
    >>> token = Token()
    >>> token()
    False
    >>> token.set()
    >>> token()
    True
    """

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[], Any]] = []

    def __call__(self) -> bool:
        """Whether the job is cancelled."""
        return self._event.is_set()

    def check(self) -> None:
        """Raise `Cancelled` if the job is cancelled."""
        if self._event.is_set():
            raise Cancelled

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the job is cancelled, at most `timeout` seconds; return whether it is."""
        return self._event.wait(timeout)

    def then(self, callback: Callable[[], Any]) -> None:
        """Call `callback` when the job is cancelled, on another thread; at once if it is.

        For a job that waits for something else: the callback ends that wait.
        """
        with self._lock:
            if not self._event.is_set():
                self._callbacks.append(callback)
                return
        callback()

    def set(self) -> None:
        """Cancel the job."""
        with self._lock:
            self._event.set()
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()


class Mailbox:
    """Messages from the window to a running job, in order: read them, or have them forwarded.

    Examples
    --------
    >>> control = Mailbox()
    >>> control.put("pause")
    >>> control.get(), control.get()
    ('pause', None)
    """

    def __init__(self) -> None:
        self._messages: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._handler: Callable[[Any], Any] | None = None

    def get(self, timeout: float = 0.0) -> Any:
        """Return the next message, waiting for it at most `timeout` seconds; None if none came."""
        try:
            return self._messages.get(timeout=timeout) if timeout else self._messages.get_nowait()
        except queue.Empty:
            return None

    def forward(self, handler: Callable[[Any], Any]) -> None:
        """Hand every message, those that wait included, to `handler`, on another thread.

        For a job whose loop does not read: ``control.forward(lambda word: getattr(run, word)())``.
        """
        with self._lock:
            self._handler = handler
            while not self._messages.empty():
                handler(self._messages.get())

    def put(self, message: Any) -> None:
        """Deliver a message."""
        with self._lock:
            if self._handler is None:
                self._messages.put(message)
            else:
                self._handler(message)
