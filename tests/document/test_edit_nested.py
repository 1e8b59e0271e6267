"""Edits inside groups, branches and blocks: any document, any edit, against a plain tree."""

import contextlib
import copy
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_convnet.document import edit
from napari_convnet.document.nodes import compose
from napari_convnet.network import UserError

KEYS = ("w", "b", "connect", "freeze", "note")
STRUCTURES = ("res", "side", "cat", "add")

TEXT = """\
input: 1x28x28
blocks:   # definitions
  # twice
  two(a, b=32): conv $a k3 bn relu conv $b k3 bn relu  # one line
  pair(c):
    # inside
    - conv $c  # first
    - relu
net:
  - e1: two 16 32  # down
  - res: conv 16 k3  # short
  - cat:   # join
      - conv 8 k1  # one
      - - conv 8 k3  # two
        # below
        - relu
      - [max 3 s1 same, conv 8 k1]  # three
  - r1:
      # named
      res:
        - conv 16 k3
        - two 16
    note: x
  - side: [gap, fc 10]
  - x2:
      - conv 4
"""


def changed(before, after):
    """Lines that went and lines that came, without those that stayed in place at both ends."""
    old, new = before.split("\n"), after.split("\n")
    while old and new and old[0] == new[0]:
        del old[0], new[0]
    while old and new and old[-1] == new[-1]:
        del old[-1], new[-1]
    return "\n".join(old), "\n".join(new)


@pytest.mark.parametrize(
    ("act", "old", "new"),
    [
        (
            lambda t: edit.set_row(t, (1, 0), "conv 32"),
            "  - res: conv 16 k3  # short",
            "  - res: conv 32  # short",
        ),
        (
            lambda t: edit.set_row(t, (1, 0), "c: conv 32"),
            "  - res: conv 16 k3  # short",
            "  - res:\n      - c: conv 32  # short",
        ),
        (
            lambda t: edit.insert_row(t, (1, 1), "relu"),
            "  - res: conv 16 k3  # short",
            "  - res:\n      - conv 16 k3  # short\n      - relu",
        ),
        (
            lambda t: edit.insert_row(t, (1, 0), "relu"),
            "  - res: conv 16 k3  # short",
            "  - res:\n      - relu\n      - conv 16 k3  # short",
        ),
        (
            lambda t: edit.insert_row(t, (2, 0, 1), "relu"),
            "      - conv 8 k1  # one",
            "      - - conv 8 k1  # one\n        - relu",
        ),
        (
            lambda t: edit.insert_row(t, (2, 2, 1), "relu"),
            "      - [max 3 s1 same, conv 8 k1]  # three",
            "      - [max 3 s1 same, relu, conv 8 k1]  # three",
        ),
        (lambda t: edit.add_branch(t, (2,), "id"), "", "      - id\n"),
        (
            lambda t: edit.delete_row(t, (2, 1, 0)),
            "      - - conv 8 k3  # two\n        # below",
            "      - \n        # below",
        ),
        (
            lambda t: edit.set_row(t, ("two", 0), "conv $a"),
            "  two(a, b=32): conv $a k3 bn relu conv $b k3 bn relu  # one line",
            "  two(a, b=32): conv $a  # one line",
        ),
        (
            lambda t: edit.insert_row(t, ("two", 1), "max 2"),
            "  two(a, b=32): conv $a k3 bn relu conv $b k3 bn relu  # one line",
            "  two(a, b=32):\n    - conv $a k3 bn relu conv $b k3 bn relu  # one line\n    - max 2",
        ),
        (
            lambda t: edit.insert_row(t, ("pair", 1), "bn"),
            "",
            "    - bn\n",
        ),
        (
            lambda t: edit.set_row(t, (1,), "r9: res:"),
            "  - res: conv 16 k3  # short",
            "  - r9:\n      res: conv 16 k3  # short",
        ),
        (lambda t: edit.set_row(t, (2,), "add:"), "  - cat:   # join", "  - add:   # join"),
        (lambda t: edit.set_row(t, (2,), "j: cat:"), None, None),
        (
            lambda t: edit.set_row(t, (5,), "g: x3:"),
            "  - x2:\n      - conv 4",
            "  - g:\n      x3:\n        - conv 4",
        ),
        (
            lambda t: edit.set_row(t, (4,), "s1: side:"),
            "  - side: [gap, fc 10]",
            "  - s1:\n      side: [gap, fc 10]",
        ),
        (
            lambda t: edit.wrap_row(t, (0,), "res"),
            "  - e1: two 16 32  # down",
            "  - res:\n      - e1: two 16 32  # down",
        ),
        (
            lambda t: edit.wrap_row(t, (4, 0), "res"),
            "  - side: [gap, fc 10]",
            "  - side: [res: gap, fc 10]",
        ),
        (
            lambda t: edit.wrap_row(t, (5, 0), "add"),
            "      - conv 4",
            "      - add:\n          - conv 4\n          - id",
        ),
        (
            lambda t: edit.wrap_row(t, (0,), "cat", 2),
            "  - e1: two 16 32  # down\n  - res: conv 16 k3  # short",
            "  - cat:\n      - - e1: two 16 32  # down\n        - res: conv 16 k3  # short\n"
            "      - id",
        ),
        (
            lambda t: edit.unwrap_row(t, (1,)),
            "  - res: conv 16 k3  # short",
            "  - conv 16 k3  # short",
        ),
        (lambda t: edit.unwrap_row(t, (5,)), "  - x2:\n      - conv 4", "  - conv 4"),
        (lambda t: edit.unwrap_row(t, (4,)), "  - side: [gap, fc 10]", "  - gap\n  - fc 10"),
        (lambda t: edit.unwrap_row(t, (2, 1)), None, None),
        (
            lambda t: edit.insert_structure(t, (1,), "cat", ["conv 8 k1", "conv 8 k3"], "j"),
            "",
            "  - j:\n      cat:\n        - conv 8 k1\n        - conv 8 k3\n",
        ),
        (
            lambda t: edit.insert_structure(t, (4, 1), "res", ["conv 8 k1"]),
            "  - side: [gap, fc 10]",
            "  - side: [gap, res: [conv 8 k1], fc 10]",
        ),
        (
            lambda t: edit.add_block(t, "three(a)", "conv $a"),
            "",
            "  three(a):\n    - conv $a\n",
        ),
        (
            lambda t: edit.delete_row(t, ("pair",)),
            "  pair(c):\n    # inside\n    - conv $c  # first\n    - relu\n",
            "",
        ),
    ],
)
def test_what_is_written(act, old, new):
    edited = act(TEXT)
    compose(edited)
    if old is None:
        assert edited != TEXT
        return
    if old:
        assert TEXT.count(old) == 1
        assert edited == TEXT.replace(old, new)
    else:
        assert new in edited
        assert edited.replace(new, "", 1) == TEXT


