"""Jobs: what they are given, what comes back, how they are cancelled and replaced."""

import os
import threading
import weakref

import numpy as np
import pytest

from napari_convnet.engine import Cancellation, Crashed, Job, JobError, Refused, Stored
from napari_convnet.network import Place, Problem, UserError

from .helpers import LONG, Watched, job, submit


class OnlyHere:
    pass


def test_a_round_trip(shared):
    value = {"a": [np.arange(6.0).reshape(2, 3), None], "b": (1, "two", np.zeros((0, 4), "u1"))}
    watched = submit(shared, "echo", value=value)
    result = watched.ticket.result(LONG)
    np.testing.assert_array_equal(result["a"][0], value["a"][0])
    assert result["b"][2].shape == (0, 4)
    assert watched.ticket.state == "done"
    assert watched.ends == [("result", result)]


def test_a_job_runs_in_another_process(shared):
    pid = shared.submit(job("process")).result(LONG)
    assert pid != os.getpid()
    assert pid == shared.pid


def test_a_large_array_there_and_back(shared):
    array = np.arange(12_500_000.0)  # 100 MB
    np.testing.assert_array_equal(shared.submit(job("echo", value=array)).result(LONG), array)


def test_a_job_names_its_function():
    assert Job.call(submit, name="x") == Job(f"{submit.__module__}:submit", {"name": "x"})
    assert Job("a.b:c").name == "c"
    with pytest.raises(ValueError, match="not at the top of a module"):
        Job.call(Watched.wait)


def test_jobs_run_in_order(shared):
    order = []
    tickets = [
        shared.submit(job("echo", value=n), on_result=lambda value: order.append(value))
        for n in range(20)
    ]
    assert all(ticket.wait(LONG) for ticket in tickets)
    assert order == list(range(20))


def test_progress_in_order_and_before_the_result(shared):
    watched = submit(shared, "report", n=200)
    assert watched.ticket.result(LONG) == "done"
    assert [value["step"] for value in watched.progress] == list(range(200))
    assert watched.progress[3]["loss"].tolist() == [3, 3]


def test_a_generator_streams_thousands_of_small_messages(shared):
    watched = submit(shared, "count", n=5000)
    assert watched.ticket.result(LONG) == 5000
    assert watched.progress == list(range(5000))


def test_a_job_waits_for_a_window_that_is_slow(shared):
    gate = threading.Event()
    seen = []

    def slow(value):
        gate.wait(LONG)
        seen.append(value)

    ticket = shared.submit(job("count", n=1000), on_progress=slow)
    gate.set()
    assert ticket.wait(LONG)
    assert seen == list(range(1000))


@pytest.mark.parametrize("name", ["patient", "raising", "endless", "blocked"])
def test_a_running_job_is_cancelled(worker, name):
    watched = submit(worker, name)
    watched.wait()
    assert watched.ticket.state == "running"
    pid = worker.pid
    watched.ticket.cancel()
    watched.ticket.cancel()
    assert watched.ticket.wait(LONG)
    assert watched.ends == [("cancelled", None)]
    assert watched.ticket.state == "cancelled"
    with pytest.raises(Cancellation, match=name):
        watched.ticket.result()
    assert worker.submit(job("process")).result(LONG) == pid, "it stopped by itself"
    worker.close()
    assert {"raising": "raised", "endless": "closed"}.get(name, "") in worker.log


def test_a_cancelled_job_reports_no_more(shared):
    watched = submit(shared, "endless")
    watched.wait(3)
    seen = threading.Event()
    shared.submit(job("echo"), on_result=lambda _: seen.set())
    watched.ticket.cancel()
    n = len(watched.progress)
    assert seen.wait(LONG)
    assert len(watched.progress) <= n + 1  # one may have been on its way out


def test_a_waiting_job_is_cancelled_at_once(shared):
    first = submit(shared, "patient")
    second = submit(shared, "echo")
    first.wait()
    second.ticket.cancel()
    assert second.ticket.wait(LONG)
    assert second.ends == [("cancelled", None)]
    assert first.ticket.state == "running"
    first.ticket.cancel()


def test_cancelling_what_has_ended_does_nothing(shared):
    watched = submit(shared, "echo", value=1)
    assert watched.ticket.result(LONG) == 1
    watched.ticket.cancel()
    assert watched.ticket.state == "done"
    assert len(watched.ends) == 1


def test_the_latest_request_wins(shared):
    running = submit(shared, "patient", key="preview")
    other = submit(shared, "echo", value="other", key="probe")
    running.wait()
    stale = [submit(shared, "echo", value=n, key="preview") for n in range(10)]
    latest = submit(shared, "echo", value="latest", key="preview")
    assert latest.ticket.result(LONG) == "latest"
    assert other.ticket.result(LONG) == "other"
    assert running.ends == [("cancelled", None)]
    assert all(old.ends == [("cancelled", None)] for old in stale)


def test_a_request_may_let_the_running_one_finish(shared):
    running = submit(shared, "talk", key="slice")
    running.wait()
    stale = submit(shared, "echo", value=1, key="slice", interrupt=False)
    latest = submit(shared, "echo", value=2, key="slice", interrupt=False)
    assert stale.ticket.wait(LONG)
    assert stale.ends == [("cancelled", None)]
    running.ticket.tell("stop")
    assert running.ticket.result(LONG) == []
    assert latest.ticket.result(LONG) == 2


def test_a_running_job_is_spoken_to(shared):
    watched = submit(shared, "talk")
    watched.ticket.tell("before it runs")
    watched.wait(2)
    watched.ticket.tell("pause")
    watched.ticket.tell("resume")
    watched.ticket.tell("stop")
    assert watched.ticket.result(LONG) == ["before it runs", "pause", "resume"]


