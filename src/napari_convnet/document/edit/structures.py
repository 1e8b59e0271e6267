"""Structures: inserting them, adding branches, wrapping rows and taking the wrapping off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from napari_convnet.network import UserError

from ..nodes import Node, compose
from .brackets import in_brackets
from .checked import first, keeps_line_ends, meaning_of, one_line
from .lines import (
    closed,
    dash_of,
    indented,
    is_inline,
    line_end,
    line_start,
    shifted_below,
)
from .rows import insert_row
from .sequences import as_list
from .spots import (
    BRANCHED,
    Body,
    Path,
    body_of,
    find_body,
    find_row,
    head_keys,
    no_list,
    plain_of,
    plain_row,
    shown,
)

PASS = "id"
"""The branch that passes on what comes in."""


@keeps_line_ends
def insert_structure(text: str, path: Path, word: str, rows: Sequence[str], name: str = "") -> str:
    """Write a structure with its first rows in front of the row at `path`, or behind the last one.

    Parameters
    ----------
    text, path
        As in `set_row`.
    word : str
        ``res``, ``side``, ``cat``, ``add`` or ``xN``; empty for a group that has a name only.
    rows : sequence of str
        Its rows; of cat and add its branches.
    name : str
        Its name.
    """
    keys = [key for key in (name, word) if key]
    if not keys or not rows:
        raise UserError("a group needs a name and a row", "for example stem and conv 8 relu")
    placed = insert_row(text, path, PASS)
    root = compose(placed)
    at = _inserted(text, path)
    body, index = find_row(root, at)
    meaning = meaning_of(root)
    value: Any = [plain_of(one_line(row)) for row in rows]
    for key in reversed(keys):
        value = {key: value}
    container, slot = plain_row(meaning, at)
    container[slot] = value
    node = body.rows[index]
    if _in_brackets(body):
        written = in_brackets(value)
    else:
        written = _in_lines(keys, rows, node.place.column - 1)
    edited = placed[: node.start] + written + placed[node.end :]
    return first([(meaning, edited)], word or name)


def _in_lines(keys: list[str], rows: Sequence[str], column: int) -> str:
    """Write keys and rows on lines of their own, each further in."""
    lines = [f"{' ' * (column + 2 * i)}{key}:" for i, key in enumerate(keys)]
    indent = " " * (column + 2 * len(keys))
    return "\n".join([*lines, *(f"{indent}- {one_line(row)}" for row in rows)]).lstrip(" ")


def _inserted(text: str, path: Path) -> Path:
    """Path that a row gets which is inserted at a path."""
    root = compose(text)
    body = find_body(root, path[:-1])
    if body is None:
        return (*path[:-1], min(int(path[-1]), 1 if len(path) > 1 else 0))
    return (*path[:-1], min(int(path[-1]), len(body.rows)))


@keeps_line_ends
def add_branch(text: str, path: Path, row: str) -> str:
    """Write a further branch of a cat or add, behind the others.

    Parameters
    ----------
    text, path
        The document, and the row that holds the branches.
    row : str
        The branch's first row.
    """
    root = compose(text)
    body, index = find_row(root, path)
    node = body.rows[index]
    keys = head_keys(node)
    if not keys or keys[-1][0].text not in BRANCHED:
        raise UserError("this row has no branches", "cat: and add: have")
    inner = body_of(node, body.flow)
    return insert_row(text, (*path, len(inner.rows) if inner else 0), row)


@keeps_line_ends
def wrap_row(text: str, path: Path, word: str, count: int = 1) -> str:
    """Put rows into a structure or group; those below are its rows then.

    Parameters
    ----------
    text, path
        As in `set_row`.
    word : str
        ``res``, ``side``, ``xN``, a name, or ``cat`` or ``add``: these get the rows as their first
        branch, and a second one that passes on what comes in.
    count : int
        How many rows are wrapped, the one at `path` first.
    """
    root = compose(text)
    body, index = find_row(root, path)
    if not body.listed:
        return wrap_row(as_list(text, path[:-1]), path, word, count)
    rows = body.rows[index : index + count]
    meaning = meaning_of(root)
    container, _ = plain_row(meaning, path)
    inner = container[index : index + count]
    short = len(rows) == 1 and rows[0].kind == "scalar" and word in ("res", "side")
    branches = [inner if len(rows) > 1 else inner[0], PASS]
    value = inner[0] if short else branches if word in BRANCHED else inner
    container[index : index + count] = [{word: value}]
    if body.node.flow:
        edited = _wrapped_in_brackets(text, rows, word, short)
    elif short:
        edited = f"{text[: rows[0].start]}{word}: {text[rows[0].start :]}"
    else:
        edited = _wrapped_lines(text, body, index, len(rows), word)
    return first([(meaning, edited)], f"{word}:")


def _wrapped_in_brackets(text: str, rows: Sequence[Node], word: str, short: bool) -> str:
    start, stop = rows[0].start, rows[-1].end
    inner = text[start:stop]
    if word in BRANCHED:
        inner = f"[{inner}], {PASS}" if len(rows) > 1 else f"{inner}, {PASS}"
    return f"{text[:start]}{word}: {inner if short else f'[{inner}]'}{text[stop:]}"


def _wrapped_lines(text: str, body: Body, index: int, count: int, word: str) -> str:
    """Write a head in front of rows, and the rows further in."""
    first_row, last = body.rows[index], body.rows[index + count - 1]
    end = line_end(text, last.end)
    column = first_row.place.column - 1
    branches = word in BRANCHED
    depth = 4 + 2 * (branches and count > 1)
    dashes = "- - " if branches and count > 1 else "- "
    below = closed(shifted_below(text, first_row.start, end, depth))
    indent = " " * (column + 2)
    more = f"{indent}- {PASS}\n" if branches else ""
    return f"{text[: first_row.start]}{word}:\n{indent}{dashes}{below}{more}{text[end:]}"


@keeps_line_ends
def unwrap_row(text: str, path: Path) -> str:
    """Put the rows of a structure or group in its place.

    Parameters
    ----------
    text, path
        The document, and the row that holds them; of cat and add, it has one branch only.
    """
    root = compose(text)
    outer, index = find_row(root, path)
    node = outer.rows[index]
    inner = body_of(node, outer.flow)
    if inner is None or not inner.rows:
        raise no_list(path)
    keys = head_keys(node)
    if keys and keys[-1][0].text in BRANCHED and len(inner.rows) > 1:
        raise UserError(
            f"this row has {len(inner.rows)} branches", "delete all but the one to keep"
        )
    more = [k.text for k, _ in node.pairs if not keys or k is not keys[0][0]]
    if more:
        raise UserError(f"the row {keys[0][0].text} has {more[0]}: below it", "delete that first")
    if not outer.listed:
        return unwrap_row(as_list(text, path[:-1]), path)
    meaning = meaning_of(root)
    container, slot = plain_row(meaning, path)
    container[slot : slot + 1] = _values(container[slot])
    return first([(meaning, _unwrapped(text, outer, index, inner))], shown(node))


def _values(row: Any) -> list[Any]:
    while isinstance(row, dict):
        key, row = next(iter(row.items()))
        if key in ("res", "side", *BRANCHED) and isinstance(row, dict):
            return [row]
    return row if isinstance(row, list) else [row]


def _in_brackets(body: Body) -> bool:
    return body.node.flow if body.listed else body.flow


def _unwrapped(text: str, outer: Body, index: int, inner: Body) -> str:
    node = outer.rows[index]
    if outer.node.flow:
        kept = text[inner.rows[0].start : inner.rows[-1].end]
        if "#" in text[node.start : node.end].replace(kept, ""):
            raise UserError("a comment stands in this row", "edit it in the text")
        return text[: node.start] + kept + text[node.end :]
    dash = dash_of(text, outer.node, index)
    stop = line_end(text, node.end)
    lines = _lines_of(text, dash, stop, inner, outer.node.place.column - 1)
    if is_inline(text, dash):
        return text[:dash] + lines.lstrip(" ") + text[stop:]
    return text[: line_start(text, dash)] + lines + text[stop:]


def _lines_of(text: str, dash: int, stop: int, inner: Body, column: int) -> str:
    """Lines of the rows that a row holds, each with a dash in a column; its remarks go first."""
    indent = " " * column
    if inner.listed and not inner.node.flow:
        own = inner.node.place.column - 1
        said = _remarks(text[dash : inner.node.start], indent)
        return said + closed(indented(" " * own + text[inner.node.start : stop], column - own))
    first_row, last = inner.rows[0], inner.rows[-1]
    if "#" in text[inner.node.start : inner.node.end]:
        raise UserError("a comment stands between these rows", "edit them in the text")
    by = column + 2 - (first_row.place.column - 1)
    texts = [text[row.start : row.end] for row in inner.rows]
    lines = [f"{indent}- {shifted_below(one, 0, len(one), by)}" for one in texts]
    rest = text[inner.node.end if inner.listed else last.end : stop]
    return _remarks(text[dash : first_row.start], indent) + "\n".join(lines) + closed(rest)


def _remarks(text: str, indent: str) -> str:
    """Comments of a text, on lines of their own."""
    found = (line.partition("#")[2].strip() for line in text.split("\n") if "#" in line)
    return "".join(f"{indent}# {remark}\n" for remark in found)
