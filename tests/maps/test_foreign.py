"""Maps of any torch module: what is shown, where it lies, and that the module is left alone."""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from skimage import data
from skimage.transform import resize
from torch import Tensor, nn

from napari_convnet import UserError, feature_maps, preset
from napari_convnet.maps import ForeignMaps, maps_to_disk

from ..facenet import load as facenet
from ..model import torch_references as references


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def given(array: np.ndarray) -> Tensor:
    return torch.from_numpy(array)[None]


# ---------------------------------------------------------------- what is shown


class Branches(nn.Module):
    """Control flow, a shared module, functions, an activation in place."""

    def __init__(self, channels: int = 1) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, 4, 3, padding=1)
        self.act = nn.ReLU(inplace=True)
        self.again = nn.Conv2d(4, 4, 3, padding=1)
        self.unused = nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.first(x))
        for _ in range(3 if x.mean() > -1e9 else 1):
            x = x + self.act(self.again(x))
        return F.max_pool2d(x, 2)


def test_every_call_of_a_module_is_a_layer() -> None:
    net = Branches()
    maps = feature_maps(net, noise(10, 12))
    assert isinstance(maps, ForeignMaps)
    assert list(maps) == [
        "first", "act", "again", "act-2", "again-2", "act-3", "again-3", "act-4", "output",
    ]  # fmt: skip
    assert [m.op for m in maps.values()][:3] == ["Conv2d", "ReLU", "Conv2d"]
    assert maps["output"].shape == (4, 5, 6)
    # The pooling is a function of the module's own: it moves what goes out of it.
    np.testing.assert_allclose(maps["output"].translate, (0.5, 0.5))
    np.testing.assert_allclose(maps["output"].scale, (2, 2))
    assert maps["output"].layer.receptive_field == (10, 10)


def test_an_activation_in_place_does_not_overwrite_what_it_works_on() -> None:
    net, image = Branches(), noise(10, 12)
    maps = feature_maps(net, image)
    with torch.no_grad():
        expected = net.first(given(image[None]))[0].numpy()
    np.testing.assert_array_equal(maps["first"][:], expected)
    assert (maps["first"][:] < 0).any()
    np.testing.assert_array_equal(maps["act"][:], expected.clip(0))
    # Nor does it write to the array.
    sequence = nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(1, 1, 1))
    before = image.copy()
    feature_maps(sequence, image)["1"][:]
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 65])
def test_any_number_of_channels(channels: int) -> None:
    net = nn.Sequential(nn.Conv2d(channels, channels, 3), nn.Conv2d(channels, 65, 1))
    image = noise(channels, 9, 9)
    maps = feature_maps(net, image)
    assert maps["0"].shape == (channels, 7, 7)
    with torch.no_grad():
        np.testing.assert_allclose(maps["1"][:], net(given(image))[0], rtol=1e-5, atol=1e-6)


def test_how_the_channels_of_an_array_are_found() -> None:
    colour, gray = data.astronaut()[:40, :50], data.camera()[:40, :50]
    assert feature_maps(nn.Conv2d(3, 2, 3), colour)["output"].shape == (2, 38, 48)
    assert feature_maps(nn.Conv2d(1, 2, 3), gray)["output"].shape == (2, 38, 48)
    with pytest.raises(UserError, match="wants 3 channels"):
        feature_maps(nn.Conv2d(3, 2, 3), gray)
    assert feature_maps(nn.Conv1d(2, 3, 5), noise(2, 30))["output"].shape == (3, 26)
    assert feature_maps(nn.Conv3d(1, 3, 3), noise(6, 7, 8))["output"].shape == (3, 4, 5, 6)
    assert feature_maps(nn.Linear(6, 2), noise(6))["output"].shape == (2,)
    assert feature_maps(nn.ReLU(), noise(3, 6, 5))["output"].shape == (3, 6, 5)


