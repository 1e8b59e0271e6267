"""What DICOM headers say: each picture (a file, or a frame of one) with its place and its kind.

All that can be wrong in a header is found here, file by file, before a pixel is read.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..contents import Note
from .files import guarded, read_dataset
from .geometry import directions
from .levels import SPACINGS, Levels, further_of, length_of, rescale_of, window_of
from .messages import bad_value, claims_too_much, cut_short
from .pictures import File, Picture, Three
from .values import as_frames, as_number, as_real, as_text, as_whole, as_words, is_many

_SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
_LABEL_MAP = "1.2.840.10008.5.1.4.1.1.66.7"

_PLAIN = {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"}
"""Ways to store pixels as they are."""

_MOST_FRAMES = 1_000_000
_LARGE = 1 << 28  # bytes
_DENSEST = 2000  # no picture that shows something is compressed more than that
_FARTHEST = 1e5  # mm: no scanner is 100 m large


def pictures_of(path: Path) -> tuple[Picture, ...]:
    """Read the header of a file; none where the file holds no picture (a report, a plan).

    Raises
    ------
    UserError
        If it is damaged, or says what cannot be.
    """
    header = read_dataset(path, pixels=False)
    with guarded(path):
        if "Rows" not in header or "Columns" not in header:
            if not _kind_without_picture(header):
                raise ValueError("it holds neither a picture nor another object")
            return ()
        return tuple(_Header(path, header).pictures())


def other_object(path: Path) -> str:
    """Say what a file without pictures is."""
    return _kind_without_picture(read_dataset(path, pixels=False))


def _kind_without_picture(header: Any) -> str:
    """Name of an object that has no pixels by its kind; "" where there should be some.

    An image whose header is cut short must not pass for a report.
    """
    uid = header.get("SOPClassUID") or header.file_meta.get("MediaStorageSOPClassUID")
    name = str(getattr(uid, "name", ""))
    pictured = "Image" in name or "Segmentation" in name or "Dose" in name
    return "" if pictured or name == str(uid or "") else name


@dataclass(frozen=True)
class _Header:
    """One file's header on its way to pictures."""

    path: Path
    dataset: Any

    def pictures(self) -> Iterator[Picture]:
        file = self._file()
        shared, each = self._groups(file.frames)
        offsets = self._offsets(file)
        for frame in range(file.frames):
            levels = Levels((each[frame], shared, self.dataset) if each else (self.dataset,))
            yield self._picture(file, frame, levels, offsets)

    def _file(self) -> File:
        get = self.dataset.get
        frames = as_frames(get("NumberOfFrames"))
        size = (as_whole(get("Rows"), 0), as_whole(get("Columns"), 0))
        samples, bits = as_whole(get("SamplesPerPixel"), 1), as_whole(get("BitsAllocated"), 0)
        if min(*size, samples) < 1 or not 1 <= frames <= _MOST_FRAMES:
            raise ValueError(f"it says {frames} frames of {size[0]}x{size[1]} pixels")
        self._check_claims((frames, *size, samples), bits)
        kind = self._kind()
        return File(
            path=self.path,
            uid=as_text(get("SOPInstanceUID")),
            series=as_text(get("SeriesInstanceUID")),
            frame_of_reference=as_text(get("FrameOfReferenceUID")),
            number=as_whole(get("SeriesNumber"), 0),
            description=as_text(get("SeriesDescription")) or as_text(get("ProtocolName")),
            modality=as_text(get("Modality")),
            size=size,
            frames=frames,
            samples=samples,
            bits=bits,
            photometric=as_text(get("PhotometricInterpretation")),
            kind=kind,
            full=as_whole(get("MaximumFractionalValue"), 1) if kind == "fractions" else 1,
            names=MappingProxyType(dict(self._segments())),
            interval=as_real(get("FrameTime"), 0.0) / 1000,
            notes=tuple(self._notes()),
        )

    def _check_claims(self, shape: tuple[int, ...], bits: int) -> None:
        """Refuse a header that promises more than the file can hold, before memory is set aside."""
        size = self.path.stat().st_size
        wanted = -(-math.prod(shape) * bits // 8)
        # YBR_FULL_422 stores two samples for every three.
        least = wanted * 2 // 3 if shape[-1] == 3 else wanted
        if _is_plain(self.dataset) and least > size:
            raise cut_short(self.path, size, least)
        if shape[0] > size or (wanted > _LARGE and wanted > _DENSEST * size):
            raise claims_too_much(self.path, shape[: 3 if shape[-1] == 1 else 4], size)

    def _kind(self) -> str:
        of = as_text(self.dataset.get("SOPClassUID"))
        how = as_text(self.dataset.get("SegmentationType"))
        if of == _LABEL_MAP or how == "LABELMAP":
            return "labels"
        # Anonymised files may lack the class.
        if of == _SEGMENTATION or how:
            return "fractions" if how == "FRACTIONAL" else "segments"
        return "image"

    def _segments(self) -> Iterator[tuple[int, str]]:
        for item in self.dataset.get("SegmentSequence") or ():
            number = as_whole(item.get("SegmentNumber"), 0)
            yield number, as_text(item.get("SegmentLabel")) or f"segment {number}"

    def _notes(self) -> Iterator[Note]:
        if self._is_mosaic:
            yield Note(
                "the slices are laid side by side in one picture (a Siemens mosaic), and where "
                "each lies is not read: convert the scan with dcm2niix to see it as a volume",
                "warning",
            )
        if any((group, 0x3000) in self.dataset for group in range(0x6000, 0x6020, 2)):
            yield Note("a drawing over the picture (an overlay) is not shown")
        described = len(self.dataset.get("PerFrameFunctionalGroupsSequence") or ())
        if described > (frames := as_frames(self.dataset.get("NumberOfFrames"))):
            text = f"the file describes {described} frames and holds {frames}: the first are taken"
            yield Note(text, "warning")
        scaling = as_real(self.dataset.get("DoseGridScaling"), 1.0)
        if scaling != 1:
            unit = {"GY": "Gy"}.get(as_text(self.dataset.get("DoseUnits")), "the relative dose")
            yield Note(f"the values are those stored: times {scaling:g} they are {unit}")

    @property
    def _is_mosaic(self) -> bool:
        return "MOSAIC" in as_words(self.dataset.get("ImageType"))

    def _groups(self, frames: int) -> tuple[Any, Sequence[Any]]:
        """Functional groups: what all frames share, and what each says for itself."""
        each = self.dataset.get("PerFrameFunctionalGroupsSequence") or ()
        shared = self.dataset.get("SharedFunctionalGroupsSequence") or ()
        if each and len(each) < frames:
            raise ValueError(f"it says {frames} frames, and describes {len(each)}")
        if shared and not each:
            each = [type(shared[0])()] * frames
        return (shared[0] if shared else {}), each

    def _offsets(self, file: File) -> Sequence[Three] | None:
        """How far each frame of a dose lies from the first."""
        steps = self.dataset.get("GridFrameOffsetVector")
        axes = self.dataset.get("ImageOrientationPatient")
        if steps is None or not axes or file.frames == 1:
            return None
        heights = [float(step) for step in (steps if is_many(steps) else [steps])]
        if len(heights) != file.frames:
            raise ValueError(f"it says {file.frames} frames, and places {len(heights)}")
        across = directions([float(value) for value in axes])[2]
        # The vector may begin at 0 or hold heights in the body; differences are the same.
        return [tuple((height - heights[0]) * across) for height in heights]

    def _picture(
        self, file: File, frame: int, levels: Levels, offsets: Sequence[Three] | None
    ) -> Picture:
        position = self._position(levels)
        if file.frames > 1 and not levels.has("PlanePositionSequence"):
            # One place for many frames: only a dose says how they follow.
            position = _moved(position, None if offsets is None else offsets[frame])
        if self._is_mosaic:
            position = None
        return Picture(
            file=file,
            frame=frame,
            directions=self._directions(levels),
            position=position,
            spacing=self._spacing(levels, file),
            thickness=length_of(levels, "SpacingBetweenSlices", "SliceThickness"),
            apart=length_of(levels, "SpacingBetweenSlices"),
            instance=as_whole(self.dataset.get("InstanceNumber"), 0),
            rescale=rescale_of(levels),
            window=window_of(levels),
            stack=as_text(levels.get("StackID", "FrameContentSequence")),
            further=MappingProxyType(dict(further_of(levels))),
            segment=as_whole(
                levels.get("ReferencedSegmentNumber", "SegmentIdentificationSequence"), 1
            ),
        )

    def _position(self, levels: Levels) -> Three | None:
        values = levels.get("ImagePositionPatient", "PlanePositionSequence")
        if not values:
            return None
        numbers = tuple(as_number(value) for value in values) if is_many(values) else ()
        if len(numbers) != 3 or not all(abs(n) < _FARTHEST for n in numbers):
            raise bad_value(self.path, "position", values, "three numbers in mm are needed")
        return numbers[0], numbers[1], numbers[2]

    def _directions(self, levels: Levels) -> tuple[float, ...] | None:
        values = levels.get("ImageOrientationPatient", "PlaneOrientationSequence")
        if not values:
            return None
        numbers = [as_number(value) for value in values] if is_many(values) else []
        try:
            directions(numbers)
        except ValueError as error:
            raise bad_value(self.path, "orientation", values, str(error)) from None
        return tuple(numbers)

    def _spacing(self, levels: Levels, file: File) -> tuple[float, float] | None:
        values = levels.get("PixelSpacing", "PixelMeasuresSequence")
        if not values:
            return None
        numbers = [as_number(value) for value in values] if is_many(values) else []
        low, high = SPACINGS
        if len(numbers) != 2 or not all(low < n < high for n in numbers):
            raise bad_value(
                self.path, "pixel spacing", values, "two numbers above 0, in mm, are needed"
            )
        return numbers[0], numbers[1]


def _moved(position: Three | None, offset: Three | None) -> Three | None:
    if position is None or offset is None:
        return None
    x, y, z = (float(a + b) for a, b in zip(position, offset, strict=True))
    return x, y, z


def _is_plain(dataset: Any) -> bool:
    """Whether the pixels are stored uncompressed."""
    syntax = getattr(dataset, "file_meta", {}).get("TransferSyntaxUID")
    return syntax is None or str(syntax) in _PLAIN
