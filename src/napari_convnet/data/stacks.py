"""Folders of images: slices or frames one behind the other, or one folder of images per class."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np

from ..network.problems import UserError, listed
from .contents import Choice, Contents, Header, Note, damaged
from .label_values import labelled
from .orientation import with_leading_axes
from .pictures import PICTURES, look_at_npy, look_at_picture, read_npy, read_picture
from .settings import Shape, text_of
from .tiff import look_at_tiff, read_tiff
from .values import AnyArray, value_notes

T = TypeVar("T")

IN_MEMORY = 1 << 30
"""Bytes up to which a folder is read at once; images of a larger one are read when looked at."""

_READ: dict[str, Callable[[Path, Choice], Contents]] = {
    **dict.fromkeys(PICTURES, read_picture),
    **dict.fromkeys((".tif", ".tiff"), read_tiff),
    ".npy": read_npy,
}
_LOOK: dict[str, Callable[[Path, Choice], Header]] = {
    **dict.fromkeys(PICTURES, look_at_picture),
    **dict.fromkeys((".tif", ".tiff"), look_at_tiff),
    ".npy": look_at_npy,
}

# What is looked at to tell whether a folder is one of images.
_MOST_SNIFFED = 300
_MOST_CLASSES = 100

_MOST_NAMES = 5


def is_folder_of_images(path: Path) -> bool:
    """Tell whether a directory holds images, or folders of images; quick, never raises."""
    try:
        if not path.is_dir():
            return False
        inside = _visible(path, _MOST_SNIFFED)
        if any(map(_is_image, inside)):
            return True
        folders = [each for each in inside if each.is_dir()][:_MOST_CLASSES]
        return len(folders) > 1 and all(
            any(map(_is_image, _visible(each, _MOST_SNIFFED))) for each in folders
        )
    except OSError:
        return False


def read_folder(path: Path, choice: Choice) -> Contents:
    """Read a folder of images as a stack, in the order of their names ("2" before "10").

    Of a folder with one folder of images per class, `Contents.targets` tells the class of each.

    Raises
    ------
    UserError
        If a file is damaged, or the images differ in size.
    """
    folder = _found(path)
    shape = _shape(folder)
    first = _read(folder.files[0], choice)
    if math.prod(shape) * first.array.dtype.itemsize > IN_MEMORY:
        parts = [first]
        stack: Any = ImageFiles(folder.files, shape, first.array.dtype)
    else:
        parts = [first, *(_read(file, choice) for file in folder.files[1:])]
        stack = np.stack([part.array for part in parts])
    found = Contents(
        stack,
        rgb=first.rgb,
        notes=(*folder.notes(), *_type_notes(parts)),
        names=MappingProxyType(dict(enumerate(folder.classes))),
        targets=folder.targets,
        name=path.name,
    )
    found = _placed(found, parts)
    if isinstance(stack, np.ndarray):
        found = replace(found, notes=(*found.notes, *value_notes(stack)))
        # A folder "masks" of gray pictures.
        if not (found.rgb or folder.classes):
            return labelled(found, path)
    return found


def look_at_folder(path: Path, choice: Choice) -> Header:
    """Read the shape of a folder's stack."""
    folder = _found(path)
    return Header(_shape(folder), _look(folder.files[0]).rgb)


@dataclass(frozen=True, eq=False)
class ImageFiles:
    """A stack of images that are read when they are looked at: (image, y, x).

    Parameters
    ----------
    files : tuple of Path
    shape : tuple of int
        Of the whole stack.
    dtype : numpy.dtype
    """

    files: tuple[Path, ...]
    shape: Shape
    dtype: np.dtype[Any]

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def chunks(self) -> Shape:
        """What is read at once: an image."""
        return (1, *self.shape[1:])

    def __len__(self) -> int:
        """Count the images."""
        return len(self.files)

    def __getitem__(self, index: Any) -> AnyArray:
        """Read what an index names, as of a numpy array."""
        first, *rest = index if isinstance(index, tuple) else (index,)
        if first is Ellipsis:
            first, rest = slice(None), [Ellipsis, *rest]
        chosen = np.arange(len(self))[first]
        inside = tuple(rest)
        if chosen.ndim == 0:
            image: AnyArray = self._image(int(chosen))[inside]
            return image
        read = [self._image(int(number))[inside] for number in chosen]
        return np.stack(read) if read else np.empty((0, *self.shape[1:]), self.dtype)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> AnyArray:
        """Read all."""
        return np.asarray(self[:], dtype=dtype)

    def _image(self, number: int) -> AnyArray:
        file = self.files[number]
        array = np.asarray(_read(file, Choice()).array)
        if array.dtype != self.dtype:
            raise UserError(
                f"{file} holds {array.dtype}, and {self.files[0].name} {self.dtype}",
                "bring the images to one kind of number",
            )
        return array


