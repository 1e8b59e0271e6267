"""Edits: splices of the text, which leave comments and layout alone.

Every function takes a text and gives a text. What it wrote is read again: it must mean what was
asked for, and nothing else may have changed. A row or value that would break the text is put in
quotes.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from napari_convnet.network import UserError, name_problem, quoted
from napari_convnet.network.items import ROW_KEYS

from .nodes import Node, compose

Path = Sequence[int]
P = ParamSpec("P")
Edit = Callable[Concatenate[str, P], str]


def _keeps_line_ends(edit: Edit[P]) -> Edit[P]:
    """Let an edit see plain line ends, and give back those that the text had."""

    @wraps(edit)
    def kept(text: str, /, *args: P.args, **kwargs: P.kwargs) -> str:
        if "\r\n" not in text:
            return edit(text, *args, **kwargs)
        return edit(text.replace("\r\n", "\n"), *args, **kwargs).replace("\n", "\r\n")

    return kept


@_keeps_line_ends
def set_row(text: str, path: Path, row: str) -> str:
    """Write a row anew.

    Parameters
    ----------
    text : str
        The document.
    path : sequence of int
        Index of the row, then of the row in its group, and so on.
    row : str
        ``conv 6 k5`` or ``c1: conv 6 k5``; of a group its name only, ``c1:`` or ``x3:``.

    Returns
    -------
    str
        The edited document.

    Raises
    ------
    UserError
        Where the row cannot be written: it is several lines, or what stands below needs its name.
    """
    root = compose(text)
    node, row = _row(root, path), _one_line(row)
    if _is_group(node) and row and not row.endswith(":"):
        row += ":"
    if row == _shown(node):
        return text
    start, stop = _span(node, row)
    blank = " " if text[start - 1] == "-" else ""
    meaning = _meaning(root)

    def tries() -> Iterator[tuple[Any, str]]:
        for written, plain in _spellings(row, node):
            _plain_rows(meaning, path)[path[-1]] = plain
            yield meaning, text[:start] + blank + written + text[stop:]

    return _first(tries(), row)


@_keeps_line_ends
def insert_row(text: str, path: Path, row: str) -> str:
    """Write a new row in front of the one at `path`, or behind the last one.

    Parameters
    ----------
    text, path, row
        As in `set_row`.
    """
    root = compose(text)
    rows, row = _rows(root, path[:-1]), _one_line(row)
    index = min(path[-1], len(rows.items) if rows else 0)
    meaning = _meaning(root)
    if rows is None:
        meaning["net"] = []
    siblings = _plain_rows(meaning, path)
    siblings.insert(index, row)

    def tries() -> Iterator[tuple[Any, str]]:
        for written, plain in _spellings(row):
            siblings[index] = plain
            yield meaning, _with_row(text, root, rows, index, written)

    return _first(tries(), row)


@_keeps_line_ends
def delete_row(text: str, path: Path) -> str:
    """Take a row out, with what stands below it; the last row of a group takes the group along.

    Parameters
    ----------
    text, path
        As in `set_row`.
    """
    root = compose(text)
    rows = _siblings(root, path)
    if len(rows.items) == 1 and len(path) > 1:
        return delete_row(text, path[:-1])
    meaning = _meaning(root)
    shown = _shown(rows.items[path[-1]])
    del _plain_rows(meaning, path)[path[-1]]
    if rows.flow:
        edited = _without_item(text, rows, path[-1])
    else:
        start, stop = _extent(text, rows, path[-1])
        edited = text[:start] + text[stop:]
    return _first([(meaning, edited)], shown)


@_keeps_line_ends
def move_row(text: str, path: Path, to: int) -> str:
    """Put a row, with the remarks right above it, at another index among its siblings.

    Parameters
    ----------
    text, path
        As in `set_row`.
    to : int
        The index it gets.
    """
    root = compose(text)
    rows = _siblings(root, path)
    to = max(0, min(to, len(rows.items) - 1))
    if to == path[-1]:
        return text
    meaning = _meaning(root)
    plain = _plain_rows(meaning, path)
    plain.insert(to, plain.pop(path[-1]))
    move = _moved_item if rows.flow else _moved_lines
    edited = move(text, rows, path[-1], to)
    return _first([(meaning, edited)], _shown(rows.items[path[-1]]))


@_keeps_line_ends
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
    meaning = _meaning(root)
    if value is None:
        if root.at(*path) is None:
            return text
        _put(meaning, path, None)
        return _first([(meaning, _without_key(text, root, path))], f"{key}:")
    value = _one_line(value)
    bracket = value.startswith(("[", "{"))
    _put(meaning, path, compose(f"v: {value}").get("v") if bracket else value)
    spellings = (value,) if bracket else (value, _in_quotes(value))
    texts = (_with_value(text, root, path, one) for one in spellings)
    return _first(((meaning, one) for one in texts), f"{key}: {value}")


# ---------------------------------------------------------------- what the text means


def _meaning(root: Node) -> Any:
    """Give a document as plain values, to change and compare."""
    return copy.deepcopy(root.plain())


def _first(tries: Iterable[tuple[Any, str]], what: str) -> str:
    """Give the first text that means what is meant by it."""
    for meaning, text in tries:
        try:
            if _pruned(compose(text).plain()) == _pruned(meaning):
                return text
        except UserError:
            continue
    raise UserError(f"cannot write {quoted(what)} here", "edit it in the text")


def _pruned(value: Any) -> Any:
    """Plain values without those that say nothing."""
    if isinstance(value, Node):
        return _pruned(value.plain())
    if isinstance(value, list):
        return [_pruned(item) for item in value] or None
    if isinstance(value, dict):
        kept = {key: _pruned(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item is not None} or None
    return None if value in ("", "~", "null") else value


def _plain_rows(meaning: Any, path: Path) -> list[Any]:
    """Plain rows that the row at `path` stands among."""
    rows = meaning["net"]
    for index in path[:-1]:
        rows = rows[index]
        while not isinstance(rows, list):
            rows = next(value for key, value in rows.items() if key not in ROW_KEYS)
    found: list[Any] = rows
    return found


def _plain_row(row: str, node: Node | None = None) -> Any:
    """What a row means, with what the row it replaces has below."""
    below = {k.text: v.plain() for k, v in node.pairs} if node is not None else {}
    extras = {key: value for key, value in below.items() if key in ROW_KEYS}
    body = next((v for k, v in below.items() if k not in ROW_KEYS and not isinstance(v, str)), "")
    name, colon, line = f"{row} ".partition(": ")
    if not colon:
        return row if body == "" else {row: body}
    return {name: line.strip() or body, **extras}


def _put(meaning: Any, path: list[str], value: Any) -> None:
    *sections, key = path
    for section in sections:
        if not isinstance(meaning.get(section), dict):
            meaning[section] = {}
        meaning = meaning[section]
    meaning[key] = value


# ---------------------------------------------------------------- what stands where


def _rows(root: Node, path: Path) -> Node | None:
    """List that holds the rows of the network, or of a group; None where the network is empty."""
    node: Node | None = root.get("net")
    if not path and (node is None or node.empty or (node.kind == "list" and not node.items)):
        return None
    for index in path:
        if node is None or index >= len(node.items):
            raise _no_row(index)
        node = _body(node.items[index])
    if node is None or node.kind != "list" or not node.items:
        where = "the network" if not path else "this row"
        raise UserError(f"{where} is no list of rows", "edit it in the text")
    return node


def _body(node: Node) -> Node | None:
    if node.kind != "map":
        return node
    value = next((v for k, v in node.pairs if k.text not in ROW_KEYS), None)
    return _body(value) if value is not None else None


def _siblings(root: Node, path: Path) -> Node:
    rows = _rows(root, path[:-1])
    if rows is None or path[-1] >= len(rows.items):
        raise _no_row(path[-1])
    return rows


def _row(root: Node, path: Path) -> Node:
    return _siblings(root, path).items[path[-1]]


def _no_row(index: int) -> UserError:
    return UserError(f"there is no row {index + 1} here")


def _head(node: Node) -> tuple[Node, Node]:
    """Key and value of a row that is a mapping: its name and line."""
    return next(((k, v) for k, v in node.pairs if k.text not in ROW_KEYS), node.pairs[0])


def _shown(node: Node) -> str:
    """Text of a row, as an editor shows it."""
    if node.kind == "map" and node.pairs:
        key, value = _head(node)
        return f"{key.text}: {' '.join(value.text.split())}".strip()
    return " ".join(node.text.split())


def _is_group(node: Node) -> bool:
    return node.kind == "map" and bool(node.pairs) and _head(node)[1].kind != "scalar"


def _span(node: Node, row: str) -> tuple[int, int]:
    """Characters that the text of a row takes: its line, or its name and line."""
    if node.kind == "list" and node.items:
        raise UserError("this row holds a group", "edit its rows")
    if node.kind != "map" or not node.pairs:
        return node.start, node.end
    key, value = _head(node)
    if value.kind != "scalar":
        name = row.removesuffix(":")
        if name_problem(name) and not re.fullmatch("x[1-9][0-9]*", name):
            raise UserError("this row holds a group", "give it a name or xN, or edit its rows")
        return key.start, key.end + 1
    if len(node.pairs) > 1 and ": " not in row:
        more = next(k.text for k, _ in node.pairs if k is not key)
        raise UserError(
            f"the row {key.text} has {more}: below it, which needs its name",
            f"keep {key.text}: in front",
        )
    return key.start, max(value.end, key.end + 1)


# ---------------------------------------------------------------- how it is written


def _one_line(text: str) -> str:
    if "\n" in text.strip():
        raise UserError("this is more than one line", "write further layers in rows of their own")
    return " ".join(text.split())


def _in_quotes(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _spellings(row: str, node: Node | None = None) -> Iterator[tuple[str, Any]]:
    """Ways to write a row, with what each means: as it is, or in quotes what breaks the text."""
    plain = _plain_row(row, node)
    yield row, plain
    name, colon, line = row.partition(": ")
    if colon and name.isidentifier():
        yield f"{name}: {_in_quotes(line)}", plain
    elif node is None or len(node.pairs) < 2:
        yield _in_quotes(row), row


def _with_row(text: str, root: Node, rows: Node | None, index: int, row: str) -> str:
    if rows is None:
        return _with_first_row(text, root, row)
    if rows.flow:
        return _with_item(text, rows, index, row)
    line = f"{' ' * (rows.place.column - 1)}- {row}\n"
    return _with_lines(text, rows, index, line)


def _with_first_row(text: str, root: Node, row: str) -> str:
    net = root.get("net")
    if net is None:
        return _with_key(text, root, ["net"], f"[{row}]" if root.flow else f"\n  - {row}")
    cut = text[: net.start].rstrip(" ") + text[net.stop :] if net.stop > net.start else text
    if root.flow:
        return f"{text[: net.start]} [{row}]{text[net.stop :]}"
    key = next(k for k, _ in root.pairs if k.text == "net")
    end = _line_end(cut, key.end)
    return f"{_closed(cut[:end])}  - {row}\n{cut[end:]}"


# ---------------------------------------------------------------- lines


def _line_start(text: str, index: int) -> int:
    return text.rfind("\n", 0, index) + 1


def _line_end(text: str, index: int) -> int:
    found = text.find("\n", index)
    return len(text) if found < 0 else found + 1


def _closed(text: str) -> str:
    """Text with a line end at its end."""
    return text if not text or text.endswith("\n") else f"{text}\n"


def _dash(text: str, rows: Node, index: int) -> int:
    """Where the dash of a row stands: in the list's column, alone on what is before it."""
    if index == 0:
        return rows.start
    column = rows.place.column - 1
    line = _line_start(text, rows.items[index].start)
    while text[line : line + column].strip() or text[line + column] != "-":
        line = _line_start(text, line - 1)
    return line + column


