"""NIfTI files (.nii, .nii.gz, .hdr with .img) and their forerunner, Analyze.

nibabel reads them. A NIfTI file may say twice, once or never where its voxels lie; what was found
and which was taken is always told. The voxels stay where nibabel puts them.
"""

from __future__ import annotations

import gzip
import logging
import math
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

from ..network.problems import UserError
from .contents import Choice, Contents, Header, Note, needs
from .label_values import label_values
from .orientation import (
    Matrix,
    describe,
    farthest,
    is_usable,
    nibabel_to_napari,
    number,
    shear_angle,
    voxel_size,
    with_leading_axes,
)
from .settings import text_of
from .values import AnyArray, slice_notes, value_notes

Q_FORM = "q-form"
"""Accepting it reads a file that is placed twice by its q-form."""

_LABEL_INTENT = 1002
_CIFTI_INTENTS = range(3000, 3100)

# Deflate makes nothing smaller than this.
_MOST_SQUEEZED = 1100

_IN_MM = {"meter": 1000.0, "mm": 1.0, "micron": 0.001}

# What other files begin with, at which byte.
_OTHERS = {
    "a PNG picture": (0, b"\x89PNG"),
    "a JPEG picture": (0, b"\xff\xd8\xff"),
    "a TIFF picture": (0, b"II*\x00"),
    "a ZIP archive": (0, b"PK\x03\x04"),
    "a DICOM file": (128, b"DICM"),
    "an NRRD file": (0, b"NRRD"),
    "a numpy array (.npy)": (0, b"\x93NUMPY"),
    "an HDF5 file": (0, b"\x89HDF"),
}


@np.errstate(all="ignore")  # damaged headers have numbers beyond all bounds
def read_nifti(path: Path, choice: Choice) -> Contents:
    """Read a NIfTI or Analyze file."""
    with _opened(path) as (image, heard):
        _check_size(path, image)
        try:
            array = _values(image)
        except MemoryError:
            held = f"{path} holds {text_of(image.shape)} voxels"
            raise UserError(f"{held}: more than there is memory", "cut out a part of it") from None
        placed = _placed(path, image, choice)
    rgb = array.dtype.names is not None
    array = _ordered(array)
    notes = [Note(f"the header was mended: {text}", "warning") for text in heard]
    notes += placed.notes
    stated = int(image.header.get("intent_code", 0)) == _LABEL_INTENT
    labels, why = (None, ()) if rgb else label_values(path.name, array, stated=stated)
    array = array if labels is None else labels
    lead = array.ndim - rgb - 3
    return Contents(
        array=array,
        rgb=rgb,
        affine=with_leading_axes(placed.affine, lead),
        units=("pixel",) * lead + ("mm",) * 3,
        axes=_axes(image.shape),
        notes=(
            *notes,
            *_time_notes(image, lead),
            *slice_notes(_kept(image.shape)[2::-1]),
            *why,
            *value_notes(array),
        ),
        labels=labels is not None,
        name=path.name,
    )


def look_at_nifti(path: Path, choice: Choice) -> Header:
    """Read the shape of a NIfTI or Analyze file."""
    with _opened(path) as (image, _):
        colours = image.get_data_dtype().names
        shape = _kept(image.shape)[::-1]
    return Header((*shape, len(colours)) if colours else shape, rgb=bool(colours))


# -- opening --


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, list[str]]]:
    """Open a file and yield nibabel's image, and what nibabel had to mend in its header.

    At the end the rest of a compressed file is read, for the checksum at its very end.
    """
    nibabel = needs("nibabel", path, "a NIfTI file")
    header_path, image_path = _files(path)
    with ExitStack() as stack:
        streams = {"image": stack.enter_context(_stream(image_path))}
        if header_path != image_path:
            streams["header"] = stack.enter_context(_stream(header_path))
        head = _head(streams.get("header", streams["image"]))
        kind = _kind(nibabel, path, head, single=header_path == image_path)
        holders = {
            name: nibabel.fileholders.FileHolder(fileobj=stream) for name, stream in streams.items()
        }
        if kind is nibabel.spm2analyze.Spm2AnalyzeImage:
            # A file of SPM's beside it; nibabel asks for it by name.
            holders["mat"] = nibabel.fileholders.FileHolder(image_path.with_suffix(".mat"))
        with _listening(nibabel) as heard:
            image = kind.from_file_map(holders, mmap=False)
        yield image, heard
        for stream in streams.values():
            _drain(stream)


