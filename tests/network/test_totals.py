"""The well-known networks, to the digit: totals, multiply-adds, receptive fields, layer by layer.

The numbers are those of the papers and of torchvision's definitions; tests/model holds the presets
against torch.
"""

import pytest

from napari_convnet.document import preset

# Parameters, multiply-adds, receptive field and stride of the last map (per axis where not equal).
TOTALS = {
    "lenet": (61_706, 416_520, 16, 4),
    "lenet5-1998": (60_000, 325_680, 32, 4),
    "lenet5": (61_706, 416_520, 32, 4),
    "harley": (62_902, 328_600, 16, 4),
    "tiny-vgg": (19_920, 5_608_780, 16, 4),
    "alexnet": (60_965_224, 724_406_816, 195, 32),
    "alexnet-ungrouped": (62_378_344, 1_135_256_096, 195, 32),
    "alexnet-torchvision": (61_100_840, 714_188_480, 195, 32),
    "zfnet": (62_357_608, 1_168_032_896, 171, 32),
    "vgg11": (132_863_336, 7_609_090_048, 150, 32),
    "vgg13": (133_047_848, 11_308_466_176, 156, 32),
    "vgg16": (138_357_544, 15_470_264_320, 212, 32),
    "vgg19": (143_667_240, 19_632_062_464, 268, 32),
    "vgg11-bn": (132_868_840, 7_609_090_048, 150, 32),
    "vgg13-bn": (133_053_736, 11_308_466_176, 156, 32),
    "vgg16-bn": (138_365_992, 15_470_264_320, 212, 32),
    "vgg19-bn": (143_678_248, 19_632_062_464, 268, 32),
    "inception": (163_328 + 368, 128_049_152, 5, 1),
    "googlenet": (6_998_552, 1_582_671_872, 715, 32),
    "googlenet-aux": (13_378_280, 1_591_044_096, 715, 32),
    "googlenet-torchvision": (6_624_904, 1_498_376_192, 379, 32),
    "googlenet-torchvision-aux": (13_004_888, 1_506_748_416, 379, 32),
    "resnet18": (11_689_512, 1_814_073_344, 435, 32),
    "resnet34": (21_797_672, 3_663_761_408, 899, 32),
    "resnet50": (25_557_032, 4_089_184_256, 427, 32),
    "resnet50-original": (25_557_032, 3_857_973_248, 483, 32),
    "resnet101": (44_549_160, 7_801_405_440, 971, 32),
    "densenet121": (7_978_856, 2_834_161_664, 2071, 32),
    "mobilenet-v1": (4_231_976, 568_740_352, 315, 32),
    "mobilenet-v2": (3_504_872, 300_774_272, 491, 32),
    "squeezenet": (1_248_424, 818_924_576, 155, 16),
    "yolov1": (271_703_550, 20_285_153_280, 749, 64),
    "yolov1-darknet": (197_301_875, 20_210_729_728, 877, 64),
    "unet2d": (31_030_658, 48_096_083_968, 200, 1),
    "unet2d-2015": (31_030_658, 150_428_424_448, 200, 1),
    "unet3d": (19_073_187, 1_957_632_671_744, 96, 1),
    "ct-2.5d": (324_217, 20_665_335_808, 44, 1),
    "ct-3d": (927_065, 139_420_237_824, 44, 1),
    "resnet18-3d": (33_371_472, 40_696_553_472, (109, 219, 219), (8, 16, 16)),
    "audio": (568_330, 180_032_512, 1772, 1024),
    "stereo-channels": (23_960, 5_308_928, 359, 32),
    "stereo-axis": (28_424, 7_668_224, (2, 359), (1, 32)),
}


def last_map(net):
    """The last layer on the way to the output that is a map."""
    name = net.end
    while not net[name].fields:
        name = net[name].inputs[-1]
    return net[name]


def table(name, *op_words):
    """(output, parameters, receptive field) of a preset's layers of some kinds."""
    return [
        (layer.output, layer.parameters, layer.receptive_field and layer.receptive_field[0])
        for layer in preset(name).network
        if layer.op in op_words
    ]