@dataclass
class Found:
    boxes: Tensor
    count: int


class Many(nn.Module):
    """Everything but one tensor goes out."""

    def __init__(self) -> None:
        super().__init__()
        self.kind = ""
        self.conv = nn.Conv2d(1, 2, 3)
        self.part = _Part(self)

    def forward(self, x: Tensor) -> Any:
        return self.part(self.conv(x))


class _Part(nn.Module):
    def __init__(self, owner: Many) -> None:
        super().__init__()
        self.owner = [owner]

    def forward(self, x: Tensor) -> Any:
        return {
            "tuple": (x + 1, x[:, :1]),
            "dict": OrderedDict(small=x[..., :2], all=[x * 2, "text"]),
            "dataclass": Found(x + 1, 3),
            "text": "no tensor",
            "none": None,
            "complex": torch.complex(x, x),
            "sparse": x.to_sparse(),
            "empty": x[:, :0],
            "whole": (x > 0).sum((2, 3)),
        }[self.owner[0].kind]


@pytest.mark.parametrize(
    ("kind", "names", "without"),
    [
        ("tuple", ["part[0]", "part[1]"], []),
        ("dict", ["part[small]", "part[all][0]"], ["part[all][1]"]),
        ("dataclass", ["part[boxes]"], ["part[count]"]),
        ("text", [], ["part"]),
        ("none", [], ["part"]),
        ("complex", [], ["part"]),
        ("sparse", [], ["part"]),
        ("empty", [], ["part"]),
        ("whole", ["part"], []),
    ],
)
def test_whatever_goes_out(kind: str, names: list[str], without: list[str]) -> None:
    net = Many()
    net.kind = kind
    maps = feature_maps(net, noise(8, 8))
    assert [name for name in maps if name.startswith("part")] == names
    assert [name for name in maps.problems if name.startswith("part")] == without
    for name in names:
        assert np.isfinite(maps[name][:]).all()
    for name in without:
        with pytest.raises(UserError, match="there are no maps: what goes out"):
            maps[name]


