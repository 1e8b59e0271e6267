"""How pictures lie in one array: slices by their places, those at one place along more axes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..contents import Note
from .geometry import EVEN, Floats, Spread, directions, order, place, spread
from .grouping import Group
from .messages import duplicates, incomplete, uneven, uneven_words
from .pictures import Picture

Placed = list[list[Picture]]


@dataclass(frozen=True, eq=False)
class Stack:
    """Pictures in the order of an array's axes before rows and columns.

    Parameters
    ----------
    pictures : tuple of Picture
        Row-major over `shape`.
    shape : tuple of int
        Of the axes before rows and columns.
    affine : numpy.ndarray
        Index to world over `shape`, rows and columns.
    axes, units : tuple of str
        Of all those.
    notes : tuple of Note
        What was found and done.
    """

    pictures: tuple[Picture, ...]
    shape: tuple[int, ...]
    affine: Floats
    axes: tuple[str, ...]
    units: tuple[str, ...]
    notes: tuple[Note, ...] = ()


def stack(path: Path, group: Group, accept: frozenset[str]) -> Stack:
    """Order a group's pictures.

    Parameters
    ----------
    path : Path
        What to call it in messages.
    group : Group
    accept : frozenset of str
        "uneven" slices are read as if evenly spaced, of "duplicates" the first.

    Raises
    ------
    UserError
        If slices are missing or unevenly spaced, or pictures at one place cannot be told apart.
    """
    pictures, copies = _without_copies(group.pictures)
    placed = group.first.is_placed
    found = _placed(path, pictures, accept) if placed else _unplaced(pictures)
    if not copies:
        return found
    one = "1 file is a copy" if copies == 1 else f"{copies} files are copies"
    note = Note(f"{one} of others (the same identifier and place) and left out")
    return replace(found, notes=(note, *found.notes))


def positions(pictures: Sequence[Picture]) -> Floats:
    """Where pictures lie, (n, 3), LPS."""
    return np.array([picture.position for picture in pictures], dtype=np.float64)


def _without_copies(pictures: Sequence[Picture]) -> tuple[list[Picture], int]:
    """Leave out pictures with the identifier, frame and place of another."""
    kept: dict[object, Picture] = {}
    for index, picture in enumerate(pictures):
        uid = picture.file.uid
        key: object = (uid, picture.frame, picture.position) if uid else index
        kept.setdefault(key, picture)
    return list(kept.values()), len(pictures) - len(kept)


def _unplaced(pictures: list[Picture]) -> Stack:
    """Lay pictures of which nobody knows where they are one behind the other."""
    ordered = sorted(pictures, key=lambda p: (p.instance, str(p.file.path), p.frame))
    first = ordered[0]
    affine, units, notes = flat(first)
    if len(ordered) == 1:
        return Stack((first,), (), affine, ("y", "x"), units, notes)
    interval = first.file.interval if first.file.frames > 1 else 0
    axis, unit = ("t", "s") if interval > 0 else ("frame", "")
    whole = _with_leading(affine, 1)
    whole[0, 0] = interval or 1
    return Stack(tuple(ordered), (len(ordered),), whole, (axis, "y", "x"), (unit, *units), notes)


def flat(first: Picture) -> tuple[Floats, tuple[str, str], tuple[Note, ...]]:
    """Place of a picture outside of a body."""
    lies = "the file does not say where in the body the picture lies"
    if first.position is not None and first.spacing is None:
        lies = "the file does not say how large its pixels are"
    if first.spacing is None:
        note = Note(f"{lies}: the axes count pixels", "warning")
        return np.eye(3), ("pixel", "pixel"), (note,)
    note = Note(f"{lies}: only the size of its pixels is kept", "warning")
    return np.diag([*first.spacing, 1.0]), ("mm", "mm"), (note,)


def _placed(path: Path, pictures: list[Picture], accept: frozenset[str]) -> Stack:
    axes = directions(pictures[0].directions or ())
    rows = order(positions(pictures), axes[2])
    places = [[pictures[i] for i in row] for row in rows]
    names, lengths, places, notes = _along_further(path, places, accept)
    step, more = _step(path, places, axes, accept)
    first = places[0][0]
    affine = place(first.position or (), axes, first.spacing or (1, 1), step)
    ordered = [pictures[k] for k in range(len(places[0])) for pictures in places]
    return Stack(
        pictures=tuple(ordered),
        shape=(*lengths, len(places)),
        affine=_with_leading(affine, len(lengths)),
        axes=(*names, "z", "y", "x"),
        units=(*("" for _ in names), "mm", "mm", "mm"),
        notes=(*notes, *more),
    )


def _step(
    path: Path, places: Placed, axes: Floats, accept: frozenset[str]
) -> tuple[Floats, list[Note]]:
    """From each slice to the next, and what there is to say of it."""
    if len(places) == 1:
        return _step_of_one(places[0][0], axes)
    found = spread(positions([pictures[0] for pictures in places]), axes[2])
    notes = []
    if not found.is_even:
        if "uneven" not in accept:
            raise uneven(path, found)
        words = f"{uneven_words(found)}: read as if evenly spaced, {_length(found):.4g} mm apart"
        notes.append(Note(words, "warning"))
    elif found.displacement > max(1e-3 * found.spacing, 0.01):
        notes.append(Note(f"{uneven_words(found)}: nearly even, read as even"))
    if found.is_sheared:
        notes.append(
            Note(
                f"the slices slide along each other by {found.tilt:.1f} degrees (a tilted gantry, "
                "for example): the volume is kept sheared, as it was scanned"
            )
        )
    stated = places[0][0].apart
    if stated is not None and abs(found.spacing / stated - 1) > EVEN:
        text = (
            f"the slices lie {found.spacing:.4g} mm apart, though the header says {stated:.4g} mm: "
            "their places count"
        )
        # Twice as far: every other slice may have been left out.
        notes.append(Note(text, "warning" if found.spacing > 1.5 * stated else "note"))
    return found.step, notes


def _step_of_one(picture: Picture, axes: Floats) -> tuple[Floats, list[Note]]:
    if picture.thickness is None:
        note = Note("one slice, of unknown thickness: 1 mm is assumed", "warning")
        return axes[2], [note]
    note = Note(
        f"one slice: its thickness of {picture.thickness:g} mm is taken for the distance of slices"
    )
    return axes[2] * picture.thickness, [note]


def _length(found: Spread) -> float:
    return float(np.linalg.norm(found.step))


def _with_leading(affine: Floats, count: int) -> Floats:
    """Put axes before an affine's that have no place in the world but their index."""
    size = len(affine) + count
    whole = np.eye(size)
    whole[count:, count:] = affine
    return whole


