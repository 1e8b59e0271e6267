"""Rows on lines of their own: finding, adding, taking and shifting whole lines."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..nodes import Node, compose


def line_start(text: str, index: int) -> int:
    """Index of the first character of a line."""
    return text.rfind("\n", 0, index) + 1


def line_end(text: str, index: int) -> int:
    """Index behind a line and its line end."""
    found = text.find("\n", index)
    return len(text) if found < 0 else found + 1


def closed(text: str) -> str:
    """Text with a line end at its end."""
    return text if not text or text.endswith("\n") else f"{text}\n"


def indented(lines: str, by: int) -> str:
    """Lines moved to the right, or to the left as far as they can; empty ones stay empty."""
    if by >= 0:
        return "".join(" " * by * bool(one.strip()) + one for one in lines.splitlines(True))
    return re.sub(rf"(?m)^ {{1,{-by}}}", "", lines)


def shifted_below(text: str, start: int, end: int, by: int) -> str:
    """Text between two indices, its first line where it is and the others indented further."""
    cut = line_end(text, start)
    return text[start:cut] + indented(text[cut:end], by) if cut < end else text[start:end]


def dash_of(text: str, rows: Node, index: int) -> int:
    """Where the dash of a row stands: in the list's column, alone on what is before it."""
    if index == 0:
        return rows.start
    column = rows.place.column - 1
    line = line_start(text, rows.items[index].start)
    while text[line : line + column].strip() or text[line + column] != "-":
        line = line_start(text, line - 1)
    return line + column


def is_inline(text: str, dash: int) -> bool:
    """Whether a row begins behind the dash of its group: ``- - conv 8``."""
    return bool(text[line_start(text, dash) : dash].strip())


def extent(text: str, rows: Node, index: int) -> tuple[int, int]:
    """Characters of a row's lines, from where its dash's line begins; its remarks not counted."""
    dash, end = dash_of(text, rows, index), line_end(text, rows.items[index].end)
    if not is_inline(text, dash):
        return line_start(text, dash), end
    # The group's own dash stays, and its rows go on in the lines below.
    return dash, end - text[:end].endswith("\n")


def remarks(text: str, rows: Node, index: int) -> int:
    """Where the comments begin that stand right above a row, in its column."""
    start = line_start(text, dash_of(text, rows, index))
    least = line_end(text, rows.items[index - 1].end) if index else 0
    while start > least:
        above = line_start(text, start - 1)
        line = text[above:start]
        if not re.match(rf" {{{rows.place.column - 1}}}#", line):
            break
        start = above
    return start


def chunk(text: str, rows: Node, index: int) -> tuple[int, int]:
    """Characters of a row with the remarks right above it."""
    start, stop = extent(text, rows, index)
    if not is_inline(text, dash_of(text, rows, index)):
        start = remarks(text, rows, index)
    return start, stop


def with_lines(text: str, rows: Node, index: int, lines: str) -> str:
    """Put whole lines in front of the row at `index`, or behind the last one."""
    if index == len(rows.items):
        end = line_end(text, rows.items[-1].end)
        return closed(text[:end]) + lines + text[end:]
    dash = dash_of(text, rows, index)
    if is_inline(text, dash):
        return text[:dash] + lines.lstrip(" ") + " " * (rows.place.column - 1) + text[dash:]
    start = remarks(text, rows, index)
    return text[:start] + lines + text[start:]


def moved_lines(text: str, rows: Node, index: int, to: int) -> str:
    """Put the lines of a row at another index."""
    if is_inline(text, rows.start):
        # Give the first row a line of its own, so that all can be moved alike.
        column = rows.place.column - 1
        loose = f"{text[: rows.start].rstrip(' ')}\n{' ' * column}{text[rows.start :]}"
        moved = next(node for node in _lists(compose(loose)) if _same_rows(node, rows))
        return moved_lines(loose, moved, index, to)
    start, stop = remarks(text, rows, index), extent(text, rows, index)[1]
    lines, rest = closed(text[start:stop]), text[:start] + text[stop:]
    if to < index:
        at = remarks(text, rows, to)
    else:
        at = line_end(text, rows.items[to].end) - (stop - start)
    return closed(rest[:at]) + lines + rest[at:]


def _lists(node: Node) -> Iterable[Node]:
    if node.kind == "list":
        yield node
    for child in (*node.items, *(value for _, value in node.pairs)):
        yield from _lists(child)


def _same_rows(node: Node, rows: Node) -> bool:
    # One line was added in front of the first row, and nothing else.
    return node.place.line == rows.place.line + 1 and node.place.column == rows.place.column
