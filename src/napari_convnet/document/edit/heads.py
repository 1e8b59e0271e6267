"""Heads of rows that hold rows: ``g:``, ``x3:``, ``res:``, ``r1: res:``."""

from __future__ import annotations

import re
from typing import Any

from napari_convnet.network import UserError, name_problem
from napari_convnet.network.items import ROW_KEYS, STRUCTURES

from ..nodes import Node, compose
from .checked import first, meaning_of
from .lines import indented, line_end, shifted_below
from .spots import Path, find_row, head_keys, plain_row, shown

_REPEAT = re.compile(r"x[1-9][0-9]*\Z")


def set_head(text: str, path: Path, row: str) -> str:
    """Give a row that holds rows another name or word; its rows stay.

    Parameters
    ----------
    text, path
        As in `set_row`.
    row : str
        ``c1:``, ``x3:``, ``res:`` or ``r1: res:``.
    """
    root = compose(text)
    body, index = find_row(root, path)
    node = body.rows[index]
    flow = body.node.flow if body.listed else body.flow
    if row == shown(node) and row:
        return text
    old = [key.text for key, _ in head_keys(node)]
    new = _keys(row, node)
    if len(new) > len(old):
        edited, kept = _grown(text, node, new[0], flow), [new[0], *old]
    elif len(new) < len(old):
        edited, kept = _shrunk(text, node), old[1:]
    else:
        edited, kept = text, old
    meaning = meaning_of(root)
    _set_plain(meaning, path, kept)
    edited = first([(meaning, edited)], row)
    return edited if kept == new else _renamed(edited, path, new)


def _keys(row: str, node: Node) -> list[str]:
    """Read the keys of a head."""
    words = [word.strip() for word in row.removesuffix(":").split(":")]
    fix = "give it a name or xN, or edit its rows"
    if node.kind == "list" and (len(words) > 1 or not words[0]):
        raise UserError("this row holds a group", "edit its rows")
    if len(words) > 2 or not all(_may_lead(word) for word in words):
        if node.kind == "list":
            raise UserError("this row holds a group", "edit its rows")
        word = head_keys(node)[-1][0].text
        if word in STRUCTURES:
            fix = f"write {word}: or NAME: {word}:, or edit its rows"
        what = "a group" if word not in STRUCTURES else f"the rows of its {word}:"
        raise UserError(f"this row holds {what}", fix)
    return words


def _may_lead(word: str) -> bool:
    return word in STRUCTURES or bool(_REPEAT.match(word)) or not name_problem(word)


def _set_plain(meaning: Any, path: Path, keys: list[str]) -> None:
    """Give what a row means these keys in front of its rows."""
    container, index = plain_row(meaning, path)
    row = container[index]
    extras = {k: v for k, v in row.items() if k in ROW_KEYS} if isinstance(row, dict) else {}
    inner = _inside(row)
    for key in reversed(keys):
        inner = {key: inner}
    container[index] = {**inner, **extras} if isinstance(inner, dict) else inner


def _inside(row: Any) -> Any:
    """Rows of a row, without the keys in front."""
    if not isinstance(row, dict):
        return row
    key = next(key for key in row if key not in ROW_KEYS)
    value = row[key]
    return _inside(value) if isinstance(value, dict) and key not in STRUCTURES else value


def _grown(text: str, node: Node, name: str, flow: bool) -> str:
    """Put a name in front of the keys of a row."""
    keys = head_keys(node)
    if not keys:
        if node.flow:
            return f"{text[: node.start]}{name}: {text[node.start :]}"
        indent = " " * (node.place.column - 1)
        return f"{text[: node.start]}{name}:\n{indent}{text[node.start :]}"
    key, value = keys[0]
    if flow or node.flow:
        return f"{text[: key.start]}{name}: {{{text[key.start : value.end]}}}{text[value.end :]}"
    end = line_end(text, value.end)
    below = shifted_below(text, key.start, end, 2)
    return f"{text[: key.start]}{name}:\n{' ' * (key.place.column + 1)}{below}{text[end:]}"


def _shrunk(text: str, node: Node) -> str:
    """Take the name out in front of the word of a row."""
    (key, value), (inner, rows) = head_keys(node)
    more = next((k.text for k, _ in node.pairs if k is not key), "")
    if more:
        raise UserError(
            f"the row {key.text} has {more}: below it, which needs its name",
            f"keep {key.text}: in front",
        )
    if value.flow:
        return text[: key.start] + text[inner.start : rows.end] + text[value.end :]
    end = line_end(text, rows.end)
    remark = text[key.end + 1 : inner.start].partition("#")[1:]
    note = f"  # {remark[1].split(chr(10))[0].strip()}" if remark[0] else ""
    lines = text[inner.start : end]
    cut = line_end(lines, 0)
    by = key.place.column - inner.place.column
    first_line = lines[:cut].rstrip("\n") + note + "\n" * lines[:cut].endswith("\n")
    return text[: key.start] + first_line + indented(lines[cut:], by) + text[end:]


def _renamed(text: str, path: Path, new: list[str]) -> str:
    """Write the keys of a row anew, as many as it has."""
    root = compose(text)
    body, index = find_row(root, path)
    keys = head_keys(body.rows[index])
    meaning = meaning_of(root)
    _set_plain(meaning, path, new)
    for (key, _), word in reversed(list(zip(keys, new, strict=True))):
        text = text[: key.start] + word + text[key.end :]
    return first([(meaning, text)], ": ".join(new))
