"""Augmentations that change values and leave every place where it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...network.problems import UserError
from ..settings import SettingLike, Word
from ..values import AnyArray
from .base import Subject, ValueChange, per_image


@dataclass(frozen=True)
class Noise(ValueChange):
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

    def changed(self, images: AnyArray, rng: np.random.Generator) -> AnyArray:
        """Return the images with noise."""
        noise = rng.standard_normal(images.shape, dtype=np.float32)
        noise *= np.float32(self.deviation)
        return (images + noise).astype(images.dtype, copy=False)


@dataclass(frozen=True)
class Intensity(ValueChange):
    """Change the contrast and the brightness of each image.

    Parameters
    ----------
    contrast : float
        .2 multiplies what differs from the image's mean by 1/1.2 to 1.2.
    brightness : float
        .2 adds up to a fifth of the image's standard deviation, or takes it away.
    """

    contrast: float
    brightness: float
    about: ClassVar[Word] = Word(
        "intensity",
        "Intensity",
        "Change contrast and brightness by up to the fraction S; or each by its own: intensity "
        "contrast .2 brightness .1.",
        "intensity .1",
        ("fraction",),
    )

    @classmethod
    def of(cls, setting: SettingLike, subject: Subject) -> Intensity:
        """Read one fraction for both, or one for each."""
        named = dict(setting.words)
        if not setting.words and len(setting.numbers) == 1:
            return cls(setting.numbers[0], setting.numbers[0])
        if setting.numbers or not named or not named.keys() <= {"contrast", "brightness"}:
            raise UserError(
                "augment: intensity takes one fraction, or contrast and brightness",
                "write intensity .1, or intensity contrast .2 brightness .1",
            )
        return cls(named.get("contrast", 0.0), named.get("brightness", 0.0))

    def __post_init__(self) -> None:
        if not (0 <= self.contrast < np.inf and 0 <= self.brightness < np.inf):
            raise self.refuse("takes fractions, 0 or more")

    def changed(self, images: AnyArray, rng: np.random.Generator) -> AnyArray:
        """Return the images, each with its own contrast and brightness."""
        reach = np.log1p(self.contrast)
        factors = np.exp(rng.uniform(-reach, reach, len(images)))
        shares = rng.uniform(-self.brightness, self.brightness, len(images))
        axes = tuple(range(1, images.ndim))
        means = images.mean(axes, keepdims=True)
        added = means + per_image(shares, images) * images.std(axes, keepdims=True)
        return np.asarray((images - means) * per_image(factors, images) + added, images.dtype)


@dataclass(frozen=True)
class Gamma(ValueChange):
    """Bend each image's scale of values between its own lowest and highest one.

    Parameters
    ----------
    reach : float
        .3 raises them, brought to 0 to 1, to a power from 1/1.3 to 1.3.
    """

    reach: float
    about: ClassVar[Word] = Word(
        "gamma",
        "Gamma",
        "Brighten or darken middle values, as a power of up to 1 + G or its inverse does; the "
        "lowest and the highest value stay.",
        "gamma .3",
        ("reach",),
    )

    def __post_init__(self) -> None:
        if not 0 <= self.reach < np.inf:
            raise self.refuse("takes a number, 0 or more")

    def changed(self, images: AnyArray, rng: np.random.Generator) -> AnyArray:
        """Return the images, each bent by its own power."""
        import torch
        from monai.transforms.intensity.array import AdjustContrast

        reach = np.log1p(self.reach)
        powers = np.exp(rng.uniform(-reach, reach, len(images))).tolist()
        out = np.empty_like(images)
        for i, power in enumerate(powers):
            out[i] = np.asarray(AdjustContrast(power)(torch.from_numpy(images[i])))
        return out


@dataclass(frozen=True)
class Smooth(ValueChange):
    """Blur each image.

    Parameters
    ----------
    pixels : float
        The greatest standard deviation of the blur.
    """

    pixels: float
    about: ClassVar[Word] = Word(
        "smooth",
        "Smooth",
        "Blur the image with a Gaussian of up to N pixels.",
        "smooth 1",
        ("pixels",),
    )

    def __post_init__(self) -> None:
        if not 0 <= self.pixels < np.inf:
            raise self.refuse("takes a number of pixels, 0 or more")

    def changed(self, images: AnyArray, rng: np.random.Generator) -> AnyArray:
        """Return the images, each blurred by its own draw."""
        import torch
        from monai.networks.layers.convutils import gaussian_1d
        from monai.networks.layers.simplelayers import separable_filtering

        widths = rng.uniform(0, self.pixels, len(images)).tolist()
        out = np.empty_like(images)
        for i, width in enumerate(widths):
            image = torch.from_numpy(images[i : i + 1])
            kernel = gaussian_1d(torch.tensor(max(width, 1e-3)), normalize=True)
            kernels = [kernel.to(image.dtype)] * (images.ndim - 2)
            # The edge goes on outside: zeros would darken it.
            out[i] = separable_filtering(image, kernels, mode="replicate")[0].numpy()
        return out
