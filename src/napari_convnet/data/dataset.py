"""Datasets: images of one shape, the class of each, and the names of the classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..network.problems import UserError, did_you_mean
from .axes import Layout, axis_names, layout
from .contents import Note
from .fitting import fit_stack, suggested, target_size
from .normalisation import normalisation
from .sample import Sample, take
from .settings import Input, SettingLike, Shape, text_of
from .values import AnyArray, as_array, check_finite, check_kind


class Images(Protocol):
    """Images in a row, in memory or read when they are asked for."""

    @property
    def shape(self) -> Shape:
        """(N, C, *spatial)."""

    def __len__(self) -> int:
        """Count the images."""

    def __getitem__(self, index: Any) -> AnyArray:
        """Take one image (C, *spatial), or a stack (B, C, *spatial) by slice or indices."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images of one shape, and the class of each.

    Parameters
    ----------
    images : numpy.ndarray or Images
        (N, C, *spatial): fitted, with their values as they came.
    targets : numpy.ndarray
        int64 (N,): the class of each.
    classes : tuple of str
        Names of the classes.
    names : tuple of str
        What to call each image, such as its file; may be empty.
    normalize : Setting, optional
        How `inputs` are made of `images`.
    groups : numpy.ndarray, optional
        int64 (N,): images with one number belong together, such as recordings of one thing. A split
        keeps them in one part.
    unit : str
        What is counted.
    rate : float
        Samples per second of recordings; 0 where there is none, or it is not known.

    Raises
    ------
    UserError
        If there are not as many targets as images, or a target has no class.
    """

    images: Images
    targets: NDArray[np.int64]
    classes: tuple[str, ...]
    names: tuple[str, ...] = ()
    normalize: SettingLike | None = None
    groups: NDArray[np.int64] | None = None
    unit: str = "images"
    rate: float = 0.0

    def __post_init__(self) -> None:
        if len(self.images) != len(self.targets):
            raise _mismatch(len(self.images), len(self.targets))
        outside = (self.targets < 0) | (self.targets >= len(self.classes))
        if outside.any():
            raise self._outside(int(np.argmax(outside)))

    def _outside(self, index: int) -> UserError:
        count = len(self.classes)
        what = (
            f"label {self.targets[index]} of {self.name_of(index)} is outside the "
            f"{count} {'class' if count == 1 else 'classes'} (0 to {count - 1})"
        )
        return UserError(what, "name every class in classes:, counting from 0")

    def __len__(self) -> int:
        """Count the images."""
        return len(self.targets)

    @property
    def shape(self) -> Shape:
        """Shape of one image: (C, *spatial)."""
        return tuple(self.images.shape[1:])

    @property
    def counts(self) -> NDArray[np.int64]:
        """Images per class."""
        return np.bincount(self.targets, minlength=len(self.classes)).astype(np.int64)

    @property
    def notes(self) -> tuple[Note, ...]:
        """What the person should know of the images."""
        return ()

    @cached_property
    def inputs(self) -> Images:
        """What the network is given: the images normalised, each by its own statistics."""
        if isinstance(self.images, np.ndarray):
            return normalised_stack(self.images, self.normalize)
        return _Normalised(self.images, self.normalize)

    def take(self, indices: ArrayLike) -> NDArray[np.float32]:
        """Return the inputs (B, C, *spatial) of some images."""
        return np.asarray(self.inputs[np.asarray(indices)], dtype=np.float32)

    def draw(self, indices: ArrayLike, rng: np.random.Generator) -> NDArray[np.float32]:
        """Return the inputs to train on, where `rng` may choose among several: here as `take`."""
        return self.take(indices)

    def pooled(
        self, probabilities: NDArray[np.float32], indices: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Bring the probabilities (B, classes) of some images, and their targets, to what counts.

        Here every image counts by itself; of a recording that was cut into windows, the mean does.
        """
        return probabilities, self.targets[indices]

    def name_of(self, index: int) -> str:
        """Say which image that is: its name, or its place in the row."""
        return self.names[index] if self.names else f"image {index}"

    def sample(self, index: int) -> Sample:
        """Return one image, as it came, with its class."""
        array = np.asarray(self.images[index], dtype=np.float32)
        rank = array.ndim - 1
        return Sample(
            array=array,
            affine=np.eye(rank + 1),
            units=("pixel",) * rank,
            axes=axis_names(rank),
            name=self.name_of(index),
            target=int(self.targets[index]),
        )

    def describe(self) -> str:
        """Say in a line what there is.

        Examples
        --------
        >>> images = np.zeros((3, 8, 8), np.uint8)
        >>> dataset_from_arrays(images, ["cat", "dog", "cat"]).describe()
        '3 images of 1x8x8 in 2 classes: cat (2), dog (1)'
        """
        each = zip(self.classes, self.counts, strict=True)
        listing = ", ".join(f"{name} ({count})" for name, count in each)
        size = text_of(self.shape)
        classes = "1 class" if len(self.classes) == 1 else f"{len(self.classes)} classes"
        return f"{len(self)} {self.unit} of {size} in {classes}: {listing}"


