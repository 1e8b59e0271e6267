"""Names of layers, and what errors say about them."""

import pytest

from napari_convnet.document import draft, parse


def names(*rows):
    text = "\n".join(["input: 1x16x16", "net:", *("  " + row for row in rows)])
    return [layer.name for layer in parse(text).network]


def test_unnamed_layers_are_counted_per_op():
    assert names("- conv 2 relu", "- conv 2 relu", "- max 2") == [
        "conv-1",
        "relu-1",
        "conv-2",
        "relu-2",
        "max-1",
    ]


def test_the_last_op_of_a_row_bears_its_name():
    assert names("- c1: conv 2 relu") == ["c1.conv", "c1"]
    assert names("- c: conv 2 bn relu x2") == [
        "c.conv",
        "c.bn",
        "c.relu",
        "c.conv-2",
        "c.bn-2",
        "c",
    ]


def test_groups():
    assert names("- g:", "    - a: conv 2", "    - relu") == ["g.a", "g"]
    assert names("- x2:", "    - conv 2", "    - c: relu") == [
        "group-1.conv",
        "group-1.c",
        "group-2.conv",
        "group-2.c",
    ]


def test_a_group_is_known_by_its_name_and_its_last_op_by_both():
    text = "input: 1x8x8\nnet:\n  - g:\n      - p: conv 2\n      - q: relu\nshow: [g, g.p, g.q]\n"
    network = parse(text).network
    assert network["g.q"] is network["g"]
    assert network["G.P"].op == "conv"


@pytest.mark.parametrize(
    ("rows", "place", "message"),
    [
        (["- c1: conv 2", "- C1: relu"], (4, 5), 'the name "C1" is already taken in line 3'),
        (["- conv2d: relu", "- relu: conv 2"], (4, 5), '"relu" is an op and cannot be a name'),
        (["- input: conv 2"], (3, 5), '"input" is a word of the language'),
        (["- w: sobel_x"], (3, 5), "this row has no layers"),
        (["- a: conv 2", "  b2: relu"], (4, 5), '"a" and "b2" stand in one row'),
    ],
)
def test_wrong_names(rows, place, message):
    text = "\n".join(["input: 1x16x16", "net:", *("  " + row for row in rows)])
    problem = draft(text).problems[0]
    assert (problem.place.line, problem.place.column) == place
    assert message in problem.what


def test_layers_before_a_mistake_stay():
    pipeline = draft("input: 1x16x16\nnet:\n  - c: conv 2\n  - fc 10\n  - max 2\n")
    assert [layer.name for layer in pipeline.network] == ["c"]
    assert [row.text for row in pipeline.rows] == ["c: conv 2", "fc 10", "max 2"]
    assert [len(row.problems) for row in pipeline.rows] == [0, 1, 0]


def test_named_groups_that_repeat():
    rows = [
        "- a:",
        "    x2:",
        "      - conv 2",
        "      - p: relu",
        "- c:",
        "    x2:",
        "      - conv 2",
    ]
    assert names(*rows) == [
        "a.group.conv",
        "a.group.p",
        "a.group-2.conv",
        "a",
        "c.group.conv",
        "c",
    ]


def test_groups_in_groups():
    assert names("- - conv 2", "  - - relu", "    - max") == [
        "group-1.conv",
        "group-1.group-2.relu",
        "group-1.group-2.max",
    ]
    network = draft("input: 1x8x8\nnet:\n  - a:\n    - p:\n      - q: conv 2\n  - relu\n").network
    assert [layer.name for layer in network] == ["a", "relu-1"]
    assert network["a.p.q"] is network["a.p"] is network["a"]
    assert network["relu-1"].inputs == ("a",)


def test_names_count_on_where_a_line_repeats():
    assert names("- c: conv 2 x3") == ["c.conv", "c.conv-2", "c"]
    assert names("- conv 2 x2", "- relu", "- conv 2") == ["conv-1", "conv-2", "relu-1", "conv-3"]