def parameters(name, *op_words):
    return [count for _, count, _ in table(name, *op_words)]


@pytest.mark.parametrize("name", TOTALS)
def test_totals_and_receptive_field(name):
    parameters, macs, field, jump = TOTALS[name]
    net = preset(name).network
    last = last_map(net)
    axes = len(net.input.sizes)
    each = [n if isinstance(n, tuple) else (n,) * axes for n in (field, jump)]
    assert (net.totals.parameters, net.totals.macs) == (parameters, macs)
    assert [last.receptive_field, last.jump] == each


# ---------------------------------------------------------------- LeNet and its like


def test_lenet5_layer_by_layer():
    assert table("lenet5", "conv", "avg", "fc") == [
        ((6, 28, 28), 156, 5),
        ((6, 14, 14), 0, 6),
        ((16, 10, 10), 2_416, 14),
        ((16, 5, 5), 0, 16),
        ((120, 1, 1), 48_120, 32),
        ((84,), 10_164, None),
        ((10,), 850, None),
    ]


def test_lenet5_of_1998_layer_by_layer():
    assert table("lenet5-1998", "conv", "scale", "fc", "rbf") == [
        ((6, 28, 28), 156, 5),
        ((6, 14, 14), 12, 6),
        ((16, 10, 10), 1_516, 14),
        ((16, 5, 5), 32, 16),
        ((120, 1, 1), 48_120, 32),
        ((84,), 10_164, None),
        ((10,), 0, None),
    ]


def test_harley_layer_by_layer():
    assert parameters("harley", "conv", "fc") == [156, 1_516, 48_120, 12_100, 1_010]
    last = preset("harley").network["s4"]
    assert (last.receptive_field, last.jump, last.start) == ((16, 16), (4, 4), (7.5, 7.5))
    # Its output 2 sees rows 8 to 23.
    centre = last.start[0] + 2 * last.jump[0]
    assert (centre - 7.5, centre + 7.5) == (8, 23)


# ---------------------------------------------------------------- AlexNet, ZFNet, VGG


