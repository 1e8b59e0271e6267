"""Where a row stands: in the text, as nodes, and in what the text means, as plain values.

A path is the index of a row, then of the row in it, and so on; the rows of a block's definition
begin with its name. A branch of cat or add is a row of it, so that the rows of a branch that is a
list have a path (row, branch, row in it).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from napari_convnet.network import UserError
from napari_convnet.network.items import ROW_KEYS, STRUCTURES

from ..nodes import Node

Path = Sequence[int | str]
Slot = tuple[Any, Any]
"""A list or dict of plain values, and the index or key of one of them."""

BRANCHED = ("cat", "add")
"""Structures whose rows are branches."""


@dataclass(frozen=True, slots=True)
class Body:
    """Rows that stand together: a list, or the only row behind a key.

    Parameters
    ----------
    node : Node
        The list, or the only row.
    key : Node or None
        The key that it is the value of.
    flow : bool
        Whether its rows stand in brackets.
    """

    node: Node
    key: Node | None
    flow: bool

    @property
    def listed(self) -> bool:
        """Whether it is a list, to which rows can be added."""
        return self.node.kind == "list"

    @property
    def rows(self) -> tuple[Node, ...]:
        """The rows."""
        if self.listed:
            return self.node.items
        return () if self.node.empty else (self.node,)


# ---------------------------------------------------------------- nodes


def find_body(root: Node, path: Path) -> Body | None:
    """Find the rows below a path; None where the network is empty, or the row holds no rows."""
    body, rest = _top(root, path)
    for index in rest:
        if body is None or not isinstance(index, int) or index >= len(body.rows):
            raise no_row(index)
        body = body_of(body.rows[index], body.flow)
    return body


def _top(root: Node, path: Path) -> tuple[Body | None, Path]:
    """Rows of the network, or of a block, and the path that leads on from there."""
    if path and isinstance(path[0], str):
        section, key, value = find_block(root, path[0])
        return _valued(key, value, section.flow), path[1:]
    net = root.get("net")
    if net is None or net.empty or (net.kind == "list" and not net.items):
        return None, path
    if net.kind != "list":
        raise UserError("the network is no list of rows", "edit it in the text")
    return Body(net, None, net.flow), path


def find_block(root: Node, name: str) -> tuple[Node, Node, Node]:
    """Find the definition of a block: the section, its key and its body."""
    section = root.get("blocks")
    for key, value in section.pairs if section else ():
        if block_name(key.text) == name:
            assert section is not None
            return section, key, value
    raise UserError(f"there is no block {name}", "define it in blocks:")


def block_name(key: str) -> str:
    """Name of a block, out of ``two(a, b=32)``."""
    return key.split("(")[0].strip()


def body_of(row: Node, flow: bool) -> Body | None:
    """Rows that a row holds; None where it is a line."""
    if row.kind == "list":
        return Body(row, None, row.flow)
    if row.kind == "scalar" or not row.pairs:
        return None
    key, value = head(row)
    inside = flow or row.flow
    if key.text not in STRUCTURES:
        if value.kind == "map":
            return body_of(value, inside)
        if value.kind == "scalar":
            return None
    return _valued(key, value, inside)


def _valued(key: Node, value: Node, flow: bool) -> Body:
    return Body(value, key, value.flow if value.kind == "list" else flow)


def find_row(root: Node, path: Path) -> tuple[Body, int]:
    """Find a row: those it stands among, and its index."""
    body, index = find_body(root, path[:-1]), path[-1]
    if body is None and len(path) > 1:
        raise no_list(path)
    if body is None or not isinstance(index, int) or index >= len(body.rows):
        raise no_row(index)
    return body, index


def no_list(path: Path) -> UserError:
    """Error for a row that holds no rows."""
    where = "this row" if path else "the network"
    return UserError(f"{where} is no list of rows", "edit it in the text")


def no_row(index: int | str) -> UserError:
    """Error for a path that leads nowhere."""
    return UserError(f"there is no row {index + 1 if isinstance(index, int) else index} here")


def head(node: Node) -> tuple[Node, Node]:
    """Key and value of a row that is a mapping: its name and line."""
    return next(((k, v) for k, v in node.pairs if k.text not in ROW_KEYS), node.pairs[0])


def head_keys(node: Node) -> list[tuple[Node, Node]]:
    """Keys, with their values, in front of the rows that a row holds: its name, then its word."""
    if node.kind != "map" or not node.pairs:
        return []
    key, value = head(node)
    if value.kind == "map" and key.text not in STRUCTURES:
        return [(key, value), *head_keys(value)]
    return [(key, value)]


def is_branch(root: Node, path: Path) -> bool:
    """Whether a row is a branch of cat or add."""
    if len(path) < 2:
        return False
    if len(path) == 2 and isinstance(path[0], str):
        return False
    body, index = find_row(root, path[:-1])
    keys = head_keys(body.rows[index])
    return bool(keys) and keys[-1][0].text in BRANCHED


def shown(node: Node) -> str:
    """Text of a row, as an editor shows it."""
    keys = head_keys(node)
    if not keys:
        return " ".join(node.text.split())
    names = " ".join(f"{key.text}:" for key, _ in keys)
    if body_of(node, False) is not None:
        return names
    return f"{names} {' '.join(keys[-1][1].text.split())}".strip()


# ---------------------------------------------------------------- plain values


def plain_body(meaning: Any, path: Path) -> Slot:
    """Slot of the rows below a path: of a list, or of the only row."""
    if path and isinstance(path[0], str):
        blocks = meaning["blocks"]
        slot: Slot = (blocks, next(key for key in blocks if block_name(key) == path[0]))
        rest = path[1:]
    else:
        slot, rest = (meaning, "net"), path
    for index in rest:
        slot = _inner(_row_in(slot, index))
    return slot


def plain_row(meaning: Any, path: Path) -> Slot:
    """Slot of a row."""
    return _row_in(plain_body(meaning, path[:-1]), path[-1])


def _row_in(slot: Slot, index: Any) -> Slot:
    body = slot[0][slot[1]]
    return (body, index) if isinstance(body, list) else slot


def _inner(slot: Slot) -> Slot:
    value = slot[0][slot[1]]
    if isinstance(value, list):
        return slot
    key = next(key for key in value if key not in ROW_KEYS)
    if isinstance(value[key], dict) and key not in STRUCTURES:
        return _inner((value, key))
    return value, key


def plain_insert(meaning: Any, path: Path, value: Any) -> None:
    """Put a row in front of the one at a path."""
    slot = plain_body(meaning, path[:-1])
    body = slot[0].get(slot[1]) if isinstance(slot[0], dict) else slot[0][slot[1]]
    if not isinstance(body, list):
        body = slot[0][slot[1]] = []
    body.insert(int(path[-1]), value)


def plain_delete(meaning: Any, path: Path) -> None:
    """Take a row out, and what would be left empty by it."""
    if len(path) == 1 and isinstance(path[0], str):
        blocks = meaning["blocks"]
        del blocks[next(key for key in blocks if block_name(key) == path[0])]
        return
    container, key = plain_row(meaning, path)
    alone = not isinstance(container, list) or len(container) == 1
    if alone and len(path) > 1:
        plain_delete(meaning, path[:-1])
    else:
        del container[key]


NAMED_STRUCTURE = re.compile(rf"([A-Za-z]\w*): ({'|'.join(STRUCTURES)}|x[1-9]\d*):(?: (.+))?\Z")
"""``r1: res: conv 8``: a structure with a name, on one line."""


def plain_of(row: str, node: Node | None = None) -> Any:
    """Give what a row means, with what the row it replaces has beside its line."""
    beside = {k.text: v.plain() for k, v in node.pairs} if node is not None else {}
    extras = {key: value for key, value in beside.items() if key in ROW_KEYS}
    match = NAMED_STRUCTURE.match(row)
    if match:
        return {match[1]: {match[2]: match[3] or ""}, **extras}
    name, colon, line = f"{row} ".partition(": ")
    if not colon:
        return row
    return {name: line.strip(), **extras}
