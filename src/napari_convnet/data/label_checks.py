"""From the values of a label file to class numbers, with a message about what has no class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..network.problems import UserError, listed
from .augmentation import IGNORED
from .values import AnyArray, counted

# Of the values that have no class, how many a message names.
_MOST_NAMED = 5

# Values over a wider range than this are sorted, not counted one by one.
_MOST_COUNTED = 2**16


def class_numbers(
    labels: AnyArray, unlabelled: int | None, count: int | None, name: str
) -> NDArray[Any]:
    """Turn label values into class numbers.

    Parameters
    ----------
    labels : numpy.ndarray
        (*spatial), whole numbers of any type.
    unlabelled : int, optional
        The value that means "not labelled"; with 0, as in painted layers, class = label - 1.
    count : int, optional
        Number of classes, where it is known.
    name : str
        What to call the labels.

    Returns
    -------
    numpy.ndarray
        int8 or int16, `IGNORED` where nothing is labelled.

    Raises
    ------
    UserError
        If there are values that are no whole numbers, or have no class: which, and how often.
    """
    _check_whole(labels, name)
    shift = 1 if unlabelled == 0 else 0
    values, counts = _occurring(labels)
    known = values != unlabelled if unlabelled is not None else np.ones(len(values), bool)
    high = np.iinfo(np.int16).max if count is None else count - 1
    wrong = known & ((values < shift) | (values > high + shift))
    if wrong.any():
        raise _outside(values[wrong], counts[wrong], count, shift, name)
    highest = int(values[known].max()) - shift if known.any() else 0
    kind = np.int8 if highest <= np.iinfo(np.int8).max else np.int16
    with np.errstate(invalid="ignore"):
        # What is beyond the type is not labelled, and replaced.
        out: NDArray[Any] = labels.astype(kind)
    if shift:
        out -= kind(shift)
    if unlabelled is not None:
        out[labels == unlabelled] = IGNORED
    return out


def _check_whole(labels: AnyArray, name: str) -> None:
    if labels.dtype.kind in "bui":
        return
    if labels.dtype.kind != "f":
        raise UserError(f"{name} holds {labels.dtype} values", "save them as whole numbers from 0")
    with np.errstate(invalid="ignore"):
        wrong = (labels != np.floor(labels)) | np.isinf(labels)
    if wrong.any():
        first = labels[wrong][0]
        what = (
            f"{name} holds {int(wrong.sum()):,} values that are no whole numbers, such as {first:g}"
        )
        raise UserError(what, "save them as whole numbers from 0, one for each class")


def _occurring(labels: AnyArray) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """List the values that occur, and how often."""
    low, high = int(labels.min()), int(labels.max())
    if high - low < _MOST_COUNTED:
        each = counted(labels, low, high - low + 1)
        there = np.flatnonzero(each)
        return there + low, each[there]
    values, counts = np.unique(labels, return_counts=True)
    return values, counts.astype(np.int64)


def _outside(
    values: NDArray[Any], counts: NDArray[np.int64], count: int | None, shift: int, name: str
) -> UserError:
    each = [
        f"{value:g} ({n:,} {'voxel' if n == 1 else 'voxels'})"
        for value, n in zip(
            values[:_MOST_NAMED].tolist(), counts[:_MOST_NAMED].tolist(), strict=True
        )
    ]
    if len(values) > _MOST_NAMED:
        each.append(f"{len(values) - _MOST_NAMED} more")
    found = listed(each, "and")
    if count is None:
        return UserError(f"{name} has values that number no class: {found}", "number them from 0")
    classes = "1 class" if count == 1 else f"{count} classes"
    what = f"{name} has values outside the {classes} ({shift} to {count - 1 + shift}): {found}"
    start = "from 1" if shift else "from 0"
    return UserError(
        what,
        f"name every class in classes:, {start}, or write unlabelled: with what does not count",
    )


def class_names(
    given: Sequence[str], named: Mapping[int, str], highest: int, shift: int = 0
) -> tuple[str, ...]:
    """Name the classes: as the document does, else as the label files do, else by their numbers.

    Examples
    --------
    >>> class_names((), {0: "other", 1: "bone"}, 1), class_names((), {}, 2)
    (('other', 'bone'), ('0', '1', '2'))
    """
    if given:
        return tuple(given)
    numbers = range(shift, highest + shift + 1)
    return tuple(named.get(number, str(number)) for number in numbers)
