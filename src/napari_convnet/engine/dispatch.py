"""Who runs next, and what happens when a worker process does not stop, or dies."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Hashable
from typing import Any

from . import messages
from .callbacks import Callbacks
from .clock import Clock
from .messages import Crashed, Failure, WorkerDied
from .process import Child, LogTail, Spawn
from .queue import LatestQueue
from .ticket import State, Ticket

# A job that was sent to a process which died before the job began is sent once more.
ATTEMPTS = 2
# Seconds of the time to close that are left for a process that does not go by itself.
KILLING_TIME = 0.5


class Dispatcher:
    """The queue, the process that serves it, and the one after that.

    Nothing here waits, but `close`. All state changes happen under one lock; everything slow
    happens on the threads of `Child`, `Callbacks` and `Clock`.

    Parameters
    ----------
    spawn : Spawn
        How to start a process.
    grace : float
        Seconds that a cancelled job has to stop.
    on_death : callable
        Called with `WorkerDied` when a process ends that should not.
    """

    def __init__(self, spawn: Spawn, grace: float, on_death: Callable[[WorkerDied], Any]) -> None:
        self._spawn, self._grace, self._on_death = spawn, grace, on_death
        # Reentrant, since a garbage collection at any point may end an abandoned worker.
        self._lock = threading.RLock()
        self._waiting: LatestQueue[Ticket] = LatestQueue()
        self._running: Ticket | None = None
        self._store: dict[Hashable, tuple[int, Any]] = {}
        self._versions = 0
        self._closed = False
        self._owner = os.getpid()
        self.child: Child | None = None
        self.log = LogTail()
        self._callbacks = Callbacks(f"{spawn.name} callbacks")
        self._clock = Clock(f"{spawn.name} clock")

    # Called by the caller's threads.

    def start(self) -> None:
        """Start a process if there is none."""
        with self._lock:
            self._check_open()
            self._ensure_child()

    def submit(self, ticket: Ticket, interrupt: bool) -> None:
        """Queue a job; it replaces those with its key."""
        with self._lock:
            self._check_open()
            replaced = self._waiting.add(ticket.key, ticket)
            if replaced is not None:
                self._settle(replaced, "cancelled")
            running = self._running
            same = running is not None and running.key == ticket.key and ticket.key is not None
            if running is not None and same and interrupt:
                self._interrupt(running)
            self._pump()

    def cancel(self, ticket: Ticket) -> None:
        """Give up a job, waiting or running."""
        with self._lock:
            ticket.failure = None  # the caller has the last word
            if self._waiting.remove(ticket):
                self._settle(ticket, "cancelled")
            elif ticket is self._running:
                self._interrupt(ticket)
            else:  # its callback may still be due
                ticket.cancelled = True

    def tell(self, ticket: Ticket, message: Any) -> None:
        """Deliver a message to a job now, or as soon as it runs."""
        with self._lock:
            ticket.mail.append(message)
            if ticket is self._running and self.child is not None:
                self.child.post(messages.Tell(ticket.id, message))

    def put(self, key: Hashable, value: Any) -> None:
        """Keep a value for jobs that name it."""
        with self._lock:
            self._check_open()
            self._versions += 1
            self._store[key] = (self._versions, value)

    def forget(self, key: Hashable) -> None:
        """Let go of a value."""
        with self._lock:
            if self._store.pop(key, None) is not None and self.child is not None:
                self.child.post(messages.Forget(key))

    def kill(self) -> None:
        """End the process at once; the running job counts as cancelled."""
        with self._lock:
            if self._running is not None:
                self._running.cancelled = True
            if self.child is not None:
                self.child.expected = True
                self.child.kill()

    def close(self, timeout: float) -> None:
        """End everything in at most `timeout` seconds."""
        deadline = time.monotonic() + timeout
        with self._lock:
            child = self._shut()
        if child is not None and not child.ended.wait(max(timeout / 2, timeout - KILLING_TIME)):
            child.kill()
            child.ended.wait(max(0.0, deadline - time.monotonic()))
        self._callbacks.join(max(0.0, deadline - time.monotonic()))

    def abandon(self) -> None:
        """End everything without waiting: at exit, or when nobody holds the worker any more."""
        if os.getpid() != self._owner:  # a fork that exits; the worker is not its own
            return
        with self._lock:
            child = self._shut()
            if child is not None:
                child.kill()

    @property
    def calling_back(self) -> bool:
        """Whether the caller is on the thread of the callbacks."""
        return self._callbacks.here

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    @property
    def busy(self) -> bool:
        """Whether a job runs or waits."""
        with self._lock:
            return self._running is not None or len(self._waiting) > 0

    # Called with the lock held.

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("this worker is closed")

    def _shut(self) -> Child | None:
        """Close for new jobs, give up the others, and tell the process to go."""
        child = self.child
        if self._closed:
            return child
        self._closed = True
        for ticket in self._waiting.clear():
            self._settle(ticket, "cancelled")
        if self._running is not None:
            self._running.cancelled = True
        self._store.clear()
        if child is None:
            self._end_threads()
        else:
            child.stop()
        return child

    def _end_threads(self) -> None:
        self._callbacks.stop()
        self._clock.stop()

    def _settle(self, ticket: Ticket, state: State, value: Any = None) -> None:
        self._callbacks.post(ticket.settle, state, value)

    def _interrupt(self, ticket: Ticket) -> None:
        """Tell the running job to stop, and see to it that it does."""
        if ticket.cancelled or self.child is None:
            return
        ticket.cancelled = True
        self.child.post(messages.Cancel(ticket.id))
        child = self.child
        self._clock.call(lambda: self._insist(ticket, child), self._grace)

    def _ensure_child(self) -> Child:
        if self.child is None:
            self.child = Child(
                self._spawn,
                self.log,
                look_up=self._look_up,
                on_message=self._received,
                on_unsendable=self._unsendable,
                on_end=self._ended,
            )
            self._clock.call(self.child.start)
        return self.child

    def _pump(self) -> None:
        """Hand the next job to the process, if there is one and it is free."""
        if self._closed or self._running is not None or not self._waiting:
            return
        child = self._ensure_child()
        if not child.ready:
            return
        ticket = self._running = self._waiting.take()
        ticket.dispatched += 1
        child.post(messages.Run(ticket.id, ticket.job))
        for message in ticket.mail:
            child.post(messages.Tell(ticket.id, message))

    def _finish(self, ticket: int, state: State, value: Any = None) -> None:
        """Settle the running job, if it is this one, and go on."""
        running = self._running
        if running is not None and running.id == ticket:
            self._running = None
            self._settle(running, state, value)
            self._pump()

    # Called by the child's and the clock's threads.

    def _look_up(self, key: Hashable) -> tuple[int, Any]:
        with self._lock:
            if key not in self._store:
                raise LookupError(f"nothing is stored under the key {key!r}")
            return self._store[key]

    def _insist(self, ticket: Ticket, child: Child) -> None:
        """Kill a process whose job was told to stop and has not."""
        with self._lock:
            if ticket is self._running and child is self.child:
                self.log.add(f"\n{ticket.job.name} did not stop; its process is ended\n")
                child.expected = True
                child.kill()

    def _received(self, child: Child, message: Any) -> None:
        if isinstance(message, messages.Progress):
            ticket = self._running
            if ticket is not None and ticket.id == message.ticket and not ticket.cancelled:
                self._callbacks.post_in_turn(ticket.report, message.value)
            return
        with self._lock:
            match message:
                case messages.Ready():
                    self._pump()
                case messages.Started(number):
                    if self._running is not None and self._running.id == number:
                        self._running.started = True
                case messages.Result(number, value):
                    self._finish(number, "done", value)
                case messages.Failed(number, failure):
                    self._finish(number, "failed", failure)
                case messages.Stopped(number):
                    self._finish(number, "cancelled")
                case messages.Unreadable(number, error, progress):
                    crash = Crashed(f"what the job sent could not be read: {error}")
                    if not progress:
                        self._finish(number, "failed", crash)
                    elif self._running is not None and self._running.id == number:
                        self._running.failure = crash
                        self._interrupt(self._running)

    def _unsendable(self, child: Child, message: Any, error: Exception) -> None:
        text = f"{type(error).__name__}: {error}" if not isinstance(error, LookupError) else ""
        text = text or str(error.args[0])
        with self._lock:
            match message:
                case messages.Run(number, job):
                    crash = Crashed(f"{job.name} cannot be sent to the worker: {text}")
                    self._finish(number, "failed", crash)
                case _:
                    self.log.add(f"\na message cannot be sent to the worker: {text}\n")

    def _ended(self, child: Child) -> None:
        with self._lock:
            self.child = None
            running, self._running = self._running, None
            death = WorkerDied(child.reason, child.returncode, str(self.log))
            if running is not None:
                self._bury(running, death)
            if not child.ready and not child.expected:  # the next one would not start either
                for ticket in self._waiting.clear():
                    self._settle(ticket, "failed", death)
            if not child.expected:
                self._callbacks.post(self._on_death, death)
            if self._closed:
                self._end_threads()
            self._pump()

    def _bury(self, ticket: Ticket, death: Failure) -> None:
        """Decide what becomes of a job whose process is gone."""
        unlucky = not ticket.started and ticket.dispatched < ATTEMPTS and not ticket.cancelled
        if not unlucky or self._closed:
            self._settle(ticket, "failed", death)
        elif not self._waiting.put_back(ticket.key, ticket):
            self._settle(ticket, "cancelled")  # a later one has taken its place
