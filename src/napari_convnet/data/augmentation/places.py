"""Augmentations that move what an image shows; labels move with it.

What moves in from outside continues the image's edge, so that nothing wraps around and no value
appears that the image did not have. Nobody labelled it: there, labels are ignored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ...network.problems import UserError, listed
from ..axes import axis_names
from ..settings import SettingLike, Word, numbers_of, text_of
from ..values import AnyArray
from .base import IGNORED, Augmentation, Subject, are_images, are_labels
from .resampling import resampled, resampled_labels


@dataclass(frozen=True)
class Shift(Augmentation):
    """Move each image by whole pixels.

    Parameters
    ----------
    pixels : float
        The greatest shift along each axis, to either side; a whole number.
    """

    pixels: float
    about: ClassVar[Word] = Word(
        "shift",
        "Shift",
        "Move the image by up to N whole pixels along each axis.",
        "shift 2",
        ("pixels",),
    )

    def __post_init__(self) -> None:
        if self.pixels < 0 or not float(self.pixels).is_integer():
            raise self.refuse("takes a whole number of pixels, 0 or more")

    def apply(
        self, images: AnyArray, targets: AnyArray | None, rng: np.random.Generator
    ) -> tuple[AnyArray, AnyArray | None]:
        """Shift each image by its own draw."""
        reach, sizes = int(self.pixels), images.shape[2:]
        if reach >= min(sizes):
            raise self.refuse(f"{reach} would move an image of {text_of(sizes)} away")
        starts = rng.integers(0, 2 * reach, size=(len(images), len(sizes)), endpoint=True)
        if targets is not None and are_images(targets, images):
            targets = _cut(_padded(targets, reach, len(sizes)), starts, sizes)
        elif targets is not None and are_labels(targets, images):
            around = _padded(targets, reach, len(sizes), IGNORED)
            targets = _cut(around, starts, sizes)
        return _cut(_padded(images, reach, len(sizes)), starts, sizes), targets


def _padded(batch: AnyArray, reach: int, rank: int, value: int | None = None) -> AnyArray:
    """Put a margin around each image: its edge, or `value`."""
    margins = [(0, 0)] * (batch.ndim - rank) + [(reach, reach)] * rank
    if value is None:
        return np.pad(batch, margins, mode="edge")
    return np.pad(batch, margins, constant_values=value)


def _cut(padded: AnyArray, starts: NDArray[np.int64], sizes: Sequence[int]) -> AnyArray:
    """Cut a window of `sizes` out of each image, beginning at its own place."""
    lead = padded.shape[: padded.ndim - len(sizes)]
    out = np.empty((*lead, *sizes), padded.dtype)
    for i, start in enumerate(starts.tolist()):
        window = (slice(lo, lo + size) for lo, size in zip(start, sizes, strict=True))
        out[i] = padded[i][(..., *window)]
    return out


@dataclass(frozen=True)
class Flip(Augmentation):
    """Mirror some of the images, drawn anew for each axis.

    Parameters
    ----------
    chances : tuple of (int, float)
        Spatial axes, counted from the last (-1 is left-right), and the chance of each.
    """

    chances: tuple[tuple[int, float], ...] = ((-1, 0.5),)
    about: ClassVar[Word] = Word(
        "flip",
        "Flip",
        "Mirror every second image left-right, or along each axis named with its chance. A body "
        "that is flipped left-right has its liver on the wrong side.",
        "flip, or flip y .5 x .5",
    )

    @classmethod
    def of(cls, setting: SettingLike, subject: Subject) -> Flip:
        """Read the chance of each axis; left-right where none is named."""
        named = _named_axes(setting, subject.rank)
        if len(setting.numbers) > 1 or (setting.numbers and named):
            raise UserError("augment: flip takes a chance per axis", f"write {cls.about.example}")
        bare = [(-1, chance) for chance in setting.numbers]
        return cls(tuple(named or bare or [(-1, 0.5)]))

    def __post_init__(self) -> None:
        if not all(0 <= chance <= 1 for _, chance in self.chances):
            raise self.refuse("takes a chance from 0 to 1")

    def apply(
        self, images: AnyArray, targets: AnyArray | None, rng: np.random.Generator
    ) -> tuple[AnyArray, AnyArray | None]:
        """Mirror some of the images."""
        moving = [images.copy()]
        if targets is not None and (are_labels(targets, images) or are_images(targets, images)):
            moving.append(targets := targets.copy())
        for axis, chance in self.chances:
            chosen = np.flatnonzero(rng.random(len(images)) < chance)
            for batch in moving:
                batch[chosen] = np.flip(batch[chosen], axis)
        return moving[0], targets


def _named_axes(setting: SettingLike, rank: int) -> list[tuple[int, float]]:
    """Read ``y .5 x .5``: axes, counted from the last, and the number of each."""
    names = axis_names(rank)
    for name, _ in setting.words:
        if name not in names:
            raise UserError(
                f"augment: {setting.word} knows no axis {name}",
                f"the axes are {listed(names, 'and')}",
            )
    return [(names.index(name) - rank, number) for name, number in setting.words]


class _Resampling(Augmentation):
    """A change that looks every pixel up at another place, by a matrix for each image."""

    def apply(
        self, images: AnyArray, targets: AnyArray | None, rng: np.random.Generator
    ) -> tuple[AnyArray, AnyArray | None]:
        """Resample each image: linearly, and its labels to the nearest."""
        matrices = self.matrices(len(images), images.ndim - 2, rng)
        if targets is not None and are_labels(targets, images):
            targets = resampled_labels(targets, matrices)
        elif targets is not None and are_images(targets, images):
            targets = resampled(targets, matrices)
        return resampled(images, matrices), targets

    def matrices(self, count: int, rank: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw (count, rank, rank): where, from its middle, each image looks a place up."""
        raise NotImplementedError


