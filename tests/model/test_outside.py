"""Weights that other programs wrote: matched by structure, read without running code."""

from __future__ import annotations

import contextlib
import io
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from napari_convnet import UserError, parse, preset
from napari_convnet.model import ConvNet, build, load_weights, outside, save_weights
from napari_convnet.model.weights import read_weights

from . import torch_references as references

Make = Callable[[], nn.Module]

NETS: dict[str, Make] = {
    "alexnet-torchvision": references.AlexNet,
    **{f"vgg{depth}": lambda depth=depth: references.VGG(depth) for depth in (11, 13, 16, 19)},
    **{
        f"vgg{depth}-bn": lambda depth=depth: references.VGG(depth, bn=True)
        for depth in (11, 13, 16, 19)
    },
    "googlenet-torchvision": references.GoogLeNet,
    "googlenet-torchvision-aux": lambda: references.GoogLeNet(aux=True),
    **{f"resnet{n}": lambda n=n: references.ResNet(n) for n in (18, 34, 50, 101)},
    "resnet18-3d": references.R3D18,
    "densenet121": references.DenseNet,
    "mobilenet-v1": references.MobileNetV1,
    "mobilenet-v2": references.MobileNetV2,
    "squeezenet": references.SqueezeNet,
}
SMALL = [
    "googlenet-torchvision", "resnet18", "resnet50", "densenet121", "mobilenet-v2", "squeezenet",
]  # fmt: skip


def drawn(module: nn.Module, seed: int = 0) -> nn.Module:
    """Give a module weights and statistics that make every layer count, in float64."""
    generator = torch.Generator().manual_seed(seed)
    module = module.double().eval()
    for key, tensor in module.state_dict().items():
        if key.endswith("running_var"):
            tensor.uniform_(0.5, 2, generator=generator)
        elif tensor.ndim == 1:
            tensor.uniform_(-0.5, 0.5, generator=generator)
            if key.endswith("weight"):
                tensor.add_(1.5)
        elif tensor.ndim > 1:
            spread = (2 / tensor[0].numel()) ** 0.5
            tensor.normal_(0, spread, generator=generator)
    return module


def image(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(1, *shape, dtype=torch.float64, generator=generator)


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("by_name", [False, True])
def test_every_layer_gets_the_tensors_that_run_at_its_place(name: str, by_name: bool) -> None:
    """Registration order is execution order in these but for heads at the side."""
    with torch.device("meta"):
        net, other = ConvNet(preset(name).network), NETS[name]()
    shapes = {
        key: tuple(tensor.shape)
        for key, tensor in other.state_dict().items()
        if not key.endswith(outside.COUNTER)
    }
    given = dict(sorted(shapes.items())) if by_name else shapes
    found = outside.match(net.network, outside.own_shapes(net), given)
    kernels = [key for key in found.values() if key.endswith("weight")]
    expected = [key for key in shapes if key.endswith("weight")]
    if "aux" in name:
        heads = [key for key in expected if key.startswith("aux")]
        for head, after in (("aux1", "inception4a"), ("aux2", "inception4d")):
            at = max(i for i, key in enumerate(kernels) if key.startswith(after)) + 1
            own = [key for key in heads if key.startswith(head)]
            assert kernels[at : at + len(own)] == own
        kernels = [key for key in kernels if not key.startswith("aux")]
        expected = [key for key in expected if not key.startswith("aux")]
    assert kernels == expected
    assert all(mine.rpartition(".")[2] == key.rpartition(".")[2] for mine, key in found.items())


@pytest.mark.parametrize(
    ("name", "suffix"), [*((name, ".safetensors") for name in SMALL), ("resnet18", ".pth")]
)
def test_outputs_are_those_of_the_plain_definition(name: str, suffix: str, tmp_path: Path) -> None:
    other = drawn(NETS[name]())
    path = tmp_path / f"net{suffix}"
    if suffix == ".pth":
        torch.save(other.state_dict(), path)
    else:
        save_file(other.state_dict(), path)
    net = build(preset(name), seed=1).double().eval()
    assert set(load_weights(net, path).values()) == {"loaded"}
    x = image(3, 224, 224)
    with torch.inference_mode():
        expected, found = other(x), net(x)
    assert expected.std() > 1e-3
    assert (found - expected).abs().max() <= 1e-10 * expected.abs().max()


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("alexnet-torchvision", lambda: references.AlexNet(classes=7)),
        ("vgg11", lambda: references.VGG(11, classes=7)),
        ("vgg16-bn", lambda: references.VGG(16, bn=True, classes=7)),
    ],
)
def test_networks_that_end_in_wide_layers(name: str, make: Make, tmp_path: Path) -> None:
    """The same with 20 units where the original has 4,096, for the sake of memory."""
    text = preset(name).text.replace("fc 4096", "fc 20").replace("fc 1000", "fc 7")
    with torch.device("meta"):
        other = make()
    head = other.classifier
    for index, layer in enumerate(head):
        if isinstance(layer, nn.Linear):
            inputs = 20 if layer.in_features == 4096 else layer.in_features
            outputs = 20 if layer.out_features == 4096 else layer.out_features
            head[index] = nn.Linear(inputs, outputs, device="meta")
    other = drawn(other.to_empty(device="cpu"))
    path = tmp_path / "net.pt"
    torch.save({"epoch": 3, "state_dict": other.state_dict(), "best": 0.5}, path)
    net = build(parse(text + f"\nweights: {path}\n")).double().eval()
    load_weights(net, path)
    x = image(3, 224, 224)
    with torch.inference_mode():
        torch.testing.assert_close(net(x), other(x), rtol=1e-10, atol=1e-10)


