"""Blocks: parameters, defaults, names as parameters, arithmetic, nesting, and what is refused."""

import pytest

from napari_convnet.document import draft, parse

UNET = """
input: 1x32x32
blocks:
  two(a, b=$a): conv $a k3 bn relu conv $b k3 bn relu
  rise(c, skip):
    - tconv $c
    - cat $skip
    - two $c
net:
  - e1: two 16
  - max 2
  - e2: two 32 64
  - max 2
  - two 64 b=128
  - rise 64 e2
  - d1: rise c=16 skip=e1
  - out: conv 2 k1
"""


def document(blocks, *rows, size="3x16x16"):
    lines = [f"input: {size}", "blocks:", *("  " + block for block in blocks)]
    return "\n".join([*lines, "net:", *("  " + row for row in rows)])


def network(blocks, *rows, **others):
    return parse(document(blocks, *rows, **others)).network


def names(blocks, *rows):
    return [layer.name for layer in network(blocks, *rows)]


def problems(blocks, *rows):
    return [str(one) for one in draft(document(blocks, *rows)).problems]


def test_a_network_of_blocks():
    net = parse(UNET).network
    assert not net.warnings
    assert [layer.name for layer in net][:7] == [
        "e1.conv",
        "e1.bn",
        "e1.relu",
        "e1.conv-2",
        "e1.bn-2",
        "e1",
        "max-1",
    ]
    assert net["two-1"].output == (128, 8, 8)
    assert net["two-1"].name == "two-1.relu-2"
    assert net["rise-1.cat"].inputs == ("e2", "rise-1.tconv")
    assert net["rise-1.two.conv"].text == "conv 64 k3"
    assert net["d1.cat"].inputs == ("e1", "d1.tconv")
    assert net["d1"].name == "d1"
    assert net["d1"] is net["d1.two"]
    assert net["out"].output == (2, 32, 32)
    assert not net["e1.conv"].kind.bias


def test_layers_know_the_row_that_calls_and_the_rows_of_the_block():
    net = parse(UNET).network
    layer = net["rise-1.two.conv"]
    assert layer.row == (5,)
    assert layer.via == (("rise", 2), ("two", 0))
    assert (layer.place.line, layer.place.column) == (4, 17)


def test_rows_of_blocks_are_shown_with_what_they_make():
    pipeline = parse(UNET)
    rows = pipeline.block_rows
    assert [(row.path, row.text, row.kind) for row in rows] == [
        (("two",), "two(a, b=$a):", "block"),
        (("two", 0), "conv $a k3 bn relu conv $b k3 bn relu", "line"),
        (("rise",), "rise(c, skip):", "block"),
        (("rise", 0), "tconv $c", "line"),
        (("rise", 1), "cat $skip", "line"),
        (("rise", 2), "two $c", "line"),
    ]
    assert [len(row.layers) for row in rows] == [30, 30, 16, 2, 2, 12]
    assert [row.end and row.end.name for row in rows[1:4]] == ["e1", None, "rise-1.tconv"]
    assert [row.text for row in pipeline.rows][-1] == "out: conv 2 k1"
    assert [row.depth for row in rows] == [0, 1, 0, 1, 1, 1]


def test_names_inside_blocks():
    blocks = ["pair(n): [a: conv $n, relu cat a]"]
    rows = ["- p: pair 2", "- pair 3", "- q: conv 1 pair 4 relu", "- z: pair 5 x2"]
    assert names(blocks, *rows) == [
        *("p.a", "p.relu", "p"),
        *("pair-1.a", "pair-1.relu", "pair-1.cat"),
        *("q.conv", "q.pair.a", "q.pair.relu", "q.pair.cat", "q"),
        *("z.pair.a", "z.pair.relu", "z.pair.cat"),
        *("z.pair-2.a", "z.pair-2.relu", "z"),
    ]
    net = network(blocks, *rows)
    assert net["q.pair"].name == "q.pair.cat"
    assert net["z.pair-2"].name == "z"