class Tokens(nn.Module):
    """As a vision transformer: patches become rows of a table."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, 4)
        self.block = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.norm = nn.LayerNorm(8)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = self.norm(self.block(x))
        return {"last_hidden_state": x, "pooled": x.mean(1)}


def test_tokens_have_no_place_and_keep_their_axes() -> None:
    maps = feature_maps(Tokens(), noise(3, 16, 24))
    assert maps["patches"].shape == (8, 4, 6)
    np.testing.assert_allclose(maps["patches"].translate, (1.5, 1.5))
    assert maps["norm"].shape == (24, 8)
    assert maps["norm"].affine is None
    assert maps["norm"].layer.why == "its axes are not those of the input"
    assert maps["output[pooled]"].shape == (8,)
    assert maps["output[pooled]"].layer.why == "it is a vector"


def test_kernels() -> None:
    net = Branches(3)
    maps = feature_maps(net, noise(3, 8, 8))
    np.testing.assert_array_equal(maps.kernels("again-2"), net.again.weight.detach())
    with pytest.raises(UserError, match=r"act \(ReLU\) has no kernels"):
        maps.kernels("act")


# ---------------------------------------------------------------- the mapping


def test_it_is_the_same_mapping_as_that_of_a_pipeline(tmp_path: Path) -> None:
    net, image = Branches(), noise(10, 12)
    maps = feature_maps(net, image, scale=(0.5, 3), translate=(7, -1), units="mm")
    m = maps["output"]
    assert (m.name, m.op, m.ndim, m.dtype, m.axes, m.units) == (
        "output", "Branches", 3, np.float32, ("y", "x"), ("mm", "mm"),
    )  # fmt: skip
    np.testing.assert_allclose(m.scale, (1, 6))
    np.testing.assert_allclose(m.translate, (7.25, 0.5))
    whole = np.asarray(m)
    np.testing.assert_array_equal(m[1, 2:4, ::2], whole[1, 2:4, ::2])
    np.testing.assert_array_equal(m[[3, 0]], whole[[3, 0]])
    np.testing.assert_array_equal(m.compute(((0, 2), (1, 4)), slice(2, 3)), whole[2:3, 0:2, 1:4])
    assert m.limits[1] > 0
    assert m.dead.shape == (4,)
    assert list(maps.compute_all(["act-2", "first"])) == ["first", "act-2"]
    assert list(feature_maps(net, image, layers=["again"])) == ["again"]
    with pytest.raises(UserError, match="did you mean output"):
        maps["outptu"]
    with pytest.raises(UserError, match="no maps of a layer"):
        feature_maps(net, image, layers=["conv9"])
    index = json.loads(maps_to_disk(maps, tmp_path, ["first", "output"]).read_text())
    assert [layer["receptive_field"] for layer in index["layers"]] == [[3, 3], [10, 10]]


def test_small_memory_gives_the_same() -> None:
    net, image = Branches(), noise(10, 12)
    many, few = feature_maps(net, image), feature_maps(net, image, cache_bytes=1)
    for name, m in many.items():
        np.testing.assert_array_equal(m[:], few[name][:])


def test_changed_weights_are_looked_at_anew() -> None:
    net, image = Branches(), noise(10, 12)
    maps = feature_maps(net, image)
    before = maps["first"][:]
    with torch.no_grad():
        net.first.weight += 1
    assert not np.allclose(maps["first"][:], before)
    image += 1
    maps.clear()
    with torch.no_grad():
        expected = net.first(given(image[None]))[0]
    np.testing.assert_allclose(maps["first"][:], expected, rtol=1e-5)


# ---------------------------------------------------------------- where maps lie


@pytest.mark.parametrize("name", ["resnet18", "mobilenet-v2", "squeezenet", "unet3d"])
def test_places_and_fields_are_those_of_the_document(name: str) -> None:
    """Two ways to the same numbers: from the document's ops, and from the calls of a module."""
    module, shape = {
        "resnet18": (lambda: references.ResNet(18), (3, 64, 96)),
        "mobilenet-v2": (references.MobileNetV2, (3, 64, 96)),
        "squeezenet": (references.SqueezeNet, (3, 64, 96)),
        "unet3d": (lambda: references.UNet3d(3), (3, 16, 16, 24)),
    }[name]
    maps = feature_maps(module(), noise(*shape))
    placed = [m.layer for m in maps.values() if m.layer.fields is not None]
    own = [layer for layer in preset(name).network if layer.fields is not None]
    assert placed[-1].fields == own[-1].fields
    ours = {layer.fields for layer in own}
    assert {layer.fields for layer in placed} <= ours
    assert len({layer.fields for layer in placed}) >= len(ours) - 3  # joins are no modules


class Functions(nn.Module):
    def __init__(self, function: Any) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2, 2, 3, 3))
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self, x)


