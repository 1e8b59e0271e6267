"""What becomes of workers whose window ends, each in a process of its own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .helpers import LONG, gone

HERE = Path(__file__).parent
posix = pytest.mark.skipif(sys.platform == "win32", reason="signals")


def window(script: str) -> subprocess.Popen:
    """Start a Python process that has made a worker named `worker`."""
    head = f"""
import sys, threading, time
from napari_convnet.engine import Job, Worker
worker = Worker(preload=(), paths=[{str(HERE)!r}])
started = threading.Event()
def run(name):
    job = Job(f"helper_jobs:{{name}}")
    ticket = worker.submit(job, on_progress=lambda _: started.set())
    assert started.wait({LONG})
    print(worker.pid, flush=True)
    return ticket
"""
    return subprocess.Popen(
        [sys.executable, "-c", head + script], stdout=subprocess.PIPE, text=True
    )


@posix
@pytest.mark.parametrize("name", ["patient", "stubborn", "endless", "blocked"])
def test_a_killed_window_leaves_no_worker(name):
    with window(f"run({name!r}); time.sleep(600)") as process:
        pid = int(process.stdout.readline())
        process.kill()
    assert gone(pid)


@pytest.mark.skipif(sys.platform != "linux", reason="needs SIGIO for the end of a pipe")
def test_not_even_one_whose_job_holds_the_interpreters_lock():
    with window("run('locked'); time.sleep(600)") as process:
        pid = int(process.stdout.readline())
        process.kill()
    assert gone(pid)


@posix
def test_a_killed_window_leaves_no_idle_worker():
    script = "print(worker.submit(Job('helper_jobs:process')).result(60), flush=True)"
    with window(f"{script}; time.sleep(600)") as process:
        pid = int(process.stdout.readline())
        process.kill()
    assert gone(pid)


@posix
def test_a_killed_window_leaves_no_worker_though_its_fork_lives():
    script = """
import os
run("stubborn")
child = os.fork()
if child == 0:
    time.sleep(600)
print(child, flush=True)
time.sleep(600)
"""
    with window(script) as process:
        pid, child = int(process.stdout.readline()), int(process.stdout.readline())
        try:
            process.kill()
            assert gone(pid)
        finally:
            os.kill(child, signal.SIGKILL)


@posix
def test_a_fork_of_the_window_that_exits_leaves_the_worker_alone():
    script = """
import os
ticket = run("patient")
fork = os.fork()
if fork == 0:
    sys.exit()
os.waitpid(fork, 0)
ticket.cancel()
print(worker.submit(Job("helper_jobs:process")).result(60))
"""
    with window(script) as process:
        assert process.stdout.readline() == process.stdout.readline()
        assert process.wait(LONG) == 0


@pytest.mark.parametrize("name", ["patient", "stubborn"])
def test_a_window_that_ends_without_closing_leaves_no_worker(name):
    with window(f"run({name!r})") as process:
        pid = int(process.stdout.readline())
        assert process.wait(LONG) == 0
    assert gone(pid)


def test_the_window_imports_no_torch():
    script = """
worker = Worker()
device = worker.submit(Job("napari_convnet.engine.jobs:describe_device", {"device": "cpu"}))
print(device.result(120).name)
print([name for name in sys.modules if name.partition(".")[0] in ("torch", "qtpy", "napari")])
worker.close()
"""
    with window(script) as process:
        assert process.stdout.readline().startswith("CPU (")
        assert process.stdout.readline() == "[]\n"
        assert process.wait(LONG) == 0
