"""Learning from open napari layers: pairs of them become files that the document names.

The files are written when the document is run or saved; until then the document says where they
will be. What is planned here is known without reading any value; those are taken in a thread.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_convnet.data import check_same_place
from napari_convnet.data.axes import Layout, layout
from napari_convnet.data.contents import Contents
from napari_convnet.data.layer_files import LayerFile
from napari_convnet.data.orientation import Turn
from napari_convnet.data.transforms import spatial_matrix
from napari_convnet.engine.control import Token
from napari_convnet.network import Input, UserError

from .layer_changes import LayerChanges, as_in_file, turn_of
from .reading import copied, span, values_of
from .source import form_of, world_matrix

if TYPE_CHECKING:
    from napari.layers import Image, Labels, Layer


@dataclass(frozen=True, eq=False)
class LayerPair:
    """What a network is shown, and what it is to answer.

    Parameters
    ----------
    image : napari.layers.Image
        The input.
    target : napari.layers.Labels or napari.layers.Image
        Labels to learn a segmentation, an image to learn its values.
    """

    image: Image
    target: Labels | Image


@dataclass(frozen=True, eq=False)
class Side:
    """One layer of a pair, as it is now; its values are read later, in a thread.

    Parameters
    ----------
    layer : Layer
        The layer, which only the window's thread may look into.
    values : array
        Its array.
    matrix : ndarray
        From its indices to the world, homogeneous.
    units : tuple of str
        Of each axis.
    name : str
        Its name.
    labels : bool
        Whether it names things; then people paint in its array.
    """

    layer: Layer
    values: Any
    matrix: NDArray[np.float64]
    units: tuple[str, ...]
    name: str
    labels: bool

    @classmethod
    def of(cls, layer: Any) -> Side:
        """Look into a layer."""
        units = tuple(str(unit) for unit in layer.units)
        labels = hasattr(layer, "selected_label")
        return cls(layer, values_of(layer), world_matrix(layer), units, layer.name, labels)

    @property
    def is_current(self) -> bool:
        """Whether the layer still has this array; asked on the window's thread."""
        return values_of(self.layer) is self.values


