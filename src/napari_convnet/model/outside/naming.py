"""State dicts from outside under the names of a network's layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor

from .matching import match
from .tree import units_of

if TYPE_CHECKING:
    from ..builder import ConvNet


def is_outside(net: ConvNet, tensors: Mapping[str, Tensor]) -> bool:
    """Whether a state dict was written under other names than those of the network's layers.

    One of an earlier version of the network shares most of its names; one from outside a few at
    most, by chance.
    """
    own = {unit.name for unit in units_of(own_shapes(net))}
    theirs = {unit.name for unit in units_of(_shapes(tensors))}
    shared = own & theirs
    return bool(theirs) and 2 * len(shared) < min(len(own), len(theirs))


def renamed(
    net: ConvNet, tensors: Mapping[str, Tensor], called: str = "the state dict"
) -> dict[str, Tensor]:
    """Give the tensors of a state dict from outside the names of a network's layers.

    Parameters
    ----------
    net : ConvNet
        The network.
    tensors : mapping of str to Tensor
        The state dict.
    called : str
        What to call it in a message.

    Raises
    ------
    UserError
        As `match`.
    """
    own = own_shapes(net)
    found = match(net.network, own, _shapes(tensors), called)
    return {mine: tensors[key] for mine, key in found.items()}


def own_shapes(net: ConvNet) -> dict[str, tuple[int, ...]]:
    """Shapes of a network's tensors by key, in the order in which its layers run."""
    found: dict[str, tuple[int, ...]] = {}
    for name, twin in net.twins.items():
        # The layer's own: the module of `c1` holds that of `c1.conv`.
        for key, tensor in (*twin._parameters.items(), *twin._buffers.items()):
            if tensor is not None and key not in twin._non_persistent_buffers_set:
                found[f"{name}.{key}"] = tuple(tensor.shape)
    return found


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {key: tuple(tensor.shape) for key, tensor in tensors.items()}
