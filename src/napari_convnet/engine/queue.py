"""The queue in which the latest request wins."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")


class LatestQueue(Generic[Item]):
    """First come, first served; but an item replaces the waiting one with the same key.

    The newcomer takes the place in line of the one that it replaces, so that nobody who asks
    again and again falls behind, nor gets ahead. Items whose key is None replace nothing.

    Examples
    --------
    >>> waiting = LatestQueue()
    >>> waiting.add("preview", "slice 1"), waiting.add(None, "predict")
    (None, None)
    >>> waiting.add("preview", "slice 2")
    'slice 1'
    >>> list(waiting)
    ['slice 2', 'predict']
    """

    def __init__(self) -> None:
        self._items: list[tuple[Hashable, Item]] = []

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Item]:
        return (item for _, item in self._items)

    def add(self, key: Hashable, item: Item) -> Item | None:
        """Add an item; return the one that it replaces, if any."""
        place = self._find(key)
        if place is None:
            self._items.append((key, item))
            return None
        _, replaced = self._items[place]
        self._items[place] = (key, item)
        return replaced

    def put_back(self, key: Hashable, item: Item) -> bool:
        """Return an item to the head of the line, unless a later one has its key."""
        if self._find(key) is not None:
            return False
        self._items.insert(0, (key, item))
        return True

    def take(self) -> Item:
        """Remove and return the first item."""
        return self._items.pop(0)[1]

    def remove(self, item: Item) -> bool:
        """Remove an item; return whether it was waiting."""
        for place, (_, other) in enumerate(self._items):
            if other is item:
                del self._items[place]
                return True
        return False

    def clear(self) -> list[Item]:
        """Remove and return all items."""
        items, self._items = list(self), []
        return items

    def _find(self, key: Hashable) -> int | None:
        if key is None:
            return None
        return next((n for n, (other, _) in enumerate(self._items) if other == key), None)
