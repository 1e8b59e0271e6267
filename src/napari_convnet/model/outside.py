"""Weights that other programs wrote: a state dict in torchvision's names, matched by structure.

There is no table of names: compared are the order in which the layers of a network run and the
shapes of their tensors. Names are read as the tree of modules that they are (`layer1.0.conv1` lies
in `layer1.0`, which lies in `layer1`), and two things are taken for granted:

- the layers of a module run one after the other, none of another module's in between;
- modules alike in all shapes run in the order of their numbers (`conv1` before `conv2`), or, where
  they have none, in the order of a file that keeps the order in which they were made.

In which order the parts of a module run is found out: the one order in which every tensor has the
shape of the layer that runs then. Where several fit, the graph decides. First by layers that are
numbered in a row (`conv1`, `conv2`, `conv3`): they feed each other (a ResNet's projection has the
shape of its main path's last convolution). Then by modules, which are parts with few ways in and
out (a residual block is not cut in its middle). Where that does not decide either, nothing is
loaded and the error says so.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice, pairwise
from typing import TYPE_CHECKING, TypeAlias

from torch import Tensor

from napari_convnet.network import INPUT, Network, Problem, UserError, listed

if TYPE_CHECKING:
    from .builder import ConvNet

Signature: TypeAlias = tuple[tuple[str, tuple[int, ...]], ...]
"""Names and shapes of a layer's tensors: (("bias", (6,)), ("weight", (6, 1, 5, 5)))."""

COUNTER = "num_batches_tracked"
"""What torch's batch normalisation counts beside its statistics, and nothing here needs."""

Cost: TypeAlias = tuple[int, int]

FREE: Cost = (0, 0)

MOST_ORDERS = 1000
"""Orders of the parts of one module that are compared; more than any real module leaves open."""

MOST_LISTED = 4
"""Keys that an error names one by one."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One layer with weights.

    Parameters
    ----------
    name : str
        Prefix of its keys, without the last dot.
    signature : Signature
        Its tensors.
    """

    name: str
    signature: Signature

    def __str__(self) -> str:
        return f"{self.name} ({spelled(self.signature)})"


def spelled(signature: Signature) -> str:
    """Spell a layer's tensors: ``bias 6, weight 6x1x5x5``."""
    return ", ".join(f"{name} {'x'.join(map(str, shape)) or 1}" for name, shape in signature)


@dataclass(frozen=True, eq=False)
class Module:
    """A module of the state dict: a layer with weights, or more modules.

    Parameters
    ----------
    name : str
        Its last name; that of the whole is empty.
    unit : Unit or None
        Its own tensors.
    children : tuple of Module
        The modules in it, in the order that names or the file give them.
    """

    name: str
    unit: Unit | None
    children: tuple[Module, ...]

    @cached_property
    def units(self) -> tuple[Unit, ...]:
        """All layers in it."""
        own = () if self.unit is None else (self.unit,)
        return own + tuple(unit for child in self.children for unit in child.units)

    @cached_property
    def alike(self) -> tuple[object, ...]:
        """What two modules share that cannot be told from each other by shapes."""
        return (self.unit and self.unit.signature, tuple(child.alike for child in self.children))

    @property
    def parts(self) -> tuple[Module, ...]:
        """Its own tensors as a module, and the modules in it."""
        own = () if self.unit is None else (Module("", self.unit, ()),)
        return own + self.children if self.children else ()


def numbers(name: str) -> tuple[str, tuple[int, ...]]:
    """Take a name apart into its letters and its numbers.

    Examples
    --------
    >>> numbers("conv2"), numbers("10")
    (('conv#', (2,)), ('#', (10,)))
    """
    return re.sub(r"\d+", "#", name), tuple(map(int, re.findall(r"\d+", name)))


def units_of(shapes: Mapping[str, tuple[int, ...]]) -> list[Unit]:
    """Gather the tensors of each layer, in the order of their first keys."""
    found: dict[str, dict[str, tuple[int, ...]]] = {}
    for key, shape in shapes.items():
        name, _, tensor = key.rpartition(".")
        if tensor != COUNTER:
            found.setdefault(name, {})[tensor] = shape
    return [Unit(name, tuple(sorted(tensors.items()))) for name, tensors in found.items()]


def tree(units: Iterable[Unit]) -> Module:
    """Arrange layers as the tree of modules that their names tell of."""
    return _module("", [(unit.name.split(".") if unit.name else [], unit) for unit in units])


