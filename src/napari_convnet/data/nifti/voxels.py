"""The voxels of a NIfTI file: their values, and the order of their axes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from ...network.problems import UserError
from ..settings import text_of
from ..values import AnyArray
from .opening import files_of

_CIFTI_INTENTS = range(3000, 3100)

# Deflate makes nothing smaller than this.
_MOST_SQUEEZED = 1100


def check_size(path: Path, image: Any) -> None:
    """Refuse a header that promises no voxels, or more than the file can hold."""
    if int(image.header.get("intent_code", 0)) in _CIFTI_INTENTS:
        raise UserError(f"{path} holds values on surfaces (CIFTI), not a scan", "name a scan")
    if not image.shape or min(image.shape) < 1:
        raise UserError(f"{path} has no voxels: its header says {text_of(image.shape)}")
    wanted = math.prod(image.shape) * image.get_data_dtype().itemsize
    file = files_of(path)[1]
    size = file.stat().st_size
    most = size * _MOST_SQUEEZED if file.suffix.lower() == ".gz" else size
    if wanted > most:
        raise UserError(
            f"{file} is cut short or damaged: its header promises {text_of(image.shape)} voxels "
            f"({wanted:,} bytes), and the file has {size:,} bytes",
            "copy it again",
        )


def values_of(image: Any) -> AnyArray:
    """Return the voxels with slope and intercept applied; whole numbers stay whole without them."""
    proxy = image.dataobj
    if (proxy.slope == 1 and proxy.inter == 0) or proxy.dtype.kind not in "uif":
        array = np.asanyarray(proxy)
    else:
        array = np.asarray(proxy, dtype=np.float32 if _fits_32_bits(proxy) else np.float64)
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        array = array.astype(np.float64)
    return np.asarray(array.astype(array.dtype.newbyteorder("="), copy=False))


def _fits_32_bits(proxy: Any) -> bool:
    """Whether 32-bit floats tell apart all values that slope and intercept make."""
    levels = proxy.dtype.itemsize <= 2 or proxy.dtype == np.float32
    slope, inter = abs(float(proxy.slope)), abs(float(proxy.inter))
    return bool(levels and 1e-20 < slope < 1e20 and inter <= 1e6 * slope)


def kept(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Leave out further axes of one entry, and give every scan three axes."""
    space = (*shape, 1, 1)[:3]
    return space + tuple(size for size in shape[3:] if size > 1)


def ordered(array: AnyArray) -> AnyArray:
    """Bring (x, y, z, t, ...) into (..., t, z, y, x), with colours last."""
    array = array.reshape(kept(array.shape), order="F").T
    if array.dtype.names:
        return np.stack([array[name] for name in array.dtype.names], axis=-1)
    return array


def axes_of(shape: tuple[int, ...]) -> tuple[str, ...]:
    """Name the axes of `ordered`'s array, but for its colours."""
    further = ["t", "channel", "axis 6", "axis 7"]
    named = [name for name, size in zip(further, shape[3:], strict=False) if size > 1]
    return (*reversed(named), "z", "y", "x")