def test_a_block_gets_another_name_and_so_do_its_calls():
    edited = edit.set_block(TEXT, "two", "double(a, c=32)")
    assert "double(a, c=32): conv" in edited
    assert "e1: double 16 32  # down" in edited
    assert "- double 16\n" in edited
    assert " two" not in edited.replace("# two", "")


def test_the_first_block_gets_a_section():
    text = "input: 1x8\n# rows\nnet:\n  - conv 2\n"
    edited = edit.add_block(text, "two(a)", "conv $a")
    assert edited == "input: 1x8\n# rows\nblocks:\n  two(a):\n    - conv $a\nnet:\n  - conv 2\n"
    assert edit.delete_row(edited, ("two",)) == text


@pytest.mark.parametrize(
    ("path", "to", "old", "new"),
    [
        (
            (0,),
            (1, 1),
            None,
            "  - res:\n      - conv 16 k3  # short\n      - e1: two 16 32  # down\n",
        ),
        ((2, 1, 1), (0,), None, "  - relu\n  - e1: two 16 32  # down\n"),
        ((2, 0), (5, 0), None, "  - x2:\n      - conv 8 k1  # one\n      - conv 4\n"),
        ((4, 0), (5, 0), None, "  - x2:\n      - gap\n      - conv 4\n"),
        ((5, 0), (4, 1), None, "  - side: [gap, conv 4, fc 10]\n"),
        ((3,), ("pair", 2), None, "    - relu\n    - r1:\n        # named\n        res:\n"),
    ],
)
def test_rows_go_from_one_list_to_another(path, to, old, new):
    assert new in edit.move_row(TEXT, path, to)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (
            lambda t: edit.move_row(t, (2,), (2, 1, 0)),
            "a row cannot be put into itself; put it beside",
        ),
        (lambda t: edit.unwrap_row(t, (2,)), "this row has 3 branches; delete all but the one"),
        (lambda t: edit.unwrap_row(t, (0,)), "this row is no list of rows"),
        (lambda t: edit.unwrap_row(t, (3,)), "the row r1 has note: below it; delete that first"),
        (lambda t: edit.add_branch(t, (1,), "id"), "this row has no branches; cat: and add: have"),
        (
            lambda t: edit.set_row(t, (2,), "conv 8"),
            "the rows of its cat:; write cat: or NAME: cat:",
        ),
        (lambda t: edit.set_row(t, (3,), "res:"), "the row r1 has note: below it, which needs"),
        (lambda t: edit.insert_row(t, (0, 1), "conv 8"), "this row is no list of rows"),
        (lambda t: edit.insert_row(t, ("none", 1), "conv 8"), "there is no block none"),
        (lambda t: edit.add_block(t, "two(x)", "conv $x"), "there is a block two already"),
        (lambda t: edit.move_row(t, (0,), (4, 0)), "a row with a comment cannot go into brackets"),
    ],
)
def test_what_is_refused(act, message):
    with pytest.raises(UserError) as caught:
        act(TEXT)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "path", "edited"),
    [
        ("net:\n  - res:  # skip\n", (0, 0), "net:\n  - res: relu  # skip\n"),
        ("net:\n  - cat:  # join\n", (0, 0), "net:\n  - cat:  # join\n      - relu\n"),
        ("net: [cat: []]\n", (0, 0), "net: [cat: [relu]]\n"),
        ("net:\n  - res: [conv 8]\n", (0, 1), "net:\n  - res: [conv 8, relu]\n"),
    ],
)
def test_rows_are_written_into_what_is_still_empty(text, path, edited):
    assert edit.insert_row(text, path, "relu") == edited


