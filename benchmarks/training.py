"""Throughput of the training loop against one written by hand, in the same process.

Both train the preset `lenet` on the shipped digits, and a 3D U-Net on patches of the head, with the
same settings; ours also writes its run directory and tells an event for every step. They take
turns, a few steps each, so that what else the machine does hits both alike; turns that took twice
as long as usual are left out. Wanted: at least 0.97.

    python benchmarks/training.py [--epochs 8] [--threads N] [--json]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from napari_convnet.data import Dataset, augment, epoch_order, head, load_dataset, split
from napari_convnet.document import Pipeline, edit, parse, preset_text
from napari_convnet.training import Step, learning_rate, train

WANTED = 0.97
TURN, SLOW_TURN = 25, 2
"""Steps of a turn: of digits, of volumes."""
SIDE = 48
"""Voxels of a patch along each axis."""
VOLUMES = f"""\
title: Tissues of the head
input: 1x{SIDE}x{SIDE}x{SIDE}
data:
  source: head
  normalize: zscore
  split: 70/30
  patches: {SIDE} per-volume 200
blocks:
  two(n): conv $n k3 bn relu conv $n k3 bn relu
net:
  - e1: two 8
  - max 2
  - e2: two 16
  - max 2
  - two 32
  - tconv 16
  - cat e2
  - two 16
  - tconv 8
  - cat e1
  - two 8
  - out: conv 3 k1
train:
  task: segment
  optimizer: adam lr 1e-3
  epochs: 1
  batch: 2
  seed: 1
"""


def document(epochs: int, augmented: bool) -> Pipeline:
    """Make the preset with so many epochs, and without augmentation where that is not measured."""
    text = edit.set_value(preset_text("lenet"), "train.epochs", str(epochs))
    if not augmented:
        text = "".join(line for line in text.splitlines(True) if not line.startswith("augment"))
    return parse(text)


def by_hand(pipeline: Pipeline, dataset: Dataset) -> Iterator[float]:
    """Train in a plain loop, one step for each time that it is asked."""
    settings = pipeline.train
    indices = split(dataset, pipeline.data.split, settings.seed).train
    images, labels = dataset.take(indices), dataset.targets[indices]
    model = pipeline.build()
    model.train()
    optimizer = torch.optim.Adam(model.parameters(), settings.optimizer.lr)
    places = np.arange(len(indices))
    steps = settings.epochs * -(-len(indices) // settings.batch)
    rng, step = np.random.default_rng(settings.seed), 0
    for epoch in range(settings.epochs):
        order = epoch_order(places, settings.seed, epoch)
        for first in range(0, len(order), settings.batch):
            chosen = order[first : first + settings.batch]
            batch = augment(images[chosen], pipeline.augment, rng)
            optimizer.param_groups[0]["lr"] = learning_rate(settings, step, steps)
            outputs = model(torch.from_numpy(batch))
            loss = torch.nn.functional.cross_entropy(outputs, torch.from_numpy(labels[chosen]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
            yield loss.item()


def volumes_by_hand(pipeline: Pipeline) -> Iterator[float]:
    """Train on patches in a plain loop with MONAI's loss."""
    from monai.losses.dice import DiceCELoss

    settings = pipeline.train
    scan, tissues = (contents.array for contents in head())
    scan = ((scan - scan.mean()) / scan.std()).astype(np.float32)
    tissues = tissues.astype(np.int64)
    model = pipeline.build()
    model.train()
    optimizer = torch.optim.Adam(model.parameters(), settings.optimizer.lr)
    loss_of = DiceCELoss(to_onehot_y=True, softmax=True, batch=True)
    rng = np.random.default_rng(settings.seed)
    while True:
        corners = rng.integers(0, [n - SIDE for n in scan.shape], (settings.batch, 3))
        cuts = [tuple(slice(at, at + SIDE) for at in corner) for corner in corners]
        images = torch.from_numpy(np.stack([scan[cut][None] for cut in cuts]))
        labels = torch.from_numpy(np.stack([tissues[cut][None] for cut in cuts]))
        loss = loss_of(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield loss.item()


def by_us(pipeline: Pipeline, dataset: Dataset | None, run: Path) -> Iterator[float]:
    """Train with the library, one step for each time that it is asked."""
    for event in train(pipeline, run=run, data=dataset, device="cpu"):
        if isinstance(event, Step):
            yield event.loss


def turn(loop: Iterator[float], steps: int) -> float:
    """Time some steps."""
    start = time.perf_counter()
    for _ in range(steps):
        next(loop)
    return time.perf_counter() - start


def compare(epochs: int, augmented: bool) -> dict[str, float]:
    """Measure digits; return milliseconds of a step, and the ratio of the throughputs."""
    pipeline = document(epochs, augmented)
    dataset = load_dataset(pipeline)
    turns = epochs * 4000 // pipeline.train.batch // TURN - 1
    with tempfile.TemporaryDirectory() as folder:
        ours = by_us(pipeline, dataset, Path(folder) / "run")
        return ratio(by_hand(pipeline, dataset), ours, turns, TURN)


def compare_volumes(epochs: int) -> dict[str, float]:
    """Measure volumes; return milliseconds of a step, and the ratio of the throughputs."""
    pipeline = parse(VOLUMES)
    with tempfile.TemporaryDirectory() as folder:
        ours = by_us(pipeline, None, Path(folder) / "run")
        return ratio(volumes_by_hand(pipeline), ours, 2 * epochs, SLOW_TURN)


def ratio(hand: Iterator[float], ours: Iterator[float], turns: int, steps: int) -> dict[str, float]:
    """Let two loops take turns."""
    turn(hand, steps), turn(ours, steps)  # the first ones wake everything up
    times = np.array([(turn(hand, steps), turn(ours, steps)) for _ in range(turns)])
    usual = (times < 2 * np.median(times, axis=0)).all(1)
    each = times[usual].mean(0) / steps * 1e3
    return {"by_hand_ms": each[0], "ours_ms": each[1], "ratio": each[0] / each[1]}


def main() -> int:
    """Print the ratios; exit with 1 where one is too low."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--threads", type=int, default=0, help="0: as torch has it")
    parser.add_argument("--json", action="store_true", help="print JSON only")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    found = {}
    cases = {
        "plain": lambda: compare(options.epochs, augmented=False),
        "augmented": lambda: compare(options.epochs, augmented=True),
        "volumes": lambda: compare_volumes(options.epochs),
    }
    for name, measure in cases.items():
        found[name] = measure()
        if not options.json:
            print(
                f"{name}, {torch.get_num_threads()} threads: "
                "by hand {by_hand_ms:.2f} ms a step, ours {ours_ms:.2f} ms, "
                "throughput ratio {ratio:.3f}".format(**found[name]),
                f"(wanted {WANTED})",
            )
    if options.json:
        print(json.dumps(found, indent=2))
    return int(min(each["ratio"] for each in found.values()) < WANTED)


if __name__ == "__main__":
    sys.exit(main())
