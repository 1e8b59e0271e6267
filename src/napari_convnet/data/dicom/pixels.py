"""Pixels: decoded by pydicom and the packages behind it, with their values as they are meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from ...network.problems import UserError
from ..values import AnyArray
from .apart import Apart
from .files import guarded, read_dataset
from .messages import cut_short
from .pictures import File, Picture

# Which package decodes what: the one that is most careful with damaged data.
_DECODERS = MappingProxyType(
    {
        "1.2.840.10008.1.2.4.50": "pillow",
        "1.2.840.10008.1.2.4.51": "pillow",
        "1.2.840.10008.1.2.4.57": "gdcm",
        "1.2.840.10008.1.2.4.70": "gdcm",
        "1.2.840.10008.1.2.4.80": "pyjpegls",
        "1.2.840.10008.1.2.4.81": "pyjpegls",
        "1.2.840.10008.1.2.4.90": "pylibjpeg",
        "1.2.840.10008.1.2.4.91": "pylibjpeg",
        "1.2.840.10008.1.2.4.201": "pylibjpeg",
        "1.2.840.10008.1.2.4.202": "pylibjpeg",
        "1.2.840.10008.1.2.4.203": "pylibjpeg",
        "1.2.840.10008.1.2.5": "pydicom",
    }
)
_PACKAGES = MappingProxyType(
    {
        "gdcm": "python-gdcm",
        "pyjpegls": "pyjpegls",
        "pylibjpeg": "pylibjpeg-openjpeg",
        "pillow": "pillow",
    }
)
_FRAGILE = {"gdcm"}
"""Decoders that can take the whole program with them: they work in a process of their own."""

_IMPLICIT, _EXPLICIT, _BIG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"


def values(pictures: Sequence[Picture]) -> AnyArray:
    """Read the pictures, one behind the other: (n, rows, columns) or, coloured, (..., 3).

    Integers stay integers where slope and intercept are whole numbers.

    Raises
    ------
    UserError
        If a file is damaged, or needs a package that is not there.
    """
    found: AnyArray | None = None
    for index, array in _decoded(pictures):
        if found is None:
            found = np.empty((len(pictures), *array.shape), array.dtype)
        if not np.can_cast(array.dtype, found.dtype):
            found = found.astype(np.promote_types(array.dtype, found.dtype))
        found[index] = array
    if found is None:
        raise ValueError("no picture was decoded")
    return found


def _decoded(pictures: Sequence[Picture]) -> Iterator[tuple[int, AnyArray]]:
    """Yield each picture's place among `pictures` and its values; each file is read once."""
    places = sorted(range(len(pictures)), key=lambda i: str(pictures[i].file.path))
    with Apart() as apart:
        for _, group in groupby(places, key=lambda i: pictures[i].file.path):
            indices = list(group)
            file = pictures[indices[0]].file
            dataset = read_dataset(file.path, pixels=True)
            with guarded(file.path):
                frames = _frames(dataset, file, [pictures[i].frame for i in indices], apart)
                for index, frame in zip(indices, frames, strict=True):
                    yield index, _meant(frame, dataset, pictures[index])


def _frames(dataset: Any, file: File, frames: Sequence[int], apart: Apart) -> Iterator[AnyArray]:
    """Decode frames of a file in the order asked for, colours as RGB."""
    from pydicom.pixels.utils import iter_pixels

    _name_syntax(dataset)
    _check_length(dataset, file)
    plugin = _plugin(dataset, file.path)
    wanted = [*file.size, *([file.samples] if file.samples > 1 else [])]
    pixels: Iterable[AnyArray] = (
        apart.frames(file.path, frames, plugin)
        if plugin in _FRAGILE
        else iter_pixels(dataset, indices=frames, decoding_plugin=plugin)
    )
    for frame in pixels:
        if list(frame.shape) != wanted:
            raise ValueError(f"a frame has {frame.shape} pixels, not {tuple(wanted)}")
        yield frame.astype(frame.dtype.newbyteorder("="), copy=False)


def _meant(stored: AnyArray, dataset: Any, picture: Picture) -> AnyArray:
    """Bring stored values to what they stand for: a palette's colours, Hounsfield units."""
    from pydicom.pixels.processing import apply_color_lut, apply_modality_lut

    if picture.file.photometric == "PALETTE COLOR":
        coloured: AnyArray = apply_color_lut(stored, dataset)[..., :3]
        return coloured
    if picture.file.is_coloured:
        return stored
    if dataset.get("ModalityLUTSequence"):
        table: AnyArray = apply_modality_lut(stored, dataset)
        return table
    return stored if picture.rescale is None else rescaled(stored, *picture.rescale)


def rescaled(stored: AnyArray, slope: float, intercept: float) -> AnyArray:
    """Apply slope and intercept; whole numbers stay whole.

    Examples
    --------
    >>> rescaled(np.array([0, 4095], np.uint16), 1.0, -1024.0)
    array([-1024,  3071], dtype=int16)
    """
    if (slope, intercept) == (1, 0):
        return stored
    if stored.dtype.kind in "iu" and slope.is_integer() and intercept.is_integer():
        ends = [int(end) * int(slope) + int(intercept) for end in (stored.min(), stored.max())]
        for dtype in (np.int16, np.int32, np.int64):
            limits = np.iinfo(dtype)
            if limits.min <= min(ends) and max(ends) <= limits.max:
                return (stored.astype(np.int64) * int(slope) + int(intercept)).astype(dtype)
    # 16 bits times a slope fit into the 24 bits of a 32-bit float's digits as well as they can.
    dtype_float = np.float32 if stored.dtype.itemsize <= 2 else np.float64
    return (stored * np.float64(slope) + np.float64(intercept)).astype(dtype_float)


def _name_syntax(dataset: Any) -> None:
    """Fill in how the pixels are stored where a file without a preamble does not say."""
    from pydicom.dataset import FileMetaDataset

    if getattr(dataset, "file_meta", None) is None:
        dataset.file_meta = FileMetaDataset()
    if not dataset.file_meta.get("TransferSyntaxUID"):
        implicit, little = dataset.original_encoding
        syntax = _IMPLICIT if implicit else _EXPLICIT if little else _BIG
        dataset.file_meta.TransferSyntaxUID = syntax


def _check_length(dataset: Any, file: File) -> None:
    """Refuse files whose uncompressed pixels end too soon."""
    syntax = str(dataset.file_meta.TransferSyntaxUID)
    held = next((dataset.get(name) for name in _PIXELS if name in dataset), None)
    if held is None:
        raise ValueError("it has no pixels")
    if syntax in _DECODERS or file.photometric == "YBR_FULL_422":
        return
    count = file.frames * file.size[0] * file.size[1] * file.samples
    wanted = -(-count * file.bits // 8)
    if len(held) < wanted:
        raise cut_short(file.path, len(held), wanted)


_PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")


def _plugin(dataset: Any, path: Path) -> str:
    """Package that decodes a file's pixels; "" for pixels that are stored as they are."""
    from pydicom.pixels.decoders.base import get_decoder

    syntax = dataset.file_meta.TransferSyntaxUID
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        raise UserError(
            f"{path} is compressed as {syntax.name}, which cannot be read",
            "convert it first, for example with dcmdjpeg or gdcmconv",
        ) from None
    plugin = _DECODERS.get(str(syntax), "")
    if plugin and plugin not in decoder.available_plugins:
        raise UserError(
            f"{path} is compressed as {syntax.name}, which needs the package "
            f"{_PACKAGES.get(plugin, plugin)}",
            "pip install 'napari-convnet[medical]'",
        )
    return plugin
