"""A folder with one folder of images per class, and images in files of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..network.problems import UserError
from .dataset import check_sizes, image_layout, one_image
from .fitting import fit_stack, target_size
from .readers import is_readable, nearest_name, read_contents, read_header
from .settings import Input, SettingLike, Shape
from .values import AnyArray


def class_names(root: Path, classes: Sequence[str] = ()) -> tuple[str, ...]:
    """List the classes of a folder: its folders in order (of number, where all are numbers).

    Raises
    ------
    UserError
        If there are none, only one, or not those that the document names.
    """
    found = [path.name for path in root.iterdir() if path.is_dir() and path.name[0] != "."]
    if not found:
        raise UserError(f"{root} holds no folders", "make one folder of images per class")
    if classes:
        _check_classes(root, found, classes)
        return tuple(classes)
    if len(found) == 1:
        raise UserError(f"{root} holds one class only, {found[0]}", "add a folder per class")
    numbers = all(name.isdecimal() for name in found)
    # Not by the file system's order, nor by its case: the numbers of classes must not depend on it.
    key: Callable[[str], Any] = int if numbers else (lambda name: (name.casefold(), name))
    return tuple(sorted(found, key=key))


def _check_classes(root: Path, found: list[str], classes: Sequence[str]) -> None:
    for name in classes:
        if name not in found:
            raise UserError(f"class {name} has no folder in {root}", nearest_name(root / name))
    for name in found:
        if name not in classes:
            what = f"folder {root / name} is not among classes:"
            raise UserError(what, "add it there, or move it away")


def images_in(folder: Path) -> list[Path]:
    """List the images of a class."""
    files = sorted(path for path in folder.iterdir() if path.name[0] != "." and is_readable(path))
    if not files:
        raise UserError(f"{folder} holds no images", "put PNG, JPEG, BMP, TIFF or .npy files there")
    return files


@dataclass(frozen=True, eq=False)
class FileImages:
    """Images in files of their own, read when they are asked for.

    Parameters
    ----------
    root : Path
        The folder that names are relative to.
    paths : tuple of Path
        One file per image.
    input : sequence of int or None
        The network's input.
    fit : Setting or None
        How images are brought to size.
    shape : tuple of int
        (N, C, *spatial).
    accept : tuple of str
        What may be approximated.
    """

    root: Path
    paths: tuple[Path, ...]
    input: Input
    fit: SettingLike | None
    shape: Shape
    accept: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        root: Path,
        paths: Sequence[Path],
        input: Input,
        fit: SettingLike | None,
        accept: Sequence[str] = (),
    ) -> FileImages:
        """Look at the head of every file, so that what does not fit is told before a training."""
        names = [_called(path, root) for path in paths]
        shapes = [
            _shape_of(path, input, name, accept) for path, name in zip(paths, names, strict=True)
        ]
        if fit is None:
            check_sizes(shapes, names)
            shape = shapes[0]
        else:
            shape = (shapes[0][0], *target_size(fit, input))
        return cls(root, tuple(paths), input, fit, (len(paths), *shape), tuple(accept))

    @property
    def names(self) -> tuple[str, ...]:
        """What to call each image: its file, from the folder on."""
        return tuple(_called(path, self.root) for path in self.paths)

    def __len__(self) -> int:
        """Count the images."""
        return len(self.paths)

    def __getitem__(self, index: Any) -> AnyArray:
        """Read one image, or a stack of those that a slice or indices name."""
        chosen = np.arange(len(self))[index]
        if chosen.ndim == 0:
            return self._read(int(chosen))
        return np.stack([self._read(int(i)) for i in chosen])

    def _read(self, index: int) -> AnyArray:
        path = self.paths[index]
        name = _called(path, self.root)
        found = read_contents(path, accept=self.accept)
        image = one_image(found.array, self.input, found.rgb, name)
        if self.fit is None:
            return image
        fitted: AnyArray = fit_stack(image[None], self.fit, self.shape[2:], name)[0]
        return fitted


def _shape_of(path: Path, input: Input, name: str, accept: Sequence[str]) -> Shape:
    """Tell the shape (C, *spatial) that an image will have, from the head of its file."""
    head = read_header(path, accept=accept)
    found = image_layout(head.shape, input, head.rgb, name)
    return (found.channels, *(head.shape[axis] for axis in found.spatial))


def _called(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
