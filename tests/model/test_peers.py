"""Twins against torch's own functions, and against numbers that a person can check."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_convnet.model import TWINS, Twin


@pytest.fixture
def twin(bind) -> Callable[..., Twin]:  # type: ignore[no-untyped-def]
    def make(line: str, *incoming: int) -> Twin:
        op = bind(line, incoming)
        made = TWINS[type(op).__name__](op).double().eval()
        with torch.no_grad():
            for tensor in (*made.parameters(), *made.buffers()):
                tensor.uniform_(0.1, 1, generator=torch.Generator().manual_seed(3))
        return made

    return make


def noise(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(4))


PEERS: list[tuple[str, tuple[int, ...], Callable[[Tensor, Twin], Tensor]]] = [
    (
        "conv 6 k3x5 s2 p1 d2 g2",
        (4, 17, 19),
        lambda x, t: F.conv2d(x, t.weight, t.bias, 2, 1, 2, 2),
    ),
    ("conv 3 k4 same", (2, 11), lambda x, t: F.conv1d(F.pad(x, (1, 2)), t.weight, t.bias)),
    ("conv 3 k3", (2, 5, 6, 7), lambda x, t: F.conv3d(x, t.weight, t.bias, padding=1)),
    (
        "conv 2 k5 reflect",
        (1, 9, 9),
        lambda x, t: F.conv2d(F.pad(x, (2, 2, 2, 2), "reflect"), t.weight, t.bias),
    ),
    (
        "conv 2 k5 circular",
        (1, 9, 9),
        lambda x, t: F.conv2d(F.pad(x, (2, 2, 2, 2), "circular"), t.weight, t.bias),
    ),
    (
        "conv 2 k5 replicate",
        (1, 5, 6, 7),
        lambda x, t: F.conv3d(F.pad(x, (2,) * 6, "replicate"), t.weight, t.bias),
    ),
    ("conv 3 k4 full", (2, 6, 7), lambda x, t: F.conv2d(x, t.weight, t.bias, padding=3)),
    ("conv 3 1x1", (2, 6, 7), lambda x, t: F.conv2d(x, t.weight, t.bias)),
    (
        "conv 3 3x1 s2x1 p2x0 d1x3",
        (2, 9, 7),
        lambda x, t: F.conv2d(x, t.weight, t.bias, (2, 1), (2, 0), (1, 3)),
    ),
    (
        "dw 5 s2 m2 reflect",
        (3, 9),
        lambda x, t: F.conv1d(F.pad(x, (2, 2), "reflect"), t.weight, t.bias, 2, groups=3),
    ),
    ("dw 3 m2", (3, 8, 9), lambda x, t: F.conv2d(x, t.weight, t.bias, padding=1, groups=3)),
    (
        "sep 5 k3",
        (3, 8, 9),
        lambda x, t: F.conv2d(F.conv2d(x, t.depthwise, padding=1, groups=3), t.pointwise, t.bias),
    ),
    (
        "tconv 4 k3x4 s2 p1 o1 d2 g2",
        (6, 5, 7),
        lambda x, t: F.conv_transpose2d(x, t.weight, t.bias, 2, 1, 1, 2, 2),
    ),
    ("tconv 4", (6, 5, 4, 3), lambda x, t: F.conv_transpose3d(x, t.weight, t.bias, 2)),
    ("fc 4", (7,), lambda x, t: F.linear(x, t.weight, t.bias)),
    ("max k3 s2 p1 ceil", (2, 8, 10), lambda x, t: F.max_pool2d(x, 3, 2, 1, ceil_mode=True)),
    ("max k2 s1 d3", (2, 12), lambda x, t: F.max_pool1d(x, 2, 1, dilation=3)),
    ("max 2", (2, 5, 6, 7), lambda x, t: F.max_pool3d(x, 2)),
    ("avg k3 s2 p1 ceil", (2, 8, 10), lambda x, t: F.avg_pool2d(x, 3, 2, 1, True, True)),
    ("avg k3 s2 p1 ceil", (2, 6, 8, 10), lambda x, t: F.avg_pool3d(x, 3, 2, 1, True, True)),
    ("avg 2", (2, 9), lambda x, t: F.avg_pool1d(x, 2)),
    (
        "sum k3 s2 p1 ceil",
        (2, 8, 10),
        lambda x, t: F.avg_pool2d(x, 3, 2, 1, True, divisor_override=1),
    ),
    ("gap", (3, 4, 5), lambda x, t: x.mean((2, 3))),
    ("gmp", (3, 4, 5, 6), lambda x, t: x.amax((2, 3, 4))),
    ("flatten", (3, 4, 5), lambda x, t: nn.Flatten()(x)),
    ("up 2", (2, 4, 5), lambda x, t: F.interpolate(x, scale_factor=2, mode="nearest")),
    ("up 3x2", (2, 4, 5), lambda x, t: F.interpolate(x, size=(12, 10), mode="nearest")),
    ("up 3 linear", (2, 7), lambda x, t: F.interpolate(x, scale_factor=3, mode="linear")),
    ("up 2 linear", (2, 4, 5), lambda x, t: F.interpolate(x, scale_factor=2, mode="bilinear")),
    (
        "up 3x1x2 linear",
        (2, 2, 3, 4),
        lambda x, t: F.interpolate(x, size=(6, 3, 8), mode="trilinear"),
    ),
    (
        "bn",
        (3, 4, 5),
        lambda x, t: F.batch_norm(x, t.running_mean, t.running_var, t.weight, t.bias),
    ),
    (
        "bn .001",
        (3, 4, 5, 6),
        lambda x, t: F.batch_norm(x, t.running_mean, t.running_var, t.weight, t.bias, eps=0.001),
    ),
    ("scale", (3, 4, 5), lambda x, t: x * t.weight[:, None, None] + t.bias[:, None, None]),
    ("scale nobias", (3,), lambda x, t: x * t.weight),
    ("inorm", (3, 4, 5), lambda x, t: F.instance_norm(x, weight=t.weight, bias=t.bias)),
    ("gn 2", (4, 4, 5), lambda x, t: F.group_norm(x, 2, t.weight, t.bias)),
    ("ln", (4, 4, 5), lambda x, t: F.group_norm(x, 1, t.weight, t.bias)),
    ("lrn 5", (9, 4, 5), lambda x, t: F.local_response_norm(x, 5, alpha=5e-4, beta=0.75, k=2)),
    ("lrn 4", (9, 4, 5, 3), lambda x, t: F.local_response_norm(x, 4, alpha=4e-4, beta=0.75, k=2)),
    ("lrn 3", (2, 6), lambda x, t: F.local_response_norm(x, 3, alpha=3e-4, beta=0.75, k=2)),
    ("crop 1x2", (3, 6, 7), lambda x, t: x[:, :, 1:-1, 2:-2]),
    ("relu", (3, 4), lambda x, t: F.relu(x)),
    ("relu 6", (3, 4), lambda x, t: F.relu6(x)),
    ("leaky .2", (3, 4), lambda x, t: F.leaky_relu(x, 0.2)),
    ("prelu", (3, 4), lambda x, t: F.prelu(x, t.weight)),
    ("elu 2", (3, 4), lambda x, t: F.elu(x, 2)),
    ("selu", (3, 4), lambda x, t: F.selu(x)),
    ("gelu", (3, 4), lambda x, t: F.gelu(x)),
    ("silu", (3, 4), lambda x, t: F.silu(x)),
    ("sigmoid", (3, 4), lambda x, t: torch.sigmoid(x)),
    ("tanh", (3, 4), lambda x, t: torch.tanh(x)),
    ("hardswish", (3, 4), lambda x, t: F.hardswish(x)),
    ("softmax", (3, 4, 5), lambda x, t: F.softmax(x, 1)),
]


@pytest.mark.parametrize(
    ("line", "incoming", "peer"), PEERS, ids=[f"{line} on {len(i) - 1}D" for line, i, _ in PEERS]
)
def test_it_does_what_torch_does(line, incoming, peer, twin) -> None:  # type: ignore[no-untyped-def]
    made, x = twin(line, *incoming), noise(2, *incoming)
    torch.testing.assert_close(made(x), peer(x, made), rtol=1e-12, atol=1e-12)


def test_a_local_layer_with_one_kernel_everywhere_is_a_convolution(twin) -> None:  # type: ignore[no-untyped-def]
    local = twin("local 3 k3x2 s2 d2 same", 2, 7, 8)
    x = noise(2, 2, 7, 8)
    kernel = noise(3, 2, 3, 2)
    with torch.no_grad():
        local.weight.copy_(kernel.expand(local.weight.shape))
        local.bias.zero_()
    pads = local.op.pad
    right = F.conv2d(F.pad(x, (*pads[1], *pads[0])), kernel, stride=2, dilation=2)
    torch.testing.assert_close(local(x), right, rtol=1e-12, atol=1e-12)


def test_a_local_layer_has_a_kernel_of_its_own_at_every_place(twin) -> None:  # type: ignore[no-untyped-def]
    local = twin("local 1 k1", 1, 2, 3)
    with torch.no_grad():
        local.weight.copy_(torch.arange(6).view(local.weight.shape))
        local.bias.copy_(torch.tensor([[[0, 0, 0], [10, 10, 10]]]))
    y = local(torch.ones(1, 1, 2, 3, dtype=torch.float64))
    assert y.tolist() == [[[[0, 1, 2], [13, 14, 15]]]]


def test_scaledtanh_keeps_one(twin) -> None:  # type: ignore[no-untyped-def]
    y = twin("scaledtanh", 1, 3)(torch.tensor([[[-1.0, 0.0, 1.0]]], dtype=torch.float64))
    torch.testing.assert_close(y, torch.tensor([[[-1.0, 0.0, 1.0]]]).double(), atol=1e-4, rtol=0)


def test_a_window_in_the_padding_has_no_winner(twin) -> None:  # type: ignore[no-untyped-def]
    """A dilated window whose taps all lie beside the map; torch's gradient must survive it."""
    pool = twin("max k2 s1 d3 p1", 1, 2)
    x = torch.ones(1, 1, 2, dtype=torch.float64, requires_grad=True)
    y = pool(x)
    assert y.tolist() == [[[-torch.inf]]]
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[[0, 0]]]


