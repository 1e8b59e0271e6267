"""What the window and its workers say to each other: small, typed, frozen.

To the worker go `Run`, `Cancel`, `Tell`, `Put`, `Forget` and `Stop`; from it come `Ready`,
`Started`, `Progress`, `Result`, `Stopped` and `Failed`. Callers meet only `Job`, `Stored` and the
three kinds of failure: `Refused`, `Crashed` and `WorkerDied`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..network import Problem, UserError


@dataclass(frozen=True)
class Stored:
    """Stands in a job's arguments, at any depth, for the value that `Worker.put` has sent.

    Parameters
    ----------
    key : hashable
        The key given to `Worker.put`.
    """

    key: Hashable


@dataclass(frozen=True)
class Job:
    """A function of the library to call in a worker, and what to call it with.

    Parameters
    ----------
    function : str
        ``"package.module:function"``.
    arguments : mapping
        Keyword arguments. Arrays in them, at any depth, travel without a copy, so they must not
        be written to before the job has started; what has to be sent only once is named by
        `Stored`.

    Examples
    --------
    >>> Job("napari_convnet.engine.jobs:describe_device", {"device": "cpu"}).name
    'describe_device'
    """

    function: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def call(cls, function: Callable[..., Any], /, **arguments: Any) -> Job:
        """Name a function by itself; it must stand at the top of a module.

        Examples
        --------
        >>> from napari_convnet.engine.jobs import describe_device
        >>> Job.call(describe_device, device="cpu").function
        'napari_convnet.engine.jobs:describe_device'
        """
        if not function.__qualname__.isidentifier():
            raise ValueError(f"{function.__qualname__} is not at the top of a module")
        return cls(f"{function.__module__}:{function.__qualname__}", arguments)

    @property
    def name(self) -> str:
        """The function's own name."""
        return self.function.rpartition(":")[2]


class JobError(Exception):
    """What `Ticket.result` raises for a job that crashed, or whose worker died.

    Parameters
    ----------
    failure : Crashed or WorkerDied
        What happened; its one-line message is the text of the exception.
    """

    def __init__(self, failure: Crashed | WorkerDied) -> None:
        super().__init__(failure)
        self.failure = failure


@dataclass(frozen=True)
class Refused:
    """The job answered with a user's mistake; ``str()`` gives the lines for the screen.

    Parameters
    ----------
    problems : tuple of Problem
        What is wrong, as in `UserError`.
    """

    problems: tuple[Problem, ...]

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))

    def exception(self) -> UserError:
        """Return the failure as the exception that the job raised."""
        return UserError(self.problems)


@dataclass(frozen=True)
class Crashed:
    """The job failed with an error of ours.

    Parameters
    ----------
    message : str
        One line for the screen.
    traceback : str
        The whole story, for the log; may be empty.
    """

    message: str
    traceback: str = ""

    def __str__(self) -> str:
        return self.message

    def exception(self) -> JobError:
        """Return the failure as an exception."""
        return JobError(self)


@dataclass(frozen=True)
class WorkerDied:
    """The worker process ended without being told to, or could not start.

    Parameters
    ----------
    reason : str
        One line for the screen.
    exitcode : int or None
        As `subprocess.Popen.returncode` has it: negative for a signal; None if there was no
        process to begin with.
    log : str
        The last lines that the worker wrote to its standard output and error.
    """

    reason: str
    exitcode: int | None = None
    log: str = ""

    def __str__(self) -> str:
        return self.reason

    def exception(self) -> JobError:
        """Return the failure as an exception."""
        return JobError(self)


Failure = Refused | Crashed | WorkerDied


@dataclass(frozen=True)
class Run:
    """Run a job; everything said about it later names its ticket."""

    ticket: int
    job: Job


@dataclass(frozen=True)
class Cancel:
    """Nobody wants this job's result any more."""

    ticket: int


@dataclass(frozen=True)
class Tell:
    """A message for a job's mailbox, such as "pause"."""

    ticket: int
    message: Any


@dataclass(frozen=True)
class Put:
    """Keep a value under a key, for jobs that name it by `Stored`."""

    key: Hashable
    value: Any


@dataclass(frozen=True)
class Forget:
    """Let go of the value under a key."""

    key: Hashable


@dataclass(frozen=True)
class Stop:
    """Cancel everything and exit."""


@dataclass(frozen=True)
class Ready:
    """The worker has imported what it needs and waits for jobs."""

    pid: int


@dataclass(frozen=True)
class Started:
    """The job's function is about to be called."""

    ticket: int


@dataclass(frozen=True)
class Progress:
    """A value that the job reported or yielded."""

    ticket: int
    value: Any


@dataclass(frozen=True)
class Result:
    """The job returned."""

    ticket: int
    value: Any


@dataclass(frozen=True)
class Stopped:
    """The job ended because it was cancelled."""

    ticket: int


@dataclass(frozen=True)
class Failed:
    """The job raised."""

    ticket: int
    failure: Refused | Crashed


@dataclass(frozen=True)
class Unreadable:
    """Stands for a message that arrived whole but could not be unpickled.

    Never sent: `wire.receive` returns it, so that the connection stays in step.
    """

    ticket: int
    error: str
    progress: bool  # it was, so that its job goes on
