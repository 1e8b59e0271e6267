"""The device that computes, and its name for people."""

from __future__ import annotations

import re

import torch

from napari_convnet.network import UserError, did_you_mean

DEVICES = ("auto", "cpu", "cuda", "mps")
"""Words that name a device; ``cuda:1`` names the second of several."""


def pick_device(name: str | torch.device = "auto") -> torch.device:
    """Choose the device.

    Parameters
    ----------
    name : str or torch.device
        ``auto`` (the GPU where there is one), ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.

    Raises
    ------
    UserError
        Where there is no such device here.

    Examples
    --------
    >>> pick_device("cpu")
    device(type='cpu')
    """
    word = str(name).strip().lower()
    match = re.fullmatch(r"(auto|cpu|cuda|mps)(?::(\d+))?", word)
    if match is None or (match[1] in ("auto", "cpu") and match[2]):
        fix = did_you_mean(word, DEVICES, "write auto, cpu, cuda, cuda:1 or mps")
        raise UserError(f'unknown device "{name}"', fix)
    kind, index = match[1], int(match[2] or 0)
    if kind == "cuda":
        return _cuda(index)
    if kind == "mps":
        return _mps(index)
    if kind == "cpu":
        return torch.device("cpu")
    if torch.cuda.is_available():
        return torch.device("cuda", 0)
    return torch.device("mps") if torch.backends.mps.is_available() else torch.device("cpu")


def _cuda(index: int) -> torch.device:
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if count == 0:
        why = "" if torch.version.cuda else ": this torch was built without CUDA"
        raise UserError(f"there is no CUDA GPU here{why}", "use auto or cpu")
    if index >= count:
        last = f"cuda:{count - 1}"
        raise UserError(f"there is no cuda:{index} here", f"the last of {count} is {last}")
    return torch.device("cuda", index)


def _mps(index: int) -> torch.device:
    if index or not torch.backends.mps.is_available():
        raise UserError("there is no Apple GPU (mps) here", "use auto or cpu")
    return torch.device("mps")


def device_name(device: torch.device | str) -> str:
    """Name a device as people know it.

    Parameters
    ----------
    device : torch.device or str
        The device.

    Returns
    -------
    str
        Such as ``CPU (2 threads)`` or ``NVIDIA H200 (cuda:0)``.
    """
    device = torch.device(device)
    if device.type == "cuda":
        index = torch.cuda.current_device() if device.index is None else device.index
        return f"{torch.cuda.get_device_name(index)} (cuda:{index})"
    if device.type == "mps":
        return "Apple GPU (mps)"
    threads = torch.get_num_threads()
    return f"CPU ({threads} thread{'' if threads == 1 else 's'})"