def _inline(text: str, dash: int) -> bool:
    """Whether a row begins behind the dash of its group: ``- - conv 8``."""
    return bool(text[_line_start(text, dash) : dash].strip())


def _extent(text: str, rows: Node, index: int) -> tuple[int, int]:
    """Characters of a row's lines, from where its dash's line begins; its remarks not counted."""
    dash, end = _dash(text, rows, index), _line_end(text, rows.items[index].end)
    if not _inline(text, dash):
        return _line_start(text, dash), end
    # The group's own dash stays, and its rows go on in the lines below.
    return dash, end - text[:end].endswith("\n")


def _remarks(text: str, rows: Node, index: int) -> int:
    """Where the comments begin that stand right above a row, in its column."""
    start = _line_start(text, _dash(text, rows, index))
    least = _line_end(text, rows.items[index - 1].end) if index else 0
    while start > least:
        above = _line_start(text, start - 1)
        line = text[above:start]
        if not re.match(rf" {{{rows.place.column - 1}}}#", line):
            break
        start = above
    return start


def _with_lines(text: str, rows: Node, index: int, lines: str) -> str:
    """Put whole lines in front of the row at `index`, or behind the last one."""
    if index == len(rows.items):
        end = _line_end(text, rows.items[-1].end)
        return _closed(text[:end]) + lines + text[end:]
    dash = _dash(text, rows, index)
    if _inline(text, dash):
        return text[:dash] + lines.lstrip(" ") + " " * (rows.place.column - 1) + text[dash:]
    start = _remarks(text, rows, index)
    return text[:start] + lines + text[start:]


