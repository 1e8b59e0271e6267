"""What a script gives to train on: arrays, contents of files, datasets of other libraries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..network.problems import UserError
from .axes import layout
from .contents import Contents
from .dataset import Dataset
from .scans import Recipe
from .settings import text_of
from .sound import EAR_AXES
from .values import as_array

Pair = tuple[Contents, Contents | None, str]
"""A scan, its target, and the volume that it is a slice of, where it is."""

_FORMS = "give images and targets as two arrays, pairs of Contents, or a torch dataset"


def given_arrays(data: Any) -> tuple[Any, Any]:
    """Take images and labels apart: a pair of arrays, or a dataset that gives one pair at a time.

    Raises
    ------
    UserError
        If it is neither.
    """
    if isinstance(data, tuple) and len(data) == 2:
        return data
    pairs = [_as_pair(item, i) for i, item in enumerate(_items(data))]
    if not pairs:
        raise UserError("the dataset is empty", "give one or more images per class")
    return [image for image, _ in pairs], np.asarray([_number(label) for _, label in pairs])


def _number(label: Any) -> Any:
    """Take the number out of a tensor that holds one."""
    return label.item() if hasattr(label, "item") else label


def _items(data: Any) -> Iterator[Any]:
    """Go through anything with a length and numbers; torch datasets have no other way."""
    if not (hasattr(data, "__len__") and hasattr(data, "__getitem__")):
        raise UserError(f"cannot train on {type(data).__name__}", _FORMS)
    return (data[i] for i in range(len(data)))


def _as_pair(item: Any, index: int) -> tuple[Any, Any]:
    if not isinstance(item, tuple | list) or len(item) != 2:
        what = f"item {index} of the dataset is not an image and its target"
        raise UserError(what, "let its __getitem__ return two things")
    return item[0], item[1]


def given_pairs(data: Any, recipe: Recipe) -> Iterator[Pair]:
    """Go through the scans and targets that a script gives.

    Parameters
    ----------
    data : object
        As `load_examples` takes it.
    recipe : Recipe
        Tells what an image's axes are, and whether there must be targets.

    Yields
    ------
    Contents, Contents or None, str
        A scan, its target, and the volume that it is a slice of.

    Raises
    ------
    UserError
        If the two differ in number, or what is given is none of these.
    """
    if isinstance(data, Dataset):
        what = "this dataset has one class for each image, not one for every pixel"
        raise UserError(what, "write task: classify in train:, or give images and labels")
    if isinstance(data, Contents) or _is_array(data):
        images, targets = data, None
    elif isinstance(data, tuple) and len(data) == 2 and not _is_pair(data[0]):
        images, targets = data
    else:
        for index, item in enumerate(_items(data)):
            image, target = (item, None) if isinstance(item, Contents) else _as_pair(item, index)
            yield from _matched(image, target, recipe, index)
        return
    yield from _matched(images, targets, recipe, None)


def _is_pair(item: Any) -> bool:
    return isinstance(item, tuple) and len(item) == 2


def _is_array(data: Any) -> bool:
    return hasattr(data, "shape") and hasattr(data, "dtype")


def _matched(images: Any, targets: Any, recipe: Recipe, index: int | None) -> Iterator[Pair]:
    """Match images and targets: one of each, a stack of each, or a sequence of each."""
    if recipe.labels and targets is None:
        raise UserError("there are images without labels", "give a label for every voxel")
    if isinstance(images, Contents) or _is_array(images):
        which = "the {}" if index is None else f"{{}} {index}"
        target = None if targets is None else _contents(targets, which.format("label image"))
        yield from items_of(_contents(images, which.format("image")), target, recipe)
        return
    if not isinstance(images, Sequence):
        raise UserError(f"cannot train on {type(images).__name__}", _FORMS)
    if targets is not None and len(images) != len(targets):
        what = f"there are {len(images)} images and {len(targets)} targets"
        raise UserError(what, "give one target per image, in the same order")
    for i, image in enumerate(images):
        target = None if targets is None else _contents(targets[i], f"label image {i}")
        yield from items_of(_contents(image, f"image {i}"), target, recipe)


def _contents(array: Any, name: str) -> Contents:
    """Wrap an array; torch tensors become numpy's."""
    if isinstance(array, Contents):
        return array
    if not isinstance(array, np.ndarray) and hasattr(array, "numpy"):
        array = array.numpy()
    return Contents(as_array(array, name), name=name)


def items_of(image: Contents, target: Contents | None, recipe: Recipe) -> Iterator[Pair]:
    """Take a stack of images apart, with its targets; one image stays as it is.

    Raises
    ------
    UserError
        If there are not as many targets as images.
    """
    shape = tuple(image.array.shape)
    if recipe.slices and len(shape) - bool(image.rgb) < recipe.rank:
        what = f"{image.name} is one image ({text_of(shape)}), and the network takes slices"
        raise UserError(what, f"write input: {text_of((1, *recipe.input[1:]))}, or give volumes")
    found = layout(shape, recipe.scan_input, image.rgb, image.name)
    several = [axis for axis in found.sliders if image.array.shape[axis] > 1]
    if len(several) != 1 or several[0] != 0:
        yield image, target, ""
        return
    count = image.array.shape[0]
    if target is not None and target.array.shape[:1] != (count,):
        if image.axes == EAR_AXES:
            raise _several_ears(image, target, recipe)
        what = (
            f"{image.name or 'the image'} holds {count} images, and "
            f"{target.name or 'the label image'} has {text_of(target.array.shape)} voxels"
        )
        raise UserError(what, "give a target of the same size for each image")
    # An array without a place may hold images that have nothing in common.
    volume = "" if image.affine is None else image.name
    for i in range(count):
        yield _item(image, i), None if target is None else _item(target, i), volume


def _several_ears(image: Contents, target: Contents, recipe: Recipe) -> UserError:
    """Make an error about a recording whose channels would be learned from one by one."""
    count, samples = image.array.shape
    heard = text_of((count, *recipe.input[1:]))
    has = text_of(target.array.shape)
    return UserError(
        f"{image.name} is a recording with {count} channels, each of which a network with input "
        f"{text_of(recipe.input)} hears alone, and {target.name or 'its target'} has {has} samples",
        f"write input: {heard}, which hears them together, or give a target of "
        f"{text_of((count, samples))} samples",
    )


def _item(stack: Contents, index: int) -> Contents:
    affine = stack.affine
    if affine is not None and len(affine) > stack.array.ndim - bool(stack.rgb):
        affine = affine[1:, 1:]
    return replace(
        stack,
        array=stack.array[index],
        affine=affine,
        units=stack.units[1:] if stack.units else None,
        axes=stack.axes[1:] if stack.axes else None,
        name=_numbered(stack.name, index),
        notes=stack.notes if index == 0 else (),
    )


def _numbered(name: str, index: int) -> str:
    """Name an item: ``scan.tif[3]`` of a file, "image 3" of an array."""
    bare = name.removeprefix("the ")
    return f"{name}[{index}]" if bare == name else f"{bare} {index}"
