"""How a worker process starts, dies, is started again, and ends."""

import gc
import os
import signal
import sys
import threading
import weakref

import numpy as np
import psutil
import pytest

from napari_convnet.engine import Job, JobError, Stored, Worker, WorkerDied

from .helpers import LONG, gone, job, submit

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals")
PYTHON = sys.executable


class Deaths:
    """Writes down the deaths of a worker."""

    def __init__(self):
        self.seen = []
        self.one = threading.Event()

    def __call__(self, death):
        self.seen.append(death)
        self.one.set()


@pytest.fixture
def deaths():
    return Deaths()


def test_start_is_in_the_background(make_worker):
    worker = make_worker(command=[PYTHON, "-c", "input(); import time; time.sleep(600)"])
    assert not worker.alive
    worker.start()
    worker.start()
    assert worker.alive
    assert not worker.ready
    ticket = worker.submit(job("echo"))
    assert ticket.state == "waiting"
    assert repr(worker) == "<Worker eye: alive>"
    worker.close()
    assert ticket.state == "cancelled"
    assert not worker.alive
    assert repr(worker) == "<Worker eye: closed>"


@posix
def test_submitting_never_waits_for_the_worker(make_worker):
    worker = make_worker(grace=LONG)
    pid = worker.submit(job("process")).result(LONG)
    os.kill(pid, signal.SIGSTOP)  # nothing can be sent now
    array = np.ones(50_000_000, np.float32)
    tickets = [worker.submit(job("total", array=array)) for _ in range(5)]
    worker.put("layer", array)
    tickets.append(worker.submit(job("total", array=Stored("layer"))))
    tickets[1].cancel()
    os.kill(pid, signal.SIGCONT)
    assert [ticket.wait(LONG) for ticket in tickets] == [True] * 6
    states = ["done", "cancelled", "done", "done", "done", "done"]
    assert [ticket.state for ticket in tickets] == states


@posix
def test_a_worker_killed_in_a_job_is_noticed_and_replaced_with_nothing_lost(make_worker, deaths):
    worker = make_worker(on_death=deaths)
    worker.put("layer", np.ones(100_000))
    running = submit(worker, "patient", key="a")
    waiting = worker.submit(job("total", array=Stored("layer")), key="b")
    running.wait()
    first = worker.pid
    os.kill(first, signal.SIGKILL)
    reason = "the worker process was killed (signal 9), often the sign of too little memory"
    with pytest.raises(JobError) as caught:
        running.ticket.result(LONG)
    assert str(caught.value) == reason
    ((kind, death),) = running.ends
    assert kind == "error"
    assert isinstance(death, WorkerDied)
    assert death.exitcode == -9
    assert waiting.result(LONG) == 100_000, "the queue survives, and what was stored too"
    assert worker.pid != first
    assert deaths.one.wait(LONG)
    assert [str(death) for death in deaths.seen] == [reason]


@posix
def test_a_worker_killed_while_idle_is_replaced_with_the_next_request(make_worker, deaths):
    worker = make_worker(on_death=deaths)
    for n in range(3):
        first = worker.submit(job("process")).result(LONG)
        os.kill(first, signal.SIGKILL)  # the request below may come before this is noticed
        assert worker.submit(job("process")).result(LONG) != first
        assert deaths.one.wait(LONG)
        deaths.one.clear()
        assert len(deaths.seen) == n + 1


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        pytest.param(job("fault"), "crashed (segmentation fault, signal 11)", marks=posix),
        pytest.param(job("die", number=6), "crashed (aborted, signal 6)", marks=posix),
        pytest.param(job("die", number=15), "was ended from outside (signal 15)", marks=posix),
        (job("leave", code=3), "ended unexpectedly (exit code 3)"),
        (job("leave", code=0), "ended unexpectedly (exit code 0)"),
    ],
    ids=["fault", "abort", "terminate", "exit", "leave"],
)
def test_every_death_has_its_reason(worker, wanted, reason):
    with pytest.raises(JobError) as caught:
        worker.submit(wanted).result(LONG)
    assert str(caught.value) == f"the worker process {reason}"
    if wanted.name == "fault":
        assert "in fault" in caught.value.failure.log, "where it happened is in the log"
    assert worker.submit(job("echo", value=1)).result(LONG) == 1


@posix
@pytest.mark.parametrize("apart", [False, True], ids=["in its session", "in one of its own"])
def test_a_death_is_noticed_though_a_child_of_the_worker_lives(worker, apart):
    watched = submit(worker, "family", apart=apart)
    with pytest.raises(JobError, match="was killed"):
        watched.ticket.result(LONG)
    (child,) = watched.progress
    if apart:
        os.kill(child, signal.SIGKILL)
    assert gone(child)
    assert worker.submit(job("echo", value=1)).result(LONG) == 1