def test_a_document_names_its_weights(tmp_path: Path) -> None:
    other = drawn(references.SqueezeNet())
    torch.save(other.float().state_dict(), tmp_path / "squeezenet1_0.pth")
    document = tmp_path / "net.yaml"
    document.write_text(preset("squeezenet").text + "\nweights: squeezenet1_0.pth\n")
    net = build(parse(document.read_text(), document))
    assert set(net.origins.values()) == {"loaded"}
    assert torch.equal(net.twins["conv-1"].weight, other.features[0].weight)


def test_heads_that_the_document_lacks_are_left_out(tmp_path: Path) -> None:
    other = drawn(references.GoogLeNet(aux=True))
    save_file(other.state_dict(), tmp_path / "net.safetensors")
    net = build(preset("googlenet-torchvision")).double().eval()
    assert set(load_weights(net, tmp_path / "net.safetensors").values()) == {"loaded"}
    x = image(3, 224, 224)
    with torch.inference_mode():
        torch.testing.assert_close(net(x), other(x), rtol=1e-10, atol=1e-10)


def test_of_a_parallel_module(tmp_path: Path) -> None:
    other = nn.DataParallel(drawn(references.ResNet(18)))
    torch.save(other.state_dict(), tmp_path / "net.pt")
    net = build(preset("resnet18"))
    assert set(load_weights(net, tmp_path / "net.pt").values()) == {"loaded"}
    assert torch.equal(net.twins["conv-1"].weight, other.module.conv1.weight.float())


# ---------------------------------------------------------------- what does not fit

NET = "input: 3x16x16\nnet:\n  - c1: conv 4\n  - relu\n  - c2: conv 6\n  - gap\n  - out: fc 5\n"


def plain() -> dict[str, Tensor]:
    layers = [nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 6, 3), nn.Flatten(), nn.Linear(6, 5)]
    return dict(nn.Sequential(*layers).state_dict())


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    net = build(parse(NET))
    before = {key: tensor.clone() for key, tensor in net.state_dict().items()}

    def told(tensors: dict[str, Tensor]) -> str:
        path = tmp_path / "w.pt"
        torch.save(tensors, path)
        with pytest.raises(UserError) as caught:
            load_weights(net, path)
        return str(caught.value).replace(f"{path}", "w.pt")

    other = plain()
    other["4.weight"], other["4.bias"] = torch.ones(1000, 6), torch.ones(1000)
    assert told(other) == (
        "layer out: w.pt does not fit: this layer takes bias 5, weight 5x6; "
        "it has 4 (bias 1000, weight 1000x6)"
    )
    other = plain()
    del other["2.bias"], other["2.weight"]
    assert told(other) == (
        "layer c2: w.pt does not fit: this layer takes bias 6, weight 6x4x3x3; "
        "nothing in it is like that"
    )
    other = {**plain(), "5.weight": torch.ones(9, 9), "5.bias": torch.ones(9)}
    assert told(other) == (
        "w.pt does not fit: no layer takes 5 (bias 9, weight 9x9); "
        "the network has 3 layers with weights, the state dict 4"
    )
    other = plain()
    mixed = {f"a.{key}" if key[0] in "04" else f"b.{key}": tensor for key, tensor in other.items()}
    assert told(mixed) == (
        "layer c2: w.pt does not fit: every shape is there, but in no order of its modules does "
        "one of bias 6, weight 6x4x3x3 come here; these have its shape: b.2"
    )
    assert all(torch.equal(before[key], tensor) for key, tensor in net.state_dict().items())