def _files(path: Path) -> tuple[Path, Path]:
    """Return the files of the header and of the voxels: the same one, or .hdr and .img."""
    suffix = path.suffix.lower()
    if suffix not in {".hdr", ".img"}:
        return path, path
    beside = ".img" if suffix == ".hdr" else ".hdr"
    for other in (path.with_suffix(beside), path.with_suffix(beside.upper())):
        if other.is_file():
            return (path, other) if suffix == ".hdr" else (other, path)
    has, lacks = ("header", "voxels") if suffix == ".hdr" else ("voxels", "header")
    raise UserError(
        f"{path} holds only the {has} of a scan: {path.with_suffix(beside).name} is not beside it",
        f"put the file with the {lacks} into the same directory",
    )


def _stream(path: Path) -> IO[bytes]:
    packed = path.name.lower().endswith(".gz")
    with path.open("rb") as file:
        is_packed = file.read(2) == b"\x1f\x8b"
    if is_packed != packed:
        right = path.name[:-3] if packed else f"{path.name}.gz"
        state = "compressed (gzip)" if is_packed else "not compressed"
        raise UserError(f"{path} is {state}, which its name denies", f"rename it to {right}")
    stream: Any = gzip.open(path, "rb") if packed else path.open("rb")  # noqa: SIM115
    return cast("IO[bytes]", stream)


def _head(stream: IO[bytes]) -> bytes:
    head = stream.read(540)
    stream.seek(0)
    return head


def _drain(stream: IO[bytes]) -> None:
    while stream.read(1 << 20):
        pass


def _kind(nibabel: Any, path: Path, head: bytes, *, single: bool) -> Any:
    """Choose nibabel's class by the header's length and magic word."""
    if head[4:8] in {b"n+2\x00", b"ni2\x00"}:
        kind, apart = nibabel.Nifti2Image if single else nibabel.Nifti2Pair, head[4:6] == b"ni"
    elif head[344:348] in {b"n+1\x00", b"ni1\x00"}:
        kind, apart = nibabel.Nifti1Image if single else nibabel.Nifti1Pair, head[344:346] == b"ni"
    elif not single and 348 in {int.from_bytes(head[:4], order) for order in ("big", "little")}:
        return nibabel.spm2analyze.Spm2AnalyzeImage
    else:
        raise _not_nifti(path, head)
    if not kind.header_class.may_contain_header(head):
        raise _not_nifti(path, head)
    if single and apart:
        raise UserError(
            f"the header of {path} says that its voxels are in a file of their own",
            "if they are, name the two NAME.hdr and NAME.img",
        )
    return kind


def _not_nifti(path: Path, head: bytes) -> UserError:
    for what, (start, magic) in _OTHERS.items():
        if head[start : start + len(magic)] == magic:
            return UserError(f"{path} is not NIfTI but {what}", "give it its right ending")
    if len(head) < 348:
        size = f"{len(head)} bytes, and a NIfTI header alone has 348"
        return UserError(f"{path} is cut short: it has {size}", "copy it again")
    return UserError(
        f"{path} is damaged, or not a NIfTI file: it does not begin as one", "copy it again"
    )


