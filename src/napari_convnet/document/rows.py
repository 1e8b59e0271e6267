"""Rows of the network, from nodes: names, lines, groups and what else a row says."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any

from napari_convnet.network import OPS, Extras, Item, Place, Problem
from napari_convnet.network.items import ROW_KEYS, STRUCTURES

from .nodes import Node

_REPEAT = re.compile(r"x(\d+)\Z")


def read_items(node: Node, path: tuple[int, ...] = ()) -> tuple[Item, ...]:
    """Read the rows of a ``net:`` or of a group."""
    if node.kind != "list":
        problem = Problem(
            "the network is a list of rows", "begin each with a dash: - conv 8 relu", node.place
        )
        return (Item(node.place, problems=(problem,), path=(*path, 0)),)
    return tuple(_item(item, (*path, index)) for index, item in enumerate(node.items))


def _item(node: Node, path: tuple[int, ...]) -> Item:
    if node.kind == "scalar":
        return Item(node.place, line=node.text, line_place=_inside(node), path=path)
    if node.kind == "list":
        return Item(node.place, body=read_items(node, path), path=path)
    return _Mapping(node, path).item()


def _inside(node: Node) -> Place:
    """Place of a scalar's first character, inside its quotes."""
    place = node.place
    if not node.flow:
        return place
    return Place(place.line, place.column + 1, place.end_line, place.end_column - 1)


@dataclass
class _Mapping:
    """A row that is a mapping: one key that makes layers, and keys that say more about them."""

    node: Node
    path: tuple[int, ...]
    problems: list[Problem] = field(default_factory=list)

    def item(self) -> Item:
        heads = [(k, v) for k, v in self.node.pairs if k.text not in ROW_KEYS]
        if len(heads) != 1:
            return self._no_head(heads)
        key, value = heads[0]
        if key.text in STRUCTURES:
            return self._fail(f"{key.text}: is not built yet", "write the layers in sequence", key)
        if key.text in OPS:
            return self._fail(
                f'"{key.text}:" has a colon behind an op',
                f"write - {key.text} {value.text}, or - NAME: {key.text} {value.text}",
                key,
            )
        repeat = _REPEAT.match(key.text)
        extras = self._extras()
        if repeat and value.kind != "list":
            return self._fail(
                f"{key.text}: repeats a list of rows",
                f"write - NAME: {value.text} {key.text}, or indent rows with dashes below",
                key,
            )
        name = "" if repeat else key.text
        if value.kind == "map":
            return self._nested(key, value)
        if value.empty:
            return self._fail(f"{key.text}: has no layers", "write them behind the colon", key)
        common: dict[str, Any] = {
            "name": name,
            "name_place": key.place,
            "extras": extras,
            "path": self.path,
            "problems": tuple(self.problems),
        }
        if value.kind == "scalar":
            return Item(key.place, line=value.text, line_place=_inside(value), **common)
        if extras.on_weights:
            self.problems.append(
                Problem("w, b and freeze need a line of layers", "give them a row", key.place)
            )
        count = int(repeat.group(1)) if repeat else 1
        common["problems"] = tuple(self.problems)
        return Item(key.place, body=read_items(value, self.path), repeat=count, **common)

    def _nested(self, key: Node, value: Node) -> Item:
        """``NAME: {x3: [...]}``: a named row whose value is a row itself."""
        inner = _Mapping(value, self.path).item()
        if inner.name or not inner.body:
            return self._fail(
                f"cannot read what stands behind {key.text}:",
                "write a line of layers, a list of rows, or x3: and a list",
                key,
            )
        return Item(
            key.place,
            key.text,
            key.place,
            body=inner.body,
            repeat=inner.repeat,
            extras=self._extras(),
            problems=(*self.problems, *inner.problems),
            path=self.path,
        )

    def _no_head(self, heads: list[tuple[Node, Node]]) -> Item:
        if not heads:
            return self._fail("this row has no layers", "add NAME: and a line of layers", self.node)
        first, second = heads[0][0].text, heads[1][0]
        return self._fail(
            f'"{first}" and "{second.text}" stand in one row',
            f"give {second.text} a row of its own, or use one of {', '.join(ROW_KEYS)}",
            second,
        )

    def _fail(self, what: str, fix: str, node: Node) -> Item:
        problem = Problem(what, fix, node.place)
        return Item(node.place, problems=(*self.problems, problem), path=self.path)

    # ------------------------------------------------------------ extras
    def _extras(self) -> Extras:
        values: dict[str, Any] = {}
        places: dict[str, Place] = {}
        for key, node in self.node.pairs:
            if key.text not in ROW_KEYS:
                continue
            places[key.text] = node.place
            if key.text == "connect":
                self._wrong("connect: is not built yet", "delete it", key)
            elif key.text == "freeze":
                values["freeze"] = self._yes(node)
            elif key.text == "note":
                values["note"] = node.text
            else:
                values[key.text] = self._kernels(node, key.text)
        if isinstance(values.get("b"), float):
            values["b"] = (values["b"],)
        return Extras(**values, places=places)

    def _wrong(self, what: str, fix: str, node: Node) -> None:
        self.problems.append(Problem(what, fix, node.place))

    def _yes(self, node: Node) -> bool:
        if node.text not in ("true", "false"):
            self._wrong(f'freeze is true or false, not "{node.text}"', "write freeze: true", node)
        return node.text == "true"

    def _kernels(self, node: Node, key: str) -> Any:
        if node.kind == "map":
            self._wrong(f"{key} is a name, numbers or a list", f"for example {key}: sobel_x", node)
            return None
        if node.kind == "list":
            if not node.items:
                self._wrong(f"{key} is an empty list", "write numbers, or delete it", node)
                return None
            return tuple(self._kernels(item, key) for item in node.items)
        values = [_value(word) for word in node.text.split()]
        if not values or (key == "b" and not all(isinstance(v, float) for v in values)):
            self._wrong(f'cannot read {key}: "{node.text}"', "write numbers", node)
            return None
        if len(values) == 1:
            return values[0]
        if not all(isinstance(v, float) for v in values):
            self._wrong(
                f'cannot read "{node.text}" as a kernel',
                "write numbers, or a list of names: [sobel_x, sobel_y]",
                node,
            )
            return None
        return tuple(values)


def _value(word: str) -> float | str:
    try:
        number = float(word)
    except ValueError:
        return word
    return number if math.isfinite(number) else word
