"""Whether two arrays lie in the same place, and bringing one into the place of the other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from ..network.problems import UserError
from .contents import Contents, Note
from .orientation import Matrix, corners, describe, farthest, number, spatial_part, voxel_size
from .settings import Shape, text_of
from .values import AnyArray

# Part of a voxel by which places may differ: headers round.
_TOLERANCE = 0.01


class Located(Protocol):
    """Anything with an array and its place: `Contents`, `Sample`."""

    @property
    def array(self) -> Any:
        """The values."""

    @property
    def affine(self) -> Matrix | None:
        """Index to world."""

    @property
    def units(self) -> tuple[str, ...] | None:
        """Of the axes."""


@dataclass(frozen=True, eq=False)
class Grid:
    """Where voxels lie, without their values.

    Parameters
    ----------
    shape : tuple of int
        Of the spatial axes, at most three.
    affine : numpy.ndarray
        Their index to world.
    unit : str
        Of the world.
    """

    shape: Shape
    affine: Matrix
    unit: str = "mm"

    def __str__(self) -> str:
        first = ", ".join(number(value) for value in self.affine[:-1, -1])
        return f"{text_of(self.shape)} voxels of {describe(self.affine, self.unit)}, from {first}"


def grid_of(located: Located) -> Grid:
    """Take the grid of the last three axes (or fewer) of an array with a place.

    Further axes and colours do not count; an array without a place lies at index 0 in pixels.
    """
    shape = tuple(located.array.shape)
    if getattr(located, "rgb", None):
        shape = shape[:-1]
    if located.affine is None:
        rank = min(len(shape), 3)
        return Grid(shape[len(shape) - rank :], np.eye(rank + 1), "pixel")
    rank = min(len(located.affine) - 1, 3)
    unit = located.units[-1] if located.units else "pixel"
    return Grid(shape[len(shape) - rank :], spatial_part(located.affine, rank), unit)


def difference(a: Located, b: Located) -> str:
    """Tell in words how the places of two arrays differ; empty where they are the same."""
    first, second = grid_of(a), grid_of(b)
    if first.shape != second.shape:
        return f"{text_of(first.shape)} voxels against {text_of(second.shape)}"
    if first.unit != second.unit:
        return f"one is in {first.unit}, the other in {second.unit}"
    apart = farthest(first.shape, first.affine, second.affine)
    # Not "greater": NaN must count as different.
    if apart <= _TOLERANCE * min(voxel_size(first.affine)):
        return ""
    return f"voxels of the same index are up to {number(apart)} {first.unit} apart"


def same_place(a: Located, b: Located) -> bool:
    """Tell whether voxels of the same index lie in the same place, to 1 % of a voxel."""
    return not difference(a, b)


def check_same_place(
    a: Located, b: Located, names: tuple[str, str] = ("the image", "the labels")
) -> None:
    """Refuse two arrays that do not lie in the same place.

    Raises
    ------
    UserError
        Says where both lie.
    """
    told = difference(a, b)
    if told:
        raise UserError(
            f"{names[0]} and {names[1]} do not lie in the same place: {told}. {names[0]}: "
            f"{grid_of(a)}; {names[1]}: {grid_of(b)}",
            f"resample {names[1]} to the voxels of {names[0]}, or choose those that belong to it",
        )


def check_lying_over(image: Located, target: Located, names: tuple[str, str]) -> None:
    """Refuse labels that do not lie over their image, where a document may have them resampled.

    Raises
    ------
    UserError
        With both places in words, and the key that resamples.
    """
    try:
        check_same_place(image, target, names)
    except UserError as error:
        what = error.problems[0].what
        fix = "add align: labels to data: to resample them, or choose those that belong to it"
        raise UserError(what, fix) from None


def resample_like(contents: Contents, reference: Located) -> Contents:
    """Compute the values of `contents` at the voxels of `reference`.

    Labels take the nearest voxel's, images are interpolated linearly. What lies outside becomes 0
    for labels and the lowest value for images.

    Parameters
    ----------
    contents : Contents
        Of numbers in memory.
    reference : Contents or Sample
        Its place is taken, not its values.

    Returns
    -------
    Contents
        With a note of what was done.

    Raises
    ------
    UserError
        If one has another number of spatial axes or another unit, or the two lie wholly apart.
    """
    own, wanted = grid_of(contents), grid_of(reference)
    if len(own.shape) != len(wanted.shape) or own.unit != wanted.unit:
        raise UserError(f"what has {own} cannot be resampled to {wanted}")
    # Rounding must not push the voxels at the border out of the array.
    across: Matrix = np.asarray(np.linalg.solve(own.affine, wanted.affine)).round(9)
    inside = _share_inside(own.shape, wanted, across)
    if inside == 0:
        names = (
            f"{contents.name or 'the labels'} and {getattr(reference, 'name', '') or 'the image'}"
        )
        what = f"{names} do not overlap: {own} against {wanted}"
        raise UserError(what, "choose those that belong together")
    array = np.asarray(contents.array)
    fill = 0 if contents.labels else array.min()
    # Colours are channels meanwhile.
    array = np.moveaxis(array, -1, 0) if contents.rgb else array
    out = _looked_up(array, across, wanted.shape, fill, order=0 if contents.labels else 1)
    return replace(
        contents,
        array=np.moveaxis(out, 0, -1) if contents.rgb else out,
        affine=_with_place(contents.affine, wanted.affine),
        notes=(*contents.notes, _note(contents, inside, fill)),
    )


def _looked_up(array: AnyArray, across: Matrix, shape: Shape, fill: Any, order: int) -> AnyArray:
    """Look values (..., *spatial) up at the voxels of another grid; beyond the array is `fill`."""
    from scipy.ndimage import affine_transform  # type: ignore[import-untyped]

    rank = len(shape)
    lead, had = array.shape[: array.ndim - rank], array.shape[array.ndim - rank :]
    if order and array.dtype.kind in "uib":
        array = array.astype(np.float32)
    matrix, start = across[:rank, :rank], across[:rank, rank]
    parts = [
        affine_transform(part, matrix, start, shape, order=order, mode="constant", cval=fill)
        for part in array.reshape(-1, *had)
    ]
    found: AnyArray = np.stack(parts).reshape(*lead, *shape)
    return found


def _with_place(had: Matrix | None, wanted: Matrix) -> Matrix:
    """Put a place of spatial axes in, and leave those that lead."""
    affine = np.eye(len(wanted)) if had is None else had.copy()
    start = len(affine) - len(wanted)
    affine[start:, start:] = wanted
    return affine


def _note(contents: Contents, inside: float, fill: Any) -> Note:
    how = "each voxel took the nearest label" if contents.labels else "interpolated linearly"
    text = f"resampled to the voxels of another scan: {how}"
    if inside < 1:
        text += f"; {1 - inside:.1%} of them lie outside and are {fill:g}"
    return Note(text, "warning" if inside < 1 else "note")


def _share_inside(shape: Shape, wanted: Grid, across: Matrix) -> float:
    """Share of the wanted voxels that lie within an array of `shape`."""
    last = np.asarray(shape) - 1
    ends = corners(wanted.shape, across)
    if ((ends >= 0) & (ends <= last)).all():
        return 1.0
    count = 0
    rest = np.indices(wanted.shape[1:]).reshape(len(shape) - 1, -1).T
    for first in range(wanted.shape[0]):
        # A plane at a time: indices of a whole scan are six times as large as the scan.
        at = rest @ across[:-1, 1:-1].T + across[:-1, 0] * first + across[:-1, -1]
        count += int(((at >= 0) & (at <= last)).all(axis=1).sum())
    return count / int(np.prod(wanted.shape))
