"""What describing a network costs, against building it with torch and asking torchinfo.

Ours reads the document and works out every layer's shape, parameters, multiply-adds, memory and
receptive field. The other builds the same network as plain torch modules (those that ``export --to
python`` writes) on the meta device, where no weights are drawn, and lets torchinfo run it there for
shapes, parameters and multiply-adds; receptive fields it does not know. Each in a process of its
own, with what it needs already imported; the best of several times, in the processor's own time, so
that what else the machine does counts for little (neither computes in threads). Then the same for a
document of 1,000 rows, and for changing one of them, as the Builder does at every edit: what stands
before it is not analysed anew. Wanted: no preset slower than with torch, 1,000 rows in under
100 ms, and a change of the last in under a quarter of that.

    python benchmarks/analysis.py [--times 5] [--presets NAME ...] [--json FILE]

benchmarks/results/analysis.json is what it last wrote.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import napari_convnet
from napari_convnet.document import draft, edit, preset_text, presets

ROWS = 1000
WANTED_MS = 100
WANTED_EDIT = 0.25
LONG = "input: 3x64x64\nnet:\n" + "  - conv 8 k3 relu\n" * ROWS
"""A document of 1,000 rows."""


def best(work: Callable[[], Any], times: int) -> tuple[float, float]:
    """Give the least processor time in milliseconds, and the peak of Python's memory in MB."""
    seconds = []
    for _ in range(times):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return 1e3 * min(seconds), peak / 1e6


def describe(text: str) -> list[dict[str, Any]]:
    """Describe a document as ``describe --json`` does."""
    return [layer.as_dict() for layer in draft(text).checked().network]


def by_torch(text: str) -> Callable[[], Any]:
    """Give the work of building a document's network on the meta device and summing it up."""
    import torch
    from torchinfo import summary

    from napari_convnet.model.export import to_python

    pipeline = draft(text)
    shape = tuple(64 if n is None else n for n in pipeline.input)
    module: dict[str, Any] = {"__name__": "exported"}
    exec(compile(to_python(pipeline), "exported.py", "exec"), module)
    helpers = ("Separable", "Local", "Scale", "Codes", "Connected")
    (kind,) = (
        each
        for name, each in module.items()
        if isinstance(each, type) and each.__module__ == "exported" and name not in helpers
    )

    def work() -> Any:
        with torch.device("meta"):
            network = kind().eval()
            # Of several outputs, plain use computes the last one only.
            network.forward = getattr(network, "outputs", network.forward)
            image = torch.zeros(1, *shape)
            return summary(network, input_data=image, device="meta", verbose=0)

    found = work().total_params
    # Fixed codes and tables are counted by neither.
    assert found == pipeline.network.totals.parameters, (found, pipeline.title)
    return work


def measure(tool: str, names: list[str], times: int) -> dict[str, Any]:
    """Measure one of the two, all networks in one process."""
    found: dict[str, Any] = {}
    for name in [*names, f"{ROWS} rows"]:
        text = LONG if name == f"{ROWS} rows" else preset_text(name)
        work = (lambda t=text: describe(t)) if tool == "ours" else by_torch(text)
        work()  # the first one wakes everything up
        found[name] = best(work, times)
    if tool == "ours":
        found["edits"] = edits(times)
    # Kilobytes on Linux, bytes on macOS.
    unit = 1e6 if sys.platform == "darwin" else 1e3
    found["process"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    return found


def edits(times: int) -> dict[str, float]:
    """Time the change of one row of the long document, at its start, middle and end."""
    pipeline = draft(LONG)
    found = {}
    for name, row in (("first", 0), ("middle", ROWS // 2), ("last", ROWS - 1)):
        text = edit.set_row(LONG, (row,), "conv 8 k5 relu")
        found[name] = best(lambda t=text: pipeline.edited(t), times)[0]
        found[f"{name}, as typed"] = best(
            lambda r=row: pipeline.edited(edit.set_row(LONG, (r,), "conv 8 k5 relu")), times
        )[0]
    return found


def apart(tool: str, names: list[str], times: int) -> dict[str, Any]:
    """Measure in a fresh process."""
    command = [sys.executable, __file__, "--tool", tool, "--times", str(times), "--presets", *names]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)


def show(ours: dict[str, Any], torch: dict[str, Any], names: list[str]) -> None:
    """Print a line per network, then the edits."""
    print(f"{'':28}   ours ms  torch ms  ratio   ours MB  torch MB")
    for name in [*names, f"{ROWS} rows"]:
        (a, m), (b, n) = ours[name], torch[name]
        print(f"{name:28} {a:9.1f} {b:9.1f}  {a / b:5.3f} {m:9.2f} {n:9.2f}")
    print(f"{'median of the ratios':28} {'':9} {'':9}  {ratio(ours, torch, names):5.3f}")
    print(f"the process with all of them: ours {ours['process']:.0f} MB, ", end="")
    print(f"torch {torch['process']:.0f} MB")
    for name, spent in ours["edits"].items():
        share = spent / ours[f"{ROWS} rows"][0]
        print(f"change of one row of {ROWS}, the {name}: {spent:.2f} ms, {share:.3f} of all")


def ratio(ours: dict[str, Any], torch: dict[str, Any], names: list[str]) -> float:
    """Give the median ratio of the times."""
    return median(ours[name][0] / torch[name][0] for name in names)


def main() -> int:
    """Print the ratios; exit with 1 where an aim is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tool", choices=("ours", "torch"), help=argparse.SUPPRESS)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--presets", nargs="*", help="by name; all otherwise")
    parser.add_argument("--json", type=Path, help="a file to write the numbers to")
    options = parser.parse_args()
    names = options.presets or [one.name for one in presets()]
    if options.tool:
        print(json.dumps(measure(options.tool, names, options.times)))
        return 0
    ours, torch = (apart(tool, names, options.times) for tool in ("ours", "torch"))
    show(ours, torch, names)
    if options.json:
        about = {
            "version": napari_convnet.__version__,
            "python": platform.python_version(),
            "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
            "load": os.getloadavg() if hasattr(os, "getloadavg") else None,
        }
        value = {**about, "ours": ours, "torch": torch}
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(value, indent=1) + "\n")
    found = missed(ours, torch, names)
    print(*found, sep="\n")
    return int(bool(found))


def missed(ours: dict[str, Any], torch: dict[str, Any], names: list[str]) -> list[str]:
    """Say which aims are missed."""
    whole = ours[f"{ROWS} rows"][0]
    found = [f"missed: {name} is slower" for name in names if ours[name][0] > torch[name][0]]
    if whole > WANTED_MS:
        found.append(f"missed: {ROWS} rows in {whole:.0f} ms, wanted {WANTED_MS}")
    if (share := ours["edits"]["last"] / whole) > WANTED_EDIT:
        found.append(f"missed: the last row in {share:.2f} of all, wanted {WANTED_EDIT}")
    return found


if __name__ == "__main__":
    sys.exit(main())
