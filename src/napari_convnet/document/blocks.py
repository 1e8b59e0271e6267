"""Blocks, from nodes: ``two(a, b=32, skip): conv $a relu conv $b relu``."""

from __future__ import annotations

import re

from napari_convnet.network import NAME, Block, Item, Param, Problem, quoted

from .nodes import Node
from .rows import read_body

_HEAD = re.compile(r"\s*([^\s()]+)\s*(?:\(([^()]*)\))?\s*\Z")
_DEFAULT = re.compile(r"[\d.()+*/$A-Za-z_-]{1,60}\Z", re.ASCII)


def read_blocks(node: Node) -> tuple[tuple[Block, ...], tuple[Problem, ...]]:
    """Read the blocks of a ``blocks:`` section, and what is wrong with it as a whole."""
    if node.empty:
        return (), ()
    if node.kind != "map":
        fix = "write each as NAME(PARAMETERS): LAYERS, on lines of their own below"
        return (), (Problem("blocks is a section", fix, node.place),)
    return tuple([_block(key, value) for key, value in node.pairs]), ()


def _block(key: Node, value: Node) -> Block:
    match = _HEAD.match(key.text)
    if match is None:
        what = f"cannot read {quoted(key.text)} as a block's name and parameters"
        problem = Problem(what, "write for example two(a, b=32):", key.place)
        # Known by what its name seems to be, so that its calls are no further mistakes.
        called = re.split(r"\W", key.text.strip(), maxsplit=1, flags=re.ASCII)[0] or key.text
        return Block(called, (), (), key.place, (problem,), key.text)
    name, inside = match.groups()
    problems: list[Problem] = []
    params = _params(inside or "", key, problems)
    return Block(name, params, _body(name, key, value), key.place, tuple(problems), key.text)


def _body(name: str, key: Node, value: Node) -> tuple[Item, ...]:
    if value.empty or (value.kind == "list" and not value.items):
        problem = Problem(f"the block {name} has no layers", "write them behind it", key.place)
        return (Item(key.place, problems=(problem,), path=(name, 0)),)
    return read_body(value, (name,))


def _params(text: str, key: Node, problems: list[Problem]) -> tuple[Param, ...]:
    found: list[Param] = []
    if not text.strip():
        return ()
    for part in text.split(","):
        name, equals, default = (word.strip() for word in part.partition("="))
        wrong = _wrong_param(name, [param.name for param in found])
        readable = not equals or _DEFAULT.match(default)
        if not wrong:
            found.append(Param(name, default if equals and readable else None))
            wrong = "" if readable else f"cannot read {quoted(default)} as the default of {name}"
        if wrong:
            problems.append(Problem(wrong, "write for example two(a, b=32):", key.place))
    return tuple(found)


def _wrong_param(name: str, before: list[str]) -> str:
    if not name:
        return "a parameter's name is missing between the commas"
    if not NAME.match(name):
        return f"{quoted(name)} is no name of a parameter"
    if name == "in":
        return "$in is always the number of incoming channels, and no parameter"
    if name in before:
        return f"the parameter {name} stands here twice"
    return ""
