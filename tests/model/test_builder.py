"""The builder: names, order, seeds, and what is told when an input does not fit."""

from __future__ import annotations

import copy
import gc
import subprocess
import sys
import weakref

import pytest
import torch

from napari_convnet import UserError, draft, parse
from napari_convnet.model import ConvNet, build

LENET = """
input: 1x28x28
net:
  - c1: conv 6 k5 relu
  - max 2
  - conv 16 k5 valid bn relu
  - max 2
  - flatten
  - fc 120 relu
  - out: fc 10
"""


def net_of(rows: str, shape: str = "1x12x12") -> ConvNet:
    return build(parse(f"input: {shape}\nnet:\n" + rows))


def test_parameters_bear_the_names_of_layers() -> None:
    net = build(parse(LENET))
    assert list(net.state_dict()) == [
        "c1.conv.weight", "c1.conv.bias", "conv-1.weight",
        "bn-1.weight", "bn-1.bias", "bn-1.running_mean", "bn-1.running_var",
        "fc-1.weight", "fc-1.bias", "out.weight", "out.bias",
    ]  # fmt: skip
    assert list(net.twins) == [layer.name for layer in net.network.layers]
    assert net.final == ("out",)
    assert dict(net.origins) == dict.fromkeys(["c1.conv", "conv-1", "bn-1", "fc-1", "out"], "new")
    assert sum(p.numel() for p in net.parameters()) == net.network.totals.parameters
    assert all(tensor.device.type == "cpu" for tensor in net.state_dict().values())


def test_layers_may_be_called_what_modules_call_themselves() -> None:
    names = ["train", "forward", "weight", "network", "twins", "op", "T_destination"]
    rows = "".join(f"  - {name}: conv 2 k3 relu\n" for name in names)
    # Inside a group, a layer may be called like the weight of the layer that the group is.
    rows += "  - g:\n    - weight: conv 2 k3\n    - conv 2 k3\n"
    net = net_of(rows)
    expected = [f"{name}.conv.{w}" for name in names for w in ("weight", "bias")]
    expected += [f"g{path}.{w}" for path in (".weight", "") for w in ("weight", "bias")]
    assert sorted(net.state_dict()) == sorted(expected)
    assert net.train() is net
    y = net.double().eval()(torch.ones(1, 1, 12, 12, dtype=torch.float64))
    assert y.shape == (1, 2, 12, 12)
    state = {name: torch.full_like(tensor, 2) for name, tensor in net.state_dict().items()}
    net.load_state_dict(state)
    assert net.twins["g.weight"].weight is not net.twins["g"].weight
    assert all((tensor == 2).all() for tensor in net.state_dict().values())


def test_each_layer_has_its_output() -> None:
    net = build(parse(LENET)).eval()
    x = torch.randn(3, 1, 28, 28)
    found = net.outputs(x)
    assert list(found) == list(net.twins)
    for layer in net.network.layers:
        assert tuple(found[layer.name].shape[1:]) == layer.output
    assert torch.equal(net(x), found["out"])
    # No activation works in place: the convolution's own map is still signed.
    assert (found["c1.conv"] < 0).any()
    assert (found["c1"] >= 0).all()


def test_only_what_is_asked_for_is_computed_and_kept() -> None:
    net = build(parse(LENET)).eval()
    called: list[str] = []
    references: dict[str, weakref.ref[torch.Tensor]] = {}
    alive: dict[str, set[str]] = {}

    def watch(name: str):  # type: ignore[no-untyped-def]
        def hook(module: object, given: object, output: torch.Tensor) -> None:
            called.append(name)
            gc.collect()
            alive[name] = {n for n, reference in references.items() if reference() is not None}
            references[name] = weakref.ref(output)

        return hook

    for name, twin in net.twins.items():
        twin.register_forward_hook(watch(name))
    found = net.outputs(torch.randn(1, 1, 28, 28), ["c1", "conv-1"])
    assert list(found) == ["c1", "conv-1"]
    assert called == ["c1.conv", "c1", "max-1", "conv-1"]
    # When max-1 is done, c1.conv has been let go; c1 was asked for.
    assert alive["max-1"] == {"c1"}
    assert alive["conv-1"] == {"c1", "max-1"}


