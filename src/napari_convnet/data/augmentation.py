"""Augmentation: small random changes that do not change what an image shows.

Each kind is a class with the numbers that a document gives it. All work on a whole batch
(B, C, *spatial), draw from the generator they are given, and return a new batch of the same shape
and type. What moves in from outside continues the image's edge, so that nothing wraps around and no
value appears that the image did not have.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..network.problems import UserError, listed
from .axes import axis_names
from .settings import SettingLike, Word, look_up, numbers_of, text_of
from .values import AnyArray


@dataclass(frozen=True)
class Augmentation(ABC):
    """One kind of random change, ready to be applied."""

    about: ClassVar[Word]

    @classmethod
    def of(cls, setting: SettingLike, rank: int) -> Augmentation:
        """Make one of a document's setting, for images with `rank` spatial axes.

        Raises
        ------
        UserError
            If the setting's numbers or words are not those that it takes.
        """
        numbers = numbers_of(setting, cls.about.numbers, "augment", cls.about.example)
        return cls(*numbers)

    @abstractmethod
    def __call__(self, batch: AnyArray, rng: np.random.Generator) -> AnyArray:
        """Return the batch, each of its images changed at random."""

    def refuse(self, what: str) -> UserError:
        """Make an error about this augmentation's numbers."""
        return UserError(f"augment: {self.about.word} {what}", f"write {self.about.example}")


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

    def __call__(self, batch: AnyArray, rng: np.random.Generator) -> AnyArray:
        """Return the batch, each image shifted by its own draw."""
        reach, sizes = int(self.pixels), batch.shape[2:]
        if reach >= min(sizes):
            raise self.refuse(f"{reach} would move an image of {text_of(sizes)} away")
        padded = np.pad(batch, [(0, 0), (0, 0)] + [(reach, reach)] * len(sizes), mode="edge")
        starts = rng.integers(0, 2 * reach, size=(len(batch), len(sizes)), endpoint=True)
        out = np.empty_like(batch)
        for i, start in enumerate(starts.tolist()):
            window = (slice(lo, lo + size) for lo, size in zip(start, sizes, strict=True))
            out[i] = padded[i][(slice(None), *window)]
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
        "Mirror every second image left-right, or each axis named with its chance.",
        "flip, or flip y .5 x .5",
    )

    @classmethod
    def of(cls, setting: SettingLike, rank: int) -> Flip:
        """Read the chance of each axis; left-right where none is named."""
        names = axis_names(rank)
        for name, _ in setting.words:
            if name not in names:
                raise UserError(
                    f"augment: flip knows no axis {name}", f"the axes are {listed(names, 'and')}"
                )
        if len(setting.numbers) > 1 or (setting.numbers and setting.words):
            raise UserError("augment: flip takes a chance per axis", f"write {cls.about.example}")
        named = [(names.index(name) - rank, chance) for name, chance in setting.words]
        bare = [(-1, chance) for chance in setting.numbers]
        return cls(tuple(named or bare or [(-1, 0.5)]))

    def __post_init__(self) -> None:
        if not all(0 <= chance <= 1 for _, chance in self.chances):
            raise self.refuse("takes a chance from 0 to 1")

    def __call__(self, batch: AnyArray, rng: np.random.Generator) -> AnyArray:
        """Return the batch, some of its images mirrored."""
        out = batch.copy()
        for axis, chance in self.chances:
            chosen = np.flatnonzero(rng.random(len(batch)) < chance)
            out[chosen] = np.flip(out[chosen], axis)
        return out


@dataclass(frozen=True)
class Noise(Augmentation):
    """Add normal noise to every value.

    Parameters
    ----------
    deviation : float
        Its standard deviation, in normalised values.
    """

    deviation: float
    about: ClassVar[Word] = Word(
        "noise",
        "Noise",
        "Add normal noise with the standard deviation S, in the units of normalised values.",
        "noise .05",
        ("deviation",),
    )

    def __post_init__(self) -> None:
        if not 0 <= self.deviation < np.inf:
            raise self.refuse("takes a standard deviation, 0 or more")

    def __call__(self, batch: AnyArray, rng: np.random.Generator) -> AnyArray:
        """Return the batch with noise."""
        noise = rng.standard_normal(batch.shape, dtype=np.float32)
        noise *= np.float32(self.deviation)
        return (batch + noise).astype(batch.dtype, copy=False)


