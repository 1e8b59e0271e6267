"""Settings: keys of the document and of its sections."""

from __future__ import annotations

from typing import Any

from napari_convnet.network import UserError

from ..nodes import Node, compose
from .brackets import with_entry, without_entry
from .checked import first, in_quotes, keeps_line_ends, meaning_of, one_line
from .lines import closed, line_end, line_start


@keeps_line_ends
def set_value(text: str, key: str, value: str | None) -> str:
    """Write a setting, such as ``train.epochs``; None takes it out.

    Parameters
    ----------
    text : str
        The document.
    key : str
        A key, or a section and a key with a dot between.
    value : str or None
        What stands behind the colon: a line, or a list in brackets.
    """
    root = compose(text)
    path = key.split(".")
    if root.kind != "map":
        raise UserError("this is no pipeline", "begin with: input: 1x28x28")
    meaning = meaning_of(root)
    if value is None:
        if root.at(*path) is None:
            return text
        _put(meaning, path, None)
        return first([(meaning, without_key(text, root, path))], f"{key}:")
    value = one_line(value)
    bracket = value.startswith(("[", "{"))
    _put(meaning, path, compose(f"v: {value}").get("v") if bracket else value)
    spellings = (value,) if bracket else (value, in_quotes(value))
    texts = (_with_value(text, root, path, one) for one in spellings)
    return first(((meaning, one) for one in texts), f"{key}: {value}")


def _put(meaning: Any, path: list[str], value: Any) -> None:
    *sections, key = path
    for section in sections:
        if not isinstance(meaning.get(section), dict):
            meaning[section] = {}
        meaning = meaning[section]
    meaning[key] = value


def _pair(root: Node, path: list[str]) -> tuple[Node, Node, Node]:
    """Section, key and value at the end of a path."""
    parent = root if len(path) == 1 else root.get(path[0])
    assert parent is not None, "asked for only where it is there"
    key, value = next((k, v) for k, v in parent.pairs if k.text == path[-1])
    return parent, key, value


def _with_value(text: str, root: Node, path: list[str], value: str) -> str:
    node = root.at(*path)
    if node is None:
        return with_key(text, root, path, value)
    blank = "" if text[node.start - 1] in " \n[{," else " "
    if node.kind == "scalar" or node.flow:
        return text[: node.start] + blank + value + text[node.stop :]
    _, key, _ = _pair(root, path)
    colon = text.index(":", key.end) + 1
    return f"{text[:colon]} {value}{text[node.end :]}"


def with_key(text: str, root: Node, path: list[str], value: str) -> str:
    """Add a key to the document or to a section."""
    parent = root if len(path) == 1 else root.get(path[0])
    entry = f"{path[-1]}: {value}" if not value.startswith("\n") else f"{path[-1]}:{value}"
    if parent is None:
        if root.flow:
            return with_entry(text, root, f"{path[0]}: {{{entry}}}")
        return f"{closed(text)}{path[0]}:\n  {entry}\n"
    if parent.empty:
        _, key, _ = _pair(root, path[:1])
        cut = text[: parent.start].rstrip(" ") + text[parent.stop :] if parent.text else text
        end = line_end(cut, key.end)
        return f"{closed(cut[:end])}  {entry}\n{cut[end:]}"
    if parent.kind != "map":
        raise UserError(f"{path[0]} is no section", "write its keys on lines of their own below")
    if parent.flow:
        return with_entry(text, parent, entry)
    if parent is root:
        return f"{closed(text)}{entry}\n"
    end = line_end(text, parent.end)
    indent = " " * (parent.pairs[0][0].place.column - 1)
    return f"{closed(text[:end])}{indent}{entry}\n{text[end:]}"


def without_key(text: str, root: Node, path: list[str]) -> str:
    """Take a key out; the last key of a section takes the section along."""
    parent, key, value = _pair(root, path)
    if len(path) > 1 and len(parent.pairs) == 1:
        return without_key(text, root, path[:1])
    if parent.flow:
        return without_entry(text, parent, key)
    return text[: line_start(text, key.start)] + text[line_end(text, max(value.end, key.end)) :]
