"""From a document's ``data:`` to a dataset: shipped samples, folders of images, files of arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import prod
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..network.problems import UserError
from . import samples
from .augmentation import augmentations
from .dataset import Dataset, check_sizes, dataset_from_arrays, image_layout, one_image
from .fitting import fit_stack, suggested, target_size
from .normalisation import check_normalisation
from .readers import check_file, is_readable, nearest_name, read_contents, read_header
from .settings import Input, SettingLike, Shape, look_up, text_of
from .values import AnyArray

IN_MEMORY = 2**30
"""Bytes of inputs up to which a folder is read at once; larger ones are read batch by batch."""


class DataLike(Protocol):
    """A document's ``data:``, as this room reads it."""

    @property
    def source(self) -> str:
        """Name of a shipped sample, or nothing."""

    @property
    def images(self) -> str:
        """Folder or file of images, or nothing."""

    @property
    def labels(self) -> str:
        """File of labels, or nothing."""

    @property
    def classes(self) -> Sequence[str]:
        """Names of the classes; may be empty."""

    @property
    def normalize(self) -> SettingLike | None:
        """How values are brought to a range."""

    @property
    def fit(self) -> SettingLike | None:
        """How images are brought to size."""

    @property
    def unlabelled(self) -> int | None:
        """Label of what is not labelled."""


class PipelineLike(Protocol):
    """A document, as this room reads it."""

    @property
    def input(self) -> Input:
        """The network's input: channels, then sizes."""

    @property
    def data(self) -> DataLike | None:
        """The document's ``data:``."""

    @property
    def augment(self) -> Sequence[SettingLike]:
        """The document's ``augment:``."""

    @property
    def folder(self) -> str | Path | None:
        """Where relative files are."""


@dataclass(frozen=True)
class Source:
    """Sample data that a document names in one line, ``source: NAME``.

    Parameters
    ----------
    name : str
        As it stands in a document.
    title : str
        What it is.
    classes : tuple of str
        Names of the classes.
    load : callable
        Returns images and labels.
    """

    name: str
    title: str
    classes: tuple[str, ...]
    load: Callable[[], tuple[AnyArray, AnyArray]]


SOURCES: Mapping[str, Source] = MappingProxyType(
    {
        source.name: source
        for source in (
            Source(
                "digits",
                "5,000 handwritten digits (MNIST), 28x28",
                tuple("0123456789"),
                samples.digits,
            ),
            Source(
                "faces",
                "100 faces and 100 other pictures (LFW), 25x25",
                samples.FACE_CLASSES,
                samples.faces,
            ),
        )
    }
)
"""Names for ``source:``."""


def load_dataset(pipeline: PipelineLike) -> Dataset:
    """Load the images and labels that a document's ``data:`` names.

    Parameters
    ----------
    pipeline : Pipeline
        With ``input``, ``data`` and ``folder``.

    Returns
    -------
    Dataset
        Fitted as the document says; its `inputs` are normalised.

    Raises
    ------
    UserError
        If there is no data, files are missing or damaged, labels do not match, images differ in
        size, or they do not fit the network's input.
    """
    data = pipeline.data
    if data is None or not (data.source or data.images):
        raise UserError(
            "the document names no images to train on",
            "add data: with source: digits, or images: and a folder with one folder per class",
        )
    _check_one_source(data)
    check_normalisation(data.normalize)
    dataset = _from_source(pipeline, data) if data.source else _from_images(pipeline, data)
    check_size(pipeline, dataset.shape)
    return dataset


def data_problems(pipeline: PipelineLike) -> Iterator[tuple[str, UserError]]:
    """Find what is wrong with a document's data, as far as it shows without reading an image.

    Parameters
    ----------
    pipeline : Pipeline
        With ``input``, ``data``, ``augment`` and ``folder``.

    Yields
    ------
    str, UserError
        Key of the document, such as ``data.images``, and what is wrong there.
    """
    for key, check in _checks(pipeline):
        try:
            check()
        except UserError as error:
            yield key, error


