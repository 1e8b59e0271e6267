"""Which files, or which regions of a few scans, are trained on, chosen by and tested on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .contents import Note
from .dense import PARTS, Parts, Region, Scan
from .documents import RegionsLike
from .examples import IGNORED
from .regions import Division, Rule, axis_of, default_axis, divide, told, way
from .splitting import Split, split_files

# Names of parts in sentences.
_CALLED = ("training", "validation", "test")

# More files than these are counted, not named.
_MOST_NAMED = 6


@dataclass(frozen=True)
class Along:
    """A rule of regions, as a sample's default."""

    axis: str = ""
    descending: bool = False
    gap: int | None = None
    slabs: int = 1


def parts_of(
    scans: Sequence[Scan],
    fractions: Sequence[float],
    seed: int,
    field: Sequence[int],
    regions: RegionsLike | None = None,
    default: RegionsLike | None = None,
) -> tuple[Parts, tuple[Note, ...]]:
    """Divide scans: by file where there are enough, else each by region.

    Parameters
    ----------
    scans : sequence of Scan
        All of them.
    fractions : sequence of float
        Shares of training, validation and test.
    seed : int
        Decides which files go where.
    field : sequence of int
        What the network sees along each axis, in voxels.
    regions : Regions, optional
        The document's: with it, scans are divided by region however many there are.
    default : Regions, optional
        How scans are divided if they must be and the document does not say how.

    Returns
    -------
    Parts
        Their regions do not overlap.
    tuple of Note
        The rule, told.

    Raises
    ------
    UserError
        If a region would be empty.
    """
    files = split_files(len(scans), fractions, seed) if regions is None else None
    if files is not None:
        return _by_file(scans, files)
    return _by_region(scans, fractions, field, regions or default or Along())


def _by_file(scans: Sequence[Scan], files: Split) -> tuple[Parts, tuple[Note, ...]]:
    chosen = [getattr(files, part).tolist() for part in PARTS]
    parts = [tuple(Region(i, scans[i].whole) for i in part) for part in chosen]
    if len(scans) == 1:
        return Parts(*parts), ()
    named = [
        f"{called} {_files(scans, part)}"
        for called, part in zip(_CALLED, chosen, strict=True)
        if part
    ]
    return Parts(*parts), (Note(f"divided by file: {'; '.join(named)}"),)


def _files(scans: Sequence[Scan], chosen: Sequence[int]) -> str:
    if len(chosen) > _MOST_NAMED:
        return f"{len(chosen)} files"
    return ", ".join(scans[i].name or f"scan {i}" for i in chosen)


def _by_region(
    scans: Sequence[Scan], fractions: Sequence[float], field: Sequence[int], wanted: RegionsLike
) -> tuple[Parts, tuple[Note, ...]]:
    regions: list[list[Region]] = [[], [], []]
    notes: list[Note] = []
    for number, scan in enumerate(scans):
        axis = axis_of(wanted.axis, scan.axes) if wanted.axis else _default(scan)
        rule = Rule(axis, wanted.descending, wanted.gap, wanted.slabs)
        division = divide(_weights(scan, axis), fractions, rule, field[axis])
        for part, ranges in zip(regions, division.ranges, strict=True):
            part += [Region(number, _box(scan, axis, lo, hi)) for lo, hi in ranges]
        notes += _told(scan, rule, division)
    train, validation, test = (tuple(part) for part in regions)
    # Scans alike are divided alike: once is enough.
    return Parts(train, validation, test), tuple(dict.fromkeys(notes))


def _weights(scan: Scan, axis: int) -> NDArray[np.int64]:
    """Count the labelled voxels at each index of an axis; those of the first class if no others."""
    if scan.target.dtype.kind == "f":
        return np.ones(scan.size[axis], np.int64)
    others = tuple(i for i in range(len(scan.size)) if i != axis)
    # Where only a part is labelled all of it counts, else what is more than background.
    least = 0 if (scan.target == IGNORED).any() else 1
    return np.asarray(np.count_nonzero(scan.target >= least, axis=others), np.int64)


def _default(scan: Scan) -> int:
    return default_axis(scan.size, scan.affine)


def _box(scan: Scan, axis: int, lo: int, hi: int) -> tuple[tuple[int, int], ...]:
    return tuple((lo, hi) if i == axis else whole for i, whole in enumerate(scan.whole))


def _told(scan: Scan, rule: Rule, division: Division) -> list[Note]:
    axis = scan.axes[rule.axis]
    leads = way(scan.affine, rule.axis, rule.descending, scan.units)
    text = f"{scan.name or 'the scan'} is divided along {axis}{f', {leads}' if leads else ''}: "
    text += told(division, axis)
    if sum(map(len, division.ranges)) == 1:
        return []
    seen = "what the network sees" if rule.gap is None else "as regions: says"
    if division.gap == division.wanted:
        return [Note(f"{text}; between them {_voxels(division.gap)} are left out, {seen}")]
    short = (
        f"{text}; between them {_voxels(division.gap)} are left out, fewer than the "
        f"{division.wanted} that the network sees, for which there is no room: at its borders the "
        "test part is seen together with voxels that were trained on"
    )
    return [Note(short, "warning")]


def _voxels(count: int) -> str:
    return "1 voxel" if count == 1 else f"{count} voxels"
