"""One worker process as the window sees it: how it starts, how it is spoken to, how it ends."""

from __future__ import annotations

import codecs
import contextlib
import json
import logging
import os
import queue
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Listener
from pathlib import Path
from typing import Any

from . import messages, wire

logger = logging.getLogger("napari_convnet.engine")

# Seconds for a process to come up and connect; a cold disk and a virus scanner may need many.
START_TIMEOUT = 120.0
# Seconds between the end of a process and the end of what it has said.
LAST_WORDS = 1.0
# The path of a socket has room for about 100 characters.
LONGEST_FOLDER = 90

_SIGNALS: dict[int, str] = {
    signal.SIGSEGV: "segmentation fault, ",
    signal.SIGABRT: "aborted, ",
    signal.SIGFPE: "arithmetic error, ",
    signal.SIGILL: "illegal instruction, ",
}


class LogTail:
    """The last characters of what the workers wrote to their standard output and error."""

    def __init__(self, limit: int = 1 << 16) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._text = ""

    def add(self, text: str) -> None:
        """Append, and drop what is too old."""
        with self._lock:
            self._text += text
            if len(self._text) > 2 * self._limit:
                self._text = self._text[-self._limit :]

    def __str__(self) -> str:
        with self._lock:
            return self._text[-self._limit :]

    def last_line(self) -> str:
        """Return the last line with anything on it."""
        lines = [line.strip() for line in str(self).splitlines()]
        return next((line for line in reversed(lines) if line), "")


@dataclass(frozen=True)
class Spawn:
    """How to start a worker process.

    Parameters
    ----------
    name : str
        For the names of threads.
    command : tuple of str
        The program and its arguments.
    environment : mapping
        Variables added to those of this process.
    paths : tuple of str
        Added to the worker's `sys.path`.
    preload : tuple of str
        Modules to import before the first job.
    """

    name: str
    command: tuple[str, ...] = (sys.executable, "-m", "napari_convnet.engine.worker")
    environment: Mapping[str, str] = field(default_factory=dict)
    paths: tuple[str, ...] = ()
    preload: tuple[str, ...] = ()

    def variables(self) -> dict[str, str]:
        """All variables of the environment of the worker."""
        found = dict(os.environ)
        # Two workers with spinning threads starve each other: 77 to 124 ms a preview for 11 to 14.
        found.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        if threads := allowed_threads():
            found.setdefault("OMP_NUM_THREADS", str(threads))
        # Python would otherwise put the working directory first, where a user's torch.py may lie.
        found["PYTHONSAFEPATH"] = "1"
        found["PYTHONUNBUFFERED"] = "1"
        found["PYTHONIOENCODING"] = "utf-8"
        root = str(Path(__file__).parents[2])
        if not root.endswith("-packages"):  # a checkout: the worker may not find it by itself
            found["PYTHONPATH"] = os.pathsep.join(filter(None, [root, found.get("PYTHONPATH")]))
        return {**found, **self.environment}