def _moved_lines(text: str, rows: Node, index: int, to: int) -> str:
    if _inline(text, rows.start):
        # Give the first row a line of its own, so that all can be moved alike.
        column = rows.place.column - 1
        loose = f"{text[: rows.start].rstrip(' ')}\n{' ' * column}{text[rows.start :]}"
        moved = next(node for node in _lists(compose(loose)) if _same_rows(node, rows))
        return _moved_lines(loose, moved, index, to)
    start, stop = _remarks(text, rows, index), _extent(text, rows, index)[1]
    chunk, rest = _closed(text[start:stop]), text[:start] + text[stop:]
    if to < index:
        at = _remarks(text, rows, to)
    else:
        at = _line_end(text, rows.items[to].end) - (stop - start)
    return _closed(rest[:at]) + chunk + rest[at:]


def _lists(node: Node) -> Iterable[Node]:
    if node.kind == "list":
        yield node
    for child in (*node.items, *(value for _, value in node.pairs)):
        yield from _lists(child)


def _same_rows(node: Node, rows: Node) -> bool:
    # One line was added in front of the first row, and nothing else.
    return node.place.line == rows.place.line + 1 and node.place.column == rows.place.column


# ---------------------------------------------------------------- lists in brackets


def _with_item(text: str, rows: Node, index: int, row: str) -> str:
    if index < len(rows.items):
        at = rows.items[index].start
        return f"{text[:at]}{row}, {text[at:]}"
    at = rows.items[-1].stop
    return f"{text[:at]}, {row}{text[at:]}"


