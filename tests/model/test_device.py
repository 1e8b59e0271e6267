"""The device: what is asked for, what there is, and its name."""

from __future__ import annotations

import pytest
import torch

from napari_convnet import UserError
from napari_convnet.model import device_name, pick_device


def test_auto_takes_what_there_is() -> None:
    assert pick_device("auto").type in ("cpu", "cuda", "mps")
    assert pick_device("CPU") == torch.device("cpu")
    assert pick_device(torch.device("cpu")) == torch.device("cpu")


def test_auto_prefers_the_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert pick_device("auto") == torch.device("cuda:0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert pick_device("auto") == torch.device("mps")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("cuda", "there is no CUDA GPU here"),
        ("cuda:1", "there is no CUDA GPU here"),
        ("mps", "there is no Apple GPU (mps) here; use auto or cpu"),
        ("gpu", 'unknown device "gpu"'),
        ("cudaa", 'unknown device "cudaa"; did you mean cuda?'),
        ("cuda:x", 'unknown device "cuda:x"'),
        ("cpu:1", 'unknown device "cpu:1"'),
        ("", 'unknown device ""; write auto, cpu, cuda, cuda:1 or mps'),
    ],
)
def test_absent_devices_are_told(name: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(UserError) as caught:
        pick_device(name)
    assert words in str(caught.value)


def test_the_last_gpu_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert pick_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(UserError, match="there is no cuda:2 here; the last of 2 is cuda:1"):
        pick_device("cuda:2")


def test_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    assert device_name("cpu") == "CPU (2 threads)"
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    assert device_name(torch.device("cpu")) == "CPU (1 thread)"
    assert device_name("mps") == "Apple GPU (mps)"
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: "NVIDIA H200")
    assert device_name("cuda:1") == "NVIDIA H200 (cuda:1)"
