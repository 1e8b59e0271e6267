"""Weights in and out of files, and files that are something else."""

from __future__ import annotations

import json
import os
import pickle
import struct
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from napari_convnet import UserError, parse
from napari_convnet.model import (
    build,
    find_weights,
    load_weights,
    read_metadata,
    save_weights,
)
from napari_convnet.model.weights import read_weights

NET = """
input: 1x12x12
net:
  - c1: conv 4 k3 bn relu
  - conv 6 k3 relu
  - gap
  - out: fc 3
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "net.safetensors"
    save_weights(build(parse(NET), seed=9), path)
    return path


def test_there_and_back(tmp_path: Path) -> None:
    net, other = build(parse(NET), seed=1), build(parse(NET), seed=2)
    path = tmp_path / "deep" / "net.safetensors"
    save_weights(net, path, document=NET, step=12, scores={"accuracy": 0.5})
    layers = ["c1.conv", "c1.bn", "conv-1", "out"]
    assert load_weights(other, path) == dict.fromkeys(layers, "loaded")
    for key, tensor in net.state_dict().items():
        assert torch.equal(other.state_dict()[key], tensor)
    assert read_metadata(path) == {
        "document": NET, "step": "12", "scores": '{"accuracy": 0.5}',
    }  # fmt: skip
    # Any reader of the format reads it.
    assert list(load_file(path)) == sorted(net.state_dict())
    assert os.listdir(path.parent) == ["net.safetensors"]


def test_a_header_of_any_length_is_read(tmp_path: Path) -> None:
    """The file begins with that length: 128 and 640 read like the start of a pickle."""
    tensor = torch.arange(3.0)
    lengths = set()
    for letters in range(0, 1200, 8):
        path = tmp_path / f"{letters}.safetensors"
        save_file({"weight": tensor}, path, {"note": "x" * letters})
        lengths.add(path.read_bytes()[0])
        assert torch.equal(read_weights(path)["weight"], tensor)
        assert read_metadata(path) == {"note": "x" * letters}
    assert 0x80 in lengths


def test_what_matches_is_loaded_and_the_rest_is_new(file: Path) -> None:
    net = build(parse(NET.replace("conv 6", "conv 7").replace("out:", "last:")), seed=1)
    before = {key: tensor.clone() for key, tensor in net.state_dict().items()}
    origins = load_weights(net, file)
    assert origins == {"c1.conv": "loaded", "c1.bn": "loaded", "conv-1": "new", "last": "new"}
    for key, tensor in net.state_dict().items():
        assert torch.equal(tensor, before[key]) == key.startswith(("conv-1", "last")) or (
            key.startswith("c1.bn")
        )


def test_a_layer_is_loaded_whole_or_not_at_all(file: Path) -> None:
    """A bias whose weight does not fit stays new too."""
    net = build(parse(NET.replace("conv 6 k3", "conv 6 k5")), seed=1)
    assert load_weights(net, file)["conv-1"] == "new"


def test_the_document_names_its_weights(file: Path) -> None:
    text = NET + f"weights: {file.name}\n"
    net = build(parse(text), folder=file.parent, seed=1)
    assert set(net.origins.values()) == {"loaded"}
    assert torch.equal(net.twins["out"].weight, load_file(file)["out.weight"])


def test_frozen_kernels_stay_and_others_are_loaded(file: Path) -> None:
    split = NET.replace("c1: conv 4 k3 bn relu", "{}")
    text = split.format("k: conv 4 k3\n    w: sobel_x")
    save_weights(build(parse(text), seed=9), file)
    trained = load_file(file)
    trained["k.weight"] += 1
    save_file(trained, file)
    net = build(parse(text + f"weights: {file}\n"))
    assert torch.equal(net.twins["k"].weight, trained["k.weight"])
    frozen = split.format("k: conv 4 k3\n    w: sobel_x\n    freeze: true")
    net = build(parse(frozen + f"weights: {file}\n"))
    assert net.twins["k"].weight[0, 0].tolist() == [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]


def test_any_module_of_torch(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.BatchNorm2d(2))
    path = tmp_path / "m.safetensors"
    save_weights(module, path)
    assert load_weights(nn.Sequential(nn.Conv2d(1, 2, 3)), path) == {"0": "loaded"}


def test_other_number_formats_are_converted(tmp_path: Path) -> None:
    path = tmp_path / "half.safetensors"
    save_weights(build(parse(NET), seed=9).half(), path)
    net = build(parse(NET))
    load_weights(net, path)
    assert net.twins["out"].weight.dtype == torch.float32


def test_a_failed_write_leaves_the_old_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = file.read_bytes()

    def fail(*arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("napari_convnet.model.weights.save_file", fail)
    with pytest.raises(UserError, match="No space left on device"):
        save_weights(build(parse(NET)), file)
    assert file.read_bytes() == before
    assert os.listdir(file.parent) == [file.name]


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return (pytest.fail, ("a pickle was opened",))


def test_other_files_are_refused(tmp_path: Path) -> None:
    torch.save({"a": Bomb()}, tmp_path / "zip.pt")
    (tmp_path / "old.pt").write_bytes(pickle.dumps(Bomb(), 2))
    (tmp_path / "garbage").write_bytes(bytes(range(256)) * 10)
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "long").write_bytes(struct.pack("<Q", 2**60) + b"{}")
    header = json.dumps({"a": {"dtype": "F32", "shape": [9], "data_offsets": [0, 36]}}).encode()
    (tmp_path / "cut").write_bytes(struct.pack("<Q", len(header)) + header + b"abc")
    (tmp_path / "folder").mkdir()
    net = build(parse(NET))
    for name, words in {
        "zip.pt": "holds more than weights, which can run code when it is opened; where",
        "old.pt": "is a PyTorch pickle",
        "garbage": "is no weights file; weights are read from .safetensors, .pt and .pth files",
        "empty": "is no weights file",
        "long": "is no weights file",
        "cut": "is no weights file",
        "folder": "is a folder",
        "missing": "there is no weights file",
    }.items():
        with pytest.raises(UserError) as caught:
            load_weights(net, tmp_path / name)
        assert words in str(caught.value)
        if name not in ("cut", "zip.pt", "old.pt"):
            with pytest.raises(UserError):
                read_metadata(tmp_path / name)


# ---------------------------------------------------------------- runs


@pytest.fixture
def run(tmp_path: Path) -> Path:
    checkpoints = tmp_path / "runs" / "organs" / "checkpoints"
    checkpoints.mkdir(parents=True)
    for name in ("best-000020", "last-000030", "best-000010"):
        save_weights(nn.Linear(1, 1), checkpoints / f"{name}.safetensors")
    return tmp_path


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("runs/organs", "best-000020"),
        ("runs/organs@best", "best-000020"),
        ("runs/organs@last", "last-000030"),
        ("runs/organs@10", "best-000010"),
        ("runs/organs/checkpoints/last-000030.safetensors", "last-000030"),
    ],
)
def test_weights_of_a_run(run: Path, spec: str, name: str) -> None:
    assert find_weights(spec, run).stem == name


def test_a_checkpoint_says_its_step(run: Path) -> None:
    folder = run / "runs" / "lenet" / "checkpoints"
    for name, step in (("best", 7), ("last", 12)):
        save_weights(nn.Linear(1, 1), folder / f"{name}.safetensors", step=step)
    assert find_weights("runs/lenet", run).stem == "best"
    assert find_weights("runs/lenet@12", run).stem == "last"


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("runs/organs@40", 'has no "40" weights; it has best-000010.safetensors'),
        ("runs/nothing", "there is no weights file or run"),
        ("runs/nothing@best", "there is no run"),
        ("runs", 'has no "best" weights; it has no checkpoints'),
    ],
)
def test_weights_that_are_not_there(run: Path, spec: str, words: str) -> None:
    with pytest.raises(UserError) as caught:
        find_weights(spec, run)
    assert words in str(caught.value)