def _module(name: str, inside: Sequence[tuple[list[str], Unit]]) -> Module:
    own = next((unit for path, unit in inside if not path), None)
    groups: dict[str, list[tuple[list[str], Unit]]] = {}
    for path, unit in inside:
        if path:
            groups.setdefault(path[0], []).append((path[1:], unit))
    children = [_module(first, rest) for first, rest in groups.items()]
    # Numbers give the order of modules of one name; between names the file's order stays.
    places: dict[str, list[int]] = {}
    for index, child in enumerate(children):
        places.setdefault(numbers(child.name)[0], []).append(index)
    result = list(children)
    for indices in places.values():
        row = sorted((children[i] for i in indices), key=lambda child: numbers(child.name)[1])
        for index, child in zip(indices, row, strict=True):
            result[index] = child
    return Module(name, own, tuple(result))


# ---------------------------------------------------------------- which layer is which


@dataclass(frozen=True, slots=True)
class Found:
    """An order of the layers of a module that fits.

    Parameters
    ----------
    cost : (int, int)
        How many neighbours of a numbered row do not feed each other; how many ways lead into
        modules and out of them.
    units : tuple of Unit
        The layers, in that order.
    doubt : tuple of str
        Names of two modules that could change places, where that is so.
    """

    cost: Cost
    units: tuple[Unit, ...]
    doubt: tuple[str, str] | None = None


@dataclass
class Search:
    """The search for the order in which the modules of a state dict run.

    Parameters
    ----------
    layers : sequence of Unit
        The layers of the network, in execution order.
    feeds : sequence of frozenset of int
        For each layer, those whose outputs reach it.
    sources : sequence of frozenset of int
        For each layer, those of them with no other layer in between.
    ordered : bool
        Whether the state dict keeps the order in which modules were made.
    reached : int
        The first layer for which nothing was found, so far.
    """

    layers: Sequence[Unit]
    feeds: Sequence[frozenset[int]]
    sources: Sequence[frozenset[int]]
    ordered: bool
    reached: int = 0
    _known: dict[tuple[Module, int], Found | None] = field(default_factory=dict)

    def find(self, module: Module, start: int) -> Found | None:
        """Find the order of a module's layers that fits those of the network from `start` on."""
        key = (module, start)
        if key not in self._known:
            leaf = not module.children
            self._known[key] = self._leaf(module, start) if leaf else self._inner(module, start)
        return self._known[key]

    def _leaf(self, module: Module, start: int) -> Found | None:
        self.reached = max(self.reached, start)
        unit = module.unit
        if unit is None or start >= len(self.layers):
            return None
        fits = unit.signature == self.layers[start].signature
        return Found(FREE, (unit,)) if fits else None

    def _inner(self, module: Module, start: int) -> Found | None:
        """Order the parts of a module: alike ones keep their order, all others are tried."""
        kinds: dict[tuple[object, ...], list[Module]] = {}
        for part in module.parts:
            kinds.setdefault(part.alike, []).append(part)
        queues = list(kinds.values())
        # Keyed by how many of each kind are placed: positions follow from that.
        known: dict[tuple[int, ...], list[tuple[tuple[Module, ...], Found]]] = {}

        def rest(placed: tuple[int, ...], at: int) -> list[tuple[tuple[Module, ...], Found]]:
            if placed not in known:
                known[placed] = list(islice(continued(placed, at), MOST_ORDERS))
            return known[placed]

        def continued(
            placed: tuple[int, ...], at: int
        ) -> Iterator[tuple[tuple[Module, ...], Found]]:
            if all(n == len(queue) for n, queue in zip(placed, queues, strict=True)):
                yield (), Found(FREE, ())
                return
            for kind, (n, queue) in enumerate(zip(placed, queues, strict=True)):
                if n == len(queue):
                    continue
                here = self.find(queue[n], at)
                if here is None:
                    continue
                after = (*placed[:kind], n + 1, *placed[kind + 1 :])
                for order, found in rest(after, at + len(here.units)):
                    yield (
                        (queue[n], *order),
                        Found(
                            _sum(here.cost, found.cost),
                            here.units + found.units,
                            here.doubt or found.doubt,
                        ),
                    )

        return self._best(rest((0,) * len(queues), start), start, queues)

    def _best(
        self,
        orders: Sequence[tuple[tuple[Module, ...], Found]],
        start: int,
        queues: Sequence[Sequence[Module]],
    ) -> Found | None:
        if not orders:
            return None
        end = start + len(orders[0][1].units)
        ways = self._ways(start, end)
        rated = sorted(
            (
                (_sum(found.cost, (self._broken(order, start), ways)), order, found)
                for order, found in orders
            ),
            key=lambda each: each[0],
        )
        cost, order, found = rated[0]
        doubt = found.doubt or self._doubt(queues)
        if doubt is None and len(rated) > 1 and rated[1][0] == cost:
            other = rated[1][1]
            first = next(i for i, part in enumerate(order) if part is not other[i])
            doubt = (_called(order[first]), _called(other[first]))
        return Found(cost, found.units, doubt)

    def _broken(self, order: Sequence[Module], start: int) -> int:
        """Count neighbours of numbered rows of layers that do not feed each other."""
        rows: dict[tuple[str, object], list[tuple[tuple[int, ...], int]]] = {}
        at = start
        for part in order:
            if not part.children and part.name:
                letters, digits = numbers(part.name)
                kind = tuple(name for name, _ in part.unit.signature) if part.unit else ()
                rows.setdefault((letters, kind), []).append((digits, at))
            at += len(part.units)
        count = 0
        for row in rows.values():
            places = [place for _, place in sorted(row)]
            count += sum(a not in self.feeds[b] for a, b in pairwise(places))
        return count

    def _ways(self, start: int, end: int) -> int:
        """Count the layers that lead into a stretch of layers, and those that lead out of it."""
        inside = range(start, end)
        into = {i for at in inside for i in self.sources[at] if i not in inside}
        out = {i for source in self.sources[end:] for i in source if i in inside}
        return len(into) + len(out)

    def _doubt(self, queues: Sequence[Sequence[Module]]) -> tuple[str, str] | None:
        """Two modules alike in all shapes whose names and file do not say which runs first."""
        if self.ordered:
            return None
        for queue in queues:
            for one, other in pairwise(queue):
                if numbers(one.name)[0] != numbers(other.name)[0]:
                    return _called(one), _called(other)
        return None


