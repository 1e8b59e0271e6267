"""Learning from open napari layers: pairs of them become files that the document names.

The files are written when the document is run or saved; until then the document says where they
will be.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_convnet.data import check_same_place
from napari_convnet.data.axes import Layout, layout, volume_input
from napari_convnet.data.contents import Contents
from napari_convnet.data.layer_files import LayerFile
from napari_convnet.data.transforms import spatial_matrix
from napari_convnet.document import Pipeline, edit
from napari_convnet.network import Input, UserError

from .layer_changes import LayerChanges, as_in_file, turn_of
from .source import world_matrix

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
class Planned:
    """A layer, or a step of its sliders, and the file it is to become.

    Parameters
    ----------
    path : Path
        The file.
    layer : Layer
        The layer.
    make : callable
        Takes the values now.
    """

    path: Path
    layer: Layer
    make: Callable[[], LayerFile]


@dataclass(frozen=True, eq=False)
class Plan:
    """What the document is to say, and the files that make it true.

    Parameters
    ----------
    images, labels : str
        As the document names them.
    files : tuple of Planned
        Those that do not exist yet, or may have changed.
    """

    images: str
    labels: str
    files: tuple[Planned, ...]


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
    parts = [part for pair in pairs for part in _parts(pair, given)]
    suffix = (
        ".nii.gz" if len(volume_input(given)) == 4 else ".tif" if given.channels == 1 else ".npy"
    )
    if len(parts) == 1 and not parts[0].step:
        return _single(parts[0], folder, own, suffix, changes)
    files = []
    for part, name in zip(parts, _names(parts), strict=True):
        for kind in ("image", "labels"):
            path = folder / own / f"{name}_{kind}{suffix}"
            files.append(part.planned(kind, path))
    return Plan(f"{own}/*_image{suffix}", f"{own}/*_labels{suffix}", tuple(files))


def _single(part: _Part, folder: Path, own: str, suffix: str, changes: LayerChanges) -> Plan:
    """Name the files that the layers came from, where they still say the same."""
    (name,) = _names([part])
    values, files = [], []
    image_file = changes.file_of(part.pair.image) if part.whole else None
    for kind, layer in (("image", part.pair.image), ("labels", part.pair.target)):
        path = changes.file_of(layer) if part.whole else None
        if path is None:
            path = folder / own / f"{name}_{kind}{suffix}"
            files.append(part.planned(kind, path, like_file=image_file is not None))
        values.append(named(path, folder))
    return Plan(values[0], values[1], tuple(files))


def named(path: Path, folder: Path) -> str:
    """Name a file as seen from a folder, where it lies in or near it."""
    try:
        found = os.path.relpath(path, folder)
    except ValueError:  # another drive
        return path.as_posix()
    near = not found.startswith(os.path.join("..", ".."))
    return Path(found).as_posix() if near else path.resolve().as_posix()


@dataclass(frozen=True, eq=False)
class _Part:
    """One example: a pair of layers at one step of their sliders."""

    pair: LayerPair
    layout: Layout
    step: tuple[int, ...] = ()

    @property
    def whole(self) -> bool:
        return not self.step and self.layout.channel is None

    def planned(self, kind: str, path: Path, like_file: bool = False) -> Planned:
        layer = self.pair.image if kind == "image" else self.pair.target
        make = self._image if kind == "image" else self._target
        turn = turn_of(self.pair.image) if like_file else None

        def made() -> LayerFile:
            file = make(path)
            if turn is None:
                return file
            # The image stays the file that it is: its labels take the same order of axes.
            affine = np.asarray(self.pair.image.metadata["file_affine"])
            return replace(file, array=as_in_file(file.array, turn), affine=affine)

        return Planned(path, layer, made)

    def _image(self, path: Path) -> LayerFile:
        found, data = self.layout, np.asarray(_values(self.pair.image))
        data = data[self._index(data.ndim)]
        if found.channel is not None:
            before = sum(axis < found.channel for axis in found.sliders)
            axis = -1 if found.rgb else found.channel - before
            data = np.moveaxis(data, axis, 0)[: found.channels]
        return self._file(path, self.pair.image, data, found.spatial, labels=False)

    def _target(self, path: Path) -> LayerFile:
        layer = self.pair.target
        data = np.asarray(_values(layer))
        values = data[self._index(data.ndim)].copy()
        rank = len(self.layout.spatial)
        spatial = tuple(range(layer.ndim - rank, layer.ndim))
        return self._file(path, layer, values, spatial, labels=hasattr(layer, "selected_label"))

    def _index(self, ndim: int) -> tuple[Any, ...]:
        index: list[Any] = [slice(None)] * ndim
        for axis, at in zip(self.layout.sliders, self.step, strict=False):
            index[axis] = at
        return tuple(index)

    def _file(
        self, path: Path, layer: Any, data: Any, spatial: tuple[int, ...], *, labels: bool
    ) -> LayerFile:
        steps = dict(zip(self.layout.sliders, self.step, strict=False))
        affine = spatial_matrix(world_matrix(layer), spatial, steps)
        return LayerFile(str(path), data, affine, str(layer.units[-1]), labels)


def _values(layer: Any) -> Any:
    return layer.data[0] if layer.multiscale else layer.data


def _parts(pair: LayerPair, given: Input) -> Iterator[_Part]:
    """Give the examples in a pair: one, or one for each step of sliders at which labels are."""
    image, target = pair.image, pair.target
    found = layout(tuple(_values(image).shape), volume_input(given), bool(image.rgb), image.name)
    _check_pair(pair, found)
    if not found.sliders:
        yield _Part(pair, found)
        return
    for step in product(*(range(_values(image).shape[axis]) for axis in found.sliders)):
        if _counts(target, step):
            yield _Part(pair, found, step)


def check_painted(pairs: Sequence[LayerPair]) -> None:
    """Refuse labels in which nothing is painted.

    Raises
    ------
    UserError
        Names the layer.
    """
    for pair in pairs:
        if not _counts(pair.target):
            what = f"nothing is painted in {pair.target.name}"
            raise UserError(what, "choose a label and paint with it, a little of each class")


def _counts(target: Any, step: tuple[int, ...] = ()) -> bool:
    """Whether anything is painted at a step; an image counts everywhere."""
    return not hasattr(target, "selected_label") or bool(np.any(_values(target)[step]))


def _check_pair(pair: LayerPair, found: Layout) -> None:
    image, target = pair.image, pair.target
    kept = (*found.sliders, *found.spatial)
    shape = tuple(_values(image).shape[axis] for axis in kept)
    if target.ndim != len(shape):
        sizes = "x".join(map(str, shape))
        what = f"{target.name} has {target.ndim} axes, and {image.name} {len(shape)} ({sizes})"
        raise UserError(what, 'press "New labels layer" for one of the same size')
    placed = world_matrix(image)[np.ix_((*kept, -1), (*kept, -1))]
    both = (
        Contents(np.broadcast_to(np.uint8(0), shape), affine=placed, units=_units(image, kept)),
        Contents(
            np.broadcast_to(np.uint8(0), _values(target).shape),
            affine=world_matrix(target),
            units=_units(target, range(target.ndim)),
        ),
    )
    check_same_place(*both, names=(image.name, target.name))


def _units(layer: Any, axes: Sequence[int]) -> tuple[str, ...]:
    return tuple(str(layer.units[axis]) for axis in axes)


def _names(parts: Sequence[_Part]) -> list[str]:
    """Name the files after the layers; equal names are counted."""
    taken: set[str] = set()
    names = []
    for part in parts:
        stem = re.sub(r"[^\w-]+", "_", part.pair.image.name).strip("_") or "layer"
        stem = "_".join([stem, *(f"{at:04d}" for at in part.step)])
        ways = (stem if n == 1 else f"{stem}-{n}" for n in range(1, len(parts) + 2))
        name = next(way for way in ways if way not in taken)
        taken.add(name)
        names.append(name)
    return names


# ---------------------------------------------------------------- classes


def classes_of(pairs: Sequence[LayerPair]) -> tuple[tuple[str, ...], int | None]:
    """Name the classes of labels layers, and say which value means "not labelled".

    Labels that name value 0 count everywhere; where 0 has no name it means "not painted", and
    class = label - 1.

    Returns
    -------
    classes : tuple of str
        Empty where the targets are images.
    unlabelled : int or None
        The value that means "not labelled".
    """
    targets = [pair.target for pair in pairs if hasattr(pair.target, "selected_label")]
    if not targets:
        return (), None
    names: dict[int, str] = {}
    for target in targets:
        names |= names_of(target)
    most = max(int(np.max(_values(target), initial=0)) for target in targets)
    first = 0 if 0 in names else 1
    # Two at least: there is nothing to tell apart otherwise.
    last = max([most, first + 1, *names])
    told = tuple(names.get(value, f"class {value}") for value in range(first, last + 1))
    return told, (None if first == 0 else 0)


def names_of(layer: Any) -> dict[int, str]:
    """Give the classes that a labels layer names, by their values."""
    told = layer.metadata.get("classes")
    if isinstance(told, dict):
        return {int(value): str(name) for value, name in told.items()}
    table = layer.features
    for column in ("class", "label", "name"):
        if column in table and "index" in table:
            pairs = zip(table["index"], table[column], strict=True)
            return {int(value): str(name) for value, name in pairs}
    return {}


def described(
    pipeline: Pipeline, found: Plan, pairs: Sequence[LayerPair], kept: Sequence[str] = ()
) -> str:
    """Write into a document that it learns from these layers; give the new text.

    Parameters
    ----------
    pipeline : Pipeline
        The document.
    found : Plan
        What it is to say.
    pairs : sequence of LayerPair
        The layers.
    kept : sequence of str
        Names of classes that stay, for the first ones.
    """
    classes, unlabelled = classes_of(pairs)
    names = (*kept, *classes[len(kept) :]) if classes else ()
    text = edit.set_files(
        pipeline.text,
        found.images,
        found.labels,
        classes=f"[{', '.join(_quoted(name) for name in names)}]" if names else None,
        unlabelled=None if unlabelled is None else str(unlabelled),
    )
    return edit.set_task(text, "segment" if classes else "regress")


def _quoted(name: str) -> str:
    plain = re.fullmatch(r"[A-Za-z][\w ./-]*", name) and not name.endswith(" ")
    return name if plain else "'" + name.replace("'", "''") + "'"