def test_alexnet_layer_by_layer():
    assert table("alexnet", "conv", "max", "fc") == [
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
    ungrouped = [34_944, 614_656, 885_120, 1_327_488, 884_992]
    assert parameters("alexnet-ungrouped", "conv") == ungrouped


def test_zfnet_layer_by_layer():
    assert table("zfnet", "conv", "max") == [
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
    assert parameters("vgg16", "conv") == [
        *(1_792, 36_928),
        *(73_856, 147_584),
        *(295_168, 590_080, 590_080),
        *(1_180_160, 2_359_808, 2_359_808),
        *(2_359_808, 2_359_808, 2_359_808),
    ]
    assert parameters("vgg16", "fc") == [102_764_544, 16_781_312, 4_097_000]
    pools = table("vgg16", "max")
    assert [output[1] for output, _, _ in pools] == [112, 56, 28, 14, 7]
    assert [field for _, _, field in pools] == [6, 16, 44, 100, 212]


# ---------------------------------------------------------------- GoogLeNet


def test_inception_3a():
    net = preset("inception").network
    weights = sum(layer.parameters - layer.output[0] for layer in net if layer.op == "conv")
    biases = sum(layer.output[0] for layer in net if layer.op == "conv")
    # The paper's "159K" counts 1,024 to the K.
    assert (weights, biases, weights // 1024) == (163_328, 368, 159)
    assert net.output == (256, 28, 28)


def test_googlenet_layer_by_layer():
    net = preset("googlenet").network
    names = "conv-1 max-1 conv-2 conv-3 max-2 i3a i3b max-3 i4a i4b i4c i4d i4e max-4 i5a i5b"
    assert [net[name].output for name in names.split()] == [
        (64, 112, 112),
        (64, 56, 56),
        (64, 56, 56),
        (192, 56, 56),
        (192, 28, 28),
        *((256, 28, 28), (480, 28, 28)),
        (480, 14, 14),
        *((512, 14, 14), (512, 14, 14), (512, 14, 14), (528, 14, 14), (832, 14, 14)),
        (832, 7, 7),
        *((832, 7, 7), (1024, 7, 7)),
    ]
    fields = [7, 11, 11, 19, 27, 59, 91, 107, 171, 235, 299, 363, 427, 459, 587, 715]
    assert [net[name].receptive_field[0] for name in names.split()] == fields
    assert [net[name].output for name in ("gap-1", "fc-1")] == [(1024,), (1000,)]


def test_the_main_path_of_googlenet_has_the_papers_counts():
    for name, macs in (("googlenet", 1_582_671_872), ("googlenet-torchvision", 1_498_376_192)):
        net = preset(f"{name}-aux").network
        main = [layer for layer in net if not layer.name.startswith("side")]
        assert sum(layer.parameters for layer in main) == TOTALS[name][0]
        assert sum(layer.macs for layer in main) == macs


# ---------------------------------------------------------------- the rest


@pytest.mark.parametrize("name", ["resnet18", "resnet34", "resnet50", "resnet50-original"])
def test_resnets_stage_by_stage(name):
    net = preset(name).network
    sides = [layer.output[1] for layer in net if layer.op == "add"]
    counts = {"resnet18": (2, 2, 2, 2)}.get(name, (3, 4, 6, 3))
    assert sides == [s for s, n in zip((56, 28, 14, 7), counts, strict=True) for _ in range(n)]
    # A projection stands only where shapes differ.
    projections = [layer.name for layer in net if layer.name.endswith(".proj")]
    assert len(projections) == (4 if "50" in name else 3)


def test_densenet121_block_by_block():
    net = preset("densenet121").network
    halves = [layer.output for layer in net if layer.op == "avg"]
    assert halves == [(128, 28, 28), (256, 14, 14), (512, 7, 7)]
    assert last_map(net).output == (1024, 7, 7)


def test_yolo_layer_by_layer():
    net = preset("yolov1").network
    assert [layer.output[::2] for layer in net if layer.op in ("conv", "max")] == [
        *((64, 224), (64, 112)),
        *((192, 112), (192, 56)),
        *((128, 56), (256, 56), (256, 56), (512, 56), (512, 28)),
        *((256, 28), (512, 28)) * 4,
        *((512, 28), (1024, 28), (1024, 14)),
        *((512, 14), (1024, 14)) * 2,
        *((1024, 14), (1024, 7)),
        *((1024, 7), (1024, 7)),
    ]
    assert parameters("yolov1", "fc") == [205_524_992, 6_022_590]
    assert parameters("yolov1-darknet", "local", "fc") == [115_618_048, 21_514_675]


def test_3d_unet_as_its_authors_count():
    net = preset("unet3d").network
    # Biases in the convolutions, none in the up-convolutions, batch norm left out.
    weights = sum(layer.parameters for layer in net if layer.op in ("conv", "tconv"))
    hidden = [layer for layer in net if layer.op == "conv" and layer.name != "out"]
    biases = sum(layer.output[0] for layer in hidden)
    unbiased = sum(layer.output[0] for layer in net if layer.op == "tconv")
    assert weights + biases - unbiased == 19_069_955


def test_squeezenet_and_mobilenets_end_small():
    assert last_map(preset("squeezenet").network).output == (1000, 13, 13)
    assert last_map(preset("mobilenet-v1").network).output == (1024, 7, 7)
    assert last_map(preset("mobilenet-v2").network).output == (1280, 7, 7)


def test_ears_as_channels_or_as_an_axis():
    channels, axis = preset("stereo-channels").network, preset("stereo-axis").network
    assert channels["c1"].output == (16, 2048)
    assert axis["c1"].output == (16, 2, 2048)
    # One kernel for both ears, instead of one for each.
    assert (channels["c1.conv"].parameters, axis["c1.conv"].parameters) == (304, 160)
    assert axis["c2"].output == (32, 1, 512)
    assert channels.output == axis.output == (8,)
