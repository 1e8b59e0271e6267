"""Throughput of the training loop against one written by hand, in the same process.

Both train the preset `lenet` on the shipped digits with the same settings; ours also writes its run
directory and tells an event for every step. They run turn and turn about, and the best of each is
compared, since what else a machine does only ever takes time. Wanted: at least 0.97.

    python benchmarks/training.py [--pairs 5] [--epochs 3] [--threads N] [--json]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from napari_convnet.data import Dataset, augment, epoch_order, load_dataset, split
from napari_convnet.document import Pipeline, edit, parse, preset_text
from napari_convnet.training import Step, learning_rate, train

WANTED = 0.97


def document(epochs: int, augmented: bool) -> Pipeline:
    """Make the preset with fewer epochs, and without augmentation where that is not measured."""
    text = edit.set_value(preset_text("lenet"), "train.epochs", str(epochs))
    if not augmented:
        text = "".join(line for line in text.splitlines(True) if not line.startswith("augment"))
    return parse(text)


def by_hand(pipeline: Pipeline, dataset: Dataset) -> float:
    """Train in a plain loop; return the seconds of its steps."""
    import numpy as np

    settings = pipeline.train
    indices = split(dataset, pipeline.data.split, settings.seed).train
    model = pipeline.build()
    model.train()
    optimizer = torch.optim.Adam(model.parameters(), settings.optimizer.lr)
    images, labels = dataset.take(indices), dataset.targets[indices]
    places = np.arange(len(indices))
    steps = settings.epochs * -(-len(indices) // settings.batch)
    rng, step, losses = np.random.default_rng(settings.seed), 0, []
    start = time.perf_counter()
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
            losses.append(loss.item())
            step += 1
    return time.perf_counter() - start


def by_us(pipeline: Pipeline, dataset: Dataset) -> float:
    """Train with the library; return the seconds of its steps."""
    with tempfile.TemporaryDirectory() as folder:
        events = train(pipeline, run=Path(folder) / "run", data=dataset, device="cpu")
        next(iter(events))  # started: everything is loaded
        start = end = time.perf_counter()
        for event in events:
            if isinstance(event, Step):
                end = time.perf_counter()
    return end - start


def compare(
    pairs: int, epochs: int, augmented: bool, say: Callable[[str], object] = lambda text: None
) -> dict[str, float]:
    """Measure pairs of trainings; return the best times and their ratio."""
    pipeline = document(epochs, augmented)
    dataset = load_dataset(pipeline)
    hand, ours = [], []
    by_hand(document(1, augmented), dataset)  # the first one wakes torch up
    for pair in range(pairs):
        hand.append(by_hand(pipeline, dataset))
        ours.append(by_us(pipeline, dataset))
        say(f"  pair {pair + 1}: by hand {hand[-1]:.2f} s, ours {ours[-1]:.2f} s")
    best = min(hand), min(ours)
    return {"by_hand_s": best[0], "ours_s": best[1], "ratio": best[0] / best[1]}


def main() -> int:
    """Print the ratios; exit with 1 where one is too low."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=0, help="0: as torch has it")
    parser.add_argument("--json", action="store_true", help="print JSON only")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    found = {}
    for name, augmented in (("plain", False), ("augmented", True)):
        say = (lambda text: None) if options.json else print
        say(f"{name}, {torch.get_num_threads()} threads")
        found[name] = compare(options.pairs, options.epochs, augmented, say)
        say(f"  throughput ratio {found[name]['ratio']:.3f} (wanted {WANTED})")
    if options.json:
        print(json.dumps(found, indent=2))
    return int(min(each["ratio"] for each in found.values()) < WANTED)


if __name__ == "__main__":
    sys.exit(main())
