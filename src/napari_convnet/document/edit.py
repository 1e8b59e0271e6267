"""Edits: splices of the text, which leave comments and layout alone.

Every function takes a text and gives a text. What is written is read again, so that an edit never
leaves a text that is no longer YAML: a row that would break it is put in quotes.
"""

from __future__ import annotations

from collections.abc import Sequence

from napari_convnet.network import UserError
from napari_convnet.network.items import ROW_KEYS

from .nodes import Node, compose

Path = Sequence[int]


def set_row(text: str, path: Path, row: str) -> str:
    """Write a row anew.

    Parameters
    ----------
    text : str
        The document.
    path : sequence of int
        Index of the row, then of the row in its group, and so on.
    row : str
        ``conv 6 k5`` or ``c1: conv 6 k5``.

    Raises
    ------
    UserError
        Where the row cannot be written: it is several lines, or what stands below needs its name.
    """
    node = _row(compose(text), path)
    row = _one_line(row)
    start, stop = _span(node, row)
    for written in (row, _quoted(row)):
        edited = text[:start] + written + text[stop:]
        if _reads(edited, path, row):
            return edited
    raise UserError(f'cannot write "{row}" as a row', "write an op and its arguments")


def insert_row(text: str, path: Path, row: str) -> str:
    """Write a new row in front of the one at `path`, or behind the last one.

    Parameters
    ----------
    text, path, row
        As in `set_row`.
    """
    root = compose(text)
    siblings = _rows(root, path[:-1])
    written = _one_line(row)
    if siblings is None or not siblings.items:
        return _first_row(text, root, written)
    if siblings.flow:
        raise UserError("these rows stand in brackets", "edit them in the text")
    index = min(path[-1], len(siblings.items))
    at = index if index < len(siblings.items) else index - 1
    indent = " " * _dash_column(text, siblings.items[at])
    if index < len(siblings.items):
        begin = _line_start(text, _dash(text, siblings.items[index]))
    else:
        begin = _line_end(text, siblings.items[-1].end)
    for form in (written, _quoted(written)):
        line = f"{indent}- {form}\n"
        glue = "" if begin == 0 or text[begin - 1] == "\n" else "\n"
        edited = text[:begin] + glue + line + text[begin:]
        if _reads(edited, (*path[:-1], index), written):
            return edited
    raise UserError(f'cannot write "{row}" as a row', "write an op and its arguments")


def delete_row(text: str, path: Path) -> str:
    """Take a row out, with what stands below it."""
    root = compose(text)
    start, stop = _lines(text, root, path)
    siblings = _rows(root, path[:-1])
    if siblings is not None and len(siblings.items) == 1:
        if len(path) > 1:
            return delete_row(text, path[:-1])
        return text[:start].rstrip(" ").rstrip("\n") + " []\n" + text[stop:]
    return text[:start] + text[stop:]


def move_row(text: str, path: Path, to: int) -> str:
    """Put a row, as it stands, at another index among its siblings."""
    root = compose(text)
    siblings = _rows(root, path[:-1])
    count = len(siblings.items) if siblings else 0
    to = max(0, min(to, count - 1))
    if to == path[-1]:
        return text
    start, stop = _lines(text, root, path)
    chunk = text[start:stop] if text[start:stop].endswith("\n") else text[start:stop] + "\n"
    if to < path[-1]:
        at = _lines(text, root, (*path[:-1], to))[0]
        return text[:at] + chunk + text[at:start] + text[stop:]
    at = _lines(text, root, (*path[:-1], to))[1]
    between = text[stop:at]
    between = between if between.endswith("\n") else between + "\n"
    return text[:start] + between + chunk + text[at:]


def set_value(text: str, key: str, value: str | None) -> str:
    """Write a setting, such as ``train.epochs``; None takes it out.

    Parameters
    ----------
    text : str
        The document.
    key : str
        A key, or a section and a key with a dot between.
    value : str or None
        What stands behind the colon, as YAML.
    """
    root = compose(text)
    path = key.split(".")
    node = root.at(*path)
    if value is None:
        return text if node is None else _delete_key(text, root, path)
    if node is not None and (node.kind == "scalar" or node.flow):
        blank = "" if node.start > 0 and text[node.start - 1] in " \n" else " "
        edited = text[: node.start] + blank + value + text[node.end :]
    elif node is not None:
        edited = _replace_block(text, root, path, value)
    else:
        edited = _add_key(text, root, path, value)
    compose(edited)
    return edited


# ---------------------------------------------------------------- rows


def _rows(root: Node, path: Path) -> Node | None:
    """List that holds the rows of the network, or of the group at `path`."""
    node = root.get("net")
    for index in path:
        node = node and _body(node.items[index])
    return node if node is not None and node.kind == "list" else None


def _body(node: Node) -> Node | None:
    if node.kind == "list":
        return node
    value = next((v for k, v in node.pairs if k.text not in ROW_KEYS), None)
    return _body(value) if value is not None else None


def _row(root: Node, path: Path) -> Node:
    rows = _rows(root, path[:-1])
    if rows is None or path[-1] >= len(rows.items):
        raise UserError(f"there is no row {path[-1] + 1}")
    return rows.items[path[-1]]


