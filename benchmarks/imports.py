"""What ``import napari_convnet`` costs, against ``import numpy``, each in a fresh Python.

Run ``python benchmarks/imports.py``. The aim is under 50 ms, and nothing heavy loaded.
"""

import subprocess
import sys

MEASURE = "from time import perf_counter as t; s = t(); import {}; print(t() - s)"


def seconds(module: str, times: int = 9) -> float:
    """Give the median time that importing a module takes."""
    command = [sys.executable, "-c", MEASURE.format(module)]
    runs = [
        subprocess.run(command, capture_output=True, text=True, check=True) for _ in range(times)
    ]
    return sorted(float(run.stdout) for run in runs)[times // 2]


def main() -> None:
    """Print the ratio."""
    ours, numpy = seconds("napari_convnet"), seconds("numpy")
    print(f"import napari_convnet: {1e3 * ours:.1f} ms, {ours / numpy:.3f} of import numpy")


if __name__ == "__main__":
    main()
