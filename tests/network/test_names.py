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
        (["- conv2d: relu", "- relu: conv 2"], (4, 5), '"relu:" has a colon behind an op'),
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
