"""Sample data that a document names in one line: ``source: head``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from . import recorded, samples
from .contents import Contents
from .dataset import Dataset
from .directions import DIRECTIONS
from .documents import SoundsLike
from .settings import Input
from .values import AnyArray


@dataclass(frozen=True)
class Source:
    """Images with one class each.

    Parameters
    ----------
    name : str
        As it stands in a document.
    title : str
        What it is.
    classes : tuple of str
        Names of the classes.
    load : callable
        Returns images and labels.
    """

    name: str
    title: str
    classes: tuple[str, ...]
    load: Callable[[], tuple[AnyArray, AnyArray]]


@dataclass(frozen=True)
class ScanSource:
    """A scan with a class for every voxel.

    Parameters
    ----------
    name, title, classes
        As of `Source`.
    load : callable
        Returns the scan and its labels.
    axis, descending, slabs
        How it is divided where the document does not say, as ``regions:`` would.
    """

    name: str
    title: str
    classes: tuple[str, ...]
    load: Callable[[], tuple[Contents, Contents]]
    axis: str
    descending: bool = False
    slabs: int = 1


@dataclass(frozen=True)
class SoundSource:
    """Recordings with one class each.

    Parameters
    ----------
    name, title, classes
        As of `Source`.
    load : callable
        Makes the dataset for a network's input, as a document's ``data:`` says.
    """

    name: str
    title: str
    classes: tuple[str, ...]
    load: Callable[[Input, SoundsLike], Dataset]


SOURCES: Mapping[str, Source | ScanSource | SoundSource] = MappingProxyType(
    {
        source.name: source
        for source in (
            Source(
                "digits",
                "5,000 handwritten digits (MNIST), 28x28",
                tuple("0123456789"),
                samples.digits,
            ),
            Source(
                "faces",
                "100 faces and 100 other pictures (LFW), 25x25",
                samples.FACE_CLASSES,
                samples.faces,
            ),
            ScanSource(
                "head",
                "A head MRI (T1) and its tissues, 189x233x197 voxels of 1 mm",
                samples.TISSUES,
                samples.head,
                "y",
                descending=True,
            ),
            ScanSource(
                "abdomen",
                "An abdominal CT and its organs, 112x101x122 voxels of 3 mm",
                samples.ORGANS,
                samples.abdomen,
                "y",
                slabs=2,
            ),
            SoundSource(
                "direction",
                "960 strokes heard from the left, the centre or the right",
                DIRECTIONS,
                recorded.direction,
            ),
            SoundSource(
                "recordings",
                "29 recordings in stereo: ambient, bass, beat",
                recorded.KINDS,
                recorded.kinds,
            ),
        )
    }
)
"""Names for ``source:``."""