def _cut(text: str, rows: Node, index: int) -> tuple[int, int]:
    """Characters of an item in brackets, with the comma that belongs to it."""
    items = rows.items
    if index + 1 < len(items):
        start, stop = items[index].start, items[index + 1].start
    else:
        start, stop = (items[index - 1].stop if index else items[0].start), items[index].stop
    if "#" in text[start:stop]:
        raise UserError("a comment stands between these rows", "edit them in the text")
    return start, stop


def _without_item(text: str, rows: Node, index: int) -> str:
    start, stop = _cut(text, rows, index)
    return text[:start] + text[stop:]


def _moved_item(text: str, rows: Node, index: int, to: int) -> str:
    inner = text[rows.items[0].start : rows.items[-1].stop]
    if "#" in inner:
        raise UserError("a comment stands between these rows", "edit them in the text")
    texts = [text[item.start : item.stop].rstrip() for item in rows.items]
    between = [
        text[a.start + len(one) : b.start]
        for a, b, one in zip(rows.items, rows.items[1:], texts, strict=False)
    ]
    texts.insert(to, texts.pop(index))
    joined = "".join(a + b for a, b in zip(texts, [*between, ""], strict=True))
    return text[: rows.items[0].start] + joined + text[rows.items[-1].stop :]


# ---------------------------------------------------------------- keys


