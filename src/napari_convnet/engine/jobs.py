"""The jobs of the workers: calls of the library's own functions, with what can travel back.

Torch is imported when a job runs, never when this module is.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Device:
    """Where a worker computes.

    Parameters
    ----------
    kind : str
        "cpu", "cuda" or "mps".
    name : str
        For the person at the screen: "CPU (2 threads)".
    torch : str
        Torch's version.
    """

    kind: str
    name: str
    torch: str


def describe_device(device: str = "auto") -> Device:
    """Say where a job with this ``device`` would compute; it also wakes the device up."""
    import torch

    from ..model import device_name, pick_device

    picked = pick_device(device)
    torch.zeros(1, device=picked)
    return Device(picked.type, device_name(picked), str(torch.__version__))
