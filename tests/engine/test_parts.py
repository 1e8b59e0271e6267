"""The small parts, each by itself."""

import threading

import pytest

from napari_convnet.engine import Cancelled, Mailbox, Token
from napari_convnet.engine.callbacks import BACKLOG, Callbacks
from napari_convnet.engine.clock import Clock
from napari_convnet.engine.process import LogTail, Spawn, allowed_threads, describe_exit

from .helpers import LONG


def test_a_token():
    token = Token()
    called = []
    token.then(lambda: called.append("before"))
    token.check()
    assert not token.wait(0)
    token.set()
    token.set()
    token.then(lambda: called.append("after"))
    assert token()
    assert token.wait(0)
    assert called == ["before", "after"]
    with pytest.raises(Cancelled):
        token.check()


def test_a_mailbox():
    mailbox = Mailbox()
    assert mailbox.get() is None
    assert mailbox.get(timeout=0.01) is None
    for word in "abc":
        mailbox.put(word)
    assert mailbox.get(timeout=1) == "a"
    heard = []
    mailbox.forward(heard.append)
    mailbox.put("d")
    assert heard == ["b", "c", "d"]


def test_callbacks_are_called_in_order_and_in_turn():
    callbacks = Callbacks("test")
    seen = []
    for n in range(3 * BACKLOG):
        callbacks.post_in_turn(seen.append, n)
    callbacks.post(seen.append, "last")
    callbacks.stop()
    callbacks.join(LONG)
    assert seen == [*range(3 * BACKLOG), "last"]


def test_a_clock_calls_the_earliest_first():
    clock = Clock("test")
    seen = []
    done = threading.Event()
    clock.call(done.set, 0.05)
    clock.call(lambda: seen.append("later"), 0.03)
    clock.call(lambda: seen.append("soon"))
    clock.call(lambda: seen.append("never"), LONG)
    assert done.wait(LONG)
    clock.stop()
    assert seen == ["soon", "later"]


def test_the_log_keeps_the_end():
    log = LogTail(limit=10)
    assert log.last_line() == ""
    for n in range(100):
        log.add(f"line {n}\n\n")
    assert str(log) == "8\n\nline 99\n\n"[-10:]
    assert log.last_line() == "line 99"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (None, "does not answer any more"),
        (-9, "too little memory"),
        (-11, "crashed (segmentation fault, signal 11)"),
        (-5, "crashed (signal 5)"),
        (-2, "was ended from outside (signal 2)"),
        (0xC0000005, "crashed (access violation)"),
        (0xC0000409, "crashed (code 0xC0000409)"),
        (1, "ended unexpectedly (exit code 1)"),
    ],
)
def test_how_a_process_ended(code, words):
    assert words in describe_exit(code)


@pytest.mark.parametrize(
    ("limits", "threads"),
    [("50000 100000", 1), ("max 100000", None), ("100000000 100000", None), ("nonsense", None)],
)
def test_a_containers_quota_bounds_the_threads(tmp_path, monkeypatch, limits, threads):
    monkeypatch.setattr("os.cpu_count", lambda: 64)
    path = tmp_path / "cpu.max"
    path.write_text(limits)
    assert allowed_threads(str(path)) == threads
    assert allowed_threads(str(tmp_path / "none")) is None


def test_the_users_own_variables_win(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    found = Spawn("test", environment={"MINE": "1"}).variables()
    assert found["OMP_NUM_THREADS"] == "5"
    assert found["OMP_WAIT_POLICY"] == "ACTIVE"
    assert found["MINE"] == "1"
    assert found["PYTHONSAFEPATH"] == "1"
