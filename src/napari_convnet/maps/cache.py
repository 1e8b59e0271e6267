"""Parts of maps that were computed before: those that nobody wants, the least recent first, go."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Hashable, Iterator, Sequence
from threading import Lock
from typing import TYPE_CHECKING

from .regions import Box, covers

if TYPE_CHECKING:
    from napari_convnet.model import Patch

DEFAULT_BYTES = 256 * 2**20


class PatchCache:
    """Patches by name and box, up to so many bytes.

    Parameters
    ----------
    most_bytes : int
        What all of them together may take; a larger one is not kept.
    """

    def __init__(self, most_bytes: int = DEFAULT_BYTES) -> None:
        self.most_bytes = most_bytes
        self._patches: OrderedDict[tuple[Hashable, Box], Patch] = OrderedDict()
        self._boxes: dict[Hashable, list[Box]] = {}
        self._wanted: OrderedDict[Hashable, list[tuple[Hashable, Box]]] = OrderedDict()
        self._wanting: Counter[tuple[Hashable, Box]] = Counter()
        self._bytes = 0
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._patches)

    def __iter__(self) -> Iterator[tuple[Hashable, Box]]:
        return iter(list(self._patches))

    @property
    def bytes(self) -> int:
        """Memory that the patches take."""
        return self._bytes

    def find(self, name: Hashable, box: Box) -> Patch | None:
        """Find a patch that covers a box, and count it as used."""
        with self._lock:
            key = (name, box) if (name, box) in self._patches else self._covering(name, box)
            if key is None:
                return None
            self._patches.move_to_end(key)
            return self._patches[key]

    def put(self, name: Hashable, patch: Patch) -> None:
        """Keep a patch; those that it covers go, then the least recently used ones.

        One that is not wanted is not kept where only such that are would make room.
        """
        size = _bytes(patch)
        if size > self.most_bytes:
            return
        with self._lock:
            if self._covering(name, patch.box) is not None:
                return
            for box in [box for box in self._boxes.get(name, ()) if covers(patch.box, box)]:
                self._drop((name, box))
            if not self._make_room(size, (name, patch.box) in self._wanting):
                return
            self._patches[name, patch.box] = patch
            self._boxes.setdefault(name, []).append(patch.box)
            self._bytes += size

    def want(self, owner: Hashable, parts: Sequence[tuple[Hashable, Box]]) -> None:
        """Say which patches the next computation of some kind begins with.

        They outlast all others. Where there are too many, those go first that were wanted first, of
        these the last ones.

        Parameters
        ----------
        owner : hashable
            The kind of computation; what it wanted before, it wants no longer.
        parts : sequence of (hashable, Box)
            Names and boxes of patches, there or to come; those most worth keeping first.
        """
        with self._lock:
            for key in self._wanted.pop(owner, ()):
                self._want_less(key)
            if parts:
                self._wanted[owner] = list(parts)
                self._wanting.update(parts)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._patches.clear()
            self._boxes.clear()
            self._wanted.clear()
            self._wanting.clear()
            self._bytes = 0

    def _covering(self, name: Hashable, box: Box) -> tuple[Hashable, Box] | None:
        found = (kept for kept in reversed(self._boxes.get(name, ())) if covers(kept, box))
        kept = next(found, None)
        return None if kept is None else (name, kept)

    def _make_room(self, size: int, is_wanted: bool) -> bool:
        for _ in range(len(self._patches)):
            if self._bytes + size <= self.most_bytes:
                return True
            key = next(iter(self._patches))
            if key in self._wanting:
                # Not to be passed again next time.
                self._patches.move_to_end(key)
            else:
                self._drop(key)
        while is_wanted and self._wanted and self._bytes + size > self.most_bytes:
            self._release()
        return self._bytes + size <= self.most_bytes

    def _release(self) -> None:
        """Give up the patch that is wanted least."""
        owner, parts = next(iter(self._wanted.items()))
        key = parts.pop()
        if not parts:
            del self._wanted[owner]
        self._want_less(key)
        if key not in self._wanting and key in self._patches:
            self._drop(key)

    def _want_less(self, key: tuple[Hashable, Box]) -> None:
        self._wanting[key] -= 1
        if not self._wanting[key]:
            del self._wanting[key]

    def _drop(self, key: tuple[Hashable, Box]) -> None:
        name, box = key
        boxes = self._boxes[name]
        boxes.remove(box)
        if not boxes:
            del self._boxes[name]
        self._bytes -= _bytes(self._patches.pop(key))


def _bytes(patch: Patch) -> int:
    # A view keeps all of what it is a view of.
    return int(patch.data.untyped_storage().nbytes())
