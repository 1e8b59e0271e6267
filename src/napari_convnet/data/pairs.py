"""Which files belong together: images, and the labels of each.

A pattern such as ``scans/*_ct.nii.gz`` finds images; the labels of each are found by putting the
text under its ``*`` into the pattern of the labels. Two folders pair files of the same name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..network.problems import UserError, listed
from .readers import is_readable, nearest_name

_WILD = re.compile(r"[*?]")

# Of the files that lack another, how many a message names.
_MOST_NAMED = 3


@dataclass(frozen=True)
class FilePair:
    """An image and its labels.

    Parameters
    ----------
    image : Path
        The image's file (or directory, or ``FOLDER#2``).
    target : Path or None
        Its labels, or what a regression is to give.
    name : str
        What to call it.
    """

    image: Path
    target: Path | None
    name: str


@dataclass(frozen=True)
class Pairs:
    """Files that belong together.

    Parameters
    ----------
    pairs : tuple of FilePair
        In the order of their names.
    spare : tuple of str
        Labels without an image.
    """

    pairs: tuple[FilePair, ...]
    spare: tuple[str, ...] = ()


def is_pattern(text: str) -> bool:
    """Whether a file name has a ``*`` or a ``?``."""
    return bool(_WILD.search(text))


def find_pairs(folder: Path, images: str, labels: str = "") -> Pairs:
    """Find images and their labels.

    Parameters
    ----------
    folder : Path
        What relative names start from.
    images, labels : str
        As in a document's ``data:``; without labels, images stand alone.

    Raises
    ------
    UserError
        If there are none, or images have no labels: which, and what they would be paired with.
    """
    if not labels:
        return Pairs(tuple(FilePair(path, None, name) for name, path in _alone(folder, images)))
    wild = is_pattern(images), is_pattern(labels)
    if all(wild):
        return _by_pattern(folder, images, labels)
    one, other = folder / Path(images).expanduser(), folder / Path(labels).expanduser()
    holds_files = one.is_dir() and not is_readable(one), other.is_dir() and not is_readable(other)
    if any(wild) or holds_files[0] != holds_files[1]:
        raise UserError(
            f"images: is {_kind(wild[0], holds_files[0])}, labels: "
            f"{_kind(wild[1], holds_files[1])}: they cannot be paired",
            "write two patterns, two folders or two files",
        )
    if holds_files[0]:
        return _by_name(one, other)
    for key, path in (("images", one), ("labels", other)):
        _check_there(key, path)
    return Pairs((FilePair(one, other, one.name),))


def _kind(wild: bool, folder: bool) -> str:
    return "a pattern" if wild else "a folder" if folder else "a file"


def _check_there(key: str, path: Path) -> None:
    base = path.with_name(path.name.rpartition("#")[0] or path.name)
    if not path.exists() and not base.exists():
        raise UserError(f"{key}: {path} does not exist", nearest_name(path))


def _alone(folder: Path, images: str) -> list[tuple[str, Path]]:
    if is_pattern(images):
        return [(path.name, path) for _, path in matches(folder, images, "images")]
    path = folder / Path(images).expanduser()
    _check_there("images", path)
    if path.is_dir() and not is_readable(path):
        return [(each.name, each) for each in _files_in(path)]
    return [(path.name, path)]


# -- patterns --


def matches(folder: Path, pattern: str, key: str) -> list[tuple[tuple[str, ...], Path]]:
    """Find the files that fit a pattern, with the text under each of its ``*``, in order.

    Raises
    ------
    UserError
        If there are none: what there is instead.
    """
    base, rest = _split(folder / Path(pattern).expanduser())
    if not base.is_dir():
        raise UserError(f"{key}: {base} does not exist", nearest_name(base))
    shape = re.compile("".join(map(_as_expression, rest)))
    found = []
    for path in sorted(base.glob(rest)):
        fits = shape.fullmatch(path.relative_to(base).as_posix())
        if fits and not path.name.startswith("."):
            found.append((fits.groups(), path))
    if not found:
        there = sorted(path.name for path in base.iterdir() if not path.name.startswith("."))
        holds = (
            f"{base} holds {listed(there[:_MOST_NAMED], 'and')}" if there else f"{base} is empty"
        )
        more = f" and {len(there) - _MOST_NAMED} more" if there[_MOST_NAMED:] else ""
        raise UserError(f"{key}: no file fits {pattern}", holds + more)
    return found


def _split(whole: Path) -> tuple[Path, str]:
    """Part a pattern into the folder before its first ``*`` and what is behind it."""
    if "**" in whole.as_posix():
        raise UserError(f"{whole.as_posix()} has **", "write * for the name of each folder")
    parts = whole.parts
    first = next(i for i, part in enumerate(parts) if _WILD.search(part))
    return Path(*parts[:first]), "/".join(parts[first:])


def _as_expression(letter: str) -> str:
    return {"*": "([^/]*)", "?": "([^/])"}.get(letter, re.escape(letter))


def _filled(pattern: str, texts: Sequence[str]) -> str:
    """Put texts in the place of a pattern's ``*`` and ``?``."""
    parts = _WILD.split(pattern)
    return "".join(part + text for part, text in zip(parts, [*texts, ""], strict=True))


