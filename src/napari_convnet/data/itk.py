"""NRRD and MetaImage files (.nrrd, .nhdr, .mha, .mhd), read by SimpleITK.

SimpleITK fills in what a header does not say (a spacing of 1, the axes L, P, S) without a word, so
the header's text is read too, and what it lacks is told.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..network.problems import UserError, quoted
from .contents import Choice, Contents, Header, Note, Refusal, needs
from .label_values import label_values
from .orientation import (
    Matrix,
    describe,
    is_usable,
    lps_to_napari,
    shear_angle,
    with_leading_axes,
)
from .values import slice_notes, value_notes

UNEVEN = "uneven"
"""Accepting it reads slices that are not evenly spaced as if they were."""

_NON_UNIFORM = "ITK_non_uniform_sampling_deviation"
_IN_MM = {"mm": 1.0, "um": 1e-3, "µm": 1e-3, "micrometer": 1e-3, "cm": 10.0, "m": 1000.0}

# Headers of these formats are lines of text, up to an empty line or the name of the data's file.
_LONGEST_HEADER = 1 << 16


def read_itk(path: Path, choice: Choice) -> Contents:
    """Read an NRRD or MetaImage file."""
    reader, text = _prepared(path)
    sitk = needs("SimpleITK", path, "a scan")
    try:
        image = reader.Execute()
    except RuntimeError as error:
        raise ValueError(_reason(error)) from None
    _check_even(path, reader, choice)
    array = sitk.GetArrayFromImage(image)
    components = image.GetNumberOfComponentsPerPixel()
    rgb = _is_rgb(components, array.dtype, text)
    if components > 1 and not rgb:
        array = np.moveaxis(array, -1, 0)
    lead = array.ndim - rgb - min(image.GetDimension(), 3)
    scale, notes = _scale(text)
    affine = _affine(path, image, scale)
    names = _segments(text)
    labels, why = (None, ()) if rgb else label_values(path, array, stated=bool(names))
    array = np.ascontiguousarray(array if labels is None else labels)
    rank = len(affine) - 1
    return Contents(
        array=array,
        rgb=rgb,
        affine=with_leading_axes(affine, lead),
        units=("pixel",) * lead + ("mm",) * rank,
        axes=_leading(components > 1 and not rgb, lead) + ("z", "y", "x")[-rank:],
        notes=(
            *notes,
            *text.notes(),
            *_shear_notes(affine),
            *slice_notes(tuple(image.GetSize()[2::-1])),
            *why,
            *value_notes(array),
        ),
        labels=labels is not None,
        names=names if labels is not None else {},
        name=path.name,
    )


def look_at_itk(path: Path, choice: Choice) -> Header:
    """Read the shape of an NRRD or MetaImage file."""
    reader, text = _prepared(path)
    shape = tuple(reversed(reader.GetSize()))
    components = reader.GetNumberOfComponents()
    sitk = needs("SimpleITK", path, "a scan")
    byte = reader.GetPixelID() in {sitk.sitkUInt8, sitk.sitkVectorUInt8}
    if _is_rgb(components, np.dtype(np.uint8 if byte else np.float32), text):
        return Header((*shape, components), rgb=True)
    return Header((components, *shape) if components > 1 else shape, rgb=False)


def _prepared(path: Path) -> tuple[Any, _Text]:
    """Return SimpleITK's reader with the header read, and the header's text."""
    sitk = needs("SimpleITK", path, "a scan in one of ITK's formats")
    text = _Nrrd.of(path) if path.suffix.lower() in {".nrrd", ".nhdr"} else _Meta.of(path)
    text.check(path)
    reader = sitk.ImageFileReader()
    # By name: a file with a wrong ending would otherwise be read as what it looks like.
    reader.SetImageIO(text.image_io)
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise ValueError(_reason(error)) from None
    return reader, text


def _reason(error: RuntimeError) -> str:
    """Take the sentence out of ITK's message, which begins with places in its source."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line.partition("ITK ERROR:")[2] for line in lines if "ITK ERROR:" in line]
    # Of NRRD's chain of causes the last says most.
    told += [line.partition(": ")[2] for line in lines if line.startswith("[nrrd]")]
    return re.sub(r"\w+\(0x[0-9a-f]+\): ", "", (told or lines)[-1]).strip()[:160]


def _check_even(path: Path, reader: Any, choice: Choice) -> None:
    if reader.HasMetaDataKey(_NON_UNIFORM) and UNEVEN not in choice.accept:
        raise Refusal(
            f"the slices of {path} are not evenly spaced "
            f"(off by {reader.GetMetaData(_NON_UNIFORM).strip()} mm)",
            f'read them as if they were by accepting "{UNEVEN}"',
            UNEVEN,
            "the slices are read as if evenly spaced",
        )


def _is_rgb(components: int, dtype: np.dtype[Any], text: _Text) -> bool:
    if components not in {3, 4}:
        return False
    return text.says_colours or (text.may_be_colours and dtype == np.uint8)


def _affine(path: Path, image: Any, scale: float) -> Matrix:
    """Return the place of the last three axes (two of a picture)."""
    dimension = image.GetDimension()
    direction = np.reshape(image.GetDirection(), (dimension, dimension))
    rank = min(dimension, 3)
    if dimension > rank and (direction[rank:, :rank].any() or direction[:rank, rank:].any()):
        raise UserError(f"{path} is oblique in time: its further axes move it in space")
    spacing, origin = np.ones(3), np.zeros(3)
    spacing[:rank] = np.asarray(image.GetSpacing())[:rank] * scale
    origin[:rank] = np.asarray(image.GetOrigin())[:rank] * scale
    whole = np.eye(3)
    whole[:rank, :rank] = direction[:rank, :rank]
    affine = lps_to_napari(whole, spacing, origin)[3 - rank :, 3 - rank :]
    if not is_usable(affine):
        raise UserError(f"{path} has no usable place: its directions flatten the scan")
    return affine


def _leading(components: bool, lead: int) -> tuple[str, ...]:
    names = ("channel",) if components else ()
    return names + ("axis 5", "t")[2 - (lead - len(names)) :] if lead > len(names) else names


def _scale(text: _Text) -> tuple[float, list[Note]]:
    unit = text.unit
    if unit in {"", "mm"}:
        return 1.0, []
    if unit not in _IN_MM:
        what = f'lengths are given in "{unit}", which is not known: taken as millimetres'
        return 1.0, [Note(what, "warning")]
    return _IN_MM[unit], [Note(f"lengths are given in {unit}: converted to millimetres")]


def _shear_notes(affine: Matrix) -> list[Note]:
    if shear_angle(affine) <= 0.01:
        return []
    return [Note(f"the scan is sheared ({describe(affine)}): it is kept as it is", "warning")]


def _segments(text: _Text) -> dict[int, str]:
    """Names of a segmentation's labels, as 3D Slicer writes them."""
    numbers = itertools.count()
    given = itertools.takewhile(lambda i: f"segment{i}_name" in text.fields, numbers)
    values = {i: text.fields.get(f"segment{i}_labelvalue", "") for i in given}
    return {
        int(value): text.fields[f"segment{i}_name"]
        for i, value in values.items()
        if value.isdecimal()
    }


# -- the header's text --

_NO_ORIGIN = Note("the file does not say where its first voxel lies: put at 0, 0, 0", "warning")


@dataclass(frozen=True)
class _Text:
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


class _Nrrd(_Text):
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


class _Meta(_Text):
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
