"""DICOM files on disk: which there are, which are none, and reading one without trusting it."""

from __future__ import annotations

import io
import os
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from ...network.problems import UserError
from ..contents import needs
from .messages import damaged, too_large, too_many_files

SUFFIXES = (".dcm", ".dicom", ".ima")

_DEFLATED = b"1.2.840.10008.1.2.1.99"
_UNFOLDED = 1 << 30  # bytes

_MOST_FILES = 50_000
_MOST_SNIFFED = 300


@dataclass(frozen=True)
class Files:
    """The files of a folder, or of a DICOMDIR.

    Parameters
    ----------
    dicom : tuple of Path
        Those that are DICOM by their first bytes or their suffix.
    others : tuple of Path
        Those that are not.
    missing : tuple of Path
        Those that a DICOMDIR names and that are not there.
    """

    dicom: tuple[Path, ...]
    others: tuple[Path, ...] = ()
    missing: tuple[Path, ...] = ()


class BoundedFile(io.BufferedReader):
    """A file that never sets memory aside for more bytes than it has.

    A flipped bit in a header can announce an element of 4 GB.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path))
        self._size = os.fstat(self.fileno()).st_size

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as `io.BufferedReader` does."""
        left = max(0, self._size - self.tell())
        return super().read(left if size is None or size < 0 else min(size, left))


def has_magic(path: Path) -> bool:
    """Tell whether a file bears DICOM's mark: "DICM" after a preamble of 128 bytes."""
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def is_dicom(path: Path) -> bool:
    """Tell whether a file is DICOM, or a folder has DICOM files in it; quick, never raises."""
    try:
        if path.is_dir():
            return any(_looks_dicom(file) for file in islice(_walk(path), _MOST_SNIFFED))
        return path.is_file() and has_magic(path)
    except OSError:
        return False


def files_of(path: Path) -> Files:
    """Find the DICOM files that `path` stands for: itself, a folder's, or a DICOMDIR's.

    Raises
    ------
    UserError
        If a folder holds more files than a scan can have, or a DICOMDIR is damaged.
    """
    if not path.is_dir():
        return _of_index(path) if _is_index(path) else Files((path,))
    found = list(islice(_walk(path), _MOST_FILES + 1))
    if len(found) > _MOST_FILES:
        raise too_many_files(path, _MOST_FILES)
    named = [file for file in found if not _is_index(file)]
    dicom = [file for file in named if _looks_dicom(file)]
    known = set(dicom)
    return Files(tuple(dicom), tuple(file for file in named if file not in known))


def read_dataset(path: Path, *, pixels: bool) -> Any:
    """Read a file's elements with pydicom, with or without its pixels.

    Raises
    ------
    UserError
        If it is damaged.
    """
    pydicom = needs("pydicom", path, "a DICOM file")
    with guarded(path), BoundedFile(path) as file:
        _check_deflated(path, file)
        return pydicom.dcmread(file, stop_before_pixels=not pixels, force=not has_magic(path))


@contextmanager
def guarded(path: Path) -> Iterator[None]:
    """Turn whatever a decoder raises into a message about the file `path`.

    pydicom's warnings about values that break the standard go no further: what matters of them is
    checked here, and said in notes.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (UserError, PermissionError):
        raise
    except MemoryError:
        raise too_large(path) from None
    except Exception as error:  # pydicom raises whatever it likes at a damaged file
        raise damaged(path, error) from error


def _looks_dicom(path: Path) -> bool:
    # Old files have no preamble: their suffix has to do.
    return path.suffix.lower() in SUFFIXES or has_magic(path)


def _check_deflated(path: Path, file: BoundedFile) -> None:
    """Refuse a deflated file that would unfold to far more than it can mean.

    pydicom unfolds all of it at once, and 1 MB can unfold to 1 GB.
    """
    head = file.read(1024)
    file.seek(0)
    if _DEFLATED not in head:
        return
    from pydicom.filereader import read_file_meta_info

    # The preamble, the mark, and the element that holds the length of the rest.
    file.seek(144 + int(read_file_meta_info(path).FileMetaInformationGroupLength))
    unfold = zlib.decompressobj(-zlib.MAX_WBITS)
    rest, length = file.read(), 0
    while rest and not unfold.eof and length <= _UNFOLDED:
        length += len(unfold.decompress(rest, 1 << 22))
        rest = unfold.unconsumed_tail
    file.seek(0)
    if length > _UNFOLDED:
        raise too_large(path)


def _walk(folder: Path) -> Iterator[Path]:
    """Files of a folder and of those in it, in the order of their names; hidden ones left out."""
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__MACOSX")))
        for name in sorted(names):
            path = Path(root, name)
            # A pipe or a device would wait for ever.
            if not name.startswith(".") and path.is_file():
                yield path


def _is_index(path: Path) -> bool:
    return path.name.upper().startswith("DICOMDIR")


def _of_index(path: Path) -> Files:
    """Files that a DICOMDIR lists."""
    found: list[Path] = []
    missing: list[Path] = []
    index = read_dataset(path, pixels=False)
    with guarded(path):
        for record in index.get("DirectoryRecordSequence") or ():
            name = record.get("ReferencedFileID")
            if not name:
                continue
            parts = [name] if isinstance(name, str) else list(name)
            file = _below(path.parent, parts)
            (missing if file is None else found).append(file or path.parent.joinpath(*parts))
    return Files(tuple(dict.fromkeys(found)), missing=tuple(dict.fromkeys(missing)))


def _below(folder: Path, parts: list[str]) -> Path | None:
    """File below `folder`, whatever the case of its name: discs are copied in either."""
    for part in parts:
        exact = folder / part
        if part in {"", ".", ".."} or Path(part).is_absolute():
            return None
        if not exact.exists():
            near = (other for other in folder.iterdir() if other.name.upper() == part.upper())
            exact = next(near, exact)
        if not exact.exists():
            return None
        folder = exact
    return folder if folder.is_file() else None
