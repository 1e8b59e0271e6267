"""Does the window wait? How late its event loop comes, at rest, in training, and with volumes.

A timer of 5 ms says how late it comes:

- training: at rest, and while the LeNet preset trains with its maps, thumbnails and curves on
  screen. Nothing can come earlier than the frame that is being drawn, so one frame of the same
  window at rest is the peer; by software, as under Xvfb, it takes long.
- layers: while the document learns from an image and labels of 512x512x512, is saved and run with
  them, a prediction comes and is measured and saved. Each has the time of the call and the longest
  time that nothing else could happen, until all of it was done. Peers are labels layers that napari
  adds to the viewer, a large and a small one: so long takes what adds one.
- montages: while the maps of a volume, of nearly 64 MB a layer, come and are laid out side by side,
  with colours of the layer and of each map; and while they come again. What comes first is layers
  of images and, for names, of points; peers are small ones that napari adds.
- scrolling: while one steps through a map of such a volume, which is computed meanwhile. The peer
  is stepping through the volume itself, at the same pace.

The windows of the last three are not shown: drawing is the business of napari, and of a GPU.

    python benchmarks/window.py [--part montages ...] [--size 512] [--json FILE]

Run it on a display. benchmarks/results/window.json is what its parts last wrote.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import napari
import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication
from slices import volume

import napari_convnet
from napari_convnet.demo import add_digits, add_docks
from napari_convnet.training.predicting.results import Segmentation
from napari_convnet.viewer import Session, attach

WANTED_MS = 50
PERIOD = 5
PACE = 0.1
"""Seconds from one slice to the next."""

STEPS = 40

SEGMENT = """
input: 1x96x96x96
data:
  normalize: zscore above 0
  patches: 16 per-volume 2
net:
  - c1: conv 4 k3 relu
  - out: conv 3 k1
train:
  task: segment
  epochs: 1
  batch: 1
"""

MAPS = """
input: 1x96x96x96
net:
  - e1: conv 8 k3 relu
  - max 2
  - e2: conv 16 k3 relu
"""

MONTAGES = """
input: 1x96x96x96
net:
  - e1: conv 16 k3 relu
  - e2: conv 16 k1
"""

MONTAGE_LAYERS = ("e1 (all maps)", "e2 (all maps)")


class Lateness:
    """How late a timer comes, in milliseconds."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.timer = QTimer()
        self.timer.timeout.connect(lambda: self.times.append(time.perf_counter()))
        self.timer.start(PERIOD)

    def during(self, condition: Callable[[], bool]) -> np.ndarray:
        """Run the event loop while a condition holds, and give the delays."""
        self.times[:] = [time.perf_counter()]
        while condition():
            QApplication.processEvents()
            time.sleep(0.0005)
        self.times.append(time.perf_counter())
        return np.maximum(0, 1e3 * np.diff(self.times) - PERIOD)

    def of(self, work: Callable[[], Any], going: Callable[[], bool]) -> dict[str, float]:
        """Do something, and run the event loop until it is over."""
        self.during(_for(0.1))
        calls: list[float] = []

        def condition() -> bool:
            if not calls:
                start = time.perf_counter()
                work()
                calls.append(1e3 * (time.perf_counter() - start))
                return True
            return going()

        delays = self.during(condition)
        return {"call": calls[0], "longest": float(delays.max()), "all": float(delays.sum())}


def _for(seconds: float) -> Callable[[], bool]:
    end = time.monotonic() + seconds
    return lambda: time.monotonic() < end


def told(delays: np.ndarray) -> dict[str, float]:
    """Sum delays up."""
    p50, p99 = np.percentile(delays, (50, 99))
    late = float(np.mean(delays > WANTED_MS))
    return {"median": p50, "p99": p99, "longest": delays.max(), "late": late, "ticks": len(delays)}


# ---------------------------------------------------------------- training


def frame_time(layer: Any) -> float:
    """Time in milliseconds that the window takes to draw itself after a layer has changed."""
    start = time.perf_counter()
    layer.opacity = 1.5 - layer.opacity
    QApplication.processEvents()
    return 1e3 * (time.perf_counter() - start)


