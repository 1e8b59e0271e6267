"""What pydantic finds wrong with a section, told with its place."""

from __future__ import annotations

from typing import Any

from napari_convnet.network import Problem, did_you_mean, quoted

from .models import Data, Train
from .nodes import Node
from .vocabulary import OPTIMIZERS

_FIRST = {"data": "source: digits", "train": "epochs: 10"}
_OPTIMIZER_KEYS = {key for keys in OPTIMIZERS.values() for key in keys}


def filled(section: Node) -> Any:
    """Give a section as plain values; a key without a value is as if it were not there."""
    if section.kind != "map":
        return section.plain()
    known = {**Data.model_fields, **Train.model_fields}
    pairs = ((key.text, value) for key, value in section.pairs)
    return {key: value.plain() for key, value in pairs if not (value.empty and key in known)}


def mistake_problem(mistake: Any, root: Node) -> Problem:
    """Give what pydantic found as a problem with its place."""
    loc = [step for step in mistake["loc"] if isinstance(step, str)]
    node, key = _find(root, loc)
    if mistake["type"] == "extra_forbidden":
        section = Data if loc[0] == "data" else Train
        known = f"{loc[0]} has {', '.join(section.model_fields)}"
        if loc[-1] in _OPTIMIZER_KEYS:
            known = f"it belongs to the optimizer: optimizer: adam {loc[-1]} NUMBER"
        fix = did_you_mean(loc[-1], section.model_fields, known)
        return Problem(f"unknown key {quoted(loc[-1])} in {loc[0]}", fix, (key or root).place)
    if mistake["type"] in ("model_type", "dict_type", "model_attributes_type"):
        such = _FIRST.get(loc[-1], "KEY: VALUE")
        fix = f"write its keys on lines of their own below, such as {such}"
        return Problem(f"{loc[-1]} is a section", fix, node.place)
    if mistake["type"] == "string_type":
        return Problem(f"{loc[-1]} is one line of text", "write it behind the colon", node.place)
    message = str(mistake.get("ctx", {}).get("error", mistake["msg"]))
    what, _, fix = message.partition("; ")
    return Problem(what, fix, node.place)


def _find(root: Node, loc: list[str]) -> tuple[Node, Node | None]:
    node, key = root, None
    for step in loc:
        pair = next(((k, v) for k, v in node.pairs if k.text == step), None)
        if pair is None:
            break
        key, node = pair
    return node, key


def drop(plain: dict[str, Any], loc: tuple[Any, ...]) -> None:
    """Take a wrong value out, so that the rest can be checked."""
    section = plain.get(loc[0])
    if len(loc) > 1 and isinstance(section, dict) and loc[1] in section:
        del section[loc[1]]
    else:
        plain.pop(loc[0], None)
