"""Edits: what is written, what stays as it was byte for byte, and what is refused."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_convnet.document import draft, edit, preset_text, presets
from napari_convnet.document.nodes import compose
from napari_convnet.network import UserError

TEXT = """\
# A network to edit
title: Try  # a title
input: 1x28x28
net:   # the rows
  # edges
  - c1: conv 6 k5 relu   # six of them
    w: gauss  # smooth
    note: first

  # shrink
  - max 2
  -   # an odd - dash
    c3: conv 8
  - x2:
      - conv 4   # four
      - relu
  - g:
    - - conv 3 # nested
      - relu
    - conv 9
  - "conv 5"  # in quotes
show: [c1, c3]  # two
train:
  epochs: 3  # few

  # a remark at the end of the section
"""

FIRST = "  - c1: conv 6 k5 relu   # six of them"

FLOW = "input: 1x28x28\nnet: [conv 8, c2: conv 9, relu]  # rows\ntrain: {epochs: 3, batch: 4}\n"


def changed(before, after):
    """Lines that went and lines that came, without those that stayed in place at both ends."""
    old, new = before.split("\n"), after.split("\n")
    while old and new and old[0] == new[0]:
        del old[0], new[0]
    while old and new and old[-1] == new[-1]:
        del old[-1], new[-1]
    return old, new


def rows(text):
    return [(row.path, row.text) for row in draft(text).rows]


def remarks(text):
    return sorted(line.partition("#")[2] for line in text.splitlines() if "#" in line)


# ---------------------------------------------------------------- rows


@pytest.mark.parametrize(
    ("path", "row", "old", "new"),
    [
        ((0,), "c1: conv 7", FIRST, "  - c1: conv 7   # six of them"),
        ((0,), "e1: conv 7", FIRST, "  - e1: conv 7   # six of them"),
        ((0,), "c1: a # b", FIRST, "  - c1: 'a # b'   # six of them"),
        ((1,), "avg  2", "  - max 2", "  - avg 2"),
        ((1,), "p: max", "  - max 2", "  - p: max"),
        ((1,), "", "  - max 2", "  - "),
        ((2,), "c3: conv 9", "    c3: conv 8", "    c3: conv 9"),
        ((2,), "conv 9", "    c3: conv 8", "    conv 9"),
        ((3,), "x3:", "  - x2:", "  - x3:"),
        ((3,), "pair", "  - x2:", "  - pair:"),
        ((3, 0), "conv 5", "      - conv 4   # four", "      - conv 5   # four"),
        ((4, 0, 0), "n: conv 2", "    - - conv 3 # nested", "    - - n: conv 2 # nested"),
        ((5,), "relu", '  - "conv 5"  # in quotes', "  - relu  # in quotes"),
        ((5,), "oops: [", '  - "conv 5"  # in quotes', "  - oops: '['  # in quotes"),
        ((5,), "a, b: [ 'x", '  - "conv 5"  # in quotes', "  - 'a, b: [ ''x'  # in quotes"),
        ((5,), "- relu", '  - "conv 5"  # in quotes', "  - '- relu'  # in quotes"),
        ((5,), "*a", '  - "conv 5"  # in quotes', "  - '*a'  # in quotes"),
    ],
)
def test_set_row(path, row, old, new):
    edited = edit.set_row(TEXT, path, row)
    assert changed(TEXT, edited) == ([old], [new])
    assert edit.set_row(edited, path, row) == edited


def test_a_row_written_as_it_is_changes_nothing():
    for row in draft(TEXT).rows:
        if row.text != "group":
            assert edit.set_row(TEXT, row.path, row.text) == TEXT


@pytest.mark.parametrize(
    ("path", "row", "message"),
    [
        ((0,), "conv 7", "the row c1 has w: below it, which needs its name; keep c1: in front"),
        ((1,), "a\nb", "this is more than one line; write further layers in rows of their own"),
        ((3,), "conv 8", "this row holds a group; give it a name or xN, or edit its rows"),
        ((4,), "relu", "this row holds a group; give it a name or xN, or edit its rows"),
        ((4,), "x0:", "this row holds a group; give it a name or xN, or edit its rows"),
        ((4, 0), "conv 8", "this row holds a group; edit its rows"),
        ((6,), "conv 8", "there is no row 7 here"),
        ((1, 0), "conv 8", "this row is no list of rows; edit it in the text"),
        ((3, 2), "conv 8", "there is no row 3 here"),
    ],
)
def test_rows_that_cannot_be_set(path, row, message):
    with pytest.raises(UserError) as caught:
        edit.set_row(TEXT, path, row)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("path", "before", "line"),
    [
        ((0,), "  # edges", "  - gelu"),
        ((1,), "  # shrink", "  - gelu"),
        ((2,), "  -   # an odd - dash", "  - gelu"),
        ((5,), '  - "conv 5"  # in quotes', "  - gelu"),
        ((6,), "show: [c1, c3]  # two", "  - gelu"),
        ((60,), "show: [c1, c3]  # two", "  - gelu"),
        ((3, 0), "      - conv 4   # four", "      - gelu"),
        ((3, 2), "  - g:", "      - gelu"),
        ((4, 0), "    - - conv 3 # nested", "    - gelu"),
        ((4, 0, 1), "      - relu\n    - conv 9", "      - gelu"),
        ((4, 0, 2), "    - conv 9", "      - gelu"),
    ],
)
def test_insert_row(path, before, line):
    edited = edit.insert_row(TEXT, path, "gelu")
    assert edited == TEXT.replace(f"\n{before}\n", f"\n{line}\n{before}\n")
    assert edited != TEXT


def test_insert_in_front_of_a_row_that_stands_behind_its_groups_dash():
    edited = edit.insert_row(TEXT, (4, 0, 0), "gelu")
    assert changed(TEXT, edited) == (
        ["    - - conv 3 # nested"],
        ["    - - gelu", "      - conv 3 # nested"],
    )


@pytest.mark.parametrize(
    ("text", "edited"),
    [
        ("input: 1x8\n", "input: 1x8\nnet:\n  - relu\n"),
        ("input: 1x8", "input: 1x8\nnet:\n  - relu\n"),
        ("input: 1x8\nnet:", "input: 1x8\nnet:\n  - relu\n"),
        ("input: 1x8\nnet:  # rows\n# more\n", "input: 1x8\nnet:  # rows\n  - relu\n# more\n"),
        ("net: []  # rows\ninput: 1x8\n", "net:  # rows\n  - relu\ninput: 1x8\n"),
        ("net: ~\ninput: 1x8\n", "net:\n  - relu\ninput: 1x8\n"),
        ("{input: 1x8}", "{input: 1x8, net: [relu]}"),
        ("input: 1x8\nnet:\n- conv 2", "input: 1x8\nnet:\n- relu\n- conv 2"),
        ("\ufeffnet:\n- conv 2\n", "\ufeffnet:\n- relu\n- conv 2\n"),
        ("net:\r\n  - conv 2\r\n", "net:\r\n  - relu\r\n  - conv 2\r\n"),
    ],
)
def test_the_first_row(text, edited):
    assert edit.insert_row(text, (0,), "relu") == edited


def test_a_net_that_is_no_list_is_left_alone():
    with pytest.raises(UserError, match="the network is no list of rows; edit it in the text"):
        edit.insert_row("input: 1x8\nnet: conv 8\n", (0,), "relu")


@pytest.mark.parametrize(
    ("path", "gone"),
    [
        (
            (0,),
            "  - c1: conv 6 k5 relu   # six of them\n    w: gauss  # smooth\n    note: first\n",
        ),
        ((1,), "  - max 2\n"),
        ((2,), "  -   # an odd - dash\n    c3: conv 8\n"),
        ((3,), "  - x2:\n      - conv 4   # four\n      - relu\n"),
        ((3, 0), "      - conv 4   # four\n"),
        ((4, 0), "    - - conv 3 # nested\n      - relu\n"),
        ((5,), '  - "conv 5"  # in quotes\n'),
    ],
)
def test_delete_row(path, gone):
    assert TEXT.count(gone) == 1
    assert edit.delete_row(TEXT, path) == TEXT.replace(gone, "")


def test_delete_the_row_behind_its_groups_dash():
    edited = edit.delete_row(TEXT, (4, 0, 0))
    assert changed(TEXT, edited) == (["    - - conv 3 # nested"], ["    - "])
    assert rows(edited)[-4:-1] == [((4, 0), "group"), ((4, 0, 0), "relu"), ((4, 1), "conv 9")]


def test_the_last_row_of_a_group_takes_the_group_along():
    text = "input: 1x8\nnet:\n  - relu\n  - a:\n      - x2:\n          - conv 2\n"
    assert edit.delete_row(text, (1, 0, 0)) == "input: 1x8\nnet:\n  - relu\n"


def test_the_last_row_of_all_leaves_an_empty_network():
    text = "input: 1x8\nnet:  # rows\n  # one\n  - relu\nshow: []\n"
    edited = edit.delete_row(text, (0,))
    assert edited == "input: 1x8\nnet:  # rows\n  # one\nshow: []\n"
    assert draft(edited).problems == ()
    assert edit.insert_row(edited, (0,), "relu") != edited


@pytest.mark.parametrize(
    ("path", "to", "texts"),
    [
        ((0,), 1, ["max 2", "c1: conv 6 k5 relu", "c3: conv 8"]),
        ((1,), 0, ["max 2", "c1: conv 6 k5 relu", "c3: conv 8"]),
        ((2,), 0, ["c3: conv 8", "c1: conv 6 k5 relu", "max 2"]),
        ((0,), 2, ["max 2", "c3: conv 8", "c1: conv 6 k5 relu"]),
        ((1,), 99, ["c1: conv 6 k5 relu", "c3: conv 8"]),
    ],
)
def test_move_row(path, to, texts):
    edited = edit.move_row(TEXT, path, to)
    top = [text for at, text in rows(edited) if len(at) == 1]
    assert [text for text in top if text in texts] == texts
    assert sorted(top) == sorted(text for at, text in rows(TEXT) if len(at) == 1)
    assert sorted(edited) == sorted(TEXT), "every character stays"
    last = len(top) - 1
    assert edit.move_row(edited, (min(to, last),), path[0]).split() == TEXT.split()


def test_remarks_above_a_row_move_along():
    edited = edit.move_row(TEXT, (1,), 0)
    assert edited.index("# shrink\n  - max 2\n  # edges\n  - c1:") > 0
    assert edit.move_row(TEXT, (1,), 1) == TEXT


def test_rows_behind_their_groups_dash_move_too():
    edited = edit.move_row(TEXT, (4, 0, 0), 1)
    assert changed(TEXT, edited) == (
        ["    - - conv 3 # nested", "      - relu"],
        ["    -", "      - relu", "      - conv 3 # nested"],
    )


@pytest.mark.parametrize(
    ("act", "net"),
    [
        (lambda t: edit.set_row(t, (0,), "q: conv 7"), "[q: conv 7, c2: conv 9, relu]"),
        (lambda t: edit.set_row(t, (1,), "gelu"), "[conv 8, gelu, relu]"),
        (lambda t: edit.set_row(t, (2,), "a, b"), "[conv 8, c2: conv 9, 'a, b']"),
        (lambda t: edit.insert_row(t, (0,), "bn"), "[bn, conv 8, c2: conv 9, relu]"),
        (lambda t: edit.insert_row(t, (3,), "bn"), "[conv 8, c2: conv 9, relu, bn]"),
        (lambda t: edit.delete_row(t, (0,)), "[c2: conv 9, relu]"),
        (lambda t: edit.delete_row(t, (1,)), "[conv 8, relu]"),
        (lambda t: edit.delete_row(t, (2,)), "[conv 8, c2: conv 9]"),
        (lambda t: edit.move_row(t, (0,), 2), "[c2: conv 9, relu, conv 8]"),
        (lambda t: edit.move_row(t, (2,), 0), "[relu, conv 8, c2: conv 9]"),
    ],
)
def test_rows_in_brackets(act, net):
    assert act(FLOW) == FLOW.replace("[conv 8, c2: conv 9, relu]", net)


def test_remarks_between_rows_in_brackets_are_not_risked():
    text = "input: 1x8\nnet: [conv 8, # eight\n  relu, # sharp\n  max]\n"
    for act in (lambda: edit.delete_row(text, (0,)), lambda: edit.move_row(text, (0,), 1)):
        with pytest.raises(UserError, match="a comment stands between these rows; edit them in"):
            act()
    assert edit.insert_row(text, (1,), "bn") == text.replace("  relu", "  bn, relu")


# ---------------------------------------------------------------- values


@pytest.mark.parametrize(
    ("key", "value", "old", "new"),
    [
        ("title", "Mine", ["title: Try  # a title"], ["title: Mine  # a title"]),
        ("title", "a: b # c", ["title: Try  # a title"], ["title: 'a: b # c'  # a title"]),
        ("title", "it's", ["title: Try  # a title"], ["title: it's  # a title"]),
        ("title", None, ["title: Try  # a title"], []),
        ("input", "3x?x?", ["input: 1x28x28"], ["input: 3x?x?"]),
        ("show", "[c3]", ["show: [c1, c3]  # two"], ["show: [c3]  # two"]),
        ("train.epochs", "5", ["  epochs: 3  # few"], ["  epochs: 5  # few"]),
        ("train.batch", "8", [], ["  batch: 8"]),
        ("data.source", "digits", [], ["data:", "  source: digits"]),
        ("weights", "runs/a@best", [], ["weights: runs/a@best"]),
    ],
)
def test_set_value(key, value, old, new):
    edited = edit.set_value(TEXT, key, value)
    assert changed(TEXT, edited) == (old, new)
    assert edit.set_value(edited, key, value) == edited


@pytest.mark.parametrize(
    ("text", "key", "value", "edited"),
    [
        (FLOW, "train.epochs", "5", FLOW.replace("epochs: 3", "epochs: 5")),
        (FLOW, "train.seed", "5", FLOW.replace("batch: 4", "batch: 4, seed: 5")),
        (FLOW, "train.epochs", None, FLOW.replace("epochs: 3, ", "")),
        (FLOW, "train.batch", None, FLOW.replace(", batch: 4", "")),
        ("train:  # how\nnet: []\n", "train.seed", "5", "train:  # how\n  seed: 5\nnet: []\n"),
        ("train: {}\n", "train.seed", "5", "train: {seed: 5}\n"),
        ("train: ~\nnet: []\n", "train.seed", "5", "train:\n  seed: 5\nnet: []\n"),
        ("net: []\ntitle:", "title", "x", "net: []\ntitle: x"),
        ("title: |\n  two\n  lines\nshow: []\n", "title", "x", "title: x\nshow: []\n"),
        ("show:\n  - a # one\n  - b\n# end\n", "show", "[c]", "show: [c]\n# end\n"),
        ("train:\n  seed: 5\nnet: []\n", "train.seed", None, "net: []\n"),
        ("train:\r\n  seed: 5\r\n", "train.seed", "6", "train:\r\n  seed: 6\r\n"),
        ("net: []", "title", "x", "net: []\ntitle: x\n"),
    ],
)
def test_set_value_elsewhere(text, key, value, edited):
    assert edit.set_value(text, key, value) == edited


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("title", "a\nb", "this is more than one line; write further layers in rows of their own"),
        ("title.text", "x", "title is no section; write its keys on lines of their own below"),
        (
            "show",
            "[c1",
            "line 1, column 4: the list that begins here does not end; part its items with commas, "
            "and close it with ]",
        ),
    ],
)
def test_values_that_cannot_be_set(key, value, message):
    with pytest.raises(UserError) as caught:
        edit.set_value(TEXT, key, value)
    assert str(caught.value) == message


def test_a_value_that_is_not_there_is_easily_taken_out():
    assert edit.set_value(TEXT, "data.source", None) == TEXT


# ---------------------------------------------------------------- any sequence of edits

lines = st.sampled_from(
    ["conv 8", "c9: conv 4 k5 relu", "relu", "oops [", "x: y: z", "max 2", "'", "a b: c", "-"]
)


@given(
    name=st.sampled_from([one.name for one in presets()] + ["", ""]),
    steps=st.lists(
        st.tuples(
            st.sampled_from(["set", "insert", "move", "delete", "value"]),
            st.integers(0, 30),
            st.integers(0, 30),
            lines,
        ),
        max_size=8,
    ),
)
def test_any_edits_leave_a_readable_text_and_its_remarks(name, steps):
    text = preset_text(name) if name else TEXT
    for act, which, to, line in steps:
        kept, before = remarks(text), draft(text).rows
        paths = [row.path for row in before] or [(0,)]
        path = paths[which % len(paths)]
        with contextlib.suppress(UserError):  # what cannot be done is refused, as tested above
            if act == "set":
                text = edit.set_row(text, path, line)
            elif act == "insert":
                text = edit.insert_row(text, path, line)
            elif act == "move":
                text = edit.move_row(text, path, to)
            elif act == "value":
                text = edit.set_value(text, ("title", "train.loss", "data.images")[to % 3], line)
            elif before:
                text = edit.delete_row(text, path)
        compose(text)
        if act != "delete":
            assert set(kept) <= set(remarks(text)), "remarks stay"
        paths = {row.path: row.text for row in draft(text).rows}
        assert len(paths) >= len(before) - (act == "delete") * len(before)
