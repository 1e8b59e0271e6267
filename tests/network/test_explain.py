"""The reasons for a layer's numbers: the textbooks' worked examples, to the digit."""

import pytest

from napari_convnet.document import parse, preset, presets
from napari_convnet.network import OPS
from napari_convnet.network.explain import why

SIZES = {1: "4x17", 2: "4x17x19", 3: "4x12x10x11"}


def network(size, *rows):
    return parse("\n".join([f"input: {size}", "net:", *(f"  - {row}" for row in rows)])).network


def explained(size, *rows):
    net = network(size, *rows)
    return why(net, net.layers[-1].name)


def line(found, what):
    one = next(one for one in found.lines if one.what.startswith(what))
    return one.numbers, one.result


def test_the_first_layer_of_lenet():
    found = explained("1x32x32", "conv 6 k5 valid")
    (size, *_) = found.lines
    assert size.what == "size along y and x"
    assert size.formula == "floor((n + 2p - d (k - 1) - 1) / s) + 1"
    assert size.numbers == "floor((32 + 2×0 - 1 × (5 - 1) - 1) / 1) + 1"
    assert size.result == "28"
    assert line(found, "parameters") == ("6 × 1 × 5 × 5 + 6", "156")
    assert line(found, "multiply-adds") == ("28 × 28 × 6 × 1 × 5 × 5", "117,600")
    assert line(found, "receptive field") == ("1 + 1 × (5 - 1) × 1", "5")
    assert found.dense == (
        "a dense layer from 1x32x32 to 6x28x28 would need 4,821,600 parameters (1,024 × 4,704 "
        "weights and 4,704 biases), 30,908 times as many, and 4,816,896 multiply-adds, 41 times "
        "as many"
    )
    assert str(found).splitlines()[1] == (
        "parameters: outputs × inputs × kernel + biases = 6 × 1 × 5 × 5 + 6 = 156"
    )


@pytest.mark.parametrize(
    ("size", "row", "what", "numbers", "result"),
    [
        # 52 pixels, a kernel of 12 at a stride of 2.
        (
            "1x52x52",
            "conv 15 k12 s2 valid",
            "size",
            "floor((52 + 2×0 - 1 × (12 - 1) - 1) / 2) + 1",
            "21",
        ),
        (
            "15x21x21",
            "conv 1 k8 valid",
            "size",
            "floor((21 + 2×0 - 1 × (8 - 1) - 1) / 1) + 1",
            "14",
        ),
        # 3x3 on 6x6 without padding, and as 3x1 then 1x3.
        ("1x6x6", "conv 1 k3 valid", "multiply-adds", "4 × 4 × 1 × 1 × 3 × 3", "144"),
        ("1x6x6", "conv 1 k3 valid", "multiply-adds in steps (3x1, then 1x3)", "72 + 48", "120"),
        (
            "1x8x16x16",
            "conv 4 k1x3x3 s2",  # every second slice only, from the first step on
            "multiply-adds in steps (1x3x1, then 1x1x3)",
            "6,144 + 12,288",
            "18,432",
        ),
        # 3 channels to 72 maps of 6x6.
        ("3x6x6", "conv 72 k3", "multiply-adds", "6 × 6 × 72 × 3 × 3 × 3", "69,984"),
        (
            "3x6x6",
            "sep 72 k3",
            "multiply-adds",
            "6 × 6 × (3 × 3 × 3 + 72 × 3) = 972 + 7,776",
            "8,748",
        ),
        (
            "3x6x6",
            "sep 72 k3",
            "multiply-adds of a plain convolution",
            "6 × 6 × 72 × 3 × 3 × 3",
            "69,984",
        ),
        # Flattening 72 maps of 6x6 into 500 units, and a dense first layer.
        ("72x6x6", "flatten fc 500", "multiply-adds", "500 × 2592", "1,296,000"),
        ("1x256x256", "flatten fc 64 nobias", "parameters", "64 × 65536", "4,194,304"),
        ("72x6x6", "flatten", "length", "72 × 6 × 6", "2,592"),
        # AlexNet's second convolution has two groups.
        ("96x27x27", "conv 256 k5 g2", "parameters", "256 × (96 / 2) × 5 × 5 + 256", "307,456"),
        ("2x8x8", "dw 3 m2", "parameters", "2 × 2 × 3 × 3 + 4", "40"),
        ("64x28x28", "tconv 32 k2", "size", "(28 - 1) × 2 - 2×0 + 1 × (2 - 1) + 1 + 0", "56"),
        ("6x28x28", "max 2", "jump", "1 × 2", "2"),
        ("6x28x28", "up 2", "jump", "1 / 2", "0.5"),
        (
            "6x28x28",
            "conv 6 k4 same",
            "size",
            "floor((28 + 1 + 2 - 1 × (4 - 1) - 1) / 1) + 1",
            "28",
        ),
        ("6x28x28", "max 3 s2 ceil", "size", "ceil((28 + 2×0 - 1 × (3 - 1) - 1) / 2) + 1", "14"),
        (
            "1x3x3",
            "max 2 s3 p1 ceil",
            "size",
            "ceil((3 + 2×1 - 1 × (2 - 1) - 1) / 3) + 1",
            "2",
        ),
        (
            "1x4x4",
            "max 1 s2 ceil",
            "size",
            "ceil((4 + 2×0 - 1 × (1 - 1) - 1) / 2) + 1 - 1 (that window would begin behind the "
            "map)",
            "2",
        ),
    ],
)
def test_worked_examples(size, row, what, numbers, result):
    found = [(one.numbers, one.result) for one in explained(size, row).lines if what in one.what]
    assert (numbers, result) in found


