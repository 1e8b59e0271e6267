"""Rows: writing, inserting, deleting and moving them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from napari_convnet.network import UserError

from ..nodes import Node, compose
from .brackets import in_brackets, moved_item, with_item, without_item
from .checked import first, in_quotes, keeps_line_ends, meaning_of, one_line
from .heads import set_head
from .keys import with_key, without_key
from .lines import chunk, closed, extent, indented, line_end, moved_lines, with_lines
from .sequences import as_list, sequence_of
from .spots import (
    BRANCHED,
    NAMED_STRUCTURE,
    Body,
    Path,
    body_of,
    find_block,
    find_body,
    find_row,
    head,
    is_branch,
    no_list,
    plain_body,
    plain_delete,
    plain_insert,
    plain_of,
    plain_row,
    shown,
)


@keeps_line_ends
def set_row(text: str, path: Path, row: str) -> str:
    """Write a row anew.

    Parameters
    ----------
    text : str
        The document.
    path : sequence of int
        Index of the row, then of the row in its group or branch, and so on; of a block's rows
        first the block's name.
    row : str
        ``conv 6 k5`` or ``c1: conv 6 k5``; of a row that holds rows its name and word only:
        ``c1:``, ``x3:``, ``res:`` or ``r1: res:``.

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
    (body, index), row = find_row(root, path), one_line(row)
    node = body.rows[index]
    if body_of(node, body.flow) is not None:
        return set_head(text, path, row)
    if row == shown(node):
        return text
    start, stop = _span(node, row)
    blank = " " if text[start - 1] in "-:" else ""
    meaning = meaning_of(root)

    def tries() -> Iterator[tuple[Any, str]]:
        container, key = plain_row(meaning, path)
        for written, plain in _spellings(row, node):
            container[key] = plain
            yield meaning, text[:start] + blank + written + text[stop:]

    try:
        return first(tries(), row)
    except UserError:
        if body.listed:
            raise
    return set_row(as_list(text, path[:-1]), path, row)


@keeps_line_ends
def insert_row(text: str, path: Path, row: str) -> str:
    """Write a new row in front of the one at `path`, or behind the last one.

    A structure or branch of one line becomes a list by it.

    Parameters
    ----------
    text, path, row
        As in `set_row`.
    """
    root, row = compose(text), one_line(row)
    body, where = find_body(root, path[:-1]), path[:-1]
    if body is None and where:
        if not is_branch(root, where):
            raise no_list(where)
        return insert_row(sequence_of(text, where), path, row)
    if body is not None and not body.listed:
        if not body.node.empty:
            return insert_row(as_list(text, where), path, row)
        return _fill(text, path, body, row)
    meaning = meaning_of(root)
    index = min(_index(path), len(body.rows) if body else 0)
    at = (*where, index)
    plain_insert(meaning, at, row)

    def tries() -> Iterator[tuple[Any, str]]:
        container, key = plain_row(meaning, at)
        for written, plain in _spellings(row):
            container[key] = plain
            yield meaning, _with_row(text, root, body, index, written)

    return first(tries(), row)


def _index(path: Path) -> int:
    if not isinstance(path[-1], int):
        raise UserError(f"{path[-1]} is a block, not a row")
    return path[-1]


def _fill(text: str, path: Path, body: Body, row: str) -> str:
    """Write the first row behind the colon of a row that holds none yet."""
    meaning = meaning_of(compose(text))
    container, key = plain_body(meaning, path[:-1])
    word = body.key.text if body.key else ""
    start = body.key.end + 1 if body.key else body.node.start
    stop = max(body.node.stop, start)
    listed = word in BRANCHED

    def tries() -> Iterator[tuple[Any, str]]:
        for written, plain in _spellings(row):
            if not listed:
                container[key] = plain
                yield meaning, f"{text[:start]} {written}{text[stop:]}"
            container[key] = [plain]
            yield meaning, f"{text[:start]} [{written}]{text[stop:]}"

    def lines() -> Iterator[tuple[Any, str]]:
        assert body.key is not None
        container[key] = [plain_of(row)]
        end = line_end(text, start)
        indent = " " * (body.key.place.column + 1)
        yield meaning, f"{closed(text[:end])}{indent}- {row}\n{text[end:]}"

    if listed and not body.flow:
        try:
            return first(lines(), row)
        except UserError:
            pass
    return first(tries(), row)


@keeps_line_ends
def delete_row(text: str, path: Path) -> str:
    """Take a row out, with what stands below it; the last row of a group takes the group along.

    Parameters
    ----------
    text, path
        As in `set_row`; the name of a block alone takes its definition out.
    """
    return _deleted(text, path, with_remarks=False)


def _deleted(text: str, path: Path, with_remarks: bool) -> str:
    root = compose(text)
    if len(path) == 1 and isinstance(path[0], str):
        _, key, _ = find_block(root, path[0])
        meaning = meaning_of(root)
        plain_delete(meaning, path)
        return first([(meaning, without_key(text, root, ["blocks", key.text]))], key.text)
    body, index = find_row(root, path)
    if len(path) > 1 and len(body.rows) == 1:
        return _deleted(text, path[:-1], with_remarks)
    meaning = meaning_of(root)
    plain_delete(meaning, path)
    if not body.listed:
        raise no_list(path)
    if body.node.flow:
        edited = without_item(text, body.node, index)
    else:
        cut = chunk if with_remarks else extent
        start, stop = cut(text, body.node, index)
        edited = text[:start] + text[stop:]
    return first([(meaning, edited)], shown(body.rows[index]))