def training(size: int) -> dict[str, Any]:
    """Measure at rest and in training."""
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
        rest = lateness.during(_for(3))
        frame = float(np.median([frame_time(viewer.layers["c1"]) for _ in range(20)]))
        session.train()
        delays = lateness.during(lambda: session.training.active)
        accuracy = session.training.test_accuracy
        session.close()
        viewer.close()
    print(f"trained to {accuracy:.1%}; one frame at rest takes {frame:.0f} ms")
    found = {"at rest": told(rest), "in training": told(delays)}
    for name, each in found.items():
        print(
            f"{name:12} {each['ticks']:6} ticks: median {each['median']:.1f} ms late, 99th "
            f"percentile {each['p99']:.1f} ms ({each['p99'] / frame:.1f} frames), worst "
            f"{each['longest']:.0f} ms, over {WANTED_MS} ms {each['late']:.2%}"
        )
    return {**found, "frame": frame}


# ---------------------------------------------------------------- layers


def segmentation(labels: np.ndarray) -> Segmentation:
    """Give a prediction as it comes from the worker."""
    voxels = np.bincount(labels[0].ravel(), minlength=3)
    axes, classes = ("z", "y", "x"), ("a", "b", "c")
    return Segmentation(labels, np.eye(4), ("pixel",) * 3, axes, classes, voxels, name="scan")


