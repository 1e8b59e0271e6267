"""What a file holds, in the one form that every reader brings it into."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..network.problems import UserError
from .settings import Shape


@dataclass(frozen=True)
class Note:
    """One thing that was found in a file, and what was done about it, in plain words.

    Parameters
    ----------
    text : str
        A sentence for the person at the screen.
    kind : "note" or "warning"
        A warning says that what is seen may differ from what the file's maker meant.
    accept, otherwise : str
        Where the file can be read in another way: the word for `Choice.accept`, and how it is read
        then ("by its q-form").
    about : str
        Of several files, the one that it is about; see `notes.joined`.
    """

    text: str
    kind: Literal["note", "warning"] = "note"
    accept: str = ""
    otherwise: str = ""
    about: str = ""

    def __str__(self) -> str:
        return f"{self.about}: {self.text}" if self.about else self.text


@dataclass(frozen=True, eq=False)
class Contents:
    """What a file holds.

    Parameters
    ----------
    array : array
        The values. Scans are brought to (..., z, y, x), recordings to (ear, t); further axes lead.
        An array that loads lazily (shape, dtype, ndim, indexing) stays lazy.
    rgb : bool or None
        Whether the last axis holds colours; None where the format does not say.
    affine : numpy.ndarray, optional
        Index to world over the array's axes (the colours do not count). The world of a scan is
        (S, P, L): millimetres towards the head's top, the back, the patient's left.
    units, axes : tuple of str, optional
        Of the array's axes.
    notes : tuple of Note
        What was found and done; whoever shows the array shows them too.
    labels : bool
        Whether the values are names of things (a segmentation), not intensities.
    names : mapping
        Of labels and targets: what each value stands for, where the file says so.
    targets : tuple of int
        Of a stack of images: the class of each, where it is known.
    limits : tuple of two floats, optional
        The values to show as black and white, where the file (or the kind of file) says so.
    inverted : bool
        Whether the lowest value is meant to be shown white.
    name : str
        What to call it.
    """

    array: Any
    rgb: bool | None = None
    affine: NDArray[np.float64] | None = None
    units: tuple[str, ...] | None = None
    axes: tuple[str, ...] | None = None
    notes: tuple[Note, ...] = ()
    labels: bool = False
    names: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}))
    targets: tuple[int, ...] = ()
    limits: tuple[float, float] | None = None
    inverted: bool = False
    name: str = ""


@dataclass(frozen=True)
class Header:
    """What a file's beginning says of its array.

    Parameters
    ----------
    shape : tuple of int
        As `Contents.array` will have it.
    rgb : bool or None
        As `Contents.rgb`.
    """

    shape: Shape
    rgb: bool | None = None


class Refusal(UserError):
    """A file that is read only if the user accepts what would be done with it.

    Parameters
    ----------
    what : str
        As for `UserError`, whose fix says how to accept it.
    instead : str
        What would be better: "find the missing files".
    accept : str
        The word that accepts it, for `Choice.accept`, a document's ``accept:`` and ``--accept``.
    to : str
        What for: "read the slices as if evenly spaced".
    then : str
        What is done then: "the slices are read as if evenly spaced".
    """

    def __init__(self, what: str, instead: str, accept: str, to: str, then: str) -> None:
        how = f"accept: {accept} in data:; --accept {accept} on the command line"
        super().__init__(what, f'{instead}, or accept "{accept}" to {to} ({how})')
        self.what, self.instead, self.accept, self.to, self.then = what, instead, accept, to, then

    def __reduce__(self) -> tuple[type, tuple[str, ...]]:
        return type(self), (self.what, self.instead, self.accept, self.to, self.then)


@dataclass(frozen=True)
class Choice:
    """What the user says where a file alone does not tell what to read of it.

    Parameters
    ----------
    series : str, int or None
        Which of several series: its number as the message lists it (from 1), or its identifier.
    accept : frozenset of str
        What may be approximated: the words that messages name, such as "uneven".
    """

    series: str | int | None = None
    accept: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Part:
    """One of the things that a path holds, to be read by itself.

    Parameters
    ----------
    title : str
        What it is, for a list to choose from.
    read : callable
        Reads it; raises what `Reader.read` does.
    series : str
        ``PATH#SERIES`` is this part; empty where the path alone names it.
    """

    title: str
    read: Callable[[], Contents]
    series: str = ""


def _never(path: Path) -> bool:
    return False


@dataclass(frozen=True)
class Reader:
    """How one format is read.

    Parameters
    ----------
    title : str
        Name of the format.
    suffixes : tuple of str
        Endings of its files, in lower case.
    read : callable
        Path and `Choice` to `Contents`; whatever it raises becomes a message about a damaged file.
    look : callable
        Path and `Choice` to `Header`, without decoding the values.
    sniff : callable
        Path to whether a directory, or a file whose suffix no reader has, is of this format.
        It must be quick and must not raise.
    parts : callable, optional
        Path and `Choice` to its `Part` objects, where a path may hold several series.
    """

    title: str
    suffixes: tuple[str, ...]
    read: Callable[[Path, Choice], Contents]
    look: Callable[[Path, Choice], Header]
    sniff: Callable[[Path], bool] = _never
    parts: Callable[[Path, Choice], tuple[Part, ...]] | None = None

    def knows(self, path: Path) -> bool:
        """Whether `path` is one of its files, or a directory that it reads as a whole."""
        if path.is_dir():
            return self.sniff(path)
        return path.name.lower().endswith(self.suffixes) or self.sniff(path)


def damaged(path: Path, title: str, error: Exception) -> UserError:
    """Make a message about a damaged file of whatever its decoder raised."""
    detail = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
    return UserError(
        f"{path} cannot be read: it is damaged, cut short, or not {title} ({detail})",
        "open it elsewhere and save it again",
    )


def needs(package: str, path: Path, what: str, extra: str = "medical") -> Any:
    """Import a package that only some installations have.

    Raises
    ------
    UserError
        If it is not there: says how to install it.

    Examples
    --------
    >>> needs("numpy", Path("head.npy"), "an array").__name__
    'numpy'
    """
    try:
        with warnings.catch_warnings():
            # What packages say of themselves when they are loaded is nothing to the user.
            warnings.simplefilter("ignore")
            return importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package.partition(".")[0]:
            raise
        raise UserError(
            f"{path} is {what}, which needs the package {package}",
            f"pip install 'napari-convnet[{extra}]'",
        ) from None