def test_dropout_drops_in_training_only(twin) -> None:  # type: ignore[no-untyped-def]
    drop, x = twin("drop .5", 4, 100), torch.ones(1, 4, 100)
    assert torch.equal(drop(x), x)
    dropped = drop.train()(x)
    assert set(dropped.unique().tolist()) == {0.0, 2.0}


def test_batch_norm_learns_the_statistics_of_batches(twin) -> None:  # type: ignore[no-untyped-def]
    norm, peer = twin("bn", 3, 4, 5), nn.BatchNorm2d(3).double()
    peer.load_state_dict(norm.state_dict() | {"num_batches_tracked": torch.tensor(0)})
    x = noise(2, 3, 4, 5)
    torch.testing.assert_close(norm.train()(x), peer.train()(x))
    torch.testing.assert_close(norm.running_var, peer.running_var)
    torch.testing.assert_close(norm.running_mean, peer.running_mean)


def test_a_batch_of_one_is_too_small_for_batch_norm(twin) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(Exception, match="use a batch of at least 2"):
        twin("bn", 3).train()(torch.ones(1, 3, dtype=torch.float64))


@pytest.mark.parametrize("line", ["inorm", "gn 1", "ln"])
def test_norms_of_one_value_give_the_offset(line: str, twin) -> None:  # type: ignore[no-untyped-def]
    norm = twin(line, 1, 1, 1)
    y = norm(torch.full((1, 1, 1, 1), 7.0, dtype=torch.float64))
    assert y.item() == pytest.approx(norm.bias.item(), rel=1e-9)
