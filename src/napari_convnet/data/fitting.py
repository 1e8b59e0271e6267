"""Fitting: bring images to one size, by padding, cropping or resizing, when the document says so.

Nothing is resized silently. Where an image is fitted its place in the world goes along, so that
maps of it still lie over the original.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from ..network.problems import UserError
from .sample import Sample
from .settings import Input, SettingLike, Shape, Word, look_up, text_of
from .values import AnyArray

FITS: Mapping[str, Word] = MappingProxyType(
    {
        word.word: word
        for word in (
            Word(
                "pad",
                "Pad",
                "Put the image in the middle of SIZE and continue its edges outwards.",
                "pad 32",
                ("size",),
            ),
            Word("crop", "Crop", "Cut SIZE out of the middle of the image.", "crop 24", ("size",)),
            Word(
                "resize",
                "Resize",
                "Scale the image to SIZE, smoothing it first where it shrinks.",
                "resize 64x64",
                ("size",),
            ),
        )
    }
)
"""Words of ``fit:``. Without a size, the document's input is meant."""


def fit(sample: Sample, setting: SettingLike | None, input: Input) -> Sample:
    """Bring a sample to the size that a ``fit:`` setting names.

    Parameters
    ----------
    sample : Sample
        As it came.
    setting : Setting or None
        ``pad``, ``crop`` or ``resize``, with a size; None leaves the sample as it is.
    input : sequence of int or None
        The network's input, for settings without a size.

    Returns
    -------
    Sample
        Its affine moved along, so that its pixels stay where they were in the world.

    Raises
    ------
    UserError
        If the setting is wrong, or the image cannot be padded or cropped to that size.
    """
    if setting is None:
        return sample
    size = target_size(setting, input)
    array = fit_stack(sample.array[None], setting, size, sample.name)[0]
    moved = sample.affine @ _moved(setting.word, sample.shape[1:], size)
    return replace(sample, array=np.asarray(array, dtype=np.float32), affine=moved)


def target_size(setting: SettingLike, input: Input) -> Shape:
    """Read the size that a ``fit:`` setting asks for: one number, or AxB, or the input's own."""
    word = look_up(setting.word, FITS, "fit")
    rank = len(input) - 1
    sizes = [int(n) if float(n).is_integer() and 0 < n < 2**31 else 0 for n in setting.numbers]
    if not sizes and None not in input[1:]:
        return tuple(size for size in input[1:] if size is not None)
    if len(sizes) == 1:
        sizes *= rank
    if len(sizes) != rank or not all(sizes) or setting.words:
        what = f"fit: {setting.word} takes one size, or {rank} joined by x"
        raise UserError(what, f"write fit: {word.example}")
    return tuple(sizes)


def fit_stack(images: AnyArray, setting: SettingLike, size: Shape, name: str = "") -> AnyArray:
    """Fit a stack (N, C, *spatial) to the spatial `size`; pad and crop keep its type."""
    had = images.shape[2:]
    if had == size:
        return images
    if setting.word == "resize":
        return _resized(images, size)
    _check_direction(setting.word, had, size, name)
    before = [abs(new - old) // 2 for old, new in zip(had, size, strict=True)]
    if setting.word == "crop":
        cut = (slice(lo, lo + new) for lo, new in zip(before, size, strict=True))
        return images[(slice(None), slice(None), *cut)]
    widths = [(lo, new - old - lo) for lo, old, new in zip(before, had, size, strict=True)]
    # The edge's own values: unlike zeros they mean "nothing new" in a CT as well as in a drawing.
    return np.pad(images, [(0, 0), (0, 0), *widths], mode="edge")


def _check_direction(word: str, had: Shape, size: Shape, name: str) -> None:
    wrong = [new < old if word == "pad" else new > old for old, new in zip(had, size, strict=True)]
    if any(wrong):
        compared = "larger" if word == "pad" else "smaller"
        raise UserError(
            f"{name or 'an image'} has {text_of(had)}, {compared} than fit: {word} {text_of(size)}",
            f"write fit: resize {text_of(size)}",
        )


def _resized(images: AnyArray, size: Shape) -> NDArray[np.float32]:
    from skimage.transform import resize

    out = np.empty((*images.shape[:2], *size), np.float32)
    shrinks = any(new < old for old, new in zip(images.shape[2:], size, strict=True))
    for i, image in enumerate(images):
        for c, channel in enumerate(image):
            plane = channel.astype(np.float32)
            out[i, c] = resize(  # type: ignore[no-untyped-call]
                plane, size, order=1, mode="edge", anti_aliasing=shrinks, preserve_range=True
            )
    return out


def _moved(word: str, had: Shape, size: Shape) -> NDArray[np.float64]:
    """Matrix from the indices of the fitted image to those of the image as it came."""
    matrix = np.eye(len(had) + 1)
    for axis, (old, new) in enumerate(zip(had, size, strict=True)):
        if word == "resize":
            # Pixels are cells: their edges meet, their centres move by half the difference.
            matrix[axis, axis] = old / new
            matrix[axis, -1] = (old / new - 1) / 2
        else:
            shift = abs(new - old) // 2
            matrix[axis, -1] = shift if word == "crop" else -shift
    return matrix


def suggested(had: Sequence[int], size: Sequence[int]) -> str:
    """Suggest the ``fit:`` line that brings images of one size to another."""
    word = "pad" if all(old <= new for old, new in zip(had, size, strict=True)) else "resize"
    same = len(set(size)) == 1
    return f"fit: {word} {size[0] if same else text_of(size)}"
