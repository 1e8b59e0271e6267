"""The whole output of a layer in parts, each exact, in the memory that there is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_convnet.network import INPUT

from .cutting import Tiling, cut, uncut
from .gathering import NORMS, Gathering
from .memory import budget
from .regions import Box, make_plan, volume, whole
from .slices import SliceMaps
from .sweep import Cancelled, run

if TYPE_CHECKING:
    import torch

    from .forward import Forward
    from .lazy import FeatureMaps

MOST_SLICES = 64
"""Slices of a volume that are computed at once."""


@dataclass(frozen=True, eq=False)
class Tile:
    """A part of a layer, or a step on the way to it.

    Parameters
    ----------
    fraction : float
        How much of the work is done, 0 to 1.
    box : Box
        Which part.
    values : Tensor or None
        Its values, (C, *box), on the device that computes; None of a step in which a norm looked at
        a part of its input.
    """

    fraction: float
    box: Box
    values: torch.Tensor | None


def output_tiles(
    maps: FeatureMaps,
    layer: str | None = None,
    box: Box | None = None,
    *,
    most_bytes: int | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[Box, torch.Tensor]]:
    """Compute a layer in parts, each of which equals that part of the whole computation.

    Parts are slabs along one axis, so that what two of them share is computed once; where a slab
    across everything takes too much memory, there are several columns of them, which overlap.
    Nothing of it is kept: the cache of `maps` stays as it is.

    Parameters
    ----------
    maps : FeatureMaps
        The maps of an array.
    layer : str, optional
        Name of the layer; the network's output if not given.
    box : Box, optional
        The part of it that is wanted, a half-open range per spatial axis; all if not given.
    most_bytes : int, optional
        Memory for the computation, beyond the array itself. By default half of what is free on the
        device, up to 512 MB on a CPU and 8 GB on a GPU, where more makes nothing faster.
    cancelled : callable
        Asked between layers; nothing more comes once it says True.

    Yields
    ------
    Box, torch.Tensor
        The part and its values (C, *box), on the device that computes. A vector comes as one.

    Raises
    ------
    UserError
        If there is no such layer, or it does not work on this size.
    IndexError
        If the box is not within the layer.
    """
    options = {"most_bytes": most_bytes, "cancelled": cancelled}
    for tile in working_tiles(maps, layer, box, **options):  # type: ignore[arg-type]
        if tile.values is not None:
            yield tile.box, tile.values


def working_tiles(
    maps: FeatureMaps,
    layer: str | None = None,
    box: Box | None = None,
    *,
    most_bytes: int | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[Tile]:
    """Compute a layer in parts as `output_tiles` does, telling how far the work has come.

    Norms that need to know all of their input look at it first, part by part; these steps are told
    too.

    Parameters
    ----------
    maps, layer, box, most_bytes, cancelled
        As in `output_tiles`.

    Yields
    ------
    Tile
        The parts, and steps without values.
    """
    found = maps[layer if layer is not None else maps.network.end]
    wanted = whole(found.shape) if box is None else box
    found._check(wanted)
    most = budget(maps.device) if most_bytes is None else most_bytes
    with suppress(Cancelled):
        if isinstance(maps, SliceMaps):
            yield from _slices(maps, found.name, wanted, most, cancelled)
        elif wanted:
            for tile in _parts(maps._forward, found.name, wanted, most, cancelled):
                values = None if tile.values is None else tile.values[0]
                yield Tile(tile.fraction, tile.box, values)
        elif not cancelled():
            yield Tile(1.0, (), maps._forward.compute(found.name, ()))


def tiling(
    maps: FeatureMaps, layer: str, box: Box | None = None, *, most_bytes: int | None = None
) -> Tiling:
    """Say how `output_tiles` would cut a layer, without computing anything.

    Parameters
    ----------
    maps, layer, box, most_bytes
        As in `output_tiles`.
    """
    found = maps[layer]
    wanted = whole(found.shape) if box is None else box
    most = budget(maps.device) if most_bytes is None else most_bytes
    forward = maps._forward
    known = {v.name: None for v in forward.layers if isinstance(v.kind, NORMS)}
    at_once = uncut(forward, found.name, wanted)
    return at_once if at_once.bytes <= most else cut(forward, found.name, wanted, most, known)


def _slices(
    maps: SliceMaps, name: str, box: Box, most: int, cancelled: Callable[[], bool]
) -> Iterator[Tile]:
    """Compute a part of a layer of a volume's slices, as many at once as there is memory for."""
    (first, last), *rest = box
    within = tuple(rest)
    each = uncut(maps.many(first, first + 1), name, within).bytes
    count = max(1, min(MOST_SLICES, most // max(1, each)))
    for z in range(first, last, count):
        end = min(z + count, last)
        for tile in _parts(maps.many(z, end), name, within, most, cancelled):
            fraction = (z - first + tile.fraction * (end - z)) / (last - first)
            values = None if tile.values is None else tile.values.transpose(0, 1)
            yield Tile(fraction, ((z, end), *tile.box), values)


def _parts(
    forward: Forward, name: str, box: Box, most: int, cancelled: Callable[[], bool]
) -> Iterator[Tile]:
    """Compute a part of a layer in parts, (N, C, *box) each."""
    with forward._lock:
        forward._twins()  # forgets what belonged to other weights
    passes: list[_Pass] = []
    tiles = uncut(forward, name, box)
    if tiles.bytes > most:
        passes = _passes(forward, name, box, most)
        known = {**forward._gathered, **{one.norm: None for one in passes}}
        tiles = cut(forward, name, box, most, known)
    total = max(1, sum(one.work for one in passes) + tiles.work)
    done = 0
    for one in passes:
        for part, work in _passed(forward, one, most, cancelled):
            done += work
            yield Tile(done / total, part, None)
    for sweep in tiles.sweeps:
        for (part, values), work in zip(run(forward, sweep, cancelled), sweep.work, strict=True):
            done += work
            yield Tile(done / total, part, values)


@dataclass(frozen=True, eq=False)
class _Pass:
    """A norm that looks at all of its input; of the network's own where there is no tiling."""

    norm: str
    source: str
    tiling: Tiling | None

    @property
    def work(self) -> int:
        return 0 if self.tiling is None else self.tiling.work


def _passes(forward: Forward, name: str, box: Box, most: int) -> list[_Pass]:
    """List what norms have to look at before a part can be computed, in execution order."""
    layers = make_plan(forward.layers, forward.shapes, {name: box}).layers
    norms = [v for v in layers if isinstance(v.kind, NORMS) and v.name not in forward._gathered]
    known = {**forward._gathered, **{layer.name: None for layer in norms}}
    passes = []
    for layer in norms:
        (source,) = layer.inputs
        everything = whole(forward.shapes[source])
        tiles = None if source == INPUT else cut(forward, source, everything, most, known)
        passes.append(_Pass(layer.name, source, tiles))
    return passes


def _passed(
    forward: Forward, one: _Pass, most: int, cancelled: Callable[[], bool]
) -> Iterator[tuple[Box, int]]:
    """Let a norm look at all of its input, part by part, and keep what it needs to know."""
    gathering = Gathering(forward._twins()[one.norm])
    if one.tiling is None:
        for box in _rows(forward, most):
            if cancelled():
                raise Cancelled
            gathering.add(forward._read(box).data)
            yield box, 0
    else:
        for sweep in one.tiling.sweeps:
            parts = zip(run(forward, sweep, cancelled), sweep.work, strict=True)
            for (box, values), work in parts:
                gathering.add(values)
                yield box, work
    forward._gathered[one.norm] = gathering.result()


def _rows(forward: Forward, most: int) -> Iterator[Box]:
    """Cut the input along its first axis."""
    box = whole(forward.shapes[INPUT])
    size = forward.shapes[INPUT][0] * volume(box) * forward.weights.dtype.itemsize
    (_, length), *others = box
    rows = max(1, length * most // (2 * max(1, size)))
    for lo in range(0, length, rows):
        yield ((lo, min(lo + rows, length)), *others)
