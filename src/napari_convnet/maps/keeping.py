"""Which chunks are worth their memory: those that the next slices begin with.

To compute a slice behind a decoder far more passes through memory than can be kept, and what came
last is not what is needed next. So the next slices are planned as if all that is being computed
were there, and what that plan begins with is kept. Where even this is too much, the chunks go first
that cost least to compute for the memory they take: those of large early layers, whose rows a skip
connection takes long after the way down did. All is integers: nothing is computed here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from napari_convnet.network import INPUT, Layer
from napari_convnet.network.ops import Cat

from .along import Along
from .course import Course, Placed, make_demand, merged, reach
from .grid import Grid
from .regions import Box, Size, covers, volume, whole

Chunk: TypeAlias = tuple[tuple[str, tuple[int, int]], Box]
"""A chunk: the layer, the axis and its number along that, and where it lies."""

Find: TypeAlias = Callable[[str, Box], Sequence[Placed]]
"""Gives what is kept of a part of a layer: patches that reach across all of it."""

RESULTS = 4
"""What was asked for is kept where it takes no more than this part of the memory there is."""


@dataclass(frozen=True)
class Span:
    """A chunk that will be there.

    Parameters
    ----------
    box : Box
        Where it lies.
    """

    box: Box


@dataclass(frozen=True, eq=False)
class Keeping:
    """Chooses chunks of a network's layers.

    Parameters
    ----------
    layers : sequence of Layer
        All layers of the network, in execution order.
    shapes : mapping of str to tuple of int
        Shape of each layer's whole output, and of the input.
    itemsize : int
        Bytes of a value.
    """

    layers: Sequence[Layer]
    shapes: Mapping[str, Size]
    itemsize: int

    @cached_property
    def layer_names(self) -> frozenset[str]:
        """Layers whose chunks others begin with.

        A layer that looks at one place needs none of its input. Channels put side by side are not
        kept once more: what they were put together from is.
        """
        kinds = {v.name: v for v in self.layers}
        names = [n for v in self.layers if v.kind.reach != "point" for n in v.inputs]
        looked: set[str] = set()
        while names:
            name = names.pop()
            if name in kinds and isinstance(kinds[name].kind, Cat):
                names.extend(kinds[name].inputs)
            else:
                looked.add(name)
        used = {n for v in self.layers for n in v.inputs}
        return frozenset(v.name for v in self.layers if v.name in looked or v.name not in used)

    def following(self, name: str, box: Box, along: Along, before: int | None = None) -> Box | None:
        """Give the slices that come next: all those that begin with what this part depends on.

        Parameters
        ----------
        name, box : str, Box
            A part of a layer.
        along : Along
            The axis along which one goes on.
        before : int, optional
            Row that was looked at before: who came from above goes on downward.

        Returns
        -------
        Box or None
            The part that comes next; None at the end.
        """
        rows, count = along.size(self.shapes[name]), self._count(name, box, along)
        lo, hi = along.rows(box)
        up = before is None or before <= lo
        first, last = (hi, min(rows, hi + count)) if up else (max(0, lo - count), lo)
        return along.replaced(box, (first, last)) if first < last else None

    def chosen(
        self,
        course: Course[Any],
        following: Box | None,
        find: Find,
        grid: Grid,
        most_bytes: int,
    ) -> list[Chunk]:
        """Choose the chunks worth keeping, of those of a course and of what is there.

        Parameters
        ----------
        course : Course
            What is about to be computed.
        following : Box, optional
            The part of the same layer that comes next.
        find : callable
            Gives what is there.
        grid : Grid
            Where chunks lie.
        most_bytes : int
            What the chosen ones may take together.

        Returns
        -------
        list of Chunk
            Those that are most worth keeping first.
        """
        name, box, along = course.demand.name, course.demand.box, grid.along
        begun = self._begun(course, following, find, grid) if following else []
        found = self._ranked(begun, along, along.rows(box)[0] / along.size(self.shapes[name]))
        results = [
            ((name, grid.number(name, rows)), along.replaced(box, rows))
            for rows in grid.chunks(name, along.rows(box))
        ]
        if sum(map(self._bytes, results)) * RESULTS <= most_bytes:
            found += results
        total = 0
        for count, chunk in enumerate(found):
            total += self._bytes(chunk)
            if total > most_bytes:
                return found[:count]
        return found

    # ------------------------------------------------------------ what comes next
    def _begun(self, course: Course[Any], following: Box, find: Find, grid: Grid) -> list[Chunk]:
        """Give the chunks that a part begins with, when the course is done."""
        name, local, along = course.demand.name, course.demand.local, grid.along
        have = self._as_if_done(course, find, grid)
        plan = make_demand(
            self.layers, self.shapes, name, following, have, local, grid.grain, along
        )
        return [
            ((layer, grid.number(layer, along.rows(each.box))), each.box)
            for layer, found in plan.there.items()
            for each in found
        ]

    def _count(self, name: str, box: Box, along: Along) -> int:
        """Count the rows after a part that take something of what the part takes."""
        most, size = 1, along.size(self.shapes[name])
        for each, part in reach(self.layers, self.shapes, name, box).items():
            lo, hi = along.rows(part)
            most = max(most, -(-(hi - lo) * size // along.size(self.shapes[each])))
        return most

    def _as_if_done(self, course: Course[Any], find: Find, grid: Grid) -> Find:
        """Give what will be there, when the course is done, of a part of a layer."""
        along = grid.along
        done = {
            name: (merged([along.rows(box) for box in boxes]), along.across(boxes[0]))
            for name, boxes in course.demand.todo.items()
            if name in self.layer_names and boxes[0]
        }

        def have(name: str, box: Box) -> list[Placed]:
            rows, across = done.get(name, ([], ()))
            if not rows or not box or not covers(across, along.across(box)):
                return list(find(name, box))
            found: list[Placed] = []
            for lo, hi in grid.chunks(name, along.rows(box)):
                if any(a <= lo and hi <= b for a, b in rows):
                    found.append(Span(along.box((lo, hi), across)))
                else:
                    found.extend(find(name, along.replaced(box, (lo, hi))))
            return found

        return have

    # ------------------------------------------------------------ what goes first
    def _ranked(self, found: Sequence[Chunk], along: Along, here: float) -> list[Chunk]:
        """Put chunks in order: those dear to compute for their size, then those needed soon.

        `here` is the place of what is computed now, as a share of its layer.
        """

        def rank(chunk: Chunk) -> tuple[float, float]:
            (layer, _), box = chunk
            place = along.rows(box)[0] / along.size(self.shapes[layer])
            return -self._worth[layer], abs(here - place)

        return sorted(found, key=rank)

    @cached_property
    def _worth(self) -> Mapping[str, float]:
        """Multiply-adds of a layer and all before it, per byte of it."""
        shapes = self.shapes
        macs = {v.name: v.kind.macs(*(shapes[n] for n in v.inputs)) or 0 for v in self.layers}
        # Each layer with all those that it depends on.
        before: dict[str, frozenset[str]] = {INPUT: frozenset()}
        for layer in self.layers:
            before[layer.name] = frozenset({layer.name}).union(*(before[n] for n in layer.inputs))
        return {
            name: sum(macs[each] for each in before[name])
            / self._bytes(((name, (0, 0)), whole(shapes[name])))
            for name in macs
        }

    def _bytes(self, chunk: Chunk) -> int:
        (name, _), box = chunk
        return self.shapes[name][0] * volume(box) * self.itemsize
