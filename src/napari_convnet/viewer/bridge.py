"""Between the window's thread and others: work that it hands away, and callbacks that it runs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject, Qt, QTimer, Signal

from napari_convnet.engine.control import Cancelled, Token


def later(milliseconds: int, function: Callable[[], Any]) -> QTimer:
    """Make a timer that calls a function so long after its last start."""
    timer = QTimer()
    timer.setSingleShot(True)
    timer.setInterval(milliseconds)
    timer.timeout.connect(function)
    return timer


class Errand:
    """Work in a thread that may be given up.

    Attributes
    ----------
    token : Token
        Whether it was.
    """

    def __init__(self) -> None:
        self.token = Token()

    def cancel(self) -> None:
        """Give it up; who waits is told when it has stopped."""
        self.token.set()

    def run(
        self,
        work: Callable[[Token], Any],
        ended: Callable[..., None],
        on_result: Callable[[Any], Any] | None,
        on_error: Callable[[Exception], Any],
    ) -> None:
        """Begin; `ended` gets the callback that is due, and its argument."""

        def run() -> None:
            try:
                found = work(self.token)
            except Cancelled:
                ended(None)
            except Exception as error:
                ended(on_error, error)
            else:
                ended(on_result, found)

        threading.Thread(target=run, name="napari-convnet aside", daemon=True).start()


class MainThread(QObject):
    """Runs functions on the thread that it was made on, which must be the window's.

    After `close` nothing that is still on its way runs any more.
    """

    _called = Signal(object, object)

    def __init__(self) -> None:
        super().__init__()
        self._open = True
        self._waiting = 0
        self._lock = threading.Lock()
        self._called.connect(self._run, Qt.ConnectionType.QueuedConnection)  # type: ignore[call-arg]

    def later(self, function: Callable[..., Any]) -> Callable[..., None]:
        """Make a function that may be called on any thread, and runs `function` on this one."""

        def call(*arguments: Any) -> None:
            try:
                if self._open:
                    self._count(1)
                    self._called.emit(function, arguments)
            except RuntimeError:
                # The window, and this object with it, has gone meanwhile.
                self._open = False

        return call

    def _run(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        try:
            if self._open:
                function(*arguments)
        finally:
            self._count(-1)

    def _count(self, change: int) -> None:
        with self._lock:
            self._waiting += change

    @property
    def waiting(self) -> int:
        """How many functions have still to run."""
        return self._waiting if self._open else 0

    def close(self) -> None:
        """Drop what is still on its way."""
        self._open = False
