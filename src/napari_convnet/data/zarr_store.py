"""OME-Zarr directories (NGFF 0.4 and 0.5) and plain zarr arrays: opened lazily, read where looked.

The array stays on the disc, so that a scan larger than the memory can be looked at.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..network.problems import UserError, listed
from .contents import Choice, Contents, Header, Note, Part, damaged, needs
from .orientation import Matrix, is_usable, number
from .settings import Shape
from .values import AnyArray

_MARKS = ("zarr.json", ".zgroup", ".zarray")
_UNITS = {
    "millimeter": "mm", "micrometer": "um", "nanometer": "nm", "centimeter": "cm", "meter": "m",
    "second": "s", "millisecond": "ms", "microsecond": "us",
}  # fmt: skip

# NGFF's words for an axis that runs as one of the world's axes S, P, L does, and against it.
_WITH = {"inferior-to-superior", "anterior-to-posterior", "right-to-left"}
_AGAINST = {"superior-to-inferior", "posterior-to-anterior", "left-to-right"}


def is_zarr(path: Path) -> bool:
    """Whether a directory is a zarr array or group."""
    return path.is_dir() and any((path / mark).is_file() for mark in _MARKS)


@dataclass(frozen=True, eq=False)
class Stored:
    """An array of zarr's, whose damage is told in plain words by whoever looks at a damaged part.

    Parameters
    ----------
    path : Path
        The directory.
    array : zarr.Array
        Its largest level.
    """

    path: Path
    array: Any

    @property
    def shape(self) -> Shape:
        """Its size along each axis."""
        return tuple(self.array.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of its values."""
        kind: np.dtype[Any] = np.dtype(self.array.dtype)
        return kind

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    @property
    def chunks(self) -> Shape:
        """What is read at once."""
        return tuple(self.array.chunks)

    def __len__(self) -> int:
        """Steps of its first axis."""
        return self.shape[0]

    def __getitem__(self, index: Any) -> AnyArray:
        """Read a part.

        Raises
        ------
        UserError
            If it is damaged.
        """
        try:
            return np.asarray(self.array[index])
        except (IndexError, MemoryError):
            raise
        except Exception as error:  # codecs raise whatever they like at a damaged chunk
            raise damaged(self.path, "OME-Zarr", error) from error

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> AnyArray:
        """Read all."""
        return np.asarray(self[...], dtype=dtype)


def read_zarr(path: Path, choice: Choice) -> Contents:
    """Open the largest level of an image; nothing of its values is read."""
    found = _found(path, choice)
    array = Stored(path, found.array)
    try:
        affine, notes = found.affine()
    except UserError as error:
        raise UserError(f"{path} has no usable place: {error}") from None
    return Contents(
        array=array,
        rgb=False,
        affine=affine,
        units=found.units if affine is not None else None,
        axes=found.names if affine is not None else None,
        notes=(*found.notes, *notes),
        labels=found.labels,
        name=path.name,
    )


def zarr_parts(path: Path, choice: Choice) -> tuple[Part, ...]:
    """List the images that Bio-Formats wrote into a directory, or an image and its labels."""
    attributes = _attributes(path)
    if "bioformats2raw.layout" in attributes and choice.series is None:
        numbers = [str(number) for number in range(1, len(_all_series(path)) + 1)]
        return tuple(
            Part(f"image {n}", partial(read_zarr, path, replace(choice, series=n)), n)
            for n in numbers
        )
    labels = _labels(path) if "multiscales" in attributes else ()
    return (
        Part(path.name, partial(read_zarr, path, choice)),
        *(Part(f"labels {each.name}", partial(_read_labels, path, each)) for each in labels),
    )


def _labels(path: Path) -> tuple[Path, ...]:
    """Directories of labels beside the levels of an image."""
    folder = path / "labels"
    names = _attributes(folder).get("labels") if folder.is_dir() else None
    found = [folder / name for name in names or () if isinstance(name, str)]
    return tuple(each for each in found if is_zarr(each))


def _read_labels(path: Path, labels: Path) -> Contents:
    held = read_zarr(labels, Choice())
    return replace(held, labels=True, name=f"{_stem(path)} {labels.name}")


def _stem(path: Path) -> str:
    return path.name.removesuffix(".zarr").removesuffix(".ome")


def look_at_zarr(path: Path, choice: Choice) -> Header:
    """Read the shape of an image's largest level."""
    return Header(tuple(_found(path, choice).array.shape), rgb=False)