def _sum(one: Cost, other: Cost) -> Cost:
    return one[0] + other[0], one[1] + other[1]


def _called(module: Module) -> str:
    return module.units[0].name if module.units else module.name


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
        raise _misfit(layers, units, search.reached, called)
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


# ---------------------------------------------------------------- what does not fit


def _misfit(layers: Sequence[Unit], units: Sequence[Unit], reached: int, called: str) -> UserError:
    """Say which keys and which layers have no counterpart, or else where the order breaks."""
    spare = Counter(unit.signature for unit in units)
    spare.subtract(layer.signature for layer in layers)
    wanting = _first_of(layers, {s: -n for s, n in spare.items() if n < 0})
    left = _first_of(units, {s: n for s, n in spare.items() if n > 0})
    problems = []
    if wanting:
        first = wanting[0]
        near = [unit for unit in left if _same_names(unit, first)]
        fix = f"it has {_named(near)}" if near else "nothing in it is like that"
        if len(wanting) > 1:
            fix += f"; {len(wanting) - 1} more layers find no weights: {_names(wanting[1:])}"
        what = f"{called} does not fit: this layer takes {spelled(first.signature)}"
        problems.append(Problem(what, fix, layer=first.name))
    elif left:
        problems.append(
            Problem(
                f"{called} does not fit: no layer takes {_named(left)}",
                f"the network has {len(layers)} layers with weights, the state dict {len(units)}",
            )
        )
    else:
        layer = layers[min(reached, len(layers) - 1)]
        alike = [unit for unit in units if unit.signature == layer.signature]
        problems.append(
            Problem(
                f"{called} does not fit: every shape is there, but in no order of its modules does "
                f"one of {spelled(layer.signature)} come here",
                f"these have its shape: {_names(alike)}",
                layer=layer.name,
            )
        )
    return UserError(problems)


def _first_of(units: Sequence[Unit], counts: Mapping[Signature, int]) -> list[Unit]:
    """The last units of each signature, as many as it says, in the order of `units`."""
    left, found = dict(counts), []
    for unit in reversed(units):
        if left.get(unit.signature, 0) > 0:
            left[unit.signature] -= 1
            found.append(unit)
    return found[::-1]


def _same_names(one: Unit, other: Unit) -> bool:
    return [(name, len(shape)) for name, shape in one.signature] == [
        (name, len(shape)) for name, shape in other.signature
    ]


def _named(units: Sequence[Unit]) -> str:
    more = len(units) - MOST_LISTED
    names = [str(unit) for unit in units[:MOST_LISTED]]
    return listed([*names, f"{more} more"] if more > 0 else names, "and")


def _names(units: Sequence[Unit]) -> str:
    more = len(units) - MOST_LISTED
    names = [unit.name for unit in units[:MOST_LISTED]]
    return listed([*names, f"{more} more"] if more > 0 else names, "and")


# ---------------------------------------------------------------- into a network


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