def _one_line(row: str) -> str:
    if "\n" in row.strip():
        raise UserError("a row is one line", "write further layers in rows of their own")
    return " ".join(row.split())


def _span(node: Node, row: str) -> tuple[int, int]:
    """Characters that the text of a row takes: its line, or its name and line."""
    if node.kind != "map":
        return node.start, node.end
    key, value = next(((k, v) for k, v in node.pairs if k.text not in ROW_KEYS), node.pairs[0])
    if value.kind != "scalar":
        name = row.removesuffix(":").strip()
        if ":" in name or " " in name:
            raise UserError("this row holds a group", "give it a name, or edit the text")
        return key.start, key.end + 1
    if len(node.pairs) > 1 and ": " not in row:
        raise UserError(
            f"the row {key.text} has {node.pairs[1][0].text}: below it, which needs its name",
            f"keep {key.text}: in front",
        )
    return key.start, max(value.end, key.end + 1)


def _quoted(row: str) -> str:
    name, colon, line = row.partition(": ")
    if colon and name.isidentifier():
        return f"{name}: '{line.replace(chr(39), chr(39) * 2)}'"
    return "'" + row.replace("'", "''") + "'"


def _reads(text: str, path: Path, row: str) -> bool:
    """Whether the row reads as it was meant to."""
    try:
        node = _row(compose(text), path)
    except UserError:
        return False
    if node.kind == "scalar":
        return node.text == row
    if node.kind != "map":
        return False
    key, value = next(((k, v) for k, v in node.pairs if k.text not in ROW_KEYS), node.pairs[0])
    shown = f"{key.text}: {value.text}" if value.kind == "scalar" else f"{key.text}:"
    return shown.strip() in (row, f"{row}:")


def _first_row(text: str, root: Node, row: str) -> str:
    for written in (row, _quoted(row)):
        net = root.get("net")
        glue = "" if text.endswith("\n") else "\n"
        if net is None:
            edited = f"{text}{glue}net:\n  - {written}\n"
        else:
            edited = f"{text[: net.start].rstrip(' ')}\n  - {written}{text[net.end :]}"
            edited = edited.replace("net:\n\n", "net:\n", 1)
        if _reads(edited, (0,), row):
            return edited
    raise UserError(f'cannot write "{row}" as a row', "write an op and its arguments")


# ---------------------------------------------------------------- characters


def _dash(text: str, node: Node) -> int:
    return text.rindex("-", 0, node.start)


def _dash_column(text: str, node: Node) -> int:
    dash = _dash(text, node)
    return dash - _line_start(text, dash)


def _line_start(text: str, index: int) -> int:
    return text.rfind("\n", 0, index) + 1


def _line_end(text: str, index: int) -> int:
    found = text.find("\n", index)
    return len(text) if found < 0 else found + 1


def _lines(text: str, root: Node, path: Path) -> tuple[int, int]:
    """Whole lines of a row, from its dash to the end of its last line."""
    rows = _rows(root, path[:-1])
    if rows is None or path[-1] >= len(rows.items):
        raise UserError(f"there is no row {path[-1] + 1}")
    if rows.flow:
        raise UserError("these rows stand in brackets", "edit them in the text")
    node = rows.items[path[-1]]
    return _line_start(text, _dash(text, node)), _line_end(text, node.end)


# ---------------------------------------------------------------- keys


def _add_key(text: str, root: Node, path: list[str], value: str) -> str:
    glue = "" if text.endswith("\n") else "\n"
    if len(path) == 1:
        return f"{text}{glue}{path[0]}: {value}\n"
    section = root.get(path[0])
    if section is None or section.empty:
        if section is not None:
            start = section.start
            return f"{text[:start].rstrip(' ')}\n  {path[1]}: {value}{text[start:]}"
        return f"{text}{glue}{path[0]}:\n  {path[1]}: {value}\n"
    if section.flow:
        comma = ", " if section.pairs else ""
        return f"{text[: section.end - 1]}{comma}{path[1]}: {value}{text[section.end - 1 :]}"
    if section.kind != "map":
        raise UserError(f"{path[0]} is no section", "write its keys on lines of their own below")
    end = _line_end(text, section.end)
    indent = " " * (section.pairs[0][0].place.column - 1)
    newline = "" if end and text[end - 1] == "\n" else "\n"
    return f"{text[:end]}{newline}{indent}{path[1]}: {value}\n{text[end:]}"


def _pair(root: Node, path: list[str]) -> tuple[Node, Node, Node]:
    parent = root if len(path) == 1 else root.get(path[0])
    assert parent is not None
    key, value = next((k, v) for k, v in parent.pairs if k.text == path[-1])
    return parent, key, value


def _delete_key(text: str, root: Node, path: list[str]) -> str:
    parent, key, value = _pair(root, path)
    if parent.flow:
        raise UserError(f"{path[0]} stands in brackets", "edit it in the text")
    if len(path) > 1 and len(parent.pairs) == 1:
        return _delete_key(text, root, path[:1])
    end = max(value.end, key.end)
    return text[: _line_start(text, key.start)] + text[_line_end(text, end) :]


def _replace_block(text: str, root: Node, path: list[str], value: str) -> str:
    _, key, node = _pair(root, path)
    colon = text.index(":", key.end) + 1
    return f"{text[:colon]} {value}{text[node.end :]}"