def layers(size: int) -> dict[str, Any]:
    """Measure what is done with labels of a large volume."""
    image = volume((size,) * 3)
    low, high = np.percentile(image[::16], (60, 90))
    right = (image > low).astype(np.uint8) + (image > high)
    viewer = napari.Viewer(show=False)
    session = attach(viewer)
    add_docks(viewer)
    scan = viewer.add_image(image, name="scan")
    session.set_text(SEGMENT)
    lateness = Lateness()
    lateness.during(lambda: session.busy)
    busy = lambda: session.busy  # noqa: E731
    found = {"at rest": told(lateness.during(_for(2)))}
    found["napari adds labels"] = lateness.of(lambda: viewer.add_labels(right.copy()), busy)
    few = np.zeros((8, 8, 8), np.uint8)
    found["napari adds few"] = lateness.of(lambda: viewer.add_labels(few), busy)
    # As it comes from the worker: its memory has been written to.
    came, again = segmentation(right.copy()), segmentation(right.copy())
    names = {"classes": {0: "a", 1: "b", 2: "c"}}
    truth = viewer.add_labels(right, name="right", metadata=names)
    found["new labels"] = lateness.of(lambda: session.new_labels(scan), busy)
    painted = viewer.layers["scan: painted"]
    painted.data[::8] = right[::8] + 1

    def arrives(result: Segmentation) -> None:
        session._predicted_over = (session.source(), "scan")
        session._predicted_voxels(result)

    def running() -> bool:
        return session.training.state == "starting"

    with TemporaryDirectory() as folder:
        at = Path(folder)
        for name, work, going in (
            ("learn from layers", lambda: session.learn_from_layers((scan, painted)), busy),
            ("a stroke", lambda: painted.paint((size // 2,) * 3, 2), busy),
            ("save the document", lambda: session.save(at / "net.yaml"), busy),
            ("start a training", session.train, running),
            ("stop it", session.stop, busy),
            ("a prediction arrives", lambda: arrives(came), busy),
            ("the next one arrives", lambda: arrives(again), busy),
            ("compare it", lambda: session.compare_prediction(truth), busy),
            ("save it", lambda: session.save_prediction(at / "out.nii.gz"), busy),
        ):
            found[name] = lateness.of(work, going)
        right_voxels = int(np.trace(session.prediction.confusion))
        assert right_voxels == right.size, "a prediction that is right was found wrong"
        session.close()
        viewer.close()
    for name, each in found.items():
        call = f"the call {each['call']:6.0f} ms, " if "call" in each else ""
        print(f"{name:21} {call}nothing else for {each['longest']:5.0f} ms at most")
    return found


# ---------------------------------------------------------------- montages


def montages(size: int) -> dict[str, Any]:
    """Measure while montages of a volume come; they are of one size, whatever `size` is."""
    viewer = napari.Viewer(show=False)
    session = attach(viewer)
    add_docks(viewer)
    scan = session.input_layer = viewer.add_image(volume((96,) * 3), name="scan")
    session.set_text(MONTAGES)
    lateness = Lateness()
    busy = lambda: session.busy  # noqa: E731
    lateness.during(busy)
    found = {"at rest": told(lateness.during(_for(2)))}
    small = np.zeros((96, 8, 8), np.float32)
    few = {"features": {"name": ["a", "b"]}, "text": "name", "size": 1e-6}
    for name, work in (
        ("napari adds an image", lambda: viewer.add_image(small, contrast_limits=(0, 1))),
        ("napari adds points", lambda: viewer.add_points([[0, 0], [9, 9]], **few)),
        ("they come", lambda: session.show("all", montage=True)),
        ("colours per map", lambda: session.set_spans("map")),
        ("another image", lambda: setattr(scan, "data", scan.data[::-1].copy())),
    ):
        found[name] = lateness.of(work, busy)
    assert max(viewer.layers[name].data.nbytes for name in MONTAGE_LAYERS) > 2**25
    session.close()
    viewer.close()
    for name, each in found.items():
        print(f"{name:21} nothing else for {each['longest']:5.0f} ms at most")
    return found


# ---------------------------------------------------------------- scrolling


def step(viewer: napari.Viewer, axis: int, first: int) -> Callable[[], bool]:
    """Give a condition that steps through slices, and holds until it has."""
    start, done = time.monotonic(), [0]

    def condition() -> bool:
        if time.monotonic() - start >= PACE * done[0]:
            viewer.dims.set_current_step(axis, first + done[0])
            done[0] += 1
        return done[0] < STEPS

    return condition


def settled(session: Session, lateness: Lateness) -> None:
    """Wait until nothing is being computed."""
    lateness.during(lambda: session.busy)


def scrolling(size: int) -> dict[str, Any]:
    """Measure while one steps through a volume, and through a map of it."""
    viewer = napari.Viewer(show=False)
    scan = viewer.add_image(volume((size,) * 3), name="scan")
    lateness = Lateness()
    first = size // 4
    found = {"napari, a volume": told(lateness.during(step(viewer, 0, first)))}
    session = attach(viewer)
    add_docks(viewer)
    session.set_text(MAPS)
    settled(session, lateness)
    session.show(["e1"])
    settled(session, lateness)
    scan.visible = False
    found["a map of it"] = told(lateness.during(step(viewer, 1, first)))
    settled(session, lateness)
    scan.visible = True
    found["both"] = told(lateness.during(step(viewer, 1, first + STEPS)))
    settled(session, lateness)
    session.close()
    viewer.close()
    for name, each in found.items():
        print(
            f"{name:17} median {each['median']:.1f} ms late, 99th percentile {each['p99']:.1f} ms, "
            f"worst {each['longest']:.0f} ms, over {WANTED_MS} ms {each['late']:.2%}"
        )
    return found


PARTS = {
    "training": training,
    "layers": layers,
    "montages": montages,
    "scrolling": scrolling,
}


def main() -> None:
    """Measure, print, and write the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=PARTS, action="append", help="one of them; default all")
    parser.add_argument("--size", type=int, default=512, help="of the volumes")
    parser.add_argument("--json", type=Path, help="a file to write the numbers to")
    options = parser.parse_args()
    written: dict[str, Any] = {}
    if options.json and options.json.exists():
        written = json.loads(options.json.read_text(encoding="utf-8"))
    for name in options.part or PARTS:
        print(f"-- {name}")
        about = {
            "version": napari_convnet.__version__,
            "python": platform.python_version(),
            "napari": napari.__version__,
            "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
            "load": os.getloadavg() if hasattr(os, "getloadavg") else None,
            "size": options.size,
        }
        written[name] = {**about, "ms": PARTS[name](options.size)}
        if options.json:
            options.json.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
