"""Jobs about what is learned from: layers that become files, patches to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..data.layer_files import LayerFile, write_layer_files
from ..document import parse
from .control import Token


@dataclass(frozen=True, eq=False)
class PatchesSeen:
    """Some of what a training is shown, augmented as it is.

    Parameters
    ----------
    images : ndarray
        float32 (n, C, *spatial).
    labels : ndarray or None
        uint8 (n, *spatial): class + 1 of each voxel, 0 where it does not count; None where voxels
        have no class.
    limits : tuple of float
        Darkest and brightest value to show.
    classes : tuple of str
        Names of the classes; empty where there are none.
    unit : str
        What they are: "patches", "images".
    slices : bool
        Whether the channels are neighbouring slices of a volume.
    spacing : tuple of float
        How far apart neighbouring pixels are, slices first where they are the channels; empty
        where that is not known.
    world_unit : str
        Of the spacing.
    """

    images: NDArray[np.float32]
    labels: NDArray[np.uint8] | None
    limits: tuple[float, float]
    classes: tuple[str, ...]
    unit: str
    slices: bool
    spacing: tuple[float, ...]
    world_unit: str


def write_layers(files: Sequence[LayerFile], cancelled: Token) -> int:
    """Write the files that layers become, and count them."""
    write_layer_files(files, cancelled)
    return len(files)


def patches(
    text: str, path: str | None, count: int, files: Sequence[LayerFile], cancelled: Token
) -> PatchesSeen:
    """Cut and augment the first patches of a training, as it would see them.

    Parameters
    ----------
    text, path : str
        The document, and its file.
    count : int
        How many, at most.
    files : sequence of LayerFile
        Layers that are to be written first.
    cancelled : Token
        Looked at between the files.
    """
    from ..data import load_examples

    write_layer_files(files, cancelled)
    pipeline = parse(text, path)
    examples = load_examples(pipeline)
    images: list[NDArray[np.float32]] = []
    targets: list[NDArray[np.generic]] = []
    found = 0
    for image, target in examples.batches(
        min(count, pipeline.train.batch), pipeline.train.seed, 0, pipeline.augment
    ):
        images.append(image)
        targets.append(target)
        found += len(image)
        if found >= count:
            break
    slices = pipeline.network.input.slices
    rank = len(examples.shape) - 1 + slices
    scans = getattr(examples, "scans", ())
    steps: tuple[float, ...] = ()
    unit = "pixel"
    if scans:
        steps = tuple(float(n) for n in np.linalg.norm(scans[0].affine[:-1, :-1], axis=0)[-rank:])
        unit = scans[0].units[-1]
    seen = np.concatenate(images)[:count]
    return PatchesSeen(
        seen,
        _labels(np.concatenate(targets)[:count]) if examples.classes else None,
        _limits(seen),
        examples.classes,
        examples.unit,
        slices,
        steps,
        unit,
    )


def _labels(targets: NDArray[np.generic]) -> NDArray[np.uint8] | None:
    """Give labels to show over patches; None for one class each."""
    if targets.ndim == 1:
        return None
    labels: NDArray[np.uint8] = np.clip(targets + 1, 0, 255).astype(np.uint8)
    return labels


def _limits(images: NDArray[np.float32]) -> tuple[float, float]:
    low, high = (float(n) for n in np.percentile(images, (0.5, 99.5)))
    return (low, high) if low < high else (low, low + 1)
