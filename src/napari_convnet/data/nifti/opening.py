"""Opening a NIfTI file: which files it is, what nibabel makes of it, and what it mends."""

from __future__ import annotations

import gzip
import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, cast

from ...network.problems import UserError
from ..contents import Note, needs
from ..hearing import listening

# What other files begin with, at which byte.
_OTHERS = {
    # First: what stands before its mark may be a TIFF header, for programs that know no DICOM.
    "a DICOM file": (128, b"DICM"),
    "a PNG picture": (0, b"\x89PNG"),
    "a JPEG picture": (0, b"\xff\xd8\xff"),
    "a TIFF picture": (0, b"II*\x00"),
    "a ZIP archive": (0, b"PK\x03\x04"),
    "an NRRD file": (0, b"NRRD"),
    "a numpy array (.npy)": (0, b"\x93NUMPY"),
    "an HDF5 file": (0, b"\x89HDF"),
}


@contextmanager
def opened(path: Path) -> Iterator[tuple[Any, list[Note]]]:
    """Open a file and yield nibabel's image, and notes of what nibabel had to mend in its header.

    At the end the rest of the file is read: there is the checksum of a compressed one, and there
    should be nothing else behind the last voxel. What is there is added to the notes.
    """
    nibabel = needs("nibabel", path, "a NIfTI file")
    header_path, image_path = files_of(path)
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
        with listening(nibabel.imageglobals.logger) as heard:
            image = kind.from_file_map(holders, mmap=False)
        notes = [Note(f"the header was mended: {text}", "warning") for text in heard]
        yield image, notes
        for stream in streams.values():
            _drain(stream)
        notes += _rest(image, streams["image"].tell())


def files_of(path: Path) -> tuple[Path, Path]:
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


def _rest(image: Any, end: int) -> Iterator[Note]:
    """Tell of bytes behind the last voxel: the header may promise too few."""
    voxels = math.prod(image.shape) * image.get_data_dtype().itemsize
    surplus = end - int(image.dataobj.offset) - voxels
    if surplus > 0:
        text = f"the file goes on for {surplus:,} bytes behind its last voxel"
        yield Note(f"{text}: the number of voxels in its header may be damaged", "warning")


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
