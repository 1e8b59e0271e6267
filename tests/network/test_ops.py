"""The layer kinds: what each says of itself, and the weights it has."""

import pytest

from napari_convnet.document import draft, parse
from napari_convnet.network import JOINS, OPS, Op, UserError
from napari_convnet.network.grammar import FLAGS, LETTERS
from napari_convnet.network.ops import CONNECTIONS

SIZES = {1: "4x16", 2: "4x16x16", 3: "4x16x16x16"}
SINGLE = [word for word, kind in OPS.items() if not kind.joins]


def network(size, *rows):
    return parse("\n".join([f"input: {size}", "net:", *(f"  - {row}" for row in rows)])).network


def bound(size, row):
    return network(size, row).layers[-1].kind


def problem(size, row):
    (found,) = draft(f"input: {size}\nnet:\n  - {row}\n").problems
    return found


def test_every_op_of_the_language_is_there_in_its_order():
    assert " ".join(OPS) == (
        "conv tconv dw sep local fc rbf max avg sum gap gmp up bn inorm gn ln lrn scale drop "
        "flatten id cat add crop "
        "relu leaky prelu elu selu gelu silu sigmoid tanh scaledtanh hardswish softmax"
    )
    assert JOINS == ("cat", "add")


@pytest.mark.parametrize("word", OPS)
def test_every_op_says_what_it_is(word):
    op = OPS[word]
    assert op.word == word
    assert op.example.split()[0] == word
    assert op.__doc__
    for text in (op.title, op.family, op.help, op.formula):
        assert text.strip()
    assert op.title[0].isupper() or op.title == "tanh"
    assert op.help.endswith(".")
    assert op.reach in ("point", "window", "global")
    assert set(op.signature.letters) <= set(LETTERS)
    assert set(op.signature.flags) <= set(FLAGS)


@pytest.mark.parametrize("rank", SIZES)
@pytest.mark.parametrize("word", SINGLE)
def test_every_example_binds(word, rank):
    row = OPS[word].example
    op = bound(SIZES[rank], f"flatten {row}" if word in ("fc", "rbf") else row)
    assert isinstance(op, OPS[word])
    assert isinstance(op, Op)
    assert op.channels == op.output()[0]
    assert op.parameters >= 0


@pytest.mark.parametrize("word", SINGLE)
def test_an_op_works_on_a_vector_or_says_that_it_needs_a_map(word):
    op = OPS[word]
    text = f"input: 4x8\nnet:\n  - flatten\n  - {op.example}\n"
    messages = [each.what for each in draft(text).problems]
    if op.takes_map or not op.takes_vector:
        assert messages == [f"{word} needs a map, but a vector of 32 comes in"]
    else:
        assert messages == []


@pytest.mark.parametrize(
    ("row", "weights"),
    [
        ("conv 6 k5", {"weight": (6, 4, 5, 5), "bias": (6,)}),
        ("conv 6 3x5 nobias", {"weight": (6, 4, 3, 5)}),
        ("conv 6 g2", {"weight": (6, 2, 3, 3), "bias": (6,)}),
        ("conv 6 bn", {"weight": (6,), "bias": (6,)}),
        ("tconv 6", {"weight": (4, 6, 2, 2), "bias": (6,)}),
        ("tconv 6 k3 g2", {"weight": (4, 3, 3, 3), "bias": (6,)}),
        ("dw 3 m2", {"weight": (8, 1, 3, 3), "bias": (8,)}),
        ("sep 6 k5", {"depthwise": (4, 1, 5, 5), "pointwise": (6, 4, 1, 1), "bias": (6,)}),
        ("local 6 valid", {"weight": (14, 14, 6, 4, 3, 3), "bias": (6, 14, 14)}),
        ("flatten fc 6", {"weight": (6, 1024), "bias": (6,)}),
        ("flatten rbf 6", {}),
        ("scale", {"weight": (4,), "bias": (4,)}),
        ("scale nobias", {"weight": (4,)}),
        ("prelu", {"weight": (4,)}),
        ("bn", {"weight": (4,), "bias": (4,)}),
        ("max 2", {}),
    ],
)
def test_weights(row, weights):
    assert bound("4x16x16", row).weights() == weights


def test_a_bias_goes_where_batch_normalisation_follows_on_the_line():
    net = network("1x8x8", "conv 2 bn", "conv 2 relu bn", "conv 2 bias bn", "conv 2", "bn")
    biased = [layer.kind.bias for layer in net if layer.op == "conv"]
    assert biased == [False, True, True, True]
    repeated = network("1x8x8", "conv 2 bn relu x2")
    assert [layer.kind.bias for layer in repeated if layer.op == "conv"] == [False, False]


