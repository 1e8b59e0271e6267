"""From a document's ``data:``, or what a script gives, to examples to train on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..network.problems import UserError
from .assembling import Order, assembled, kernels_suit
from .classified import Classified
from .contents import Contents, Note
from .dataset import Dataset, dataset_from_arrays
from .dense import Dense
from .documents import DataLike, PatchesLike, PipelineLike, RegionsLike
from .examples import Examples
from .given import Pair, given_arrays, given_pairs, items_of
from .loading import (
    check_one_source,
    check_size,
    find_source,
    load_dataset,
    no_rate,
    read_npz,
)
from .normalisation import check_normalisation
from .pairs import find_pairs
from .parts import Along
from .readers import read_contents
from .scans import Recipe
from .settings import SettingLike
from .sources import ScanSource
from .splitting import split
from .windows import Windows

# Pairs to make scans of, names of classes, and how they are divided where nobody says.
Found = tuple[Iterator[Pair], tuple[str, ...], RegionsLike | None]


@dataclass(frozen=True)
class _Defaults:
    """A ``data:`` that says nothing."""

    source: str = ""
    images: str = ""
    labels: str = ""
    classes: tuple[str, ...] = ()
    normalize: SettingLike | None = None
    fit: SettingLike | None = None
    unlabelled: int | None = None
    align: str = "none"
    accept: tuple[str, ...] = ()
    spacing: tuple[float, ...] | None = None
    rate: float | None = None
    split: tuple[float, float, float] = (0.7, 0.15, 0.15)
    regions: RegionsLike | None = None
    patches: PatchesLike | None = None


def load_examples(
    pipeline: PipelineLike, data: Any = None, field: tuple[int, ...] | None = None
) -> Classified | Dense | Examples:
    """Load, check, prepare and split what a document, or a script, gives to train on.

    Parameters
    ----------
    pipeline : Pipeline
        Its ``input``, ``data``, ``train`` (task and seed), ``folder`` and ``network``.
    data : optional
        Instead of what the document names: `Examples`; a `Dataset`; images and their targets as
        arrays or sequences of arrays; a `Contents` or a sequence of pairs of them; or any object
        with ``__len__`` and ``__getitem__`` that gives an image and its target, such as a torch
        dataset (it is read once, as a whole).
    field : tuple of int, optional
        Receptive field of the network's output in voxels per spatial axis, the gap between regions
        of one scan; that of the document's network if not given.

    Returns
    -------
    Classified or Dense
        `Classified` for ``task: classify``, `Dense` for segment and regress. Without targets a
        regression is to give the image itself.

    Raises
    ------
    UserError
        About all that is wrong with files, labels, places, classes or sizes.
    """
    if isinstance(data, Examples):
        return data
    own: DataLike = pipeline.data or _Defaults()
    if pipeline.train.task == "classify":
        whole_images(own)
        return _classified(pipeline, own, data)
    return _dense(pipeline, own, data, field)


# -- one class for each image --


def _classified(pipeline: PipelineLike, own: DataLike, data: Any) -> Classified:
    dataset = load_dataset(pipeline) if data is None else _dataset(pipeline, own, data)
    if own.patches is not None and not isinstance(dataset, Windows):
        what = "patches: cuts scans and recordings; images with one class each are taken whole"
        raise UserError(what, "leave patches: out")
    check_size(pipeline, dataset.shape)
    parts = split(dataset, own.split, pipeline.train.seed)
    return Classified(dataset, parts, dataset.notes, dataset.unit)


def _dataset(pipeline: PipelineLike, own: DataLike, data: Any) -> Dataset:
    if isinstance(data, Dataset):
        return data
    no_rate(own)
    images, labels = given_arrays(data)
    return dataset_from_arrays(
        images,
        labels,
        own.classes or None,
        input=pipeline.input,
        fit=own.fit,
        normalize=own.normalize,
        unlabelled=own.unlabelled,
    )


# -- a target for every voxel --


def _dense(
    pipeline: PipelineLike, own: DataLike, data: Any, field: tuple[int, ...] | None
) -> Dense:
    check_normalisation(own.normalize)
    recipe = _recipe(pipeline, own)
    pairs, classes, default = (
        _document_pairs(pipeline, own, recipe)
        if data is None
        else (given_pairs(data, recipe), tuple(own.classes), None)
    )
    order = Order(
        recipe=replace(recipe, classes=len(classes) or None),
        classes=classes,
        fractions=own.split,
        seed=pipeline.train.seed,
        field=field or field_of(pipeline, recipe),
        regions=own.regions,
        default=default,
        patches=own.patches,
        kernels=kernels_suit(pipeline.network),
    )
    return assembled(pairs, order)


def _recipe(pipeline: PipelineLike, own: DataLike) -> Recipe:
    return Recipe(
        input=tuple(pipeline.input),
        slices=bool(pipeline.network.input.slices),
        labels=pipeline.train.task == "segment",
        unlabelled=own.unlabelled,
        align=own.align == "labels",
        spacing=own.spacing,
        rate=own.rate,
        fit=own.fit,
        normalize=own.normalize,
    )


def field_of(pipeline: PipelineLike, recipe: Recipe) -> tuple[int, ...]:
    """Receptive field of a document's network in voxels along each axis of a scan."""
    network = pipeline.network
    seen = network[network.end].receptive_field if network.end in network else None
    rank = len(recipe.input) - 1
    per_axis = tuple(seen) if seen else (1,) * rank
    return (int(recipe.input[0] or 1), *per_axis) if recipe.slices else per_axis


