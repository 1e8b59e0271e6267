import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from napari_convnet.engine import Worker

from .helpers import LONG, gone


@contextmanager
def nothing_left() -> Iterator[Callable[..., Worker]]:
    """Make workers that know the test jobs; see that nothing of them is left afterwards."""
    before = set(threading.enumerate())
    workers: list[Worker] = []

    def make(**options: Any) -> Worker:
        options = {"preload": (), "paths": [str(Path(__file__).parent)]} | options
        workers.append(Worker(**options))
        return workers[-1]

    yield make
    pids = [worker.pid for worker in workers]
    for worker in workers:
        worker.close()
    for pid in pids:
        assert pid is None or gone(pid)
    for thread in set(threading.enumerate()) - before:
        thread.join(LONG)
        assert not thread.is_alive(), thread


@pytest.fixture
def make_worker() -> Iterator[Callable[..., Worker]]:
    """Make workers of the test's own."""
    with nothing_left() as make:
        yield make


@pytest.fixture
def worker(make_worker: Callable[..., Worker]) -> Worker:
    """One of the test's own."""
    return make_worker()


@pytest.fixture(scope="module")
def shared() -> Iterator[Worker]:
    """One for all tests that leave it as it was: starting one takes half a second."""
    with nothing_left() as make:
        yield make(grace=0.5)
