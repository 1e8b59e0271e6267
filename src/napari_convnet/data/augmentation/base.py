"""What every augmentation is: a word of ``augment:`` with its numbers, applied to a batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...network.problems import UserError
from ..settings import SettingLike, Word, numbers_of
from ..values import AnyArray

IGNORED = -1
"""Target of places that do not count: not labelled, or beyond a scan's border."""


@dataclass(frozen=True)
class Subject:
    """What is to be augmented, as far as settings need to know it.

    Parameters
    ----------
    rank : int
        Number of spatial axes.
    classes : tuple of str
        Names of the classes; empty where there are none.
    spacing : tuple of float, optional
        Size of a voxel along each spatial axis, in one unit; None where all axes are alike.
    """

    rank: int
    classes: tuple[str, ...] = ()
    spacing: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Augmentation(ABC):
    """One kind of random change, ready to be applied."""

    about: ClassVar[Word]

    @classmethod
    def of(cls, setting: SettingLike, subject: Subject) -> Augmentation:
        """Make one of a document's setting.

        Raises
        ------
        UserError
            If the setting's numbers or words are not those that it takes, or it cannot be applied
            to that subject.
        """
        return cls(*numbers_of(setting, cls.about.numbers, "augment", cls.about.example))

    @abstractmethod
    def apply(
        self, images: AnyArray, targets: AnyArray | None, rng: np.random.Generator
    ) -> tuple[AnyArray, AnyArray | None]:
        """Change each image of a batch at random, and what is known of its places alike.

        Parameters
        ----------
        images : numpy.ndarray
            (B, C, *spatial), floats.
        targets : numpy.ndarray or None
            Classes (B,), labels (B, *spatial) or images (B, C', *spatial), as `augment` has them.
        rng : numpy.random.Generator
            Where all that is random comes from.
        """

    def __call__(self, images: AnyArray, rng: np.random.Generator) -> AnyArray:
        """Return the images, each changed at random."""
        return self.apply(images, None, rng)[0]

    def refuse(self, what: str) -> UserError:
        """Make an error about this augmentation's numbers."""
        return UserError(f"augment: {self.about.word} {what}", f"write {self.about.example}")


class ValueChange(Augmentation):
    """A change of values that leaves every place where it is, and so all targets as they are."""

    def apply(
        self, images: AnyArray, targets: AnyArray | None, rng: np.random.Generator
    ) -> tuple[AnyArray, AnyArray | None]:
        """Change the values of each image at random."""
        return self.changed(images, rng), targets

    @abstractmethod
    def changed(self, images: AnyArray, rng: np.random.Generator) -> AnyArray:
        """Return the images with other values, of the same shape and type."""


def are_labels(targets: AnyArray | None, images: AnyArray) -> bool:
    """Whether targets say the class of every place: integers (B, *spatial)."""
    if targets is None or targets.ndim != images.ndim - 1:
        return False
    return targets.dtype.kind == "i" and targets.shape[1:] == images.shape[2:]


def are_images(targets: AnyArray | None, images: AnyArray) -> bool:
    """Whether targets are images, such as those that a network shall make: floats."""
    if targets is None or targets.ndim != images.ndim:
        return False
    return targets.dtype.kind == "f" and targets.shape[2:] == images.shape[2:]


def per_image(values: AnyArray, images: AnyArray) -> AnyArray:
    """Shape one number per image so that it multiplies the batch, in the batch's type."""
    ones = (1,) * (images.ndim - 1)
    return values.astype(images.dtype).reshape(-1, *ones)