def _checks(pipeline: PipelineLike) -> Iterator[tuple[str, Callable[[], Any]]]:
    yield "augment", partial(augmentations, pipeline.augment, len(pipeline.input) - 1)
    data = pipeline.data
    if data is None:
        return
    yield "data.normalize", partial(check_normalisation, data.normalize)
    if data.fit is not None:
        yield "data.fit", partial(target_size, data.fit, pipeline.input)
    if data.source:
        yield "data.source", partial(_source, data)
    yield "data.images", partial(_check_one_source, data)
    if data.images:
        yield "data.images", partial(_check_images, pipeline, data)
    if data.labels:
        yield "data.labels", partial(_check_labels, pipeline, data)


def _check_images(pipeline: PipelineLike, data: DataLike) -> None:
    path = _images_path(pipeline, data)
    if path.is_dir():
        class_names(path, data.classes)


def _check_labels(pipeline: PipelineLike, data: DataLike) -> None:
    if data.images and (Path(pipeline.folder or ".") / Path(data.images).expanduser()).is_dir():
        raise _labels_of_folder()
    check_file(_labels_path(pipeline, data))


def _check_one_source(data: DataLike) -> None:
    if data.source and data.images:
        raise UserError("data: has both source: and images:", "keep one of them")


def check_size(pipeline: PipelineLike, shape: Shape) -> None:
    """Raise if a network that runs at its nominal size only would get images of another size.

    Raises
    ------
    UserError
        Says both sizes and how to fit the images.
    """
    fixing = _fixing_layer(pipeline)
    pairs = zip(shape[1:], pipeline.input[1:], strict=True)
    size = tuple(had if size is None else size for had, size in pairs)
    if fixing is None or size == shape[1:]:
        return
    raise UserError(
        f"the images are {text_of(shape[1:])}, and layer {fixing} needs the input's "
        f"{text_of(pipeline.input[1:])}",
        f"add {suggested(shape[1:], size)} to data:, "
        f"or change the document's input to {text_of(shape)}",
    )


def _fixing_layer(pipeline: PipelineLike) -> str | None:
    """Name of the first layer that ties the network to one size of image."""
    network = getattr(pipeline, "network", None)
    layers = getattr(network, "layers", ())
    # What stands on the side is not computed for the main output.
    needed = {getattr(network, "end", "")}
    for layer in reversed(layers):
        needed |= set(layer.inputs) if layer.name in needed else set()
    tied = (v for v in layers if v.op in {"flatten", "local"} and v.name in needed)
    return next((str(layer.name) for layer in tied), None)


def _from_source(pipeline: PipelineLike, data: DataLike) -> Dataset:
    source = _source(data)
    images, labels = source.load()
    return dataset_from_arrays(
        images,
        labels,
        tuple(data.classes) or source.classes,
        input=pipeline.input,
        fit=data.fit,
        normalize=data.normalize,
    )


def _source(data: DataLike) -> Source:
    source = look_up(data.source, SOURCES, "source")
    if data.classes and len(data.classes) != len(source.classes):
        count = len(source.classes)
        what = f"source: {source.name} has {count} classes, and classes: names {len(data.classes)}"
        raise UserError(what, "name them all, or leave classes: out")
    return source


def _from_images(pipeline: PipelineLike, data: DataLike) -> Dataset:
    path = _images_path(pipeline, data)
    if path.is_dir():
        return _from_folder(path, pipeline.input, data)
    return _from_file(path, pipeline, data)


def _images_path(pipeline: PipelineLike, data: DataLike) -> Path:
    path = Path(pipeline.folder or ".") / Path(data.images).expanduser()
    if any(letter in path.name for letter in "*?["):
        raise UserError(
            f"images: {data.images} is a pattern, which is not built yet for classes",
            "name a folder with one folder per class",
        )
    if not path.exists():
        raise UserError(f"images: {path} does not exist", nearest_name(path))
    return path


def _labels_path(pipeline: PipelineLike, data: DataLike) -> Path:
    return Path(pipeline.folder or ".") / Path(data.labels).expanduser()


