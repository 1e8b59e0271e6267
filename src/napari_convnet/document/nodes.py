"""The text as a tree of nodes, each with its place: YAML without its traps.

Every scalar stays the text it is (no ``on``, no dates), and what a pipeline never needs is refused:
aliases, anchors, tags, duplicate keys, several documents, texts over a megabyte.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

import yaml

from napari_convnet.network import Place, Problem, UserError, quoted

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
        """Index behind its last character, without the blank that YAML counts to it."""
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
            f"the document has {len(text):,} characters",
            f"a pipeline has at most {MOST_BYTES:,}: is this the right file?",
        )
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        # Event by event, so that a text nested too deeply is refused before it is read to its end.
        return _Composer(text).document(yaml.parse(text, Loader=loader))
    except yaml.MarkedYAMLError as error:
        raise UserError(_yaml_problem(error, text)) from None
    except (yaml.YAMLError, UnicodeEncodeError):
        raise UserError("this is not a text", "is this the right file?") from None


_YAML_PROBLEMS = {
    "found unexpected end of stream": ("a quote begins here and does not end", "close it"),
    "found unexpected document indicator": ("a quote begins here and does not end", "close it"),
    "did not find expected ',' or ']'": (
        "the list that begins here does not end",
        "part its items with commas, and close it with ]",
    ),
    "did not find expected ',' or '}'": (
        "the bracket that begins here does not end",
        "part its items with commas, and close it with }",
    ),
    "did not find expected node content": (
        "a bracket is missing, or there is one too many",
        "close every [ with ] and every { with }",
    ),
    "could not find expected ':'": (
        "a colon is missing behind this key, or a dash before this row",
        "write KEY: VALUE, or - ROW",
    ),
    "did not find expected '-' indicator": (
        "this line stands among rows, but does not begin with a dash",
        "begin it with a dash and a blank, or indent it as a section's key",
    ),
    "did not find expected key": (
        "this line does not fit what stands above it",
        "begin it in the column of the keys above, as KEY: VALUE",
    ),
    "mapping values are not allowed in this context": (
        "a colon stands where none can",
        "indent this line as those above, give it a row of its own, or put the text in quotes",
    ),
    "block sequence entries are not allowed in this context": (
        "a dash stands where no row can begin",
        "begin rows on lines of their own, all in one column",
    ),
    "found unknown escape character": (
        "a backslash in double quotes means something else",
        "use single quotes",
    ),
}
"""What the parser says, what it means to someone who never heard of YAML, and what to do."""

_AT_CONTEXT = ("found unexpected", "did not find expected ','", "could not find expected")
"""Reasons that are better shown where the broken piece begins than where the parser gave up."""


def _yaml_problem(error: yaml.MarkedYAMLError, text: str) -> Problem:
    reason = str(error.problem or error.context or "it cannot be read")
    mark = error.problem_mark or error.context_mark
    if reason.startswith(_AT_CONTEXT) and error.context_mark is not None:
        mark = error.context_mark
    if mark is None:
        return Problem(f"this is not YAML: {reason}", "is this the right file?")
    place = Place(mark.line + 1, mark.column + 1, mark.line + 1, mark.column + 2)
    here = text[mark.index : mark.index + 1]
    if "tab character" in reason or (here == "\t" and "cannot start" in reason):
        return Problem("a tab stands here", "indent with blanks", place)
    if here == "*" or (error.context or "").endswith("an alias"):
        start = error.context_mark.column + 1 if error.context_mark else place.column
        word = text.splitlines()[place.line - 1][start - 1 :].split(" #")[0].strip()
        place = Place(place.line, start, place.line, start + len(word))
        return Problem("a text cannot begin with *", f'put it in quotes: "{word}"', place)
    if "cannot start" in reason:
        return Problem(f"a text cannot begin with {here}", "put it in quotes", place)
    if reason == "mapping values are not allowed in this context":
        return _colon_problem(text.splitlines(), place)
    if reason == "did not find expected key" and here in _BY_CHARACTER:
        return Problem(*_YAML_PROBLEMS[_BY_CHARACTER[here]], place)
    fallback = (f"this is not YAML: {reason}", "check indentation, colons and quotes here")
    return Problem(*_YAML_PROBLEMS.get(reason, fallback), place)


_BY_CHARACTER = {
    "]": "did not find expected node content",
    "}": "did not find expected node content",
    "-": "block sequence entries are not allowed in this context",
}
"""Characters that cannot begin a key, and the reason that fits them."""


def _colon_problem(lines: list[str], place: Place) -> Problem:
    """A colon too many in its line, or one too few in the line above."""
    before = lines[place.line - 1][: place.column - 1]
    if ": " in before:
        return Problem(
            "a second colon stands in this line", "put the text behind the first in quotes", place
        )
    above = place.line - 1
    while above and not lines[above - 1].strip():
        above -= 1
    line = lines[above - 1].partition(" #")[0].rstrip() if above else ""
    words = re.fullmatch(r"( *)(\w+)(:?) *(\S.*)", line)
    if words is None or ": " in line:
        return Problem(*_YAML_PROBLEMS["mapping values are not allowed in this context"], place)
    indent, key, colon, value = words.groups()
    return Problem(
        "a blank is missing behind the colon" if colon else "a colon is missing behind this key",
        f"write {key}: {value[:40]}",
        Place(above, len(indent) + 1, above, len(indent) + len(key) + len(colon) + 1),
    )


@dataclass
class _Composer:
    """Builds nodes from the parser's events, with a stack of its own instead of recursion."""

    text: str
    stack: list[tuple[Any, list[Node]]] = field(default_factory=list)
    shift: int = 0
    """The parser does not count a byte order mark."""

    def __post_init__(self) -> None:
        self.shift = int(self.text.startswith("\ufeff"))

    def document(self, events: Iterable[Any]) -> Node:
        root: Node | None = None
        documents = 0
        for event in events:
            documents += isinstance(event, yaml.DocumentStartEvent)
            if documents > 1:
                fix = "keep one document in a file"
                raise _refused("a second document begins here", fix, event)
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
            return self._scalar(event)
        if isinstance(event, yaml.SequenceStartEvent | yaml.MappingStartEvent):
            if len(self.stack) >= MOST_DEPTH:
                raise _refused(f"more than {MOST_DEPTH} levels", "nest less", event)
            self.stack.append((event, []))
        if isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
            return self._close(event)
        return None

    def _scalar(self, event: Any) -> Node:
        start, stop = self._span(event, event)
        if event.style in ("|", ">"):
            stop = start + len(self.text[start:stop].rstrip())
        quoted = event.style in ("'", '"')
        return Node("scalar", _place(event, event), start, stop, text=event.value, flow=quoted)

    def _span(self, begin: Any, end: Any) -> tuple[int, int]:
        return begin.start_mark.index + self.shift, end.end_mark.index + self.shift

    def _close(self, event: Any) -> Node:
        begin, children = self.stack.pop()
        place = _place(begin, event)
        if not begin.flow_style and children:
            place = _until(place, children)
        start, stop = self._span(begin, event)
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
            raise _refused(
                f"*{event.anchor} is an alias", "write the value out, or in quotes", event
            )
        if getattr(event, "anchor", None):
            raise _refused(f"&{event.anchor} is an anchor", "delete it", event)
        if getattr(event, "tag", None):
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            raise _refused(f"{tag} is a tag", "delete it: values have no types here", event)


def _check_keys(keys: list[Node]) -> None:
    seen: dict[str, Node] = {}
    for key in keys:
        if key.kind != "scalar":
            raise UserError(Problem("a key must be a word", "check the colons here", key.place))
        if key.text in seen:
            first = seen[key.text].place.line
            raise UserError(
                Problem(
                    f"{quoted(key.text)} stands here a second time (first in line {first})",
                    "keep one of them",
                    key.place,
                )
            )
        seen[key.text] = key


def _refused(what: str, fix: str, event: Any) -> UserError:
    return UserError(Problem(what, fix, _place(event, event)))


def _until(place: Place, children: list[Node]) -> Place:
    """Place of a list or mapping without brackets: to its last character, not to the next key."""
    ends = [(child.place.end_line, child.place.end_column) for child in children]
    return Place(place.line, place.column, *max(ends))


def _place(begin: Any, end: Any) -> Place:
    start, stop = begin.start_mark, end.end_mark
    return Place(start.line + 1, start.column + 1, stop.line + 1, stop.column + 1)
