"""How scans are divided and cut: ``spacing:``, ``regions:`` and ``patches:`` of a document's data.

Messages read ``what; fix``, as those of the sections.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from napari_convnet.network import did_you_mean, quoted

from .settings import Setting, parse_setting

AXES = ("z", "y", "x", "t")
"""Axes along which a scan or a recording may be divided."""

_PER = ("per-volume", "per-image", "per-recording")
_PATCHES = "for example 96 per-volume 4 foreground .5"
_REGIONS = "for example -y, or z gap 8 slabs 3"


@dataclass(frozen=True, slots=True)
class Patches:
    """How patches are cut: ``96 per-volume 4 foreground .5``.

    Parameters
    ----------
    size : tuple of int
        Of a patch, one number for all axes or one for each; empty for the network's input.
    per_volume : int or None
        Patches of each scan (image, recording) in an epoch.
    foreground : float or None
        Share of the patches that are centred on a voxel of a class other than the first, each
        class as often as the others.
    """

    size: tuple[int, ...] = ()
    per_volume: int | None = None
    foreground: float | None = None

    def __str__(self) -> str:
        parts = ["x".join(map(str, self.size))] if self.size else []
        if self.per_volume is not None:
            parts.append(f"per-volume {self.per_volume}")
        if self.foreground is not None:
            parts.append(f"foreground {self.foreground:g}")
        return " ".join(parts)


@dataclass(frozen=True, slots=True)
class Regions:
    """How one scan is divided into regions: ``-y gap 8 slabs 2``.

    Parameters
    ----------
    axis : str
        Along which axis; empty for the longest that does not run from left to right.
    descending : bool
        Whether training begins at the end of the axis: ``-y``.
    gap : int or None
        Voxels left out between regions of different use; the receptive field if None.
    slabs : int
        How often the order of the regions is repeated.
    """

    axis: str = ""
    descending: bool = False
    gap: int | None = None
    slabs: int = 1

    def __str__(self) -> str:
        parts = [f"{'-' * self.descending}{self.axis}"] if self.axis else []
        if self.gap is not None:
            parts.append(f"gap {self.gap}")
        if self.slabs > 1:
            parts.append(f"slabs {self.slabs}")
        return " ".join(parts)


def parse_patches(value: Any) -> Patches:
    """Read the value of ``patches:``.

    Raises
    ------
    ValueError
        With what is wrong and what would be right.

    Examples
    --------
    >>> parse_patches("96 per-volume 4 foreground .5")
    Patches(size=(96,), per_volume=4, foreground=0.5)
    """
    if isinstance(value, Patches):
        return value
    setting = _settings("patches", value, (*_PER, "foreground"), _PATCHES)
    if not all(n >= 1 and n == int(n) for n in setting.numbers) or len(setting.numbers) > 3:
        raise ValueError(f"{quoted(value)} is no size of patches; {_PATCHES}")
    counts = [number for word, number in setting.words if word in _PER]
    if len(counts) > 1:
        raise ValueError(f"{quoted(value)} says twice how many patches; keep one of them")
    for count in counts:
        _check(count, 1, 10**6, f"patches {_word_of(setting, _PER)}")
    share = dict(setting.words).get("foreground")
    if share is not None and not 0 <= share <= 1:
        raise ValueError(f"foreground {share:g} does not fit; it is a share from 0 to 1")
    size = tuple(int(n) for n in setting.numbers)
    return Patches(size, int(counts[0]) if counts else None, share)


def parse_regions(value: Any) -> Regions:
    """Read the value of ``regions:``.

    Raises
    ------
    ValueError
        With what is wrong and what would be right.

    Examples
    --------
    >>> parse_regions("-y gap 8")
    Regions(axis='y', descending=True, gap=8, slabs=1)
    """
    if isinstance(value, Regions):
        return value
    first, _, rest = _text(value).strip().partition(" ")
    axis = first.removeprefix("-")
    if axis in AXES:
        descending = first != axis
    elif axis in ("gap", "slabs"):
        axis, descending, rest = "", False, value
    else:
        raise ValueError(
            f"{quoted(first)} is no axis of a scan; write z, y or x, or -y for its end first"
        )
    setting = _settings("regions", rest, ("gap", "slabs"), _REGIONS)
    if setting.numbers:
        raise ValueError(f"say what {setting.numbers[0]:g} is; {_REGIONS}")
    given = dict(setting.words)
    gap, slabs = given.get("gap"), given.get("slabs", 1)
    if gap is not None:
        _check(gap, 0, 10**6, "gap")
    _check(slabs, 1, 1000, "slabs")
    return Regions(axis, descending, None if gap is None else int(gap), int(slabs))


def parse_spacing(value: Any) -> tuple[float, ...]:
    """Read the value of ``spacing:``, in millimetres.

    Raises
    ------
    ValueError
        With what is wrong and what would be right.

    Examples
    --------
    >>> parse_spacing("1.5x1x1")
    (1.5, 1.0, 1.0)
    """
    if isinstance(value, tuple):
        return value
    fix = "write millimetres, one number for all axes or one for each, such as 1.5x1x1"
    try:
        sizes = tuple(float(part) for part in _text(value).removesuffix("mm").split("x"))
    except ValueError:
        raise ValueError(f"cannot read the spacing {quoted(value)}; {fix}") from None
    if len(sizes) > 3 or not all(0 < size < math.inf for size in sizes):
        raise ValueError(f"{quoted(value)} is no spacing; {fix}")
    return sizes


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("one line of text belongs here; write it behind the colon")
    return value


def _settings(key: str, value: Any, known: tuple[str, ...], example: str) -> Setting:
    """Read named numbers; each of the `known` names at most once."""
    try:
        setting = parse_setting(f"{key} {_text(value)}")
    except ValueError as error:
        raise ValueError(str(error).replace(f'"{key} ', '"')) from None
    names = [word for word, _ in setting.words]
    for name in names:
        if name not in known:
            raise ValueError(f"{key} has no {quoted(name)}; {did_you_mean(name, known, example)}")
        if names.count(name) > 1:
            raise ValueError(f"{quoted(name)} stands here twice; keep one of them")
    return setting


def _word_of(setting: Setting, words: tuple[str, ...]) -> str:
    return next(word for word, _ in setting.words if word in words)


def _check(number: float, low: int, high: int, what: str) -> None:
    if not low <= number <= high or number != int(number):
        raise ValueError(
            f"{what} {number:g} does not fit; it is a whole number from {low} to {high:,}"
        )
