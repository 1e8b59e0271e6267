"""Writing scans and label maps so that other programs place them identically."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..network.problems import UserError
from .axes import axis_names
from .contents import Note, needs
from .orientation import (
    Matrix,
    describe,
    farthest,
    is_usable,
    napari_to_nibabel,
    number,
    shear_angle,
    spatial_part,
    tilt_angle,
    voxel_size,
)
from .settings import text_of
from .values import AnyArray, check_kind

IN_MM: Mapping[str, float] = {
    "mm": 1.0, "millimeter": 1.0, "um": 1e-3, "µm": 1e-3, "micrometer": 1e-3, "micron": 1e-3,
    "nm": 1e-6, "nanometer": 1e-6, "cm": 10.0, "centimeter": 10.0, "m": 1e3, "meter": 1e3,
    "inch": 25.4,
}  # fmt: skip
"""Millimetres in one of each unit of length."""

_LABEL_INTENT = "label"
_LONGEST_AXIS = 32767


def write_nifti(
    path: str | Path,
    array: Any,
    affine: ArrayLike,
    *,
    unit: str = "mm",
    labels: bool = False,
    rgb: bool = False,
    slope: float = 1.0,
) -> tuple[Note, ...]:
    """Write a NIfTI file that nibabel and ITK place identically.

    Parameters
    ----------
    path : str or Path
        Ending in .nii or .nii.gz.
    array : array
        (..., z, y, x), or (y, x) of a picture.
    affine : matrix
        Index to world, over the array's axes or its last three; the world is (S, P, L).
    unit : str
        Of the world; lengths are written in millimetres.
    labels : bool
        Whether the values are names of things; the file says so.
    rgb : bool
        Whether the last axis holds colours.
    slope : float
        What one step of the values stands for: readers multiply by it.

    Returns
    -------
    tuple of Note
        What the format could not hold.

    Raises
    ------
    UserError
        If the array or the name does not fit the format, or the file cannot be written.
    """
    path = Path(path)
    if not path.name.lower().endswith((".nii", ".nii.gz")):
        raise UserError(f"{path} is no name for a NIfTI file", "let it end in .nii.gz")
    nibabel = needs("nibabel", path, "a NIfTI file")
    voxels = _voxels(np.asarray(array), path, rgb)
    placed = napari_to_nibabel(_in_mm(affine, unit, voxels.ndim))
    image = nibabel.Nifti1Image(voxels, placed)
    image.header.set_xyzt_units("mm")
    if voxels.dtype.names is None:
        image.header.set_slope_inter(slope, 0)
    if labels:
        image.header.set_intent(_LABEL_INTENT)
    notes = [*_unit_notes(unit), *_form_notes(image, placed)]
    with whole_file(path) as temporary:
        nibabel.save(image, temporary)
    return tuple(notes)


def write_tiff(
    path: str | Path,
    array: Any,
    affine: ArrayLike | None = None,
    *,
    unit: str = "pixel",
    axes: tuple[str, ...] | None = None,
    rgb: bool = False,
) -> tuple[Note, ...]:
    """Write a TIFF stack with the distances of its pixels; ImageJ's form where its types allow.

    Parameters
    ----------
    path : str or Path
        Ending in .tif or .tiff.
    array : array
        (..., z, y, x) or (y, x).
    affine : matrix, optional
        Index to world; a TIFF file holds its scale alone.
    unit : str
        Of the world.
    axes : tuple of str, optional
        Names of the array's axes, such as ("t", "z", "y", "x").
    rgb : bool
        Whether the last axis holds colours.

    Returns
    -------
    tuple of Note
        What the format could not hold.

    Raises
    ------
    UserError
        If the array or the name does not fit the format, or the file cannot be written.
    """
    from tifffile import imwrite

    path = Path(path)
    if not path.name.lower().endswith((".tif", ".tiff")):
        raise UserError(f"{path} is no name for a TIFF file", "let it end in .tif")
    pixels = _small(np.asarray(array))
    check_kind(pixels, path.name)
    count = pixels.ndim - rgb
    letters = _letters(axes or axis_names(count), count) + ("S" if rgb else "")
    affine = np.eye(count + 1) if affine is None else np.asarray(affine, dtype=np.float64)
    sizes = (1.0, 1.0, 1.0, *voxel_size(affine))[-3:]
    form = _imagej if _suits_imagej(pixels, letters) else _ome
    with whole_file(path) as temporary:
        # Else three or four columns would be taken for colours.
        photometric = "rgb" if rgb else "minisblack"
        imwrite(temporary, pixels, photometric=photometric, **form(letters, sizes, unit))
    return tuple(_tiff_notes(affine))


# -- NIfTI --


def _voxels(array: AnyArray, path: Path, rgb: bool) -> AnyArray:
    """Bring an array into NIfTI's order and types."""
    check_kind(array, path.name)
    array = _as_colours(array, path) if rgb else _small(array)
    if max(array.shape) > _LONGEST_AXIS or array.ndim > 7:
        raise UserError(
            f"an array of {text_of(array.shape)} does not fit into a NIfTI file: 7 axes of "
            f"{_LONGEST_AXIS:,} entries are the most",
            "write a TIFF file, or a part",
        )
    while array.ndim < 3:
        array = array[None]
    return array.T


def _as_colours(array: AnyArray, path: Path) -> AnyArray:
    names = "RGBA"[: array.shape[-1]]
    if array.dtype != np.uint8 or len(names) not in {3, 4}:
        raise UserError(f"{path}: NIfTI holds colours as 3 or 4 bytes", "convert them to uint8")
    kind = np.dtype([(name, np.uint8) for name in names])
    return np.ascontiguousarray(array).view(kind)[..., 0]


