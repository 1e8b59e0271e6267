"""From a DICOM file, folder or DICOMDIR to what it holds, in its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ...network.problems import UserError, listed
from ..contents import Choice, Contents, Header, Note, Part, needs
from ..values import value_notes
from .files import Files, files_of
from .grouping import Group, choose, groups
from .headers import other_object, pictures_of
from .messages import no_pictures, partly_damaged
from .pictures import Picture
from .pixels import values
from .segments import segments
from .stacking import Stack, stack

_MOST_NAMES = 5


@dataclass(frozen=True)
class _Found:
    """The series that a path and a choice stand for."""

    group: Group
    notes: tuple[Note, ...]


def read_dicom(path: Path, choice: Choice) -> Contents:
    """Read a scan.

    Parameters
    ----------
    path : Path
        A file, a folder of one or several series, or a DICOMDIR.
    choice : Choice
        Which series, and what may be approximated: "uneven" slices, "duplicates", "damaged" files.

    Returns
    -------
    Contents
        (..., z, y, x) in the world (S, P, L) where the files place their pictures; further axes
        (time, echo) lead.

    Raises
    ------
    UserError
        If there are several series and none is chosen, slices are missing, or a file is damaged.
    """
    return _read(path, _find(path, choice), choice.accept)


def dicom_parts(path: Path, choice: Choice) -> tuple[Part, ...]:
    """List the series of a file, folder or DICOMDIR: ``PATH#1`` is the first of them.

    The headers are read once, for all of them.

    Raises
    ------
    UserError
        If none holds a picture, or a file is damaged and that is not accepted.
    """
    scan = _scan(path)
    found = groups(scan.checked(path, accept_damaged="damaged" in choice.accept))
    if choice.series is not None:
        found = (choose(path, found, choice.series),)
    notes = scan.notes()
    return tuple(
        Part(
            title=str(group),
            read=partial(_read, path, _Found(group, notes), choice.accept),
            series=str(number) if len(found) > 1 else "",
        )
        for number, group in enumerate(found, 1)
    )


def _read(path: Path, found: _Found, accept: frozenset[str]) -> Contents:
    if found.group.first.file.kind in {"segments", "fractions"}:
        held = segments(path, found.group)
        return _named(held, path, found)
    ordered = stack(path, found.group, accept)
    first = found.group.first
    array = values(ordered.pictures)
    return _named(
        Contents(
            array.reshape(*ordered.shape, *array.shape[1:]),
            rgb=first.file.is_coloured,
            affine=ordered.affine,
            units=ordered.units,
            axes=ordered.axes,
            notes=(*_odd(found.group), *ordered.notes, *value_notes(array)),
            labels=first.file.kind == "labels",
            names=first.file.names,
            limits=None if first.file.is_coloured else first.window,
            inverted=first.file.photometric == "MONOCHROME1",
        ),
        path,
        found,
    )


def look_at_dicom(path: Path, choice: Choice) -> Header:
    """Tell the shape of a scan from its headers.

    Raises
    ------
    UserError
        As `read_dicom`, but for damaged pixels.
    """
    found = _find(path, choice)
    file = found.group.first.file
    if file.kind in {"segments", "fractions"}:
        return Header(segments(path, found.group).array.shape, rgb=False)
    ordered: Stack = stack(path, found.group, choice.accept)
    colours = (3,) if file.is_coloured else ()
    return Header((*ordered.shape, *file.size, *colours), rgb=file.is_coloured)


@dataclass(frozen=True)
class _Scan:
    """What a path's files hold."""

    files: Files
    pictures: tuple[Picture, ...]
    without: tuple[Path, ...]
    broken: tuple[tuple[Path, UserError], ...]

    def checked(self, path: Path, accept_damaged: bool) -> tuple[Picture, ...]:
        """Return the pictures, unless there are none or some may be missing."""
        count = len(self.files.dicom)
        if self.broken and not (accept_damaged and self.pictures):
            errors = [error for _, error in self.broken]
            raise errors[0] if count == 1 else partly_damaged(path, errors, count)
        if not self.pictures:
            kinds = sorted({other_object(file) for file in self.without})
            raise no_pictures(path, count, listed(kinds, "and"))
        return self.pictures

    def notes(self) -> tuple[Note, ...]:
        """Say which files were not read."""
        broken = [file for file, _ in self.broken]
        return tuple(_left_out(self.files, self.without, broken))


def _scan(path: Path) -> _Scan:
    needs("pydicom", path, "a DICOM file")
    files = files_of(path)
    pictures: list[Picture] = []
    without: list[Path] = []
    broken: list[tuple[Path, UserError]] = []
    for file in files.dicom:
        try:
            held = pictures_of(file)
        except UserError as error:
            broken.append((file, error))
            continue
        pictures += held
        without += [] if held else [file]
    return _Scan(files, tuple(pictures), tuple(without), tuple(broken))


def _find(path: Path, choice: Choice) -> _Found:
    scan = _scan(path)
    pictures = scan.checked(path, accept_damaged="damaged" in choice.accept)
    group = choose(path, groups(pictures), choice.series)
    return _Found(group, scan.notes())


def _left_out(files: Files, without: Sequence[Path], broken: Sequence[Path]) -> list[Note]:
    """Say which files were not read, and why."""
    notes = []
    for left, why, kind in (
        (files.missing, "named by the DICOMDIR and not there", "warning"),
        (broken, "damaged and left out", "warning"),
        (files.others, "not DICOM and left out", "note"),
        (without, "without a picture and left out", "note"),
    ):
        if left:
            count = "1 file is" if len(left) == 1 else f"{len(left)} files are"
            names = [file.name for file in left]
            shown = names if len(names) <= _MOST_NAMES else [*names[:_MOST_NAMES], "others"]
            text = f"{count} {why}: {listed(shown, 'and')}"
            notes.append(Note(text, "warning" if kind == "warning" else "note"))
    return notes


def _odd(group: Group) -> list[Note]:
    """Collect what is odd about the files, each thing once."""
    notes = list(dict.fromkeys(note for p in group.pictures for note in p.file.notes))
    if group.first.file.photometric == "MONOCHROME1":
        text = "low values are meant to be shown bright (MONOCHROME1): they are kept as stored"
        notes.append(Note(text))
    return notes


def _named(held: Contents, path: Path, found: _Found) -> Contents:
    description = found.group.first.file.description
    name = f"{path.name} {description}".strip() if path.is_dir() else path.name
    return replace(held, name=name, notes=(*found.notes, *held.notes))
