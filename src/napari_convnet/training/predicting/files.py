"""Predictions as files: placed as their input, and never half written."""

from __future__ import annotations

import csv
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from napari_convnet.data.contents import Note
from napari_convnet.data.write import whole_file, write_nifti, write_tiff
from napari_convnet.data.write_zarr import write_zarr
from napari_convnet.network import UserError

from .results import Regressed, Segmentation

FORMATS = (".nii.gz", ".nii", ".tif", ".tiff", ".npy", ".zarr")
"""Endings of files that predictions are written to."""

OF_RECORDINGS = (".npy", ".zarr")
"""Those of them that hold something with one axis."""

IN_MEMORY = 512 * 2**20
"""Larger arrays are kept in a file until they are written."""

Space = Callable[[tuple[int, ...], Any], Any]


def check_name(path: str | Path, rank: int = 3) -> Path:
    """Refuse a file that predictions cannot be written to: before anything is computed.

    Parameters
    ----------
    path : str or Path
        The file.
    rank : int
        Spatial axes of what is predicted on: 1 of a recording.

    Raises
    ------
    UserError
        Says which endings there are, or that there is no such folder.
    """
    path = Path(path)
    if not path.name.lower().endswith(FORMATS):
        raise UserError(
            f"{path} is of no kind that a prediction can be written to",
            f"let it end in one of {', '.join(FORMATS)}",
        )
    if rank == 1 and not path.name.lower().endswith(OF_RECORDINGS):
        raise UserError(
            f"{path} holds images and volumes, and this is a recording",
            f"let it end in {' or '.join(OF_RECORDINGS)}",
        )
    if not path.parent.is_dir():
        raise UserError(f"there is no folder {path.parent}", "make it, or choose another")
    return path


def save_prediction(
    result: Segmentation | Regressed, path: str | Path, *, probabilities: bool = False
) -> tuple[Note, ...]:
    """Write a prediction; the file is there when it is whole.

    Parameters
    ----------
    result : Segmentation or Regressed
        What was predicted.
    path : str or Path
        Ending in .nii.gz, .nii, .tif, .npy or .zarr; of a recording in one of the last two. NIfTI
        keeps the place, oblique ones too; TIFF and zarr the size of voxels; an array (.npy) comes
        with a .json of its place beside it.
    probabilities : bool
        Whether to write the probabilities of a segmentation instead of its labels, with the classes
        first: in 255 steps in NIfTI and TIFF files, else as float16.

    Returns
    -------
    tuple of Note
        What the format could not hold.

    Raises
    ------
    UserError
        If the name does not fit, or the file cannot be written.
    """
    path = check_name(path, len(result.axes))
    array, labels = _array(result, probabilities)
    name = path.name.lower()
    if name.endswith(".npy"):
        return _save_npy(result, path, array)
    if name.endswith(".zarr"):
        names = _names(result) if labels else None
        place = {"units": result.units, "axes": result.axes}
        return write_zarr(path, array, result.affine, **place, names=names)
    unit = result.units[-1]
    with scratch(path) as space:
        steps = _in_steps(array, space) if array.dtype == np.float16 else array
        if name.endswith((".tif", ".tiff")):
            axes = (*(("c",) * (steps.ndim - len(result.axes))), *result.axes)
            return write_tiff(path, steps, result.affine, unit=unit, axes=axes)
        slope = 1 / 255 if steps is not array else 1.0
        if steps.ndim > len(result.axes) == 2:
            # Else its channels would be taken for slices.
            steps = steps[:, None]
        return write_nifti(path, steps, result.affine, unit=unit, labels=labels, slope=slope)


def _array(result: Segmentation | Regressed, probabilities: bool) -> tuple[Any, bool]:
    """Give what is written, and whether it is labels."""
    if isinstance(result, Regressed):
        return result.values, False
    if not probabilities:
        return result.labels, True
    if result.probabilities is None:
        raise UserError("there are no probabilities", "predict with probabilities=True")
    return result.probabilities, False


def _names(result: Segmentation | Regressed) -> dict[int, str]:
    assert isinstance(result, Segmentation)
    return {i + result.first: name for i, name in enumerate(result.classes)}


def _in_steps(array: Any, space: Space) -> Any:
    """Turn 0 to 1 into 0 to 255, slab by slab: other programs do not read float16."""
    out = space(array.shape, np.uint8)
    for channel in range(array.shape[0]):
        for row in range(array.shape[1]):
            part = np.asarray(array[channel, row], np.float32)
            out[channel, row] = np.rint(part * 255).clip(0, 255).astype(np.uint8)
    return out


def _save_npy(result: Segmentation | Regressed, path: Path, array: Any) -> tuple[Note, ...]:
    with whole_file(path) as temporary, temporary.open("wb") as file:
        np.save(file, array)
    about = path.with_suffix(".json")
    with whole_file(about) as temporary:
        temporary.write_text(json.dumps(result.as_dict(), indent=1) + "\n", encoding="utf-8")
    return (Note(f"its place is in {about.name}"),)


@contextmanager
def scratch(path: Path) -> Iterator[Space]:
    """Give room for large arrays, in files beside `path` that are gone afterwards.

    Yields
    ------
    callable
        Makes an array of a shape and type; small ones are in memory.
    """
    folder: Path | None = None
    count = 0

    def space(shape: tuple[int, ...], dtype: Any) -> Any:
        nonlocal folder, count
        if int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize <= IN_MEMORY:
            return np.empty(shape, dtype)
        if folder is None:
            folder = Path(tempfile.mkdtemp(prefix=".predicting-", dir=path.parent))
        count += 1
        return np.lib.format.open_memmap(folder / f"{count}.npy", "w+", np.dtype(dtype), shape)

    try:
        yield space
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def write_table(result: Segmentation, path: str | Path) -> None:
    """Write the table of classes as a .csv file: voxels, millilitres, measures where there are any.

    Raises
    ------
    UserError
        If it cannot be written.
    """
    rows = result.rows()
    with (
        whole_file(Path(path)) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