@pytest.mark.parametrize(
    ("function", "scale", "translate"),
    [
        (lambda m, x: F.conv2d(x, m.weight, padding="same"), 1, 0),
        (lambda m, x: F.conv2d(x, m.weight, stride=3, dilation=2), 3, 2),
        (lambda m, x: F.conv_transpose2d(x, m.weight, stride=2, padding=1), 0.5, 0),
        (lambda m, x: F.interpolate(x, scale_factor=2, mode="bilinear"), 0.5, -0.25),
        (lambda m, x: F.interpolate(x, (5, 5), mode="bilinear", align_corners=True), 2.75, 0),
        (lambda m, x: F.adaptive_avg_pool2d(x, 4), 3, 1),
        (lambda m, x: F.pixel_unshuffle(x, 2), 2, 0.5),
        (lambda m, x: F.pad(x, (1, 1, 1, 1), mode="reflect"), 1, -1),
        (lambda m, x: F.avg_pool2d(F.pad(x, (1, 0, 1, 0)), 2, 2), 2, -0.5),
        (lambda m, x: torch.cat([x, F.max_pool2d(x, 3, 1, 1)], 1), 1, 0),
        (lambda m, x: x.chunk(2, 1)[1].softmax(1) * x.mean((2, 3), keepdim=True), 1, 0),
        (lambda m, x: x.view(1, 2, 1, 12, 12).transpose(1, 2).reshape(1, 2, 12, 12), 1, 0),
        (lambda m, x: x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2), None, None),
        (lambda m, x: x[:, :, 2:], None, None),
        (lambda m, x: x.flip(2), None, None),
        (lambda m, x: F.adaptive_avg_pool2d(x, 5), None, None),
        (lambda m, x: x @ x, None, None),
        (lambda m, x: F.pad(F.max_pool2d(x, 2), (0, 6, 0, 6)) + x, None, None),
        (lambda m, x: x + x.softmax(-1), None, None),
    ],
)
def test_where_what_functions_make_lies(function: Any, scale: Any, translate: Any) -> None:
    m = feature_maps(Functions(function), noise(2, 12, 12))["output"]
    if scale is None:
        assert m.affine is None
        assert m.layer.why
    else:
        np.testing.assert_allclose(m.scale, (scale, scale))
        np.testing.assert_allclose(m.translate, (translate, translate))


def test_what_was_not_seen_has_no_place() -> None:
    def away(m: Functions, x: Tensor) -> Tensor:
        return torch.from_numpy(np.fft.fft2(x.numpy()).real.astype(np.float32))

    m = feature_maps(Functions(away), noise(2, 12, 12))["output"]
    assert m.affine is None
    assert m.layer.why == "its way from the input was not seen"


# ---------------------------------------------------------------- the module is left alone


class Failing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.drop = nn.Conv2d(1, 2, 3), nn.Dropout()
        self.norm = nn.BatchNorm2d(2)

    def forward(self, x: Tensor) -> Tensor:
        self.norm(self.drop(self.first(x)))
        raise ValueError("out of cheese")


def state(net: nn.Module) -> Any:
    hooks = [(len(m._forward_hooks), len(m._forward_pre_hooks), m.training) for m in net.modules()]
    return hooks, {key: tensor.clone() for key, tensor in net.state_dict().items()}


def same(one: Any, other: Any) -> bool:
    pairs = zip(one[1].items(), other[1].items(), strict=True)
    return one[0] == other[0] and all(a == b and torch.equal(s, t) for (a, s), (b, t) in pairs)


def test_modes_hooks_weights_and_random_numbers_stay() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout(), nn.ReLU(inplace=True))
    net[1].eval()
    seen: list[int] = []
    net[0].register_forward_hook(lambda *_: seen.append(1))
    before, drawn = state(net), torch.get_rng_state()
    maps = feature_maps(net, noise(8, 8))
    assert [np.asarray(m).any() for m in maps.values()] == [True] * 4
    np.testing.assert_array_equal(maps["1"][:], maps["2"][:])  # no dropout
    assert same(state(net), before)
    assert torch.equal(torch.get_rng_state(), drawn)
    assert seen
    assert net[0].weight.grad is None


def test_a_module_that_fails_says_where_and_is_put_back() -> None:
    net = Failing()
    before = state(net)
    with pytest.raises(UserError, match=r"Failing fails on an input of 1x8x8: ValueError: out of"):
        feature_maps(net, noise(8, 8))
    assert same(state(net), before)
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Sequential(nn.Linear(5, 2)))
    with pytest.raises(UserError, match=r"in 1\.0: RuntimeError"):
        feature_maps(net, noise(8, 8))
    assert all(not m._forward_hooks and m.training for m in net.modules())


