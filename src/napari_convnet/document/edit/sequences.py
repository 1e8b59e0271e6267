"""Making lists of single rows, so that more rows can stand beside them."""

from __future__ import annotations

from ..nodes import Node, compose
from .checked import first, meaning_of
from .lines import line_end, shifted_below
from .spots import Body, Path, find_body, find_row, no_list, plain_body, plain_row, shown


def as_list(text: str, path: Path) -> str:
    """Make a list of the only row that a row holds: ``res: conv 8`` becomes a list of one."""
    root = compose(text)
    body = find_body(root, path)
    if body is None:
        raise no_list(path)
    if body.listed:
        return text
    meaning = meaning_of(root)
    container, key = plain_body(meaning, path)
    container[key] = [container[key]]
    return first([(meaning, _listed(text, body))], shown(body.node))


def _listed(text: str, body: Body) -> str:
    node, key = body.node, body.key
    assert key is not None, "a single row stands behind a key"
    if body.flow:
        return _in_list(text, node)
    if node.place.line > key.place.line:
        return _behind_dash(text, node)
    end = line_end(text, node.end)
    below = shifted_below(text, node.start, end, 4)
    colon = text.index(":", key.end) + 1
    return f"{text[:colon]}\n{' ' * (key.place.column + 1)}- {below}{text[end:]}"


def sequence_of(text: str, path: Path) -> str:
    """Make a list of a row: the branch ``conv 8`` becomes a list of one row."""
    root = compose(text)
    body, index = find_row(root, path)
    node = body.rows[index]
    meaning = meaning_of(root)
    container, key = plain_row(meaning, path)
    container[key] = [container[key]]
    edited = _in_list(text, node) if _in_brackets(body) else _behind_dash(text, node)
    return first([(meaning, edited)], shown(node))


def _in_brackets(body: Body) -> bool:
    return body.node.flow if body.listed else body.flow


def _in_list(text: str, node: Node) -> str:
    return f"{text[: node.start]}[{text[node.start : node.end]}]{text[node.end :]}"


def _behind_dash(text: str, node: Node) -> str:
    end = line_end(text, node.end)
    return f"{text[: node.start]}- {shifted_below(text, node.start, end, 2)}{text[end:]}"
