"""The numbers of an image: which kinds are taken, and how they become 32-bit floats.

Integers keep their values: a gray level of 200 stays 200. Scaling is the document's business
(``normalize:``), never hidden in reading.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..network.problems import UserError
from .axes import axis_names
from .contents import Note
from .settings import text_of

AnyArray = NDArray[Any]

# numpy's letters for the kinds of number that make an image.
_KINDS = "buif"

# Up to here 32-bit floats tell all whole numbers apart.
_WHOLE = 1 << 24

_FIXES = {
    "c": ("complex numbers", "take their size, numpy.abs(image), or one part of them"),
    "O": ("Python objects", "make it an array of numbers; rows must have the same length"),
    "U": ("text", "give an array of numbers"),
    "S": ("text", "give an array of numbers"),
}


def as_array(data: Any, name: str) -> Any:
    """Return `data` if it is array-like (shape, dtype, indexing), else make an array of it.

    Arrays that load lazily stay lazy: only the step that is looked at will be read.

    Raises
    ------
    UserError
        If no array can be made of it.
    """
    if _is_array(data):
        return data
    try:
        return np.asarray(data)
    except (TypeError, ValueError):
        raise UserError(f"{name} is not an array of numbers", _FIXES["O"][1]) from None


def check_kind(array: Any, name: str) -> None:
    """Refuse arrays of what is not a number, and those without a single one.

    Raises
    ------
    UserError
        If the array is empty, a single number, complex, text or objects.
    """
    kind = np.dtype(array.dtype).kind
    if kind not in _KINDS:
        holds, fix = _FIXES.get(kind, (f"{array.dtype} values", "give an array of numbers"))
        raise UserError(f"{name} holds {holds}", fix)
    if array.ndim == 0:
        raise UserError(f"{name} is a single number", "give an array with an axis or more")
    if 0 in tuple(array.shape):
        raise UserError(f"{name} is empty ({text_of(array.shape)})", "choose one with pixels")


def check_finite(array: AnyArray, name: str, axes: tuple[str, ...] = ()) -> None:
    """Refuse NaN and infinite values, and those beyond 32-bit floats.

    Raises
    ------
    UserError
        Says how many there are, and where the first is.
    """
    if array.dtype.kind != "f" or _all_fit(array):
        return
    bad = ~np.isfinite(array)
    count = int(bad.sum())
    if not count:
        raise UserError(
            f"{name} has values up to {np.abs(array).max():.3g}, beyond 32-bit numbers",
            "divide the image by a constant",
        )
    first = np.unravel_index(int(np.argmax(bad)), array.shape)
    names = axes or ("channel", *axis_names(array.ndim - 1))
    where = ", ".join(f"{axis} {i}" for axis, i in zip(names, first, strict=True))
    raise UserError(
        f"{name} has {count} NaN or infinite values of {array.size} (the first at {where})",
        "replace them first, for example with numpy.nan_to_num(image)",
    )


def value_notes(array: AnyArray) -> tuple[Note, ...]:
    """Tell what is odd about a file's values: not finite, too large for networks, all the same."""
    if array.dtype.kind not in _KINDS or array.size == 0:
        return ()
    with np.errstate(all="ignore"):
        low, high = array.min(), array.max()
    if array.dtype.kind == "f" and not np.isfinite([low, high]).all():
        count = int(array.size - np.isfinite(array).sum())
        if count == array.size:
            return (Note(f"none of its {count:,} values is a finite number", "warning"),)
        text = f"{count:,} of its {array.size:,} values are NaN or infinite: networks refuse them"
        return (Note(f"{text} until they are replaced", "warning"),)
    if array.dtype.kind in "iu" and max(int(high), -int(low)) > _WHOLE:
        text = (
            f"its values go from {int(low):,} to {int(high):,}: networks compute with 32-bit floats"
        )
        return (Note(f"{text}, which hold whole numbers exactly up to {_WHOLE:,}", "warning"),)
    if low == high and array.size > 1:
        return (Note(f"all of its values are {low:g}: there is nothing to see", "warning"),)
    return ()


def slice_notes(shape: tuple[int, ...]) -> tuple[Note, ...]:
    """Tell where a volume (..., z, y, x) is a single slice."""
    if len(shape) < 3 or shape[-3] != 1:
        return ()
    text = "the volume is a single slice: a network for volumes sees nothing above and below it"
    return (Note(text),)


def _all_fit(array: AnyArray) -> bool:
    # Minimum and maximum pass NaN on, and need no array of flags as large as the image.
    with np.errstate(invalid="ignore"):
        low, high = float(array.min()), float(array.max())
    limit = float(np.finfo(np.float32).max)
    return -limit <= low and high <= limit


def _is_array(data: Any) -> bool:
    if not all(hasattr(data, attribute) for attribute in ("shape", "ndim", "__getitem__")):
        return False
    try:
        np.dtype(data.dtype)
    except (AttributeError, TypeError):
        return False  # another library's type, such as a torch tensor's
    return True


def slabs(array: AnyArray) -> Iterator[tuple[int, AnyArray]]:
    """Go through a large array by parts of about four million numbers: where each begins, and it.

    What is computed of a part then takes little memory, of whatever type it is.
    """
    step = max(1, 2**22 // max(1, array[:1].size))
    for first in range(0, len(array), step):
        yield first, array[first : first + step]


def counted(array: AnyArray, least: int, count: int) -> NDArray[np.int64]:
    """Count how often each of the `count` whole numbers from `least` occurs."""
    counts = np.zeros(count, np.int64)
    for _, slab in slabs(array):
        counts += np.bincount(slab.astype(np.int64).ravel() - least, minlength=count)
    return counts
