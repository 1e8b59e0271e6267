"""What the tests of the training room share: a small document, few digits, one thread."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_convnet.data import Dataset, dataset_from_arrays, digits
from napari_convnet.document import Pipeline, parse

TEXT = """\
title: Few digits
input: 1x28x28
data:
  source: digits
  normalize: minmax
  split: {split}
augment: {augment}
net:
  - c1: conv 4 k5 s2 bn relu
  - max 2
  - drop .3
  - flatten
  - out: fc 10
train:
  optimizer: {optimizer}
  schedule: {schedule}
  loss: {loss}
  epochs: {epochs}
  batch: 32
  seed: {seed}
"""

DEFAULTS = {
    "split": "60/20/20",
    "augment": "shift 1",
    "optimizer": "adam lr 1e-2",
    "schedule": "one-cycle",
    "loss": "cross-entropy",
    "epochs": 2,
    "seed": 1,
}


def document(path: Path | None = None, **changes: object) -> Pipeline:
    """Make a small document with some settings changed; ``net`` and such by `replace`."""
    return parse(TEXT.format(**{**DEFAULTS, **changes}), path)


@pytest.fixture(name="document")
def document_fixture(tmp_path: Path) -> Callable[..., Pipeline]:
    def make(**changes: object) -> Pipeline:
        return document(tmp_path / "few.yaml", **changes)

    return make


@pytest.fixture(scope="session")
def few() -> Dataset:
    """Two hundred digits, twenty of each."""
    images, labels = digits()
    return dataset_from_arrays(
        images[::25],
        labels[::25],
        tuple("0123456789"),
        input=(1, 28, 28),
        normalize=document().data.normalize,
    )


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def digest(path: Path) -> str:
    """SHA-256 of the tensors of a weights file, by name."""
    from safetensors.torch import load_file

    found = hashlib.sha256()
    for name, tensor in sorted(load_file(path).items()):
        found.update(name.encode())
        found.update(np.ascontiguousarray(tensor.numpy()).tobytes())
    return found.hexdigest()


@pytest.fixture(name="digest")
def digest_fixture() -> Callable[[Path], str]:
    return digest