def test_what_comes_in():
    """In a body it is what comes into that op; in an argument what comes into the block."""
    net = network(
        ["half: conv $in/2 conv $in*4", "to(n): conv 5 conv $n"], "- half", "- to $in+1", size="4x8"
    )
    assert [layer.text for layer in net] == ["conv 2", "conv 8", "conv 5", "conv 9"]


def test_what_comes_in_must_divide():
    assert problems(["half: conv $in/2"], "- half") == [
        "line 3, column 14, layer half-1.conv: the number of outputs must be a whole number from "
        "1, not 1.5 (in half, called in line 5); compute it from numbers that make it 1 or more, "
        "without a fraction"
    ]


def test_defaults_know_the_parameters_before_them():
    net = network(["neck(w, out=$w*4, s=1): conv $w k1 conv $w s$s conv $out k1"], "- neck 4 s=2")
    assert [layer.text for layer in net] == ["conv 4 k1", "conv 4 s2", "conv 16 k1"]


def test_a_default_may_be_the_layer_that_another_parameter_names():
    blocks = ["two(a, b=$a):", "  - conv 3", "  - add $a", "  - crop $b"]
    made = network(blocks, "- e: relu", "- conv 3", "- two e", "- two e input")
    assert made["two-1.crop"].inputs == ("two-1.add", "e")
    assert made["two-2.crop"].inputs == ("two-2.add", "input")


def test_what_has_a_default_may_stand_before_what_has_none():
    blocks = ["rise(c, f=2, skip): tconv $c s$f cat $skip"]
    rows = ["- a: conv 4", "- max 2", "- {rise}"]
    for rise in ("rise 3 skip=a", "rise 3 2 a", "rise skip=a c=3"):
        net = network(blocks, *(row.format(rise=rise) for row in rows))
        assert [layer.text for layer in net][2:] == ["tconv 3 s2", "cat a"]
    assert problems(blocks, "- rise 3") == [
        "line 5, column 5, layer rise-1: rise needs $skip; write rise C [F] skip=SKIP"
    ]


def test_structures_in_blocks():
    net = network(
        ["basic(c, s=1):", "  - res: conv $c s$s bn relu conv $c bn", "  - relu"],
        "- conv 8",
        "- s1: basic 8 x2",
        "- s2: [basic 16 s=2, basic 16]",
    )
    assert net["s1.basic.res"].inputs == ("s1.basic.res.bn-2", "conv-1")
    assert net["s1"].op == "relu"
    assert net["s2.basic.res.proj.conv"].kind.stride == (2, 2)
    assert net["s2.basic.res"].row == (2, 0)
    assert net["s2.basic.res"].via == (("basic", 0),)
    assert net["s2.basic.res.conv"].via == (("basic", 0, 0),)
    assert net["s2"].output == (16, 8, 8)


def test_extras_of_a_row_that_calls_a_block():
    net = network(["cr(n): conv $n relu"], "- c: cr 2", "  w: gauss", "  b: 1")
    assert net["c.conv"].extras.w == "gauss"
    assert net["c"].extras.w is None


def test_blocks_may_stand_in_any_order():
    assert names(["one: two relu", "two: conv 3"], "- one") == ["one-1.two.conv", "one-1.relu"]


