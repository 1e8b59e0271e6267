"""Comparing labels that were predicted with the right ones, where there are both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_convnet.data import Contents, check_same_place, read_contents, resample_like
from napari_convnet.data.contents import Note
from napari_convnet.data.label_checks import class_numbers
from napari_convnet.data.notes import about
from napari_convnet.data.placement import check_lying_over
from napari_convnet.data.settings import Shape, text_of
from napari_convnet.document import Data
from napari_convnet.network import UserError

from ..metrics import Counts, confusion
from .results import Segmentation
from .scene import Scene

PIECE = 2**22
"""Voxels that are counted in one go."""


@dataclass(frozen=True, eq=False)
class Right:
    """What labels are to be.

    Parameters
    ----------
    numbers : numpy.ndarray
        int8 or int16 (*spatial), over the scan's own voxels: the class of each, below 0 where
        nothing is labelled.
    affine : numpy.ndarray
        The scan's place.
    notes : tuple of Note
        What was done to them.
    """

    numbers: NDArray[Any]
    affine: NDArray[np.float64]
    notes: tuple[Note, ...] = ()


def right_labels(labels: Any, scene: Scene, classes: int, data: Data | None) -> Right:
    """Read the right labels, and check that they lie over the input.

    Parameters
    ----------
    labels : path, Contents or array-like
        What they are.
    scene : Scene
        The input.
    classes : int
        How many there are.
    data : Data, optional
        The document's, for ``unlabelled:``, ``align:`` and ``accept:``.

    Raises
    ------
    UserError
        If they are of another size or lie elsewhere, or have values that are no class.
    """
    found = _contents(labels, () if data is None else data.accept)
    name, called = found.name, scene.name or "the image"
    own = replace(_like(scene), name=called)
    if found.affine is not None and data is not None and data.align == "labels":
        try:
            check_same_place(own, found, (called, name))
        except UserError:
            found = resample_like(replace(found, labels=True), own)
    array = _over(found, scene.shape, called)
    if found.affine is not None:
        check_lying_over(own, found, (called, name))
    unlabelled = None if data is None else data.unlabelled
    return Right(
        class_numbers(array, unlabelled, classes, name), scene.affine, about(name, found.notes)
    )


def _contents(labels: Any, accept: Sequence[str]) -> Contents:
    if hasattr(labels, "shape") or isinstance(labels, list | tuple):
        labels = Contents(np.asarray(labels))
    found = labels if isinstance(labels, Contents) else read_contents(labels, accept=accept)
    return replace(found, name=found.name or "the label image")


def _like(scene: Scene) -> Contents:
    """Give something that lies where the scan does, without its values."""
    nothing = np.broadcast_to(np.uint8(0), scene.shape)
    return Contents(nothing, affine=scene.affine, units=scene.source.units)


def _over(labels: Contents, shape: Shape, called: str) -> NDArray[Any]:
    """Bring labels to the scan's axes; those that lead may have one step."""
    array = np.asarray(labels.array)
    if labels.rgb:
        what = f"{labels.name} is a picture in colours"
        raise UserError(what, "save them as a gray image whose values are the classes")
    lead = array.ndim - len(shape)
    if lead < 0 or array.shape != (1,) * lead + shape:
        raise UserError(
            f"{called} has {text_of(shape)} voxels, and {labels.name}: {text_of(array.shape)}",
            "give labels of the same size, one for each voxel",
        )
    return array.reshape(shape)


def measured(result: Segmentation, right: Right) -> Segmentation:
    """Compare labels with the right ones; the result may be of a part of the scan.

    Raises
    ------
    UserError
        If its voxels are not the scan's.
    """
    size = result.labels.shape
    start = _start(result, right)
    numbers = right.numbers[tuple(slice(a, a + n) for a, n in zip(start, size, strict=True))]
    count = len(result.classes)
    counts = np.zeros((count, count), np.int64)
    for wanted, found in pieces(numbers, result.labels):
        counts += confusion(wanted, found.astype(np.int64) - result.first, count)
    notes = (*result.notes, *right.notes)
    if numbers.shape != right.numbers.shape:
        part = f"{text_of(size)} of {text_of(right.numbers.shape)} voxels"
        notes = (*notes, Note(f"measured on {part}: where the network gives labels"))
    return replace(result, confusion=counts, notes=notes)


def _start(result: Segmentation, right: Right) -> list[int]:
    """Find the voxel of the scan that the first label lies on."""
    matrix = np.linalg.solve(right.affine, result.affine)
    rank = len(matrix) - 1
    sides, start = np.diag(matrix)[:rank], matrix[:rank, rank]
    if not np.allclose(sides, 1, atol=1e-4):
        each = "x".join(f"{side:.3g}" for side in sides)
        raise UserError(
            f"each label stands for {each} voxels: these cannot be measured",
            f"bring the maps back to the size of images before the last layer: up {max(sides):g}",
        )
    if not np.allclose(start, start.round(), atol=1e-2):
        what = "labels lie between the voxels: these cannot be measured"
        raise UserError(what, "use kernels of odd size, or padding, which keeps the size")
    return [int(a) for a in start.round()]


def counted(labels: NDArray[Any], classes: int, first: int) -> Counts:
    """Count the voxels of each class, piece by piece; `first` is the label of the first."""
    counts = np.zeros(classes + first, np.int64)
    for (piece,) in pieces(labels):
        counts += np.bincount(piece, minlength=len(counts))
    return counts[first:]


def pieces(*arrays: NDArray[Any]) -> Iterator[list[NDArray[Any]]]:
    """Cut arrays of one shape into pieces that are small enough to be converted."""
    flat = [array.reshape(-1) for array in arrays]
    for start in range(0, flat[0].size, PIECE):
        yield [array[start : start + PIECE] for array in flat]