# ---------------------------------------------------------------- any document, any edit

LINES = ["conv 8", "c9: conv 4 k5 relu", "relu", "max 2", "two 8", "a: id"]


def rows_of(depth):
    line = st.sampled_from(LINES)
    if depth == 0:
        return st.lists(line, min_size=1, max_size=3)
    inner = rows_of(depth - 1)
    branch = st.one_of(line, inner)
    structure = st.one_of(
        st.tuples(st.sampled_from([("res",), ("side",), ("x2",), ("g",), ("n", "res")]), inner),
        st.tuples(
            st.sampled_from([("cat",), ("add",), ("n", "cat")]),
            st.lists(branch, min_size=1, max_size=3),
        ),
        st.tuples(st.just(("res",)), line),
    )
    return st.lists(st.one_of(line, line, structure), min_size=1, max_size=3)


def written(rows, column, draw, count):
    """Write rows as a text: lines or brackets, with comments here and there."""
    out = []
    for row in rows:
        count[0] += 1
        remark = f"  # r{count[0]}" if draw(st.booleans()) else ""
        above = f"{' ' * column}# a{count[0]}\n" if draw(st.booleans()) else ""
        if isinstance(row, str):
            out.append(f"{above}{' ' * column}- {row}{remark}\n")
        elif isinstance(row, list):
            body = written(row, column + 2, draw, count).lstrip(" ")
            if body.startswith("#"):
                body = f"{remark.strip()}\n{' ' * (column + 2)}{body}"
            out.append(f"{above}{' ' * column}- {body}")
        else:
            keys, body = row
            flow = draw(st.booleans())
            out.append(
                above + " " * column + "- " + headed(keys, body, column, flow, remark, draw, count)
            )
    return "".join(out)


def headed(keys, body, column, flow, remark, draw, count):
    (key, *more), inner = keys, column + 4
    if more:
        return f"{key}:{remark}\n{' ' * inner}" + headed(
            more, body, column + 2, flow, "", draw, count
        )
    if isinstance(body, str) and ": " not in body:
        return f"{key}: {body}{remark}\n"
    body = [body] if isinstance(body, str) else body
    if flow:
        return f"{key}: {bracketed(body)}{remark}\n"
    return f"{key}:{remark}\n{written(body, inner, draw, count)}"


def bracketed(value):
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return f"[{', '.join(map(bracketed, value))}]"
    (key, *more), body = value
    if more:
        return f"{key}: {{{bracketed((tuple(more), body))}}}"
    body = [body] if isinstance(body, str) else body
    return f"{key}: {bracketed(body)}"


@st.composite
def documents(draw):
    net, block = draw(rows_of(2)), draw(rows_of(1))
    count = [0]
    return (
        "input: 1x8x8\nblocks:\n  two(a, b=3):\n"
        + written(block, 4, draw, count)
        + "net:\n"
        + written(net, 2, draw, count)
        + "show: []\n"
    )


