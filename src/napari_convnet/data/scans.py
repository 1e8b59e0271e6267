"""One scan with its target, prepared as a document says: checked, resampled, fitted, normalised."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..network.problems import UserError
from .augmentation import IGNORED
from .contents import Contents
from .dataset import image_layout
from .dense import Scan
from .fitting import fit, fit_stack, target_size
from .label_checks import class_numbers
from .normalisation import normalisation
from .notes import about
from .placement import check_lying_over, check_same_place, resample_like
from .preparation import resampled
from .rates import known_rate, ratio, resample_sound, resample_steps
from .sample import Sample, sample_from_array
from .settings import Input, SettingLike, Shape, text_of
from .sound import check_ears
from .spacing import resample_image, resample_labels, steps
from .values import AnyArray, check_finite, value_notes


@dataclass(frozen=True)
class Recipe:
    """What a document says of every scan.

    Parameters
    ----------
    input : sequence of int or None
        The network's input: channels, then sizes.
    slices : bool
        Whether its channels are neighbouring slices of a volume.
    classes : int or None
        How many there are, where that is known.
    labels : bool
        Whether targets are classes; else they are values.
    unlabelled : int, optional
        Label of what does not count.
    align : bool
        Whether labels that lie elsewhere are resampled.
    spacing : tuple of float, optional
        Millimetres.
    rate : float, optional
        Samples per second.
    fit, normalize : Setting, optional
        As in the document.
    """

    input: Input
    slices: bool = False
    classes: int | None = None
    labels: bool = True
    unlabelled: int | None = None
    align: bool = False
    spacing: tuple[float, ...] | None = None
    rate: float | None = None
    fit: SettingLike | None = None
    normalize: SettingLike | None = None

    @property
    def scan_input(self) -> Input:
        """Input of a network that would take the whole scan: a volume for one of slices."""
        return (1, None, *self.input[1:]) if self.slices else self.input

    @property
    def rank(self) -> int:
        """Number of spatial axes of a scan."""
        return len(self.scan_input) - 1


def prepared(image: Contents, target: Contents | None, recipe: Recipe) -> Scan:
    """Prepare a scan and its target.

    Parameters
    ----------
    image : Contents
        As it was read.
    target : Contents or None
        Labels, or the values that a regression is to give; None for the image itself.
    recipe : Recipe
        What the document says.

    Returns
    -------
    Scan

    Raises
    ------
    UserError
        If one does not fit the network or the other, holds NaN, or labels have no class.
    """
    sample = _sample(image, recipe)
    lying = None if target is None else _lying_over(target, image, recipe)
    notes = about(sample.name, [*image.notes, *value_notes(sample.array)])
    if lying is not None:
        notes += about(lying.name or "the labels", lying.notes)
    fitted = _fitted(resampled(sample, recipe.spacing, recipe.rate), recipe)
    found = normalisation(fitted.array, recipe.normalize)
    array = fitted.array if found is None else found.apply(fitted.array)
    values = np.ascontiguousarray(array, np.float32)
    if lying is None:
        made: NDArray[Any] = values
    elif recipe.labels:
        made = _classes(lying, sample, recipe)
    else:
        made = _values(lying, sample, recipe)
        # Not cut off at 0 and 1: a target of another range than its image's would be lost.
        whole = None if found is None else replace(found, clip=False)
        made = made if whole is None else np.asarray(whole.apply(made), np.float32)
    return Scan(
        image=values,
        target=np.ascontiguousarray(made),
        affine=fitted.affine,
        units=fitted.units,
        axes=fitted.axes,
        name=sample.name,
        notes=notes,
        normalised=found,
    )


def _sample(image: Contents, recipe: Recipe) -> Sample:
    """Bring an image into (C, *spatial) with its place."""
    name = image.name or "the image"
    wanted = recipe.scan_input
    image = _without_single_axes(check_ears(image, wanted, name), recipe)
    image_layout(tuple(image.array.shape), wanted, image.rgb, name)
    sample = sample_from_array(
        image.array,
        wanted,
        affine=image.affine,
        units=image.units,
        axes=image.axes,
        rgb=image.rgb,
        name=name,
    )
    if recipe.rank == 3 and not recipe.slices and sample.shape[1] == 1:
        flat = (*sample.shape[:1], *sample.shape[2:])
        several = f"5zx{text_of(sample.shape[2:])}"
        what = (
            f"{name} is a single slice ({text_of(sample.shape[1:])}), and the network's input "
            f"{text_of(recipe.input)} is for volumes"
        )
        raise UserError(what, f"write input: {text_of(flat)} for images, or {several} for slices")
    return sample


def _without_single_axes(image: Contents, recipe: Recipe) -> Contents:
    """Leave out leading axes of one step, such as the time of a single scan."""
    shape = image.array.shape
    extra = len(shape) - recipe.rank - bool(image.rgb)
    single = 0
    while single < extra and shape[single] == 1:
        single += 1
    if not single:
        return image
    affine = image.affine
    if affine is not None and len(affine) > len(shape) - bool(image.rgb):
        affine = affine[single:, single:]
    return replace(
        image,
        array=image.array[(0,) * single],
        affine=affine,
        units=image.units[single:] if image.units else None,
        axes=image.axes[single:] if image.axes else None,
    )


def _lying_over(target: Contents, image: Contents, recipe: Recipe) -> Contents:
    """Check that the target lies over the image, or bring it there where that is asked for."""
    names = (image.name or "the image", target.name or "the label image")
    target = replace(target, labels=recipe.labels)
    placed = image.affine is not None and target.affine is not None
    if placed and recipe.align:
        try:
            check_same_place(image, target, names)
        except UserError:
            return resample_like(target, image)
        return target
    if placed:
        check_lying_over(image, target, names)
    return target


def _fitted(sample: Sample, recipe: Recipe) -> Sample:
    if recipe.fit is None or not recipe.slices:
        return fit(sample, recipe.fit, recipe.input)
    return fit(sample, _Sized(recipe.fit, _size(sample.shape[1:], recipe)), recipe.scan_input)


class _Sized:
    """A ``fit:`` with all its sizes."""

    def __init__(self, setting: SettingLike, size: Shape) -> None:
        self.word, self.numbers, self.words = setting.word, tuple(map(float, size)), ()


def _size(had: Shape, recipe: Recipe) -> Shape:
    """Size that a scan is fitted to; a volume of slices keeps their number."""
    assert recipe.fit is not None
    size = target_size(recipe.fit, recipe.input)
    return (had[0], *size) if recipe.slices else size


def _classes(labels: Contents, sample: Sample, recipe: Recipe) -> NDArray[Any]:
    """Give the class of every voxel of the prepared scan."""
    name = labels.name or "the label image"
    array = _one_channel(labels, sample, name)
    out = class_numbers(array, recipe.unlabelled, recipe.classes, name)
    if recipe.spacing is not None:
        out = resample_labels(out, _steps(sample, recipe))
    if recipe.rate is not None:
        out = resample_steps(out, _ratio(sample, recipe.rate))
    if recipe.fit is None:
        return out
    return _fitted_labels(out, recipe.fit, _size(out.shape, recipe))


def _one_channel(labels: Contents, sample: Sample, name: str) -> AnyArray:
    array = np.asarray(labels.array)
    if labels.rgb or (array.ndim == sample.rank + 1 and array.shape[-1] in (3, 4)):
        what = f"{name} is a picture in colours"
        raise UserError(what, "save them as a gray image whose values are the classes")
    if array.ndim > sample.rank and set(array.shape[: -sample.rank]) == {1}:
        array = array.reshape(array.shape[-sample.rank :])
    if array.shape != sample.shape[1:]:
        what = (
            f"{name} has {text_of(array.shape)} voxels, and {sample.name} has "
            f"{text_of(sample.shape[1:])}"
        )
        raise UserError(what, "give labels of the same size, one for each voxel")
    return array


def _steps(sample: Sample, recipe: Recipe) -> tuple[float, ...]:
    assert recipe.spacing is not None
    return steps(sample.affine, sample.units, sample.rank, recipe.spacing, sample.name)


def _ratio(sample: Sample, rate: float) -> Fraction:
    return ratio(known_rate(sample, rate), rate)


def _fitted_labels(labels: NDArray[Any], setting: SettingLike, size: Shape) -> NDArray[Any]:
    """Fit labels as the image was: what is added does not count, resizing takes the nearest."""
    if setting.word == "resize":
        axes = [
            np.minimum((np.arange(new) + 0.5) * old / new, old - 1).astype(np.int64)
            for old, new in zip(labels.shape, size, strict=True)
        ]
        taken: NDArray[Any] = labels[np.ix_(*axes)]
        return taken
    if setting.word == "crop":
        cut: NDArray[Any] = fit_stack(labels[None, None], setting, size)[0, 0]
        return cut
    pairs = zip(labels.shape, size, strict=True)
    widths = [((new - old) // 2, new - old - (new - old) // 2) for old, new in pairs]
    return np.pad(labels, widths, constant_values=IGNORED)


def _values(target: Contents, sample: Sample, recipe: Recipe) -> NDArray[np.float32]:
    """Give the values (C', *spatial) that a regression is to give, prepared as the image is."""
    name = target.name or "the target"
    array = np.asarray(target.array)
    if target.rgb:
        array = np.moveaxis(array, -1, 0)
    if array.ndim == sample.rank:
        array = array[None]
    if array.shape[1:] != sample.shape[1:]:
        what = (
            f"{name} has {text_of(array.shape[1:])} voxels, and {sample.name} has "
            f"{text_of(sample.shape[1:])}"
        )
        raise UserError(what, "give targets of the same size, one value for each voxel")
    check_finite(array, name)
    values = np.asarray(array, np.float32)
    if recipe.spacing is not None:
        values = resample_image(values, _steps(sample, recipe))
    if recipe.rate is not None:
        values = resample_sound(values, _ratio(sample, recipe.rate))
    if recipe.fit is not None:
        size = _size(values.shape[1:], recipe)
        values = np.asarray(fit_stack(values[None], recipe.fit, size, name)[0], np.float32)
    return values
