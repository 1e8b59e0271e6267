"""Whether a recording is whole, by the file's own marks of its end and its checksum."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .about import BITS, UNKNOWN, About

# Programs that write as they record leave such numbers where the length will stand.
OPEN = 0x7FFFF000


def is_flac(path: Path) -> bool:
    """Whether a file is FLAC by its ending."""
    return path.suffix.lower() == ".flac"


class Md5:
    """FLAC's checksum of all samples, in the header and of what was read."""

    def __init__(self, stated: bytes, width: int) -> None:
        self.stated = stated
        self._width = width
        self._found = hashlib.md5(usedforsecurity=False)

    @classmethod
    def of(cls, path: Path, about: About) -> Md5 | None:
        """Return None where the file has none."""
        if not is_flac(path) or about.subtype not in BITS:
            return None
        with path.open("rb") as file:
            head = file.read(42)
        # Mark, header of STREAMINFO (4 + 4 bytes), whose last 16 bytes of 34 these are.
        stated = head[26:42]
        return cls(stated, BITS[about.subtype] // 8) if any(stated) else None

    def update(self, block: NDArray[Any]) -> None:
        """Add samples, which libsndfile moves to the top of 32 bits."""
        parts = np.ascontiguousarray(block, "<i4").view(np.uint8).reshape(-1, 4)
        self._found.update(np.ascontiguousarray(parts[:, 4 - self._width :]).tobytes())

    @property
    def fits(self) -> bool:
        """Whether what was read is what was written."""
        return self._found.digest() == self.stated


def damage_of(path: Path, about: About, read: int, wanted: int, digest: Md5 | None) -> str:
    """Say how a recording is cut short or damaged; empty where it is not."""
    suffix = path.suffix.lower()
    if wanted < UNKNOWN and read < wanted:
        return f"{path} is cut short: {wanted:,} samples are promised, and {read:,} are there"
    if suffix == ".wav":
        missing = _wav_missing(path)
        if missing:
            return f"{path} is cut short: {missing:,} bytes of its sound are missing"
    if suffix == ".ogg" and not _ogg_ends(path):
        return f"{path} is cut short: its last page is missing"
    if digest is not None and not digest.fits:
        return f"{path} is damaged: its sound does not fit its checksum"
    return ""


def _wav_missing(path: Path) -> int:
    """How many bytes the chunk of samples promises beyond the file's end."""
    ends = [end for name, _, end in wav_chunks(path) if name == b"data"]
    return max(0, ends[0] - path.stat().st_size) if ends else 0


def wav_surplus(path: Path) -> int:
    """How many bytes behind the samples are no chunk of their own."""
    size, end = path.stat().st_size, 0
    for name, _, stop in wav_chunks(path):
        if end and (stop > size + 1 or not name.isascii() or not name.decode().isprintable()):
            break
        if end or name == b"data":
            end = stop
    # A byte may fill up the last chunk.
    return max(0, size - end - 1) if end else 0


def wav_chunks(path: Path) -> Iterator[tuple[bytes, int, int]]:
    """Yield the name of each chunk, its length by the header, and where it ends then."""
    size = path.stat().st_size
    with path.open("rb") as file:
        order: Literal["big", "little"] = "big" if file.read(4) == b"RIFX" else "little"
        at = 12
        while at + 8 <= size:
            file.seek(at)
            name, stated = file.read(4), file.read(4)
            length = int.from_bytes(stated, order)
            at = size if length >= OPEN else at + 8 + length
            yield name, length, at
            at += at % 2


def _ogg_ends(path: Path) -> bool:
    """Whether the last page says that it is the last, and is there as a whole."""
    size = path.stat().st_size
    with path.open("rb") as file:
        # A page has at most 65,307 bytes.
        file.seek(max(0, size - 65307))
        tail = file.read()
    at = tail.rfind(b"OggS")
    page = tail[at:]
    if at < 0 or len(page) < 27 or len(page) < 27 + page[26]:
        return False
    whole = 27 + page[26] + sum(page[27 : 27 + page[26]])
    return bool(page[5] & 4) and len(page) >= whole
