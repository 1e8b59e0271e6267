"""Numbers that papers and textbooks print, to the digit."""

import pytest

from napari_convnet.document import parse, preset


def network(size, *rows):
    return parse("\n".join([f"input: {size}", "net:", *(f"  - {row}" for row in rows)])).network


def table(name, op_words):
    """(output, parameters, receptive field) of a preset's layers of some kinds."""
    return [
        (layer.output, layer.parameters, layer.receptive_field and layer.receptive_field[0])
        for layer in preset(name).network
        if layer.op in op_words
    ]


TOTALS = {
    "lenet5": (61_706, 416_520, 32, 4),
    "alexnet": (60_965_224, 724_406_816, 195, 32),
    "alexnet-ungrouped": (62_378_344, 1_135_256_096, 195, 32),
    "alexnet-torchvision": (61_100_840, 714_188_480, 195, 32),
    "zfnet": (62_357_608, 1_168_032_896, 171, 32),
    "vgg16": (138_357_544, 15_470_264_320, 212, 32),
}


@pytest.mark.parametrize("name", TOTALS)
def test_totals_and_receptive_field(name):
    parameters, macs, field, jump = TOTALS[name]
    net = preset(name).network
    last = [layer for layer in net if layer.fields][-1]
    assert (net.totals.parameters, net.totals.macs) == (parameters, macs)
    assert (last.receptive_field, last.jump) == ((field,) * 2, (jump,) * 2)


def test_vgg16_is_fifteen_lines():
    lines = [line for line in preset("vgg16").text.splitlines() if line.strip()]
    assert len(lines) == 15


def test_lenet5_layer_by_layer():
    assert table("lenet5", ("conv", "avg", "fc")) == [
        ((6, 28, 28), 156, 5),
        ((6, 14, 14), 0, 6),
        ((16, 10, 10), 2_416, 14),
        ((16, 5, 5), 0, 16),
        ((120, 1, 1), 48_120, 32),
        ((84,), 10_164, None),
        ((10,), 850, None),
    ]


def test_alexnet_layer_by_layer():
    assert table("alexnet", ("conv", "max", "fc")) == [
        ((96, 55, 55), 34_944, 11),
        ((96, 27, 27), 0, 19),
        ((256, 27, 27), 307_456, 51),
        ((256, 13, 13), 0, 67),
        ((384, 13, 13), 885_120, 99),
        ((384, 13, 13), 663_936, 131),
        ((256, 13, 13), 442_624, 163),
        ((256, 6, 6), 0, 195),
        ((4096,), 37_752_832, None),
        ((4096,), 16_781_312, None),
        ((1000,), 4_097_000, None),
    ]
    ungrouped = [p for _, p, _ in table("alexnet-ungrouped", ("conv",))]
    assert ungrouped == [34_944, 614_656, 885_120, 1_327_488, 884_992]


def test_zfnet_layer_by_layer():
    assert table("zfnet", ("conv", "max")) == [
        ((96, 110, 110), 14_208, 7),
        ((96, 55, 55), 0, 11),
        ((256, 26, 26), 614_656, 27),
        ((256, 13, 13), 0, 43),
        ((384, 13, 13), 885_120, 75),
        ((384, 13, 13), 1_327_488, 107),
        ((256, 13, 13), 884_992, 139),
        ((256, 6, 6), 0, 171),
    ]


def test_vgg16_layer_by_layer():
    convs = [p for _, p, _ in table("vgg16", ("conv",))]
    assert convs == [
        *(1_792, 36_928),
        *(73_856, 147_584),
        *(295_168, 590_080, 590_080),
        *(1_180_160, 2_359_808, 2_359_808),
        *(2_359_808, 2_359_808, 2_359_808),
    ]
    assert [p for _, p, _ in table("vgg16", ("fc",))] == [102_764_544, 16_781_312, 4_097_000]
    pools = table("vgg16", ("max",))
    assert [output[1] for output, _, _ in pools] == [112, 56, 28, 14, 7]
    assert [field for _, _, field in pools] == [6, 16, 44, 100, 212]


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