@pytest.mark.parametrize("name", ["stubborn", "locked"])
def test_a_job_that_does_not_stop_is_killed_and_the_queue_survives(make_worker, deaths, name):
    worker = make_worker(grace=0.2, on_death=deaths)
    worker.put("layer", np.ones(10))
    running = submit(worker, name, key="preview")
    other = worker.submit(job("total", array=Stored("layer")))
    running.wait()
    first = worker.pid
    latest = worker.submit(job("process"), key="preview")
    assert running.ticket.wait(LONG)
    assert running.ends == [("cancelled", None)]
    assert other.result(LONG) == 10
    assert latest.result(LONG) != first
    assert deaths.seen == [], "it was our doing"
    assert f"{name} did not stop" in worker.log
    assert gone(first)


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ([PYTHON, "-m", "no_such_module"], "No module named no_such_module"),
        ([PYTHON, "-c", "raise SystemExit('no torch here')"], "no torch here"),
        ([PYTHON, "-c", ""], "ended unexpectedly (exit code 0)"),
        (["no-such-program"], "no-such-program"),
    ],
    ids=["module", "exit", "silence", "program"],
)
def test_a_worker_that_cannot_start_says_why(make_worker, deaths, command, reason):
    worker = make_worker(command=command, on_death=deaths)
    both = [submit(worker, "echo") for _ in range(2)]
    for watched in both:
        assert watched.ticket.wait(LONG)
        ((kind, failure),) = watched.ends
        assert kind == "error"
        assert str(failure).startswith("the worker process could not start: ")
        assert reason in str(failure)
    assert deaths.one.wait(LONG)
    assert all(death.reason == str(failure) for death in deaths.seen)
    assert not worker.alive, "it does not try for ever"
    with pytest.raises(JobError, match="could not start"):
        worker.submit(job("echo")).result(LONG)


@posix
def test_a_worker_killed_while_it_starts_says_so(make_worker):
    command = [PYTHON, "-c", "import os; os.kill(os.getpid(), 11)"]
    worker = make_worker(command=command)
    with pytest.raises(JobError, match=r"could not start: crashed \(segmentation fault"):
        worker.submit(job("echo")).result(LONG)


def test_what_cannot_be_preloaded_is_in_the_log(make_worker):
    worker = make_worker(preload=["no_such_module", "wave"])
    assert worker.submit(job("echo", value=1)).result(LONG) == 1
    worker.close()
    assert "No module named 'no_such_module'" in worker.log


def test_close_while_starting(make_worker):
    for _ in range(3):
        worker = make_worker()
        watched = submit(worker, "echo")
        worker.close()
        assert watched.ticket.state in ("cancelled", "done")
        assert not worker.alive


def test_close_in_the_middle_of_a_job_lets_it_end_well(worker):
    watched = submit(worker, "raising")
    waiting = submit(worker, "echo")
    watched.wait()
    pid = worker.pid
    worker.close(LONG)
    assert watched.ends == waiting.ends == [("cancelled", None)]
    assert "raised" in worker.log
    assert gone(pid)


@pytest.mark.parametrize("name", ["stubborn", "locked"])
def test_close_does_not_wait_for_a_job_that_does_not_stop(make_worker, name):
    worker = make_worker(grace=LONG)
    watched = submit(worker, name)
    watched.wait()
    pid = worker.pid
    worker.close(timeout=0.6)
    assert gone(pid)
    assert watched.ticket.wait(LONG)
    assert watched.ticket.state == "cancelled"


def test_close_again_and_before_the_start(make_worker):
    worker = make_worker()
    worker.close()
    worker.close()
    assert worker.closed
    with pytest.raises(RuntimeError, match="closed"):
        worker.submit(job("echo"))
    with pytest.raises(RuntimeError, match="closed"):
        worker.start()


def test_close_from_a_callback(worker):
    closed = threading.Event()

    def close(_):
        worker.close()
        closed.set()

    worker.submit(job("echo"), on_result=close)
    assert closed.wait(LONG)
    assert worker.closed


def test_kill_frees_the_process_and_the_next_job_gets_a_new_one(make_worker, deaths):
    worker = make_worker(on_death=deaths)
    worker.kill()
    watched = submit(worker, "locked")
    watched.wait()
    first = worker.pid
    worker.kill()
    assert watched.ticket.wait(LONG)
    assert watched.ends == [("cancelled", None)]
    assert gone(first)
    assert worker.submit(job("process")).result(LONG) != first
    assert deaths.seen == []


def test_a_worker_that_nobody_holds_is_closed():
    class Session:
        def __init__(self):
            self.worker = Worker(on_death=self.died, preload=())

        def died(self, death):
            raise AssertionError(death)

    session = Session()
    session.worker.submit(Job("os:getpid")).result(LONG)
    pid = session.worker.pid
    there = weakref.ref(session.worker)
    del session
    gc.collect()
    assert there() is None
    assert gone(pid)


def test_a_worker_lives_until_the_jobs_of_its_tickets_are_done():
    ticket = Worker(preload=()).submit(Job("os:getpid"))
    gc.collect()
    pid = ticket.result(LONG)
    gc.collect()
    assert gone(pid)


def test_two_workers_at_once(make_worker):
    eye, trainer = make_worker(kind="eye"), make_worker(kind="trainer")
    training = submit(trainer, "patient")
    training.wait()
    assert eye.submit(job("process")).result(LONG) == eye.pid != trainer.pid
    training.ticket.cancel()
    assert training.ticket.wait(LONG)


def test_nothing_is_left_in_the_file_system(worker):
    worker.submit(job("echo")).result(LONG)
    process = psutil.Process(worker.pid)
    sockets = [part for part in process.cmdline() if "/" in part and part != PYTHON]
    assert sockets == [], "neither address nor key are seen by others"
