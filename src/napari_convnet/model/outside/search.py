"""The search for the order in which the modules of a state dict run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice, pairwise
from typing import TypeAlias

from .tree import Module, Unit, numbers

Cost: TypeAlias = tuple[int, int]

FREE: Cost = (0, 0)

MOST_ORDERS = 1000
"""Orders of the parts of one module that are compared; more than any real module leaves open."""


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
