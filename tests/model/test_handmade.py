"""Kernels made by hand: the worked examples of textbooks, and files."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_convnet import UserError, parse, read
from napari_convnet.model import ConvNet, build


def net_of(shape: str, row: str, folder: Path | None = None, **extras: str) -> ConvNet:
    lines = [f"input: {shape}", "net:", f"  - a: {row}"]
    lines += [f"    {key}: {value}" for key, value in extras.items()]
    return build(parse("\n".join(lines)), folder=folder)


def run(net: ConvNet, values: Any) -> Any:
    with torch.no_grad():
        return net(torch.tensor(values, dtype=torch.float32)[None])[0].tolist()


# ---------------------------------------------------------------- worked examples


def test_the_bump() -> None:
    net = net_of("1x8", "conv 1 k3 valid", w="[0, 1, 0]")
    assert run(net, [[0, 0, 0, 1, 1, 0, 0, 0]]) == [[0, 0, 1, 1, 0, 0]]
    net = net_of("1x8", "conv 1 k3 valid", w="identity")
    assert run(net, [[0, 0, 0, 1, 1, 0, 0, 0]]) == [[0, 0, 1, 1, 0, 0]]


def test_the_vertical_line() -> None:
    net = net_of("1x8x8", "conv 1 k3 valid", w="line_v")
    image = [[0, 0, 0, 1, 1, 0, 0, 0]] * 8
    assert run(net, [image]) == [[[0, 0, 3, 3, 0, 0]] * 6]


def test_two_by_two() -> None:
    net = net_of("1x2x2", "conv 1 k2 valid", w="[[0, 1], [2, 3]]")
    assert run(net, [[[0, 1], [3, 4]]]) == [[[19]]]


def test_two_by_two_with_two_channels() -> None:
    net = net_of("2x2x2", "conv 1 k2 valid", w="[[[[0, 1], [2, 3]], [[1, 2], [3, 4]]]]")
    assert run(net, [[[0, 1], [3, 4]], [[1, 2], [4, 5]]]) == [[[56]]]


def test_backpropagation_through_two_by_two() -> None:
    """The kernel's gradient is a correlation; the input's a full one with the kernel turned."""
    net = net_of("1x3x3", "conv 1 k2 valid nobias", w="[[1, 2], [3, 4]]")
    x = torch.arange(9.0).view(1, 1, 3, 3).requires_grad_()
    upstream = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    net(x).backward(upstream)
    correlation = torch.nn.functional.conv2d(x.detach(), upstream)
    turned = torch.tensor([[[[4.0, 3.0], [2.0, 1.0]]]])
    full = torch.nn.functional.conv2d(upstream, turned, padding=1)
    assert torch.equal(net.twins["a"].weight.grad, correlation)
    assert x.grad is not None
    assert torch.equal(x.grad, full)


def test_cross_correlation_with_the_published_signs() -> None:
    net = net_of("1x3x3", "conv 2 k3 valid", w="[sobel_x, sobel_y]")
    ramp = [[0, 1, 2]] * 3
    assert run(net, [ramp]) == [[[8]], [[0]]]


# ---------------------------------------------------------------- depth decides


def test_one_kernel_for_all_pairs() -> None:
    net = net_of("3x5x5", "conv 2 k3", w="laplace")
    weight = net.twins["a"].weight
    assert (weight == torch.tensor([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]])).all()


def test_one_kernel_per_output() -> None:
    net = net_of("2x9", "conv 3 k3", w="[[1, 2, 3], identity, [4, 5, 6]]")
    weight = net.twins["a"].weight
    assert weight[:, 0].tolist() == [[1, 2, 3], [0, 1, 0], [4, 5, 6]]
    assert torch.equal(weight[:, 0], weight[:, 1])


def test_one_kernel_per_pair() -> None:
    net = net_of("2x9", "conv 1 k3", w="[[sobel_x, identity]]")
    assert net.twins["a"].weight.tolist() == [[[-1, 0, 1], [0, 1, 0]]]


def test_bias_for_all_or_per_output() -> None:
    assert net_of("1x9", "conv 2 k3", b="5").twins["a"].bias.tolist() == [5, 5]
    assert net_of("1x9", "conv 2 k3", b="[1, 2]").twins["a"].bias.tolist() == [1, 2]


def test_transposed_convolutions_take_outputs_first_too() -> None:
    values = "[[[1, 2], [3, 4], [5, 6]], [[7, 8], [9, 10], [11, 12]]]"
    net = net_of("3x4", "tconv 2", w=values)
    assert net.twins["a"].weight.tolist() == [
        [[1, 2], [7, 8]], [[3, 4], [9, 10]], [[5, 6], [11, 12]],
    ]  # fmt: skip


def test_groups_of_a_transposed_convolution() -> None:
    """Four outputs from four inputs in two groups: each output has kernels for two inputs."""
    kernels = [[[10 * out + one] for one in range(2)] for out in range(4)]
    net = net_of("4x3", "tconv 4 k1 g2 nobias", w=str(kernels))
    x = torch.tensor([1.0, 100, 10_000, 1_000_000])
    y = run(net, x[:, None].expand(4, 3).tolist())
    right = [
        sum(kernels[out][one][0] * x[out // 2 * 2 + one].item() for one in range(2))
        for out in range(4)
    ]
    assert [row[0] for row in y] == right


def test_depthwise_and_dense_layers() -> None:
    net = net_of("3x9", "dw 3", w="[[1, 0, 0], [0, 1, 0], [0, 0, 1]]")
    assert net.twins["a"].weight.squeeze(1).tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    net = net_of("1x2", "flatten fc 2", w="[[1, 2], [3, 4]]", b="[10, 20]")
    assert run(net, [[1, 1]]) == [13, 27]


def test_the_rest_of_the_weights_comes_from_the_seed() -> None:
    plain, made = net_of("1x9", "conv 2 k3"), net_of("1x9", "conv 2 k3", b="[1, 2]")
    assert torch.equal(plain.twins["a"].weight, made.twins["a"].weight)


# ---------------------------------------------------------------- files


def test_kernels_from_files_beside_the_document(tmp_path: Path) -> None:
    np.save(tmp_path / "kernel.npy", np.arange(9).reshape(3, 3))
    path = tmp_path / "net.yaml"
    path.write_text("input: 2x9x9\nnet:\n  - a: conv 2 k3\n    w: [kernel.npy, gauss]\n")
    weight = build(read(path)).twins["a"].weight
    assert weight[0, 1].tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert weight[1, 0, 1, 1] == 0.25


@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 4, 3)])
def test_files_of_every_depth(shape: tuple[int, ...], tmp_path: Path) -> None:
    values = np.random.default_rng(1).normal(size=shape)
    np.save(tmp_path / "k.npy", values)
    weight = net_of("4x9", "conv 2 k3", folder=tmp_path, w="k.npy").twins["a"].weight
    wide = values.reshape(2, 1, 3) if shape == (2, 3) else values
    np.testing.assert_allclose(weight.detach(), np.broadcast_to(wide, (2, 4, 3)), rtol=1e-6)


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return (pytest.fail, ("a pickle was opened",))


def test_wrong_files_are_told(tmp_path: Path) -> None:
    objects = np.empty(1, object)
    objects[0] = Bomb()
    np.save(tmp_path / "objects.npy", objects, allow_pickle=True)
    (tmp_path / "pickle.npy").write_bytes(pickle.dumps(Bomb()))
    (tmp_path / "text.npy").write_text("hello")
    (tmp_path / "empty.npy").write_text("")
    (tmp_path / "folder.npy").mkdir()
    np.save(tmp_path / "wide.npy", np.ones((5, 5)))
    np.save(tmp_path / "column.npy", np.ones((3, 1)))
    np.save(tmp_path / "words.npy", np.array(["a", "b"]))
    np.save(tmp_path / "nan.npy", np.array([[1.0, np.nan, 1]] * 3))
    np.savez(tmp_path / "several.npz", np.ones((3, 3)))
    (tmp_path / "several.npy").write_bytes((tmp_path / "several.npz").read_bytes())
    whole = (tmp_path / "wide.npy").read_bytes()
    (tmp_path / "cut.npy").write_bytes(whole[:-30])
    # A header that claims far more than there is.
    claim = whole.replace(b"(5, 5)", b"(9999999999, 9999)")[: len(whole)]
    (tmp_path / "claim.npy").write_bytes(claim)
    for name, words in {
        "missing": "there is no file",
        "objects": "holds Python objects, not numbers; save it with numpy.save",
        "pickle": "is no .npy file",
        "text": "is no .npy file",
        "empty": "is no .npy file",
        "several": "is no .npy file",
        "cut": "is no .npy file",
        "claim": "is no .npy file",
        "folder": "cannot read",
        "words": "not numbers",
        "nan": "holds values that are not finite",
        "wide": "w has the shape 5x5, which is no kernel of this layer; it takes 3x3 (one for "
        "all), 2x3x3 (one per output) or 2x1x3x3",
        "column": "w has the shape 3x1",
    }.items():
        with pytest.raises(UserError) as caught:
            net_of("1x9x9", "conv 2 k3", folder=tmp_path, w=f"{name}.npy")
        assert words in str(caught.value)
        assert str(caught.value).startswith("line 4, column 8, layer a: ")


def test_parts_of_different_shapes_are_told(tmp_path: Path) -> None:
    np.save(tmp_path / "five.npy", np.ones((5, 5)))
    with pytest.raises(UserError, match="the parts of w differ in shape: 3x3 and 5x5"):
        net_of("1x9x9", "conv 2 k3", folder=tmp_path, w="[sobel_x, five.npy]")


def test_kernels_of_a_connection_table() -> None:
    table = "[[0], [0, 1]]"
    net = net_of("2x3x3", "conv 2 k3 valid", w="[box, sobel_x]", connect=table)
    box, first, second = net.twins["a"].weight
    assert torch.equal(first, second)
    assert torch.unique(box).tolist() == [pytest.approx(1 / 9)]
    net = net_of("2x2", "conv 2 k1", w="[[[3], [0]], [[4], [5]]]", connect=table)
    assert net.twins["a"].weight.flatten().tolist() == [3, 4, 5]
