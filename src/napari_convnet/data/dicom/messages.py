"""What is said of DICOM files that cannot be read as they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...network.problems import UserError, listed, quoted
from ..contents import Refusal
from .geometry import Spread

_MOST = 12  # lines of a list that a message shows


def damaged(path: Path, error: Exception) -> UserError:
    """A file that pydicom cannot make sense of."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    # pydicom lists what each decoder says below a line that says nothing.
    detail = lines[1 if lines[0].endswith(":") and len(lines) > 1 else 0].strip()[:200]
    if "not support" in detail:
        return UserError(
            f"{path} is stored in a way that cannot be read ({detail})",
            "convert it first, for example with dcmdjpeg or gdcmconv",
        )
    return UserError(
        f"{path} cannot be read: it is damaged, cut short, or not DICOM ({detail})",
        "copy it again from where it came from",
    )


def too_large(path: Path) -> UserError:
    """A file that does not fit into memory, or says so."""
    return UserError(
        f"{path} needs more memory than there is, or its header is damaged",
        "close other programs, or copy it again from where it came from",
    )


def claims_too_much(path: Path, shape: Sequence[int], size: int) -> UserError:
    """A tiny file that claims a huge picture."""
    return UserError(
        f"{path} says that it holds {'x'.join(map(str, shape))} pixels, in {size:,} bytes: "
        "its header is damaged",
        "copy it again from where it came from",
    )


def cut_short(path: Path, held: int, wanted: int) -> UserError:
    """A file whose pixels end too soon."""
    return UserError(
        f"{path} is cut short: it holds {held:,} bytes of its {wanted:,} bytes of pixels",
        "copy it again from where it came from",
    )


def bad_value(path: Path, what: str, value: object, why: str) -> UserError:
    """A number of the header that cannot be, so that nobody knows where the picture lies."""
    return UserError(
        f"{path} cannot be placed: its {what} is {quoted(str(value), 80)} ({why})",
        "copy it again from where it came from, or have it exported again",
    )


def too_many_files(path: Path, most: int) -> UserError:
    """A folder that is no scan."""
    return UserError(f"{path} holds more than {most:,} files", "name the folder of one scan")


def no_pictures(path: Path, count: int, kinds: str) -> UserError:
    """A folder or file of DICOM without a picture."""
    if path.is_dir() and not count:
        return UserError(f"{path} holds no DICOM file", "name a folder with DICOM files in it")
    holds = f", but DICOM of another kind ({kinds})" if kinds else ""
    return UserError(f"{path} holds no picture{holds}", "name a file or folder with a scan")


def several(path: Path, lines: Sequence[str]) -> UserError:
    """Several series where one is wanted."""
    shown = [f"#{number} {line}" for number, line in enumerate(lines, 1)][:_MOST]
    more = f"; and {len(lines) - _MOST} more" if len(lines) > _MOST else ""
    return UserError(
        f"{path} holds {len(lines)} series: {'; '.join(shown)}{more}",
        f"name one of them, such as {path}#1",
    )


def no_such_series(path: Path, wanted: object, lines: Sequence[str]) -> UserError:
    """A choice that is not among the series."""
    shown = [f"#{number} {line}" for number, line in enumerate(lines, 1)][:_MOST]
    return UserError(f"{path} has no series {wanted}", f"it has {'; '.join(shown)}")


def uneven(path: Path, found: Spread) -> Refusal:
    """Slices that no affine can hold."""
    return Refusal(
        f"{path}: {uneven_words(found)}",
        "find the missing files",
        "uneven",
        "read the slices as if evenly spaced",
        "the slices are read as if evenly spaced",
    )


def uneven_words(found: Spread) -> str:
    """Say which slices are missing, or how the distances differ."""
    count = len(found.distances) + 1
    if found.gaps:
        missing = sum(number for _, number in found.gaps)
        where = listed(
            (f"{number} between slices {i + 1} and {i + 2}" for i, number in found.gaps[:_MOST]),
            "and",
        )
        are = "slice is" if missing == 1 else "slices are"
        return (
            f"{missing} {are} missing of {count + missing}: {where} of the {count} found, which "
            f"are otherwise {found.spacing:.4g} mm apart"
        )
    low, high = np.min(found.distances), np.max(found.distances)
    return (
        f"the {count} slices are unevenly spaced: {low:.4g} to {high:.4g} mm apart, up to "
        f"{found.displacement:.3g} mm from where even spacing puts them"
    )


def duplicates(path: Path, where: Sequence[int], count: int) -> Refusal:
    """Several slices at one place, and no rule that tells them apart."""
    places = listed((str(i + 1) for i in where[:_MOST]), "and")
    more = " and more" if len(where) > _MOST else ""
    return Refusal(
        f"{path}: several pictures are at the same place (slice {places}{more} of {count}), and "
        "nothing in them (time, echo, b-value) tells them apart in the same way everywhere",
        "take the doubled files away",
        "duplicates",
        "read the first of each",
        "of the pictures at one place the first is read",
    )


def partly_damaged(path: Path, errors: Sequence[UserError], count: int) -> Refusal:
    """A folder in which some files cannot be read, so that slices may be missing."""
    first = errors[0].problems[0].what
    return Refusal(
        f"{len(errors)} of the {count} DICOM files of {path} cannot be read; the first: {first}",
        "copy them again",
        "damaged",
        "read the scan without them",
        "the scan is read without them",
    )


def incomplete(path: Path, counts: Sequence[int], usual: int) -> UserError:
    """A scan with several pictures at each place, but for some."""
    few = [f"slice {i + 1} has {n}" for i, n in enumerate(counts) if n != usual]
    shown = listed([*few[:_MOST], *(["others differ"] if len(few) > _MOST else [])], "and")
    return UserError(
        f"{path} has {usual} pictures (times, echoes) at each place, but {shown}",
        "find the missing files, or take away those that are too many",
    )
