"""The window's side of a worker: submit jobs, be called back, close."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Hashable, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal

from .dispatch import Dispatcher
from .messages import Failure, Job, WorkerDied
from .process import Spawn
from .ticket import Ticket

Kind = Literal["eye", "trainer"]


class Worker:
    """A process that runs jobs one at a time, and is started again when it dies.

    Nothing but `close` and a ticket's `wait` and `result` ever waits. Callbacks are called in
    order, on a thread of the worker's own; an exception in one is logged and harmless. A worker
    that nobody refers to any more, nor waits for, is closed, and so are all at exit.

    Parameters
    ----------
    kind : {"eye", "trainer"}
        What it is for: maps, probes and predictions, or one training run. They differ in name
        only (and in the variable ``NAPARI_CONVNET_WORKER`` of their environment).
    on_death : callable, optional
        Called with `WorkerDied` when the process ends without being told to. The running job
        has failed then with the same; the queue goes on with a new process.
    grace : float
        Seconds that a cancelled job has to stop before its process is killed.
    preload : sequence of str
        Modules to import before the first job, so that their import is not taken for a job that
        does not stop.
    threads : int, optional
        Number of computing threads; by default torch's own choice, bounded by what the container
        grants.
    paths : sequence of str
        Further folders from which jobs can be imported.
    environment : mapping, optional
        Further environment variables, such as ``CUDA_VISIBLE_DEVICES``.
    command : sequence of str, optional
        How to start the process, instead of this Python with the engine's worker module.

    Examples
    --------
    >>> from napari_convnet.engine import Job, Worker
    >>> job = Job("napari_convnet.network:listed", {"words": ["relu", "conv"]})
    >>> with Worker("eye", preload=()) as eye:
    ...     ticket = eye.submit(job, on_result=print)
    ...     ticket.wait(timeout=30)
    relu or conv
    True
    """

    def __init__(
        self,
        kind: Kind = "eye",
        *,
        on_death: Callable[[WorkerDied], Any] | None = None,
        grace: float = 2.0,
        preload: Sequence[str] = ("torch",),
        threads: int | None = None,
        paths: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        command: Sequence[str] | None = None,
    ) -> None:
        self.kind: Kind = kind
        self.on_death = on_death
        variables: dict[str, str] = {"NAPARI_CONVNET_WORKER": kind}
        if threads is not None:
            variables["OMP_NUM_THREADS"] = str(threads)
        spawn = Spawn(
            name=f"napari-convnet {kind}",
            command=tuple(command or (sys.executable, "-m", "napari_convnet.engine.worker")),
            environment=variables | dict(environment or {}),
            paths=tuple(paths),
            preload=tuple(preload),
        )
        # The threads know the dispatcher only, which must not keep its worker from being let go.
        me = weakref.ref(self)

        def died(death: WorkerDied) -> None:
            worker = me()
            if worker is not None and worker.on_death is not None:
                worker.on_death(death)

        self._dispatcher = Dispatcher(spawn, grace, died)
        # Called at exit too.
        self._finalizer = weakref.finalize(self, self._dispatcher.abandon)

    def start(self) -> None:
        """Start the process in the background, if there is none; the first job would do it too."""
        self._dispatcher.start()

    def submit(
        self,
        job: Job,
        *,
        key: Hashable = None,
        interrupt: bool = True,
        on_result: Callable[[Any], Any] | None = None,
        on_progress: Callable[[Any], Any] | None = None,
        on_error: Callable[[Failure], Any] | None = None,
        on_cancelled: Callable[[], Any] | None = None,
    ) -> Ticket:
        """Queue a job.

        Parameters
        ----------
        job : Job
            The function and its arguments.
        key : hashable, optional
            What the job is about, such as ``("preview", "c1")``: it replaces a waiting job with
            the same key, and cancels a running one.
        interrupt : bool
            Whether a running job with the same key is cancelled. False lets it finish, for a
            picture now and then while requests come faster than results.
        on_result : callable, optional
            Called with what the function returned.
        on_progress : callable, optional
            Called with each value that the function reported or yielded.
        on_error : callable, optional
            Called with `Refused` (a user's mistake), `Crashed` or `WorkerDied`.
        on_cancelled : callable, optional
            Called without arguments when the job has been replaced or cancelled.

        Returns
        -------
        Ticket
            To cancel the job, speak to it, or wait for it.

        Raises
        ------
        RuntimeError
            If the worker is closed.
        """
        ticket = Ticket(
            self._dispatcher, job, key, on_result, on_progress, on_error, on_cancelled, keep=self
        )
        self._dispatcher.submit(ticket, interrupt)
        return ticket

    def put(self, key: Hashable, value: Any) -> None:
        """Keep a value, such as the array of an unsaved layer, for jobs that name it by `Stored`.

        It is sent once, with the first job that names it, and again to a process started anew.
        A later value under the same key replaces it.
        """
        self._dispatcher.put(key, value)

    def forget(self, key: Hashable) -> None:
        """Let go of a value, here and in the process; jobs that start later cannot name it."""
        self._dispatcher.forget(key)

    def kill(self) -> None:
        """End the process at once, freeing the memory it holds on the GPU.

        The running job is cancelled; the queue, if there is one, and later jobs get a new process.
        """
        self._dispatcher.kill()

    def close(self, timeout: float = 2.0) -> None:
        """End the process and the threads, in at most `timeout` seconds.

        Jobs that wait are cancelled; the running one is asked to stop, and killed if it does not
        in time. May be called again, and from a callback.
        """
        self._finalizer.detach()
        self._dispatcher.close(timeout)

    @property
    def alive(self) -> bool:
        """Whether there is a process, or one is being started."""
        return self._dispatcher.child is not None

    @property
    def ready(self) -> bool:
        """Whether the process takes jobs."""
        child = self._dispatcher.child
        return child is not None and child.ready

    @property
    def busy(self) -> bool:
        """Whether a job runs or waits."""
        return self._dispatcher.busy

    @property
    def closed(self) -> bool:
        """Whether the worker is closed."""
        return self._dispatcher.closed

    @property
    def pid(self) -> int | None:
        """Number of the process; None if there is none."""
        child = self._dispatcher.child
        return None if child is None else child.pid

    @property
    def log(self) -> str:
        """The last of what the processes wrote to their standard output and error."""
        return str(self._dispatcher.log)

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self.closed else "ready" if self.ready else "alive" * self.alive
        return f"<Worker {self.kind}: {state or 'not started'}>"