@dataclass(frozen=True, eq=False)
class _Normalised:
    """Images that are read when asked for, normalised on the way."""

    images: Images
    normalize: SettingLike | None

    @property
    def shape(self) -> Shape:
        return self.images.shape

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: Any) -> NDArray[np.float32]:
        part = self.images[index]
        if part.ndim == len(self.shape):
            return normalised_stack(part, self.normalize)
        single: NDArray[np.float32] = normalised_stack(part[None], self.normalize)[0]
        return single


def normalised_stack(images: AnyArray, setting: SettingLike | None) -> NDArray[np.float32]:
    """Normalise every image of a stack by its own statistics."""
    found = normalisation(images, setting, tuple(range(1, images.ndim)))
    out = images if found is None else found.apply(images)
    return np.ascontiguousarray(out, dtype=np.float32)


def dataset_from_arrays(
    images: Any,
    labels: Any,
    classes: Sequence[str] | None = None,
    *,
    input: Input | None = None,
    fit: SettingLike | None = None,
    normalize: SettingLike | None = None,
    unlabelled: int | None = None,
    names: Sequence[str] = (),
) -> Dataset:
    """Make a dataset of images and their labels.

    Parameters
    ----------
    images : array or sequence of arrays
        (N, y, x), (N, C, y, x) or (N, y, x, 3), or one array per image. Give `input` for other
        numbers of axes.
    labels : sequence of int or str
        The class of each image: its number, counted from 0, or its name.
    classes : sequence of str, optional
        Names of the classes; those of the labels if not given.
    input : sequence of int or None, optional
        The network's input, which says what the axes of an image are.
    fit, normalize : Setting, optional
        As in a document's ``data:``.
    unlabelled : int, optional
        Images with this label are left out; with 0, as in painted layers, class = label - 1.
    names : sequence of str
        What to call each image.

    Returns
    -------
    Dataset

    Raises
    ------
    UserError
        If labels and images differ in number, a label has no class, the images differ in size, or
        they do not fit the network's input.
    """
    if not len(images):
        raise UserError("there are no images", "give one or more per class")
    label_array = np.asarray(labels)
    if label_array.ndim != 1:
        what = f"labels have the shape {text_of(label_array.shape) or 'of one number'}"
        raise UserError(what, "give one number or name per image")
    if len(images) != len(label_array):
        raise _mismatch(len(images), len(label_array))
    images, label_array, names = _labelled(images, label_array, unlabelled, names)
    targets, class_names = as_targets(label_array, classes)
    stack = as_stack(images, input, fit, tuple(names))
    return Dataset(stack, targets, class_names, tuple(names), normalize)


def _mismatch(images: int, labels: int) -> UserError:
    what = f"there are {images} images and {labels} labels"
    return UserError(what, "give one label per image, in the same order")


def _labelled(
    images: Any, labels: AnyArray, unlabelled: int | None, names: Sequence[str]
) -> tuple[Any, AnyArray, Sequence[str]]:
    """Leave out what is unlabelled."""
    if unlabelled is None:
        return images, labels, names
    kept = np.flatnonzero(labels != unlabelled)
    if not len(kept):
        raise UserError(f"every image is unlabelled ({unlabelled})", "label one or more per class")
    chosen: list[int] = kept.tolist()
    taken = images[kept] if isinstance(images, np.ndarray) else [images[i] for i in chosen]
    # Painted layers count classes from 1, because 0 is what is not painted.
    shift = 1 if unlabelled == 0 else 0
    return taken, labels[kept] - shift, [names[i] for i in chosen] if names else names


