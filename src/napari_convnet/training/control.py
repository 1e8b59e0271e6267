"""Pause, resume and stop a training, from any thread."""

from __future__ import annotations

import threading


class Control:
    """Tells a training what to do before its next step.

    Examples
    --------
    >>> control = Control()
    >>> control.pause()
    >>> control.paused, control.stopping
    (True, False)
    >>> control.stop()
    >>> control.paused, control.stopping
    (False, True)
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._paused = False
        self._stopping = False

    @property
    def paused(self) -> bool:
        """Whether the training is to wait."""
        return self._paused

    @property
    def stopping(self) -> bool:
        """Whether the training is to end."""
        return self._stopping

    def pause(self) -> None:
        """Let the training wait after the step that it is at."""
        with self._changed:
            self._paused = not self._stopping

    def resume(self) -> None:
        """Let the training go on."""
        with self._changed:
            self._paused = False
            self._changed.notify_all()

    def stop(self) -> None:
        """End the training after the step that it is at, paused or not; there is no way back."""
        with self._changed:
            self._stopping, self._paused = True, False
            self._changed.notify_all()

    def wait(self) -> None:
        """Wait while the training is paused."""
        with self._changed:
            self._changed.wait_for(lambda: not self._paused)
