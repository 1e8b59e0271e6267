"""Modes of modules: as in training, as in use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def in_use(module: nn.Module) -> Iterator[None]:
    """Set a module's layers to how they are in use, and back to how each of them was."""
    modes = [(each, each.training) for each in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for each, mode in modes:
            each.training = mode
