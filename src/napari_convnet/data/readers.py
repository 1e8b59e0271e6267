"""Readers: from a file to an array, with one clear message for everything that can go wrong.

A reader belongs to some suffixes and returns what the file holds, as it is: readers for recordings
and scans bring their axes, units and place in the world along in the same form.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from ..network.problems import UserError, listed
from .contents import Choice, Contents, Header, Note, Part, Reader, damaged
from .dicom import SUFFIXES, dicom_parts, is_dicom, look_at_dicom, read_dicom
from .itk import look_at_itk, read_itk
from .nifti import look_at_nifti, read_nifti
from .pictures import PICTURES, look_at_npy, look_at_picture, read_npy, read_picture
from .sample import Sample, sample_from_array
from .settings import Input
from .sound import SOUNDS, check_ears, look_at_sound, read_sound
from .stacks import is_folder_of_images, look_at_folder, read_folder
from .tiff import look_at_tiff, read_tiff
from .zarr_store import is_zarr, look_at_zarr, read_zarr, zarr_parts

T = TypeVar("T")

__all__ = [
    "READERS",
    "Choice",
    "Contents",
    "Header",
    "Note",
    "Reader",
    "check_file",
    "is_readable",
    "nearest_name",
    "parts_of",
    "read_contents",
    "read_header",
    "read_sample",
    "reader_for",
]


def read_sample(
    path: str | Path,
    input: Input,
    *,
    step: Sequence[int] = (),
    series: str | int | None = None,
    accept: Iterable[str] = (),
) -> Sample:
    """Read an image file as a network with this `input` takes it.

    Parameters
    ----------
    path : str or Path
        A file of one of the formats in `READERS`.
    input : sequence of int or None
        The network's input: channels, then nominal sizes.
    step : sequence of int
        Which index of further axes (pages, time) to take; the first where not given.
    series, accept : optional
        As in `read_contents`.

    Returns
    -------
    Sample
        Named after the file.

    Raises
    ------
    UserError
        If the file is missing, a directory, damaged, of an unknown kind, or does not fit the input.
    """
    path = Path(path)
    found = read_contents(path, series=series, accept=accept)
    found = check_ears(found, input, path.name)
    sample = sample_from_array(
        found.array,
        input,
        affine=found.affine,
        units=found.units,
        axes=found.axes,
        rgb=found.rgb,
        name=path.name,
        step=step,
    )
    return replace(sample, notes=found.notes)


def read_contents(
    path: str | Path, *, series: str | int | None = None, accept: Iterable[str] = ()
) -> Contents:
    """Read a file, or a directory that is read as a whole, with the reader that knows it.

    Parameters
    ----------
    path : str or Path
        ``FOLDER#2`` names the second series in a folder of several, ``FILE.wav#60-90`` the seconds
        60 to 90 of a recording.
    series : str or int, optional
        Which of several series, by its number from 1 or its identifier.
    accept : iterable of str
        What may be approximated; the messages that refuse to do it name the words.

    Raises
    ------
    UserError
        As `read_sample`.
    """
    path, choice = chosen(Path(path), Choice(series, frozenset(accept)))
    return _told(path, lambda reader: reader.read(path, choice))


def parts_of(path: str | Path, *, accept: Iterable[str] = ()) -> tuple[Part, ...]:
    """List what a path holds: each series of a DICOM folder, an image and its labels.

    Nothing is decoded before a part is read, and the headers of a folder are read once for all of
    its series.

    Parameters
    ----------
    path, accept : optional
        As in `read_contents`.

    Raises
    ------
    UserError
        As `read_sample`.
    """
    path, choice = chosen(Path(path), Choice(None, frozenset(accept)))

    def told(part: Part) -> Part:
        return replace(part, read=partial(_told, path, lambda _: part.read()))

    def parts(reader: Reader) -> tuple[Part, ...]:
        if reader.parts is None:
            return (Part(path.name, partial(reader.read, path, choice)),)
        return reader.parts(path, choice)

    return tuple(told(part) for part in _told(path, parts))


def read_header(
    path: str | Path, *, series: str | int | None = None, accept: Iterable[str] = ()
) -> Header:
    """Read only what a file says of its array: much faster than the values.

    Parameters
    ----------
    path, series, accept : optional
        As in `read_contents`.

    Raises
    ------
    UserError
        As `read_sample`.
    """
    path, choice = chosen(Path(path), Choice(series, frozenset(accept)))
    return _told(path, lambda reader: reader.look(path, choice))


def chosen(path: Path, choice: Choice) -> tuple[Path, Choice]:
    """Take the series out of ``FOLDER#2``, unless there is a file of that very name."""
    base, mark, series = path.name.rpartition("#")
    if not mark or path.exists() or not path.with_name(base or ".").exists():
        return path, choice
    return path.with_name(base), replace(choice, series=choice.series or series)


