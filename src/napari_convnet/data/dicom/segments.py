"""Segmentations: pictures of single segments put together to a volume of labels.

A file holds pictures only of slices in which a segment lies; all other slices are empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..contents import Contents, Note
from ..values import AnyArray
from .geometry import EVEN, Floats, directions, order, place
from .grouping import Group
from .messages import bad_value
from .pictures import Picture
from .pixels import values
from .stacking import flat, positions

_MOST_SLICES = 2000


@dataclass(frozen=True, eq=False)
class _Grid:
    """Slices of the volume: how many, which one each picture is, and the affine."""

    count: int
    rows: tuple[int, ...]
    affine: Floats
    units: tuple[str, str, str]
    notes: tuple[Note, ...] = ()


def segments(path: Path, group: Group) -> Contents:
    """Read a segmentation: labels, or fractions, in their place.

    Raises
    ------
    UserError
        If its slices do not lie on one grid, or a file is damaged.
    """
    pictures = group.pictures
    if min(_numbers(pictures)) < 1:
        raise bad_value(path, "segment's number", min(_numbers(pictures)), "they begin at 1")
    grid = _grid(path, pictures) if group.first.is_placed else _unplaced(pictures)
    stored = values(pictures)
    file = group.first.file
    if file.kind == "fractions":
        return _fractions(group, grid, stored)
    labels, overlap = _labels(pictures, grid, stored)
    notes = (*file.notes, *grid.notes)
    axes, affine, units = ("z", "y", "x"), grid.affine, grid.units
    if not overlap:
        return Contents(labels, False, affine, units, axes, notes, labels=True, names=file.names)
    words = f"segments overlap in {overlap:,} voxels: each lies along an axis of its own"
    numbers = _numbers(pictures)
    single = np.zeros((len(numbers), *labels.shape), labels.dtype)
    for picture, row, mask in zip(pictures, grid.rows, stored, strict=True):
        at = single[numbers.index(picture.segment), row]
        at[mask != 0] = picture.segment
    return Contents(
        single,
        False,
        _led(affine),
        ("", *units),
        ("segment", *axes),
        (*notes, Note(words, "warning")),
        labels=True,
        names=file.names,
    )


def _labels(pictures: Sequence[Picture], grid: _Grid, stored: AnyArray) -> tuple[AnyArray, int]:
    """Write each segment's number where it lies, and count where two lie."""
    highest = max(_numbers(pictures))
    shape = (grid.count, *stored.shape[1:])
    labels = np.zeros(shape, np.min_scalar_type(max(highest, 1)))
    overlap = 0
    for picture, row, mask in zip(pictures, grid.rows, stored, strict=True):
        inside = mask != 0
        overlap += int((labels[row][inside] != 0).sum())
        labels[row][inside] = picture.segment
    return labels, overlap


def _fractions(group: Group, grid: _Grid, stored: AnyArray) -> Contents:
    """Keep how much of each voxel is the segment: an image, with an axis of segments."""
    numbers = _numbers(group.pictures)
    file = group.first.file
    array = np.zeros((len(numbers), grid.count, *stored.shape[1:]), np.float32)
    for picture, row, part in zip(group.pictures, grid.rows, stored, strict=True):
        array[numbers.index(picture.segment), row] = part / np.float32(max(file.full, 1))
    titles = ", ".join(f"{n} {file.names.get(n, '')}".strip() for n in numbers)
    return Contents(
        array,
        False,
        _led(grid.affine),
        ("", *grid.units),
        ("segment", "z", "y", "x"),
        (*file.notes, *grid.notes, Note(f"fractions from 0 to 1 of the segments {titles}")),
        names=file.names,
        limits=(0.0, 1.0),
    )


def _numbers(pictures: Sequence[Picture]) -> list[int]:
    return sorted({picture.segment for picture in pictures})


def _led(affine: Floats) -> Floats:
    whole = np.eye(len(affine) + 1)
    whole[1:, 1:] = affine
    return whole


def _grid(path: Path, pictures: Sequence[Picture]) -> _Grid:
    first = pictures[0]
    axes = directions(first.directions or ())
    places = order(positions(pictures), axes[2])
    origin = np.array(pictures[places[0][0]].position)
    last = np.array(pictures[places[-1][0]].position)
    spacing = first.spacing or (1.0, 1.0)
    if len(places) == 1:
        thickness = first.thickness or 1.0
        words = f"one slice: {thickness:g} mm is taken for the distance of slices"
        affine = place(origin, axes, spacing, axes[2] * thickness)
        return _Grid(1, (0,) * len(pictures), affine, ("mm",) * 3, (Note(words),))
    heights = positions([pictures[row[0]] for row in places]) @ axes[2]
    gap = _step(path, heights, first)
    rows_of_places = np.rint((heights - heights[0]) / gap).astype(int)
    count = int(rows_of_places[-1]) + 1
    rows = [0] * len(pictures)
    for row, members in zip(rows_of_places, places, strict=True):
        for index in members:
            rows[index] = int(row)
    affine = place(origin, axes, spacing, (last - origin) / (count - 1))
    empty = count - len(places)
    notes = (Note(f"{empty} slices without any segment are left out of the file: empty"),)
    return _Grid(count, tuple(rows), affine, ("mm",) * 3, notes if empty else ())


def _step(path: Path, heights: Floats, first: Picture) -> float:
    """Find the distance of slices of which those with a segment are a part."""
    gaps = np.diff(heights)
    for step in (float(gaps.min()), first.thickness):
        if step is None:
            continue
        counts = gaps / step
        even = np.abs(counts - np.rint(counts)) <= EVEN * np.maximum(counts, 1)
        if even.all() and np.rint(counts).min() >= 1 and counts.sum() < _MOST_SLICES:
            return float((heights[-1] - heights[0]) / np.rint(counts).sum())
    shown = ", ".join(f"{gap:.4g}" for gap in gaps[:6])
    raise bad_value(path, "distance of slices", f"{shown} mm", "no grid has them all")


def _unplaced(pictures: Sequence[Picture]) -> _Grid:
    """Lay the pictures of one segment one behind the other; those of several share slices."""
    affine, units, notes = flat(pictures[0])
    seen: dict[int, int] = {}
    rows = []
    for picture in pictures:
        rows.append(seen.get(picture.segment, 0))
        seen[picture.segment] = rows[-1] + 1
    whole = np.eye(4)
    whole[1:, 1:] = affine
    return _Grid(max(seen.values()), tuple(rows), whole, ("", *units), notes)
