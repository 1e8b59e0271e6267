"""Rows of the network, from nodes: names, lines, groups and what else a row says."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace
from typing import Any, cast

from napari_convnet.network import JOINS, OPS, Extras, Item, Place, Problem, did_you_mean, quoted
from napari_convnet.network.grammar import repeats
from napari_convnet.network.items import ROW_KEYS, STRUCTURES, Kind, RowPath

from .nodes import Node

_EXAMPLES = {
    "res": "res: conv 8 relu conv 8",
    "side": "side: [gap, fc 10]",
    "add": "add: [conv 8, conv 8 k5]",
    "cat": "cat: [conv 8, conv 8 k5]",
}

_REPEAT = re.compile(r"x\d+\Z", re.ASCII)


def read_items(node: Node, path: RowPath = ()) -> tuple[Item, ...]:
    """Read the rows of a ``net:`` or of a group."""
    if node.kind != "list":
        fix = "begin each with a dash and a blank: - conv 8"
        problem = Problem("the network is a list of rows", fix, node.place)
        return (Item(node.place, problems=(problem,), path=(*path, 0)),)
    return tuple([read_item(item, (*path, index)) for index, item in enumerate(node.items)])


def read_body(node: Node, path: RowPath) -> tuple[Item, ...]:
    """Read what stands behind ``res:``, ``side:`` or a block's name: a line, a row, or rows."""
    if node.kind == "list":
        return read_items(node, path)
    return (read_item(node, (*path, 0)),)


def read_item(node: Node, path: RowPath) -> Item:
    """Read one row."""
    if node.kind == "scalar":
        line = "" if node.empty else node.text
        return Item(node.place, line=line, line_place=_inside(node), path=path)
    if node.kind == "list":
        return Item(
            node.place,
            kind="group",
            body=read_items(node, path),
            problems=_no_rows(node, node),
            path=path,
        )
    return _Mapping(node, path).item()


def _inside(node: Node) -> Place:
    """Place of a scalar's first character, inside its quotes."""
    place = node.place
    if not node.flow or place.line != place.end_line:
        return place
    return Place(place.line, place.column + 1, place.end_line, place.end_column - 1)


def _no_rows(rows: Node, at: Node) -> tuple[Problem, ...]:
    """The problem of a group that holds nothing, if it does."""
    if rows.items:
        return ()
    return (Problem("this group has no rows", "write rows in it, or delete it", at.place),)


