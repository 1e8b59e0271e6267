"""What the presets that come with real data score on the part held out, and how long they learn.

Each is trained as its document says, by the library, with its own seed (or with several), and
measured once, on data that neither training nor the choice of weights has seen.

    python benchmarks/scores.py [PRESET ...] [--seeds 1] [--threads N] [--json]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

from napari_convnet.document import edit, parse, preset, preset_text
from napari_convnet.training import Finished, Started, evaluate, train

WANTED = {
    "lenet": 0.97,
    "faces": 0.95,
    "head": 0.94,
    "head-2.5d": 0.94,
    "organs": 0.0,
    "direction": 0.95,
    "recordings": 0.0,
}
"""Presets, and the score that each must reach; 0 where there is nothing to compare with."""

MOST_SECONDS = 600


def measure(name: str, seed: int) -> dict[str, Any]:
    """Train a preset, and measure it on what was held out."""
    text = edit.set_value(preset_text(name), "train.seed", str(seed))
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / name
        events = list(train(parse(text), run=run, device="cpu"))
        start = next(event for event in events if isinstance(event, Started))
        end = events[-1]
        if not isinstance(end, Finished):
            raise SystemExit(f"{name}: {end}")
        found = evaluate(run, part="test", device="cpu").as_dict()
    return {
        "preset": name,
        "seed": seed,
        "parameters": start.parameters,
        "steps": end.step,
        "seconds": round(end.seconds, 1),
        "score": round(end.test_score, 4),
        "of": end.score_name,
        "notes": list(start.notes),
        "test": found,
    }


def main() -> None:
    """Measure them one after the other and say what missed its aim."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("presets", nargs="*", default=[], metavar="PRESET")
    options.add_argument("--seeds", type=int, default=1)
    options.add_argument("--threads", type=int, default=torch.get_num_threads())
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    torch.set_num_threads(chosen.threads)
    results, missed = [], []
    for name in chosen.presets or WANTED:
        first = preset(name).train.seed
        for seed in range(first, first + chosen.seeds):
            found = measure(name, seed)
            results.append(found)
            line = f"{name:<12} seed {seed}: {found['of']} {found['score']:.4f}"
            print(f"{line}, {found['steps']} steps in {found['seconds']} s", file=sys.stderr)
            if found["score"] < WANTED.get(name, 0) or found["seconds"] > MOST_SECONDS:
                missed.append(f"{name} (seed {seed})")
    if chosen.json:
        print(json.dumps({"threads": chosen.threads, "results": results}, indent=1))
    if missed:
        raise SystemExit(f"missed their aim: {', '.join(missed)}")


if __name__ == "__main__":
    main()