@dataclass(frozen=True)
class Rotate(Augmentation):
    """Turn each image about its middle, in the plane of its last two axes.

    Parameters
    ----------
    degrees : float
        The greatest angle, to either side.
    """

    degrees: float
    about: ClassVar[Word] = Word(
        "rotate",
        "Rotate",
        "Turn the image by up to D degrees to either side, in the plane of y and x.",
        "rotate 15",
        ("degrees",),
    )

    @classmethod
    def of(cls, setting: SettingLike, rank: int) -> Augmentation:
        """Read the angle; a recording has no plane to turn in."""
        if rank < 2:
            raise UserError("augment: rotate needs images with two axes or more", "leave it out")
        return super().of(setting, rank)

    def __post_init__(self) -> None:
        if not 0 <= self.degrees <= 180:
            raise self.refuse("takes an angle from 0 to 180 degrees")

    def __call__(self, batch: AnyArray, rng: np.random.Generator) -> AnyArray:
        """Return the batch, each image turned by its own draw."""
        angles = np.deg2rad(rng.uniform(-self.degrees, self.degrees, len(batch)))
        turns = np.tile(np.eye(batch.ndim - 2), (len(batch), 1, 1))
        turns[:, -2, -2] = turns[:, -1, -1] = np.cos(angles)
        turns[:, -2, -1] = np.sin(angles)
        turns[:, -1, -2] = -np.sin(angles)
        return _resampled(batch, turns)


@dataclass(frozen=True)
class Scale(Augmentation):
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

    def __call__(self, batch: AnyArray, rng: np.random.Generator) -> AnyArray:
        """Return the batch, each image scaled by its own draw."""
        # As often larger by a factor as smaller by it.
        reach = np.log1p(self.fraction)
        factors = np.exp(rng.uniform(-reach, reach, len(batch)))
        return _resampled(batch, np.eye(batch.ndim - 2) / factors[:, None, None])


def _resampled(batch: AnyArray, matrices: NDArray[np.float64]) -> AnyArray:
    """Look each image up at ``matrix @ place``, about its middle, linearly between pixels."""
    from scipy.ndimage import affine_transform  # type: ignore[import-untyped]

    middle = (np.array(batch.shape[2:]) - 1) / 2
    out = np.empty_like(batch)
    for i, matrix in enumerate(matrices):
        offset = middle - matrix @ middle
        for c, channel in enumerate(batch[i]):
            affine_transform(channel, matrix, offset, output=out[i, c], order=1, mode="nearest")
    return out


AUGMENTATIONS: Mapping[str, type[Augmentation]] = MappingProxyType(
    {kind.about.word: kind for kind in (Shift, Flip, Noise, Rotate, Scale)}
)
"""Words of ``augment:``."""


def augmentations(settings: Iterable[SettingLike], rank: int) -> tuple[Augmentation, ...]:
    """Make the augmentations that a document lists, for images with `rank` spatial axes.

    Raises
    ------
    UserError
        If a word is unknown or its numbers are wrong.
    """
    return tuple(
        look_up(setting.word, AUGMENTATIONS, "augment").of(setting, rank) for setting in settings
    )


def augment(batch: AnyArray, settings: Iterable[SettingLike], rng: np.random.Generator) -> AnyArray:
    """Change a batch at random as a document's ``augment:`` says, in its order.

    Parameters
    ----------
    batch : numpy.ndarray
        (B, C, *spatial), floats, normalised.
    settings : iterable of Setting
        Such as ``shift 2, flip``.
    rng : numpy.random.Generator
        The same state gives the same batch.

    Returns
    -------
    numpy.ndarray
        Of the same shape and type; the batch itself where there are no settings.

    Raises
    ------
    UserError
        As `augmentations`.
    """
    for change in augmentations(settings, batch.ndim - 2):
        batch = change(batch, rng)
    return batch
