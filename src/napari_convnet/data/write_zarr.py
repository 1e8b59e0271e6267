"""Writing OME-Zarr directories, piece by piece: for arrays that are larger than the memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..network.problems import UserError
from .axes import axis_names
from .contents import Note, needs
from .orientation import Matrix, describe, tilt_angle, voxel_size
from .write import whole_file

_UNITS = {"mm": "millimeter", "um": "micrometer", "nm": "nanometer", "cm": "centimeter",
          "m": "meter", "s": "second", "ms": "millisecond"}  # fmt: skip

CHUNK = (32, 256, 256)
"""Voxels of a chunk, along the last axes."""


def write_zarr(
    path: str | Path,
    array: Any,
    affine: ArrayLike,
    *,
    units: Sequence[str],
    axes: Sequence[str] = (),
    names: Mapping[int, str] | None = None,
) -> tuple[Note, ...]:
    """Write an OME-Zarr directory (NGFF 0.4) of one level.

    Parameters
    ----------
    path : str or Path
        Ending in .zarr; a directory of that name that holds zarr data is replaced.
    array : array-like
        ([channel,] *spatial); read and written slab by slab.
    affine : matrix
        Index to world over the spatial axes; the format holds scale and translation.
    units, axes : sequence of str
        Of the spatial axes.
    names : mapping, optional
        Of labels: what each value stands for.

    Returns
    -------
    tuple of Note
        What the format could not hold.

    Raises
    ------
    UserError
        If the name does not fit, or the directory cannot be written.
    """
    path = Path(path)
    if not path.name.lower().endswith(".zarr"):
        raise UserError(f"{path} is no name for a zarr directory", "let it end in .zarr")
    if path.is_file() or (path.is_dir() and not _is_ours(path)):
        raise UserError(f"{path} is there already, and is no zarr data", "choose another name")
    zarr = needs("zarr", path, "a zarr directory")
    placed = np.asarray(affine, dtype=np.float64)
    rank = len(placed) - 1
    with whole_file(path) as temporary:
        group = zarr.open_group(temporary, mode="w", zarr_format=2)
        lead = array.ndim - rank
        chunks = (1,) * lead + tuple(map(min, array.shape[lead:], CHUNK[3 - rank :]))
        level = group.create_array(
            "0",
            shape=array.shape,
            dtype=array.dtype,
            chunks=chunks,
            chunk_key_encoding={"name": "v2", "separator": "/"},
        )
        group.attrs.update(_attributes(placed, units, axes or axis_names(rank), lead, names))
        for slab in _slabs(array.shape, chunks):
            level[slab] = np.asarray(array[slab])
    return tuple(_notes(placed))


def _is_ours(path: Path) -> bool:
    return any((path / mark).is_file() for mark in ("zarr.json", ".zgroup", ".zarray"))


def _slabs(shape: tuple[int, ...], chunks: tuple[int, ...]) -> list[tuple[slice, ...]]:
    """Cut along the channels and the first spatial axis, as the chunks lie."""
    cuts: list[tuple[slice, ...]] = [()]
    for size, chunk in list(zip(shape, chunks, strict=True))[: 1 + (chunks[0] == 1)]:
        ends = [slice(lo, min(lo + chunk, size)) for lo in range(0, size, chunk)]
        cuts = [(*cut, end) for cut in cuts for end in ends]
    return cuts


def _attributes(
    affine: Matrix,
    units: Sequence[str],
    axes: Sequence[str],
    lead: int,
    names: Mapping[int, str] | None,
) -> dict[str, Any]:
    sizes = [float(size) for size in voxel_size(affine)[-len(axes) :]]
    origin = [float(value) for value in affine[:-1, -1]]
    described = [{"name": "c", "type": "channel"}][:lead]
    for name, unit in zip(axes, units, strict=True):
        known = {"unit": _UNITS[unit]} if unit in _UNITS else {}
        kind = "time" if name == "t" else "space"
        described.append({"name": name, "type": kind, **known})
    transforms = [
        {"type": "scale", "scale": [1.0] * lead + sizes},
        {"type": "translation", "translation": [0.0] * lead + origin},
    ]
    level = {"path": "0", "coordinateTransformations": transforms}
    found: dict[str, Any] = {
        "multiscales": [{"version": "0.4", "axes": described, "datasets": [level]}]
    }
    if names is not None:
        properties = [{"label-value": value, "class": name} for value, name in names.items()]
        found["image-label"] = {"version": "0.4", "properties": properties}
    return found


def _notes(affine: Matrix) -> list[Note]:
    if tilt_angle(affine) <= 0.01 and (np.diag(affine)[:-1] > 0).all():
        return []
    text = (
        "an OME-Zarr directory holds the size of voxels and where the first lies, not their "
        f"direction ({describe(affine)}): write a NIfTI file to keep it"
    )
    return [Note(text, "warning")]
