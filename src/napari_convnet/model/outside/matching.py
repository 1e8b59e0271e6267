"""Which tensor of a state dict is which of a network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from napari_convnet.network import INPUT, Network, UserError

from .misfit import misfit
from .search import MOST_ORDERS, Found, Search
from .tree import Module, Unit, tree, units_of


def match(
    network: Network,
    own: Mapping[str, tuple[int, ...]],
    theirs: Mapping[str, tuple[int, ...]],
    called: str = "the state dict",
) -> dict[str, str]:
    """Find which tensor of a state dict from outside is which of a network.

    Parameters
    ----------
    network : Network
        The network.
    own : mapping of str to tuple of int
        Shapes of its tensors by key, as of `ConvNet.state_dict`, in execution order.
    theirs : mapping of str to tuple of int
        Shapes of the tensors from outside.
    called : str
        What to call these in a message.

    Returns
    -------
    dict of str to str
        The network's key -> the key from outside.

    Raises
    ------
    UserError
        Where no order of the modules fits, or more than one does; it says which keys.
    """
    layers, units = units_of(own), units_of(theirs)
    whole = tree(units)
    feeds, sources = _feeds(network, layers)
    # A file sorted by name says nothing of the order in which its modules were made.
    ordered = list(theirs) != sorted(theirs)
    search = Search(layers, feeds, sources, ordered)
    found = _first(search, whole, len(units) - len(layers))
    if found is None:
        raise misfit(layers, units, search.reached, called)
    if found.doubt is not None:
        one, other = found.doubt
        raise UserError(
            f"{called}: {one} and {other} have the same shapes, and nothing says which comes first",
            "load it with torch, and save it under the names of the network's layers",
        )
    pairs = zip(layers, found.units, strict=True)
    return {
        f"{layer.name}.{tensor}": f"{unit.name}.{tensor}" if unit.name else tensor
        for layer, unit in pairs
        for tensor, _ in layer.signature
    }


def _first(search: Search, whole: Module, surplus: int) -> Found | None:
    """Find the order of all modules, or of all but heads at the side that the network lacks."""
    if surplus < 0:
        return None
    # Names that all keys share, as the `module.` of DataParallel, hide nothing.
    while whole.unit is None and len(whole.children) == 1 and whole.children[0].children:
        (whole,) = whole.children
    for left in islice(_leaving(whole.children, surplus), MOST_ORDERS):
        kept = tuple(child for child in whole.children if child not in left)
        found = search.find(Module(whole.name, whole.unit, kept), 0)
        if found is not None and len(found.units) == len(search.layers):
            return found
    return None


def _leaving(children: Sequence[Module], surplus: int) -> Iterator[tuple[Module, ...]]:
    """Ways to leave out modules with just so many layers; nothing where none are too many."""
    if surplus == 0:
        yield ()
    elif surplus > 0 and children:
        first, *others = children
        if len(first.units) > 1:
            for more in _leaving(others, surplus - len(first.units)):
                yield (first, *more)
        yield from _leaving(others, surplus)


def _feeds(
    network: Network, layers: Sequence[Unit]
) -> tuple[list[frozenset[int]], list[frozenset[int]]]:
    """For each layer with weights, all those whose outputs reach it, and the nearest of them."""
    index = {unit.name: i for i, unit in enumerate(layers)}
    behind: dict[str, frozenset[int]] = {INPUT: frozenset()}
    nearest: dict[str, frozenset[int]] = {INPUT: frozenset()}
    feeds, sources = [], []
    for layer in network.layers:
        name = layer.name
        behind[name] = frozenset[int]().union(*(behind[source] for source in layer.inputs))
        nearest[name] = frozenset[int]().union(*(nearest[source] for source in layer.inputs))
        if name in index:
            feeds.append(behind[name])
            sources.append(nearest[name])
            nearest[name] = frozenset((index[name],))
            behind[name] |= nearest[name]
    return feeds, sources