_PLANES = {-3: (-2, -1), -2: (-3, -1), -1: (-3, -2)}
"""Axis to turn about, and the two axes that turn."""


@dataclass(frozen=True)
class Rotate(_Resampling):
    """Turn each image about its middle.

    Parameters
    ----------
    turns : tuple of (int, float)
        Axes to turn about, counted from the last (-3 is z: in the plane of y and x), and the
        greatest angle about each, in degrees, to either side.
    spacing : tuple of float, optional
        Size of a voxel along each axis: angles stay angles where voxels are no cubes.
    """

    turns: tuple[tuple[int, float], ...]
    spacing: tuple[float, ...] | None = None
    about: ClassVar[Word] = Word(
        "rotate",
        "Rotate",
        "Turn the image by up to D degrees to either side, in the plane of y and x; a volume about "
        "each axis that is named too: rotate z 15 y 5 x 5.",
        "rotate 15",
        ("degrees",),
    )

    @classmethod
    def of(cls, setting: SettingLike, subject: Subject) -> Rotate:
        """Read the angles; a recording has no plane to turn in."""
        if subject.rank < 2:
            raise UserError("augment: rotate needs images with two axes or more", "leave it out")
        if subject.rank < 3 or not setting.words:
            angle = numbers_of(setting, cls.about.numbers, "augment", cls.about.example)
            turns = [(-3, angle[0])]
        elif setting.numbers:
            raise UserError("augment: rotate takes an angle per axis", "write rotate z 15 y 5 x 5")
        else:
            turns = _named_axes(setting, subject.rank)
        return cls(tuple(turns), subject.spacing)

    def __post_init__(self) -> None:
        if not all(0 <= degrees <= 180 for _, degrees in self.turns):
            raise self.refuse("takes an angle from 0 to 180 degrees")

    def matrices(self, count: int, rank: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw an angle per image and axis."""
        out = np.tile(np.eye(rank), (count, 1, 1))
        for about, degrees in self.turns:
            angles = np.deg2rad(rng.uniform(-degrees, degrees, count))
            one, other = _PLANES[about]
            turn = np.tile(np.eye(rank), (count, 1, 1))
            turn[:, one, one] = turn[:, other, other] = np.cos(angles)
            turn[:, one, other] = np.sin(angles)
            turn[:, other, one] = -np.sin(angles)
            out = out @ turn
        if self.spacing is not None:
            # Into millimetres, turned there, and back into voxels.
            size = np.array(self.spacing)
            out = out * size / size[:, None]
        return out


@dataclass(frozen=True)
class Scale(_Resampling):
    """Enlarge or shrink what each image shows, about its middle.

    Parameters
    ----------
    fraction : float
        .1 is up to 10 % larger or smaller.
    """

    fraction: float
    about: ClassVar[Word] = Word(
        "scale",
        "Scale",
        "Enlarge or shrink what the image shows by up to the fraction S; its size stays.",
        "scale .1",
        ("fraction",),
    )

    def __post_init__(self) -> None:
        if not 0 <= self.fraction < 1:
            raise self.refuse("takes a fraction from 0 to below 1")

    def matrices(self, count: int, rank: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw a factor per image: as often larger by a factor as smaller by it."""
        reach = np.log1p(self.fraction)
        factors = np.exp(rng.uniform(-reach, reach, count))
        return np.asarray(np.eye(rank) / factors[:, None, None])
