"""A slice of a layer of a large volume, against what torch alone would need.

A head MRI, tiled to 512x512x512 in 16 bits, and a U-Net with two poolings: layers on its way down,
its bottleneck, and its last one, whose slices depend on 44 of the volume's.
Of each layer one slice is computed, with nothing there yet, and the next ones after it, over two
steps of the coarsest layer; torch alone computes the slab of the volume that the slice depends on,
layer by layer. Aims: at most 1.3 times the time of the slab; a next slice for what is new of it (on
average at most twice what the slab takes for one); the same values; less than 1 GB of
memory above the volume. On a volume of which everything fits, all maps of the last layer are
compared with torch's forward of the whole. Seconds are those of all processors together, so that
other work on the machine does not count.

    python benchmarks/slices.py [--size 512] [--times 2] [--json FILE]

benchmarks/results/slices.json is what it last wrote.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

# Threads that wait would count as work.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import napari_convnet
from napari_convnet.data.samples import sample_path
from napari_convnet.document import parse
from napari_convnet.maps import feature_maps
from napari_convnet.network import INPUT

if TYPE_CHECKING:
    from napari_convnet.maps import FeatureMaps
    from napari_convnet.model import ConvNet

WANTED_RATIO = 1.3
WANTED_MB = 1024
WANTED_NEXT = 2.0
FITS = (96, 160, 160)
NEXT = 8

NET = """
input: 1x96x96x96
blocks:
  two(a, b): conv $a bn relu conv $b bn relu
net:
  - e1: two 8 16
  - max 2
  - e2: two 16 32
  - max 2
  - mid: two 32 64
  - tconv 32
  - cat e2
  - d2: two 32 32
  - tconv 16
  - cat e1
  - d1: two 16 8
"""
LAYERS = ("e1", "e2", "mid", "d1")
POOLED = 4


def volume(shape: tuple[int, ...]) -> np.ndarray:
    """Tile the head to a volume of a shape, int16."""
    import nibabel

    head = np.asarray(nibabel.load(sample_path("mri/head_t1.nii.gz")).dataobj).astype(np.int16)
    places = [np.arange(n) % m for n, m in zip(shape, head.shape, strict=True)]
    return np.ascontiguousarray(head[np.ix_(*places)])


def megabytes() -> float:
    """Give the most memory that this process has held."""
    if sys.platform == "win32":
        return float("nan")
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (2**20 if sys.platform == "darwin" else 2**10)


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Do some work; give the seconds of all processors that it took, and the result."""
    gc.collect()
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def box_of(maps: FeatureMaps, name: str, z: int) -> tuple[tuple[int, int], ...]:
    """Give the box of a slice."""
    return ((z, z + 1), *((0, n) for n in maps[name].shape[2:]))


def bare(net: ConvNet, image: np.ndarray, last: str) -> Any:
    """Compute a network up to a layer with torch alone, one layer after the other."""
    import torch

    with torch.inference_mode():
        held = {INPUT: torch.from_numpy(image.astype(np.float32))[None, None]}
        layers = list(net.network)
        layers = layers[: [layer.name for layer in layers].index(last) + 1]
        for index, layer in enumerate(layers):
            held[layer.name] = net.twins[layer.name](*(held[name] for name in layer.inputs))
            later = {name for each in layers[index + 1 :] for name in each.inputs}
            for name in held.keys() - later - {last}:
                del held[name]
        return held[last][0]


def slab_of(maps: FeatureMaps, name: str, z: int) -> tuple[int, int]:
    """Give the slices of the input that a slice of a layer depends on."""
    box = maps._forward.plan({name: box_of(maps, name, z)}).input
    assert box is not None
    # Pooling begins where it does in the volume, and all of it can be pooled.
    return box[0][0] // POOLED * POOLED, -(-box[0][1] // POOLED) * POOLED


def first_slices(maps: FeatureMaps, image: np.ndarray) -> dict[str, Any]:
    """Compute slices of every layer with torch not yet asked: what memory that takes."""
    bytes_before = megabytes()
    seconds = {}
    for name in LAYERS:
        maps.clear()
        m, z = maps[name], maps[name].shape[1] // 2
        first, _ = timed(lambda m=m, z=z: m.compute(box_of(maps, m.name, z)))
        following = [
            timed(lambda m=m, z=z, k=k: m.compute(box_of(maps, m.name, z + k)))[0]
            for k in range(1, NEXT + 1)
        ]
        seconds[name] = {"first": first, "next": sum(following) / NEXT, "worst": max(following)}
    return {"seconds": seconds, "MB": megabytes() - bytes_before}


