"""Run every benchmark of this folder, one after the other; ``make bench`` calls it."""

import runpy
from pathlib import Path

HERE = Path(__file__).parent


def main() -> None:
    """Run them by name; one that misses its aim does not keep the others from running."""
    missed = []
    for script in sorted(HERE.glob("*.py")):
        if script.name != Path(__file__).name:
            print(f"\n== {script.stem}", flush=True)
            try:
                runpy.run_path(str(script), run_name="__main__")
            except SystemExit as end:
                missed += [script.stem] if end.code else []
    if missed:
        raise SystemExit(f"missed their aim: {', '.join(missed)}")


if __name__ == "__main__":
    main()
