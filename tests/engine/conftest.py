import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from napari_convnet.engine import Worker

from .helpers import LONG, gone


@pytest.fixture
def make_worker() -> Iterator[Callable[..., Worker]]:
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
def worker(make_worker: Callable[..., Worker]) -> Worker:
    return make_worker()
