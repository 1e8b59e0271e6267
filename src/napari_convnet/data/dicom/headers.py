"""What DICOM headers say: each picture (a file, or a frame of one) with its place and its kind.

All that can be wrong in a header is found here, file by file, before a pixel is read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..contents import Note
from .files import guarded, read_dataset
from .geometry import directions
from .messages import bad_value, claims_too_much, cut_short

Three = tuple[float, float, float]

_SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
_LABEL_MAP = "1.2.840.10008.5.1.4.1.1.66.7"

_PLAIN = {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"}
"""Ways to store pixels as they are."""

_MOST_FRAMES = 1_000_000
_LARGE = 1 << 28  # bytes
_DENSEST = 2000  # no picture that shows something is compressed more than that
_FARTHEST = 1e5  # mm: no scanner is 100 m large
_SPACINGS = (1e-6, 1e4)


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
            levels = _Levels((each[frame], shared, self.dataset) if each else (self.dataset,))
            yield self._picture(file, frame, levels, offsets)

    def _file(self) -> File:
        get = self.dataset.get
        frames = _frames(get("NumberOfFrames"))
        size = (_whole(get("Rows"), 0), _whole(get("Columns"), 0))
        samples, bits = _whole(get("SamplesPerPixel"), 1), _whole(get("BitsAllocated"), 0)
        if min(*size, samples) < 1 or not 1 <= frames <= _MOST_FRAMES:
            raise ValueError(f"it says {frames} frames of {size[0]}x{size[1]} pixels")
        self._check_claims((frames, *size, samples), bits)
        kind = self._kind()
        return File(
            path=self.path,
            uid=_text(get("SOPInstanceUID")),
            series=_text(get("SeriesInstanceUID")),
            frame_of_reference=_text(get("FrameOfReferenceUID")),
            number=_whole(get("SeriesNumber"), 0),
            description=_text(get("SeriesDescription")) or _text(get("ProtocolName")),
            modality=_text(get("Modality")),
            size=size,
            frames=frames,
            samples=samples,
            bits=bits,
            photometric=_text(get("PhotometricInterpretation")),
            kind=kind,
            full=_whole(get("MaximumFractionalValue"), 1) if kind == "fractions" else 1,
            names=MappingProxyType(dict(self._segments())),
            interval=_float(get("FrameTime"), 0.0) / 1000,
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
        of = _text(self.dataset.get("SOPClassUID"))
        how = _text(self.dataset.get("SegmentationType"))
        if of == _LABEL_MAP or how == "LABELMAP":
            return "labels"
        # Anonymised files may lack the class.
        if of == _SEGMENTATION or how:
            return "fractions" if how == "FRACTIONAL" else "segments"
        return "image"

    def _segments(self) -> Iterator[tuple[int, str]]:
        for item in self.dataset.get("SegmentSequence") or ():
            number = _whole(item.get("SegmentNumber"), 0)
            yield number, _text(item.get("SegmentLabel")) or f"segment {number}"

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
        if described > (frames := _frames(self.dataset.get("NumberOfFrames"))):
            text = f"the file describes {described} frames and holds {frames}: the first are taken"
            yield Note(text, "warning")
        scaling = _float(self.dataset.get("DoseGridScaling"), 1.0)
        if scaling != 1:
            unit = {"GY": "Gy"}.get(_text(self.dataset.get("DoseUnits")), "the relative dose")
            yield Note(f"the values are those stored: times {scaling:g} they are {unit}")

    @property
    def _is_mosaic(self) -> bool:
        return "MOSAIC" in _words(self.dataset.get("ImageType"))

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
        heights = [float(step) for step in (steps if _is_many(steps) else [steps])]
        if len(heights) != file.frames:
            raise ValueError(f"it says {file.frames} frames, and places {len(heights)}")
        across = directions([float(value) for value in axes])[2]
        # The vector may begin at 0 or hold heights in the body; differences are the same.
        return [tuple((height - heights[0]) * across) for height in heights]

    def _picture(
        self, file: File, frame: int, levels: _Levels, offsets: Sequence[Three] | None
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
            thickness=_length(levels, "SpacingBetweenSlices", "SliceThickness"),
            apart=_length(levels, "SpacingBetweenSlices"),
            instance=_whole(self.dataset.get("InstanceNumber"), 0),
            rescale=_rescale(levels),
            window=_window(levels),
            stack=_text(levels.get("StackID", "FrameContentSequence")),
            further=MappingProxyType(dict(_further(levels))),
            segment=_whole(
                levels.get("ReferencedSegmentNumber", "SegmentIdentificationSequence"), 1
            ),
        )

    def _position(self, levels: _Levels) -> Three | None:
        values = levels.get("ImagePositionPatient", "PlanePositionSequence")
        if not values:
            return None
        numbers = tuple(_number(value) for value in values) if _is_many(values) else ()
        if len(numbers) != 3 or not all(abs(n) < _FARTHEST for n in numbers):
            raise bad_value(self.path, "position", values, "three numbers in mm are needed")
        return numbers[0], numbers[1], numbers[2]

    def _directions(self, levels: _Levels) -> tuple[float, ...] | None:
        values = levels.get("ImageOrientationPatient", "PlaneOrientationSequence")
        if not values:
            return None
        numbers = [_number(value) for value in values] if _is_many(values) else []
        try:
            directions(numbers)
        except ValueError as error:
            raise bad_value(self.path, "orientation", values, str(error)) from None
        return tuple(numbers)

    def _spacing(self, levels: _Levels, file: File) -> tuple[float, float] | None:
        values = levels.get("PixelSpacing", "PixelMeasuresSequence")
        if not values:
            return None
        numbers = [_number(value) for value in values] if _is_many(values) else []
        low, high = _SPACINGS
        if len(numbers) != 2 or not all(low < n < high for n in numbers):
            raise bad_value(
                self.path, "pixel spacing", values, "two numbers above 0, in mm, are needed"
            )
        return numbers[0], numbers[1]


@dataclass(frozen=True)
class _Levels:
    """A frame's functional groups, those that all frames share, and the header: first come."""

    datasets: Sequence[Any]

    def has(self, group: str) -> bool:
        return any(dataset.get(group) for dataset in self.datasets[:-1])

    def get(self, name: str, group: str = "") -> Any:
        for dataset in self.datasets[:-1]:
            items = dataset.get(group) if group else None
            if items and name in items[0]:
                return items[0].get(name)
        return self.datasets[-1].get(name)


