"""From a NIfTI file to what it holds, in its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ...network.problems import UserError
from ..contents import Choice, Contents, Header, Note
from ..label_values import label_values
from ..orientation import number, with_leading_axes
from ..settings import text_of
from ..values import slice_notes, value_notes
from .opening import opened
from .place import placed, times_of
from .voxels import axes_of, check_size, kept, ordered, values_of

_LABEL_INTENT = 1002


@np.errstate(all="ignore")  # damaged headers have numbers beyond all bounds
def read_nifti(path: Path, choice: Choice) -> Contents:
    """Read a NIfTI or Analyze file."""
    with opened(path) as (image, notes):
        check_size(path, image)
        try:
            array = values_of(image)
        except MemoryError:
            held = f"{path} holds {text_of(image.shape)} voxels"
            raise UserError(f"{held}: more than there is memory", "cut out a part of it") from None
        affine, told = placed(path, image, choice)
    rgb = array.dtype.names is not None
    array = ordered(array)
    notes += told
    stated = int(image.header.get("intent_code", 0)) == _LABEL_INTENT
    labels, why = (None, ()) if rgb else label_values(path, array, stated=stated)
    array = array if labels is None else labels
    lead = array.ndim - rgb - 3
    affine, units = with_leading_axes(affine, lead), ("pixel",) * lead + ("mm",) * 3
    times = times_of(image)
    if times is not None:
        affine[lead - 1, lead - 1], affine[lead - 1, -1] = times
        units = (*units[: lead - 1], "s", *units[lead:])
    return Contents(
        array=array,
        rgb=rgb,
        affine=affine,
        units=units,
        axes=axes_of(image.shape),
        notes=(
            *notes,
            *_time_notes(image, times),
            *slice_notes(kept(image.shape)[2::-1]),
            *why,
            *value_notes(array),
        ),
        labels=labels is not None,
        name=path.name,
    )


def look_at_nifti(path: Path, choice: Choice) -> Header:
    """Read the shape of a NIfTI or Analyze file."""
    with opened(path) as (image, _):
        colours = image.get_data_dtype().names
        shape = kept(image.shape)[::-1]
    return Header((*shape, len(colours)) if colours else shape, rgb=bool(colours))


def _time_notes(image: Any, times: tuple[float, float] | None) -> list[Note]:
    if len(image.shape) < 4 or image.shape[3] < 2:
        return []
    text = f"the file holds {image.shape[3]} volumes"
    if times is None:
        return [Note(f"{text}, and does not say how far apart in time: axis t counts them")]
    return [Note(f"{text}, {number(times[0])} s apart: axis t is their time")]