def _small(array: AnyArray) -> AnyArray:
    """Choose a type that other programs read: none of them reads all 64-bit integers."""
    kind = array.dtype.kind
    if kind == "b":
        return array.astype(np.uint8)
    if kind == "f":
        if array.dtype.itemsize == 2:
            return array.astype(np.float32)
        return array.astype(np.float64) if array.dtype.itemsize > 8 else array
    if kind in "ui" and array.dtype.itemsize == 8 and array.size:
        low, high = int(array.min()), int(array.max())
        for small in (np.uint8, np.int16, np.uint16, np.int32, np.uint32):
            if np.iinfo(small).min <= low and high <= np.iinfo(small).max:
                return array.astype(small)
    return array


def _in_mm(affine: ArrayLike, unit: str, ndim: int) -> Matrix:
    """Return the place of the last three axes, in millimetres."""
    given = np.asarray(affine, dtype=np.float64)
    if given.ndim != 2 or given.shape[0] != given.shape[1] or not is_usable(given):
        raise UserError("the affine does not place the array", "give a matrix, index to world")
    rank = len(given) - 1
    if rank > ndim:
        raise UserError(f"an affine of {rank} axes is too large for the array")
    placed = np.eye(4)
    rank = min(rank, 3)
    placed[3 - rank :, 3 - rank :] = spatial_part(given, rank)
    placed[:3] *= IN_MM.get(unit, 1.0)
    return placed


def _unit_notes(unit: str) -> Iterator[Note]:
    if unit not in IN_MM:
        yield Note(f"the unit {unit} is no length: its numbers were written as millimetres")


def _form_notes(image: Any, placed: Matrix) -> Iterator[Note]:
    """Write the place twice, as both kinds of program want it, and tell what did not fit."""
    shape = (*image.shape, 1, 1)[:3]
    least = 0.01 * min(voxel_size(placed))
    image.set_sform(placed, code=1)
    image.set_qform(placed, code=1, strip_shears=True)
    if farthest(shape, image.get_qform(), placed) > least:
        image.set_qform(None, code=0)
        yield Note(
            f"the array is sheared by {number(shear_angle(placed))} degrees, which only NIfTI's "
            "s-form can hold: programs built on ITK will refuse the file",
            "warning",
        )
    off = farthest(shape, image.get_sform(), placed)
    if off > least:
        yield Note(f"NIfTI's 32-bit numbers place the voxels up to {number(off)} mm off", "warning")


# -- TIFF --


def _letters(axes: tuple[str, ...], count: int) -> str:
    """Letters of TIFF's axes; those without one become I, Q, ... as they come."""
    known = {"t": "T", "z": "Z", "y": "Y", "x": "X", "c": "C", "channel": "C"}
    spare = iter("QIHLVW")
    letters = ""
    for name in axes[-count:]:
        letter = known.get(name, "")
        letters += letter if letter and letter not in letters else next(spare)
    return letters


def _suits_imagej(array: AnyArray, letters: str) -> bool:
    rank = len(letters)
    ordered = [letter for letter in "TZCYXS" if letter in letters]
    if rank != len(ordered) or "".join(ordered) != letters:
        return False
    if "S" in letters:
        return array.dtype == np.uint8 and array.shape[-1] == 3
    return array.dtype in (np.uint8, np.uint16, np.float32)


def _imagej(letters: str, sizes: tuple[float, ...], unit: str) -> dict[str, Any]:
    metadata = {"axes": letters, "unit": unit, "spacing": sizes[0]}
    return {"imagej": True, "resolution": (1 / sizes[2], 1 / sizes[1]), "metadata": metadata}


def _ome(letters: str, sizes: tuple[float, ...], unit: str) -> dict[str, Any]:
    metadata: dict[str, Any] = {"axes": letters}
    for letter, size in zip("ZYX", sizes, strict=True):
        metadata[f"PhysicalSize{letter}"] = size
        metadata[f"PhysicalSize{letter}Unit"] = unit
    return {"ome": True, "metadata": metadata}


def _tiff_notes(affine: Matrix) -> Iterator[Note]:
    rank = min(len(affine) - 1, 3)
    part = spatial_part(affine, rank)
    if tilt_angle(part) > 0.01 or (np.diag(part)[:rank] <= 0).any():
        yield Note(
            f"a TIFF file holds the size of voxels, not their direction ({describe(part)}): "
            "write a NIfTI file to keep it",
            "warning",
        )
    if part[:rank, rank].any():
        at = ", ".join(number(value) for value in part[:rank, rank])
        text = f"a TIFF file does not hold where the first voxel lies ({at})"
        yield Note(f"{text}: write a NIfTI file to keep it", "warning")


# -- files --


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a name beside `path` to write to; the file takes its place only when it is whole.

    It may be a folder, too: an existing one is replaced.
    """
    # The ending comes last: it tells the writers the format.
    temporary = path.with_name(f".{uuid.uuid4().hex}-{path.name}")
    try:
        yield temporary
        if path.is_file():
            shutil.copymode(path, temporary)
        elif path.is_dir():
            shutil.rmtree(path)
        os.replace(temporary, path)
    except OSError as error:
        raise UserError(
            f"cannot write {path}: {error.strerror or error}", "choose another folder"
        ) from None
    finally:
        with suppress(OSError):
            if temporary.is_dir():
                shutil.rmtree(temporary)
            temporary.unlink(missing_ok=True)
