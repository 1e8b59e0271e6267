"""Write the README's table of presets and their scores from what ``benchmarks/scores.py`` found.

python tools/scores.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from napari_convnet.document import preset

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "scores.json"
README = ROOT / "README.md"
START, END = "<!-- scores -->\n", "<!-- end of scores -->\n"

_HEAD = "| preset | what it learns | held out | score | learned in |\n|---|---|---|---|---|\n"


def table() -> str:
    """Give the table as it should stand in the README."""
    found: dict[str, list[dict[str, Any]]] = {}
    for result in json.loads(RESULTS.read_text(encoding="utf-8"))["results"]:
        found.setdefault(result["preset"], []).append(result)
    return _HEAD + "".join(_row(name, runs) for name, runs in found.items())


def _row(name: str, runs: list[dict[str, Any]]) -> str:
    scores = sorted(run["score"] for run in runs)
    seconds = sorted(run["seconds"] for run in runs)[len(runs) // 2]
    pipeline = preset(name)
    shown = _shown(scores, runs[0]["of"])
    if runs[0]["of"] == "Dice":
        test = runs[0]["test"]
        each = zip(test["classes"][1:], test["dice"][1:], strict=True)
        shown += ": " + ", ".join(f"{what} {_number(dice)}" for what, dice in each)
    return f"| `{name}` | {pipeline.title} | {_held_out(runs[0])} | {shown} | {_time(seconds)} |\n"


def _shown(scores: list[float], of: str) -> str:
    percent = of == "accuracy"
    low, high = (f"{100 * s:.1f} %" if percent else _number(s) for s in (scores[0], scores[-1]))
    seeds = f" ({len(scores)} seeds)" if len(scores) > 1 else ""
    told = low if low == high else f"{low} to {high}"
    return f"{told} right{seeds}" if percent else f"mean Dice {told}{seeds}"


def _number(value: float | None) -> str:
    return "—" if value is None else f"{value:.3f}".lstrip("0")


def _held_out(run: dict[str, Any]) -> str:
    """Say how much was held out, and of a scan where."""
    test = run["test"]
    rule = next((note for note in run["notes"] if " is divided along " in note), "")
    if rule:
        return rule.partition("test ")[2].partition(";")[0]
    return f"{test['n']:,} {test['unit']}"


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.1f} min"


def written(readme: str) -> str:
    """Put the table into the README's text."""
    before, _, rest = readme.partition(START)
    _, _, after = rest.partition(END)
    return before + START + table() + END + after


if __name__ == "__main__":
    README.write_text(written(README.read_text(encoding="utf-8")), encoding="utf-8")
