"""Mistakes as they are told on a terminal: the message, then the line with its place marked."""

from __future__ import annotations

import re
import unicodedata

from napari_convnet.network import Place, Problem, UserError

WIDTH = 72
"""Characters of a line that are shown; the others are left out around the place."""

_BREAKS = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
"""What YAML ends a line with."""


def quoted_problems(error: UserError) -> str:
    """Spell out an error; each problem of a document with the line that it is about."""
    return spelled(error.problems, getattr(getattr(error, "pipeline", None), "text", ""))


def spelled(problems: tuple[Problem, ...], text: str, before: str = "") -> str:
    """Spell out problems, each with its line of the text.

    Parameters
    ----------
    problems : tuple of Problem
        The problems.
    text : str
        The document.
    before : str
        Written before each: ``"warning: "``.
    """
    lines = _BREAKS.split(text) if text else []
    told = []
    for problem in problems:
        told.append(f"{before}{problem}")
        if problem.place is not None and problem.place.line <= len(lines):
            told += excerpt(lines[problem.place.line - 1], problem.place)
    return "\n".join(told)


def excerpt(line: str, place: Place) -> list[str]:
    r"""Quote the line of a place, and mark the place with carets below it.

    Examples
    --------
    >>> print(*excerpt("  - conv 4 rellu", Place(5, 12, 5, 17)), sep="\n")
      5 |   - conv 4 rellu
        |            ^^^^^
    """
    start = min(place.column - 1, len(line))
    stop = place.end_column - 1 if place.end_line == place.line else len(line.rstrip())
    stop = min(max(stop, start + 1), max(len(line), start + 1))
    first = 0 if len(line) <= WIDTH else max(0, min(start - WIDTH // 3, len(line) - WIDTH))
    last = first + WIDTH
    shown = "".join(c if c.isprintable() else " " for c in line[first:last])
    head = "..." if first else ""
    tail = "..." if last < len(line) else ""
    room = " " * (len(head) + _cells(shown[: start - first]))
    marks = "^" * max(1, _cells(shown[start - first : min(stop, last) - first]))
    number = str(place.line)
    return [f"  {number} | {head}{shown}{tail}", f"  {' ' * len(number)} | {room}{marks}"]


def _cells(text: str) -> int:
    """Columns that a text takes on a terminal."""
    return sum(_width(character) for character in text)


def _width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
