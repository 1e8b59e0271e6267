"""Room 7, the process boundary.

Worker processes that run the library's own functions for a window: messages, progress,
cancellation, and a queue in which the latest request wins.

A window holds a `Worker` and submits jobs to it; what comes of them is told to callbacks. The
process dies with its window, and the window survives the process: a job of a process that died
fails with `WorkerDied`, and the next one gets a new process.

Examples
--------
>>> with Worker("eye", preload=()) as eye:
...     ticket = eye.submit(Job("napari_convnet.network:listed", {"words": ["a", "b"]}))
...     ticket.result(timeout=30)
'a or b'
"""

from .client import Worker
from .control import Cancelled, Mailbox, Token
from .messages import Crashed, Failure, Job, JobError, Refused, Stored, WorkerDied
from .ticket import Cancellation, Ticket

__all__ = [
    "Cancellation",
    "Cancelled",
    "Crashed",
    "Failure",
    "Job",
    "JobError",
    "Mailbox",
    "Refused",
    "Stored",
    "Ticket",
    "Token",
    "Worker",
    "WorkerDied",
]
