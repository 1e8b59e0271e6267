"""The text of NRRD and MetaImage headers: what SimpleITK does not tell of it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ..network.problems import UserError, quoted
from .contents import Note

# Headers of these formats are lines of text, up to an empty line or the name of the data's file.
_LONGEST_HEADER = 1 << 16

NRRD = (".nrrd", ".nhdr")
"""Endings of NRRD files; all others are MetaImage's."""


def header_text(path: Path) -> HeaderText:
    """Read the text of a header.

    Raises
    ------
    UserError
        If the file does not begin as one of its kind.
    """
    return _Nrrd.of(path) if path.suffix.lower() in NRRD else _Meta.of(path)


_NO_ORIGIN = Note("the file does not say where its first voxel lies: put at 0, 0, 0", "warning")


@dataclass(frozen=True)
class HeaderText:
    """The fields of a header, by their names in lower case."""

    fields: Mapping[str, str]
    image_io: ClassVar[str] = ""

    @property
    def says_colours(self) -> bool:
        """Whether the header says that a voxel's numbers are colours."""
        return False

    @property
    def may_be_colours(self) -> bool:
        """Whether they may be colours where there are 3 or 4 bytes of them."""
        return True

    @property
    def unit(self) -> str:
        """Unit of length, as written; empty where there is none."""
        return ""

    def check(self, path: Path) -> None:
        """Refuse what SimpleITK would read with values made up."""

    def notes(self) -> Iterator[Note]:
        """Tell what the header does not say, and what was taken."""
        yield from ()


class _Nrrd(HeaderText):
    image_io: ClassVar[str] = "NrrdImageIO"

    @classmethod
    def of(cls, path: Path) -> _Nrrd:
        head = _lines(path, b"NRRD", "an NRRD file")
        return cls(_fields(itertools.takewhile(str.strip, head[1:]), ":"))

    @property
    def unit(self) -> str:
        units = set(self.fields.get("space units", "").split('"')[1::2]) - {""}
        return units.pop() if len(units) == 1 else ", ".join(sorted(units))

    @property
    def says_colours(self) -> bool:
        return self.fields.get("kinds", "").lower().startswith(("rgb", "rgba"))

    @property
    def may_be_colours(self) -> bool:
        kinds = self.fields.get("kinds", "").split()
        return not any(kind in {"vector", "list", "3-vector", "point"} for kind in kinds)

    def check(self, path: Path) -> None:
        directions = self.fields.get("space directions", "")
        if "nan" in (directions + self.fields.get("space origin", "")).lower():
            raise UserError(f"{path} has no usable place: its header gives NaN for it")

    def notes(self) -> Iterator[Note]:
        space = self.fields.get("space", "").strip().lower()
        if "space origin" not in self.fields:
            yield _NO_ORIGIN
        if "space directions" not in self.fields:
            spacings = self.fields.get("spacings", "")
            if not spacings or "nan" in spacings.lower():
                text = "the file does not give its voxel size along every axis: 1 mm was taken"
                yield Note(text, "warning")
        if space.count("-") < 2 or space.startswith(("scanner", "3d")):
            says = f'says only "{space}"' if space else "does not say"
            yield Note(
                f"the file {says} which way the scan lies: its axes were taken as left, posterior, "
                "superior; left and right are not known",
                "warning",
            )


class _Meta(HeaderText):
    image_io: ClassVar[str] = "MetaImageIO"

    @classmethod
    def of(cls, path: Path) -> _Meta:
        head = _lines(path, b"", "a MetaImage file")
        fields = _fields(head, "=", last="elementdatafile")
        if not {"ndims", "dimsize"} <= fields.keys():
            raise UserError(
                f"{path} is damaged, or not a MetaImage file: its header does not say how many "
                "voxels there are",
                "copy it again",
            )
        return cls(fields)

    @property
    def unit(self) -> str:
        return self.fields.get("distanceunits", "").strip()

    def check(self, path: Path) -> None:
        """Refuse numbers that are none, and fewer voxels than promised: MetaIO makes them up."""
        axes = len(self.fields["dimsize"].split())
        for names, count in ((_ORIGINS, axes), (_SPACINGS, axes), (_MATRICES, axes * axes)):
            for name in names & self.fields.keys():
                if not _are_numbers(self.fields[name], count):
                    what = f"its {name} is {quoted(self.fields[name])}, not {count} numbers"
                    raise UserError(f"{path} has no usable place: {what}", "copy it again")
        wanted = _meta_bytes(self.fields)
        data = self.fields.get("elementdatafile", "")
        if wanted is None or data.upper().startswith("LIST") or "%" in data:
            return
        file = path if data.upper() == "LOCAL" else path.parent / data
        if not file.is_file():
            raise UserError(
                f"{path} holds only the header of a scan: {data} is not beside it",
                "put the file with the voxels into the same directory",
            )
        size = file.stat().st_size
        if size < wanted:
            raise UserError(
                f"{file} is cut short: the header promises {wanted:,} bytes of voxels, and the "
                f"file has {size:,} bytes",
                "copy it again",
            )

    def notes(self) -> Iterator[Note]:
        if not _ORIGINS & self.fields.keys():
            yield _NO_ORIGIN
        if not _SPACINGS & self.fields.keys():
            text = "the file does not give its voxel size: 1 mm was taken along every axis"
            yield Note(text, "warning")
        if not _MATRICES & self.fields.keys():
            yield Note(
                "the file does not say which way the scan lies: its axes were taken as left, "
                "posterior, superior; left and right are not known",
                "warning",
            )


# MetaIO's names for the same thing, from several versions.
_ORIGINS = {"offset", "position", "origin"}
_SPACINGS = {"elementspacing", "elementsize"}
_MATRICES = {"transformmatrix", "rotation", "orientation"}

_META_BYTES = {
    "MET_UCHAR": 1, "MET_CHAR": 1, "MET_USHORT": 2, "MET_SHORT": 2, "MET_UINT": 4, "MET_INT": 4,
    "MET_FLOAT": 4, "MET_DOUBLE": 8, "MET_ULONG_LONG": 8, "MET_LONG_LONG": 8,
}  # fmt: skip


def _meta_bytes(fields: Mapping[str, str]) -> int | None:
    """How many bytes of voxels a MetaImage promises; None where they are compressed."""
    each = _META_BYTES.get(fields.get("elementtype", "").strip())
    if each is None or fields.get("compresseddata", "").strip().lower() in {"true", "1"}:
        return None
    wanted = each * int(fields.get("elementnumberofchannels", "1"))
    for size in fields["dimsize"].split():
        wanted *= int(size)
    return wanted


def _are_numbers(text: str, count: int) -> bool:
    try:
        values = [float(word) for word in text.split()]
    except ValueError:
        return False
    return len(values) == count and all(map(math.isfinite, values))


def _lines(path: Path, magic: bytes, what: str) -> list[str]:
    with path.open("rb") as file:
        head = file.read(_LONGEST_HEADER)
    if not head.startswith(magic):
        raise UserError(
            f"{path} is damaged, or not {what}: it does not begin as one", "copy it again"
        )
    return head.decode("latin-1").splitlines()


def _fields(lines: Iterator[str] | list[str], mark: str, last: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for line in lines:
        name, marked, value = line.partition(mark)
        if not marked or line.startswith("#"):
            continue
        key = name.strip().lower()
        found[key] = value.removeprefix("=").strip()
        if key == last:
            break
    return found
