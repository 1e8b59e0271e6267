"""Branches: res, add, cat, side, and joins that name layers."""

import pytest

from napari_convnet.document import draft, parse


def document(*rows, size="1x32x32", blocks=()):
    lines = [f"input: {size}"]
    if blocks:
        lines += ["blocks:", *("  " + block for block in blocks)]
    return "\n".join([*lines, "net:", *("  " + row for row in rows)])


def network(*rows, **others):
    return parse(document(*rows, **others)).network


def graph(*rows, **others):
    return {layer.name: layer.inputs for layer in network(*rows, **others)}


def problem(*rows, **others):
    (found,) = draft(document(*rows, **others)).problems
    return str(found)


# ---------------------------------------------------------------- structures


def test_res_adds_what_comes_in():
    assert graph("- a: conv 8", "- res: conv 8 relu conv 8", "- relu") == {
        "a": ("input",),
        "res-1.conv": ("a",),
        "res-1.relu": ("res-1.conv",),
        "res-1.conv-2": ("res-1.relu",),
        "res-1": ("res-1.conv-2", "a"),
        "relu-1": ("res-1",),
    }


def test_res_projects_where_shapes_differ():
    net = network("- conv 4", "- e: {res: [conv 8 s2 bn relu, conv 8 bn]}")
    assert [layer.name for layer in net][-3:] == ["e.proj.conv", "e.proj", "e"]
    assert net["e"].inputs == ("e.bn-2", "e.proj")
    conv = net["e.proj.conv"].kind
    assert (conv.kernel, conv.stride, conv.bias) == ((1, 1), (2, 2), False)
    assert net["e.proj"].op == "bn"
    assert net["e.proj.conv"].inputs == ("conv-1",)
    assert net["e"].output == (8, 16, 16)


def test_res_projects_where_only_the_resolution_differs():
    """Sizes that are not fixed, or of one pixel, hide a stride; the projection needs it."""
    for size in ("4x?x?", "4x1x1"):
        net = network("- res: conv 4 s2", size=size)
        assert net["res-1.proj.conv"].kind.stride == (2, 2)


def test_res_behind_paths_of_unknown_resolution_takes_its_stride_from_sizes():
    net = network(
        "- a: conv 4", "- max 2", "- up 2", "- cat: [conv 4 k3 s2, max 2]", "- res: conv 8 s2"
    )
    assert net["res-1.proj.conv"].kind.stride == (2, 2)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            "- res: conv 8 k3 valid",
            "line 4, column 5, layer res-1: res adds what its rows make to what comes in, but they "
            "make 8x30x30 out of 8x32x32; keep the size, or divide it by strides, so that a 1x1 "
            "convolution fits",
        ),
        (
            "- res: up 2",
            "line 4, column 5, layer res-1: res adds what its rows make to what comes in, but they "
            "make 8x64x64 out of 8x32x32; keep the size, or divide it by strides, so that a 1x1 "
            "convolution fits",
        ),
        (
            "- res: gap",
            "line 4, column 5, layer res-1: res adds what its rows make to what comes in, but they "
            "make a vector of 8 out of 8x32x32; put gap, flatten and fc behind the res",
        ),
        (
            "- r: {add: [conv 4, id]}",
            "line 4, column 5, layer r: add needs equal shapes: r.conv is 4x32x32 and r.id is "
            "8x32x32; bring them to equal channels, for example with conv 8 k1",
        ),
    ],
)
def test_what_cannot_be_added(row, message):
    assert problem("- conv 8", row) == message


def test_branches_start_from_what_comes_in_and_share_names():
    rows = [
        "- a: conv 4",
        "- i:",
        "    cat:",
        "      - conv 2 k1",
        "      - [conv 3 k1, conv 5]",
        "      - b1: max k3 s1 p1",
        "- conv 9",
    ]
    assert graph(*rows) == {
        "a": ("input",),
        "i.conv": ("a",),
        "i.conv-2": ("a",),
        "i.conv-3": ("i.conv-2",),
        "i.b1": ("a",),
        "i": ("i.conv", "i.conv-3", "i.b1"),
        "conv-1": ("i",),
    }
    assert network(*rows)["i"].output == (2 + 5 + 4, 32, 32)


