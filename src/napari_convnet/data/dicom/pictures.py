"""What is known of a picture: a file's only one, or a frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..contents import Note

Three = tuple[float, float, float]


@dataclass(frozen=True)
class File:
    """A DICOM file with pictures.

    Parameters
    ----------
    path : Path
    uid : str
        Its SOPInstanceUID; may be empty.
    series, frame_of_reference : str
        Identifiers; may be empty.
    number : int
        Of the series.
    description, modality : str
        May be empty.
    size : tuple of int
        Rows, columns.
    frames, samples, bits : int
        Bits as allocated for a sample.
    photometric : str
        Such as "MONOCHROME2".
    kind : "image", "segments", "fractions" or "labels"
        Intensities, pictures of single segments (binary or fractional), or a map of labels.
    full : int
        What a fraction of 1 is stored as.
    names : mapping
        Of a segmentation's labels.
    interval : float
        Seconds between the frames of a film; 0 where that is not said.
    notes : tuple of Note
        What is odd about it.
    """

    path: Path
    uid: str
    series: str
    frame_of_reference: str
    number: int
    description: str
    modality: str
    size: tuple[int, int]
    frames: int
    samples: int
    bits: int
    photometric: str
    kind: str = "image"
    full: int = 1
    names: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}))
    interval: float = 0.0
    notes: tuple[Note, ...] = ()

    @property
    def is_coloured(self) -> bool:
        """Whether a pixel is a colour."""
        return self.samples > 1 or self.photometric == "PALETTE COLOR"


@dataclass(frozen=True)
class Picture:
    """One picture: a file's only one, or a frame.

    Parameters
    ----------
    file : File
    frame : int
        Its index in the file.
    directions : tuple of six floats, optional
        Along a row, and along a column, LPS.
    position : tuple of three floats, optional
        Of its first pixel, LPS, mm.
    spacing : tuple of two floats, optional
        Distance of rows and of columns, mm.
    thickness : float, optional
        Distance to its neighbours as the header says it; counts for a slice without neighbours.
    apart : float, optional
        SpacingBetweenSlices: places count more.
    instance : int
        Number in the series: says which came first, not where it lies.
    rescale : tuple of two floats, optional
        Slope and intercept of the stored values.
    window : tuple of two floats, optional
        Values to show as black and white.
    stack : str
        Which of a file's stacks it belongs to.
    further : mapping
        Its value along axes such as "time" or "echo".
    segment : int
        Which segment it shows.
    """

    file: File
    frame: int
    directions: tuple[float, ...] | None = None
    position: Three | None = None
    spacing: tuple[float, float] | None = None
    thickness: float | None = None
    apart: float | None = None
    instance: int = 0
    rescale: tuple[float, float] | None = None
    window: tuple[float, float] | None = None
    stack: str = ""
    further: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    segment: int = 0

    @property
    def is_placed(self) -> bool:
        """Whether it is known where in the body it lies."""
        return None not in (self.position, self.directions, self.spacing)
