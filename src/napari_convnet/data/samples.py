"""Data that ship with the package or with its libraries; nothing is ever downloaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from ..network.problems import UserError, did_you_mean, listed
from .contents import Contents, Note
from .readers import read_contents
from .values import AnyArray

FACE_CLASSES = ("other", "face")
"""Classes of `faces`."""

TISSUES = ("other", "grey matter", "white matter")
"""Classes of the head's labels, by their values."""

ORGANS = (
    "other",
    "bone",
    "muscle",
    "liver",
    "spleen",
    "kidneys",
    "stomach and bowel",
    "bladder",
    "great vessels",
)
"""Classes of the abdomen's labels, by their values."""

RECORDINGS: Mapping[str, str] = MappingProxyType(
    {
        "ambient": "Hums, drones, a choir, a piano: stereo",
        "bass": "Single notes of bass instruments: stereo",
        "beat": "Loops of drums and machines: stereo",
        "sources": "Short strokes, to be put to the left or right: mono",
    }
)
"""Kinds and titles of the recordings that `recordings` loads."""

# Hounsfield units between which soft tissues differ.
_SOFT_TISSUE = (-160.0, 240.0)

# Name -> title and file in scikit-image's own data folder, which its wheels include.
_PHOTOGRAPHS = {
    "astronaut": ("Astronaut, RGB 512x512", "astronaut.png"),
    "brick": ("Brick wall, gray 512x512", "brick.png"),
    "camera": ("Photographer with a camera, gray 512x512", "camera.png"),
    "cat": ("Cat, RGB 300x451", "chelsea.png"),
    "cell": ("Living cell, gray 660x550", "cell.png"),
    "coffee": ("Cup of coffee, RGB 400x600", "coffee.png"),
    "coins": ("Coins, gray 303x384", "coins.png"),
    "grass": ("Grass, gray 512x512", "grass.png"),
    "gravel": ("Gravel, gray 512x512", "gravel.png"),
    "immunohistochemistry": ("Stained tissue, RGB 512x512", "ihc.png"),
    "moon": ("The moon's surface, gray 512x512", "moon.png"),
    "page": ("A scanned page, gray 191x384", "page.png"),
    "rocket": ("A rocket on its pad, RGB 427x640", "rocket.jpg"),
    "text": ("Handwriting, gray 172x448", "text.png"),
}

PHOTOGRAPHS: Mapping[str, str] = MappingProxyType(
    {name: title for name, (title, _) in _PHOTOGRAPHS.items()}
)
"""Names and titles of the photographs that `photograph` loads."""


def sample_path(name: str) -> Path:
    """Find a sample file, in an installed package as in a checkout of the sources.

    Parameters
    ----------
    name : str
        Path below the folder of sample data, such as ``digits/digits.npz``.

    Returns
    -------
    Path

    Raises
    ------
    UserError
        If there is no such file.
    """
    package = Path(str(files("napari_convnet")))
    # A wheel carries the samples inside the package, a checkout beside src/.
    folders = [package / "sample_data", package.parent.parent / "sample_data"]
    for folder in folders:
        if (folder / name).exists():
            return folder / name
    places = listed((str(folder) for folder in folders), "and")
    raise UserError(f"there is no sample {name} in {places}", "install the package again")