def test_messages_are_forwarded_to_a_job_that_does_not_read(worker):
    watched = submit(worker, "forwarded")
    watched.wait()
    for word in ("pause", "fail", "stop"):
        watched.ticket.tell(word)
    assert watched.ticket.result(LONG) == ["pause", "fail", "stop"]
    worker.close()
    assert "a handler that fails" in worker.log


def test_a_users_mistake_comes_back_with_its_problems(shared):
    watched = submit(shared, "refuse")
    with pytest.raises(UserError, match="line 1, column 2, layer c1: unknown op"):
        watched.ticket.result(LONG)
    ((kind, failure),) = watched.ends
    assert kind == "error"
    assert failure == Refused(
        (Problem("unknown op", "did you mean relu?", Place(1, 2, 1, 5), "c1"),)
    )
    assert "did you mean relu?" in str(failure)


def test_another_error_comes_back_with_its_traceback(shared):
    watched = submit(shared, "crash")
    with pytest.raises(JobError, match=r"^ZeroDivisionError: first line$"):
        watched.ticket.result(LONG)
    ((_, failure),) = watched.ends
    assert isinstance(failure, Crashed)
    assert "in crash" in failure.traceback
    assert "second line" in failure.traceback


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (job("no_such_function"), "no attribute 'no_such_function'"),
        (Job("no_such_module:f"), "No module named 'no_such_module'"),
        (job("echo", wrong=1), "unexpected keyword argument 'wrong'"),
        (job("exit_"), "SystemExit: 3"),
        (job("unpicklable"), "what unpicklable returned cannot travel to the window"),
        (job("tensor_like"), "send a numpy array"),
        (job("secret"), "what the job sent could not be read: ModuleNotFoundError"),
        (job("secrets"), "what the job sent could not be read: ModuleNotFoundError"),
        (job("echo", value=lambda: 0), "echo cannot be sent to the worker"),
        (job("echo", value=Stored("x")), "nothing is stored under the key 'x'"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_every_other_failure_says_what_is_wrong_and_the_worker_goes_on(shared, wanted, message):
    pid = shared.submit(job("process")).result(LONG)
    with pytest.raises(JobError) as caught:
        shared.submit(wanted).result(LONG)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    again = shared.submit(job("process")).result(LONG)
    assert (again == pid) == (wanted.name != "secrets"), "which has to be killed: it sleeps"


def test_what_the_window_cannot_unpickle_in_the_worker(shared):
    # A class of a module that the worker cannot import.
    ticket = shared.submit(job("echo", value=OnlyHere))
    with pytest.raises(JobError, match="could not be read in the worker"):
        ticket.result(LONG)


def test_a_stored_value_is_sent_once(shared):
    shared.put("layer", np.arange(1_000_000.0))
    jobs = [job("address", array=Stored("layer")) for _ in range(3)]
    places = {shared.submit(wanted).result(LONG) for wanted in jobs}
    assert len(places) == 1
    assert shared.submit(job("total", array=Stored("layer"))).result(LONG) == 499999500000


def test_a_stored_value_is_replaced_and_forgotten(shared):
    total = job("total", array=Stored(("layer", 1)))
    shared.put(("layer", 1), np.ones(10))
    assert shared.submit(total).result(LONG) == 10
    shared.put(("layer", 1), np.ones(20))
    assert shared.submit(total).result(LONG) == 20
    shared.forget(("layer", 1))
    shared.forget("never stored")
    with pytest.raises(JobError, match="nothing is stored under the key"):
        shared.submit(total).result(LONG)
    shared.put(("layer", 1), np.ones(30))
    assert shared.submit(total).result(LONG) == 30


def test_callbacks_that_raise_are_harmless(shared, caplog):
    def fail(*args):
        raise SystemExit("a callback that fails")

    ticket = shared.submit(job("count", n=3), on_progress=fail, on_result=fail)
    assert ticket.wait(LONG)
    assert ticket.state == "done"
    assert shared.submit(job("echo", value=1)).result(LONG) == 1
    assert caplog.text.count("A callback of the engine failed") == 4


def test_a_callback_submits_but_does_not_wait(shared):
    seen = []
    done = threading.Event()

    def again(value):
        ticket = shared.submit(job("echo", value=2), on_result=lambda _: done.set())
        try:
            ticket.result(LONG)
        except RuntimeError as error:
            seen.append(str(error))

    shared.submit(job("echo", value=1), on_result=again)
    assert done.wait(LONG)
    assert seen == ["a callback of the engine cannot wait for another one"]


def test_what_a_job_prints_is_in_the_log(worker):
    worker.submit(job("say", words="hello, grüße")).result(LONG)
    worker.close()
    assert "hello, grüße" in worker.log
    assert "from the depths" in worker.log


def test_the_environment_of_a_worker(make_worker, monkeypatch):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    names = ["OMP_WAIT_POLICY", "OMP_NUM_THREADS", "NAPARI_CONVNET_WORKER", "MINE"]
    trainer = make_worker(kind="trainer", threads=3, environment={"MINE": "yes"})
    found = trainer.submit(job("variables", names=names)).result(LONG)
    assert found == dict(zip(names, ["PASSIVE", "3", "trainer", "yes"], strict=True))


def test_what_was_sent_is_not_kept(shared):
    array = np.ones(1_000_000)
    there = weakref.ref(array)
    ticket = shared.submit(job("total", array=array))
    del array
    assert ticket.result(LONG) == 1_000_000
    assert there() is None, "not even by the ticket"


def test_waiting_for_a_result_is_bounded(shared):
    watched = submit(shared, "patient")
    assert not watched.ticket.wait(0.01)
    with pytest.raises(TimeoutError, match="patient has not ended after 0"):
        watched.ticket.result(0.01)
    watched.ticket.cancel()
