"""What a caller holds of a job that it has submitted."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Hashable
from typing import Any, Literal, Protocol

from .messages import Failure, Job

State = Literal["waiting", "running", "done", "failed", "cancelled"]

_numbers = itertools.count(1)


class Cancellation(Exception):
    """What `Ticket.result` raises for a job that was cancelled."""


class Desk(Protocol):
    """Where the tickets were issued."""

    def cancel(self, ticket: Ticket) -> None:
        """Give up a job."""

    def tell(self, ticket: Ticket, message: Any) -> None:
        """Send a message to a job."""

    @property
    def calling_back(self) -> bool:
        """Whether the caller is on the thread of the callbacks."""


class Ticket:
    """A submitted job: cancel it, speak to it, wait for it.

    Exactly one of `on_result`, `on_error` and `on_cancelled` is called in the end, after all
    calls of `on_progress`; after `cancel`, that is `on_cancelled`.

    Attributes
    ----------
    id : int
        The number under which both sides speak of the job.
    job : Job
        What was submitted; once the job has ended, without the arguments, so that a kept ticket
        keeps no arrays but those of its result.
    key : hashable or None
        Jobs with the same key replace each other.
    """

    def __init__(
        self,
        desk: Desk,
        job: Job,
        key: Hashable,
        on_result: Callable[[Any], Any] | None,
        on_progress: Callable[[Any], Any] | None,
        on_error: Callable[[Failure], Any] | None,
        on_cancelled: Callable[[], Any] | None,
        keep: Any = None,
    ) -> None:
        self.id = next(_numbers)
        self.job, self.key = job, key
        self._desk = desk
        self._keep: Any = keep  # the worker must not go while its result is awaited
        self._on_result, self._on_progress = on_result, on_progress
        self._on_error, self._on_cancelled = on_error, on_cancelled
        self._ended = threading.Event()
        self._outcome: tuple[State, Any] | None = None
        # The dispatcher's notes, written under its lock.
        self.cancelled = False
        self.dispatched = 0  # times that it was sent to a process
        self.started = False  # whether the function was called
        self.mail: list[Any] = []
        self.failure: Failure | None = None  # why it was cancelled, if not by the caller

    def cancel(self) -> None:
        """Give up the job: it is taken from the queue, or told to stop, and if need be killed.

        `on_cancelled` is called when that is done. Does nothing to a job that has ended.
        """
        self._desk.cancel(self)

    def tell(self, message: Any) -> None:
        """Put a message, such as ``"pause"``, into the job's mailbox (`control`)."""
        self._desk.tell(self, message)

    @property
    def state(self) -> State:
        """What has become of the job: waiting, running, done, failed or cancelled."""
        if self._outcome is not None:
            return self._outcome[0]
        return "running" if self.started else "waiting"

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the job has ended and its callbacks were called; return whether it has."""
        if self._desk.calling_back and not self._ended.is_set():
            raise RuntimeError("a callback of the engine cannot wait for another one")
        return self._ended.wait(timeout)

    def result(self, timeout: float | None = None) -> Any:
        """Wait for the job and return its result.

        Raises
        ------
        UserError
            If the job raised it.
        JobError
            If the job crashed, or its worker died.
        Cancellation
            If the job was cancelled.
        TimeoutError
            If it has not ended in `timeout` seconds.
        """
        if not self.wait(timeout):
            raise TimeoutError(f"{self.job.name} has not ended after {timeout:g} seconds")
        assert self._outcome is not None
        state, value = self._outcome
        if state == "cancelled":
            raise Cancellation(f"{self.job.name} was cancelled")
        if state == "failed":
            raise value.exception()
        return value

    # Called on the thread of the callbacks.

    def report(self, value: Any) -> None:
        """Pass progress on, unless nobody wants it any more."""
        if self._on_progress is not None and not self.cancelled:
            self._on_progress(value)

    def settle(self, state: State, value: Any = None) -> None:
        """End the job, the last word being the caller's if it was to cancel."""
        if self.failure is not None:
            state, value = "failed", self.failure
        elif self.cancelled:
            state, value = "cancelled", None
        callback, arguments = {
            "done": (self._on_result, (value,)),
            "failed": (self._on_error, (value,)),
        }.get(state, (self._on_cancelled, ()))
        self._outcome = (state, value)
        try:
            if callback is not None:
                callback(*arguments)
        finally:
            self.job = Job(self.job.function)
            self._keep = self._on_result = self._on_progress = self._on_error = None
            self._on_cancelled = None
            self._ended.set()
