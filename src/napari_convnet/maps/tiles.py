"""The whole output of a layer in parts, each exact, in the memory that there is."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from napari_convnet.network import INPUT

from .gathering import NORMS, gather
from .memory import budget
from .regions import Box, make_plan, volume, whole
from .slices import SliceMaps
from .sweep import Cancelled, Sweep, make_sweep, run

if TYPE_CHECKING:
    import torch

    from .forward import Forward
    from .lazy import FeatureMaps


Known: TypeAlias = Mapping[str, Any]

MOST_SLICES = 64
"""Slices of a volume that are computed at once."""


@dataclass(frozen=True, eq=False)
class Tiling:
    """How a part of a layer is cut.

    Parameters
    ----------
    sweeps : tuple of Sweep
        Columns, each in slabs; of one column there is one sweep.
    bytes : int
        Memory that the computation takes, estimated.
    """

    sweeps: tuple[Sweep, ...]
    bytes: int

    @property
    def boxes(self) -> list[Box]:
        """The parts, in the order in which they come."""
        return [step.wanted for sweep in self.sweeps for step in sweep.steps]


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
        device, up to 1 GB on a CPU and 8 GB on a GPU, where more makes nothing faster.
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
    found = maps[layer if layer is not None else maps.network.end]
    wanted = whole(found.shape) if box is None else box
    found._check(wanted)
    most = budget(maps.device) if most_bytes is None else most_bytes
    if isinstance(maps, SliceMaps):
        with suppress(Cancelled):
            yield from _slices(maps, found.name, wanted, most, cancelled)
        return
    forward = maps._forward
    if not wanted:
        if not cancelled():
            yield (), forward.compute(found.name, ())
        return
    with suppress(Cancelled):
        for part, tensor in _parts(forward, found.name, wanted, most, cancelled):
            yield part, tensor[0]


def _parts(
    forward: Forward, name: str, box: Box, most: int, cancelled: Callable[[], bool]
) -> Iterator[tuple[Box, torch.Tensor]]:
    """Compute a part of a layer in parts, (N, C, *box) each."""
    with forward._lock:
        forward._twins()  # forgets what belonged to other weights
        found = _ready(forward, name, box, most, cancelled)
    for sweep in found.sweeps:
        yield from run(forward, sweep, cancelled)


def _slices(
    maps: SliceMaps, name: str, box: Box, most: int, cancelled: Callable[[], bool]
) -> Iterator[tuple[Box, torch.Tensor]]:
    """Compute a part of a layer of a volume's slices, as many at once as there is memory for."""
    (first, last), *rest = box
    within = tuple(rest)
    each = _uncut(maps.many(first, first + 1), name, within).bytes
    count = max(1, min(MOST_SLICES, most // max(1, each)))
    for z in range(first, last, count):
        end = min(z + count, last)
        for part, tensor in _parts(maps.many(z, end), name, within, most, cancelled):
            yield ((z, end), *part), tensor.transpose(0, 1)


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
    uncut = _uncut(forward, found.name, wanted)
    return uncut if uncut.bytes <= most else _cut(forward, found.name, wanted, most, known)


def _ready(
    forward: Forward, name: str, box: Box, most: int, cancelled: Callable[[], bool]
) -> Tiling:
    """Choose how to cut, and gather what norms need to know where they do not get everything."""
    uncut = _uncut(forward, name, box)
    if uncut.bytes <= most:
        return uncut
    for layer in make_plan(forward.layers, forward.shapes, {name: box}).layers:
        # In execution order: what comes before is known.
        if isinstance(layer.kind, NORMS) and layer.name not in forward._gathered:
            parts = _passed(forward, layer.inputs[0], most, cancelled)
            forward._gathered[layer.name] = gather(forward._twins()[layer.name], parts)
    return _cut(forward, name, box, most, forward._gathered)


def _passed(
    forward: Forward, name: str, most: int, cancelled: Callable[[], bool]
) -> Iterator[torch.Tensor]:
    """Pass over all of a layer, or of the input, part by part."""
    everything = whole(forward.shapes[name])
    if name == INPUT:
        bytes_ = forward.shapes[INPUT][0] * volume(everything) * forward.weights.dtype.itemsize
        rows = max(1, everything[0][1] * most // (2 * max(1, bytes_)))
        for lo in range(0, everything[0][1], rows):
            yield forward._read(((lo, min(lo + rows, everything[0][1])), *everything[1:])).data
        return
    for sweep in _cut(forward, name, everything, most, forward._gathered).sweeps:
        for _, part in run(forward, sweep, cancelled):
            yield part


# -- how to cut --


def _uncut(forward: Forward, name: str, box: Box) -> Tiling:
    return _tiling(forward, name, [box], 0, box[0][1] - box[0][0], forward._gathered)


def _tiling(
    forward: Forward, name: str, columns: list[Box], axis: int, thickness: int, known: Known
) -> Tiling:
    sweeps = [
        make_sweep(forward.layers, forward.shapes, name, column, axis, thickness, known)
        for column in columns
    ]
    most = max(sweep.values() for sweep in sweeps)
    return Tiling(tuple(sweeps), most * forward.weights.dtype.itemsize)


def _cut(forward: Forward, name: str, box: Box, most: int, known: Known) -> Tiling:
    """Cut a part of a layer so that no more than `most` bytes are needed, if that can be."""
    tried: list[tuple[int, list[Box], int, int]] = []
    for columns in _columns(box):
        longest = max(range(len(box)), key=lambda a: box[a][1] - box[a][0])
        for axis in dict.fromkeys((0, longest)):
            if any(column[axis] != box[axis] for column in columns):
                continue  # a slab across parts of an axis that is cut already
            thickness, size = _thickness(forward, name, columns, axis, most, known)
            if size <= most:
                return _tiling(forward, name, columns, axis, thickness, known)
            tried.append((size, columns, axis, thickness))
    _, columns, axis, thickness = min(tried, key=lambda each: each[0])
    return _tiling(forward, name, columns, axis, thickness, known)


def _columns(box: Box) -> Iterator[list[Box]]:
    """Cut across the slabs, into ever more columns, no thinner than 32."""
    yield [box]
    counts = [1] * len(box)
    while True:
        lengths = [
            0 if axis == 0 else (hi - lo) / counts[axis] for axis, (lo, hi) in enumerate(box)
        ]
        axis = max(range(len(box)), key=lengths.__getitem__)
        if lengths[axis] < 64:
            return
        counts[axis] *= 2
        ends = [_ends(lo, hi, n) for (lo, hi), n in zip(box, counts, strict=True)]
        yield [tuple(column) for column in itertools.product(*ends)]


def _ends(lo: int, hi: int, count: int) -> list[tuple[int, int]]:
    at = [lo + (hi - lo) * i // count for i in range(count + 1)]
    return list(itertools.pairwise(at))


def _thickness(
    forward: Forward, name: str, columns: list[Box], axis: int, most: int, known: Known
) -> tuple[int, int]:
    """Find how thick slabs may be, and how many bytes they then take."""
    column = columns[len(columns) // 2]
    lo, hi = column[axis]
    unit = _unit(forward, name, column, axis, known)
    thickness = hi - lo
    while True:
        thickness = _rounded(thickness, unit)
        size = _estimate(forward, name, column, axis, thickness, known)
        if size <= most or thickness == 1:
            return thickness, size
        thickness //= 2


def _rounded(thickness: int, unit: int) -> int:
    return thickness if thickness < unit else thickness - thickness % unit


def _unit(forward: Forward, name: str, box: Box, axis: int, known: Known) -> int:
    """Rows of a layer that one row of the coarsest layer before it stands for."""
    plan = make_plan(forward.layers, forward.shapes, {name: box}, local=known)
    sizes = [forward.shapes[v.name][axis + 1] for v in plan.layers if plan.boxes[v.name]]
    own = forward.shapes[name][axis + 1]
    return max(1, math.ceil(own / min(sizes, default=own)))


def _estimate(
    forward: Forward, name: str, column: Box, axis: int, thickness: int, known: Known
) -> int:
    """Bytes that slabs of a column take: a few at its beginning, and a few in its middle."""
    lo, hi = column[axis]
    middle = lo + (hi - lo) // 2
    most = 0
    for start in {lo, max(lo, middle - 2 * thickness)}:
        part = (*column[:axis], (start, min(hi, start + 4 * thickness)), *column[axis + 1 :])
        sweep = make_sweep(forward.layers, forward.shapes, name, part, axis, thickness, known)
        most = max(most, sweep.values())
    return most * forward.weights.dtype.itemsize