def test_what_could_be_either_is_not_guessed(tmp_path: Path) -> None:
    net = build(parse("input: 4x8x8\nnet:\n  - conv 4\n  - conv 4\n"))
    one, other = torch.ones(4, 4, 3, 3), torch.zeros(4, 4, 3, 3)
    tensors = {"left.weight": one, "left.bias": one[0, 0, 0, :1].repeat(4),
               "enter.weight": other, "enter.bias": other[0, 0, 0, :1].repeat(4)}  # fmt: skip
    save_file(tensors, tmp_path / "w.safetensors")
    with pytest.raises(UserError, match="enter and left have the same shapes, and nothing says"):
        load_weights(net, tmp_path / "w.safetensors")
    # A file of torch's keeps the order in which the modules were made.
    torch.save(tensors, tmp_path / "w.pt")
    load_weights(net, tmp_path / "w.pt")
    assert torch.equal(net.twins["conv-1"].weight, one)
    # Numbers are an order too.
    numbered = {
        key.replace("left", "conv10").replace("enter", "conv9"): t for key, t in tensors.items()
    }
    save_file(numbered, tmp_path / "w.safetensors")
    load_weights(net, tmp_path / "w.safetensors")
    assert torch.equal(net.twins["conv-1"].weight, other)


def test_an_earlier_version_of_the_document_is_no_stranger(tmp_path: Path) -> None:
    """Files in the layers' own names are taken by name, whatever else has changed."""
    path = tmp_path / "w.safetensors"
    save_weights(build(parse(NET), seed=3), path)
    net = build(parse(NET.replace("conv 6", "conv 7")))
    assert load_weights(net, path) == {"c1": "loaded", "c2": "new", "out": "new"}
    # Even where all rows have got other names, if a training wrote it.
    save_weights(build(parse(NET), seed=3), path, step=10)
    net = build(parse(NET.replace("c1", "d1").replace("c2", "d2").replace("out", "end")))
    assert set(load_weights(net, path).values()) == {"new"}


# ---------------------------------------------------------------- files that are no state dict


class Bomb:
    def __reduce__(self) -> tuple[object, ...]:
        return (pytest.fail, ("a pickle was opened",))


def test_programs_are_refused_with_the_reason(tmp_path: Path) -> None:
    net = build(parse(NET))

    def told(path: Path) -> str:
        with pytest.raises(UserError) as caught:
            load_weights(net, path)
        return str(caught.value)

    torch.save(nn.Sequential(nn.Conv2d(3, 4, 3)), tmp_path / "module.pt")
    assert "holds more than weights, which can run code when it is opened" in told(
        tmp_path / "module.pt"
    )
    torch.save({"weight": torch.ones(1), "x": Bomb()}, tmp_path / "bomb.pt")
    assert "can run code" in told(tmp_path / "bomb.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    assert "holds no weights by name" in told(tmp_path / "list.pt")
    (tmp_path / "cut.pt").write_bytes((tmp_path / "module.pt").read_bytes()[:500])
    assert "cut.pt is damaged, or no file of PyTorch's" in told(tmp_path / "cut.pt")


def test_damaged_files_are_told_whatever_they_end_in(tmp_path: Path) -> None:
    whole, path = io.BytesIO(), tmp_path / "w.pt"
    torch.save(plain(), whole)
    draw = random.Random(0)
    for _ in range(300):
        data = bytearray(whole.getvalue())
        data = data[: draw.randrange(1, len(data))] if draw.random() < 0.5 else data
        for _ in range(3):
            data[draw.randrange(len(data))] = draw.randrange(256)
        path.write_bytes(data)
        with contextlib.suppress(UserError):
            read_weights(path)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_torchscript_is_refused_with_the_reason(tmp_path: Path) -> None:
    script = torch.jit.trace(nn.Conv2d(3, 4, 3), torch.ones(1, 3, 8, 8))
    torch.jit.save(script, tmp_path / "net.pt")
    with pytest.raises(UserError, match="is a TorchScript archive, which holds a program"):
        load_weights(build(parse(NET)), tmp_path / "net.pt")
    with pytest.raises(UserError, match="TorchScript"):
        build(parse(NET + f"weights: {tmp_path / 'net.pt'}\n"))


def test_the_old_form_of_torch_files(tmp_path: Path) -> None:
    path = tmp_path / "old.pth"
    torch.save(plain(), path, _use_new_zipfile_serialization=False)
    net = build(parse(NET))
    assert set(load_weights(net, path).values()) == {"loaded"}
    assert torch.equal(net.twins["out"].weight, plain_out(path))


def plain_out(path: Path) -> Tensor:
    return torch.load(path, weights_only=True)["4.weight"]
