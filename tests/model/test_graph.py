"""Networks with branches and blocks as modules: what is by hand, frozen, on the side or freed."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
import torch

from napari_convnet import UserError, parse
from napari_convnet.model import ConvNet, build, load_weights, save_weights

TEXT = """input: 1x16x16
blocks:
  edges(n):
    - k: conv $n k3
      w: sobel_x
      b: 1
      freeze: true
    - bn relu
net:
  - res:
      - edges 2
      - c: conv 1 k3
        w: laplace
  - cat:
      - edges 3
      - - d: conv 2 k1
          freeze: true
        - bn
      - id
  - side:
      - s: conv 1 k1
        freeze: true
      - gap
  - max 2
  - conv 4 k3
"""


def made(text: str = TEXT) -> ConvNet:
    return build(parse(text), seed=3)


def test_kernels_by_hand_within_blocks_and_branches() -> None:
    net = made()
    kernel = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    for name, count in (("res-1.edges.k", 2), ("cat-1.edges.k", 3)):
        twin = net.twins[name]
        assert twin.weight.shape[0] == count
        assert (twin.weight == kernel).all()
        assert (twin.bias == 1).all()
        assert not twin.weight.requires_grad
    assert net.twins["res-1.c"].weight[0, 0, 1, 1] == -4
    assert net.twins["res-1.c"].weight.requires_grad


def test_frozen_layers_stay_and_others_learn() -> None:
    net = made().train()
    before = {name: p.clone() for name, p in net.named_parameters()}
    learning = [p for p in net.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(learning, lr=0.1)
    net(torch.randn(2, 1, 16, 16)).square().sum().backward()
    optimizer.step()
    moved = {n for n, p in net.named_parameters() if not torch.equal(p, before[n])}
    assert {"res-1.c.weight", "conv-1.weight", "cat-1.edges.bn.weight"} <= moved
    assert not any(".k." in name or name.startswith(("cat-1.d", "side-1")) for name in moved)


def test_a_frozen_layer_within_a_branch_stays_in_use() -> None:
    text = "input: 1x8\nnet:\n  - res:\n      - n: bn\n        freeze: true\n      - m: bn\n"
    net = build(parse(text)).train()
    assert not net.twins["res-1.n"].training
    assert net.twins["res-1.m"].training


def test_connections_within_a_branch() -> None:
    text = """input: 6x14x14
net:
  - cat:
      - - c3: conv 16 k5 valid
          connect: lenet5
      - conv 2 k5 valid
"""
    net = build(parse(text))
    assert sum(p.numel() for p in net.twins["cat-1.c3"].parameters()) == 1516
    x = torch.randn(1, 6, 14, 14)
    first = net.outputs(x)["cat-1.c3"]
    x[:, 3:] += 1  # the first output of LeNet's table sees the first three maps
    second = net.outputs(x)["cat-1.c3"]
    assert torch.equal(first[:, 0], second[:, 0])
    assert not torch.equal(first[:, 1], second[:, 1])


def test_weights_of_a_layer_depend_on_its_name_alone() -> None:
    """A block that is called again, or a branch more, leaves the others' weights as they are."""
    one = made()
    more = made(TEXT.replace("      - id\n", "      - id\n      - conv 2 k5\n"))
    for name in ("res-1.c", "cat-1.d"):
        assert torch.equal(one.twins[name].weight, more.twins[name].weight)


def test_weights_of_branches_in_a_file(tmp_path: Any) -> None:
    net, path = made(), tmp_path / "w.safetensors"
    save_weights(net, path)
    other = build(parse(TEXT), seed=4)
    assert set(load_weights(other, path).values()) == {"loaded"}
    x = torch.randn(1, 1, 16, 16)
    assert torch.equal(net.eval()(x), other.eval()(x))


# ---------------------------------------------------------------- which output, and at what cost


def test_forward_gives_the_main_output_alone() -> None:
    net = made().eval()
    assert net.network.end == "conv-1"
    assert net.final == ("side-1.gap", "conv-1")
    calls: list[str] = []
    for name, twin in net.twins.items():
        twin.register_forward_hook(lambda *_, name=name: calls.append(name))
    x = torch.randn(1, 1, 16, 16)
    y = net(x)
    assert y.shape == (1, 4, 8, 8)
    assert not [name for name in calls if name.startswith("side")]
    assert len(calls) == len(set(calls))
    outputs = net.outputs(x, net.final)
    assert set(outputs) == {"side-1.gap", "conv-1"}
    assert torch.equal(outputs["conv-1"], y)
    assert net(torch.randn(1, 1, 9, 11)).shape == (1, 4, 4, 5)


def test_outputs_are_freed_after_their_last_use() -> None:
    rows = "".join("  - res: conv 4 k3 relu conv 4 k3\n" for _ in range(5))
    net = build(parse(f"input: 4x16x16\nnet:\n{rows}")).eval()
    alive: list[weakref.ref[torch.Tensor]] = []
    most = 0

    def remember(module: Any, inputs: Any, output: torch.Tensor) -> None:
        nonlocal most
        alive.append(weakref.ref(output))
        gc.collect()
        most = max(most, sum(ref() is not None for ref in alive))

    for twin in net.twins.values():
        twin.register_forward_hook(remember)
    with torch.no_grad():
        net(torch.randn(1, 4, 16, 16))
    assert most == 3


def test_an_input_of_another_size_is_continued_for_joins_only() -> None:
    text = "input: 1x16\nnet:\n  - a: conv 2 k3\n  - max 2\n  - up 2\n  - {join}\n"
    alone = build(parse(text.format(join="id"))).eval()
    assert alone(torch.randn(1, 1, 15)).shape == (1, 2, 14)
    joined = build(parse(text.format(join="cat a"))).eval()
    x = torch.randn(1, 1, 15)
    y = joined(x)
    assert y.shape == (1, 4, 15)
    assert torch.equal(y, joined(torch.cat([x, x[..., -1:]], 2))[..., :15])
    # Each shape is looked at once, and what cannot be is refused by name.
    with pytest.raises(UserError, match="the network takes 1 channel of 16"):
        joined(torch.randn(1, 2, 15))


def test_what_no_size_brings_together_names_the_join() -> None:
    net = build(
        parse("input: 1x16\nnet:\n  - a: conv 1 k3\n  - conv 1 k9 valid\n  - up 2\n  - add a\n")
    )
    assert net(torch.randn(1, 1, 16)).shape == (1, 1, 16)
    with pytest.raises(UserError, match="layer add-1: add needs equal shapes"):
        net(torch.randn(1, 1, 17))
