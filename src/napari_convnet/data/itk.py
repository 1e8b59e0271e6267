"""NRRD and MetaImage files (.nrrd, .nhdr, .mha, .mhd), read by SimpleITK.

SimpleITK fills in what a header does not say (a spacing of 1, the axes L, P, S) without a word, so
the header's text is read too, and what it lacks is told.
"""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import numpy as np

from ..network.problems import UserError
from .contents import Choice, Contents, Header, Note, Refusal, needs
from .itk_headers import HeaderText, header_text
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


def _prepared(path: Path) -> tuple[Any, HeaderText]:
    """Return SimpleITK's reader with the header read, and the header's text."""
    sitk = needs("SimpleITK", path, "a scan in one of ITK's formats")
    text = header_text(path)
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
            "find the missing slices",
            UNEVEN,
            "read the slices as if evenly spaced",
            "the slices are read as if evenly spaced",
        )


def _is_rgb(components: int, dtype: np.dtype[Any], text: HeaderText) -> bool:
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


def _scale(text: HeaderText) -> tuple[float, list[Note]]:
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


def _segments(text: HeaderText) -> dict[int, str]:
    """Names of a segmentation's labels, as 3D Slicer writes them."""
    numbers = itertools.count()
    given = itertools.takewhile(lambda i: f"segment{i}_name" in text.fields, numbers)
    values = {i: text.fields.get(f"segment{i}_labelvalue", "") for i in given}
    return {
        int(value): text.fields[f"segment{i}_name"]
        for i, value in values.items()
        if value.isdecimal()
    }