def test_an_unused_parameter_is_a_warning():
    (warning,) = network(["cr(n, m): conv $n relu"], "- cr 2 3").warnings
    assert str(warning) == (
        "line 3, column 3: cr does not use its parameter $m; use it, or delete it here and in the "
        "calls"
    )


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("- two", "line 7, column 5, layer two-1: two needs $a; write two A [B]"),
        ("- two 1 2 3", "line 7, column 13, layer two-1: two takes 2 arguments (a, b), and 3 is "
         "one too many; write two A [B]"),
        ("- two 1 c=2", "line 7, column 11, layer two-1: two has no parameter \"c\"; write two A "
         "[B]"),
        ("- two 1 a=2", "line 7, column 11, layer two-1: a is given twice; keep one of them"),
        ("- two k3", "line 7, column 9, layer two-1: two takes numbers and names of layers, not "
         "\"k3\"; write two A [B]"),
        ("- two 3x3", "line 7, column 9: two takes numbers and names of layers, not \"3x3\"; for "
         "example 16, $a*2 or e1"),
        ("- two 1 same", "line 7, column 11, layer two-1: two takes numbers and names of layers, "
         "not \"same\"; write two A [B]"),
        ("- two e", "line 3, column 21, layer two-1.conv: $a is a layer here, and no number (in "
         "two, called in line 7); call the block with a number, or give it to cat, add or "
         "crop"),
        ("- two ee", "line 7, column 9, layer two-1: no layer is called \"ee\"; did you mean e?"),
        ("- two 1/2", "line 7, column 9: cannot read \"1/2\" as a number or a size; write 3, .5 or "
         "3x3, without blanks"),
        ("- two 1e99", "line 7, column 9, layer two-1: cannot read \"1e99\" as a number; write for "
         "example 16 or .5"),
        ("- two $b", "line 7, column 9, layer two-1: unknown parameter $b; outside a block only "
         "$in, the incoming channels, is known"),
        ("- two .5", "line 3, column 21, layer two-1.conv: the number of outputs must be a whole "
         "number from 1, not 0.5 (in two, called in line 7); compute it from numbers that make it "
         "1 or more, without a fraction"),
        ("- skips 3", "line 4, column 20, layer skips-1.cat: $skip is 3 here, not a layer (in "
         "skips, called in line 7); call the block with a layer's name"),
        ("- twoo 3", "line 7, column 5: unknown op \"twoo\"; did you mean two?"),
        ("- two: conv 3", "line 7, column 5: \"two\" is a block and cannot be a name; choose "
         "another name, such as two1"),
    ],
)  # fmt: skip
def test_wrong_calls(row, message):
    blocks = ["two(a, b=2): conv $a conv $b", "skips(skip): cat $skip"]
    assert problems(blocks, "- e: conv 8", row) == [message]


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("x3: conv 3", "line 3, column 3: \"x3\" is a word of the language and cannot be a name; "
         "choose another name, such as x3_1"),
        ("k3: conv 3", "line 3, column 3: \"k3\" reads like an argument and cannot be a name; "
         "choose another name, such as k3_1"),
        ("conv: relu", "line 3, column 3: \"conv\" is a word of the language and cannot be a name; "
         "choose another name, such as conv1"),
        ("b(a b): conv 3", "line 3, column 3: \"a b\" is no name of a parameter; write for example "
         "two(a, b=32):"),
        ("b(a,): conv $a", "line 3, column 3: a parameter's name is missing between the commas; "
         "write for example two(a, b=32):"),
        ("bb(a, a): conv $a", "line 3, column 3: the parameter a stands here twice; write for "
         "example two(a, b=32):"),
        ("bb(in): conv $in", "line 3, column 3: $in is always the number of incoming channels, and "
         "no parameter; write for example two(a, b=32):"),
        ("bb(a=): conv $a", "line 3, column 3: cannot read \"\" as the default of a; write for "
         "example two(a, b=32):"),
        ("bb(a: conv 3", "line 3, column 3: cannot read \"bb(a\" as a block's name and parameters; "
         "write for example two(a, b=32):"),
        ("bb:", "line 3, column 3: the block bb has no layers; write them behind it"),
        ("bb: []", "line 3, column 3: the block bb has no layers; write them behind it"),
        ("bb: conv $a", "line 3, column 12: unknown parameter $a; outside a block only $in, the "
         "incoming channels, is known"),
        ("bb(a, c): conv $a conv $d conv $c", "line 3, column 26: unknown parameter $d; this block "
         "has $a, $c and $in"),
        ("bb: rellu", "line 3, column 7: unknown op \"rellu\"; did you mean relu?"),
        ("bb: [e: conv 3, relu: conv 3]", "line 3, column 19: \"relu\" is an op and cannot be a "
         "name; choose another name, such as relu1"),
        ("bb: bb", "line 3, column 3: bb calls itself; blocks cannot contain themselves"),
        ("bb: [res: bb]", "line 3, column 3: bb calls itself; blocks cannot contain themselves"),
    ],
)  # fmt: skip
def test_wrong_blocks(block, message):
    """They are told whether or not something calls them."""
    assert problems([block], "- conv 3")[0] == message
    assert len(problems([block], "- conv 3")) == 1


