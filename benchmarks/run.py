"""Run every benchmark of this folder, one after the other; ``make bench`` calls it."""

import runpy
from pathlib import Path

HERE = Path(__file__).parent


def main() -> None:
    """Run them by name."""
    for script in sorted(HERE.glob("*.py")):
        if script.name != Path(__file__).name:
            print(f"\n== {script.stem}", flush=True)
            runpy.run_path(str(script), run_name="__main__")


if __name__ == "__main__":
    main()