def _further(levels: _Levels) -> Iterator[tuple[str, Any]]:
    seen = set()
    for axis, name, group, convert in _FURTHER:
        if axis in seen:
            continue
        value = convert(levels.get(name, group))
        if value is not None:
            seen.add(axis)
            yield axis, value


def _length(levels: _Levels, *names: str) -> float | None:
    """First of the elements that is a length in mm."""
    for name in names:
        value = _number(levels.get(name, "PixelMeasuresSequence"))
        if _SPACINGS[0] < value < _SPACINGS[1]:
            return value
    return None


def _moved(position: Three | None, offset: Three | None) -> Three | None:
    if position is None or offset is None:
        return None
    x, y, z = (float(a + b) for a, b in zip(position, offset, strict=True))
    return x, y, z


def _rescale(levels: _Levels) -> tuple[float, float] | None:
    group = "PixelValueTransformationSequence"
    slope = levels.get("RescaleSlope", group)
    intercept = levels.get("RescaleIntercept", group)
    if slope is None or intercept is None:
        return None
    pair = (_number(slope), _number(intercept))
    if not all(map(math.isfinite, pair)) or pair[0] == 0:
        raise ValueError(f"its values are rescaled by {slope} and {intercept}")
    return pair


def _window(levels: _Levels) -> tuple[float, float] | None:
    """Return the first of the windows that a header proposes."""
    group = "FrameVOILUTSequence"
    centre, width = (_first(levels.get(name, group)) for name in ("WindowCenter", "WindowWidth"))
    if not (math.isfinite(centre) and math.isfinite(width)) or width <= 0:
        return None
    return centre - width / 2, centre + width / 2


def _is_plain(dataset: Any) -> bool:
    """Whether the pixels are stored uncompressed."""
    syntax = getattr(dataset, "file_meta", {}).get("TransferSyntaxUID")
    return syntax is None or str(syntax) in _PLAIN


def _is_many(value: Any) -> bool:
    return hasattr(value, "__len__") and not isinstance(value, (str, bytes))


def _text(value: Any) -> str:
    """Return one line of printable characters."""
    if value is None:
        return ""
    if isinstance(value, bytes):
        value = value.decode("ascii", "replace")
    text = "".join(c if c.isprintable() else " " for c in str(value))
    return " ".join(text.split())


def _words(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    return tuple(map(_text, value)) if _is_many(value) else (_text(value),)


def _number(value: Any) -> float:
    """Return a number; NaN for what is none."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _first(value: Any) -> float:
    return _number(value[0] if _is_many(value) and len(value) else value)


def _float(value: Any, default: float) -> float:
    number = _first(value)
    return number if math.isfinite(number) else default


def _whole(value: Any, default: int) -> int:
    number = _first(value)
    return int(number) if math.isfinite(number) else default


def _frames(value: Any) -> int:
    if value is None:
        return 1
    number = _first(value)
    if not math.isfinite(number):
        raise ValueError(f"its number of frames is {value}")
    return int(number)


def _known(value: int) -> int | None:
    return None if value < 0 else value


def _finite(value: Any) -> float | None:
    number = _first(value)
    return number if math.isfinite(number) else None


def _vector(value: Any) -> tuple[float, ...] | None:
    return tuple(map(_number, value)) if _is_many(value) and len(value) else None


# Axes that a scan may have besides those of space: name, element, its functional group.
_FURTHER: tuple[tuple[str, str, str, Callable[[Any], Any]], ...] = (
    ("time", "TemporalPositionIdentifier", "", lambda v: _known(_whole(v, -1))),
    ("time", "TemporalPositionIndex", "FrameContentSequence", lambda v: _known(_whole(v, -1))),
    ("phase", "NominalCardiacTriggerDelayTime", "CardiacSynchronizationSequence", _finite),
    ("phase", "TriggerTime", "", _finite),
    ("echo", "EffectiveEchoTime", "MREchoSequence", _finite),
    ("echo", "EchoTime", "", _finite),
    ("echo", "EchoNumbers", "", lambda v: _known(_whole(v, -1))),
    ("b-value", "DiffusionBValue", "MRDiffusionSequence", _finite),
    ("direction", "DiffusionGradientOrientation", "", _vector),
    ("inversion", "InversionTime", "", _finite),
    ("kind", "ComplexImageComponent", "MRImageFrameTypeSequence", lambda v: _text(v) or None),
    ("kind", "ImageType", "", lambda v: _words(v) or None),
    ("acquisition", "AcquisitionNumber", "", lambda v: _known(_whole(v, -1))),
)