def test_precisions() -> None:
    net = Branches().double()
    maps = feature_maps(net, noise(8, 8).astype(np.float64))
    assert maps["first"][:].dtype == np.float64
    assert maps["first"].dtype == np.float64
    with pytest.raises(UserError, match="computes in float64; convert it"):
        feature_maps(net, noise(8, 8), dtype="float32")
    assert feature_maps(Branches().bfloat16(), noise(8, 8))["output"][:].dtype == np.float32


def test_lazy_modules_find_their_sizes() -> None:
    net = nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(3))
    maps = feature_maps(net, noise(5, 8, 8))
    assert {name: m.shape for name, m in maps.items()} == {
        "0": (4, 6, 6), "1": (4, 6, 6), "2": (144,), "3": (3,),
    }  # fmt: skip
    assert feature_maps(nn.LazyConv2d(4, 3), data.astronaut()[:20, :30])["output"].shape[0] == 4


def test_wrapped_and_shared_modules() -> None:
    image = noise(10, 12)
    wrapped = feature_maps(nn.DataParallel(Branches()), image)
    assert list(wrapped) == list(feature_maps(Branches(), image))
    conv = nn.Conv2d(1, 1, 3, padding=1)
    assert list(feature_maps(nn.Sequential(conv, nn.Sequential(conv)), image)) == ["0", "0-2"]


def test_an_attention_whose_parts_are_not_called() -> None:
    """`out_proj` is a module that torch only reads the weights of."""

    class Attend(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(4, 2, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            return self.attention(x, x, x)[0]

    maps = feature_maps(Attend(), noise(6, 4))
    assert list(maps) == ["attention[0]", "attention[1]"]


# ---------------------------------------------------------------- what cannot be looked into


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_programs_and_files_are_refused_with_the_reason(tmp_path: Path) -> None:
    script = torch.jit.trace(nn.Conv2d(1, 2, 3), torch.ones(1, 1, 8, 8))
    with pytest.raises(UserError, match="a TorchScript program cannot be looked into"):
        feature_maps(script, noise(8, 8))
    path = tmp_path / "model.pt"
    torch.save(Branches(), path)
    with pytest.raises(UserError, match=r"model\.pt is a file: a network in it would have to run"):
        feature_maps(str(path), noise(8, 8))  # type: ignore[arg-type]


# ---------------------------------------------------------------- real networks


@pytest.mark.parametrize("name", ["PNet", "RNet", "ONet"])
def test_pretrained_networks_on_a_photograph_of_a_face(name: str) -> None:
    """The face detector of Zhang and others 2016, as facenet-pytorch ships it."""
    net = facenet(name)
    size = {"PNet": 60, "RNet": 24, "ONet": 48}[name]
    face = data.astronaut()[80:190, 170:280]
    image = resize(face, (size, size), anti_aliasing=True, preserve_range=True)
    image = ((image - 127.5) / 128).astype(np.float32)
    maps = feature_maps(net, image)
    first = maps["conv1"]
    assert first.shape == (net.conv1.out_channels, image.shape[0] - 2, image.shape[1] - 2)
    np.testing.assert_allclose(first.translate, (1, 1))
    x = torch.from_numpy(np.moveaxis(image, -1, 0).copy())[None]
    with torch.no_grad():
        np.testing.assert_allclose(first[:], net.conv1(x)[0], rtol=1e-4, atol=1e-5)
        outputs = net(x)
    last = next(name for name in maps if name in ("conv4_2", "dense5_2", "dense6_2"))
    expected = outputs[0][0]
    np.testing.assert_allclose(maps[last][:], expected, rtol=1e-4, atol=1e-5)
    # It tells a face: the second of two classes.
    [chance] = [m for name, m in maps.items() if name.startswith("softmax")]
    assert np.asarray(chance)[1].max() > 0.9
    if name == "PNet":
        assert chance.layer.receptive_field == (12, 12)
        np.testing.assert_allclose(chance.scale, (2, 2))