@keeps_line_ends
def move_row(text: str, path: Path, to: int | Path) -> str:
    """Put a row, with the remarks right above it, at another place.

    Parameters
    ----------
    text, path
        As in `set_row`.
    to : int or path
        The index it gets among its siblings; or the path of the row that it is put in front of,
        as the document is before the move.
    """
    if isinstance(to, int):
        return _moved_among(text, path, to)
    if tuple(to[:-1]) == tuple(path[:-1]):
        index = _index(to)
        return _moved_among(text, path, index - (index > _index(path)))
    if tuple(to[: len(path)]) == tuple(path):
        raise UserError("a row cannot be put into itself", "put it beside")
    return _carried(text, path, to)


def _moved_among(text: str, path: Path, to: int) -> str:
    root = compose(text)
    body, index = find_row(root, path)
    to = max(0, min(to, len(body.rows) - 1))
    if to == index:
        return text
    meaning = meaning_of(root)
    container, key = plain_row(meaning, path)
    container.insert(to, container.pop(key))
    move = moved_item if body.node.flow else moved_lines
    edited = move(text, body.node, index, to)
    return first([(meaning, edited)], shown(body.rows[index]))


def _carried(text: str, path: Path, to: Path) -> str:
    """Put a row among others than its siblings: written there, then taken out here."""
    root = compose(text)
    where = to[:-1]
    target = find_body(root, where)
    if target is None and where and is_branch(root, where):
        return _carried(sequence_of(text, where), path, to)
    if target is not None and not target.listed and not target.node.empty:
        return _carried(as_list(text, where), path, to)
    if target is None or not target.listed:
        raise no_list(where)
    (source, index), at = find_row(root, path), min(_index(to), len(target.rows))
    meaning = meaning_of(root)
    value = plain_row(meaning, path)
    plain_insert(meaning, (*where, at), value[0][value[1]])
    row = shown(source.rows[index])
    put = first([(meaning, _put(text, source, index, target, at, meaning, (*where, at)))], row)
    return _deleted(put, _after_insert(path, (*where, at)), with_remarks=True)


def _after_insert(path: Path, at: Path) -> Path:
    """Path of a row after another one was inserted."""
    depth, new = len(at) - 1, at[-1]
    own = path[depth] if len(path) > depth else None
    if tuple(path[:depth]) != tuple(at[:-1]) or not isinstance(own, int) or own < int(new):
        return path
    return (*path[:depth], own + 1, *path[depth + 1 :])


def _put(
    text: str, source: Body, index: int, target: Body, at: int, meaning: Any, path: Path
) -> str:
    """Write a row a second time, in front of the one at an index of other rows."""
    node = source.rows[index]
    inside = not source.listed or source.node.flow
    start, stop = (node.start, node.end) if inside else chunk(text, source.node, index)
    taken = text[start:stop]
    if target.node.flow:
        if "#" in taken:
            raise UserError("a row with a comment cannot go into brackets", "edit it in the text")
        container, key = plain_row(meaning, path)
        written = in_brackets(container[key]) if node.kind == "map" else taken.strip()
        if not inside and node.kind == "scalar":
            written = text[node.start : node.end]
        return with_item(text, target.node, at, written)
    column = target.node.place.column - 1
    if inside:
        return with_lines(text, target.node, at, f"{' ' * column}- {taken.strip()}\n")
    own = source.node.place.column - 1
    whole = " " * own * (not text[start : start + 1].isspace()) + taken
    lines = closed(indented(whole, column - own))
    return with_lines(text, target.node, at, lines)


# ---------------------------------------------------------------- how it is written


def _span(node: Node, row: str) -> tuple[int, int]:
    """Characters that the text of a row takes: its line, or its name and line."""
    if node.kind != "map" or not node.pairs:
        return node.start, node.end
    key, value = head(node)
    if len(node.pairs) > 1 and ": " not in row:
        more = next(k.text for k, _ in node.pairs if k is not key)
        raise UserError(
            f"the row {key.text} has {more}: below it, which needs its name",
            f"keep {key.text}: in front",
        )
    return key.start, max(value.end, key.end + 1)


def _spellings(row: str, node: Node | None = None) -> Iterator[tuple[str, Any]]:
    """Ways to write a row, with what each means: as it is, or in quotes what breaks the text."""
    plain = plain_of(row, node)
    match = NAMED_STRUCTURE.match(row)
    if match:
        yield f"{match[1]}: {{{match[2]}: {match[3] or ''}}}", plain
    yield row, plain
    name, colon, line = row.partition(": ")
    if colon and name.isidentifier():
        yield f"{name}: {in_quotes(line)}", {**_plain_line(plain, name, line)}
    elif node is None or len(node.pairs) < 2:
        yield in_quotes(row), row


def _plain_line(plain: Any, name: str, line: str) -> Any:
    return {**plain, name: line} if isinstance(plain, dict) else {name: line}


def _with_row(text: str, root: Node, body: Body | None, index: int, row: str) -> str:
    if body is None:
        return _with_first_row(text, root, row)
    if body.node.flow:
        return with_item(text, body.node, index, row)
    line = f"{' ' * (body.node.place.column - 1)}- {row}\n"
    return with_lines(text, body.node, index, line)


def _with_first_row(text: str, root: Node, row: str) -> str:
    net = root.get("net")
    if net is None:
        return with_key(text, root, ["net"], f"[{row}]" if root.flow else f"\n  - {row}")
    cut = text[: net.start].rstrip(" ") + text[net.stop :] if net.stop > net.start else text
    if root.flow:
        return f"{text[: net.start]} [{row}]{text[net.stop :]}"
    key = next(k for k, _ in root.pairs if k.text == "net")
    end = line_end(cut, key.end)
    return f"{closed(cut[:end])}  - {row}\n{cut[end:]}"
