"""Whether a file's values are names of things (a segmentation) or intensities."""

from __future__ import annotations

import re

import numpy as np

from .contents import Note
from .values import AnyArray

_NAME = re.compile(
    r"(^|[^a-z])(labels?|d?seg|aseg|segmentations?|masks?|tissues?|organs?|aparc|annotations?|rois?)"
    r"([^a-z]|$)"
)


def label_values(
    name: str, array: AnyArray, *, stated: bool = False
) -> tuple[AnyArray | None, tuple[Note, ...]]:
    """Return the values as whole numbers where they are names of things, or None.

    Parameters
    ----------
    name : str
        Of the file: "head_tissue.nii.gz" is one of labels where its values are whole numbers.
    array : numpy.ndarray
        The values.
    stated : bool
        Whether the file itself says that it holds labels.

    Returns
    -------
    numpy.ndarray or None
        Integers; None for an image.
    tuple of Note
        Why it was taken for what it was.
    """
    named = _NAME.search(name.lower())
    if not (named or stated):
        return None, ()
    whole = _whole(array)
    if whole is not None:
        why = () if stated or named is None else (_because(named[2]),)
        return whole, why
    if not stated:
        return None, ()
    text = "the file says that it holds labels, but not all values are whole numbers from 0 up"
    return None, (Note(f"{text}: read as an image", "warning"),)


def _because(word: str) -> Note:
    return Note(f'read as labels: the name says "{word}", and all values are whole numbers')


def _whole(array: AnyArray) -> AnyArray | None:
    """Return an array as integers where it holds nothing but whole numbers from 0 up."""
    if array.dtype.kind not in "uif":
        return None
    with np.errstate(all="ignore"):
        low, high = array.min(), array.max()
        if not (low >= 0 and high < 2**31):
            return None
        if array.dtype.kind in "ui":
            return array
        whole = array.astype(np.int32)
    return whole if bool((whole == array).all()) else None
