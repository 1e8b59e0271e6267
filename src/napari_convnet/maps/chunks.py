"""Parts of layers of large inputs: in pieces, from chunks that were computed before.

Chunks are slabs along the axis that a slice is thin in, on a fixed grid, one row each where rows
are large. What is computed is kept in chunks, so that the next part of the same layer, or of one
behind it, begins with them: going on by one slice costs what is new.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from napari_convnet.network import INPUT, Layer

from .along import FIRST, Along
from .course import Course, Demand, Piece, make_course, make_demand, without
from .gathering import Gathering, gathers
from .grid import Grid
from .regions import Box, hull, make_plan, volume, whole

if TYPE_CHECKING:
    import torch

    from napari_convnet.model import Patch, Twin

    from .forward import Forward

CHUNK_BYTES = 2**16
"""Rows of the input are taken together into chunks of about so many bytes."""

PIECES = (None, 2**26, 2**24, 0)
"""Bytes of a layer that are computed in one go: the first that leaves room enough is taken."""

MOST_MACS = 4 * 10**9
"""Multiply-adds in one go, a fraction of a second; between two of them one may give up."""

Check = Callable[[], None]


def never() -> None:
    """Go on whatever happens: the check of those who do not give up."""


@dataclass
class Pass:
    """How far the gathering of what a layer needs to know has come; it may be taken up again.

    Parameters
    ----------
    gathering : Gathering
        What was gathered.
    tile : int
        The tile of the layer's input that comes next.
    row : int
        The row of this tile that comes next.
    """

    gathering: Gathering
    tile: int = 0
    row: int = 0


@dataclass(frozen=True, eq=False)
class Chunks:
    """Computes parts of layers in pieces, and keeps them in chunks.

    Parameters
    ----------
    forward : Forward
        The network, its input, and the store.
    most_bytes : int
        Memory for the work on a part, besides the store.
    check : callable
        Called between pieces; what it raises ends the computation.
    along : Along
        The axis along which chunks and pieces follow each other.
    """

    forward: Forward
    most_bytes: int
    check: Check = never
    along: Along = FIRST

    def part(self, name: str, box: Box) -> torch.Tensor:
        """Compute a part of a layer, (C, *box)."""
        import torch

        found = list(self.pieces(name, box))
        if len(found) == 1:
            return found[0][1]
        first = found[0][1]
        shape = (first.shape[0], *(hi - lo for lo, hi in box))
        out = torch.empty(shape, dtype=first.dtype, device=first.device)
        for at, tensor in found:
            out[(slice(None), *inside(at, box))] = tensor
        return out

    def pieces(self, name: str, box: Box) -> Iterator[tuple[Box, torch.Tensor]]:
        """Compute a part of a layer piece by piece.

        Yields
        ------
        Box, torch.Tensor
            A piece of the part, (C, *box); together they are all of it. They may share their
            memory with what is kept.
        """
        with self.forward._lock:
            twins = self.forward._twins()
        self.gather(twins, {name: box})
        yield from self._pieces(twins, name, box)

    def _pieces(
        self, twins: Mapping[str, Twin], name: str, box: Box, keep: bool = True
    ) -> Iterator[tuple[Box, torch.Tensor]]:
        rows = [self.along.rows(box)]
        for patch in self._have(name, box) if keep else self._known(name, box):
            found = overlap(patch.box, box)
            assert found is not None
            yield found, patch.cut(found)[0]
            rows = without(rows, [self.along.rows(found)])
        for each in rows:
            part = self.along.replaced(box, each)
            course, fits = self._course(name, part, keep)
            halves = [] if fits else self._halves(course, keep)
            if not halves:
                yield from self._run(twins, course, keep)
            for half in halves:
                yield from self._pieces(twins, name, half, keep)

    # ------------------------------------------------------------ how
    def _course(self, name: str, box: Box, keep: bool) -> tuple[Course[Patch], bool]:
        """Choose how thick pieces are, and say whether there is memory for them."""
        forward = self.forward
        have = self._have if keep else self._known
        layers, shapes, local = forward.layers, forward.shapes, forward._gathered
        demand = make_demand(layers, shapes, name, box, have, local, self.grid.grain, self.along)
        for size in PIECES:
            course = make_course(demand, self._rows(demand, size))
            if course.values * forward.weights.dtype.itemsize <= self.most_bytes:
                return course, True
        return course, False

    def _rows(self, demand: Demand[Patch], size: int | None) -> Callable[[str], int | None]:
        def rows(name: str) -> int | None:
            box = demand.todo[name][0]
            if size is None or not box:
                return None
            grain = 1 if name == INPUT else self.grid.grain(name)
            return max(grain, size // self._row_bytes(name, box) // grain * grain)

        return rows

    def _row_bytes(self, name: str, box: Box) -> int:
        forward = self.forward
        return (
            forward.shapes[name][0]
            * volume(self.along.across(box))
            * forward.weights.dtype.itemsize
        )

    @property
    def grid(self) -> Grid:
        """Where chunks lie."""
        forward = self.forward
        return Grid(forward.shapes, self.along, forward.weights.dtype.itemsize, CHUNK_BYTES)

    def _halves(self, course: Course[Patch], keep: bool) -> list[Box]:
        """Cut a part in two across its pieces; none where that does not help."""
        name, box = course.demand.name, course.demand.box
        axes = [axis for axis in range(len(box)) if axis != self.along.axis]
        axis = max(axes, key=lambda a: box[a][1] - box[a][0], default=0)
        if not axes or box[axis][1] - box[axis][0] < 2:
            return []
        lo, hi = box[axis]
        middle = (lo + hi) // 2
        halves = [(*box[:axis], part, *box[axis + 1 :]) for part in ((lo, middle), (middle, hi))]
        # What surrounds a part may cost as much as the whole.
        half, _ = self._course(name, halves[0], keep)
        return halves if half.values <= 0.7 * course.values else []

    # ------------------------------------------------------------ chunks
    def _have(self, name: str, box: Box) -> list[Patch]:
        """Give what is there of a part of a layer."""
        found = self._known(name, box)
        if found:
            return found
        grid = self.grid
        for rows in grid.chunks(name, self.along.rows(box)):
            chunk = self.along.replaced(box, rows)
            patch = self.forward.store.find((name, grid.number(name, rows)), chunk)
            if patch is not None:
                found.append(patch)
        return found

    def _known(self, name: str, box: Box) -> list[Patch]:
        """Give what was gathered of a layer: all of it, where it is a pool."""
        import torch

        from napari_convnet.model import Patch

        known = self.forward._gathered.get(name)
        return [Patch.whole(known)] if isinstance(known, torch.Tensor) else []

    def _want(self, course: Course[Patch]) -> None:
        """Say which chunks the next slices begin with."""
        forward, name, box = self.forward, course.demand.name, course.demand.box
        keeping, along = forward.keeping, self.along
        # What is computed in columns is kept in columns, each in its part of the memory.
        column = (name, (along, along.across(box)))
        everywhere = along.across(whole(forward.shapes[name]))
        most = forward.store.most_bytes * volume(along.across(box)) // volume(everywhere)
        following = keeping.following(name, box, along, forward._rows.get(column))
        forward._rows[column] = along.rows(box)[0]
        chosen = keeping.chosen(course, following, self._have, self.grid, most)
        forward.store.want(column, chosen)

    def _keep(self, name: str, patch: Patch) -> None:
        """Put the chunks of a patch into the store."""
        from napari_convnet.model import Patch

        lo, hi = self.along.rows(patch.box)
        grid = self.grid
        for rows in grid.chunks(name, (lo, hi)):
            if rows[0] < lo or rows[1] > hi:
                continue
            box = self.along.replaced(patch.box, rows)
            data = patch.cut(box)
            if data.untyped_storage().nbytes() > data.numel() * data.element_size():
                data = data.clone()
            chunk = Patch(data, tuple(start for start, _ in box), patch.size)
            self.forward.store.put((name, grid.number(name, rows)), chunk)

    # ------------------------------------------------------------ computing
    def _run(
        self, twins: Mapping[str, Twin], course: Course[Patch], keep: bool
    ) -> Iterator[tuple[Box, torch.Tensor]]:
        demand = course.demand
        name, box = demand.name, demand.box
        held = {(n, self.along.rows(v.box)[0]): v for n, each in demand.there.items() for v in each}
        layers = {layer.name: layer for layer in demand.layers}
        kept = self.forward.keeping.layer_names | {name} if keep else frozenset()
        if keep and box:
            self._want(course)
        for piece, free in zip(course.pieces, course.frees, strict=True):
            self.check()
            if piece.name == INPUT:
                with self.forward._lock:
                    patch = self.forward._read(piece.box)
            else:
                inputs = {n: self._joined(course, held, n, b) for n, b in hulls(piece).items()}
                patch = self._computed(twins, layers[piece.name], piece, inputs)
                del inputs
            if piece.name in kept:
                self._keep(piece.name, patch)
            held[course.key(piece)] = patch
            part = overlap(piece.box, box) if piece.name == name else None
            if part is not None:
                yield part, patch.cut(part)[0]
            for key in free:
                held.pop(key, None)
            del patch

    def _joined(
        self, course: Course[Patch], held: Mapping[Any, Patch], name: str, box: Box
    ) -> Patch:
        """Give a patch that covers a part of a layer, of those that are held."""
        import torch

        from napari_convnet.model import Patch

        patches = [held[key] for key in course.keys(name, box)]
        if len(patches) == 1:
            return patches[0]
        cut, (row, end) = [], self.along.rows(box)
        for patch in patches:
            last = min(self.along.rows(patch.box)[1], end)
            cut.append(patch.cut(self.along.replaced(box, (row, last))))
            row = last
        return Patch(
            torch.cat(cut, 2 + self.along.axis), tuple(lo for lo, _ in box), patches[0].size
        )

    def _computed(
        self, twins: Mapping[str, Twin], layer: Layer, piece: Piece, inputs: Mapping[str, Patch]
    ) -> Patch:
        """Compute a piece: in parts where it takes long, so that one may give up in between."""
        from napari_convnet.model import Patch

        forward, twin = self.forward, twins[layer.name]
        parts = self._short(layer, piece.box)
        if len(parts) == 1:
            return forward._computed(twin, layer, piece.box, inputs)
        out = None
        for part in parts:
            self.check()
            data = forward._computed(twin, layer, part, inputs).data
            if out is None:
                sizes = (hi - lo for lo, hi in piece.box)
                out = data.new_empty((*data.shape[:2], *sizes))
            out[(slice(None), slice(None), *inside(part, piece.box))] = data
        assert out is not None
        start = tuple(lo for lo, _ in piece.box)
        return Patch(out, start, forward.shapes[layer.name][1:])

    def _short(self, layer: Layer, box: Box) -> list[Box]:
        """Cut a box into parts that take little time each."""
        shapes = self.forward.shapes
        incomings = [shapes[name] for name in layer.inputs]
        if not box or layer.kind.reach != "window" or len(incomings) != 1:
            return [box]
        macs = (layer.kind.macs(incomings[0]) or 0) / volume(whole(shapes[layer.name]))
        count = math.ceil(macs * volume(box) / MOST_MACS)
        axis = max(range(len(box)), key=lambda a: box[a][1] - box[a][0])
        lo, hi = box[axis]
        count = min(count, hi - lo)
        if count < 2:
            return [box]
        at = [lo + (hi - lo) * index // count for index in range(count + 1)]
        return [(*box[:axis], part, *box[axis + 1 :]) for part in pairwise(at)]

    # ------------------------------------------------------------ layers that need everything
    def gather(self, twins: Mapping[str, Twin], wanted: Mapping[str, Box]) -> None:
        """Gather what layers need to know of inputs that are too large to be held."""
        forward = self.forward
        # Always along the same axis: what was gathered may be taken up by another slice.
        along_first = replace(self, along=FIRST)

        def have(name: str, box: Box) -> bool:
            return bool(self._known(name, box))

        with forward._lock:
            plan = make_plan(forward.layers, forward.shapes, wanted, have, forward._gathered)
            if forward._bytes(plan) <= self.most_bytes:
                return
            for layer in plan.layers:
                # In execution order: what comes before is known, and need not be whole any more.
                if gathers(layer) and layer.name not in forward._gathered:
                    along_first._gather(twins, layer)

    def _gather(self, twins: Mapping[str, Twin], layer: Layer) -> None:
        forward = self.forward
        (name,) = layer.inputs
        if name != INPUT:
            self.gather(twins, {name: whole(forward.shapes[name])})
        state = forward._passes.setdefault(layer.name, Pass(Gathering(twins[layer.name])))
        tiles = list(self._tiles(name, whole(forward.shapes[name])))
        while state.tile < len(tiles):
            (lo, hi), *across = tiles[state.tile]
            box = ((max(lo, state.row), hi), *across)
            for part, tensor in self._passed(twins, name, box):
                state.gathering.add(tensor[None])
                state.row = part[0][1]
            state.tile, state.row = state.tile + 1, 0
        forward._gathered[layer.name] = state.gathering.result()
        forward._passes.pop(layer.name, None)

    def _tiles(self, name: str, box: Box) -> Iterator[Box]:
        """Cut a layer into columns for which there is memory."""
        course, fits = (None, True) if name == INPUT else self._course(name, box, False)
        halves = [] if fits or course is None else self._halves(course, False)
        if not halves:
            yield box
        for half in halves:
            yield from self._tiles(name, half)

    def _passed(
        self, twins: Mapping[str, Twin], name: str, box: Box
    ) -> Iterator[tuple[Box, torch.Tensor]]:
        """Pass over a column of a layer; to keep it would only drive out what is looked at."""
        if name != INPUT:
            course, _ = self._course(name, box, False)
            yield from self._run(twins, course, False)
            return
        rows = max(1, PIECES[1] // self._row_bytes(INPUT, box))
        for lo in range(*box[0], rows):
            self.check()
            part = ((lo, min(lo + rows, box[0][1])), *box[1:])
            yield part, self.forward._read(part).data[0]


def hulls(piece: Piece) -> dict[str, Box]:
    """Give the part of each layer that a piece takes; it may take one layer twice."""
    found: dict[str, Box] = {}
    for name, box in piece.takes:
        found[name] = hull(found[name], box) if name in found else box
    return found


def overlap(box: Box, other: Box) -> Box | None:
    """Give what two boxes have in common; None where that is nothing."""
    pairs = zip(box, other, strict=True)
    common = tuple((max(a, c), min(b, d)) for (a, b), (c, d) in pairs)
    return None if any(lo >= hi for lo, hi in common) else common


def inside(box: Box, outer: Box) -> tuple[slice, ...]:
    """Index of a box in an array that holds another box around it."""
    pairs = zip(box, outer, strict=True)
    return tuple(slice(lo - first, hi - first) for (lo, hi), (first, _) in pairs)
