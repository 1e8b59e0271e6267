"""Rows and keys in brackets: ``[conv 8, relu]`` and ``{epochs: 3}``."""

from __future__ import annotations

from typing import Any

from napari_convnet.network import UserError

from ..nodes import Node


def in_brackets(value: Any) -> str:
    """Write plain values in brackets, without quotes.

    Examples
    --------
    >>> in_brackets({"res": ["conv 8", {"c1": "conv 9"}]})
    'res: [conv 8, c1: conv 9]'
    """
    if isinstance(value, list):
        return f"[{', '.join(in_brackets(item) for item in value)}]"
    if not isinstance(value, dict):
        return str(value)
    pairs = ", ".join(f"{key}: {_valued(item)}" for key, item in value.items())
    return pairs if len(value) == 1 else f"{{{pairs}}}"


def _valued(value: Any) -> str:
    written = in_brackets(value)
    return f"{{{written}}}" if isinstance(value, dict) and len(value) == 1 else written


def with_item(text: str, rows: Node, index: int, row: str) -> str:
    """Put a row in front of the one at `index`, or behind the last one."""
    if not rows.items:
        return f"{text[: rows.start]}[{row}]{text[rows.stop :]}"
    if index < len(rows.items):
        at = rows.items[index].start
        return f"{text[:at]}{row}, {text[at:]}"
    at = rows.items[-1].stop
    return f"{text[:at]}, {row}{text[at:]}"


def _cut(text: str, rows: Node, index: int) -> tuple[int, int]:
    """Characters of an item, with the comma that belongs to it."""
    items = rows.items
    if index + 1 < len(items):
        start, stop = items[index].start, items[index + 1].start
    else:
        start, stop = (items[index - 1].stop if index else items[0].start), items[index].stop
    if "#" in text[start:stop]:
        raise UserError("a comment stands between these rows", "edit them in the text")
    return start, stop


def without_item(text: str, rows: Node, index: int) -> str:
    """Take a row out."""
    start, stop = _cut(text, rows, index)
    return text[:start] + text[stop:]


def moved_item(text: str, rows: Node, index: int, to: int) -> str:
    """Put a row at another index."""
    inner = text[rows.items[0].start : rows.items[-1].stop]
    if "#" in inner:
        raise UserError("a comment stands between these rows", "edit them in the text")
    texts = [text[item.start : item.stop].rstrip() for item in rows.items]
    between = [
        text[a.start + len(one) : b.start]
        for a, b, one in zip(rows.items, rows.items[1:], texts, strict=False)
    ]
    texts.insert(to, texts.pop(index))
    joined = "".join(a + b for a, b in zip(texts, [*between, ""], strict=True))
    return text[: rows.items[0].start] + joined + text[rows.items[-1].stop :]


def with_entry(text: str, section: Node, entry: str) -> str:
    """Put a key into a mapping."""
    comma = ", " if section.pairs else ""
    at = section.pairs[-1][1].end if section.pairs else section.stop - 1
    return f"{text[:at]}{comma}{entry}{text[at:]}"


def without_entry(text: str, section: Node, key: Node) -> str:
    """Take a key out of a mapping."""
    keys = [one for one, _ in section.pairs]
    index = keys.index(key)
    if index + 1 < len(keys):
        start, stop = key.start, keys[index + 1].start
    else:
        start = section.pairs[index - 1][1].end if index else key.start
        stop = section.pairs[index][1].end
    if "#" in text[start:stop]:
        raise UserError("a comment stands between these keys", "edit them in the text")
    return text[:start] + text[stop:]
