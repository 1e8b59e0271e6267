"""Random numbers of layers that draw some, such as dropout: a pure function of (seed, step).

Torch's dropout knows only the global generator. It is seeded for each step and put back after it,
so that whatever else draws from it between two steps, the caller of the training included, neither
disturbs the training nor is disturbed by it, and so that a resumed run needs no remembered state.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded(device: torch.device, seed: int, step: int) -> Iterator[None]:
    """Draw a step's random numbers on a device from (seed, step).

    Parameters
    ----------
    device : torch.device
        Whose global generator is borrowed.
    seed, step : int
        What the numbers depend on.
    """
    generator = _generator(device)
    state = generator.get_state()
    generator.manual_seed(step_seed(seed, step))
    try:
        yield
    finally:
        generator.set_state(state)


def step_seed(seed: int, step: int) -> int:
    """Mix a seed and a step.

    Neighbouring seeds give unlike sequences only where their bits are unlike; 32 of them are what
    the CPU's generator takes.

    Examples
    --------
    >>> step_seed(1, 0) != step_seed(0, 1)
    True
    """
    digest = hashlib.blake2b(f"step\0{seed}\0{step}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big")


def _generator(device: torch.device) -> torch.Generator:
    if device.type == "cuda":
        torch.cuda.init()  # type: ignore[no-untyped-call]
        index = torch.cuda.current_device() if device.index is None else device.index
        return torch.cuda.default_generators[index]
    if device.type == "mps":
        return torch.mps._get_default_mps_generator()
    return torch.default_generator
