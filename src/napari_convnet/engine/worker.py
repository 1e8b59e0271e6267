"""The worker process: ``python -m napari_convnet.engine.worker``, started by `process.Child`.

The main thread runs jobs, one at a time, and ends the process when told to. A receiver thread
listens meanwhile, so that a running job can be cancelled and spoken to; it ends the process, in
the middle of a job too, the moment the window is gone.
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import inspect
import json
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Generator, Hashable, Sequence
from multiprocessing.connection import Client
from typing import Any, NoReturn

from ..network import UserError
from . import messages, wire
from .control import Cancelled, Mailbox, Token
from .messages import Crashed, Job, Refused


class Servant:
    """Runs the jobs that come over a connection, until it closes.

    Parameters
    ----------
    connection : Line
        The way to the window.
    """

    def __init__(self, connection: wire.Line) -> None:
        self._connection = connection
        self._sending = threading.Lock()
        self._runs: queue.SimpleQueue[messages.Run | None] = queue.SimpleQueue()
        # Both are made when a job arrives: it may be cancelled before it starts.
        self._tokens: dict[int, Token] = {}
        self._mailboxes: dict[int, Mailbox] = {}
        self._store: dict[Hashable, Any] = {}

    def serve(self, preload: Sequence[str] = ()) -> None:
        """Run jobs until the window says stop; never returns if the window is gone.

        Parameters
        ----------
        preload : sequence of str
            Modules to import before the first job.
        """
        threading.Thread(target=self._listen, name="receiver", daemon=True).start()
        for module in preload:
            try:
                importlib.import_module(module)
            except Exception:  # the job that needs it will say so; this is for the log
                traceback.print_exc()
        self._send(messages.Ready(os.getpid()))
        while (run := self._runs.get()) is not None:
            self._answer(run)
            del run  # its arrays need not wait in memory for the next job

    def _listen(self) -> None:
        try:
            while True:
                self._take(wire.receive(self._connection, self._store))
        except (EOFError, OSError):
            pass
        except BaseException:
            traceback.print_exc()
        finally:
            end_with_window()

    def _take(self, message: Any) -> None:
        match message:
            case messages.Run(ticket):
                self._tokens[ticket], self._mailboxes[ticket] = Token(), Mailbox()
                self._runs.put(message)
            case messages.Cancel(ticket):
                self._cancel(ticket)
            case messages.Tell(ticket, words):
                if mailbox := self._mailboxes.get(ticket):
                    _shielded(mailbox.put, words)
            case messages.Put(key, value):
                self._store[key] = value
            case messages.Forget(key):
                self._store.pop(key, None)
            case messages.Stop():
                for ticket in list(self._tokens):
                    self._cancel(ticket)
                self._runs.put(None)
            case messages.Unreadable(ticket, error, _):
                text = f"what was sent for the job could not be read in the worker: {error}"
                self._send(messages.Failed(ticket, Crashed(text)))

    def _cancel(self, ticket: int) -> None:
        if token := self._tokens.get(ticket):
            _shielded(token.set)

    def _answer(self, run: messages.Run) -> None:
        ticket, job = run.ticket, run.job
        reply: Any
        try:
            self._tokens[ticket].check()
            self._send(messages.Started(ticket))
            reply = messages.Result(ticket, self._call(ticket, job))
        except Cancelled:
            reply = messages.Stopped(ticket)
        except UserError as error:
            reply = messages.Failed(ticket, Refused(error.problems))
        except BaseException as error:  # sys.exit() in a job must not end the worker either
            reply = messages.Failed(ticket, _crash(error))
        finally:
            del self._tokens[ticket], self._mailboxes[ticket]
        try:
            self._send(reply)
        except Exception as error:
            text = f"what {job.name} returned cannot travel to the window: {error}"
            self._send(messages.Failed(ticket, Crashed(text, traceback.format_exc())))

    def _call(self, ticket: int, job: Job) -> Any:
        token = self._tokens[ticket]

        def progress(value: Any) -> None:
            token.check()
            self._send(messages.Progress(ticket, value))

        function = _find(job.function)
        offers = {
            "progress": progress,
            "cancelled": token,
            "control": self._mailboxes[ticket],
        }
        asked = offers.keys() & inspect.signature(function).parameters.keys()
        extras = {name: offers[name] for name in asked if name not in job.arguments}
        outcome: Any = function(**job.arguments, **extras)
        if isinstance(outcome, Generator):
            return _stream(outcome, progress)
        return outcome

    def _send(self, message: Any) -> None:
        # Pickled in full first, so that half a message is never sent.
        parcel = wire.encode(message)
        try:
            with self._sending:
                wire.send(self._connection, parcel)
        except OSError:
            end_with_window()


def _stream(steps: Generator[Any, None, Any], progress: Callable[[Any], None]) -> Any:
    """Report what a generator yields; return what it returns."""
    with contextlib.closing(steps):
        while True:
            try:
                value = next(steps)
            except StopIteration as stop:
                return stop.value
            progress(value)


def _find(function: str) -> Callable[..., Any]:
    module, _, name = function.partition(":")
    found = getattr(importlib.import_module(module), name)
    assert callable(found)
    return found  # type: ignore[no-any-return]


def _crash(error: BaseException) -> Crashed:
    lines = str(error).strip().splitlines()
    message = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    return Crashed(message, "".join(traceback.format_exception(error)))


def _shielded(function: Callable[..., Any], *args: Any) -> None:
    """Call what a job has left with the receiver, which must go on whatever it raises."""
    try:
        function(*args)
    except BaseException:
        traceback.print_exc()


def end_with_window() -> NoReturn:
    """End this process, and those that it has started, at once."""
    if sys.platform != "win32" and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _tie_to_window() -> None:
    """Have this process end with the window even where the connection does not tell.

    That is so where a child that the window has forked keeps it open, or where a job holds the
    interpreter's lock, so that no thread of ours can listen.
    """
    if sys.platform == "win32":  # no fork, and handles are not inherited
        return
    import fcntl

    # The window keeps the other end of our standard input. When it closes, the kernel sends
    # SIGIO, which ends a process that does not expect it (on Linux; others ignore it).
    with contextlib.suppress(OSError):
        fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | fcntl.FASYNC)

    window = os.getppid()

    def watch() -> None:
        while os.getppid() == window:
            time.sleep(1)
        end_with_window()

    threading.Thread(target=watch, name="watchdog", daemon=True).start()


def _give_way() -> None:
    """Let the window draw first where both want the processor; the trainer comes last."""
    if hasattr(os, "nice"):  # on Windows the process was started with a lower priority
        os.nice(10 if os.environ.get("NAPARI_CONVNET_WORKER") == "trainer" else 5)


def main() -> None:
    """Read from standard input where to connect, and serve."""
    setup = json.loads(sys.stdin.buffer.readline())
    sys.stdin = open(os.devnull)  # noqa: SIM115 - for as long as the process lives
    faulthandler.enable()
    _tie_to_window()
    _give_way()
    sys.path.extend(path for path in setup["paths"] if path not in sys.path)
    key = bytes.fromhex(setup["authkey"])
    try:
        connection = Client(setup["address"], setup["family"], authkey=key)
    except (OSError, EOFError):
        return  # the window has changed its mind
    Servant(connection).serve(setup["preload"])
    # No farewell to libraries and the GPU, which may take long: the system frees it all.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