def as_targets(
    labels: AnyArray, classes: Sequence[str] | None
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Turn labels, numbers or names, into class numbers and the names of the classes.

    Raises
    ------
    UserError
        If a name is not among the classes, or a label is no whole number.
    """
    if labels.dtype.kind in "UO" and all(isinstance(label, str) for label in labels.tolist()):
        return _named_targets([str(label) for label in labels], classes)
    if labels.dtype.kind not in "buif" or (labels != np.floor(labels)).any():
        raise UserError("labels are neither whole numbers nor names", "number classes from 0")
    targets = labels.astype(np.int64)
    if classes:
        return targets, tuple(classes)
    return targets, tuple(str(i) for i in range(int(targets.max()) + 1))


def _named_targets(
    labels: list[str], classes: Sequence[str] | None
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    names = tuple(classes) if classes else tuple(sorted(set(labels)))
    number = {name: i for i, name in enumerate(names)}
    for label in labels:
        if label not in number:
            fix = did_you_mean(label, names, otherwise="add it to classes:")
            raise UserError(f'label "{label}" is not among the {len(names)} classes', fix)
    return np.array([number[label] for label in labels], np.int64), names


def as_stack(
    images: Any, input: Input | None, fit: SettingLike | None, names: tuple[str, ...] = ()
) -> AnyArray:
    """Bring images into one array (N, C, *spatial), fitted where the document says so.

    Raises
    ------
    UserError
        If they do not fit the network's input, or differ in size and nothing says how to fit them.
    """
    if _is_stack(images):
        return _arranged(as_array(images, "the stack of images"), input, fit)
    called = names or tuple(f"image {i}" for i in range(len(images)))
    arrays = [as_array(image, name) for image, name in zip(images, called, strict=True)]
    wanted = input or guessed_input(tuple(arrays[0].shape))
    single = [
        one_image(array, wanted, None, name) for array, name in zip(arrays, called, strict=True)
    ]
    if fit is None:
        check_sizes([image.shape for image in single], called)
        return np.stack(single)
    size = target_size(fit, wanted)
    pairs = zip(single, called, strict=True)
    return np.concatenate([fit_stack(image[None], fit, size, name) for image, name in pairs])


def one_image(array: Any, input: Input, rgb: bool | None, name: str) -> AnyArray:
    """Check an array that holds one image and bring its axes into the order (C, *spatial).

    Raises
    ------
    UserError
        If it does not fit the network's input; a dataset has no sliders for further axes.
    """
    check_kind(array, name)
    found = image_layout(tuple(array.shape), input, rgb, name)
    out = take(array, found, {})
    check_finite(out, name)
    return out


def image_layout(shape: Shape, input: Input, rgb: bool | None, name: str) -> Layout:
    """Decide which axis is what, for an array that holds one image and nothing else."""
    found = layout(shape, input, rgb, name)
    if found.channel is None and found.sliders and shape[found.sliders[-1]] == 1:
        # A single channel may have an axis of its own, as torch has it.
        found = replace(found, channel=found.sliders[-1], sliders=found.sliders[:-1])
    if found.sliders:
        what = f"{name} holds several images ({text_of(shape)})"
        raise UserError(what, f"give each image the axes of the input {text_of(input)}")
    return found


def check_sizes(shapes: Sequence[Shape], names: Sequence[str]) -> None:
    """Raise if images differ in size, and say which two."""
    for shape, name in zip(shapes, names, strict=True):
        if shape != shapes[0]:
            one, other = text_of(shapes[0][1:]), text_of(shape[1:])
            what = f"images differ in size: {names[0]} has {one}, {name} has {other}"
            raise UserError(what, f"add {suggested(shape[1:], shapes[0][1:])} to data:")


def _is_stack(images: Any) -> bool:
    """Tell one array of images from a sequence of images, which may differ in size."""
    if hasattr(images, "shape"):
        return True
    try:
        return len({np.shape(image) for image in images}) == 1
    except ValueError:  # the rows of an image differ in length: told by name later
        return False


def _arranged(stack: Any, input: Input | None, fit: SettingLike | None) -> AnyArray:
    """Bring a stack's axes into the order (N, C, *spatial), keeping its type of number."""
    check_kind(stack, "the stack of images")
    wanted = input or guessed_input(stack.shape[1:])
    found = image_layout(tuple(stack.shape[1:]), wanted, None, "each image of the stack")
    array = np.asarray(stack)
    spatial = dict(zip(found.spatial, axis_names(len(found.spatial)), strict=True))
    axes = ("image", *(spatial.get(axis, "channel") for axis in range(array.ndim - 1)))
    check_finite(array, "the stack of images", axes)
    if found.channel is None:
        array = array[:, None]
    else:
        array = np.moveaxis(array, found.channel + 1, 1)[:, : found.channels]
    return array if fit is None else fit_stack(array, fit, target_size(fit, wanted))


def guessed_input(shape: Shape) -> Input:
    """Guess what an image's axes are where no network says so: 2D, in gray, colours or channels."""
    if len(shape) < 3:
        return (1, *(None for _ in shape))
    channels = 3 if shape[-1] in {3, 4} and shape[0] > 4 else shape[0]
    return cast(Input, (channels, None, None))
