"""Networks for other programs: what they load computes the same."""

import importlib.util
import json
import sys

import pytest
import torch

import napari_convnet as nc
from napari_convnet import UserError
from napari_convnet.document import open_text, presets
from napari_convnet.model import build
from napari_convnet.model.export import (
    save_network,
    save_onnx,
    save_python,
    save_torch,
    to_python,
)

LARGE = 3_000_000
"""Presets with more parameters are compared in structure only."""


def opened(path):
    """Import an exported file as a module of its own."""
    spec = importlib.util.spec_from_file_location(f"exported_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def made(pipeline, sizes=None):
    """Make an input of noise for a network."""
    shape = pipeline.input if sizes is None else (pipeline.input[0], *sizes)
    noise = torch.Generator().manual_seed(1)
    return torch.randn(2, *(16 if n is None else n for n in shape), generator=noise)


def unsettled(net):
    """Give batch normalisation statistics, and all weights values, that change something."""
    noise = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for name, tensor in net.state_dict().items():
            if name.endswith("running_var"):
                tensor.uniform_(0.5, 2, generator=noise)
            elif name.endswith("codes"):
                continue
            elif tensor.dim() == 1:
                tensor.uniform_(-0.5, 0.5, generator=noise)
    return net


def same(ours, theirs):
    ours, theirs = ours.detach(), theirs.detach()
    assert ours.shape == theirs.shape
    scale = float(ours.abs().max()) or 1.0
    assert torch.allclose(ours, theirs, rtol=1e-4, atol=1e-5 * scale)


def compare(text, tmp_path, sizes=None):
    """Export a document with weights, load it, and compare every output."""
    pipeline = nc.parse(text)
    path, weights = save_python(pipeline, tmp_path / "net.py")
    ours, theirs = build(pipeline), opened(path).load()
    assert len(theirs.state_dict()) >= len(ours.state_dict())
    x = made(pipeline, sizes=sizes)
    same(ours.eval()(x), theirs.eval()(x))
    # Other weights too, in torch's own file, so that no default of torch's passes for ours.
    from napari_convnet.model import save_weights

    save_weights(unsettled(ours), weights)
    theirs = opened(path).load(str(weights))
    same(ours.eval()(x), theirs.eval()(x))
    ends = pipeline.network.outputs
    if len(ends) > 1:
        found, wanted = theirs.outputs(x), ours.outputs(x, ends)
        assert list(found) == list(ends)
        for name in ends:
            same(wanted[name], found[name])
    return path.read_text(encoding="utf-8"), ours, theirs


def net(*rows, given="2x12x12"):
    return f"title: A net\ninput: {given}\nnet:\n" + "".join(f"  - {row}\n" for row in rows)


ROWS = {
    # convolutions
    "conv": ["conv 4 k5 s2 relu", "conv 6 k3 d2 g2 nobias"],
    "conv of even kernels": ["conv 4 k4 same", "conv 4 k2 valid", "conv 3 k4 full s3"],
    "conv per axis": ["conv 4 k3x5 s1x2 p2x0 d2x1"],
    "reflect": ["conv 4 k5 reflect", "conv 4 k4 same reflect"],
    "replicate": ["conv 4 k5 replicate", "conv 4 k4 same replicate"],
    "circular": ["conv 4 k5 circular", "conv 4 k4 same circular"],
    "padding of nothing": ["conv 4 k1 reflect"],
    "dw": ["dw 3 m2", "dw 4 same s2", "dw 3 reflect nobias"],
    "sep": ["sep 6 k3", "sep 4 k4 same s2", "sep 3 k3 circular nobias", "sep 3 k3 s2"],
    "local": ["local 3 k3 s2", "local 2 k2 same reflect nobias", "local 2 k3 d2 p2"],
    "tconv": ["tconv 4", "tconv 3 k3 s2 p1 o1 nobias", "tconv 4 k3 s1 d2", "conv 4", "tconv 4 g2"],
    "fc": ["flatten", "fc 7 relu", "fc 3 nobias softmax"],
    # pooling
    "max": ["max 3 s2 p1", "max 2"],
    "max with gaps": ["max 3 s1 d2 p1", "max 3 s2 d2 p0"],
    "max of an odd padding": ["max 2 s1 same", "max 4 s3 same"],
    "max ceil": ["max 3 s2 ceil", "max 2 s2 p1 ceil"],
    "max ceil of an odd padding": ["max 4 s3 same ceil", "max 2 s2 same ceil"],
    "avg": ["avg 3 s2 p1", "avg 2"],
    "avg ceil": ["avg 3 s2 ceil", "avg 3 s2 p1 ceil"],
    "avg of an odd padding": ["avg 4 s3 same", "avg 2 s1 same"],
    "sum": ["sum 3 s2 p1", "sum 2"],
    "sum ceil": ["sum 3 s2 ceil", "sum 3 s2 p1 ceil"],
    "gap": ["gap", "fc 2"],
    "gmp": ["gmp", "fc 2"],
    # normalisation, dropout
    "bn": ["conv 4 bn relu", "bn .1", "flatten", "fc 5 bn"],
    "inorm": ["conv 4", "inorm"],
    "gn": ["conv 8", "gn 4", "flatten", "fc 6", "gn 3"],
    "ln": ["conv 4", "ln", "gap", "ln"],
    "lrn": ["conv 8", "lrn", "lrn 4"],
    "drop": ["conv 4 drop .3"],
    # shape
    "up": ["up", "up 3", "up 1x2"],
    "up linear": ["up 2 linear", "up 3 linear"],
    "crop": ["crop 2", "crop 0x1"],
    "id": ["a: id", "c: conv 3 relu id"],
    "scale": ["conv 4", "sum 2", "scale", "flatten", "fc 3", "scale nobias"],
    "rbf": ["flatten", "fc 9 tanh", "rbf 5"],
    "connect": ["conv 3", "c: conv 2 k3 s2\n    connect: [[0, 1], [2]]", "conv 6 k1"],
    "connect by name": ["conv 6", "c: conv 16 k3 reflect\n    connect: lenet5"],
    # branches
    "cat": ["a: conv 3", "c: conv 4 relu", "cat c.conv a", "conv 2"],
    "add": ["a: conv 3", "c: conv 3 relu", "add a", "relu", "add a c"],
    "crop to a layer": ["a: conv 3", "conv 4 k4 valid", "c: up 2", "crop a"],
    "res": ["res: conv 2 bn relu conv 2 bn", "relu", "res: conv 5 s2 relu", "res: [conv 5, id]"],
    "branches": ["cat: [conv 3, [conv 2, relu], max 3 s1 p1]", "add: [conv 3, conv 3 k1]", "id"],
    "side": ["conv 3 relu", "side: [gap, fc 4]", "conv 4", "s: {side: [flatten, fc 2]}", "gap"],
    "the input again": ["conv 2 relu", "res: [res: conv 2, relu]", "cat: [id, id]"],
    # activations
    "activations": [
        "relu",
        "leaky",
        "leaky .123456789",
        "prelu",
        "elu",
        "elu .123456789",
        "relu 6",
        "relu .123456789",
        "selu",
        "gelu",
        "silu",
    ],
    "more activations": ["sigmoid", "tanh", "scaledtanh", "hardswish", "softmax"],
    # groups
    "groups": ["g:\n    - conv 4 relu\n    - x2:\n      - conv 4 bn relu", "conv 4 relu x2"],
}


@pytest.mark.parametrize("rows", ROWS)
def test_ops(rows, tmp_path):
    compare(net(*ROWS[rows]), tmp_path)


AXES = {
    "1 axis": ("3x40", ["conv 4 k5", "max 2 ceil", "avg 3 s2 p1", "sum 3 s2 p1", "sum 2 ceil"]),
    "1 axis, more": ("3x41", ["dw 4 same", "sep 4", "local 2 k3", "tconv 4", "up 2 linear", "bn"]),
    "1 axis, sums": ("3x41", ["sum 4 s3 same ceil", "conv 4 k4 same reflect", "lrn", "crop 1"]),
    "3 axes": ("2x8x10x9", ["conv 4 k3 s1x2x1", "max 2", "conv 4 k3 reflect", "up", "bn relu"]),
    "3 axes, more": ("2x8x8x8", ["dw 3", "sep 4", "tconv 3", "avg 3 s2 p1", "lrn 3", "up linear"]),
    "3 axes, pools": ("2x9x9x9", ["sum 3 s2 p1 ceil", "max 2 s1 same", "conv 3 k4 same circular"]),
    "3 axes, local": ("1x6x6x6", ["local 2 k3", "inorm", "gap", "fc 3"]),
    "1 pixel": ("4x1x1", ["conv 4 k1", "inorm", "gn 2", "ln"]),
}


@pytest.mark.parametrize("axes", AXES)
def test_axes(axes, tmp_path):
    given, rows = AXES[axes]
    compare(net(*rows, given=given), tmp_path)


def test_sizes_that_are_not_fixed(tmp_path):
    compare(net("conv 4 relu", "max 2 ceil", "gap", given="2x?x?"), tmp_path, sizes=(13, 11))


UNET = [
    "a: conv 3 relu",
    "max 2",
    "c: conv 4 relu",
    "max 2",
    "up",
    "cat c",
    "up",
    "cat a",
    "conv 2",
]


SHRINKING = ["conv 3 valid", "max 2", "c: conv 4 valid", "max 2", "conv 3", "up", "cat c", "up"]


@pytest.mark.parametrize("size", [16, 13, 18])
def test_sizes_on_which_joins_do_not_fit(tmp_path, size):
    text, *_ = compare(net(*UNET, "side: [max 2]"), tmp_path, sizes=(size, 15))
    assert "FITTING = ((4, (0,)), (4, (0,)))" in text
    compare(net(*UNET, "gap", "fc 2", given="2x?x?"), tmp_path, sizes=(size, 12))
    text, *_ = compare(net(*SHRINKING, given="2x20x20"), tmp_path, sizes=(size, 31))
    assert "FITTING = ((4, (2, 3)), (4, (2, 3)))" in text


NAMES = ["train: conv 2", "forward: conv 2", "half: conv 2 relu", "class: conv 2", "x: conv 2"]


def test_names_of_layers_that_torch_and_python_use_themselves(tmp_path):
    text, _, theirs = compare(net(*NAMES, "F: conv 2", "torch: conv 2", "self: conv 2"), tmp_path)
    assert "RENAMED" in text
    assert theirs.train().training


def test_names_that_differ_in_a_dot(tmp_path):
    rows = ["conv_1: conv 2", "conv 3", "a_conv: conv 2", "a: conv 3 relu", "b_: conv 2"]
    compare(net(*rows), tmp_path)


def test_kernels_by_hand_and_frozen_layers(tmp_path):
    rows = ["e: conv 2 k3 reflect\n    w: sobel_x\n    note: edges", "f: bn\n    freeze: true"]
    text, ours, theirs = compare(net(*rows), tmp_path)
    assert "# edges" in text
    assert theirs.e.weight[0, 0].tolist() == ours.e.weight[0, 0].tolist()
    assert [p.requires_grad for p in theirs.f.parameters()] == [False, False]
    assert not theirs.train().f.training
    assert theirs.e.training


def test_titles_and_notes_cannot_end_a_comment(tmp_path):
    text = net('a: conv 2\n    note: "one\\ntwo \\"\\"\\" \\\\"').replace(
        "A net", '\'""" + \\N{x} {y}\''
    )
    compare(text, tmp_path)


@pytest.mark.parametrize("title", ["true", "F", "local", "3D", "漢字", "CLASSES", "a: b", '"', "T"])
def test_titles_that_are_no_names(title, tmp_path):
    compare(net("local 2").replace("A net", f"'{title}'"), tmp_path)


def test_the_file_imports_torch_only(tmp_path):
    text = to_python(nc.preset("lenet5"))
    imports = [line for line in text.splitlines() if "import " in line and line[:1] != " "]
    assert imports == [
        "import torch",
        "from torch import nn",
        "from torch.nn import functional as F",
    ]
    assert "self.c1_conv = nn.Conv2d(1, 6, 5)\n" in text
    assert "x = self.c1_conv(x)" in text
    assert "# 6x28x28" in text


@pytest.mark.parametrize("name", [one.name for one in presets()])
def test_presets(name, tmp_path):
    pipeline = nc.preset(name)
    if pipeline.network.totals.parameters < LARGE and (pipeline.network.totals.macs or 0) < 4e8:
        compare(pipeline.text, tmp_path)
        return
    (tmp_path / "net.py").write_text(to_python(pipeline), encoding="utf-8")
    module = opened(tmp_path / "net.py")
    (kind,) = (each for each in vars(module).values() if _is_net(each, module))
    with torch.device("meta"):
        theirs = kind().eval()
        y = theirs(torch.zeros(1, *pipeline.input))
    assert y.shape[1:] == pipeline.network[pipeline.network.end].output
    parameters = sum(parameter.numel() for parameter in theirs.parameters())
    assert parameters == pipeline.network.totals.parameters


def _is_net(each, module):
    helpers = ("Separable", "Local", "Scale", "Codes", "Connected")
    return (
        isinstance(each, type)
        and each.__module__ == module.__name__
        and (each.__name__ not in helpers)
    )


# -- files --


def test_weights_for_torch(tmp_path):
    pipeline = nc.preset("lenet5")
    save_torch(pipeline, tmp_path / "lenet.pt")
    state = torch.load(tmp_path / "lenet.pt", weights_only=True)
    ours = pipeline.build()
    assert list(state) == list(ours.state_dict())
    ours.load_state_dict(state)
    assert [path.name for path in tmp_path.iterdir()] == ["lenet.pt"]


def test_a_network_in_one_file(tmp_path):
    pipeline = nc.parse(net("e: conv 2 k3 relu", "max 2"))
    ours = unsettled(build(pipeline, seed=7))
    from napari_convnet.model import save_weights

    save_weights(ours, tmp_path / "some.safetensors")
    pipeline = nc.parse(pipeline.text + "weights: some.safetensors\n", tmp_path / "some.yaml")
    save_network(pipeline, tmp_path / "all.safetensors")
    (tmp_path / "some.safetensors").unlink()
    found = nc.read(tmp_path / "all.safetensors")
    assert found.path is None
    assert found.title == "A net"
    assert "some" not in found.text.partition("weights:")[0]
    x = made(pipeline)
    same(ours.eval()(x), found.build().eval()(x))


def test_what_stands_beside_the_weights_goes_along(tmp_path):
    from napari_convnet.model import read_metadata, save_weights

    text = "input: 1x8x8\ndata: {images: scans, normalize: percentile .5 99.5}\nnet: [gap, fc 2]\n"
    save_weights(build(nc.parse(text)), tmp_path / "a.safetensors", classes=['"cat"', "dög"])
    pipeline = nc.parse(text + "weights: a.safetensors\n", tmp_path / "a.yaml")
    path, weights = save_python(pipeline, tmp_path / "net.py")
    assert opened(path).CLASSES == ['"cat"', "dög"]
    assert "as its document says: percentile 0.5 99.5" in path.read_text(encoding="utf-8")
    assert json.loads(read_metadata(weights)["classes"]) == ['"cat"', "dög"]


def header(path, value):
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    path.write_bytes(len(data).to_bytes(8, "little") + data)


WRONG = {
    "no document": ({"__metadata__": {"step": "3"}}, "holds weights without a document"),
    "no metadata": ({}, "holds weights without a document"),
    "metadata that is none": ({"__metadata__": ["a"]}, "holds weights without a document"),
    "document that is no text": ({"__metadata__": {"document": 3}}, "without a document"),
    "list": ([1], "is no weights file"),
    "nonsense": (b"{nonsense", "is no weights file"),
    "nest": (b"[" * 50_000, "is no weights file"),
    "long document": ({"__metadata__": {"document": "a" * 1_000_001}}, "1,000,001 characters"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_files_without_a_document(wrong, tmp_path):
    value, message = WRONG[wrong]
    header(tmp_path / "a.safetensors", value)
    with pytest.raises(UserError, match=message):
        open_text(tmp_path / "a.safetensors")


@pytest.mark.parametrize("data", [b"", b"abc", b"\xff" * 8, b"\x10" + b"\0" * 7, b"PK\x03\x04" * 9])
def test_files_that_are_cut_off(data, tmp_path):
    (tmp_path / "a.safetensors").write_bytes(data)
    with pytest.raises(UserError, match="is no weights file"):
        open_text(tmp_path / "a.safetensors")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_others_may_read_what_is_written(tmp_path):
    (tmp_path / "any").touch()
    save_python(nc.preset("lenet5"), tmp_path / "net.py")
    save_torch(nc.preset("lenet5"), tmp_path / "net.pt")
    assert len({path.stat().st_mode for path in tmp_path.iterdir()}) == 1
    (tmp_path / "net.py").chmod(0o640)
    save_python(nc.preset("lenet5"), tmp_path / "net.py")
    assert (tmp_path / "net.py").stat().st_mode & 0o777 == 0o640


def test_folders_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    for save in (save_torch, save_network, save_python):
        with pytest.raises(UserError, match="cannot write"):
            save(nc.preset("lenet5"), tmp_path / "file" / "net.py")


@pytest.mark.skipif("importlib.util.find_spec('onnx')", reason="onnx is installed")
def test_onnx_says_what_to_install(tmp_path):
    with pytest.raises(UserError, match="pip install onnx"):
        save_onnx(nc.preset("lenet5"), tmp_path / "net.onnx")


@pytest.mark.parametrize("name", ["lenet5"])
def test_onnx(name, tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    save_onnx(nc.preset(name), tmp_path / "net.onnx")
    onnx.checker.check_model(str(tmp_path / "net.onnx"))
    assert "napari_convnet" in sys.modules