def test_a_volume():
    found = explained("1x21x21x15", "conv 1 k5 valid")
    assert [(one.what, one.result) for one in found.lines[:2]] == [
        ("size along z and y", "17"),
        ("size along x", "11"),
    ]
    net = network("1x21x21x15", "conv 1 k5 valid")
    assert net.output == (1, 17, 17, 11)


def test_a_global_average_spares_the_weights_of_flattening():
    net = network("72x6x6", "g: gap", "drop", "fc 500")
    assert line(why(net, "g"), "weights of the next fc") == (
        "6 × 6 × 72 × 500",
        "1,296,000, not 36,000",
    )
    assert len(why(network("72x6x6", "g: gap"), "g").lines) == 1


def test_a_convolution_as_large_as_its_map_is_a_dense_layer():
    found = explained("16x5x5", "conv 120 k5 valid")
    assert line(found, "parameters")[1] == "48,120"
    assert found.dense == (
        "at this size it is a dense layer from 16x5x5 to 120x1x1: every output is connected with "
        "every input"
    )


def test_the_receptive_field_grows_by_the_jump():
    net = network("1x32x32", "conv 6 k5 valid", "max 2", "c3: conv 16 k5 valid", "max 2")
    assert line(why(net, "c3"), "receptive field") == ("6 + 1 × (5 - 1) × 2", "14")
    assert line(why(net, "max-2"), "receptive field") == ("14 + 1 × (2 - 1) × 2", "16")


def test_a_join_sees_what_all_its_inputs_see():
    net = network("2x9x9", "a: conv 2 k5", "conv 2 k3", "j: cat a")
    found = why(net, "j")
    assert line(found, "channels") == ("2 + 2", "4")
    assert line(found, "receptive field") == ("a: -2 to 2, conv-1: -3 to 3", "7")
    net = network("2x9x9", "a: conv 2 k3 valid", "b1: conv 2 k3 valid", "conv 1 full", "c: crop a")
    assert line(why(net, "c"), "size") == ("7 - 0 - 0", "7")


def test_sizes_that_are_not_fixed_are_question_marks():
    found = explained("1x?x32", "conv 2 k3")
    assert line(found, "size along y") == ("floor((? + 2×1 - 1 × (3 - 1) - 1) / 1) + 1", "?")
    assert ("? × 32 × 2 × 1 × 3 × 3", "?") in [(one.numbers, one.result) for one in found.lines]
    assert found.dense == ""


def test_sizes_are_those_of_the_input_as_it_is_continued():
    text = "input: 1x15x16\nnet:\n  - a: conv 2\n  - max 2\n  - up 2\n  - cat a\n"
    first, size, *_ = why(parse(text).network, "a").lines
    assert (first.what, first.numbers, first.result) == ("input", "1x15x16", "1x16x16")
    assert size.result == "16"


def test_lenet_by_its_table():
    net = parse("input: 6x14x14\nnet:\n  - c3: conv 16 k5 valid\n    connect: lenet5\n").network
    found = why(net, "c3")
    assert line(found, "parameters") == ("60 × 5 × 5 + 16", "1,516")
    assert [one.formula for one in found.lines if one.what == "parameters"] == [
        "links × kernel + biases"
    ]


@pytest.mark.parametrize("rank", SIZES)
@pytest.mark.parametrize("word", [word for word, op in OPS.items() if not op.joins])
def test_every_op_explains_itself(word, rank):
    row = OPS[word].example
    net = network(SIZES[rank], "conv 4 s2", f"flatten {row}" if word in ("fc", "rbf") else row)
    layer = net.layers[-1]
    found = why(net, layer.name)
    assert found.layer is layer
    assert found.lines
    for one in found.lines:
        assert one.what
        assert one.formula
        assert one.numbers
        assert one.result
    sizes = [one for one in found.lines if one.what.startswith("size along")]
    if sizes:
        assert {one.result for one in sizes} == {str(n) for n in layer.output[1:]}
    if layer.parameters:
        assert line(found, "parameters")[1] == f"{layer.parameters:,}"
    if layer.fields is not None:
        told = {one.result for one in found.lines if one.what.startswith("receptive field")}
        assert told == {str(n) for n in layer.receptive_field}


ARITHMETIC = {
    "×": "*",
    "ceil": "-(-1)*__import__('math').ceil",
    "floor": "__import__('math').floor",
}


def value(numbers):
    """Reckon a line of numbers out; the last of several that are equal."""
    for word, python in ARITHMETIC.items():
        numbers = numbers.replace(word, python)
    numbers = numbers.replace(" (that window would begin behind the map)", "").replace(",", "")
    results = {eval(part) for part in numbers.split(" = ")}
    (result,) = results
    return result


@pytest.mark.parametrize("name", [one.name for one in presets()])
def test_the_numbers_come_out_as_the_result(name):
    net = preset(name).network
    for layer in net:
        for one in why(net, layer.name).lines:
            if not one.formula.startswith(("as ", "from ")):
                result = one.result.partition(", not")[0].replace(",", "")
                assert value(one.numbers) == float(result), (layer.name, one)
