"""What an epoch is validated by: as much as can be computed in a part of the time of learning."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from napari_convnet.data import Box, Region

Shape = tuple[int, ...]

SLABS = 4
"""Parts at most that a region is measured by, where all of it is too much."""


def spread(
    regions: Sequence[Region], sizes: Mapping[int, Shape], field: Shape, most: int | None
) -> tuple[Region, ...]:
    """Choose parts of regions to measure by, so that no more voxels than `most` are computed.

    An exact output needs its surroundings computed too. Of many regions (images of their own, say)
    every so many-th is taken whole. Of a few, each gives slabs across the axis along which most of
    it can be measured: up to four, spread evenly, as long as their surroundings take no more than
    they do. It is the same choice for the same regions, so that one epoch compares with the next.

    Parameters
    ----------
    regions : sequence of Region
        What there is.
    sizes : mapping of int to tuple of int
        Size of each scan.
    field : tuple of int
        Voxels that an output sees, per axis.
    most : int or None
        Voxels to compute at most (but for a last slab of one layer); None for no bound.

    Examples
    --------
    >>> spread([Region(0, ((0, 10), (0, 80)))], {0: (10, 80)}, (21, 21), 400)
    (Region(scan=0, box=((0, 10), (30, 50))),)
    """
    costs = [cost(region.box, sizes[region.scan], field) for region in regions]
    if most is None or sum(costs) <= most:
        return tuple(regions)
    share = most / sum(costs)
    kept = int(len(regions) * share)
    if kept >= SLABS:
        return tuple(regions[int((i + 0.5) * len(regions) / kept)] for i in range(kept))
    chosen: list[Region] = []
    for region, whole in zip(regions, costs, strict=True):
        slabs = _slabs(region.box, sizes[region.scan], field, int(share * whole))
        chosen += [Region(region.scan, box) for box in slabs]
    return tuple(chosen)


def cost(box: Box, size: Shape, field: Shape) -> int:
    """Count the voxels that are computed for a box, its surroundings among them.

    Examples
    --------
    >>> cost(((0, 4), (5, 6)), (10, 10), (3, 3))
    18
    """
    ranges = zip(box, size, field, strict=True)
    return math.prod(min(n, hi - lo + f - 1) for (lo, hi), n, f in ranges)


def volume(box: Box) -> int:
    """Count the voxels of a box."""
    return math.prod(hi - lo for lo, hi in box)


def _slabs(box: Box, size: Shape, field: Shape, most: int) -> Iterator[Box]:
    # How many layers can be computed across each axis, and what of the box they would measure.
    rooms = [most * min(n, hi - lo + f - 1) // cost(box, size, field)
             for (lo, hi), n, f in zip(box, size, field, strict=True)]  # fmt: skip
    parts = [
        (room - f + 1) / (hi - lo) for room, f, (lo, hi) in zip(rooms, field, box, strict=True)
    ]
    axis = max(range(len(box)), key=lambda a: (parts[a], box[a][1] - box[a][0]))
    room, around, (lo, hi) = rooms[axis], field[axis] - 1, box[axis]
    count = max(1, min(SLABS, room // max(1, 2 * around), hi - lo))
    thick = max(1, min(room // count - around, (hi - lo) // count))
    for i in range(count):
        start = lo + int((i + 0.5) * (hi - lo) / count - thick / 2)
        yield (*box[:axis], (start, start + thick), *box[axis + 1 :])