def test_vgg16_with_batch_normalisation_keeps_its_biases():
    text = "\n".join(
        [
            "input: 3x224x224",
            "net:",
            *(
                f"  - conv {c} bias bn relu x{n}\n  - max"
                for c, n in [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)]
            ),
            "  - flatten\n  - fc 4096 relu drop x2\n  - fc 1000",
        ]
    )
    assert parse(text).network.totals.parameters == 138_365_992


@pytest.mark.parametrize(
    ("row", "field", "value"),
    [
        ("conv 2", "pad", ((1, 1), (1, 1))),
        ("conv 2 k5 d2", "pad", ((4, 4), (4, 4))),
        ("conv 2 k4 same", "pad", ((1, 2), (1, 2))),
        ("conv 2 k4 full", "pad", ((3, 3), (3, 3))),
        ("conv 2 k5 s3", "pad", ((2, 2), (2, 2))),
        ("conv 2 k3 p0x2", "pad", ((0, 0), (2, 2))),
        ("conv 2 reflect", "mode", "reflect"),
        ("conv 2", "mode", "zeros"),
        ("conv 2 3x5", "kernel", (3, 5)),
        ("conv 2 k3x5", "kernel", (3, 5)),
        ("max", "kernel", (2, 2)),
        ("max", "stride", (2, 2)),
        ("max 3", "stride", (3, 3)),
        ("max 3 s2", "stride", (2, 2)),
        ("max k3x1", "stride", (3, 1)),
        ("max 2", "pad", ((0, 0), (0, 0))),
        ("avg 3 same", "pad", ((1, 1), (1, 1))),
        ("dw 5", "kernel", (5, 5)),
        ("tconv 2", "stride", (2, 2)),
        ("tconv 2 k3", "stride", (3, 3)),
        ("up", "factor", (2, 2)),
        ("up 2x3", "factor", (2, 3)),
        ("crop 1x2", "cut", (1, 2)),
        ("relu", "cap", None),
        ("relu 6", "cap", 6.0),
        ("leaky", "slope", 0.01),
        ("leaky .1", "slope", 0.1),
        ("elu", "alpha", 1.0),
        ("drop", "probability", 0.5),
        ("lrn", "window", 5),
        ("gn 2", "groups", 2),
        ("conv $in*2", "out", 8),
        ("conv ($in+2)/3 k3", "out", 2),
    ],
)
def test_defaults_and_arguments(row, field, value):
    assert getattr(bound("4x16x16", row), field) == value


def test_macs_are_those_of_layers_with_kernels_only():
    counted = {word for word, op in OPS.items() if op.counts_macs}
    assert counted == {"conv", "tconv", "dw", "sep", "local", "fc"}
    net = network("2x8x8", "bn max 2 avg 2 up 2 relu gap")
    assert [layer.macs for layer in net] == [0] * 6


@pytest.mark.parametrize(
    ("row", "macs"),
    [
        ("conv 3 k3 g2", None),
        ("conv 4 k3 g2", 64 * 4 * 1 * 9),
        ("tconv 3 k2", 64 * 2 * 3 * 4),
        ("local 3 k3 valid", 36 * 3 * 2 * 9),
        ("dw 3 m2", 64 * 4 * 9),
    ],
)
def test_macs(row, macs):
    if macs is None:
        assert problem("2x8x8", row).what == (
            "2 groups do not divide 2 incoming and 3 outgoing channels"
        )
    else:
        assert network("2x8x8", row).totals.macs == macs


def test_bytes_are_those_of_the_maps_in_float32():
    net = network("1x8x8", "conv 2", "gap")
    assert [layer.bytes for layer in net] == [4 * 2 * 64, 4 * 2]
    assert net.totals.bytes == 4 * 2 * 65


def test_sizes_that_are_not_fixed_stay_open():
    net = network("3x?x32", "conv 8 k5 s2", "max 2", "up 2", "gn 2", "gap", "fc 4")
    assert [layer.output for layer in net] == [
        (8, None, 16),
        (8, None, 8),
        (8, None, 16),
        (8, None, 16),
        (8,),
        (4,),
    ]
    assert net["conv-1"].macs is None
    assert net["conv-1"].bytes is None
    assert net["conv-1"].receptive_field == (5, 5)
    assert net["fc-1"].macs == 32
    assert net.totals.parameters == 608 + 16 + 36
    assert (net.totals.macs, net.totals.bytes) == (None, None)