def test_unknown_layers_are_a_key_error() -> None:
    with pytest.raises(KeyError, match="nothing"):
        build(parse(LENET)).outputs(torch.ones(1, 1, 28, 28), ["nothing"])


def test_the_global_generator_is_not_touched() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    build(parse(LENET), seed=3)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_same_seed_gives_the_same_weights() -> None:
    first, second, other = (build(parse(LENET), seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert not torch.equal(first["c1.conv.weight"], other["c1.conv.weight"])
    assert not torch.equal(first["fc-1.weight"][:10, :84], first["out.weight"][:, :84])


def test_the_seed_comes_from_the_document() -> None:
    seven = build(parse(LENET + "train:\n  seed: 7\n")).state_dict()
    assert torch.equal(seven["out.weight"], build(parse(LENET), seed=7).state_dict()["out.weight"])
    bare = build(parse(LENET).network).state_dict()
    assert torch.equal(bare["out.weight"], build(parse(LENET), seed=0).state_dict()["out.weight"])


def test_weights_are_the_same_in_every_process() -> None:
    """They hang on no hash of Python's, which differs from process to process."""
    code = (
        "from napari_convnet import parse\n"
        "net = parse('input: 1x5\\nnet:\\n  - a: conv 1 k3').build(seed=1)\n"
        "print([round(v, 6) for v in net.twins['a'].weight.flatten().tolist()])"
    )
    command = [sys.executable, "-c", code]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert found.strip() == "[-0.579796, 0.248153, -0.041716]"


def test_editing_one_row_leaves_the_others_as_they_are() -> None:
    before = build(parse(LENET), seed=1).state_dict()
    edits = [("conv 16", "conv 24"), ("relu\n  - max", "tanh\n  - max"), ("fc 120", "fc 60")]
    for old, new in edits:
        after = build(parse(LENET.replace(old, new, 1)), seed=1).state_dict()
        same = [key for key in before if before[key].shape == after[key].shape]
        assert "c1.conv.weight" in same
        assert all(torch.equal(before[key], after[key]) for key in same)


def test_weights_keep_the_strength_of_the_signal() -> None:
    """Ten rectified layers deep, the signal is neither gone nor has it burst."""
    rows = "  - conv 32 k3 relu x10\n"
    found = net_of(rows, "8x24x24").outputs(torch.randn(1, 8, 24, 24))
    ratio = found["relu-10"].square().mean() / found["relu-1"].square().mean()
    assert 0.1 < ratio < 10


@pytest.mark.parametrize(
    "row", ["conv 64 k3 g2", "dw 5 m4", "sep 64 k3", "local 16 k3", "tconv 32 k4 s2 p1", "tconv 32"]
)
@pytest.mark.parametrize("shape", ["16x16x16", "16x64"])
def test_every_convolution_doubles_the_square(row: str, shape: str) -> None:
    """Weights of variance 2 / fan-in give twice the mean square, which a rectifier halves."""
    net = net_of(f"  - a: {row} valid\n" if "tconv" not in row else f"  - a: {row}\n", shape)
    x = torch.randn(8, *net.network.input.shape, generator=torch.Generator().manual_seed(1))
    ratio = net(x).square().mean() / x.square().mean()
    assert 1.5 < ratio < 2.6


def test_a_module_can_be_copied_and_moved() -> None:
    net = build(parse(LENET)).eval()
    twin = copy.deepcopy(net).double()
    assert twin.twins["out"] is not net.twins["out"]
    assert twin.twins["out"].weight.dtype == torch.float64
    assert twin(torch.ones(1, 1, 28, 28, dtype=torch.float64)).dtype == torch.float64
    assert net.twins["out"].weight.dtype == torch.float32


def test_gradients_reach_every_layer() -> None:
    net = build(parse(LENET))
    net(torch.randn(2, 1, 28, 28)).square().sum().backward()
    weights = [p for p in net.parameters() if p.dim() > 1]
    assert all(w.grad is not None and w.grad.abs().sum() > 0 for w in weights)


def test_a_draft_is_built_up_to_its_first_mistake() -> None:
    pipeline = draft(LENET.replace("max 2\n  - flatten", "max 2\n  - rellu\n  - flatten"))
    assert pipeline.problems
    net = build(pipeline)
    assert list(net.twins)[-1] == "max-2"
    assert net(torch.ones(2, 1, 28, 28)).shape == (2, 16, 5, 5)


def test_a_network_without_layers_gives_the_input_back() -> None:
    net = build(draft("input: 1x8\nnet:\n  - rellu\n"))
    x = torch.ones(1, 1, 8)
    assert net(x) is x
    assert net.outputs(x) == {}
    assert net.final == ()


def test_other_sizes_run_where_no_layer_is_bound_to_one() -> None:
    net = net_of("  - conv 2 k3 relu\n  - max 2\n  - gap\n  - fc 3\n")
    assert net(torch.ones(1, 1, 31, 17)).shape == (1, 3)


@pytest.mark.parametrize(
    ("rows", "shape", "words"),
    [
        ("conv 2 k3", (1, 3, 12, 12), "the network takes 1 channel of 12x12, but an array of shape "
                                      "(1, 3, 12, 12) came in"),
        ("conv 2 k3", (1, 1, 12), "the network takes 1 channel of 12x12"),
        ("conv 2 k3", (1, 12, 12), "give (images, channels, sizes...)"),
        ("conv 2 k3", (0, 1, 12, 12), "has nothing in it"),
        ("conv 2 k5 valid", (1, 1, 4, 12), "layer conv-1: a kernel of 5 does not fit into 4"),
        ("flatten fc 3", (1, 1, 12, 13), "layer fc-1: fc was made for 144 values, but 156 come in; "
                                         "give the network inputs of the size in its input line"),
        ("local 2 k3", (1, 1, 12, 13), "layer local-1: local has kernels for 1 channel of 12x12, "
                                       "but 1 channel of 12x13 come in"),
    ],
)  # fmt: skip
def test_inputs_that_do_not_fit_are_told(rows: str, shape: tuple[int, ...], words: str) -> None:
    net = net_of(f"  - {rows}\n")
    for _ in range(2):
        with pytest.raises(UserError) as caught:
            net(torch.ones(shape))
        assert words in str(caught.value)


def test_frozen_layers_are_left_alone() -> None:
    rows = "  - c1: conv 2 k3 relu\n    freeze: true\n  - c2: conv 2 k3\n"
    net = net_of(rows)
    asked = {name: p.requires_grad for name, p in net.named_parameters()}
    assert asked == {
        "c1.conv.weight": False, "c1.conv.bias": False, "c2.weight": True, "c2.bias": True,
    }  # fmt: skip


def test_freezing_a_layer_leaves_the_layers_of_its_name_alone() -> None:
    """The layer g is the last of the group g; its module holds those of the other members."""
    rows = "  - g:\n    - a: conv 2 k3\n    - c: conv 2 k3\n      freeze: true\n"
    net = net_of(rows)
    asked = {name: p.requires_grad for name, p in net.named_parameters()}
    assert asked == {"g.a.weight": True, "g.a.bias": True, "g.weight": False, "g.bias": False}


def test_a_frozen_norm_keeps_its_statistics() -> None:
    rows = "  - g:\n    - drop .5\n    - bn\n    - last: bn\n      freeze: true\n"
    net = net_of(rows).eval().train()
    modes = {name: twin.training for name, twin in net.twins.items()}
    assert modes == {"g.drop": True, "g.bn": True, "g": False}
    net(torch.randn(2, 1, 12, 12) + 5)
    assert net.twins["g"].running_mean.item() == 0
    assert net.twins["g.bn"].running_mean.item() != 0


def test_no_device_is_made_up() -> None:
    with pytest.raises(UserError, match="unknown device"):
        build(parse(LENET), device="gpu")
