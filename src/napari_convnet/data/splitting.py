"""Splitting: which images are trained on, which choose the best state, which are kept for the end.

The split is a pure function of (targets, fractions, seed): the same on every machine, so that a run
that is resumed or evaluated later never meets its own training images as test images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..network.problems import UserError, listed

Indices = NDArray[np.int64]

# First word of every sequence of random numbers: what it is for, so that no two share one.
_SPLIT, _FILES = 1, 6


class _Labelled(Protocol):
    @property
    def targets(self) -> Indices: ...

    @property
    def classes(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, eq=False)
class Split:
    """Indices of the images in each part, in ascending order; parts do not overlap.

    Parameters
    ----------
    train, validation, test : numpy.ndarray
        int64; empty where the part has no share.
    """

    train: Indices
    validation: Indices
    test: Indices


def split(data: _Labelled | ArrayLike, fractions: Sequence[float], seed: int) -> Split:
    """Divide images into train, validation and test, each class in the same proportions.

    Parameters
    ----------
    data : Dataset or sequence of int
        A dataset, whose `groups` are not divided; or the class of each image.
    fractions : sequence of float
        Shares of train, validation and test (or of train and test) in any unit.
    seed : int
        Another seed gives another split.

    Returns
    -------
    Split
        Every image in exactly one part; per class each part's count is its share rounded up or
        down, except that no part with a share goes without a class that has enough images.

    Raises
    ------
    UserError
        If a class has one image only, which cannot be both trained on and tested.

    Examples
    --------
    >>> parts = split([0] * 10 + [1] * 10, (80, 20), seed=1)
    >>> len(parts.train), len(parts.validation), len(parts.test)
    (16, 0, 4)
    """
    targets = np.asarray(getattr(data, "targets", data), np.int64)
    groups = getattr(data, "groups", None)
    shares = _shares(fractions)
    parts: list[list[Indices]] = [[], [], []]
    for kind, members in _kinds(targets, groups):
        if len(members) == 1 and np.count_nonzero(shares) > 1:
            raise _single(getattr(data, "classes", ()), kind, groups is not None)
        members = members[permutation(len(members), _SPLIT, seed, *kind)]
        ends = np.cumsum(_counts(len(members), shares))
        for part, piece in zip(parts, np.split(members, ends[:-1]), strict=True):
            part.append(piece)
    found = [_joined(part) for part in parts]
    if groups is not None:
        found = [np.flatnonzero(np.isin(groups, part)) for part in found]
    return Split(*found)


def _kinds(targets: Indices, groups: Indices | None) -> list[tuple[tuple[int, ...], Indices]]:
    """List what is divided in the same proportions: the images of each class.

    Where images form groups, it is the groups that are divided: those of the same classes.
    """
    if groups is None:
        labels = np.unique(targets).tolist()
        return [((label,), np.flatnonzero(targets == label)) for label in labels]
    kinds: dict[tuple[int, ...], list[int]] = {}
    for group in np.unique(groups).tolist():
        kinds.setdefault(tuple(np.unique(targets[groups == group]).tolist()), []).append(group)
    return [(kind, np.array(members)) for kind, members in sorted(kinds.items())]


def split_files(count: int, fractions: Sequence[float], seed: int) -> Split | None:
    """Divide files, whatever they hold; None where there are fewer than parts with a share."""
    shares = _shares(fractions)
    if count < np.count_nonzero(shares):
        return None
    order = permutation(count, _FILES, seed)
    ends = np.cumsum(_counts(count, shares))
    return Split(*(np.sort(piece) for piece in np.split(order, ends[:-1])))


def permutation(count: int, *words: int) -> Indices:
    """Shuffle range(count) by the numbers in `words`, for ever the same.

    The raw output of a bit generator is what numpy promises never to change; shuffling methods
    are not.
    """
    # Negative seeds are allowed in documents, not in seed sequences.
    entropy = [word % 2**64 for word in words]
    keys = np.random.PCG64(np.random.SeedSequence(entropy)).random_raw(count)
    return np.argsort(keys, kind="stable").astype(np.int64)


def _shares(fractions: Sequence[float]) -> NDArray[np.float64]:
    given = [float(fraction) for fraction in fractions]
    if len(given) == 2:
        given.insert(1, 0.0)
    shares = np.array(given)
    if len(given) != 3 or not np.isfinite(shares).all() or (shares < 0).any() or not shares.any():
        wrong = "/".join(f"{fraction:g}" for fraction in given)
        raise UserError(f"split {wrong} is not two or three shares", "write 70/15/15 or 80/20")
    scaled: NDArray[np.float64] = shares / shares.sum()
    return scaled


def _counts(count: int, shares: NDArray[np.float64]) -> NDArray[np.int64]:
    """Divide `count` by largest remainders, then give every part with a share its first image."""
    exact = np.round(shares * count, 9)
    counts = np.floor(exact).astype(np.int64)
    left = count - int(counts.sum())
    # Stable: of equal remainders the earlier part, training first, gets the image.
    counts[np.argsort(-(exact - counts), kind="stable")[:left]] += 1
    for part in np.flatnonzero(shares):
        richest = int(np.argmax(counts))
        if counts[part] == 0 and counts[richest] > 1:
            counts[part] += 1
            counts[richest] -= 1
    return counts


def _joined(pieces: list[Indices]) -> Indices:
    return np.sort(np.concatenate(pieces)) if pieces else np.empty(0, np.int64)


def _single(classes: Sequence[str], kind: Sequence[int], grouped: bool) -> UserError:
    names = [classes[label] if label < len(classes) else str(label) for label in kind]
    called = f"{'class' if len(names) == 1 else 'classes'} {listed(names, 'and')}"
    one = "recording" if grouped else "image"
    return UserError(
        f"{called} {'has' if len(names) == 1 else 'have'} one {one}, which cannot be both trained "
        "on and tested",
        f"add {one}s to the class, or leave it out",
    )
