"""Jobs for the tests of the engine; workers import this file from its folder."""

import ctypes
import os
import signal
import sys
import time
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from napari_convnet.engine import Cancelled, Mailbox, Token
from napari_convnet.network import Place, Problem, UserError

Progress = Callable[[Any], None]


def echo(value: Any = None) -> Any:
    return value


def process() -> int:
    return os.getpid()


def total(array: np.ndarray) -> float:
    return float(array.sum())


def address(array: np.ndarray) -> int:
    """Tell two arrays apart: one that is kept has the same place in memory each time."""
    return array.ctypes.data


def count(n: int) -> Iterator[int]:
    yield from range(n)
    return n


def report(n: int, progress: Progress) -> str:
    for i in range(n):
        progress({"step": i, "loss": np.full(2, i)})
    return "done"


def patient(progress: Progress, cancelled: Token) -> str:
    """Wait to be cancelled, and then end well."""
    progress("started")
    return "cancelled" if cancelled.wait(60) else "forgotten"


def raising(progress: Progress, cancelled: Token) -> None:
    progress("started")
    cancelled.wait(60)
    try:
        cancelled.check()
    except Exception:  # Cancelled is no Exception
        return
    except Cancelled:
        print("raised")
        raise


def endless() -> Iterator[int]:
    """Never look at a token: the engine ends it where it yields."""
    n = 0
    try:
        while True:
            yield (n := n + 1)
    finally:
        print("closed")


def blocked(progress: Progress, cancelled: Token, control: Mailbox) -> str:
    """Wait for a message only; being cancelled comes as one."""
    cancelled.then(lambda: control.put("cancelled"))
    progress("started")
    return str(control.get(timeout=60))


def stubborn(progress: Progress) -> None:
    progress("started")
    while True:
        time.sleep(0.01)


def locked(progress: Progress) -> None:
    """Hold the interpreter's lock for ever: no other thread runs."""
    progress("started")
    sum(range(10**15))


def talk(control: Mailbox, progress: Progress) -> list[str]:
    progress("listening")
    heard = []
    while (word := control.get(timeout=60)) not in ("stop", None):
        heard.append(word)
        progress(word)
    return heard


def forwarded(control: Mailbox, cancelled: Token, progress: Progress) -> list[str]:
    heard: list[str] = []

    def hear(word: str) -> None:
        heard.append(word)
        if word == "fail":
            raise ValueError("a handler that fails")
        if word == "stop":
            control_over.set()

    control_over = Token()
    control.forward(hear)
    progress("listening")
    control_over.wait(60)
    return heard


def die(number: int, progress: Progress) -> None:
    progress("dying")
    os.kill(os.getpid(), number)
    time.sleep(60)


def leave(code: int) -> None:
    os._exit(code)


def fault() -> None:
    ctypes.string_at(0)


def family(progress: Progress, apart: bool) -> None:
    """Start a process that holds our connection open, and be killed."""
    child = os.fork()
    if child == 0:
        if apart:
            os.setsid()
        time.sleep(60)
        os._exit(0)
    time.sleep(0.2)  # for setsid
    progress(child)
    os.kill(os.getpid(), signal.SIGKILL)


def refuse() -> None:
    raise UserError([Problem("unknown op", "did you mean relu?", Place(1, 2, 1, 5), "c1")])


def crash() -> None:
    raise ZeroDivisionError("first line\nsecond line")


def exit_() -> None:
    sys.exit(3)


def say(words: str) -> None:
    print(words)
    os.write(2, b"from the depths\n")


def variables(names: list[str]) -> dict[str, str | None]:
    return {name: os.environ.get(name) for name in names}


def unpicklable() -> Any:
    return lambda: None


def tensor_like() -> Any:
    return {"maps": [type("Tensor", (), {"__module__": "torch"})()]}


def _secret() -> Any:
    """Make an object of a module that only this process has."""
    hidden = sys.modules.setdefault("hidden", types.ModuleType("hidden"))
    hidden.Secret = type("Secret", (), {"__module__": "hidden"})
    return hidden.Secret()


def secret() -> Any:
    return _secret()


def secrets() -> Iterator[Any]:
    yield _secret()
    time.sleep(60)