def against_slabs(
    maps: FeatureMaps, net: ConvNet, image: np.ndarray, times: int
) -> dict[str, dict[str, float]]:
    """Compare slices with the slabs that they depend on, by turns; the least times count."""
    found = {}
    for name in LAYERS:
        z = maps[name].shape[1] // 2
        lo, hi = slab_of(maps, name, z)
        ours, theirs = [], []
        for _ in range(times):
            maps.clear()
            seconds, part = timed(lambda name=name, z=z: maps[name].compute(box_of(maps, name, z)))
            ours.append(seconds)
            seconds, slab = timed(lambda name=name, lo=lo, hi=hi: bare(net, image[lo:hi], name))
            theirs.append(seconds)
            row = z - lo * maps[name].shape[1] // image.shape[0]
            right = slab[:, row].numpy()
            error = float(np.abs(part[:, 0] - right).max() / np.abs(right).max())
            del slab, right, part
        found[name] = {
            "slices": hi - lo,
            "ours": min(ours),
            "torch": min(theirs),
            "ratio": min(ours) / min(theirs),
            "error": error,
        }
    return found


def against_whole(net: ConvNet) -> dict[str, float]:
    """Compare all maps of the last layer, and one slice, with torch's forward of the whole."""
    image = volume(FITS)
    last = LAYERS[-1]
    maps = feature_maps(net, image)
    theirs, right = timed(lambda: bare(net, image, last))
    ours, found = timed(lambda: np.asarray(maps[last]))
    maps.clear()
    z = maps[last].shape[1] // 2
    one, part = timed(lambda: maps[last].compute(box_of(maps, last, z)))
    right = right.numpy()
    scale = np.abs(right).max()
    return {
        "torch": theirs,
        "ours": ours,
        "slice": one,
        "error": float(np.abs(found - right).max() / scale),
        "slice error": float(np.abs(part[:, 0] - right[:, z]).max() / scale),
    }


def main() -> int:
    """Measure, print, and write the numbers; 1 where an aim is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--times", type=int, default=2)
    parser.add_argument("--json", type=Path, help="a file to write the numbers to")
    options = parser.parse_args()
    import torch

    net = parse(NET).build().eval()
    image = volume((options.size,) * 3)
    # Whatever torch loads when it first computes is no part of it.
    bare(net, image[:8, :16, :16], LAYERS[-1])
    maps = feature_maps(net, image)
    found: dict[str, Any] = {"first": first_slices(maps, image)}
    found["slabs"] = against_slabs(maps, net, image, options.times)
    maps.clear()
    found["whole"] = against_whole(net)
    print(f"{options.size} cubed, int16 ({image.nbytes / 2**20:.0f} MB); torch has ", end="")
    print(f"{torch.get_num_threads()} threads")
    for name, each in found["slabs"].items():
        after = found["first"]["seconds"][name]
        rows = each["slices"] * maps[name].shape[1] / options.size
        each["next"] = after["next"] / (each["torch"] / rows)
        print(
            f"{name:4} a slice {each['ours']:6.2f} s, torch's slab of {each['slices']:2} slices "
            f"{each['torch']:6.2f} s: ratio {each['ratio']:.2f}; error {each['error']:.0e}; "
            f"a next slice {after['next']:.2f} s (the worst {after['worst']:.2f} s), "
            f"{each['next']:.2f} times what torch's slab takes for one"
        )
    print(f"memory above the volume: {found['first']['MB']:.0f} MB")
    whole = found["whole"]
    print(
        f"{'x'.join(map(str, FITS))}: torch's whole forward {whole['torch']:.2f} s, all maps "
        f"{whole['ours']:.2f} s, one slice {whole['slice']:.2f} s; error {whole['error']:.0e}"
    )
    worst = max(each["ratio"] for each in found["slabs"].values())
    errors = [each["error"] for each in (*found["slabs"].values(), whole)]
    following = max(each["next"] for each in found["slabs"].values())
    reached = (
        worst <= WANTED_RATIO
        and following <= WANTED_NEXT
        and not found["first"]["MB"] > WANTED_MB
        and max(errors) < 1e-5
    )
    print("reached" if reached else "missed")
    if options.json:
        about = {
            "version": napari_convnet.__version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
            "load": os.getloadavg() if hasattr(os, "getloadavg") else None,
            "size": options.size,
        }
        options.json.write_text(json.dumps({**about, **found}, indent=1) + "\n", encoding="utf-8")
    return 0 if reached else 1


if __name__ == "__main__":
    raise SystemExit(main())