@dataclass(frozen=True, eq=False)
class Example:
    """A pair of layers at one step of its sliders.

    Parameters
    ----------
    image, target : Side
        The layers.
    layout : Layout
        What the axes of the image are.
    step : tuple of int
        Index on each slider; empty where there is none, and as long as it is not chosen.
    """

    image: Side
    target: Side
    layout: Layout
    step: tuple[int, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether the files of the layers are those of the example."""
        return not self.layout.sliders and self.layout.channel is None

    def steps(self, token: Token) -> Iterator[tuple[tuple[int, ...], bool, int]]:
        """Find the steps that count: each with whether there are labels, and the highest one.

        Of labels with sliders those count at which there are any, otherwise all.
        """
        sliders = self.layout.sliders
        for step in product(*(range(self.image.values.shape[axis]) for axis in sliders)):
            low, high = span(self.target.values[step], token) if self.target.labels else (0, 0)
            there = bool(low or high)
            if there or not sliders or not self.target.labels:
                yield step, there, high

    def images(self) -> Any:
        """Give the values that the network is shown, (C, *spatial) or (*spatial)."""
        found = self.layout
        index: list[Any] = [slice(None)] * len(self.image.values.shape)
        for axis, at in zip(found.sliders, self.step, strict=True):
            index[axis] = at
        data = self.image.values[tuple(index)]
        if found.channel is None:
            return data
        before = sum(axis < found.channel for axis in found.sliders)
        axis = -1 if found.rgb else found.channel - before
        return np.moveaxis(np.asarray(data), axis, 0)[: found.channels]

    def targets(self) -> Any:
        """Give the values that it is to answer, (*spatial): a view where they are an array."""
        # Before its spatial axes a target has the sliders alone.
        return self.target.values[self.step]


@dataclass(frozen=True, eq=False)
class Planned:
    """A layer, or a step of its sliders, and the file it is to become.

    Parameters
    ----------
    path : Path
        The file.
    example : Example
        What it is of.
    shown : bool
        Whether it is what the network is shown, rather than what it is to answer.
    turn : Turn, optional
        How the axes of the image's file were turned, where that stays the image.
    """

    path: Path
    example: Example
    shown: bool
    turn: Turn | None = None

    @property
    def side(self) -> Side:
        """The layer."""
        return self.example.image if self.shown else self.example.target

    @property
    def copies(self) -> bool:
        """Whether the values are a copy: of labels, since people paint on meanwhile."""
        return not self.shown and self.side.labels

    def read(self, token: Token, room: NDArray[Any] | None = None) -> NDArray[Any]:
        """Take the values.

        Parameters
        ----------
        token : Token
            Looked at between pieces.
        room : ndarray, optional
            An earlier copy, to be written over.
        """
        if self.copies:
            return copied(self.example.targets(), token, room)
        return np.asarray(self.example.images() if self.shown else self.example.targets())

    def file(self, values: NDArray[Any]) -> LayerFile:
        """Place values in the world."""
        side, found = self.side, self.example.layout
        rank = len(found.spatial)
        ndim = len(side.matrix) - 1
        spatial = found.spatial if self.shown else tuple(range(ndim - rank, ndim))
        places = found.sliders if self.shown else range(len(found.sliders))
        steps = dict(zip(places, self.example.step, strict=True))
        affine = spatial_matrix(side.matrix, spatial, steps)
        file = LayerFile(str(self.path), values, affine, side.units[-1], side.labels)
        if self.turn is None:
            return file
        # The image stays the file that it is: its labels take the same order of axes.
        affine = np.asarray(self.example.image.layer.metadata["file_affine"])
        return replace(file, array=as_in_file(values, self.turn), affine=affine)


@dataclass(frozen=True, eq=False)
class Plan:
    """What the document is to say, and how the files come about that make it true.

    Parameters
    ----------
    images, labels : str
        As the document names them.
    examples : tuple of Example
        The pairs, of which each step with labels is an example.
    folder : Path
        For the files.
    suffix : str
        Of their names.
    fixed : tuple of Planned, optional
        The files, where that does not depend on what is painted.
    """

    images: str
    labels: str
    examples: tuple[Example, ...]
    folder: Path
    suffix: str
    fixed: tuple[Planned, ...] | None = None

    def files(self, examples: Sequence[Example]) -> tuple[Planned, ...]:
        """Give the files of examples, each at its step."""
        if self.fixed is not None:
            return self.fixed
        files = []
        for one, name in zip(examples, _names(examples), strict=True):
            for kind in ("image", "labels"):
                path = self.folder / f"{name}_{kind}{self.suffix}"
                files.append(Planned(path, one, kind == "image"))
        return tuple(files)


def plan(
    pairs: Sequence[LayerPair], given: Input, folder: Path, own: str, changes: LayerChanges
) -> Plan:
    """Decide which file each layer becomes.

    Parameters
    ----------
    pairs : sequence of LayerPair
        The layers.
    given : Input
        The network's input: which axes it moves along.
    folder : Path
        What file names in the document start from.
    own : str
        Folder in it for the files.
    changes : LayerChanges
        Knows which layers came unchanged from a file.

    Raises
    ------
    UserError
        Where a pair does not lie in the same place, or does not suit the network.
    """
    if not pairs:
        raise UserError("no layers are chosen", "choose an image and its labels")
    examples = tuple(_example(pair, given) for pair in pairs)
    volumes = len(examples[0].layout.spatial) == 3
    channels = any(one.layout.channel is not None for one in examples)
    suffix = ".nii.gz" if volumes else ".npy" if channels else ".tif"
    if len(examples) == 1 and not examples[0].layout.sliders:
        return _single(examples[0], folder, own, suffix, changes)
    names = (f"{own}/*_image{suffix}", f"{own}/*_labels{suffix}")
    return Plan(*names, examples, folder / own, suffix)


def _single(one: Example, folder: Path, own: str, suffix: str, changes: LayerChanges) -> Plan:
    """Name the files that the layers came from, where they still say the same."""
    (name,) = _names([one])
    values, files = [], []
    image_file = changes.file_of(one.image.layer) if one.whole else None
    turn = turn_of(one.image.layer) if image_file is not None else None
    for kind, side in (("image", one.image), ("labels", one.target)):
        path = changes.file_of(side.layer) if one.whole else None
        if path is None:
            path = folder / own / f"{name}_{kind}{suffix}"
            files.append(Planned(path, one, kind == "image", turn))
        values.append(named(path, folder))
    return Plan(values[0], values[1], (one,), folder / own, suffix, tuple(files))


def named(path: Path, folder: Path) -> str:
    """Name a file as seen from a folder, where it lies in or near it."""
    try:
        found = os.path.relpath(path, folder)
    except ValueError:  # another drive
        return path.as_posix()
    near = not found.startswith(os.path.join("..", ".."))
    return Path(found).as_posix() if near else path.resolve().as_posix()


def _example(pair: LayerPair, given: Input) -> Example:
    image, target = Side.of(pair.image), Side.of(pair.target)
    shape, form = tuple(image.values.shape), form_of(pair.image, given)
    found = layout(shape, form, bool(pair.image.rgb), image.name)
    _check(image, target, found)
    return Example(image, target, found)


def _check(image: Side, target: Side, found: Layout) -> None:
    kept = (*found.sliders, *found.spatial)
    shape = tuple(image.values.shape[axis] for axis in kept)
    ndim = len(target.values.shape)
    if ndim != len(shape):
        sizes = "x".join(map(str, shape))
        what = f"{target.name} has {ndim} axes, and {image.name} {len(shape)} ({sizes})"
        raise UserError(what, 'press "New labels layer" for one of the same size')
    placed = image.matrix[np.ix_((*kept, -1), (*kept, -1))]
    units = tuple(image.units[axis] for axis in kept)
    both = (
        Contents(np.broadcast_to(np.uint8(0), shape), affine=placed, units=units),
        Contents(
            np.broadcast_to(np.uint8(0), target.values.shape),
            affine=target.matrix,
            units=target.units,
        ),
    )
    check_same_place(*both, names=(image.name, target.name))


def _names(examples: Sequence[Example]) -> list[str]:
    """Name the files after the layers; equal names are counted."""
    taken: set[str] = set()
    names = []
    for one in examples:
        stem = re.sub(r"[^\w-]+", "_", one.image.name).strip("_") or "layer"
        stem = "_".join([stem, *(f"{at:04d}" for at in one.step)])
        ways = (stem if n == 1 else f"{stem}-{n}" for n in range(1, len(examples) + 2))
        name = next(way for way in ways if way not in taken)
        taken.add(name)
        names.append(name)
    return names
