"""From a document's ``data:`` to a dataset: shipped samples, folders of images, files of arrays."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..network.problems import UserError
from .dataset import Dataset, as_targets, dataset_from_arrays
from .documents import DataLike, PipelineLike
from .fitting import suggested
from .folders import FileImages, class_names, images_in
from .normalisation import check_normalisation
from .pairs import is_pattern, matches
from .readers import nearest_name, read_contents
from .recorded import are_sounds, from_files
from .settings import Input, Shape, look_up, text_of
from .sources import SOURCES, ScanSource, SoundSource, Source
from .values import AnyArray

IN_MEMORY = 2**30
"""Bytes of inputs up to which a folder is read at once; larger ones are read batch by batch."""


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
    check_one_source(data)
    check_normalisation(data.normalize)
    dataset = _from_source(pipeline, data) if data.source else _from_images(pipeline, data)
    check_size(pipeline, dataset.shape)
    return dataset


def check_one_source(data: DataLike) -> None:
    """Raise if a document names a sample and images of its own."""
    if data.source and data.images:
        raise UserError("data: has both source: and images:", "keep one of them")


def check_size(pipeline: PipelineLike, shape: Shape) -> None:
    """Raise if a network would get images of another form, or of a size at which it cannot run.

    Raises
    ------
    UserError
        Says both sizes and how to fit the images.
    """
    if len(shape) != len(pipeline.input) or pipeline.input[0] not in (None, shape[0]):
        raise UserError(
            f"the data are {text_of(shape)} (channels x sizes), and the network's input is "
            f"{text_of(pipeline.input)}",
            f"give them that form, or change the document's input to {text_of(shape)}",
        )
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
    source = find_source(data)
    if isinstance(source, ScanSource):
        what = f"source: {source.name} has a class for every voxel, not one for the image"
        raise UserError(what, "write task: segment in train:")
    if isinstance(source, SoundSource):
        made = source.load(pipeline.input, data)
        return replace(made, classes=tuple(data.classes) or made.classes)
    no_rate(data)
    images, labels = source.load()
    return dataset_from_arrays(
        images,
        labels,
        tuple(data.classes) or source.classes,
        input=pipeline.input,
        fit=data.fit,
        normalize=data.normalize,
    )


def find_source(data: DataLike) -> Source | ScanSource | SoundSource:
    """Find the sample that a document names, and check that its classes fit."""
    source = look_up(data.source, SOURCES, "source")
    if data.classes and len(data.classes) != len(source.classes):
        count = len(source.classes)
        what = f"source: {source.name} has {count} classes, and classes: names {len(data.classes)}"
        raise UserError(what, "name them all, or leave classes: out")
    return source


def _from_images(pipeline: PipelineLike, data: DataLike) -> Dataset:
    if is_pattern(data.images):
        return _from_pattern(pipeline, data)
    path = images_path(pipeline, data)
    if path.is_dir():
        return _from_folder(path, pipeline.input, data)
    return _from_file(path, pipeline, data)


def images_path(pipeline: PipelineLike, data: DataLike) -> Path:
    """Find the file or folder of images that a document names."""
    path = Path(pipeline.folder or ".") / Path(data.images).expanduser()
    if not path.exists():
        raise UserError(f"images: {path} does not exist", nearest_name(path))
    return path


def _from_pattern(pipeline: PipelineLike, data: DataLike) -> Dataset:
    """Load the files that fit a pattern, in the order of their names, and a file of labels."""
    folder = Path(pipeline.folder or ".")
    paths = [path for _, path in matches(folder, data.images, "images")]
    if not data.labels:
        what = f"images: {data.images} has no labels"
        raise UserError(what, "add labels: and a .npy or text file with one label per image")
    labels = read_labels(labels_path(pipeline, data))
    if len(labels) != len(paths):
        what = f"there are {len(paths)} images and {len(labels)} labels"
        raise UserError(what, "give one label per image, in the order of the files' names")
    kept = [i for i, label in enumerate(labels) if label != data.unlabelled]
    shift = 1 if data.unlabelled == 0 else 0
    targets, classes = as_targets(
        labels[kept] - shift if shift else labels[kept], tuple(data.classes) or None
    )
    return _of_files(folder, [paths[i] for i in kept], targets, classes, pipeline.input, data)


def labels_path(pipeline: PipelineLike, data: DataLike) -> Path:
    """Find the file of labels that a document names."""
    return Path(pipeline.folder or ".") / Path(data.labels).expanduser()


def _from_folder(root: Path, input: Input, data: DataLike) -> Dataset:
    """Load a folder with one folder of images per class."""
    if data.labels:
        raise labels_of_folder()
    classes = class_names(root, data.classes)
    files = [images_in(root / name) for name in classes]
    paths = [path for folder in files for path in folder]
    targets = np.repeat(np.arange(len(classes)), [len(folder) for folder in files])
    return _of_files(root, paths, targets, classes, input, data)


def _of_files(
    root: Path,
    paths: list[Path],
    targets: NDArray[np.int64],
    classes: tuple[str, ...],
    input: Input,
    data: DataLike,
) -> Dataset:
    if are_sounds(paths):
        return from_files(root, paths, targets.tolist(), classes, input, data)
    no_rate(data)
    images = FileImages.of(root, paths, input, data.fit, data.accept)
    names = images.names
    small = prod(images.shape) * np.dtype(np.float32).itemsize <= IN_MEMORY
    return Dataset(images[:] if small else images, targets, classes, names, data.normalize)


def no_rate(data: DataLike) -> None:
    """Raise if what is no recording is to have a sampling rate."""
    if data.rate is not None:
        what = f"rate: {data.rate:g} is for recordings, and these are none"
        raise UserError(what, "leave rate: out, or name WAV, FLAC or OGG files in images:")


def labels_of_folder() -> UserError:
    """Make an error about labels where folders are the labels."""
    what = "labels: is given, but in a folder of images the folders are the labels"
    return UserError(what, "leave labels: out")


def _from_file(path: Path, pipeline: PipelineLike, data: DataLike) -> Dataset:
    """Load a file that holds a stack of images, and the labels beside it."""
    no_rate(data)
    if path.suffix.lower() == ".npz":
        images, labels = read_npz(path)
    else:
        images, labels = read_contents(path, accept=data.accept).array, None
    if data.labels:
        labels = read_labels(labels_path(pipeline, data))
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


def read_npz(path: Path) -> tuple[AnyArray, AnyArray | None]:
    """Read the arrays ``images`` and ``labels`` of an archive."""
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
