"""Readers: from a file to an array, with one clear message for everything that can go wrong.

A reader belongs to some suffixes and returns what the file holds, as it is: readers for recordings
and scans bring their axes, units and place in the world along in the same form.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np

from ..network.problems import UserError, listed
from .contents import Choice, Contents, Header, Note, Reader
from .dicom import SUFFIXES, is_dicom, look_at_dicom, read_dicom
from .itk import look_at_itk, read_itk
from .nifti import look_at_nifti, read_nifti
from .sample import Sample, sample_from_array
from .settings import Input
from .sound import SOUNDS, check_ears, look_at_sound, read_sound
from .tiff import look_at_tiff, read_tiff
from .zarr_store import is_zarr, look_at_zarr, read_zarr

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


def read_header(path: str | Path, *, series: str | int | None = None) -> Header:
    """Read only what a file says of its array: much faster than the values.

    Raises
    ------
    UserError
        As `read_sample`.
    """
    path, choice = chosen(Path(path), Choice(series))
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
        detail = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise UserError(
            f"{path} cannot be read: it is damaged, cut short, or not {reader.title} ({detail})",
            "open it elsewhere and save it again",
        ) from error


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
    """Tell whether a reader knows the file, or the directory as a whole."""
    return any(reader.knows(path) for reader in READERS.values())


_GRAY_MODES = {"1", "L", "LA", "I", "F"}  # Pillow's names; all others but RGBA have three bands


def _is_gray(mode: str) -> bool:
    return mode in _GRAY_MODES or mode.startswith("I;16")


def _read_picture(path: Path, _: Choice) -> Contents:
    from PIL import Image

    _check_png_depth(path)
    with Image.open(path) as image:
        if image.mode == "LA":
            array = np.asarray(image.convert("L"))
        elif _is_gray(image.mode) or image.mode in {"RGB", "RGBA"}:
            array = np.asarray(image)
        else:
            # A palette's numbers are places in a list of colours, not gray levels.
            array = np.asarray(image.convert("RGB"))
    return Contents(array, rgb=array.ndim == 3)


def _look_at_picture(path: Path, _: Choice) -> Header:
    from PIL import Image

    with Image.open(path) as image:
        size = (image.height, image.width)
        if _is_gray(image.mode):
            return Header(size, rgb=False)
        return Header((*size, 4 if image.mode == "RGBA" else 3), rgb=True)


def _check_png_depth(path: Path) -> None:
    """Refuse colour PNG files with 16 bits: Pillow would drop the lower 8 without a word."""
    with path.open("rb") as file:
        head = file.read(26)
    # Signature, length, IHDR, width, height, then bit depth and colour type (PNG, section 11.2.2).
    if head[:4] == b"\x89PNG" and len(head) == 26 and head[24] == 16 and head[25] != 0:
        raise UserError(f"{path} is a PNG file with 16-bit colours", "save it as a TIFF file")


def _read_npy(path: Path, _: Choice) -> Contents:
    # Pickles run code when they are read.
    array: Any = np.load(path, allow_pickle=False)
    if not isinstance(array, np.ndarray):
        array.close()
        raise UserError(f"{path} holds several arrays (.npz)", "save the image alone as .npy")
    return Contents(array)


def _look_at_npy(path: Path, _: Choice) -> Header:
    return Header(np.load(path, mmap_mode="r", allow_pickle=False).shape)


_PICTURES = (".png", ".jpg", ".jpeg", ".bmp")

READERS: Mapping[str, Reader] = MappingProxyType(
    {
        "picture": Reader("PNG, JPEG or BMP", _PICTURES, _read_picture, _look_at_picture),
        "tiff": Reader("TIFF", (".tif", ".tiff"), read_tiff, look_at_tiff),
        "npy": Reader(".npy", (".npy",), _read_npy, _look_at_npy),
        "zarr": Reader("OME-Zarr", (), read_zarr, look_at_zarr, is_zarr),
        "dicom": Reader("DICOM", SUFFIXES, read_dicom, look_at_dicom, is_dicom),
        "nifti": Reader("NIfTI", (".nii", ".nii.gz", ".hdr", ".img"), read_nifti, look_at_nifti),
        "itk": Reader(
            "NRRD or MetaImage", (".nrrd", ".nhdr", ".mha", ".mhd"), read_itk, look_at_itk
        ),
        "sound": Reader("WAV, FLAC or OGG", SOUNDS, read_sound, look_at_sound),
    }
)
"""The formats that can be read."""