def _by_pattern(folder: Path, images: str, labels: str) -> Pairs:
    count, other = len(_WILD.findall(images)), len(_WILD.findall(labels))
    if count != other:
        what = f"images: {images} has {count} * (or ?), labels: {labels} has {other}"
        raise UserError(what, "write as many in both: files are paired by the texts under them")
    found = matches(folder, images, "images")
    targets = dict(matches(folder, labels, "labels"))
    unpaired = [
        (path.name, Path(_filled(labels, texts)).name)
        for texts, path in found
        if texts not in targets
    ]
    if unpaired:
        raise _unpaired(unpaired, len(found))
    used = {texts for texts, _ in found}
    spare = tuple(path.name for texts, path in targets.items() if texts not in used)
    pairs = (FilePair(path, targets[texts], path.name) for texts, path in found)
    return Pairs(tuple(pairs), spare)


def _unpaired(unpaired: Sequence[tuple[str, str]], count: int) -> UserError:
    lack = "lack" if len(unpaired) > 1 else "lacks"
    images = "image" if count == 1 else "images"
    each = [f"{image} (its labels would be {label})" for image, label in unpaired[:_MOST_NAMED]]
    more = [f"{len(unpaired) - _MOST_NAMED} more"] if unpaired[_MOST_NAMED:] else []
    what = f"{len(unpaired)} of {count} {images} {lack} labels: {listed([*each, *more], 'and')}"
    return UserError(what, "add the labels, or move these images away")


# -- folders --


def _files_in(folder: Path) -> list[Path]:
    files = [path for path in sorted(folder.iterdir()) if path.name[0] != "." and is_readable(path)]
    if not files:
        raise UserError(f"{folder} holds no images", "put images or scans of a known kind there")
    return files


def stem(path: Path) -> str:
    """Name of a file without its suffixes: ``a.nii.gz`` is ``a``."""
    name = path.name
    return name.removesuffix(".gz").rpartition(".")[0] or name


def _by_name(images: Path, labels: Path) -> Pairs:
    found, targets = _files_in(images), {stem(path): path for path in _files_in(labels)}
    unpaired = [
        (path.name, f"{labels.name}/{stem(path)}") for path in found if stem(path) not in targets
    ]
    if unpaired:
        raise _unpaired(unpaired, len(found))
    used = {stem(path) for path in found}
    spare = tuple(path.name for name, path in targets.items() if name not in used)
    pairs = (FilePair(path, targets[stem(path)], path.name) for path in found)
    return Pairs(tuple(pairs), spare)