def _along_further(
    path: Path, places: Placed, accept: frozenset[str]
) -> tuple[tuple[str, ...], tuple[int, ...], Placed, list[Note]]:
    """Tell pictures at the same place apart: names and lengths of further axes."""
    counts = [len(pictures) for pictures in places]
    usual = max(set(counts), key=counts.count)
    if max(counts) == 1:
        return (), (), places, []
    told = _told_apart(places) if min(counts) == max(counts) else None
    if told is not None:
        return told
    if usual > 1 and min(counts) < max(counts):
        raise incomplete(path, counts, usual)
    if "duplicates" not in accept:
        doubled = [i for i, pictures in enumerate(places) if len(pictures) > min(counts)]
        raise duplicates(path, doubled or range(len(places)), len(places))
    first = [[min(pictures, key=_age)] for pictures in places]
    left = sum(map(len, places)) - len(places)
    words = f"{left} pictures at the same places as others are left out"
    return (), (), first, [Note(words, "warning")]


def _told_apart(
    places: Placed,
) -> tuple[tuple[str, ...], tuple[int, ...], Placed, list[Note]] | None:
    """Find axes along which each place has one picture for each step."""
    count = len(places[0])
    names = _distinguishing(places[0])
    keys = {frozenset(_key(p, names) for p in pictures) for pictures in places}
    if len(keys) == 1 and len(next(iter(keys))) == count:
        ordered = [sorted(pictures, key=lambda p: _key(p, names)) for pictures in places]
        levels = [len({p.further[name] for p in places[0]}) for name in names]
        if math.prod(levels) == count:
            return tuple(names), tuple(levels), ordered, []
        return (" and ".join(names),), (count,), ordered, []
    # Times differ from slice to slice: their order counts.
    for name in ("time", "phase"):
        if all(_differ(p.further.get(name) for p in pictures) for pictures in places):
            ordered = [sorted(pictures, key=lambda p: _key(p, [name])) for pictures in places]
            return (name,), (count,), ordered, []
    if all(_differ(_age(p) for p in pictures) for pictures in places):
        ordered = [sorted(pictures, key=_age) for pictures in places]
        words = (
            f"there are {count} pictures at each place, and nothing says what tells them apart: "
            "they lie along an axis of their own, in the order of their numbers"
        )
        return ("repeat",), (count,), ordered, [Note(words, "warning")]
    return None


def _distinguishing(pictures: Sequence[Picture]) -> list[str]:
    """Names of the axes that tell the pictures of one place apart, as few as will do."""
    shared = set.intersection(*(set(p.further) for p in pictures))
    names: list[str] = []
    told = 1
    for name in pictures[0].further:
        if name not in shared:
            continue
        now = len({_key(p, [*names, name]) for p in pictures})
        if now > told:
            names.append(name)
            told = now
    return names


def _key(picture: Picture, names: Sequence[str]) -> tuple[Any, ...]:
    return tuple(picture.further.get(name) for name in names)


def _differ(values: Iterable[Any]) -> bool:
    found = list(values)
    return None not in found and len(set(found)) == len(found)


def _age(picture: Picture) -> tuple[int, int]:
    return picture.instance, picture.frame
