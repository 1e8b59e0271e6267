"""Which rows are unfolded; kept while the rows are edited."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher

from napari_convnet.document import Row
from napari_convnet.network import RowPath

BLOCKS: RowPath = ("#blocks",)
"""Path of the title above the blocks."""

INNER = "@"
"""Step of a path that leads from a row into the layers that it makes."""

_OPEN_AT_FIRST = ("res", "add", "cat", "side", "group")
_MOST = 200
"""Rows up to which the structures of a document are unfolded at first."""


class Folds:
    """Which rows are unfolded, by their paths.

    Structures are unfolded at first; blocks, and the layers that a row makes, are folded.

    Examples
    --------
    >>> folds = Folds()
    >>> folds.is_open((1,), "cat"), folds.is_open((2,), "line")
    (True, False)
    >>> folds.set((1,), False)
    >>> folds.is_open((1,), "cat")
    False
    """

    def __init__(self) -> None:
        self._said: dict[RowPath, bool] = {}
        self._rows: tuple[tuple[RowPath, str], ...] = ()

    def is_open(self, path: RowPath, kind: str) -> bool:
        """Whether a row is unfolded."""
        return self._said.get(path, kind == "title" or kind in _OPEN_AT_FIRST)

    def set(self, path: RowPath, open: bool) -> None:
        """Fold or unfold a row."""
        self._said[path] = open

    def set_all(self, paths: Iterable[RowPath], open: bool) -> None:
        """Fold or unfold many rows."""
        self._said.update(dict.fromkeys(paths, open))

    def follow(self, rows: Sequence[Row]) -> None:
        """Take over the rows of a document as it is now: what stays the same stays unfolded."""
        before, self._rows = self._rows, tuple((row.path, row.text) for row in rows)
        if not self._said or before == self._rows:
            return
        now = dict(_same_rows(before, self._rows))
        said, self._said = self._said, {}
        for path, open in said.items():
            own = path[: path.index(INNER)] if INNER in path else path
            if own in now:
                self._said[(*now[own], *path[len(own) :])] = open
            elif own == BLOCKS:
                self._said[path] = open


def _same_rows(
    old: Sequence[tuple[RowPath, str]], new: Sequence[tuple[RowPath, str]]
) -> Iterable[tuple[RowPath, RowPath]]:
    """Pairs of old and new paths of rows that are the same, or only say something else."""
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    yield from ((path, path) for path, _ in old[:head])
    a = [(len(path), text) for path, text in old[head:]]
    b = [(len(path), text) for path, text in new[head:]]
    if len(a) * len(b) > _MOST * _MOST:
        return
    for tag, i, j, k, m in SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if tag == "equal" or (tag == "replace" and j - i == m - k == 1):
            for one, other in zip(old[head + i : head + j], new[head + k : head + m], strict=True):
                yield one[0], other[0]
