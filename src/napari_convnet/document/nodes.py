"""The text as a tree of nodes, each with its place: YAML without its traps.

Every scalar stays the text it is (no ``on``, no dates), and what a pipeline never needs is refused:
aliases, anchors, tags, duplicate keys, several documents, texts over a megabyte.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import yaml

from napari_convnet.network import Place, Problem, UserError

MOST_BYTES = 1_000_000
MOST_DEPTH = 40


@dataclass(frozen=True, slots=True)
class Node:
    """A scalar, a list or a mapping of the text.

    Parameters
    ----------
    kind : {"scalar", "list", "map"}
        Which of them.
    text : str
        A scalar's text.
    items : tuple of Node
        A list's items.
    pairs : tuple of (Node, Node)
        A mapping's keys and values, in the order of the text.
    place : Place
        Lines and columns.
    start, stop : int
        The same as indices into the text.
    flow : bool
        Whether it is written in brackets, or (a scalar) in quotes.
    """

    kind: Literal["scalar", "list", "map"]
    place: Place
    start: int
    stop: int
    text: str = ""
    items: tuple[Node, ...] = ()
    pairs: tuple[tuple[Node, Node], ...] = ()
    flow: bool = False

    def get(self, key: str) -> Node | None:
        """Value of a mapping's key."""
        return next((value for name, value in self.pairs if name.text == key), None)

    def at(self, *path: str | int) -> Node | None:
        """Node at the end of a path of keys and indices; None where it leads nowhere."""
        node: Node | None = self
        for step in path:
            if node is None:
                return None
            if isinstance(step, int):
                node = node.items[step] if step < len(node.items) else None
            else:
                node = node.get(step)
        return node

    @property
    def empty(self) -> bool:
        """Whether it is a scalar that says nothing."""
        return self.kind == "scalar" and not self.flow and self.text in ("", "~", "null")

    @property
    def end(self) -> int:
        """Index behind its last character, without what YAML counts to it of the blank behind it."""
        if self.kind == "scalar" or self.flow:
            return self.stop
        last = self.items[-1] if self.items else self.pairs[-1][1] if self.pairs else None
        if last is None:
            return self.stop
        if self.pairs and last.empty and last.end <= self.pairs[-1][0].end:
            return self.pairs[-1][0].end + 1
        return last.end

    def plain(self) -> Any:
        """Give the node as strings, lists and dicts."""
        if self.kind == "list":
            return [item.plain() for item in self.items]
        if self.kind == "map":
            return {key.text: value.plain() for key, value in self.pairs}
        return self.text


def compose(text: str) -> Node:
    """Read a text.

    Raises
    ------
    UserError
        For a text that is not YAML, or uses what is refused.
    """
    if len(text) > MOST_BYTES:
        raise UserError(
            f"the document has {len(text) / 1e6:,.1f} million characters",
            "a pipeline has at most one million: is this the right file?",
        )
    try:
        events = list(_events(text))
    except yaml.MarkedYAMLError as error:
        raise UserError(_yaml_problem(error)) from None
    except yaml.YAMLError:
        raise UserError("this is not a text", "is this the right file?") from None
    return _Composer(events).document()


def _events(text: str) -> Iterator[Any]:
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    yield from yaml.parse(text, Loader=loader)


def _yaml_problem(error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    place = mark and Place(mark.line + 1, mark.column + 1, mark.line + 1, mark.column + 2)
    reason = error.problem or error.context or "it cannot be read"
    fix = {
        "mapping values are not allowed in this context": "a second colon in one row: "
        "indent it as a row of its own, or put the text in quotes",
        "found character that cannot start any token": "indent with blanks, not tabs, and put "
        "texts that begin with @ ` % in quotes",
    }.get(reason, "check indentation, colons and quotes here")
    return Problem(f"this is not YAML: {reason}", fix, place)


@dataclass
class _Composer:
    """Builds nodes from the parser's events, with a stack of its own instead of recursion."""

    events: list[Any]
    stack: list[tuple[Any, list[Node]]] = field(default_factory=list)

    def document(self) -> Node:
        root: Node | None = None
        documents = 0
        for event in self.events:
            documents += isinstance(event, yaml.DocumentStartEvent)
            if documents > 1:
                raise _refused("a second document begins here", "keep one document in a file", event)
            node = self._take(event)
            if node is not None and not self.stack:
                root = node
            elif node is not None:
                self.stack[-1][1].append(node)
        if root is None or root.empty:
            raise UserError("the document is empty", "begin with: input: 1x28x28")
        return root

    def _take(self, event: Any) -> Node | None:
        self._check(event)
        if isinstance(event, yaml.ScalarEvent):
            return Node(
                "scalar",
                _place(event, event),
                event.start_mark.index,
                event.end_mark.index,
                text=event.value,
                flow=event.style in ("'", '"'),
            )
        if isinstance(event, yaml.SequenceStartEvent | yaml.MappingStartEvent):
            if len(self.stack) >= MOST_DEPTH:
                raise _refused(f"more than {MOST_DEPTH} levels", "nest less", event)
            self.stack.append((event, []))
        if isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
            return self._close(event)
        return None

    def _close(self, event: Any) -> Node:
        begin, children = self.stack.pop()
        place = _place(begin, event)
        start, stop = begin.start_mark.index, event.end_mark.index
        if isinstance(event, yaml.SequenceEndEvent):
            return Node(
                "list", place, start, stop, items=tuple(children), flow=bool(begin.flow_style)
            )
        pairs = tuple(zip(children[::2], children[1::2], strict=True))
        _check_keys([key for key, _ in pairs])
        return Node("map", place, start, stop, pairs=pairs, flow=bool(begin.flow_style))

    @staticmethod
    def _check(event: Any) -> None:
        if isinstance(event, yaml.AliasEvent):
            raise _refused(f"*{event.anchor} is an alias", "write the value out", event)
        if getattr(event, "anchor", None):
            raise _refused(f"&{event.anchor} is an anchor", "delete it", event)
        if getattr(event, "tag", None):
            raise _refused(f"{event.tag} is a tag", "delete it: values have no types here", event)


def _check_keys(keys: list[Node]) -> None:
    seen: dict[str, Node] = {}
    for key in keys:
        if key.kind != "scalar":
            raise UserError(Problem("a key must be a word", "check the colons here", key.place))
        if key.text in seen:
            first = seen[key.text].place.line
            raise UserError(
                Problem(
                    f'"{key.text}" stands here a second time (first in line {first})',
                    "keep one of them",
                    key.place,
                )
            )
        seen[key.text] = key


def _refused(what: str, fix: str, event: Any) -> UserError:
    return UserError(Problem(what, fix, _place(event, event)))


def _place(begin: Any, end: Any) -> Place:
    start, stop = begin.start_mark, end.end_mark
    return Place(start.line + 1, start.column + 1, stop.line + 1, stop.column + 1)