def test_add_sums_branches():
    net = network("- add: [conv 4, conv 4 k5, [conv 4 k1, relu]]")
    assert net["add-1"].inputs == ("add-1.conv", "add-1.conv-2", "add-1.relu")
    assert net["add-1"].receptive_field == (5, 5)


def test_structures_in_structures():
    net = network("- res: {add: [conv 1, [res: conv 1, relu]]}", "- x2: [res: conv 1]")
    assert [layer.name for layer in net] == [
        "res-1.add.conv",
        "res-1.add.res.conv",
        "res-1.add.res",
        "res-1.add.relu",
        "res-1.add",
        "res-1",
        "group-1.res.conv",
        "group-1.res",
        "group-2.res.conv",
        "group-2.res",
    ]


def test_joins_in_lines_and_structures_have_one_counter():
    net = network("- a: conv 1", "- conv 1 add a", "- add: [conv 1, id]", "- relu add a")
    assert [layer.name for layer in net if layer.op == "add"] == ["add-1", "add-2", "add-3"]


def test_the_last_row_of_a_group_that_goes_on_bears_its_name():
    net = network("- g:", "    - conv 2", "    - res: conv 2", "    - side: [gap, fc 3]", "- relu")
    assert net["g"].op == "add"
    assert net["g.res"] is net["g"]
    assert net["g.side"].name == "g.side.fc"
    assert net["relu-1"].inputs == ("g",)


def test_side_goes_beside():
    net = network("- a: conv 2", "- aux: {side: [gap, fc 10]}", "- side: gap", "- conv 3")
    assert {layer.name: layer.inputs for layer in net} == {
        "a": ("input",),
        "aux.gap": ("a",),
        "aux": ("aux.gap",),
        "side-1.gap": ("a",),
        "conv-1": ("a",),
    }
    assert net.end == "conv-1"
    assert net.outputs == ("aux", "side-1.gap", "conv-1")
    assert net["side-1"].name == "side-1.gap"


def test_the_end_is_not_always_the_last_layer():
    net = network("- a: conv 2", "- side: [gap, fc 10]")
    assert (net.end, net.outputs, net.output) == ("a", ("side-1.fc", "a"), (2, 32, 32))


def test_a_network_without_layers_ends_with_its_input():
    net = draft("input: 1x4x4\nnet:\n").network
    assert (net.end, net.outputs, net.output) == ("input", (), (1, 4, 4))


# ---------------------------------------------------------------- lines


def test_cat_and_add_take_what_comes_in_last():
    net = network("- a: conv 2", "- b1: conv 3", "- c: conv 4 cat a b1 relu", "- d: conv 9 add c")
    assert net["c.cat"].inputs == ("a", "b1", "c.conv")
    assert net["c.cat"].output == (9, 32, 32)
    assert net["d"].inputs == ("c", "d.conv")
    assert net["d"].text == "add c"


def test_full_names_work_from_anywhere():
    net = network("- e: conv 2 relu", "- conv 2", "- g: [conv 2, cat e.conv conv-1 input]")
    assert net["g"].inputs == ("e.conv", "conv-1", "input", "g.conv")


def test_plain_names_mean_the_nearest():
    net = network("- a: conv 2", "- x2:", "    - b1: conv 3", "    - conv 4", "    - cat b1 a")
    assert net["group-1.cat"].inputs == ("group-1.b1", "a", "group-1.conv")
    assert net["group-2.cat"].inputs == ("group-2.b1", "a", "group-2.conv")