def _told(path: Path, way: Callable[[Reader], T]) -> T:
    """Read a file, with a message for the user about all that can go wrong."""
    reader = reader_for(path)
    try:
        return way(reader)
    except (UserError, MemoryError):
        raise
    except PermissionError:
        raise UserError(f"{path} may not be read", "ask for the right to read it") from None
    except Exception as error:  # decoders raise whatever they like at a damaged file
        raise damaged(path, reader.title, error) from error


def check_file(path: Path) -> None:
    """Raise UserError if `path` is not a file with something in it."""
    if path.is_dir():
        raise UserError(f"{path} is a directory", "name a file in it")
    if not path.exists():
        raise UserError(f"{path} does not exist", nearest_name(path))
    if path.is_file() and path.stat().st_size == 0:
        raise UserError(f"{path} is empty (0 bytes)", "name a file with an image in it")


def nearest_name(path: Path) -> str:
    """Suggest the name in the same directory that is most like a missing one."""
    if not path.parent.is_dir():
        return f"there is no directory {path.parent} either"
    near = difflib.get_close_matches(path.name, [other.name for other in path.parent.iterdir()], 1)
    return f"did you mean {near[0]}?" if near else f"look in {path.parent.resolve()}"


def reader_for(path: Path) -> Reader:
    """Find the reader of a file by its suffix, or by a look at what has none.

    Raises
    ------
    UserError
        If there is nothing there, or no reader knows it: says which formats are known.
    """
    if path.is_dir():
        for reader in READERS.values():
            if reader.knows(path):
                return reader
        if is_folder_of_images(path):
            return FOLDER
    check_file(path)
    for reader in READERS.values():
        if path.name.lower().endswith(reader.suffixes):
            return reader
    for reader in READERS.values():
        if reader.sniff(path):
            return reader
    known = listed(reader.title for reader in READERS.values())
    raise UserError(f"{path} is not of a kind that can be read", f"convert it to {known}")


def is_readable(path: Path) -> bool:
    """Tell whether a reader knows the file, or the directory as one scan.

    A folder of images (see `FOLDER`) does not count: it is many things, not one.
    """
    return any(reader.knows(path) for reader in READERS.values())


READERS: Mapping[str, Reader] = MappingProxyType(
    {
        "picture": Reader("PNG, JPEG or BMP", PICTURES, read_picture, look_at_picture),
        "tiff": Reader("TIFF", (".tif", ".tiff"), read_tiff, look_at_tiff),
        "npy": Reader(".npy", (".npy",), read_npy, look_at_npy),
        "zarr": Reader("OME-Zarr", (), read_zarr, look_at_zarr, is_zarr, zarr_parts),
        "dicom": Reader("DICOM", SUFFIXES, read_dicom, look_at_dicom, is_dicom, dicom_parts),
        "nifti": Reader("NIfTI", (".nii", ".nii.gz", ".hdr", ".img"), read_nifti, look_at_nifti),
        "itk": Reader(
            "NRRD or MetaImage", (".nrrd", ".nhdr", ".mha", ".mhd"), read_itk, look_at_itk
        ),
        "sound": Reader("WAV, FLAC or OGG", SOUNDS, read_sound, look_at_sound),
    }
)
"""The formats that can be read."""

FOLDER = Reader("a folder of images", (), read_folder, look_at_folder, is_folder_of_images)
"""A directory that is no scan, but holds images: they are read as a stack."""
