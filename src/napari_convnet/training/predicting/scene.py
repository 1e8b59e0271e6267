"""What is predicted on: any array, layer or file, read where it is looked at, in its place."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_convnet.data import Contents, read_contents
from napari_convnet.data.contents import Note
from napari_convnet.data.settings import Input as Sizes
from napari_convnet.data.settings import Shape
from napari_convnet.data.sound import EAR_AXES, check_ears
from napari_convnet.document import Data
from napari_convnet.maps import Source, open_input
from napari_convnet.network import Input

Matrix = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Scene:
    """An input as the network is given it, and where its own voxels lie.

    Parameters
    ----------
    source : Source
        What the network is given: resampled, fitted and normalised as the document says.
    shape : tuple of int
        Size of the input along its spatial axes, as it came.
    affine : numpy.ndarray
        Its place, as it came.
    moved : bool
        Whether the network is given other voxels than its own, as ``spacing:`` or ``fit:`` say.
    name : str
        What to call it.
    notes : tuple of Note
        What was found in its file, and what was done about it.
    """

    source: Source
    shape: Shape
    affine: Matrix
    moved: bool = False
    name: str = ""
    notes: tuple[Note, ...] = ()


def make_scene(sample: Any, input: Input, data: Data | None = None) -> Scene:
    """Open what is predicted on.

    Parameters
    ----------
    sample : path, Contents, Sample or array-like
        A file; what `read_contents` gave, which may be lazy; a sample; or anything with ``shape``,
        ``dtype`` and slicing. It is read only where that is needed, unless it is resampled or
        fitted.
    input : Input
        The network's input.
    data : Data, optional
        The document's ``data:``.

    Raises
    ------
    UserError
        If it cannot be read, or does not fit the network.
    """
    if isinstance(sample, str | os.PathLike):
        path = Path(sample)
        sample = read_contents(path, accept=() if data is None else data.accept)
        sample = replace(sample, name=sample.name or path.name)
    if isinstance(sample, Contents):
        sample = _heard(sample, tuple(input.shape))
    own = _opened(sample, input)
    source = own if data is None else _opened(sample, input, data)
    same = source.shape == own.shape and np.allclose(source.affine, own.affine)
    return Scene(
        source=source,
        shape=own.shape[1:],
        affine=own.affine,
        moved=not same,
        name=own.name,
        notes=tuple(getattr(sample, "notes", ())),
    )


def _opened(sample: Any, input: Input, data: Data | None = None) -> Source:
    if not isinstance(sample, Contents):
        return open_input(input, sample, path=data)
    return open_input(
        input,
        sample.array,
        affine=sample.affine,
        units=sample.units,
        axes=sample.axes,
        rgb=sample.rgb,
        name=sample.name,
        path=data,
    )


def _heard(found: Contents, input: Sizes) -> Contents:
    """Refuse a recording with too few ears; a network with one channel hears the first."""
    found = check_ears(found, input, found.name or "the recording")
    one = found.axes == EAR_AXES and len(input) == 2 and input[0] == 1
    return replace(found, array=found.array[:1]) if one else found