def _pair(root: Node, path: list[str]) -> tuple[Node, Node, Node]:
    """Section, key and value at the end of a path."""
    parent = root if len(path) == 1 else root.get(path[0])
    assert parent is not None, "asked for only where it is there"
    key, value = next((k, v) for k, v in parent.pairs if k.text == path[-1])
    return parent, key, value


def _with_value(text: str, root: Node, path: list[str], value: str) -> str:
    node = root.at(*path)
    if node is None:
        return _with_key(text, root, path, value)
    blank = "" if text[node.start - 1] in " \n[{," else " "
    if node.kind == "scalar" or node.flow:
        return text[: node.start] + blank + value + text[node.stop :]
    _, key, _ = _pair(root, path)
    colon = text.index(":", key.end) + 1
    return f"{text[:colon]} {value}{text[node.end :]}"


def _with_key(text: str, root: Node, path: list[str], value: str) -> str:
    parent = root if len(path) == 1 else root.get(path[0])
    entry = f"{path[-1]}: {value}" if not value.startswith("\n") else f"{path[-1]}:{value}"
    if parent is None:
        if root.flow:
            return _with_entry(text, root, f"{path[0]}: {{{entry}}}")
        return f"{_closed(text)}{path[0]}:\n  {entry}\n"
    if parent.empty:
        _, key, _ = _pair(root, path[:1])
        cut = text[: parent.start].rstrip(" ") + text[parent.stop :] if parent.text else text
        end = _line_end(cut, key.end)
        return f"{_closed(cut[:end])}  {entry}\n{cut[end:]}"
    if parent.kind != "map":
        raise UserError(f"{path[0]} is no section", "write its keys on lines of their own below")
    if parent.flow:
        return _with_entry(text, parent, entry)
    if parent is root:
        return f"{_closed(text)}{entry}\n"
    end = _line_end(text, parent.end)
    indent = " " * (parent.pairs[0][0].place.column - 1)
    return f"{_closed(text[:end])}{indent}{entry}\n{text[end:]}"


def _with_entry(text: str, section: Node, entry: str) -> str:
    """Put a key into a mapping in brackets."""
    comma = ", " if section.pairs else ""
    at = section.pairs[-1][1].end if section.pairs else section.stop - 1
    return f"{text[:at]}{comma}{entry}{text[at:]}"


def _without_key(text: str, root: Node, path: list[str]) -> str:
    parent, key, value = _pair(root, path)
    if len(path) > 1 and len(parent.pairs) == 1:
        return _without_key(text, root, path[:1])
    if parent.flow:
        return _without_entry(text, parent, key)
    return text[: _line_start(text, key.start)] + text[_line_end(text, max(value.end, key.end)) :]


def _without_entry(text: str, section: Node, key: Node) -> str:
    keys = [one for one, _ in section.pairs]
    index = keys.index(key)
    if index + 1 < len(keys):
        start, stop = key.start, keys[index + 1].start
    else:
        start = section.pairs[index - 1][1].end if index else key.start
        stop = section.pairs[index][1].end
    if "#" in text[start:stop]:
        raise UserError("a comment stands between these keys", "edit them in the text")
    return text[:start] + text[stop:]
