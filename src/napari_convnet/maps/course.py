"""The order in which a part of a layer is computed piece by piece, and how much that holds.

A slice deep in a network depends on slabs of the layers before it, which together may be too large
to be held. So every layer is computed in pieces along one axis, each as soon as what it takes is
there and no sooner, and what no later piece takes is let go. Nothing is computed twice. All is
integers: nothing is computed here.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, Protocol, TypeAlias, TypeVar

from napari_convnet.network import INPUT, Layer

from .along import FIRST, Along, Rows
from .regions import Box, Size, hull, needed, volume

Key: TypeAlias = tuple[str, int]
"""A piece: the layer, and its first row."""


class Placed(Protocol):
    """A part of a layer that is there: a patch, or what will be one."""

    @property
    def box(self) -> Box:
        """Where it lies."""


P = TypeVar("P", bound=Placed)


@dataclass(frozen=True, eq=False)
class Demand(Generic[P]):
    """What a part of a layer depends on: what of it is there, and what has to be computed.

    Parameters
    ----------
    layers : sequence of Layer
        Those of which something has to be computed, in execution order.
    shapes : mapping of str to tuple of int
        Shape of each layer's whole output, and of the input.
    name : str
        The layer whose part is wanted.
    box : Box
        The part.
    todo : mapping of str to sequence of Box
        What has to be computed of each layer, and read of the input: slabs along the axis, in
        order, which reach equally far along the others.
    there : mapping of str to sequence of Patch
        What is there already and will be used.
    local : collection of str
        As in `needed`.
    along : Along
        The axis.
    """

    layers: Sequence[Layer]
    shapes: Mapping[str, Size]
    name: str
    box: Box
    todo: Mapping[str, Sequence[Box]]
    there: Mapping[str, Sequence[P]]
    local: Collection[str]
    along: Along

    def takes(self, layer: Layer, box: Box) -> tuple[tuple[str, Box], ...]:
        """Give the inputs of a layer, with the part of each that a box depends on."""
        parts = reached(layer, box, self.shapes, layer.name in self.local)
        return tuple(zip(layer.inputs, parts, strict=True))


def make_demand(
    layers: Sequence[Layer],
    shapes: Mapping[str, Size],
    name: str,
    box: Box,
    have: Callable[[str, Box], Sequence[P]] = lambda name, box: (),
    local: Collection[str] = (),
    grain: Callable[[str], int] = lambda name: 1,
    along: Along = FIRST,
) -> Demand[P]:
    """Find what has to be computed for a part of a layer.

    Parameters
    ----------
    layers, shapes, local
        As in `make_plan`.
    name, box : str, Box
        The part of which layer.
    have : callable
        Gives what is there of a part of a layer: parts that reach across all of it.
    grain : callable
        Thickness of a layer's chunks: parts to compute begin and end where chunks do.
    along : Along
        The axis along which chunks and pieces follow each other.
    """
    # However much of them is there, what is computed of a layer reaches equally far: else what one
    # slice leaves would be too narrow for the next.
    far = reach(layers, shapes, name, box, local)
    needs: dict[str, list[Rows]] = {name: [along.rows(box)]}

    def boxes(name: str, rows: Sequence[Rows]) -> list[Box]:
        return [along.replaced(far[name], each) for each in rows]

    todo: dict[str, Sequence[Box]] = {}
    there: dict[str, Sequence[P]] = {}
    compute: list[Layer] = []
    for layer in reversed(layers):
        need = needs.get(layer.name)
        if need is None:
            continue
        found = [v for part in boxes(layer.name, need) for v in have(layer.name, part)]
        found = list({along.rows(v.box): v for v in found}.values())
        rows = without(need, [along.rows(patch.box) for patch in found])
        rows = _rounded(rows, grain(layer.name), along.size(shapes[layer.name]))
        there[layer.name] = [v for v in found if not _within(along.rows(v.box), rows)]
        if not rows:
            continue
        todo[layer.name] = boxes(layer.name, rows)
        compute.append(layer)
        for part in todo[layer.name]:
            inputs = reached(layer, part, shapes, layer.name in local)
            for each, other in zip(layer.inputs, inputs, strict=True):
                needs[each] = merged([*needs.get(each, ()), along.rows(other)])
    if INPUT in needs:
        todo[INPUT] = boxes(INPUT, needs[INPUT])
    return Demand(tuple(reversed(compute)), shapes, name, box, todo, there, local, along)


def reach(
    layers: Sequence[Layer],
    shapes: Mapping[str, Size],
    name: str,
    box: Box,
    local: Collection[str] = (),
) -> dict[str, Box]:
    """Find how far a part of a layer reaches into those before, and into the input.

    Parameters
    ----------
    layers, shapes, name, box, local
        As in `make_demand`.
    """
    found = {name: box}
    for layer in reversed(layers):
        if layer.name in found:
            parts = reached(layer, found[layer.name], shapes, layer.name in local)
            for each, part in zip(layer.inputs, parts, strict=True):
                found[each] = hull(found[each], part) if each in found else part
    return found


def merged(rows: Sequence[Rows]) -> list[Rows]:
    """Join ranges of rows that meet.

    Examples
    --------
    >>> merged([(5, 7), (0, 2), (2, 3)])
    [(0, 3), (5, 7)]
    """
    result: list[Rows] = []
    for lo, hi in sorted(rows):
        if result and lo <= result[-1][1]:
            result[-1] = (result[-1][0], max(hi, result[-1][1]))
        else:
            result.append((lo, hi))
    return result


def without(rows: Sequence[Rows], gone: Sequence[Rows]) -> list[Rows]:
    """Give what is left of ranges of rows.

    Examples
    --------
    >>> without([(0, 9)], [(3, 5), (7, 9)])
    [(0, 3), (5, 7)]
    """
    left = list(rows)
    for first, last in gone:
        cut = [part for lo, hi in left for part in ((lo, min(hi, first)), (max(lo, last), hi))]
        left = [(lo, hi) for lo, hi in cut if lo < hi]
    return left


def reached(layer: Layer, box: Box, shapes: Mapping[str, Size], local: bool) -> list[Box]:
    """Boxes of its inputs that any part of a box of a layer's output needs, one per input.

    Those are the boxes that all of it depends on, and what its ends take alone: a window that lies
    wholly in the padding takes the nearest value, whatever it is.
    """
    incomings = [shapes[name] for name in layer.inputs]
    first: Box = tuple((lo, lo + 1) for lo, _ in box)
    last: Box = tuple((hi - 1, hi) for _, hi in box)
    found = [needed(layer, part, incomings, local) for part in (box, first, last)]
    return [hull(hull(one, two), three) for one, two, three in zip(*found, strict=True)]


def _rounded(rows: Sequence[Rows], grain: int, most: int) -> list[Rows]:
    return merged([(lo // grain * grain, min(most, -(-hi // grain) * grain)) for lo, hi in rows])


def _within(rows: Rows, outer: Sequence[Rows]) -> bool:
    return any(lo <= rows[0] and rows[1] <= hi for lo, hi in outer)


@dataclass(frozen=True)
class Piece:
    """One computation.

    Parameters
    ----------
    name : str
        The layer, or the input, which is read.
    box : Box
        The part of it that is computed.
    takes : tuple of (str, Box)
        The layers that it takes, and which part of each.
    """

    name: str
    box: Box
    takes: tuple[tuple[str, Box], ...] = ()


@dataclass(frozen=True, eq=False)
class Course(Generic[P]):
    """The pieces of a demand, in the order in which they are computed.

    Parameters
    ----------
    demand : Demand
        What has to be computed.
    pieces : sequence of Piece
        The pieces.
    """

    demand: Demand[P]
    pieces: Sequence[Piece]

    @property
    def along(self) -> Along:
        """The axis along which the pieces follow each other."""
        return self.demand.along

    def key(self, piece: Piece) -> Key:
        """Give what to hold a piece under."""
        return piece.name, self.along.rows(piece.box)[0]

    @cached_property
    def held(self) -> Mapping[str, Sequence[tuple[int, int]]]:
        """Where the patches of each layer that are there at some time begin and end, in order."""
        found: dict[str, list[tuple[int, int]]] = {}
        for name, patches in self.demand.there.items():
            found.setdefault(name, []).extend(self.along.rows(patch.box) for patch in patches)
        for piece in self.pieces:
            found.setdefault(piece.name, []).append(self.along.rows(piece.box))
        return {name: sorted(each) for name, each in found.items()}

    def keys(self, name: str, box: Box) -> list[Key]:
        """Name the patches that together cover a part of a layer."""
        lo, hi = self.along.rows(box)
        known = self.held[name]
        index = max(0, bisect_right(known, (lo, 1 << 62)) - 1)
        keys = []
        for first, last in known[index:]:
            if first >= hi:
                break
            if last > lo:
                keys.append((name, first))
                lo = last
        return keys

    @cached_property
    def frees(self) -> Sequence[Sequence[Key]]:
        """What no later piece takes, by piece."""
        taken: set[Key] = set()
        result: list[list[Key]] = []
        for piece in reversed(self.pieces):
            free = []
            own = [self.key(piece), *(key for each in piece.takes for key in self.keys(*each))]
            for key in dict.fromkeys(own):
                if key not in taken:
                    free.append(key)
                    taken.add(key)
            result.append(free)
        return result[::-1]

    @cached_property
    def values(self) -> int:
        """Values held at the worst moment, with what an op needs to work."""
        shapes = self.demand.shapes
        sizes = {
            (name, self.along.rows(patch.box)[0]): shapes[name][0] * volume(patch.box)
            for name, patches in self.demand.there.items()
            for patch in patches
        }
        windows = {v.name for v in self.demand.layers if v.kind.reach == "window"}
        most = total = sum(sizes.values())
        for piece, free in zip(self.pieces, self.frees, strict=True):
            own = sizes[self.key(piece)] = shapes[piece.name][0] * volume(piece.box)
            total += own
            joined = sum(shapes[n][0] * volume(b) for n, b in piece.takes)
            # Windows are padded and reordered on their way in, and reordered on their way out.
            work = 2 * joined + own if piece.name in windows else joined
            most = max(most, total + work)
            total -= sum(sizes[key] for key in free)
        return most


def make_course(demand: Demand[P], rows: Callable[[str], int | None]) -> Course[P]:
    """Put the pieces of a demand in order.

    Parameters
    ----------
    demand : Demand
        What has to be computed.
    rows : callable
        How thick the pieces of a layer may be; None for any thickness.
    """
    maker = _Maker(demand, rows)
    if demand.name in demand.todo:
        maker.reach(demand.name)
    return Course(demand, tuple(maker.pieces))


class _Maker(Generic[P]):
    """Goes back from a layer to what has to be there first, piece by piece."""

    def __init__(self, demand: Demand[P], rows: Callable[[str], int | None]) -> None:
        self.demand = demand
        self.rows = rows
        self._along = demand.along
        self.pieces: list[Piece] = []
        self._layers = {layer.name: layer for layer in demand.layers}
        # How far each layer is computed.
        self._at = {name: self._along.rows(boxes[0])[0] for name, boxes in demand.todo.items()}
        self._end = {name: self._along.rows(boxes[-1])[1] for name, boxes in demand.todo.items()}

    def reach(self, name: str) -> None:
        """Compute all that has to be computed of a layer."""
        goals = [(name, self._end[name])]
        while goals:
            name, goal = goals[-1]
            if self._reaches(name, goal):
                goals.pop()
                continue
            piece = self._next(name)
            lacking = self._lacking(piece)
            if lacking is None:
                self.pieces.append(piece)
                self._at[name] = self._along.rows(piece.box)[1]
            else:
                goals.append(lacking)

    def _reaches(self, name: str, goal: int) -> bool:
        """Whether all that has to be computed of a layer up to a row is; between slabs it is."""
        at = self._at[name]
        return all(
            self._along.rows(box)[1] <= at or self._along.rows(box)[0] >= goal
            for box in self.demand.todo[name]
        )

    def _next(self, name: str) -> Piece:
        at = self._at[name]
        slab = next(box for box in self.demand.todo[name] if self._along.rows(box)[1] > at)
        lo, hi = max(at, self._along.rows(slab)[0]), self._along.rows(slab)[1]
        rows = self.rows(name)
        hi = hi if rows is None else min(hi, lo + rows)
        box = self._along.replaced(slab, (lo, hi))
        layer = self._layers.get(name)
        return Piece(name, box, () if layer is None else self.demand.takes(layer, box))

    def _lacking(self, piece: Piece) -> tuple[str, int] | None:
        """Name a layer that is not computed far enough for a piece, and how far it should be."""
        for name, box in piece.takes:
            if name in self._at:
                goal = self._along.rows(box)[1]
                if not self._reaches(name, goal):
                    return name, goal
        return None
