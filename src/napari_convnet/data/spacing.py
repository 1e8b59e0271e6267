"""Resampling scans to a spacing, and what to advise where the spacing is uneven."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..network.problems import UserError
from .contents import Note
from .orientation import Matrix, number, voxel_size
from .sample import Sample
from .settings import Shape

MILLIMETRES = {
    "nm": 1e-6,
    "um": 1e-3,
    "µm": 1e-3,
    "micrometer": 1e-3,
    "mm": 1.0,
    "millimeter": 1.0,
    "cm": 10.0,
    "m": 1000.0,
}
"""Units of length, in mm."""

UNEVEN = 2.0
"""Ratio of a voxel's sides above which kernels that are not cubes are proposed."""


def steps(
    affine: Matrix | None,
    units: Sequence[str] | None,
    rank: int,
    spacing: Sequence[float],
    name: str,
) -> tuple[float, ...]:
    """Tell how many old voxels one new voxel spans along each of the last `rank` axes.

    Raises
    ------
    UserError
        If the size of the voxels is not known, or `spacing` has numbers for other axes.
    """
    if len(spacing) not in (1, rank):
        what = f"spacing: {text_of_numbers(spacing)} has {len(spacing)} numbers for {rank} axes"
        raise UserError(what, f"write one number, or {rank} joined by x")
    unit = units[-1] if units else "pixel"
    if affine is None or unit not in MILLIMETRES:
        what = f"spacing: {name} does not say how large its voxels are (it is in {unit})"
        raise UserError(what, "leave spacing: out, or save it with its voxel size in mm")
    wanted = list(spacing) * (rank if len(spacing) == 1 else 1)
    had = [size * MILLIMETRES[unit] for size in voxel_size(affine)[-rank:]]
    return tuple(new / old for new, old in zip(wanted, had, strict=True))


def text_of_numbers(numbers: Sequence[float]) -> str:
    """Write numbers as a document does: ``1.5x1x1``."""
    return "x".join(f"{n:g}" for n in numbers)


def resampled_size(size: Shape, ratios: Sequence[float]) -> Shape:
    """Tell how many new voxels cover what `size` old ones do."""
    return tuple(max(1, round(n / ratio)) for n, ratio in zip(size, ratios, strict=True))


def grid(size: Shape, ratios: Sequence[float]) -> tuple[Shape, Matrix]:
    """Lay new voxels over the old ones, middle over middle.

    Returns
    -------
    size : tuple of int
        Of the new grid.
    matrix : numpy.ndarray
        From indices of the new grid to those of the old.
    """
    new = resampled_size(size, ratios)
    matrix = np.eye(len(size) + 1)
    for axis, (had, has, ratio) in enumerate(zip(size, new, ratios, strict=True)):
        matrix[axis, axis] = ratio
        matrix[axis, -1] = (had - 1) / 2 - ratio * (has - 1) / 2
    return new, matrix


def resample_image(image: NDArray[Any], ratios: Sequence[float]) -> NDArray[np.float32]:
    """Resample (C, *spatial), linearly, smoothed first along axes that shrink."""
    from scipy.ndimage import affine_transform, gaussian_filter  # type: ignore[import-untyped]

    size, matrix = grid(image.shape[1:], ratios)
    # What skimage's resize does: half of what one new voxel spans beyond an old one.
    sigma = [max(0.0, (ratio - 1) / 2) for ratio in ratios]
    out = np.empty((len(image), *size), np.float32)
    for c, channel in enumerate(image):
        smooth = np.asarray(channel, np.float32)
        if any(sigma):
            smooth = gaussian_filter(smooth, sigma, mode="nearest")
        scales, offset = np.diag(matrix)[:-1], matrix[:-1, -1]
        affine_transform(smooth, scales, offset, size, out[c], order=1, mode="nearest")
    return out


def resample_labels(labels: NDArray[Any], ratios: Sequence[float]) -> NDArray[Any]:
    """Resample (*spatial): each new voxel takes the label of the nearest."""
    size, matrix = grid(labels.shape, ratios)
    indices = [
        np.clip(np.rint(np.arange(n) * matrix[a, a] + matrix[a, -1]), 0, labels.shape[a] - 1)
        for a, n in enumerate(size)
    ]
    taken: NDArray[Any] = labels[np.ix_(*(each.astype(np.int64) for each in indices))]
    return taken


def to_spacing(sample: Sample, spacing: Sequence[float] | None) -> Sample:
    """Resample a sample to a document's ``spacing:``; None leaves it as it is.

    Raises
    ------
    UserError
        If the size of its voxels is not known.
    """
    if spacing is None:
        return sample
    ratios = steps(sample.affine, sample.units, sample.rank, spacing, sample.name or "the image")
    if np.allclose(ratios, 1, atol=1e-4):
        return sample
    _, matrix = grid(sample.shape[1:], ratios)
    return replace(
        sample, array=resample_image(sample.array, ratios), affine=sample.affine @ matrix
    )


def proposed_kernels(size: Sequence[float]) -> tuple[str, int] | None:
    """Propose the kernel of the first layers for voxels of this size, where it is uneven.

    Returns
    -------
    kernel : str
        Such as ``1x3x3``: 1 along the axes on which voxels are long.
    levels : int
        After how many poolings by two along the other axes they are even.

    Examples
    --------
    >>> proposed_kernels((5, 1, 1)), proposed_kernels((1, 1, 1.5))
    (('1x3x3', 2), None)
    """
    least = min(size)
    if max(size) / least <= UNEVEN:
        return None
    long = [side / least > UNEVEN for side in size]
    ratio = min(side for side, is_long in zip(size, long, strict=True) if is_long) / least
    return "x".join("1" if each else "3" for each in long), max(1, round(float(np.log2(ratio))))


def kernel_note(size: Sequence[float], unit: str) -> Note | None:
    """Say what to do about uneven voxels; None where they are even."""
    proposed = proposed_kernels(size)
    if proposed is None:
        return None
    kernel, levels = proposed
    pool = kernel.replace("3", "2")
    first = "first level" if levels == 1 else f"first {levels} levels"
    return Note(
        f"voxels are {' x '.join(number(side) for side in size)} {unit}: along their long side "
        f"neighbours have less in common. Kernels such as conv 16 k{kernel} and max {pool} in the "
        f"{first} keep to what is near, until voxels are even"
    )
