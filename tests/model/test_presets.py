"""The presets as modules: counts, shapes and outputs are those of plain torch definitions."""

import math

import pytest
import torch
from torch import nn

from napari_convnet.document import parse, preset, presets
from napari_convnet.model import build
from napari_convnet.model.builder import ConvNet

from . import torch_references as plain

# Networks that torchvision or a paper defines, with an input small enough to compare outputs;
# none where the size is fixed by a dense layer, or the network too large to run here.
REFERENCES = {
    "alexnet-torchvision": (plain.AlexNet, None),
    **{f"vgg{n}": (lambda n=n: plain.VGG(n), None) for n in (11, 13, 16, 19)},
    **{f"vgg{n}-bn": (lambda n=n: plain.VGG(n, bn=True), None) for n in (11, 13, 16, 19)},
    "googlenet-torchvision": (plain.GoogLeNet, (3, 79, 95)),
    "googlenet-torchvision-aux": (lambda: plain.GoogLeNet(aux=True), None),
    "resnet18": (lambda: plain.ResNet(18), (3, 64, 96)),
    "resnet34": (lambda: plain.ResNet(34), (3, 64, 64)),
    "resnet50": (lambda: plain.ResNet(50), (3, 64, 64)),
    "resnet50-original": (lambda: plain.ResNet(50, first=True), (3, 64, 64)),
    "resnet101": (lambda: plain.ResNet(101), (3, 32, 32)),
    "resnet18-3d": (plain.R3D18, (3, 4, 32, 32)),
    "densenet121": (plain.DenseNet, (3, 64, 64)),
    "mobilenet-v1": (plain.MobileNetV1, (3, 64, 64)),
    "mobilenet-v2": (plain.MobileNetV2, (3, 64, 64)),
    "squeezenet": (plain.SqueezeNet, (3, 64, 96)),
    "unet3d": (plain.UNet3d, (3, 16, 16, 24)),
}


def on_meta(make):
    with torch.device("meta"):
        return make()


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("name", [one.name for one in presets()])
def test_every_preset_builds(name):
    network = preset(name).network
    module = on_meta(lambda: ConvNet(network))
    assert count(module) == network.totals.parameters
    x = torch.empty((2, *network.input.shape), device="meta")
    outputs = module.eval().outputs(x, network.outputs)
    assert {key: tuple(y.shape) for key, y in outputs.items()} == {
        key: (2, *network[key].output) for key in network.outputs
    }


@pytest.mark.parametrize("name", REFERENCES)
def test_counts_and_shapes_are_torchs(name):
    make, _ = REFERENCES[name]
    reference, network = on_meta(make), preset(name).network
    assert count(reference) == network.totals.parameters
    ours = [math.prod(s) for layer in network for s in layer.kind.weights().values()]
    assert sorted(ours) == sorted(p.numel() for p in reference.parameters())
    x = torch.empty((2, *network.input.shape), device="meta")
    assert tuple(reference.eval()(x).shape) == (2, *network.output)


@pytest.mark.parametrize("name", [name for name, (_, size) in REFERENCES.items() if size])
def test_outputs_are_torchs(name):
    """With the reference's weights, given in the order of their layers."""
    make, size = REFERENCES[name]
    torch.manual_seed(0)
    reference = make().eval()
    give_statistics(reference)
    ours = on_meta(lambda: ConvNet(preset(name).network)).eval()
    ours.load_state_dict(in_order(ours, reference), assign=True)
    x = torch.randn(2, *size)
    with torch.no_grad():
        expected, found = reference(x), ours(x)
    assert torch.isfinite(expected).all()
    assert expected.std() > 1e-4
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5 * expected.abs().max().item())


def give_statistics(module: nn.Module) -> None:
    """Statistics and weights of norms as after training: not 0 and 1 everywhere."""
    for part in module.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.normal_(part.bias, 0, 0.1)
            nn.init.normal_(part.running_mean, 0, 0.1)
            nn.init.uniform_(part.running_var, 0.5, 1.5)


def in_order(ours: ConvNet, reference: nn.Module) -> dict[str, torch.Tensor]:
    """State of `reference` under the names of `ours`, layer by layer."""
    state = reference.state_dict()
    values = [v for key, v in state.items() if not key.endswith("num_batches_tracked")]
    names = [
        f"{layer}.{key}"
        for layer, twin in ours.twins.items()
        for key in twin.state_dict(keep_vars=True)
        if "." not in key and (key in twin._parameters or key in twin._buffers)
    ]
    return dict(zip(names, values, strict=True))


def test_the_rbf_units_of_lenet5_measure_distances():
    net = build(preset("lenet5-1998"), seed=1).eval()
    codes = net.twins["out"].codes
    assert tuple(codes.shape) == (10, 84)
    assert set(codes.unique().tolist()) == {-1.0, 1.0}
    features = torch.randn(3, 84)
    expected = -((features[:, None] - codes) ** 2).sum(-1)
    torch.testing.assert_close(net.twins["out"](features), expected)


def test_a_head_does_not_change_the_main_output():
    rows = ["conv 4 relu", "side: gap fc 3", "max 2", "gap fc 5"]
    x = torch.randn(1, 3, 32, 32)
    with_head, without = (
        parse("\n".join(["input: 3x32x32", "net:", *(f"  - {row}" for row in kept)]) + "\n")
        for kept in (rows, [row for row in rows if "side" not in row])
    )
    assert torch.equal(with_head.build(seed=0)(x), without.build(seed=0)(x))
