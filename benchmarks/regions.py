"""Parts of maps against the whole computation, on 20,000 random graphs.

Run ``python benchmarks/regions.py [GRAPHS]``. The aim: the largest error relative to a layer's
largest value is below 1e-12 in float64 and 1e-5 in float32. A graph that misses it is printed; it
can be made again from its seed by ``make_graph(seed)`` of ``tests/maps/graphs.py``.
"""

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter

ROOT = Path(__file__).parents[1]
GRAPHS = 20_000
EACH = 250


def look(first: int) -> tuple[float, float, int, list[str]]:
    """Look at some graphs: the largest errors, the number of layers, and what went wrong."""
    os.environ["OMP_NUM_THREADS"] = "1"
    sys.path.insert(0, str(ROOT / "tests"))
    import torch

    from maps.graphs import largest_errors, make_graph

    torch.set_num_threads(1)
    wide, narrow, layers, wrong = 0.0, 0.0, 0, []
    for seed in range(first, first + EACH):
        graph = make_graph(seed)
        layers += len(graph.pipeline.network)
        try:
            errors = largest_errors(graph)
        except Exception as error:
            wrong.append(f"{type(error).__name__}: {error}\n{graph}")
            continue
        wide, narrow = max(wide, errors[0]), max(narrow, errors[1])
        if not (errors[0] < 1e-12 and errors[1] < 1e-5):
            wrong.append(f"errors {errors[0]:.1e} and {errors[1]:.1e}\n{graph}")
    return wide, narrow, layers, wrong


def looked(graphs: int) -> Iterator[tuple[float, float, int, list[str]]]:
    """Look at all of them, in as many processes as there are cores."""
    # Seeds of the tests come first: these are others.
    starts = range(10_000, 10_000 + graphs, EACH)
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        yield from pool.map(look, starts)


def main() -> None:
    """Print the largest errors; exit with 1 if one is too large."""
    graphs = int(sys.argv[1]) if len(sys.argv) > 1 else GRAPHS
    began = perf_counter()
    found = list(looked(graphs))
    wide = max(part[0] for part in found)
    narrow = max(part[1] for part in found)
    layers, wrong = sum(part[2] for part in found), [text for part in found for text in part[3]]
    for text in wrong:
        print(text)
    count = EACH * len(found)
    print(
        f"{count:,} graphs, {layers / count:.1f} layers each, in {perf_counter() - began:.0f} s: "
        f"largest error {wide:.1e} in float64, {narrow:.1e} in float32; {len(wrong)} wrong"
    )
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
