"""Which files, or which regions of a few scans, are trained on, chosen by and tested on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..network.problems import listed
from .augmentation import IGNORED
from .contents import Note
from .dense import PARTS, Parts, Region, Scan
from .documents import RegionsLike
from .regions import Division, Rule, axis_of, default_axis, divide, near, told, way
from .splitting import Split, split_files

# Names of parts in sentences.
_CALLED = ("training", "validation", "test")

# More files than these are counted, not named.
_MOST_NAMED = 6

SLICES_APART = 3
"""Slices left out between those of a volume that are trained on and those that are tested."""


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
    if regions is not None:
        return _by_region(scans, fractions, field, regions)
    volumes = _volumes(scans)
    files = split_files(len(volumes), fractions, seed)
    if files is not None:
        return _by_file(scans, volumes, files)
    if len(scans) > len(volumes):
        return _by_slice(scans, volumes, fractions)
    return _by_region(scans, fractions, field, default or Along())


def _volumes(scans: Sequence[Scan]) -> list[list[int]]:
    """Put the slices of one volume together; every other scan stands alone."""
    found: dict[object, list[int]] = {}
    for number, scan in enumerate(scans):
        found.setdefault(scan.volume or number, []).append(number)
    return list(found.values())


def _by_file(
    scans: Sequence[Scan], volumes: Sequence[Sequence[int]], files: Split
) -> tuple[Parts, tuple[Note, ...]]:
    chosen = [getattr(files, part).tolist() for part in PARTS]
    parts = [
        tuple(Region(i, scans[i].whole) for volume in part for i in volumes[volume])
        for part in chosen
    ]
    if len(volumes) == 1:
        return Parts(*parts), ()
    named = [
        f"{called} {_files([_name(scans, volumes[volume]) for volume in part])}"
        for called, part in zip(_CALLED, chosen, strict=True)
        if part
    ]
    return Parts(*parts), (Note(f"divided by file: {'; '.join(named)}"),)


def _name(scans: Sequence[Scan], volume: Sequence[int]) -> str:
    first = scans[volume[0]]
    return first.volume or first.name or f"scan {volume[0]}"


def _files(names: Sequence[str]) -> str:
    return f"{len(names)} files" if len(names) > _MOST_NAMED else ", ".join(names)


def _by_slice(
    scans: Sequence[Scan], volumes: Sequence[Sequence[int]], fractions: Sequence[float]
) -> tuple[Parts, tuple[Note, ...]]:
    """Divide the slices of each volume in their order: neighbours are alike, and stay together."""
    regions: list[list[Region]] = [[], [], []]
    notes: list[Note] = []
    for volume in volumes:
        counts = [_labelled(scans[i], tuple(range(len(scans[i].size)))) for i in volume]
        division = divide(np.asarray(counts, np.int64), fractions, Rule(0), SLICES_APART)
        for part, ranges in zip(regions, division.ranges, strict=True):
            for lo, hi in ranges:
                part += [Region(i, scans[i].whole) for i in volume[lo:hi]]
        notes.append(
            Note(
                f"the slices of {_name(scans, volume)} are divided in their order: "
                f"{told(division, 'slice')}; between them {division.gap} are left out, because "
                "neighbours are alike"
            )
        )
    train, validation, test = (tuple(part) for part in regions)
    return Parts(train, validation, test), tuple(notes)


def _by_region(
    scans: Sequence[Scan], fractions: Sequence[float], field: Sequence[int], wanted: RegionsLike
) -> tuple[Parts, tuple[Note, ...]]:
    regions: list[list[Region]] = [[], [], []]
    sentences: dict[tuple[str, bool], list[str]] = {}
    for number, scan in enumerate(scans):
        axis = axis_of(wanted.axis, scan.axes) if wanted.axis else _default(scan)
        rule = Rule(axis, wanted.descending, wanted.gap, wanted.slabs)
        division = divide(_weights(scan, axis), fractions, rule, field[axis])
        for part, ranges in zip(regions, division.ranges, strict=True):
            part += [Region(number, _box(scan, axis, lo, hi)) for lo, hi in ranges]
        if sum(map(len, division.ranges)) > 1:
            sentence = _told(scan, rule, division)
            sentences.setdefault(sentence, []).append(scan.name or f"scan {number}")
    train, validation, test = (tuple(part) for part in regions)
    notes = tuple(
        Note(f"{_subject(names)} divided along {text}", "warning" if short else "note")
        for (text, short), names in sentences.items()
    )
    return Parts(train, validation, test), notes


def _subject(names: Sequence[str]) -> str:
    return f"{names[0]} is" if len(names) == 1 else f"{len(names)} scans are alike: each is"


def _weights(scan: Scan, axis: int) -> NDArray[np.int64]:
    """Count the labelled voxels at each index of an axis."""
    others = tuple(i for i in range(len(scan.size)) if i != axis)
    return np.asarray(_labelled(scan, others), np.int64)


def _labelled(scan: Scan, axes: tuple[int, ...]) -> Any:
    """Count the voxels that matter along some axes: all of a regression, else the labelled ones."""
    if scan.target.dtype.kind == "f":
        return np.count_nonzero(np.ones(scan.size, bool), axis=axes)
    # Where only a part is labelled all of it counts, else what is more than background.
    least = 0 if (scan.target == IGNORED).any() else 1
    return np.count_nonzero(scan.target >= least, axis=axes)


def _default(scan: Scan) -> int:
    reach = (int(np.count_nonzero(_weights(scan, axis))) for axis in range(len(scan.size)))
    return default_axis(tuple(reach), scan.affine)


def _box(scan: Scan, axis: int, lo: int, hi: int) -> tuple[tuple[int, int], ...]:
    return tuple((lo, hi) if i == axis else whole for i, whole in enumerate(scan.whole))


def _told(scan: Scan, rule: Rule, division: Division) -> tuple[str, bool]:
    """Say how a scan is divided, and whether the gap is narrower than it should be."""
    axis = scan.axes[rule.axis]
    leads = way(scan.affine, rule.axis, rule.descending, scan.units)
    text = f"{axis}{f', {leads}' if leads else ''}: {told(division, axis)}"
    text += (
        f"; between them {_voxels(division.gap)} {'is' if division.gap == 1 else 'are'} left out"
    )
    if division.gap < division.wanted:
        close = near(division)
        short = (
            f"{text}, fewer than the {division.wanted} that the network sees, for which there is "
            f"no room: what it gives at the borders of the {listed(close, 'and')} "
            f"part{'s' * (len(close) > 1)} may rest on voxels that it was trained on"
        )
        return short, True
    return f"{text}, {'what the network sees' if rule.gap is None else 'as regions: says'}", False


def _voxels(count: int) -> str:
    return "1 voxel" if count == 1 else f"{count} voxels"