def _from_folder(root: Path, input: Input, data: DataLike) -> Dataset:
    """Load a folder with one folder of images per class."""
    if data.labels:
        raise _labels_of_folder()
    classes = class_names(root, data.classes)
    files = [_images_in(root / name) for name in classes]
    paths = [path for folder in files for path in folder]
    targets = np.repeat(np.arange(len(classes)), [len(folder) for folder in files])
    images = FileImages.of(root, paths, input, data.fit)
    names = tuple(path.relative_to(root).as_posix() for path in paths)
    small = prod(images.shape) * np.dtype(np.float32).itemsize <= IN_MEMORY
    return Dataset(images[:] if small else images, targets, classes, names, data.normalize)


def _labels_of_folder() -> UserError:
    what = "labels: is given, but in a folder of images the folders are the labels"
    return UserError(what, "leave labels: out")


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


def _images_in(folder: Path) -> list[Path]:
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
    """

    root: Path
    paths: tuple[Path, ...]
    input: Input
    fit: SettingLike | None
    shape: Shape

    @classmethod
    def of(
        cls, root: Path, paths: Sequence[Path], input: Input, fit: SettingLike | None
    ) -> FileImages:
        """Look at the head of every file, so that what does not fit is told before a training."""
        names = [path.relative_to(root).as_posix() for path in paths]
        shapes = [_shape_of(path, input, name) for path, name in zip(paths, names, strict=True)]
        if fit is None:
            check_sizes(shapes, names)
            shape = shapes[0]
        else:
            shape = (shapes[0][0], *target_size(fit, input))
        return cls(root, tuple(paths), input, fit, (len(paths), *shape))

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
        name = path.relative_to(self.root).as_posix()
        found = read_contents(path)
        image = one_image(found.array, self.input, found.rgb, name)
        if self.fit is None:
            return image
        fitted: AnyArray = fit_stack(image[None], self.fit, self.shape[2:], name)[0]
        return fitted


def _shape_of(path: Path, input: Input, name: str) -> Shape:
    """Tell the shape (C, *spatial) that an image will have, from the head of its file."""
    head = read_header(path)
    found = image_layout(head.shape, input, head.rgb, name)
    return (found.channels, *(head.shape[axis] for axis in found.spatial))


def _from_file(path: Path, pipeline: PipelineLike, data: DataLike) -> Dataset:
    """Load a file that holds a stack of images, and the labels beside it."""
    if path.suffix.lower() == ".npz":
        images, labels = _read_npz(path)
    else:
        images, labels = read_contents(path).array, None
    if data.labels:
        labels = read_labels(_labels_path(pipeline, data))
    if labels is None:
        what = f"images: {path.name} has no labels"
        raise UserError(what, "add labels: and a .npy or text file with one label per image")
    return dataset_from_arrays(
        images,
        labels,
        tuple(data.classes) or None,
        input=pipeline.input,
        fit=data.fit,
        normalize=data.normalize,
        unlabelled=data.unlabelled,
    )


def _read_npz(path: Path) -> tuple[AnyArray, AnyArray | None]:
    try:
        # Opened here: numpy leaves a file that is no archive open.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            if "images" not in archive:
                raise UserError(f"{path} holds no array named images", "save it with that name")
            return archive["images"], archive.get("labels")
    except UserError:
        raise
    except Exception as error:  # zipfile, zlib and numpy each have their own
        what = f"{path} cannot be read: it is damaged, or not .npz ({error})"
        raise UserError(what, "save it again with numpy.savez") from error


def read_labels(path: Path) -> NDArray[Any]:
    """Read labels from a ``.npy`` file, or from a text file with one on each line.

    Raises
    ------
    UserError
        If the file is missing or cannot be read.
    """
    if path.suffix.lower() == ".npy":
        return np.asarray(read_contents(path).array)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise UserError(f"{path} is not a text file", "write one label on each line") from None
    except OSError:
        raise UserError(f"labels: {path} cannot be opened", nearest_name(path)) from None
    words = [line.strip() for line in lines if line.strip()]
    if all(word.lstrip("-").isdecimal() for word in words):
        return np.array([int(word) for word in words], np.int64)
    return np.array(words)