# -- which files --


@dataclass(frozen=True)
class _Folder:
    """Images in the order of their names, and which class each is of."""

    path: Path
    files: tuple[Path, ...]
    others: tuple[Path, ...] = ()
    classes: tuple[str, ...] = ()
    targets: tuple[int, ...] = ()

    def name(self, file: Path) -> str:
        """Name of a file below the folder."""
        return file.relative_to(self.path).as_posix()

    def notes(self) -> Iterator[Note]:
        """Tell what became of which files."""
        count = len(self.files)
        ends = " to ".join(dict.fromkeys(map(self.name, (self.files[0], self.files[-1]))))
        if self.classes:
            text = f"{count} images of {len(self.classes)} classes ({listed(self.classes, 'and')})"
            yield Note(f"{text}, one behind the other, class by class")
        elif count > 1:
            yield Note(f"{count} images, one behind the other in the order of their names: {ends}")
        if self.others:
            left = [file.name for file in self.others]
            shown = left if len(left) <= _MOST_NAMES else [*left[:_MOST_NAMES], "others"]
            were = "1 file is" if len(left) == 1 else f"{len(left)} files are"
            yield Note(f"{were} no images and left out: {listed(shown, 'and')}")


def _found(path: Path) -> _Folder:
    inside = _visible(path)
    files = tuple(each for each in inside if _is_image(each))
    others = tuple(each for each in inside if each.is_file() and not _is_image(each))
    if files:
        return _Folder(path, files, others)
    folders = [each for each in inside if each.is_dir()]
    held = [[file for file in _visible(each) if _is_image(file)] for each in folders]
    return _Folder(
        path,
        tuple(file for files in held for file in files),
        others,
        tuple(each.name for each in folders),
        tuple(number for number, files in enumerate(held) for _ in files),
    )


def _visible(folder: Path, most: int | None = None) -> list[Path]:
    """What is in a folder, in the order of names with numbers counted; hidden files left out."""
    with os.scandir(folder) as entries:
        named = (entry.name for entry in entries if not entry.name.startswith("."))
        names = sorted(islice(named, most), key=_natural)
    return [folder / name for name in names]


def _natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """Order "slice 2" before "slice 10".

    Examples
    --------
    >>> sorted(["s10.png", "s2.png", "S1.png"], key=_natural)
    ['S1.png', 's2.png', 's10.png']
    """
    parts = re.findall(r"\d+|\D+", name.casefold())
    numbered = [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]
    return (*numbered, (2, 0, name))


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in _READ and path.is_file()


# -- reading --


def _read(file: Path, choice: Choice) -> Contents:
    return _named(file, lambda: _READ[file.suffix.lower()](file, choice))


def _look(file: Path) -> Header:
    return _named(file, lambda: _LOOK[file.suffix.lower()](file, Choice()))


def _named(file: Path, way: Callable[[], T]) -> T:
    """Say which file of the folder is damaged."""
    try:
        return way()
    except (UserError, MemoryError, PermissionError):
        raise
    except Exception as error:  # decoders raise whatever they like at a damaged file
        raise damaged(file, "an image", error) from error


def _shape(folder: _Folder) -> Shape:
    """Shape of the stack.

    Raises
    ------
    UserError
        If two images differ: says which.
    """
    heads = [_look(file) for file in folder.files]
    first = heads[0].shape
    for file, head in zip(folder.files, heads, strict=True):
        if head.shape != first:
            raise UserError(
                f"the images of {folder.path} differ in size: {folder.name(folder.files[0])} is "
                f"{text_of(first)}, {folder.name(file)} {text_of(head.shape)}",
                "bring them to one size, or open them one by one",
            )
    return (len(heads), *first)


def _type_notes(parts: Sequence[Contents]) -> Iterator[Note]:
    kinds = dict.fromkeys(str(part.array.dtype) for part in parts)
    if len(kinds) > 1:
        became = np.result_type(*(part.array.dtype for part in parts))
        yield Note(f"the images hold different numbers ({listed(kinds, 'and')}): read as {became}")


def _placed(found: Contents, parts: Sequence[Contents]) -> Contents:
    """Give the stack the distances that its images have, where they all have the same."""
    first = parts[0]
    if first.affine is None or first.units is None or first.axes is None:
        return found
    if any(part.affine is None or not np.array_equal(part.affine, first.affine) for part in parts):
        note = Note("the images give different distances of pixels: placed in pixels", "warning")
        return replace(found, notes=(*found.notes, note))
    return replace(
        found,
        affine=with_leading_axes(first.affine, 1),
        units=("pixel", *first.units),
        axes=("image", *first.axes),
    )