def digits() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Load 5,000 handwritten digits, 500 of each, in the order of their classes.

    Returns
    -------
    images : numpy.ndarray
        uint8 (5000, 28, 28).
    labels : numpy.ndarray
        uint8 (5000,).
    """
    with np.load(sample_path("digits/digits.npz"), allow_pickle=False) as archive:
        return archive["images"], archive["labels"]


def faces() -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """Load 100 faces and 100 other pictures (scikit-image's subset of Labeled Faces in the Wild).

    Returns
    -------
    images : numpy.ndarray
        float64 (200, 25, 25), from 0 to 1.
    labels : numpy.ndarray
        uint8 (200,): 1 for a face.
    """
    images = np.load(_bundled("lfw_subset.npy"), allow_pickle=False)
    return images, np.repeat(np.array([1, 0], np.uint8), 100)


def head() -> tuple[Contents, Contents]:
    """Load the head MRI and its tissues; reading it needs nibabel.

    Returns
    -------
    image : Contents
        T1-weighted, uint8 (189, 233, 197), voxels of 1 mm.
    labels : Contents
        In the same place; `Contents.names` are the `TISSUES`.
    """
    image = read_contents(sample_path("mri/head_t1.nii.gz"))
    labels = read_contents(sample_path("mri/head_tissue.nii.gz"))
    told = Note("the head is exactly symmetric: divide it front to back, never left from right")
    return (
        replace(image, name="head", notes=(*image.notes, told)),
        replace(labels, name="head: tissues", names=_named(TISSUES), notes=()),
    )


def abdomen() -> tuple[Contents, Contents]:
    """Load the abdominal CT and its organs; reading it needs nibabel.

    Returns
    -------
    image : Contents
        In Hounsfield units, int16 (112, 101, 122), voxels of 3 mm; to be shown from -160 to 240.
    labels : Contents
        In the same place; `Contents.names` are the `ORGANS`.
    """
    image = read_contents(sample_path("ct/abdomen_ct.nii.gz"))
    labels = read_contents(sample_path("ct/abdomen_organs.nii.gz"))
    told = Note("these labels are the output of a model, not drawn by a person")
    return (
        replace(image, name="abdomen", limits=_SOFT_TISSUE),
        replace(labels, name="abdomen: organs", names=_named(ORGANS), notes=(told,)),
    )


def _named(classes: tuple[str, ...]) -> Mapping[int, str]:
    return MappingProxyType(dict(enumerate(classes)))


def recordings(kind: str) -> tuple[Contents, ...]:
    """Load the recordings of one kind; reading them needs soundfile.

    Parameters
    ----------
    kind : str
        One of `RECORDINGS`.

    Returns
    -------
    tuple of Contents
        In the order of their names: (ear, t), float32, up to 4 s at 22,050 Hz.

    Raises
    ------
    UserError
        If there is none of that kind.
    """
    if kind not in RECORDINGS:
        fix = did_you_mean(kind, RECORDINGS, otherwise=f"write {listed(RECORDINGS)}")
        raise UserError(f"there are no recordings {kind}", fix)
    files = sorted(sample_path(f"audio/{kind}").glob("*.flac"))
    return tuple(read_contents(file) for file in files)


def recording(name: str) -> Contents:
    """Load one recording, such as ``beat/loop_amen``."""
    return read_contents(sample_path(f"audio/{name}.flac"))


def photograph(name: str) -> AnyArray:
    """Load one of the photographs that come with scikit-image.

    Parameters
    ----------
    name : str
        One of `PHOTOGRAPHS`.

    Returns
    -------
    numpy.ndarray
        uint8, (y, x) if gray or (y, x, 3).

    Raises
    ------
    UserError
        If there is none of that name.
    """
    if name not in _PHOTOGRAPHS:
        fix = did_you_mean(name, _PHOTOGRAPHS, otherwise=f"write {listed(_PHOTOGRAPHS)}")
        raise UserError(f"there is no photograph {name}", fix)
    return np.asarray(read_contents(_bundled(_PHOTOGRAPHS[name][1])).array)


def _bundled(file: str) -> Path:
    """Find a file that scikit-image brings along, without its downloader."""
    path = Path(str(files("skimage"))) / "data" / file
    if not path.exists():
        raise UserError(f"this scikit-image came without {file}", "install it from its wheel")
    return path


def bump() -> NDArray[np.float32]:
    """Make the textbook's first signal: eight samples, two of them one.

    Examples
    --------
    >>> bump()
    array([0., 0., 0., 1., 1., 0., 0., 0.], dtype=float32)
    """
    signal = np.zeros(8, np.float32)
    signal[3:5] = 1
    return signal


def line() -> NDArray[np.float32]:
    """Make the textbook's first image: 8x8 pixels, a vertical line two pixels wide.

    Examples
    --------
    >>> line()[0]
    array([0., 0., 0., 1., 1., 0., 0., 0.], dtype=float32)
    """
    return np.tile(bump(), (8, 1))
