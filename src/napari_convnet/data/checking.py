"""What is wrong with a document's data, as far as it shows without reading an image."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from ..network.problems import UserError
from .augmentation import augmentations
from .documents import DataLike, PipelineLike
from .fitting import target_size
from .folders import class_names
from .gathering import labels_given, scans_source, whole_images
from .loading import (
    check_one_source,
    find_source,
    images_path,
    labels_of_folder,
    labels_path,
    no_rate,
)
from .normalisation import check_normalisation
from .pairs import find_pairs, is_pattern, matches
from .readers import check_file
from .sources import SOURCES, SoundSource


def data_problems(pipeline: PipelineLike) -> Iterator[tuple[str, UserError]]:
    """Find what is wrong with a document's data, as far as it shows without reading an image.

    Parameters
    ----------
    pipeline : Pipeline
        With ``input``, ``data``, ``augment``, ``train`` and ``folder``.

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
        yield "data.source", partial(find_source, data)
        yield "data.rate", partial(_check_rate, data)
    yield "data.images", partial(check_one_source, data)
    if pipeline.train.task == "classify":
        yield from _checks_of_classes(pipeline, data)
    else:
        yield from _checks_of_scans(pipeline, data)


def _checks_of_classes(
    pipeline: PipelineLike, data: DataLike
) -> Iterator[tuple[str, Callable[[], Any]]]:
    yield "data", partial(whole_images, data)
    if data.images:
        yield "data.images", partial(_check_images, pipeline, data)
    if data.labels:
        yield "data.labels", partial(_check_labels, pipeline, data)


def _checks_of_scans(
    pipeline: PipelineLike, data: DataLike
) -> Iterator[tuple[str, Callable[[], Any]]]:
    if data.source:
        yield "data.source", partial(scans_source, pipeline, data)
    if data.images:
        yield "data.images", partial(labels_given, pipeline, data)
        folder = Path(pipeline.folder or ".")
        yield "data.images", partial(find_pairs, folder, data.images, data.labels)


def _check_rate(data: DataLike) -> None:
    if not isinstance(SOURCES.get(data.source), SoundSource | None):
        no_rate(data)


def _check_images(pipeline: PipelineLike, data: DataLike) -> None:
    if is_pattern(data.images):
        matches(Path(pipeline.folder or "."), data.images, "images")
        return
    path = images_path(pipeline, data)
    if path.is_dir():
        class_names(path, data.classes)


def _check_labels(pipeline: PipelineLike, data: DataLike) -> None:
    if data.images and (Path(pipeline.folder or ".") / Path(data.images).expanduser()).is_dir():
        raise labels_of_folder()
    check_file(labels_path(pipeline, data))
