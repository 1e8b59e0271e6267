"""First values of weights: drawn so that a signal keeps its strength from layer to layer."""

from __future__ import annotations

import hashlib
import math

import torch
from torch import Tensor


def generator(seed: int, layer: str) -> torch.Generator:
    """Make the random generator of one layer's weights.

    It depends on the seed and the layer's name alone, so that editing one row leaves the weights of
    the others as they are; the global generator is not touched. The digest is the same on every
    machine, unlike `hash`.
    """
    digest = hashlib.blake2b(f"{seed}\0{layer}".encode(), digest_size=8).digest()
    # 53 bits are enough, and every backend of torch takes them.
    return torch.Generator().manual_seed(int.from_bytes(digest, "big") >> 11)


def uniform(shape: tuple[int, ...], bound: float, generator: torch.Generator) -> Tensor:
    """Draw numbers from -`bound` to `bound`, in float32 on the CPU."""
    values = torch.empty(shape, dtype=torch.float32, device="cpu")
    return values.uniform_(-bound, bound, generator=generator)


def he(shape: tuple[int, ...], fan_in: float, generator: torch.Generator) -> Tensor:
    """Draw weights of variance 2 / `fan_in`."""
    return uniform(shape, math.sqrt(6 / fan_in), generator)


def codes(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Draw numbers that are +1 or -1."""
    values = torch.randint(0, 2, shape, generator=generator, device="cpu")
    return (2 * values - 1).to(torch.float32)