def test_layers_know_their_rows_and_places():
    pipeline = parse("input: 1x8x8\nnet:\n  - c1: conv 2  relu\n  - x2:\n      - bn\n")
    assert [layer.row for layer in pipeline.network] == [(0,), (0,), (1, 0), (1, 0)]
    place = pipeline.network["c1"].place
    assert (place.line, place.column, place.end_column) == (3, 17, 21)
    assert [layer.text for layer in pipeline.network] == ["conv 2", "relu", "bn", "bn"]
    assert [row.text for row in pipeline.rows] == ["c1: conv 2 relu", "x2:", "bn"]
    assert [row.depth for row in pipeline.rows] == [0, 0, 1]
    assert [len(row.layers) for row in pipeline.rows] == [2, 2, 2]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            ["- x999:", "    - x999:", "        - conv 2"],
            "line 3, column 5: the network would have 998,001 layers, and 100,000 are the most; "
            "repeat less",
        ),
        (["- x0:", "    - conv 2"], "line 3, column 5: a group cannot be repeated zero times; "
         "delete it"),
        (["- x3: []"], "line 3, column 5: this group has no rows; write rows in it, or delete it"),
        (["- g: []"], "line 3, column 5: this group has no rows; write rows in it, or delete it"),
        (["- []"], "line 3, column 5: this group has no rows; write rows in it, or delete it"),
        (["- x3: conv 2"], "line 3, column 5: x3: repeats a list of rows; write - conv 2 x3, or "
         "rows with dashes below, further in"),
        (["- x3: {a: conv 2}"], "line 3, column 5: x3: repeats a list of rows; write - conv 8 x3, "
         "or rows with dashes below, further in"),
        (["- a: {b: conv 2}"], "line 3, column 5: cannot read what stands behind a:; write a line "
         "of layers, a list of rows, x3: and a list, or res:, add:, cat: or side:"),
        (["- a:"], "line 3, column 5: a: has no layers; write them behind the colon"),
        (["-"], "line 3, column 4: this row is empty; write a layer, for example conv 8 k3 relu"),
        (["- ~"], "line 3, column 5: this row is empty; write a layer, for example conv 8 k3 relu"),
        (["- res:"], "line 3, column 5: res: has no layers; for example res: conv 8 relu conv 8"),
        (["- side: []"], "line 3, column 5: this group has no rows; write rows in it, or delete "
         "it"),
        (["- add: [conv 2]"], "line 3, column 5: add: joins two branches or more, and here is "
         "one; for example add: [conv 8, conv 8 k5]"),
        (["- cat: conv 2"], "line 3, column 5: cat: takes a list of branches; for example cat: "
         "[conv 8, conv 8 k5]"),
        (["- a: conv 2", "- cat: a"], "line 4, column 5: \"cat:\" has a colon behind an op; write "
         "- cat a, without the colon"),
        (["- conv: 2"], "line 3, column 5: \"conv:\" has a colon behind an op; write - conv 2, or "
         "- NAME: conv 2"),
        (["- conv2d-1: conv 2"], "line 3, column 5: \"conv2d-1\" is no name: letters, digits and "
         "_ only, a letter first; choose another name, such as conv2d_1"),
        ([f"- {'n' * 61}: conv 2"], f"line 3, column 5: \"{'n' * 40}...\" is too long for a name, "
         f"which has at most 60 letters; choose another name, such as {'n' * 30}"),
        (["- x2y: conv 2", "- X3: conv 2"], "line 4, column 5: \"X3\" is a word of the language "
         "and cannot be a name; choose another name, such as X3_1"),
        (["- same: conv 2"], "line 3, column 5: \"same\" is a word of the language and cannot be "
         "a name; choose another name, such as same1"),
        (["- a: conv 2", "- b1: max", "- A: relu"], "line 5, column 5, layer A: the name \"A\" is "
         "already taken in line 3; names are unique, whatever their case: choose another"),
    ],
)  # fmt: skip
def test_wrong_groups_and_names(rows, message):
    text = "\n".join(["input: 1x16x16", "net:", *("  " + row for row in rows)])
    assert str(draft(text).problems[0]) == message
    assert len(draft(text).problems) == 1