def tree(plain):
    """Rows as a plain tree in which the only row of a structure is a list of one."""
    if isinstance(plain, list):
        return [tree(row) for row in plain]
    if not isinstance(plain, dict):
        return plain
    key = next(k for k in plain if k not in KEYS)
    value = plain[key]
    if isinstance(value, dict) and key not in STRUCTURES:
        return {key: tree(value)}
    rows = key in STRUCTURES or isinstance(value, list)
    return {key: tree(value if isinstance(value, list) else [value]) if rows else value}


def whole(text):
    plain = compose(text).plain()
    blocks = (
        {
            key.split("(")[0]: tree(v if isinstance(v, list) else [v])
            for key, v in plain.get("blocks", {}).items()
        }
        if plain.get("blocks")
        else {}
    )
    return {"net": tree(plain["net"] or []), **blocks}


def inside(row):
    """Rows of a row; None where it is a line."""
    while isinstance(row, dict):
        row = next(iter(row.values()))
        if isinstance(row, str):
            return None
    return row if isinstance(row, list) else None


def paths_of(rows, path=()):
    for i, row in enumerate(rows):
        yield (*path, i)
        yield from paths_of(inside(row) or [], (*path, i))


def siblings(trees, path):
    rows, rest = (trees[path[0]], path[1:]) if isinstance(path[0], str) else (trees["net"], path)
    for index in rest[:-1]:
        rows = inside(rows[index])
    return rows


def pruned(trees, path):
    """Take a row out, and what is empty then."""
    if len(path) == 1 and isinstance(path[0], str):
        del trees[path[0]]
        return
    rows = siblings(trees, path)
    if len(rows) == 1 and len(path) > 1:
        pruned(trees, path[:-1])
    else:
        del rows[path[-1]]


def remarks(text):
    return set(re.findall(r"# (\w+)", text))


def moved(trees, path, to):
    value = copy.deepcopy(siblings(trees, path)[path[-1]])
    rows = siblings(trees, to)
    rows.insert(to[-1], value)
    depth = len(to) - 1
    below = path[: depth + 1]
    if len(below) > depth and below[:-1] == to[:-1] and isinstance(below[-1], int):
        path = (*below[:-1], below[-1] + (below[-1] >= to[-1]), *path[depth + 1 :])
    pruned(trees, path)


def expected(act, trees, path, to, row, word):
    plain = tree(compose(f"v: [{row}]").plain()["v"])[0]
    rows = siblings(trees, path)
    if act == "set":
        rows[path[-1]] = plain
    elif act == "insert":
        rows.insert(path[-1], plain)
    elif act == "delete":
        pruned(trees, path)
    elif act == "move":
        moved(trees, path, to)
    elif act == "wrap":
        value = rows[path[-1]]
        rows[path[-1]] = {word: [value, "id"] if word in ("cat", "add") else [value]}
    elif act == "unwrap":
        rows[path[-1] : path[-1] + 1] = inside(rows[path[-1]])
    elif act == "structure":
        rows.insert(path[-1], {word: [plain]})
    return trees


def done(act, text, path, to, row, word):
    if act == "structure":
        return edit.insert_structure(text, path, word, [row])
    arguments = {"set": row, "insert": row, "move": to, "wrap": word}
    more = [arguments[act]] if act in arguments else []
    return getattr(edit, f"{act}_row")(text, path, *more)


@given(
    text=documents(),
    steps=st.lists(
        st.tuples(
            st.sampled_from(["set", "insert", "delete", "move", "wrap", "unwrap", "structure"]),
            st.integers(0, 40),
            st.integers(0, 40),
            st.sampled_from(LINES),
            st.sampled_from(["res", "side", "cat", "add", "x3", "h"]),
        ),
        min_size=1,
        max_size=5,
    ),
)
def test_any_edit_of_any_nested_document(text, steps):
    for act, which, other, row, word in steps:
        trees = whole(text)
        paths = [
            p
            for name in ("net", "two")
            if name in trees
            for p in paths_of(trees[name], () if name == "net" else (name,))
        ]
        if not paths:
            return
        path, to = paths[which % len(paths)], paths[other % len(paths)]
        with contextlib.suppress(UserError):
            edited = done(act, text, path, to, row, word)
            assert whole(edited) == expected(act, trees, path, to, row, word)
            if act not in ("delete", "move", "unwrap"):
                assert remarks(text) <= remarks(edited)
            if act in ("move", "unwrap"):
                lost = remarks(text) - remarks(edited)
                assert len(lost) <= len(path), "only what stood on rows that went with the last one"
            text = edited
