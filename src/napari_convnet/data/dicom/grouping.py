"""Which pictures belong together: one series, seen from one direction, in one size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...network.problems import quoted
from .geometry import directions, plane
from .messages import no_such_series, several
from .pictures import Picture

_SAME = 1e-4  # of directions, and (relative) of spacings


@dataclass(frozen=True)
class Group:
    """Pictures that can lie in one array.

    Parameters
    ----------
    pictures : tuple of Picture
        At least one.
    """

    pictures: tuple[Picture, ...]

    @property
    def first(self) -> Picture:
        """The picture that stands for all where they agree."""
        return self.pictures[0]

    def __str__(self) -> str:
        file = self.first.file
        rows, columns = file.size
        words = [f"{len(self.pictures)} of {rows}x{columns}"]
        if self.first.is_placed and self.first.directions is not None:
            words.append(plane(directions(self.first.directions)))
        words += [file.modality] if file.modality else []
        title = quoted(file.description) if file.description else "without description"
        return f"{title} ({', '.join(words)})"


def groups(pictures: Sequence[Picture]) -> tuple[Group, ...]:
    """Sort pictures into groups, in the order of the numbers of their series."""
    alike: dict[tuple[object, ...], list[list[Picture]]] = {}
    for picture in pictures:
        candidates = alike.setdefault(_key(picture), [])
        for group in candidates:
            if _lie_alike(group[0], picture):
                group.append(picture)
                break
        else:
            candidates.append([picture])
    found = [Group(tuple(group)) for candidates in alike.values() for group in candidates]
    return tuple(sorted(found, key=_rank))


def choose(path: Path, found: Sequence[Group], series: str | int | None) -> Group:
    """Pick the group that the user names, or the only one.

    Raises
    ------
    UserError
        If there are several and none is named, or none of that name: lists them.
    """
    lines = [str(group) for group in found]
    if series is None:
        if len(found) > 1:
            raise several(path, lines)
        return found[0]
    text = str(series).strip()
    if text.isdecimal() and 1 <= int(text) <= len(found):
        return found[int(text) - 1]
    named = [group for group in found if text in (_uid(group), group.first.file.description)]
    if text and len(named) == 1:
        return named[0]
    raise no_such_series(path, text, lines)


def _uid(group: Group) -> str:
    return group.first.file.series


def _key(picture: Picture) -> tuple[object, ...]:
    """What must be equal: values of one kind, and places in one frame of reference."""
    file = picture.file
    return (
        file.series,
        file.frame_of_reference,
        file.size,
        file.is_coloured,
        file.kind,
        file.photometric == "MONOCHROME1",
        picture.stack,
        picture.is_placed,
    )


def _lie_alike(one: Picture, other: Picture) -> bool:
    if not one.is_placed and one.spacing is None and other.spacing is None:
        return True
    if (one.spacing is None) != (other.spacing is None):
        return False
    if not np.allclose(one.spacing or (), other.spacing or (), rtol=_SAME, atol=0):
        return False
    if not one.is_placed:
        return True
    return np.allclose(one.directions or (), other.directions or (), rtol=0, atol=_SAME)


def _rank(group: Group) -> tuple[object, ...]:
    first = min(picture.instance for picture in group.pictures)
    file = group.first.file
    return (file.number, file.series, first, str(file.path), group.first.stack)