def test_crop_to_a_layer():
    net = network("- conv 4 k5 valid", "- a: max 2", "- up 2 cat conv-1", "- conv 1 crop a")
    assert net["crop-1"].output == (1, 14, 14)
    assert net["crop-1"].inputs == ("conv-2", "a")
    assert net["crop-1"].kind.joins


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["- cat later", "- later: conv 2"], "line 4, column 9, layer cat-1: later is defined "
         "further down (line 5); only layers above can be named"),
        (["- cat a"], "line 4, column 9, layer cat-1: a comes in already: cat takes what comes in "
         "last; delete a, or name another layer"),
        (["- conv 2 cat a a"], "line 4, column 18, layer cat-1: a is named twice; keep one of "
         "them"),
        (["- conv 2 cat aa"], "line 4, column 16, layer cat-1: no layer is called \"aa\"; did you "
         "mean a?"),
        (["- conv 2 cat k9"], "line 4, column 16, layer cat-1: no layer is called \"k9\"; the "
         "layers above are a, conv-1"),
        (["- d: conv 2 cat d"], "line 4, column 19, layer d: d is not finished here; name a layer "
         "above this row"),
        (["- max 2 cat a"], "line 4, column 11, layer cat-1: cat needs maps of equal size: a is "
         "8x32x32 and max-1 is 8x16x16; crop the larger (crop NAME), pad, or join before the size "
         "changes"),
        (["- conv 2 crop a conv-1"], "line 4, column 19, layer crop-1: conv-1 comes in already: "
         "crop takes what comes in last; delete conv-1, or name another layer"),
        (["- max 2 up crop a input"], "line 4, column 21, layer crop-1: crop takes the size of one "
         "layer; keep one of them"),
        (["- max 2 crop a"], "line 4, column 11, layer crop-1: crop can only make a map smaller: "
         "max-1 is 8x16x16 and a is 8x32x32; crop the larger of the two"),
    ],
)  # fmt: skip
def test_wrong_references(rows, message):
    assert problem("- a: conv 8", *rows) == message


def test_rows_behind_a_mistake_are_still_read():
    found = draft(document("- conv 8 k40 valid", "- res: [conv 2, rellu]", "- cat: [conv 2]"))
    assert [p.place.line for p in found.problems] == [3, 4, 5]


# ---------------------------------------------------------------- geometry


def test_receptive_fields_through_branches_are_hulls():
    net = network("- cat: [conv 1 k3, conv 1 k7, id]", "- conv 1 k3")
    assert net["cat-1"].receptive_field == (7, 7)
    assert net["conv-1"].receptive_field == (9, 9)
    assert net["conv-1"].start == (0.0, 0.0)


def test_misaligned_paths_are_told():
    net = network("- a: conv 1", "- cat: [conv 1 k4 same, id]")
    (warning,) = net.warnings
    assert str(warning) == (
        "line 4, column 5, layer cat-1: the paths into cat-1 are misaligned by 0.5 pixels along "
        "axis y: cat-1.conv is centred at 0.5, cat-1.id at 0; use odd kernels, or the same padding "
        "on all paths"
    )
    # The hull of -1 to 2 and 0 to 0, each a pixel wider through the first layer.
    assert net["cat-1"].fields[0].low == -2
    assert net["cat-1"].fields[0].high == 3
    assert parse(document("- a: conv 1", "- cat: [conv 1 k4 same, id]")).warnings == (warning,)


def test_warnings_end_somewhere():
    assert len(network("- x300: [cat: [conv 1 k4 same, id]]").warnings) == 100


def test_paths_of_different_resolution_have_no_receptive_field():
    net = network("- a: conv 1", "- cat: [conv 1 s2, conv 1 s4]", "- conv 1", size="1x1x1")
    (warning,) = net.warnings
    assert str(warning) == (
        "line 4, column 5, layer cat-1: the paths into cat-1 differ in resolution along axis y: "
        "cat-1.conv moves by 2 and cat-1.conv-2 moves by 4 pixels of the input from one output to "
        "the next; receptive fields are unknown from here on; give all paths the same strides"
    )
    assert net["cat-1"].fields is None
    assert net["conv-1"].fields is None
    assert net["conv-1"].receptive_field is None


def test_one_text_in_every_dimension():
    for size in ("2x32", "2x32x32", "2x16x16x16"):
        rows = ["- a: conv 4", "- max 2", "- res: conv 8", "- max 2", "- up 2", "- up 2 cat a"]
        net = network(*rows, size=size)
        assert net["cat-1"].output[0] == 12
        assert len(net["cat-1"].receptive_field) == size.count("x")
        assert not net.warnings
