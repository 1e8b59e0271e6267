"""Augmentation: small random changes that do not change what an image shows.

Each kind is a class with the numbers that a document gives it. All work on a whole batch
(B, C, *spatial) of recordings, images or volumes, draw from the generator they are given, and
return a new batch of the same shape and type. Labels go along.

What has to be resampled, bent or blurred is done by MONAI. Mirroring, moving by whole pixels, and
adding or multiplying numbers is a line of numpy on the whole batch, for which nobody has to wait
until MONAI is imported.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, overload

import numpy as np

from ..settings import SettingLike, look_up
from ..values import AnyArray
from .base import IGNORED, Augmentation, Subject
from .ears import Delay, Gain, Swap, mirrored_classes
from .places import Flip, Rotate, Scale, Shift
from .values import Gamma, Intensity, Noise, Smooth

__all__ = [
    "AUGMENTATIONS",
    "IGNORED",
    "Augmentation",
    "Subject",
    "augment",
    "augmentations",
    "mirrored_classes",
]

_KINDS: tuple[type[Augmentation], ...] = (
    Shift,
    Flip,
    Noise,
    Rotate,
    Scale,
    Intensity,
    Gamma,
    Smooth,
    Delay,
    Gain,
    Swap,
)

AUGMENTATIONS: Mapping[str, type[Augmentation]] = MappingProxyType(
    {kind.about.word: kind for kind in _KINDS}
)
"""Words of ``augment:``."""


def augmentations(
    settings: Iterable[SettingLike],
    rank: int,
    *,
    classes: Sequence[str] = (),
    spacing: Sequence[float] | None = None,
) -> tuple[Augmentation, ...]:
    """Make the augmentations that a document lists.

    Parameters
    ----------
    settings : iterable of Setting
        Such as ``shift 2, flip``.
    rank : int
        Number of spatial axes of the images.
    classes : sequence of str
        Names of the classes: where the ears are swapped, left and right are too.
    spacing : sequence of float, optional
        Size of a voxel along each spatial axis, in one unit, so that angles stay angles.

    Raises
    ------
    UserError
        If a word is unknown, its numbers are wrong, or it does not fit such images.
    """
    subject = Subject(rank, tuple(classes), None if spacing is None else tuple(spacing))
    return tuple(
        look_up(setting.word, AUGMENTATIONS, "augment").of(setting, subject) for setting in settings
    )


@overload
def augment(
    images: AnyArray,
    settings: Iterable[SettingLike],
    rng: np.random.Generator,
    targets: None = None,
    *,
    classes: Sequence[str] = (),
    spacing: Sequence[float] | None = None,
) -> AnyArray: ...


@overload
def augment(
    images: AnyArray,
    settings: Iterable[SettingLike],
    rng: np.random.Generator,
    targets: AnyArray,
    *,
    classes: Sequence[str] = (),
    spacing: Sequence[float] | None = None,
) -> tuple[AnyArray, AnyArray]: ...


def augment(
    images: AnyArray,
    settings: Iterable[SettingLike],
    rng: np.random.Generator,
    targets: AnyArray | None = None,
    *,
    classes: Sequence[str] = (),
    spacing: Sequence[float] | None = None,
) -> Any:
    """Change a batch at random as a document's ``augment:`` says, in its order.

    Parameters
    ----------
    images : numpy.ndarray
        (B, C, *spatial), floats, normalised.
    settings : iterable of Setting
        Such as ``shift 2, flip``.
    rng : numpy.random.Generator
        The same state gives the same batch.
    targets : numpy.ndarray, optional
        Classes, int (B,): stay as they are, but for the sides where ears are swapped. Labels, int
        (B, *spatial): move with the image, to the nearest pixel, and are IGNORED where something
        moved in from outside. Images to be made, float (B, C', *spatial): move as the images do;
        of changes of values they only follow `gain`.
    classes, spacing
        As in `augmentations`.

    Returns
    -------
    numpy.ndarray, or a tuple of two where there are targets
        Of the same shapes and types; the batch itself where there are no settings.

    Raises
    ------
    UserError
        As `augmentations`; also if a change does not fit the images' size.
    """
    changed: AnyArray | None = targets
    for change in augmentations(settings, images.ndim - 2, classes=classes, spacing=spacing):
        images, changed = change.apply(images, changed, rng)
    return images if targets is None else (images, changed)