def allowed_threads(limits: str = "/sys/fs/cgroup/cpu.max") -> int | None:
    """Return the number of processors granted to this container, None if not limited.

    OpenMP sees how many there are and which it may use, but not a container's quota; threads
    beyond the quota are stalled, all of them, for most of the time.
    """
    try:
        quota, period = Path(limits).read_text().split()
        granted = max(1, int(quota) // int(period))
    except (OSError, ValueError):
        return None
    return granted if granted < (os.cpu_count() or 1) else None


def describe_exit(code: int | None) -> str:
    """Say in a few words how a process ended.

    Examples
    --------
    >>> describe_exit(-9)
    'was killed (signal 9), often the sign of too little memory'
    >>> describe_exit(3)
    'ended unexpectedly (exit code 3)'
    """
    if code is None:
        return "does not answer any more"
    if code == -9:
        return "was killed (signal 9), often the sign of too little memory"
    if code in (-1, -2, -15):
        return f"was ended from outside (signal {-code})"
    if code < 0:
        name = _SIGNALS.get(-code, "")
        return f"crashed ({name}signal {-code})"
    if code == 0xC0000005:
        return "crashed (access violation)"
    if code >= 0x80000000:
        return f"crashed (code 0x{code:08X})"
    return f"ended unexpectedly (exit code {code})"


class Child:
    """One process and its four threads: sender, receiver, watcher and log.

    Parameters
    ----------
    spawn : Spawn
        How to start it.
    log : LogTail
        Gets what it prints.
    look_up : callable
        Returns (version, value) of a stored key; raises LookupError.
    on_message : callable
        Called with the child and each message, on the receiver thread.
    on_unsendable : callable
        Called with the child, a message that cannot travel, and why; on the sender thread.
    on_end : callable
        Called with the child, once, when all that it has said is delivered.

    Attributes
    ----------
    ready : bool
        Whether it takes jobs.
    expected : bool
        Whether its end is wanted.
    returncode : int or None
        As of `subprocess.Popen`.
    ended : threading.Event
        Set after `on_end`.
    """

    def __init__(
        self,
        spawn: Spawn,
        log: LogTail,
        look_up: Callable[[Hashable], tuple[int, Any]],
        on_message: Callable[[Child, Any], None],
        on_unsendable: Callable[[Child, Any, Exception], None],
        on_end: Callable[[Child], None],
    ) -> None:
        self._spawn, self._log, self._look_up = spawn, log, look_up
        self._on_message, self._on_unsendable, self._on_end = on_message, on_unsendable, on_end
        self.ready = False
        self.expected = False
        self.returncode: int | None = None
        self.ended = threading.Event()
        self._outbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._sent: dict[Hashable, int] = {}  # stored key -> version that the process has
        # Reentrant, since a garbage collection at any point may end an abandoned worker.
        self._lock = threading.RLock()
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: wire.Line | None = None
        self._killed = False
        self._exited = threading.Event()
        self._error = ""  # what went wrong on this side
        self._family = "AF_PIPE" if sys.platform == "win32" else "AF_UNIX"
        self._address: Any = None
        self._logger: threading.Thread | None = None
        self._sender = self._thread("sender", self._send_all)

    def _thread(self, role: str, target: Callable[[], None]) -> threading.Thread:
        return threading.Thread(target=target, name=f"{self._spawn.name} {role}", daemon=True)

    # What the dispatcher calls; none of it waits.

    def start(self) -> None:
        """Start the process in the background."""
        self._sender.start()

    def post(self, message: Any) -> None:
        """Send a message as soon as those before it are gone."""
        self._outbox.put(message)

    def stop(self) -> None:
        """Ask the process to cancel its job and exit; a process not yet ready is killed."""
        self.expected = True
        if self.ready:
            self.post(messages.Stop())
        else:
            self.kill()

    def kill(self) -> None:
        """End the process, and those that it has started, at once."""
        with self._lock:
            self._killed = True
            if self._process is not None and not self._exited.is_set():
                self._kill_group()
                self._process.kill()

    def _kill_group(self) -> None:
        """End the process with those that it has started: its session is its own."""
        if sys.platform != "win32" and self._process is not None:
            with contextlib.suppress(OSError):
                os.killpg(self._process.pid, signal.SIGKILL)

    @property
    def pid(self) -> int | None:
        """Process number; None before there is one."""
        process = self._process
        return process.pid if process is not None else None

    @property
    def reason(self) -> str:
        """Say in one line why the process is gone."""
        how = describe_exit(self.returncode)
        if self.ready:
            return f"the worker process {self._error or how}"
        if self.returncode is not None and self.returncode >= 0:
            how = self._log.last_line() or how  # Python says there what it misses
        return f"the worker process could not start: {self._error or how}"

    # The sender thread: starts the process, then sends.

    def _send_all(self) -> None:
        try:
            self._connection = self._start()
        except Exception as error:
            if not isinstance(error, EOFError):  # which means that the log says why
                self._error = f"{type(error).__name__}: {error}"
            self._finish()
            return
        self._thread("receiver", self._receive_all).start()
        with contextlib.suppress(OSError):  # the receiver sees why
            while (message := self._outbox.get()) is not None:
                self._send(self._connection, message)
                del message  # its arrays are not kept while waiting for the next

    def _send(self, connection: wire.Line, message: Any) -> None:
        try:
            parcels = self._pack(message)
        except Exception as error:
            self._on_unsendable(self, message, error)
            return
        for parcel in parcels:
            wire.send(connection, parcel)

    def _pack(self, message: Any) -> list[wire.Parcel]:
        """Return a message after those that bring the stored values it names."""
        if isinstance(message, messages.Forget):
            self._sent.pop(message.key, None)
        parcel = wire.encode(message)
        versions = {key: self._look_up(key) for key in parcel.keys}
        new = {key: pair for key, pair in versions.items() if self._sent.get(key) != pair[0]}
        puts = [wire.encode(messages.Put(key, value)) for key, (_, value) in new.items()]
        self._sent.update({key: version for key, (version, _) in new.items()})
        return [*puts, parcel]

    def _start(self) -> wire.Line:
        if self._killed:
            raise EOFError
        authkey = secrets.token_bytes(32)
        with (
            _private_address() as address,
            Listener(address, self._family, authkey=authkey) as listener,
        ):
            self._address = listener.address
            process = self._popen()
            setup = {
                "address": listener.address,
                "family": self._family,
                "authkey": authkey.hex(),
                "paths": self._spawn.paths,
                "preload": self._spawn.preload,
            }
            # The pipe stays open: its end is one more sign of ours.
            assert process.stdin is not None
            with contextlib.suppress(OSError):  # gone already: the watcher will see it
                process.stdin.write(json.dumps(setup).encode() + b"\n")
                process.stdin.flush()
            late = threading.Timer(START_TIMEOUT, self._give_up)
            late.daemon = True
            late.start()
            try:
                return self._accept(listener)
            finally:
                late.cancel()

    def _popen(self) -> subprocess.Popen[bytes]:
        options: dict[str, Any] = {}
        if sys.platform == "win32":
            # As `_give_way` in the worker does elsewhere: the window draws first.
            below = subprocess.BELOW_NORMAL_PRIORITY_CLASS
            options["creationflags"] = subprocess.CREATE_NO_WINDOW | below
        else:
            options["start_new_session"] = True  # Ctrl-C in a terminal is for the window
        process = subprocess.Popen(
            self._spawn.command,
            env=self._spawn.variables(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            **options,
        )
        with self._lock:
            self._process = process
            if self._killed:
                self.kill()
        self._logger = self._thread("log", self._read_log)
        self._logger.start()
        self._thread("watcher", self._watch).start()
        return process

    def _give_up(self) -> None:
        self._error = f"it did not connect within {START_TIMEOUT:.0f} seconds"
        self.kill()

    def _accept(self, listener: Listener) -> wire.Line:
        while True:
            try:
                return listener.accept()
            except (OSError, EOFError, AuthenticationError):
                if self._exited.is_set():
                    raise EOFError from None
                # Somebody else knocked; nobody can, but for the owner of this session.

    # The receiver thread.

    def _receive_all(self) -> None:
        assert self._connection is not None
        try:
            while True:
                message = wire.receive(self._connection)
                if isinstance(message, messages.Ready):
                    self.ready = True
                self._on_message(self, message)
                del message
        except (EOFError, OSError):
            pass
        except Exception as error:  # a result too large for the memory here
            logger.exception("The engine cannot go on with this worker process")
            self._error = f"could not be read: {type(error).__name__}: {error}"
        self._finish()

    def _finish(self) -> None:
        """Clear up after the process: the last that the sender or the receiver does."""
        self._outbox.put(None)
        if self._connection is not None:
            _hang_up(self._connection)  # frees a sender that waits for a reader that is gone
            self._sender.join()
            self._connection.close()
        if self._process is not None:
            if not self._exited.wait(LAST_WORDS):
                self.kill()
                self._exited.wait(LAST_WORDS)
            assert self._process.stdin is not None
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        if self._logger is not None:
            self._logger.join(LAST_WORDS)
        self._on_end(self)
        self.ended.set()

    # The watcher and the log thread.

    def _watch(self) -> None:
        """Wait for the process's end, which the connection need not tell: a fork may hold it."""
        assert self._process is not None
        self.returncode = self._process.wait()
        self._exited.set()
        self._kill_group()
        if self._connection is None:  # the sender waits for it to connect: knock, and it looks up
            with contextlib.suppress(OSError, EOFError):
                Client(self._address, self._family).close()
        if not self.ended.wait(LAST_WORDS) and self._connection is not None:
            _hang_up(self._connection)

    def _read_log(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        with contextlib.suppress(OSError), self._process.stdout as pipe:
            while chunk := pipe.read1():  # type: ignore[attr-defined]
                self._log.add(decoder.decode(chunk))


@contextlib.contextmanager
def _private_address() -> Iterator[str | None]:
    """Yield an address that only this user can reach."""
    if sys.platform == "win32":
        yield None  # the listener makes one up; pipes are guarded by the key
        return
    folder = tempfile.mkdtemp(prefix="napari-convnet-")
    if len(folder) > LONGEST_FOLDER:
        os.rmdir(folder)
        folder = tempfile.mkdtemp(prefix="napari-convnet-", dir="/tmp")
    try:
        yield f"{folder}/worker"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _hang_up(connection: wire.Line) -> None:
    """Wake the threads that wait on a connection; closing it would not."""
    if sys.platform == "win32":  # nothing is inherited there: the end of the process is enough
        return
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)
