"""Does the window wait? Latency of its event loop at rest and while a network trains in view.

A timer of 5 ms says how late it comes: at rest, and while the LeNet preset trains with its maps,
thumbnails and curves on screen. Nothing can come earlier than the frame that is being drawn, so
one frame of the same window at rest is the peer; by software, as under Xvfb, it takes long.

Run ``python benchmarks/window.py`` on a display.
"""

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import napari
import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

from napari_convnet.demo import add_digits, add_docks
from napari_convnet.viewer import attach


class Lateness:
    """How late a timer of 5 ms comes, in milliseconds."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.timer = QTimer()
        self.timer.timeout.connect(lambda: self.times.append(time.perf_counter()))
        self.timer.start(5)

    def during(self, condition: Callable[[], bool]) -> np.ndarray:
        """Run the event loop while a condition holds, and give the delays."""
        self.times.clear()
        while condition():
            QApplication.processEvents()
            time.sleep(0.0005)
        return np.maximum(0, 1e3 * np.diff(self.times) - 5)


def frame_time(layer: Any) -> float:
    """Time in milliseconds that the window takes to draw itself after a layer has changed."""
    start = time.perf_counter()
    layer.opacity = 1.5 - layer.opacity
    QApplication.processEvents()
    return 1e3 * (time.perf_counter() - start)


def main() -> None:
    """Print the delays at rest and in training."""
    viewer = napari.Viewer()
    viewer.window.resize(1600, 1000)
    add_digits(viewer)
    session = attach(viewer)
    with TemporaryDirectory() as folder:
        session.open_preset("lenet")
        session.save(Path(folder) / "lenet.yaml")
        add_docks(viewer)
        session.show_both()
        lateness = Lateness()
        lateness.during(lambda: session.busy or not session.shown)
        end = time.monotonic() + 3
        rest = lateness.during(lambda: time.monotonic() < end)
        frame = np.median([frame_time(viewer.layers["c1"]) for _ in range(20)])
        session.train()
        training = lateness.during(lambda: session.training.active)
        print(f"trained to {session.training.test_accuracy:.1%} meanwhile")
        session.close()
        viewer.close()
    print(f"one frame at rest takes {frame:.0f} ms")
    for name, delays in (("at rest", rest), ("in training", training)):
        p50, p99 = np.percentile(delays, (50, 99))
        print(
            f"{name:12} {len(delays):6} ticks: median {p50:.1f} ms late, 99th percentile "
            f"{p99:.1f} ms ({p99 / frame:.1f} frames), worst {delays.max():.0f} ms, "
            f"over 50 ms {np.mean(delays > 50):.2%}"
        )


if __name__ == "__main__":
    main()