@pytest.mark.parametrize(
    ("row", "what", "fix"),
    [
        (
            "flatten",
            "flatten needs every size of the map",
            "write numbers for ? in the input line, or use gap",
        ),
        (
            "local 4",
            "local needs every size of the map",
            "write numbers for ? in the input line",
        ),
    ],
)
def test_layers_that_need_every_size_say_so(row, what, fix):
    found = problem("3x?x32", row)
    assert (found.what, found.fix) == (what, fix)


def test_geometry_is_told_up_to_a_vector():
    net = network("1x8x8", "conv 2", "inorm", "conv 2", "flatten", "relu", "fc 3")
    assert [layer.receptive_field for layer in net] == [(3, 3), (3, 3), (5, 5), None, None, None]
    assert net["flatten-1"].start is None
    assert net["fc-1"].jump is None
    assert net["fc-1"].matrix is None


def test_a_layer_as_a_dictionary():
    net = network("1x9x9", "conv 2 s2", "avg 2", "up 4 linear", "flatten")
    assert net["avg-1"].as_dict() == {
        "name": "avg-1",
        "op": "avg",
        "output": [2, 2, 2],
        "parameters": 0,
        "macs": 0,
        "receptive_field": [5, 5],
        "jump": [4, 4],
        "start": [1, 1],
        "bytes": 32,
    }
    assert net["up-1"].as_dict()["jump"] == [1, 1]
    assert net["up-1"].as_dict()["start"] == [-0.5, -0.5]
    assert net["flatten-1"].as_dict()["receptive_field"] is None


def test_the_network_as_a_sequence_and_a_mapping():
    net = network("1x8x8", "c1: conv 2 relu")
    assert len(net) == 2
    assert "C1" in net
    assert "c2" not in net
    assert net["C1.Conv"].name == "c1.conv"
    assert net["c1.conv"].inputs == ("input",)
    assert net["c1"].inputs == ("c1.conv",)
    assert net.output == (2, 8, 8)
    with pytest.raises(KeyError):
        net["c2"]


def test_a_connection_table():
    conv = bound("6x14x14", "conv 16 k5 valid")
    op = conv.connected("lenet5")
    assert op.weights() == {"weight": (60, 5, 5), "bias": (16,)}
    assert op.macs() == 10 * 10 * 60 * 25
    assert [len(row) for row in op.connect] == [3] * 6 + [4] * 9 + [6]
    assert op.connect[4] == (0, 4, 5)
    assert op.connect[9] == (0, 3, 4, 5)
    # Each input is used ten times, as in the paper.
    assert [sum(one in row for row in op.connect) for one in range(6)] == [10] * 6
    assert op.connected([[5]] * 16).parameters == 16 * 26
    assert op == conv.connected(CONNECTIONS["lenet5"])


@pytest.mark.parametrize(
    ("row", "table", "what"),
    [
        ("conv 3", "lenet", 'no connection table is called "lenet"'),
        ("conv 3", "lenet5", "connect has 16 rows for 3 outputs"),
        ("conv 2", [[0], [6]], "row 2 of connect names input 6, but 6 channels come in"),
        ("conv 2", [[0], []], "row 2 of connect is empty"),
        ("conv 2", [[0, 0], [1]], "row 1 of connect names an input twice"),
        ("conv 2 g2", [[0], [1]], "a connection table goes with g1 only"),
    ],
)
def test_connection_tables_that_do_not_fit(row, table, what):
    with pytest.raises(UserError) as caught:
        bound("6x8x8", row).connected(table)
    assert caught.value.problems[0].what == what


@pytest.mark.parametrize(
    ("word", "letter", "default"),
    [
        (word, letter, default)
        for word, op in OPS.items()
        for letter, default in op.signature.defaults.items()
        if letter in op.signature.letters and (default.isdigit() or default == "k")
    ],
)
def test_letters_have_the_defaults_that_the_signature_tells(word, letter, default):
    row = f"{word} 4" if OPS[word].signature.main.kind == "count" else word
    kernel = OPS[word].signature.defaults["k"]
    value = kernel if default == "k" else default
    assert bound("4x16x16", f"{row} {letter}{value}") == bound("4x16x16", row)


@pytest.mark.parametrize("word", [word for word, op in OPS.items() if op.signature.letters])
def test_every_letter_has_a_default(word):
    assert set(OPS[word].signature.letters) <= set(OPS[word].signature.defaults)
