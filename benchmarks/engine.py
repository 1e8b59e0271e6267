"""How long a job and an array take to a worker and back, against the standard library.

The peer is `concurrent.futures.ProcessPoolExecutor` with one process started by "spawn", which
pickles arrays into its messages; both run in the same script, turn and turn about, and the best of
each is compared. Also measured: what a window feels, as the longest time that `submit` takes and
the longest pause of a thread that only looks at the clock, while large arrays come and go.

Run: python benchmarks/engine.py
"""

from __future__ import annotations

import argparse
import multiprocessing
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from napari_convnet.engine import Job, Stored, Worker


def echo(value: Any = None) -> Any:
    return value


def total(array: np.ndarray) -> float:
    return float(array[0])


def make(size: int) -> np.ndarray:
    return np.zeros(size, np.uint8)


def seconds(function: Callable[[], Any], repeat: int) -> float:
    start = time.perf_counter()
    for _ in range(repeat):
        function()
    return (time.perf_counter() - start) / repeat


def race(ours: Callable[[], Any], theirs: Callable[[], Any], repeat: int) -> tuple[float, float]:
    """Best seconds of each, taken in turns."""
    rounds = [(seconds(ours, repeat), seconds(theirs, repeat)) for _ in range(5)]
    return min(a for a, _ in rounds), min(b for _, b in rounds)


class Pulse:
    """Looks at the clock every millisecond, as a window's event loop would like to."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat)

    def _beat(self) -> None:
        last = time.perf_counter()
        while not self._over.wait(0.001):
            now = time.perf_counter()
            self.longest = max(self.longest, now - last)
            last = now

    def __enter__(self) -> Pulse:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def line(what: str, ours: float, theirs: float) -> None:
    ratio = theirs / ours
    print(f"{what:36} {1e3 * ours:9.3f} ms {1e3 * theirs:9.3f} ms   {ratio:5.2f}x as fast")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=100)
    size = parser.parse_args().megabytes * 1_000_000
    array = np.ones(size, np.uint8)

    def job(function: Callable[..., Any], **arguments: Any) -> Job:
        return Job(f"engine:{function.__name__}", arguments)

    folder = str(Path(__file__).parent)
    context = multiprocessing.get_context("spawn")
    with Worker(preload=(), paths=[folder]) as worker, ProcessPoolExecutor(1, context) as pool:

        def call(wanted: Job) -> Any:
            return worker.submit(wanted).result()

        def there(function: Callable[..., Any], *arguments: Any) -> Any:
            return pool.submit(function, *arguments).result()

        call(job(echo)), there(echo)
        print(f"{'':36} {'engine':>12} {'executor':>12}")
        line("a round trip", *race(lambda: call(job(echo)), lambda: there(echo), 300))
        small = np.zeros((8, 64, 64), np.float32)
        line(
            "8 maps of 64 x 64, there and back",
            *race(lambda: call(job(echo, value=small)), lambda: there(echo, small), 100),
        )
        megabytes = f"{size / 1e6:g} MB"
        up = race(lambda: call(job(total, array=array)), lambda: there(total, array), 1)
        line(f"{megabytes} to the process", *up)
        down = race(lambda: call(job(make, size=size)), lambda: there(make, size), 1)
        line(f"{megabytes} from the process", *down)
        worker.put("array", array)
        stored = job(total, array=Stored("array"))
        kept = race(lambda: call(stored), lambda: there(total, array), 1)
        line(f"{megabytes} named by a key, sent again", *kept)
        print(f"throughput: {size / up[0] / 1e9:.2f} GB/s to, {size / down[0] / 1e9:.2f} GB/s from")

        with Pulse() as still:
            time.sleep(1)
        longest = 0.0
        with Pulse() as ours:
            for _ in range(5):
                start = time.perf_counter()
                ticket = worker.submit(job(echo, value=array))
                longest = max(longest, time.perf_counter() - start)
                ticket.wait()
        with Pulse() as theirs:
            for _ in range(5):
                there(echo, array)
        print(f"longest submit of {megabytes}: {1e3 * longest:.2f} ms")
        print(
            f"longest pause of another thread, {megabytes} there and back: "
            f"engine {1e3 * ours.longest:.1f} ms, executor {1e3 * theirs.longest:.1f} ms, "
            f"nothing at all {1e3 * still.longest:.1f} ms"
        )


if __name__ == "__main__":
    main()