@dataclass
class _Mapping:
    """A row that is a mapping: one key that makes layers, and keys that say more about them."""

    node: Node
    path: RowPath
    problems: list[Problem] = field(default_factory=list)

    def item(self) -> Item:
        heads = [(k, v) for k, v in self.node.pairs if k.text not in ROW_KEYS]
        if len(heads) != 1:
            return self._no_head(heads)
        key, value = heads[0]
        if key.text in STRUCTURES:
            return self._structure(key, value)
        if key.text in (*OPS, *JOINS):
            line = f"{key.text} {value.text}".strip()
            if value.text.split()[:1] in ([word] for word in OPS):
                what = f'"{key.text}" is an op and cannot be a name'
                return self._fail(what, f"choose another name, such as {key.text}1", key)
            fix = f"write - {line}, or - NAME: {line}"
            return self._fail(f'"{key.text}:" has a colon behind an op', fix, key)
        repeat = repeats(key.text) if _REPEAT.match(key.text) else 0
        if _REPEAT.match(key.text) and (value.kind != "list" or repeat == 0):
            return self._wrong_repeat(key, value, repeat)
        extras = self._extras()
        name = "" if repeat else key.text
        if value.empty:
            return self._fail(f"{key.text}: has no layers", "write them behind the colon", key)
        if value.kind != "scalar" and extras.on_weights:
            self._misplaced(key)
        if value.kind == "map":
            return self._nested(key, value, extras)
        if value.kind == "list":
            self.problems += _no_rows(value, key)
        return Item(
            key.place,
            name,
            key.place,
            line=value.text if value.kind == "scalar" else None,
            line_place=_inside(value) if value.kind == "scalar" else None,
            kind="group" if value.kind == "list" else "line",
            body=read_items(value, self.path) if value.kind == "list" else (),
            repeat=repeat or 1,
            extras=extras,
            problems=tuple(self.problems),
            path=self.path,
        )

    def _wrong_repeat(self, key: Node, value: Node, count: int) -> Item:
        if count == 0:
            return self._fail("a group cannot be repeated zero times", "delete it", key)
        line = f"{value.text} {key.text}" if value.text else f"conv 8 {key.text}"
        fix = f"write - {line}, or rows with dashes below, further in"
        return self._fail(f"{key.text}: repeats a list of rows", fix, key)

    def _misplaced(self, key: Node) -> None:
        """Refuse what belongs to one line of layers; `key` opens something else."""
        for extra, _ in self.node.pairs:
            if extra.text in ROW_KEYS and extra.text != "note":
                what = f"{extra.text}: belongs below a row with one line of layers"
                fix = f"put it below the row of its layer, inside of {key.text}:"
                self._wrong(what, fix, extra)
                return

    def _structure(self, key: Node, value: Node) -> Item:
        """``res:``, ``side:``: rows; ``add:``, ``cat:``: branches."""
        kind = cast(Kind, key.text)
        extras = self._extras()
        if extras.on_weights:
            self._misplaced(key)
        if value.empty:
            return self._fail(f"{kind}: has no layers", f"for example {_EXAMPLES[kind]}", key)
        if kind in ("res", "side"):
            body = read_body(value, self.path)
            self.problems += _no_rows(value, key) if value.kind == "list" else ()
        elif value.kind != "list":
            return self._fail(*self._no_branches(key, value), key)
        else:
            body = read_items(value, self.path)
            if len(body) < 2:
                self._wrong(
                    f"{kind}: joins two branches or more, and here is {'one' if body else 'none'}",
                    f"for example {_EXAMPLES[kind]}",
                    key,
                )
        return Item(
            key.place,
            kind=kind,
            body=body,
            extras=extras,
            problems=tuple(self.problems),
            path=self.path,
        )

    @staticmethod
    def _no_branches(key: Node, value: Node) -> tuple[str, str]:
        words = value.text.split() if value.kind == "scalar" else []
        if words and not any(word in OPS for word in words):
            line = " ".join([key.text, *words])
            return f'"{key.text}:" has a colon behind an op', f"write - {line}, without the colon"
        return f"{key.text}: takes a list of branches", f"for example {_EXAMPLES[key.text]}"

    def _nested(self, key: Node, value: Node, extras: Extras) -> Item:
        """``NAME: {x3: [...]}``, ``NAME: {res: ...}``: a named row whose value is a row itself."""
        inner = _Mapping(value, self.path).item()
        keys = [k.text for k, _ in value.pairs if k.text in STRUCTURES or _REPEAT.match(k.text)]
        broken = not inner.body and (not inner.problems or len(keys) != 1)
        if inner.name or broken or inner.extras != Extras():
            return self._fail(
                f"cannot read what stands behind {key.text}:",
                "write a line of layers, a list of rows, x3: and a list, or res:, add:, cat: or "
                "side:",
                key,
            )
        return replace(
            inner,
            place=key.place,
            name=key.text,
            name_place=key.place,
            extras=extras,
            problems=(*self.problems, *inner.problems),
        )

    def _no_head(self, heads: list[tuple[Node, Node]]) -> Item:
        if not heads:
            taken = [key.text for key, _ in self.node.pairs]
            no_name = f" ({taken[0]} cannot be its name)" if taken else ""
            fix = f"add NAME: and a line of layers{no_name}"
            return self._fail("this row has no layers", fix, self.node)
        first, second = heads[0][0].text, heads[1][0]
        near = did_you_mean(second.text, [word for word in ROW_KEYS if len(word) > 1])
        if near:
            return self._fail(f"unknown key {quoted(second.text)} in this row", near, second)
        return self._fail(
            f"{quoted(first)} and {quoted(second.text)} stand in one row",
            f"write - {second.text}: as a row of its own, or one of {', '.join(ROW_KEYS)}",
            second,
        )

    def _fail(self, what: str, fix: str, node: Node) -> Item:
        problem = Problem(what, fix, node.place)
        shown = next((f"{k.text}: {v.text}".strip() for k, v in self.node.pairs), "")
        problems = (*self.problems, problem)
        return Item(node.place, problems=problems, path=self.path, shown=shown)

    # ------------------------------------------------------------ extras
    def _extras(self) -> Extras:
        values: dict[str, Any] = {}
        places: dict[str, Place] = {}
        for key, node in self.node.pairs:
            if key.text not in ROW_KEYS:
                continue
            places[key.text] = node.place
            if key.text == "connect":
                values["connect"] = self._table(node)
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
            what = f"freeze is true or false, not {quoted(node.text)}"
            self._wrong(what, "write freeze: true", node)
        return node.text == "true"

    def _table(self, node: Node) -> tuple[tuple[int, ...], ...] | str | None:
        """Read connections: the name of a table, or for each output a list of inputs."""
        if node.kind == "scalar" and node.text.isidentifier():
            return node.text
        rows = [item.items for item in node.items]
        words = [[item.text for item in row] for row in rows]
        wrong = [w for row in words for w in row if not (w.isascii() and w.isdecimal())]
        whole = all(len(w) < 10 for row in words for w in row) and not wrong
        if rows and all(item.kind == "list" for item in node.items) and wrong:
            what = f"{quoted(wrong[0])} in connect is no number of an input"
            self._wrong(what, "inputs are counted from 0: [[0, 1], [1, 2]]", node)
            return None
        if rows and any(item.kind == "list" and not item.items for item in node.items):
            empty = next(i for i, item in enumerate(node.items, 1) if not item.items)
            what = f"row {empty} of connect is empty"
            self._wrong(what, "name at least one input for each output", node.items[empty - 1])
            return None
        if node.kind != "list" or not rows or not all(rows) or not whole:
            what = "connect is a name, or a list of inputs for each output"
            self._wrong(what, "for example connect: [[0, 1], [1, 2]], or connect: lenet5", node)
            return None
        return tuple([tuple(map(int, row)) for row in words])

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
            self._wrong(f"cannot read {key}: {quoted(node.text)}", "write numbers", node)
            return None
        if len(values) == 1:
            return values[0]
        if not all(isinstance(v, float) for v in values):
            self._wrong(
                f"cannot read {quoted(node.text)} as a kernel",
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
