"""Numbers that papers and textbooks print, to the digit."""

import pytest

from napari_convnet.document import parse


def network(size, *rows):
    return parse("\n".join([f"input: {size}", "net:", *(f"  - {row}" for row in rows)])).network


@pytest.mark.parametrize(
    ("size", "row", "output"),
    [
        ("1x52x52", "conv 15 k12 s2 valid", (15, 21, 21)),
        ("15x21x21", "conv 8 k8 valid", (8, 14, 14)),
        ("1x21x21x15", "conv 1 k5 valid", (1, 17, 17, 11)),
        ("1x8", "conv 1 k3 valid", (1, 6)),
        ("1x8x8", "conv 1 k3 valid", (1, 6, 6)),
        ("1x7x7", "tconv 1 k3 s2", (1, 15, 15)),
        ("1x7x7", "tconv 1 k3 s2 p1", (1, 13, 13)),
        ("1x7x7", "tconv 1 k3 s2 p1 o1", (1, 14, 14)),
        ("1x7x7", "tconv 4", (4, 14, 14)),
        ("1x7x7", "conv 1 k3 full", (1, 9, 9)),
        ("1x7x7", "conv 1 k4 same", (1, 7, 7)),
        ("1x7x7", "conv 1 k3 s2", (1, 4, 4)),
        ("1x7x7", "conv 1 k3 d2", (1, 7, 7)),
        ("1x7x7", "max 2", (1, 3, 3)),
        ("1x7x7", "max 2 ceil", (1, 4, 4)),
        ("1x7x7", "up 3", (1, 21, 21)),
        ("1x7x7", "crop 2", (1, 3, 3)),
        ("72x6x6", "gap", (72,)),
    ],
)
def test_sizes(size, row, output):
    assert network(size, row).layers[-1].output == output


@pytest.mark.parametrize(
    ("size", "row", "macs"),
    [
        ("1x6x6", "conv 1 k3 valid nobias", 144),
        ("3x6x6", "conv 72 k3 nobias", 69_984),
        ("3x6x6", "dw 3 nobias", 972),
        ("3x6x6", "conv 72 k1 nobias", 7_776),
        ("3x6x6", "sep 72 k3 nobias", 972 + 7_776),
    ],
)
def test_multiplications(size, row, macs):
    assert network(size, row).totals.macs == macs


def test_a_separable_kernel_costs_less():
    two = network("1x6x6", "conv 1 k3x1 valid nobias", "conv 1 k1x3 valid nobias")
    assert [layer.macs for layer in two] == [72, 48]


def test_dense_layers_cost_more():
    flat = network("72x6x6", "flatten", "fc 500 nobias")
    assert flat.totals.parameters == 1_296_000
    dense = network("1x256x256", "flatten", "fc 64 nobias")
    assert dense.totals.parameters == 4_194_304


@pytest.mark.parametrize("size", ["1x32", "1x32x32", "1x32x32x32"])
def test_one_text_in_every_dimension(size):
    net = network(size, "conv 4 k5 s2 relu", "max 2", "tconv 2", "up 2 linear", "bn", "gap", "fc 3")
    rank = size.count("x")
    assert net["conv-1"].output == (4,) + (16,) * rank
    assert net["conv-1"].parameters == 4 * 5**rank + 4
    assert net["up-1"].output == (2,) + (32,) * rank
    assert net["up-1"].jump == (1.0,) * rank
    assert net.output == (3,)
    assert not net.problems


def test_receptive_fields_through_resizing():
    net = network("1x16", "max 2", "up 2", "tconv 1", "crop 1")
    assert net["max-1"].start == (0.5,)
    assert net["up-1"].start == (0.0,)
    assert net["tconv-1"].jump == (0.5,)
    assert net["tconv-1"].start == (-0.25,)
    assert net["crop-1"].start == (0.25,)
