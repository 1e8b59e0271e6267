"""Augmentations of recordings: when they begin, how loud they are, which ear hears what."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ...network.problems import UserError
from ..settings import SettingLike, Word, text_of
from ..values import AnyArray
from .base import IGNORED, Augmentation, Subject, are_images, are_labels, per_image


@dataclass(frozen=True)
class Delay(Augmentation):
    """Move each recording along time, all of its ears alike; silence moves in.

    Parameters
    ----------
    samples : float
        The greatest delay, to either side; a whole number.
    """

    samples: float
    about: ClassVar[Word] = Word(
        "delay",
        "Delay",
        "Begin the recording up to N samples earlier or later; silence moves in. Both ears alike: "
        "a direction stays.",
        "delay 200",
        ("samples",),
    )

    @classmethod
    def of(cls, setting: SettingLike, subject: Subject) -> Augmentation:
        """Read the delay; a volume is no recording."""
        if subject.rank > 2:
            raise UserError("augment: delay is for recordings", "write shift for volumes")
        return super().of(setting, subject)

    def __post_init__(self) -> None:
        if self.samples < 0 or not float(self.samples).is_integer():
            raise self.refuse("takes a whole number of samples, 0 or more")

    def apply(
        self, images: AnyArray, targets: AnyArray | None, rng: np.random.Generator
    ) -> tuple[AnyArray, AnyArray | None]:
        """Delay each recording by its own draw."""
        reach, length = int(self.samples), images.shape[-1]
        if reach >= length:
            raise self.refuse(f"{reach} would move a recording of {length} samples away")
        delays = rng.integers(-reach, reach, size=len(images), endpoint=True)
        if targets is not None and are_labels(targets, images):
            targets = _delayed(targets, delays, IGNORED)
        elif targets is not None and are_images(targets, images):
            targets = _delayed(targets, delays, 0)
        return _delayed(images, delays, 0), targets


def _delayed(batch: AnyArray, delays: NDArray[np.int64], silence: int) -> AnyArray:
    out = np.full_like(batch, silence)
    length = batch.shape[-1]
    for i, delay in enumerate(delays.tolist()):
        late, early = max(delay, 0), max(-delay, 0)
        out[i, ..., late : length - early] = batch[i, ..., early : length - late]
    return out


@dataclass(frozen=True)
class Gain(Augmentation):
    """Make each recording louder or quieter, all of its ears alike.

    Parameters
    ----------
    decibels : float
        The greatest change, to either side; 6 is about a factor of 2.
    """

    decibels: float
    about: ClassVar[Word] = Word(
        "gain",
        "Gain",
        "Make the recording louder or quieter by up to D decibels (6 doubles its values). Both "
        "ears alike: a direction stays.",
        "gain 6",
        ("decibels",),
    )

    def __post_init__(self) -> None:
        if not 0 <= self.decibels <= 120:
            raise self.refuse("takes decibels from 0 to 120")

    def apply(
        self, images: AnyArray, targets: AnyArray | None, rng: np.random.Generator
    ) -> tuple[AnyArray, AnyArray | None]:
        """Change how loud each recording is, and the recording that shall be made of it."""
        factors = 10 ** (rng.uniform(-self.decibels, self.decibels, len(images)) / 20)
        if targets is not None and are_images(targets, images):
            targets = targets * per_image(factors, targets)
        return images * per_image(factors, images), targets


@dataclass(frozen=True)
class Swap(Augmentation):
    """Let the ears of some recordings change places.

    Parameters
    ----------
    chance : float
        How many of them, from 0 to 1.
    mirrored : tuple of int
        The class that each class becomes; empty where classes stay.
    """

    chance: float = 0.5
    mirrored: tuple[int, ...] = ()
    about: ClassVar[Word] = Word(
        "swap",
        "Swap ears",
        "Let the ears of every second recording change places; what was left is right then, and so "
        "are classes that are named left and right.",
        "swap, or swap .3",
    )

    @classmethod
    def of(cls, setting: SettingLike, subject: Subject) -> Swap:
        """Read the chance, and find the classes that change places with the ears."""
        if setting.words or len(setting.numbers) > 1:
            raise UserError("augment: swap takes a chance", f"write {cls.about.example}")
        if subject.rank > 2:
            raise UserError("augment: swap is for recordings", "write flip for volumes")
        chance = setting.numbers[0] if setting.numbers else 0.5
        return cls(chance, mirrored_classes(subject.classes))

    def __post_init__(self) -> None:
        if not 0 <= self.chance <= 1:
            raise self.refuse("takes a chance from 0 to 1")

    def apply(
        self, images: AnyArray, targets: AnyArray | None, rng: np.random.Generator
    ) -> tuple[AnyArray, AnyArray | None]:
        """Swap the ears of some recordings, and what is known of left and right."""
        axis = _ear_axis(images)
        chosen = np.flatnonzero(rng.random(len(images)) < self.chance)
        images = _flipped(images, chosen, axis)
        if targets is None:
            return images, None
        if are_images(targets, images):
            stereo = targets.shape[axis] == 2
            return images, _flipped(targets, chosen, axis) if stereo else targets
        if self.mirrored and targets.dtype.kind == "i":
            targets = targets.copy()
            found = targets[chosen]
            table = np.array(self.mirrored, targets.dtype)
            targets[chosen] = np.where(found < 0, found, table[found])
        return images, targets


def _ear_axis(images: AnyArray) -> int:
    """Find the axis of the two ears: the channels, or the axis before time."""
    shape = images.shape[1:]
    if len(shape) == 2 and shape[0] == 2:
        return 1
    if len(shape) == 3 and shape[1] == 2:
        return 2
    raise UserError(
        f"augment: swap needs recordings with two ears, not {text_of(shape)}",
        "leave it out, or take recordings in stereo",
    )


def _flipped(batch: AnyArray, chosen: NDArray[np.int64], axis: int) -> AnyArray:
    out = batch.copy()
    out[chosen] = np.flip(batch[chosen], axis)
    return out


_SIDE = re.compile(r"(?<![a-z])(left|right)(?![a-z])", re.IGNORECASE)
_OTHER_SIDE = {"left": "right", "right": "left", "Left": "Right", "Right": "Left"}


def mirrored_classes(classes: tuple[str, ...]) -> tuple[int, ...]:
    """Give the class that each class becomes when left and right change places.

    Returns
    -------
    tuple of int
        Empty where no class is named left or right.

    Raises
    ------
    UserError
        If a class has no counterpart.

    Examples
    --------
    >>> mirrored_classes(("left", "centre", "right"))
    (2, 1, 0)
    """
    names = [_SIDE.sub(lambda m: _OTHER_SIDE.get(m[0], m[0]), name) for name in classes]
    if names == list(classes):
        return ()
    for name, other in zip(classes, names, strict=True):
        if other not in classes:
            raise UserError(
                f"augment: swap makes of {name} {other}, which is not among the classes",
                "leave swap out, or name both sides in classes:",
            )
    return tuple(classes.index(name) for name in names)