class _Ear(logging.Handler):
    """Collects what nibabel logs."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(record.getMessage())


@contextmanager
def _listening(nibabel: Any) -> Iterator[list[str]]:
    """Hear what nibabel would print on the error stream while it mends a header."""
    ear = _Ear()
    logger = nibabel.imageglobals.logger
    before = logger.handlers
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        logger.handlers = [ear]
        try:
            yield ear.heard
        finally:
            logger.handlers = before
            ear.heard += [str(each.message) for each in warned]


# -- values --


def _check_size(path: Path, image: Any) -> None:
    """Refuse a header that promises no voxels, or more than the file can hold."""
    if int(image.header.get("intent_code", 0)) in _CIFTI_INTENTS:
        raise UserError(f"{path} holds values on surfaces (CIFTI), not a scan", "name a scan")
    if not image.shape or min(image.shape) < 1:
        raise UserError(f"{path} has no voxels: its header says {text_of(image.shape)}")
    wanted = math.prod(image.shape) * image.get_data_dtype().itemsize
    file = _files(path)[1]
    size = file.stat().st_size
    most = size * _MOST_SQUEEZED if file.suffix.lower() == ".gz" else size
    if wanted > most:
        raise UserError(
            f"{file} is cut short or damaged: its header promises {text_of(image.shape)} voxels "
            f"({wanted:,} bytes), and the file has {size:,} bytes",
            "copy it again",
        )


def _values(image: Any) -> AnyArray:
    """Return the voxels with slope and intercept applied; whole numbers stay whole without them."""
    proxy = image.dataobj
    if (proxy.slope == 1 and proxy.inter == 0) or proxy.dtype.kind not in "uif":
        array = np.asanyarray(proxy)
    else:
        array = np.asarray(proxy, dtype=np.float32 if _fits_32_bits(proxy) else np.float64)
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        array = array.astype(np.float64)
    return np.asarray(array.astype(array.dtype.newbyteorder("="), copy=False))


def _fits_32_bits(proxy: Any) -> bool:
    """Whether 32-bit floats tell apart all values that slope and intercept make."""
    levels = proxy.dtype.itemsize <= 2 or proxy.dtype == np.float32
    slope, inter = abs(float(proxy.slope)), abs(float(proxy.inter))
    return bool(levels and 1e-20 < slope < 1e20 and inter <= 1e6 * slope)


def _kept(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Leave out further axes of one entry, and give every scan three axes."""
    space = (*shape, 1, 1)[:3]
    return space + tuple(size for size in shape[3:] if size > 1)


def _ordered(array: AnyArray) -> AnyArray:
    """Bring (x, y, z, t, ...) into (..., t, z, y, x), with colours last."""
    array = array.reshape(_kept(array.shape), order="F").T
    if array.dtype.names:
        return np.stack([array[name] for name in array.dtype.names], axis=-1)
    return array


def _axes(shape: tuple[int, ...]) -> tuple[str, ...]:
    further = ["t", "channel", "axis 6", "axis 7"]
    named = [name for name, size in zip(further, shape[3:], strict=False) if size > 1]
    return (*reversed(named), "z", "y", "x")


def _time_notes(image: Any, lead: int) -> list[Note]:
    if len(image.shape) < 4 or image.shape[3] < 2 or not lead:
        return []
    zooms = image.header.get_zooms()
    step = float(zooms[3]) if len(zooms) > 3 else 0.0
    unit = _units(image.header)[1]
    apart = f", {number(step)} {unit} apart" if step > 0 and unit != "unknown" else ""
    return [Note(f"the file holds {image.shape[3]} volumes{apart}: the first axis counts them")]


# -- place --


@dataclass(frozen=True)
class _Placed:
    affine: Matrix
    notes: tuple[Note, ...]


def _placed(path: Path, image: Any, choice: Choice) -> _Placed:
    """Take the place from the form that nibabel takes it from, and tell what else there is."""
    header = image.header
    shape = (*image.shape, 1, 1)[:3]
    scale, unit_notes = _scale(header)
    named = _forms(header)
    forms = {name: _scaled(form, scale) for name, form in named.items() if form is not None}
    notes = list(unit_notes)
    if not named:
        affine = _scaled(nibabel_to_napari(image.affine), scale)
        notes.append(_no_form(affine))
        used = "voxel size"
    else:
        used = _used(path, named, forms, choice)
        affine = forms[used]
    if not is_usable(affine):
        raise UserError(f"{path} has no usable place: the {used} in its header is damaged")
    usable = {name: form for name, form in forms.items() if is_usable(form)}
    damaged = [name for name in named if name not in usable]
    notes += [
        Note(f"the {name} in the header is damaged; the {used} was used", "warning")
        for name in damaged
    ]
    notes += _disagreement(shape, used, usable)
    notes += _size_notes(header, used, affine, scale)
    if shear_angle(affine) > 0.01:
        notes.append(
            Note(
                f"the scan is sheared ({describe(affine)}): it is kept as it is; programs built on "
                "ITK refuse such a NIfTI file",
                "warning",
            )
        )
    return _Placed(affine, tuple(notes))


