"""Whether a layer still holds what its file does, and whether it has changed since."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from napari_convnet.data.orientation import Turn

from .source import world_matrix


class LayerChanges:
    """Counts the changes of the layers of a viewer, from when it is made."""

    def __init__(self, viewer: Any) -> None:
        from napari.layers import Labels

        self._layers = viewer.layers
        self._counts: WeakKeyDictionary[Any, int] = WeakKeyDictionary()
        self._edits: WeakKeyDictionary[Any, int] = WeakKeyDictionary()
        for layer in self._layers:
            # What was painted before is not known.
            self._follow(layer, 1 if isinstance(layer, Labels) else 0)
        self._layers.events.inserted.connect(self._inserted)

    def close(self) -> None:
        """Follow no longer."""
        self._layers.events.inserted.disconnect(self._inserted)
        for layer in list(self._counts):
            for emitter, callback in self._events(layer):
                emitter.disconnect(callback)
        self._counts.clear()
        self._edits.clear()

    def count(self, layer: Any) -> int:
        """Count the changes of a layer's values."""
        return self._counts.get(layer, 1)

    def version(self, layer: Any) -> tuple[int, ...]:
        """Give numbers that change with every change of a layer's values, and with nothing else.

        Unlike `count` they do not tell of another slice being drawn; and they do of a stroke that
        is still being painted.
        """
        return (self._edits.get(layer, 0), *(len(part) for part in _history(layer)))

    def file_of(self, layer: Any) -> Path | None:
        """Give the file that a layer came from, if that holds the same values in the same place."""
        path = layer.metadata.get("path") or layer.source.path
        if not path or self.count(layer) or not Path(path).is_file():
            return None
        placed = _place_in_file(layer)
        return Path(path) if np.allclose(world_matrix(layer), placed) else None

    def _inserted(self, event: Any) -> None:
        if event.value not in self._counts:
            self._follow(event.value, 0)

    def _follow(self, layer: Any, count: int) -> None:
        self._counts[layer] = count
        for emitter, callback in self._events(layer):
            emitter.connect(callback)

    def _events(self, layer: Any) -> list[tuple[Any, Any]]:
        events = layer.events
        pairs = [(events.data, self._changed)]
        if hasattr(events, "paint"):
            pairs += [(events.paint, self._changed), (events.set_data, self._shown)]
        return pairs

    def _changed(self, event: Any) -> None:
        layer = event.source
        self._counts[layer] = self._counts.get(layer, 0) + 1
        self._edits[layer] = self._edits.get(layer, 0) + 1

    def _shown(self, event: Any) -> None:
        """Count what may be an undone stroke: napari tells no more than that it draws anew."""
        layer = event.source
        if self._counts.get(layer):
            self._counts[layer] += 1


def _history(layer: Any) -> tuple[Any, ...]:
    """Give the strokes of a labels layer: to be undone, to be done again, and under way.

    No event of napari tells that one was undone, nor that one goes on.
    """
    names = ("_undo_history", "_redo_history", "_staged_history")
    return tuple(getattr(layer, name, ()) for name in names)


def painting(layer: Any) -> bool:
    """Whether a stroke is under way, which may still be given up."""
    return len(_history(layer)[-1]) > 0


def turn_of(layer: Any) -> Turn | None:
    """Give how the axes of a layer's file were turned for it; None where that is not known."""
    order, flips = layer.metadata.get("order"), layer.metadata.get("flips")
    return None if order is None or flips is None else Turn(tuple(order), tuple(flips))


def _place_in_file(layer: Any) -> Any:
    """Give the place in the world that a layer's file has for it."""
    turn, affine = turn_of(layer), layer.metadata.get("file_affine")
    if turn is None or affine is None:
        return np.eye(layer.ndim + 1)
    return turn.affine(affine, file_shape(layer.data.shape, turn))


def file_shape(shape: tuple[int, ...], turn: Turn) -> tuple[int, ...]:
    """Give the shape that an array has in its file."""
    sizes = list(shape)
    for new, old in enumerate(turn.order):
        sizes[old] = shape[new]
    return tuple(sizes)


def as_in_file(array: Any, turn: Turn) -> Any:
    """Bring an array back into the order and direction of the axes of a file."""
    index = tuple(slice(None, None, -1 if flip else 1) for flip in turn.flips)
    return np.asarray(array)[index].transpose(np.argsort(turn.order))