def _document_pairs(pipeline: PipelineLike, own: DataLike, recipe: Recipe) -> Found:
    check_one_source(own)
    if own.source:
        return _source_pairs(pipeline, own, recipe)
    if not own.images:
        raise UserError(
            "the document names no images to train on",
            "add data: with source: head, or images: and labels: with files of both",
        )
    labels_given(pipeline, own)
    return _file_pairs(pipeline, own, recipe), tuple(own.classes), None


def labels_given(pipeline: PipelineLike, own: DataLike) -> None:
    """Raise if a segmentation has no labels to learn from."""
    if pipeline.train.task == "segment" and not own.labels and not own.images.endswith(".npz"):
        what = f"images: {own.images} has no labels"
        raise UserError(what, "add labels: with a label for every voxel: a pattern, folder or file")


def whole_images(own: DataLike) -> None:
    """Raise if images with one class each are to be treated as scans are.

    Raises
    ------
    UserError
        Names the key.
    """
    for key, given in (
        ("spacing", own.spacing is not None),
        ("regions", own.regions is not None),
        ("align", own.align != "none"),
    ):
        if given:
            what = f"{key}: is for a target at every voxel; images here have one class each"
            raise UserError(what, f"leave {key}: out, or write task: segment in train:")


def scans_source(pipeline: PipelineLike, own: DataLike) -> None:
    """Raise if a sample has no target for every voxel, and the task wants one."""
    source = find_source(own)
    if pipeline.train.task == "segment" and not isinstance(source, ScanSource):
        what = f"source: {source.name} has one class for each of its {_things(source.name)}"
        raise UserError(f"{what}, not one for every pixel", "write task: classify in train:")


def _things(name: str) -> str:
    return {"direction": "recordings", "recordings": "recordings"}.get(name, "images")


def _source_pairs(pipeline: PipelineLike, own: DataLike, recipe: Recipe) -> Found:
    scans_source(pipeline, own)
    source = find_source(own)
    if isinstance(source, ScanSource):
        default = Along(source.axis, source.descending, None, source.slabs)
        image, labels = source.load()
        pairs = items_of(image, labels if recipe.labels else None, recipe)
        return pairs, tuple(own.classes) or source.classes, default
    loaded = load_dataset(pipeline)
    return ((_image(loaded, i), None, "") for i in range(len(loaded))), (), None


def _image(loaded: Dataset, index: int) -> Contents:
    """Give an image of a sample; recordings know their rate."""
    array = np.asarray(loaded.images[index])
    found = Contents(array, name=loaded.name_of(index))
    if not loaded.rate:
        return found
    affine = np.eye(array.ndim + 1)
    affine[-2, -2] = 1 / loaded.rate
    return replace(found, affine=affine, units=("pixel",) * (array.ndim - 1) + ("s",))


def _file_pairs(pipeline: PipelineLike, own: DataLike, recipe: Recipe) -> Iterator[Pair]:
    """Read images and their targets, one pair at a time."""
    folder = Path(pipeline.folder or ".")
    path = folder / own.images
    if path.suffix.lower() == ".npz" and path.is_file():
        images, labels = read_npz(path)
        if recipe.labels and labels is None:
            raise UserError(f"{path} holds no array named labels", "save it with that name")
        yield from given_pairs(images if labels is None else (images, labels), recipe)
        return
    found = find_pairs(folder, own.images, own.labels)
    spare = _spare(found.spare)
    for pair in found.pairs:
        image = _read(pair.image, own)
        target = None if pair.target is None else _read(pair.target, own)
        yield from items_of(replace(image, notes=(*image.notes, *spare)), target, recipe)
        spare = ()


def _read(path: Path, own: DataLike) -> Contents:
    return replace(read_contents(path, accept=own.accept), name=path.name)


def _spare(names: Sequence[str]) -> tuple[Note, ...]:
    if not names:
        return ()
    named = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if names[3:] else "")
    return (Note(f"labels without an image are left out: {named}", "warning"),)