def _forms(header: Any) -> dict[str, Matrix | None]:
    """Return the forms that the header claims to have, None where one cannot be computed."""
    found: dict[str, Matrix | None] = {}
    for name, code, get in (
        ("s-form", "sform_code", "get_sform"),
        (Q_FORM, "qform_code", "get_qform"),
    ):
        if int(header.get(code, 0)) != 0:
            try:
                found[name] = nibabel_to_napari(getattr(header, get)())
            except Exception:  # a quaternion longer than 1, and whatever else nibabel refuses
                found[name] = None
    return found


def _used(
    path: Path, named: dict[str, Matrix | None], forms: dict[str, Matrix], choice: Choice
) -> str:
    usable = [name for name in forms if is_usable(forms[name])]
    if Q_FORM in choice.accept and Q_FORM in usable:
        return Q_FORM
    first = next(iter(named))
    if first in usable:
        return first
    fix = f'to read it by its q-form, accept "{Q_FORM}"' if Q_FORM in usable else ""
    raise UserError(
        f"the {first} of {path}, which says where the voxels lie, is damaged: it flattens the scan "
        "or has numbers that are none",
        fix or "correct the header with another program",
    )


def _disagreement(shape: tuple[int, ...], used: str, forms: dict[str, Matrix]) -> list[Note]:
    if len(forms) < 2:
        return []
    first, second = forms.values()
    apart = farthest(shape, first, second)
    if apart <= 0.01 * min(voxel_size(first)):
        return []
    sides = ""
    if np.linalg.det(first[:3, :3]) * np.linalg.det(second[:3, :3]) < 0:
        sides = "; one mirrors the other, so that left and right are in doubt"
    both = ", ".join(f"{name}: {_told(form)}" for name, form in forms.items())
    otherwise = (
        f'some programs, such as those built on ITK, may use the other (here: accept "{Q_FORM}")'
        if used != Q_FORM
        else "as was asked for; nibabel uses the s-form"
    )
    text = (
        f"the file says twice where it lies, and the two are up to {number(apart)} mm apart "
        f"({both}){sides}. The {used} was used; {otherwise}"
    )
    return [Note(text, "warning")]


def _told(affine: Matrix) -> str:
    at = ", ".join(number(value) for value in affine[:3, 3])
    return f"{describe(affine)}, first voxel at {at}"


def _no_form(affine: Matrix) -> Note:
    return Note(
        "the file does not say where it lies (neither s-form nor q-form): it was centred and read "
        f"with x from right to left, as nibabel does ({describe(affine)}). Left and right are not "
        "known, and programs built on ITK place it elsewhere",
        "warning",
    )


def _size_notes(header: Any, used: str, affine: Matrix, scale: float) -> list[Note]:
    """Tell where the header's voxel size is not that of the s-form."""
    if used != "s-form" or int(header.get("qform_code", 0)):
        return []  # a q-form has the header's voxel size, and is compared as a whole
    stated = (np.asarray(header.get_zooms(), dtype=np.float64)[:3] * scale)[::-1]
    sizes = np.asarray(voxel_size(affine))[-len(stated) :]
    if np.all(np.abs(stated - sizes) <= 0.01 * sizes):
        return []
    told = " x ".join(number(size) for size in stated)
    text = f"the header gives a voxel size of {told} mm, the s-form {describe(affine)}"
    return [Note(f"{text}: the s-form was used", "warning")]


def _units(header: Any) -> tuple[str, str]:
    try:
        space, time = header.get_xyzt_units()
    except (AttributeError, KeyError):
        return "unknown", "unknown"
    return str(space), {"sec": "s", "msec": "ms", "usec": "us"}.get(str(time), "unknown")


def _scale(header: Any) -> tuple[float, tuple[Note, ...]]:
    """Return what brings the header's lengths into millimetres."""
    unit = _units(header)[0]
    if unit not in _IN_MM:
        return 1.0, (Note("the file does not say its unit of length: taken as millimetres"),)
    if unit == "mm":
        return 1.0, ()
    return _IN_MM[unit], (Note(f"lengths are given in {unit}s: converted to millimetres"),)


def _scaled(affine: Matrix, scale: float) -> Matrix:
    return np.asarray(np.diag([scale, scale, scale, 1.0]) @ affine)