@dataclass(frozen=True, eq=False)
class _Image:
    """The largest level of an image, and what its directory says of it."""

    array: Any
    axes: Sequence[Mapping[str, Any]] = ()
    transforms: Sequence[Mapping[str, Any]] = ()
    labels: bool = False
    notes: tuple[Note, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        names = {"c": "channel"}
        return tuple(names.get(str(axis["name"]), str(axis["name"])) for axis in self.axes)

    @property
    def units(self) -> tuple[str, ...]:
        given = (str(axis.get("unit") or "pixel") for axis in self.axes)
        return tuple(_UNITS.get(unit, unit) for unit in given)

    def affine(self) -> tuple[Matrix | None, list[Note]]:
        """Compose the transformations, in the order in which they apply."""
        if not self.axes:
            return None, [Note("the array does not say its distances: placed in pixels")]
        rank = self.array.ndim
        affine = np.eye(rank + 1)
        for each in self.transforms:
            affine = _transform(each, rank) @ affine
        if not is_usable(affine):
            raise UserError("it has a scale of 0, or numbers that are none")
        signs, notes = self._signs()
        return np.diag([*signs, 1.0]) @ affine, notes

    def _signs(self) -> tuple[list[float], list[Note]]:
        words = [_orientation(axis) for axis in self.axes]
        if any(word not in _WITH | _AGAINST | {""} for word in words):
            text = f"the axes' orientation ({listed(filter(None, words), 'and')}) is not known"
            return [1.0] * len(words), [Note(f"{text}: left as it is", "warning")]
        return [-1.0 if word in _AGAINST else 1.0 for word in words], []


def _orientation(axis: Mapping[str, Any]) -> str:
    given = axis.get("orientation")
    if isinstance(given, Mapping):
        given = given.get("value")
    return str(given or "")


def _transform(given: Mapping[str, Any], rank: int) -> Matrix:
    kind = given.get("type")
    if kind == "identity":
        return np.eye(rank + 1)
    if kind not in {"scale", "translation"} or not isinstance(given.get(kind), list):
        raise UserError(f'its place is given by "{kind}", which is not known', "convert it")
    values = np.asarray(given[kind], dtype=np.float64)
    if values.shape != (rank,):
        raise UserError(f"its {kind} has {values.size} numbers for {rank} axes")
    whole = np.eye(rank + 1)
    if kind == "scale":
        np.fill_diagonal(whole[:rank, :rank], values)
    else:
        whole[:rank, rank] = values
    return whole


def _found(path: Path, choice: Choice) -> _Image:
    """Open the array that a directory stands for."""
    zarr = needs("zarr", path, "a zarr directory")
    attributes = _attributes(path)
    if "bioformats2raw.layout" in attributes:
        return _found(_series(path, choice), Choice())
    if "plate" in attributes or "well" in attributes:
        raise UserError(f"{path} is a plate of many images", "name one of them, such as A/1/0")
    if "multiscales" in attributes:
        return _level(zarr, path, attributes)
    opened = zarr.open(path, mode="r")
    if not hasattr(opened, "shape"):
        inside = sorted(each.name for each in path.iterdir() if is_zarr(each))
        what = f": it holds {listed(inside[:5], 'and')}" if inside else ""
        raise UserError(f"{path} is a zarr group, not an image{what}", "name an image in it")
    return _Image(opened)


def _attributes(path: Path) -> dict[str, Any]:
    """Read NGFF's part of a directory's attributes (version 0.5 has it under "ome")."""
    for name in ("zarr.json", ".zattrs"):
        file = path / name
        if file.is_file():
            try:
                given = json.loads(file.read_text(encoding="utf-8"))
                given = given.get("attributes", {}) if name == "zarr.json" else given
                return dict(given.get("ome", given))
            except (ValueError, AttributeError, TypeError):
                raise UserError(
                    f"{file} is damaged: it is no JSON text of the form that zarr writes",
                    "copy the directory again",
                ) from None
    return {}


def _series(path: Path, choice: Choice) -> Path:
    """Choose one of the images that Bio-Formats writes as directories 0, 1, ..."""
    series = _all_series(path)
    if len(series) == 1 and choice.series is None:
        return series[0]
    wanted = str(choice.series or "")
    if wanted.isdecimal() and 1 <= int(wanted) <= len(series):
        return series[int(wanted) - 1]
    raise UserError(
        f"{path} holds {len(series)} images",
        f"name one of them: {path}#1 to {path}#{len(series)}",
    )


def _all_series(path: Path) -> list[Path]:
    return sorted((each for each in path.iterdir() if each.name.isdecimal()), key=_number)


def _number(path: Path) -> int:
    return int(path.name)


def _level(zarr: Any, path: Path, attributes: Mapping[str, Any]) -> _Image:
    try:
        image = attributes["multiscales"][0]
        levels = image["datasets"]
        name = str(levels[0]["path"])
        axes = [axis if isinstance(axis, dict) else {"name": axis} for axis in image["axes"]]
        transforms = [
            *levels[0].get("coordinateTransformations", ()),
            *image.get("coordinateTransformations", ()),
        ]
    except (KeyError, IndexError, TypeError, AttributeError):
        raise UserError(f"{path} is damaged: its multiscales entry lacks a part") from None
    if not (path / name).is_dir():
        raise UserError(f"{path} is not whole: the level {name} is missing", "copy it again")
    array = zarr.open_array(path / name, mode="r")
    if len(axes) != array.ndim or not all("name" in axis for axis in axes):
        raise UserError(f"{path} is damaged: {len(axes)} axes for an array of {array.ndim}")
    labels = "image-label" in attributes
    return _Image(array, axes, transforms, labels, tuple(_level_notes(levels, array)))


def _level_notes(levels: Sequence[Any], array: Any) -> Iterator[Note]:
    size = math.prod(array.shape) * array.dtype.itemsize
    if len(levels) > 1:
        text = f"of {len(levels)} levels the largest is shown ({number(size / 1e6)} MB)"
        yield Note(f"{text}; it is read piece by piece, as it is looked at")
