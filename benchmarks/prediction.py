"""Prediction of a whole scan: against the whole forward, MONAI's window, and a memory limit.

Run ``python benchmarks/prediction.py [speed|memory]``; both if nothing is said. In one run, of a
U-Net of two poolings on the head MRI that ships with the package (189x233x197), to labels:

- the network on the whole scan, by torch;
- this package, in exact parts;
- MONAI's ``sliding_window_inference``, windows of 96 cubed, overlap .25.

The aim: at least twice the speed of MONAI's, and labels equal to those of the whole. Then a scan of
512x512x512 voxels (int16) is predicted in a process of its own: the aim is less than 4 GB resident.
"""

import json
import os
import platform
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time

import numpy as np

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "prediction.json"

UNET = """\
input: 1x96x96x96
data:
  images: scan.nii.gz
  labels: labels.nii.gz
  normalize: {normalize}
net:
  - e1: conv 16 k3 bn relu x2
  - max 2
  - e2: conv 32 k3 bn relu x2
  - max 2
  - conv 64 k3 bn relu x2
  - tconv 32
  - cat e2
  - conv 32 k3 bn relu x2
  - tconv 16
  - cat e1
  - conv 16 k3 bn relu x2
  - out: conv 9 k1
train:
  task: segment
"""

SIDE = 512
MOST_GB = 4.0
AIM = 2.0

# Threads that wait would count as work of the cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def timed(way: Callable[[], object]) -> tuple[float, float, object]:
    """Seconds that something takes, by the clock and of all cores together, and what it gives."""
    clock, cores = perf_counter(), process_time()
    found = way()
    return perf_counter() - clock, process_time() - cores, found


def speed() -> dict[str, object]:
    """Predict the head in three ways; seconds by the clock and of the cores, and differences."""
    import torch
    from monai.inferers import sliding_window_inference

    from napari_convnet.data import head
    from napari_convnet.document import parse
    from napari_convnet.training.loading import load
    from napari_convnet.training.predicting import predict_dense

    loaded = load(parse(UNET.format(normalize="zscore")), device="cpu")
    scan, net = head()[0], loaded.model.eval()
    array = np.asarray(scan.array, np.float32)
    image = torch.from_numpy((array - array.mean()) / array.std())[None, None]

    def whole() -> object:
        with torch.inference_mode():
            return net(image)[0].argmax(0).numpy()

    def ours() -> object:
        return predict_dense(loaded, scan).labels

    def windows() -> object:
        with torch.inference_mode():
            return sliding_window_inference(image, 96, 1, net, overlap=0.25)[0].argmax(0).numpy()

    ways = {"whole": whole, "ours": ours, "monai": windows}
    found = {name: timed(way) for name, way in ways.items()}
    right = found["whole"][2]
    return {
        name: {
            "seconds": clock,
            "core seconds": cores,
            "labels that differ": int((labels != right).sum()),
        }
        for name, (clock, cores, labels) in found.items()
    }


def memory() -> dict[str, object]:
    """Predict a large scan in another process, and ask what that had resident at most."""
    words = [sys.executable, __file__, "large"]
    run = subprocess.run(words, stdout=subprocess.PIPE, check=True, text=True)
    return dict(json.loads(run.stdout))


def large() -> None:
    """Predict a scan of 512 cubed, and print seconds and gigabytes."""
    from napari_convnet.document import parse
    from napari_convnet.training.loading import load
    from napari_convnet.training.predicting import predict_dense

    rng = np.random.default_rng(0)
    scan = np.empty((SIDE,) * 3, np.int16)
    for plane in scan:
        plane[:] = rng.integers(-1000, 1000, plane.shape, dtype=np.int16)
    loaded = load(parse(UNET.format(normalize="window -160 240")), device="cpu")
    clock, cores, _ = timed(lambda: predict_dense(loaded, scan))
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    unit = 2**30 if sys.platform == "darwin" else 2**20
    print(json.dumps({"seconds": clock, "core seconds": cores, "gigabytes": most / unit}))


def told(found: dict[str, object]) -> bool:
    """Print what was found, and whether it is what is aimed at."""
    good = True
    if "speed" in found:
        table = found["speed"]
        for name, row in table.items():
            print(f"{name:>6}", *(f"{key} {value:,.1f}" for key, value in row.items()), sep="  ")
        # Of the cores: by the clock, what else the machine does would count.
        key = "core seconds"
        ratio = table["monai"][key] / table["ours"][key]
        print(f"{ratio:.2f} times as fast as MONAI's window (aim {AIM})")
        good &= ratio >= AIM and table["ours"]["labels that differ"] < 10
    if "memory" in found:
        row = found["memory"]
        print(f"{SIDE} cubed: {row['gigabytes']:.2f} GB in {row['seconds']:.0f} s (aim {MOST_GB})")
        good &= row["gigabytes"] < MOST_GB
    return bool(good)


def main() -> None:
    """Measure what is asked for, keep it beside what was measured before, and print it."""
    asked = sys.argv[1:] or ["speed", "memory"]
    if asked == ["large"]:
        large()
        return
    made = {name: {"speed": speed, "memory": memory}[name]() for name in asked}
    before = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    load = {**before.get("load", {}), **{name: os.getloadavg() for name in made}}
    about = {"machine": machine, "load": load}
    RESULTS.write_text(json.dumps({**before, **about, **made}, indent=1) + "\n")
    if not told(made):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
