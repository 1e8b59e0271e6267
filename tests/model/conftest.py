"""What the tests of the model room share."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch

from napari_convnet.network import OPS, Op, parse_line
from napari_convnet.network.grammar import FLAGS


def bind(text: str, incoming: tuple[int, ...], *, bias: bool = True) -> Op:
    """Make the op that a line of one call stands for."""
    (call,) = parse_line(text, OPS, FLAGS).calls
    return OPS[call.op].bind(call, call.arguments({"in": incoming[0]}), incoming, bias=bias)


@pytest.fixture(name="bind", scope="session")
def bind_fixture() -> Callable[..., Op]:
    return bind


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