def test_rings_of_blocks():
    assert problems(["one: two", "two: relu three", "three: one"], "- conv 3", "- two") == [
        "line 3, column 3: one calls two, which calls three, which calls one; blocks cannot "
        "contain themselves"
    ]


def test_two_blocks_of_one_name():
    assert problems(["one: relu", "One: relu"], "- one") == [
        'line 4, column 3: a block "one" stands in line 3 already; names are unique, whatever '
        "their case: choose another"
    ]


def test_the_layers_before_a_broken_block_stay():
    pipeline = draft(document(["bb: rellu"], "- conv 3", "- bb", "- conv 4"))
    assert [layer.name for layer in pipeline.network] == ["conv-1"]
    assert [len(row.problems) for row in pipeline.block_rows] == [0, 1]


def test_a_block_sees_only_its_own():
    assert problems(["bb: cat e"], "- e: conv 3", "- conv 1", "- bb") == [
        "line 3, column 11, layer bb-1.cat: e stands outside this block, which sees only its own "
        "layers and parameters (in bb, called in line 7); give it a parameter, and call it with e"
    ]


def test_a_mistake_deep_in_blocks_says_all_calls():
    (found,) = problems(["one(a): two $a", "two(a): conv $a k40 valid"], "- one 3")
    assert found == (
        "line 4, column 11, layer one-1.two.conv: a kernel of 40 does not fit into 16 (in two, "
        "called in line 3, from one, called in line 6); use a kernel of at most 16, padding, or "
        "less pooling before"
    )


def test_blocks_that_grow_without_bound():
    blocks = ["b0: relu", *(f"b{i}: b{i - 1} x9" for i in range(1, 30))]
    assert problems(blocks, "- b29")[0].startswith(
        "line 34, column 5: the network would have far too many layers, and 100,000 are the most"
    )


def test_blocks_nested_too_deeply():
    blocks = ["b0_: relu", *(f"b{i}_: b{i - 1}_" for i in range(1, 1000))]
    found = problems(blocks, "- b999_")
    assert found == [
        "line 43, column 3: more than 40 blocks call one another, down from b40_; nest less"
    ]


def test_more_blocks_than_anyone_writes():
    found = problems([f"b{i}_: relu" for i in range(1003)], "- b7_")
    assert found == [
        "line 1003, column 3: a document has at most 1,000 blocks; delete those not in use"
    ]


def test_rows_nested_too_deeply():
    blocks = ["b0_: relu", *(f"b{i}_: {{res: {{res: {{res: b{i - 1}_}}}}}}" for i in range(1, 40))]
    found = problems(blocks, "- b39_")
    assert found == ["line 23, column 27: rows lie more than 80 deep; nest less"]
    assert not problems(blocks[:19], "- b18_")


def test_values_that_grow_without_bound():
    grow = "b0_(a): conv $a"
    blocks = [grow, *(f"b{i}_(a): b{i - 1}_ $a*$a*$a" for i in range(1, 20))]
    (found,) = problems(blocks, "- b19_ 10")
    assert 'the value of "$a*$a*$a" is too large' in found
