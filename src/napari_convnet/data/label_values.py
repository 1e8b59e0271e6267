"""Whether a file's values are names of things (a segmentation) or intensities."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from .contents import Contents, Note
from .values import AnyArray

_NAME = re.compile(
    r"(^|[^a-z])(labels?|labels?t[rs]|lbls?|[ad]?seg|segmentations?|(brain)?masks?|tissues?|organs?|"
    r"aparc|parcellations?|annotations?|rois?|ground.?truth|gt)([^a-z]|$)"
)


# As nnU-Net and others lay data out: the files in these bear the names of their images.
_FOLDERS = {"labels", "labelstr", "labelsts", "masks"}


def label_values(
    path: Path, array: AnyArray, *, stated: bool = False
) -> tuple[AnyArray | None, tuple[Note, ...]]:
    """Return the values as whole numbers where they are names of things, or None.

    Parameters
    ----------
    path : Path
        Of the file: "head_tissue.nii.gz" is one of labels where its values are whole numbers, and
        so are those in a folder "labelsTr".
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
    folder = path.parent.name if path.parent.name.lower() in _FOLDERS else ""
    named = _NAME.search(path.name.lower()) or _NAME.search(folder.lower())
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


def labelled(found: Contents, path: Path) -> Contents:
    """Return what a file or folder holds, as labels where `label_values` says so."""
    if found.rgb or not found.array.size:
        return found
    labels, why = label_values(path, found.array)
    if labels is None:
        return found
    return replace(found, array=labels, labels=True, notes=(*found.notes, *why))


def _because(word: str) -> Note:
    return Note(f'read as labels: the name says "{word}", and all values are whole numbers')


def _whole(array: AnyArray) -> AnyArray | None:
    """Return an array as integers where it holds nothing but whole numbers from 0 up."""
    if array.dtype.kind == "b":
        return array.astype(np.uint8)
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
