"""Definitions of blocks: adding, renaming and deleting them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from napari_convnet.network import UserError
from napari_convnet.network.items import ROW_KEYS

from ..nodes import Node, compose
from .brackets import with_entry
from .checked import first, keeps_line_ends, meaning_of, one_line
from .keys import with_key
from .lines import closed, line_end, line_start
from .spots import block_name, find_block, plain_of


@keeps_line_ends
def add_block(text: str, head: str, row: str) -> str:
    """Define a block, behind the others or in a section above the network.

    Parameters
    ----------
    text : str
        The document.
    head : str
        Its name and parameters: ``two(a, b=32)``.
    row : str
        Its first row.
    """
    root, head, row = compose(text), one_line(head).removesuffix(":"), one_line(row)
    meaning = meaning_of(root)
    blocks = meaning.setdefault("blocks", {}) or {}
    meaning["blocks"] = blocks if isinstance(blocks, dict) else {}
    if any(block_name(key) == block_name(head) for key in meaning["blocks"]):
        raise UserError(f"there is a block {block_name(head)} already", "choose another name")
    meaning["blocks"][head] = [plain_of(row)]
    return first([(meaning, _with_block(text, root, head, row))], head)


def _with_block(text: str, root: Node, head: str, row: str) -> str:
    section = root.get("blocks")
    if section is not None:
        if section.flow:
            return with_entry(text, section, f'"{head}": [{row}]')
        column = section.pairs[0][0].place.column - 1 if section.pairs else 2
        if section.pairs:
            end = line_end(text, section.end)
            indent = " " * column
            return f"{closed(text[:end])}{indent}{head}:\n{indent}  - {row}\n{text[end:]}"
        return with_key(text, root, ["blocks", head], f"\n    - {row}")
    if root.flow:
        return with_entry(text, root, f'blocks: {{"{head}": [{row}]}}')
    lines = f"blocks:\n  {head}:\n    - {row}\n"
    net = next((key for key, _ in root.pairs if key.text == "net"), None)
    if net is None:
        return closed(text) + lines
    at = line_start(text, net.start)
    return text[:at] + lines + text[at:]


@keeps_line_ends
def set_block(text: str, name: str, head: str) -> str:
    """Give a block another name or other parameters; its calls get the new name too.

    Parameters
    ----------
    text : str
        The document.
    name : str
        The block's name.
    head : str
        Its new name and parameters: ``two(a, b=32)``.
    """
    root, head = compose(text), one_line(head).removesuffix(":")
    section, key, _ = find_block(root, name)
    new = block_name(head)
    taken = [block_name(k.text) for k, _ in section.pairs]
    if new != name and new in taken:
        raise UserError(f"there is a block {new} already", "choose another name")
    meaning = meaning_of(root)
    blocks = {head if k == key.text else k: v for k, v in meaning["blocks"].items()}
    word = re.compile(rf"(?<![^\s'\"]){re.escape(name)}(?![^\s'\"])")
    meaning["blocks"] = _called(blocks, word, new)
    meaning["net"] = _called(meaning.get("net"), word, new)
    written = f'"{head}"' if key.flow else head
    splices = [(key.start, key.end, written)]
    for part in ("net", "blocks"):
        for line in _lines(root.get(part)):
            old = text[line.start : line.end]
            if word.search(old):
                splices.append((line.start, line.end, word.sub(new, old)))
    for start, stop, piece in sorted(splices, reverse=True):
        text = text[:start] + piece + text[stop:]
    return first([(meaning, text)], head)


def _called(value: Any, word: re.Pattern[str], new: str) -> Any:
    """Give plain rows with calls of a block under its new name."""
    if isinstance(value, list):
        return [_called(item, word, new) for item in value]
    if isinstance(value, dict):
        return {k: v if k in ROW_KEYS else _called(v, word, new) for k, v in value.items()}
    return word.sub(new, value) if isinstance(value, str) else value


def _lines(node: Node | None) -> Iterator[Node]:
    """Scalars that are lines of layers."""
    if node is None:
        return
    if node.kind == "scalar":
        yield node
    for item in node.items:
        yield from _lines(item)
    for key, value in node.pairs:
        if key.text not in ROW_KEYS:
            yield from _lines(value)
