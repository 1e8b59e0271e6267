"""Arrays of maps that are not there: they give what is known and NaN for the rest, and ask for it.

napari reads them on the window's thread, so nothing is computed when they are indexed.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from napari_convnet.engine.regions import Wanted
from napari_convnet.maps import Box, montage
from napari_convnet.maps.indexing import select
from napari_convnet.network import UserError

Array = NDArray[np.float32]

MOST_VALUES = 2**24
"""Values that are looked at together; an index that needs more shows nothing."""

MOST_ARRAY = 2**30
"""Bytes of maps that are computed at once for those who want a plain array of them."""

MOST_STEPS = {1: (2**18,), 2: (2048, 2048), 3: (2**62, 2048, 2048)}
"""Most values along each axis of a map that is seen flat, by its number of axes."""

MOST_SOLID = 256
"""Most values along each axis of a volume that is seen in 3-D."""

MOST_PICTURE = 2048
"""Most pixels along a side of a montage."""

UNFINISHED = -1
"""Age of a part of which there are some slices only."""

_tokens = count(1)


class Values:
    """Parts of arrays up to so many bytes; the least recently used go first.

    Parameters
    ----------
    most_bytes : int
        What all of them together may take.
    """

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self._parts: OrderedDict[tuple[int, Box], tuple[Array, int]] = OrderedDict()

    @property
    def bytes(self) -> int:
        """Memory that they take."""
        return sum(array.nbytes for array, _ in self._parts.values())

    def find(self, token: int, part: Box) -> tuple[Array, int] | None:
        """Give a part of an array, and the age of the values that it is of."""
        found = self._parts.get((token, part))
        if found is not None:
            self._parts.move_to_end((token, part))
        return found

    def put(self, token: int, part: Box, array: Array, age: int) -> None:
        """Keep a part; the latest is kept however large it is."""
        self._parts.pop((token, part), None)
        self._parts[token, part] = (array, age)
        while len(self._parts) > 1 and self.bytes > self.most_bytes:
            self._parts.popitem(last=False)

    def keep_only(self, token: int, part: Box | None) -> None:
        """Forget all parts of an array but one."""
        for key in [key for key in self._parts if key[0] == token and key[1] != part]:
            del self._parts[key]


class Asked(Protocol):
    """Who is asked for what is not there."""

    @property
    def values(self) -> Values:
        """What is there."""

    @property
    def solid(self) -> bool:
        """Whether the viewer shows volumes."""

    def ask(self, array: LazyArray, part: Box) -> None:
        """Ask for a part of an array; it will be there later."""

    def whole(self, layer: str) -> NDArray[np.float32]:
        """Compute all maps of a layer, and wait for them."""


@dataclass(eq=False)
class Look:
    """What the middle of a layer's maps looks like, as far as that is known.

    Parameters
    ----------
    limits : (float, float)
        Values that the colours span.
    each : ndarray or None
        The same for each map, (C, 2); None as long as nobody has looked.
    dead : tuple of int
        Maps that are constant.
    """

    limits: tuple[float, float] = (0.0, 1.0)
    each: NDArray[np.float64] | None = None
    dead: tuple[int, ...] = ()


@dataclass(eq=False)
class LazyArray:
    """The maps of a layer, (C, further axes of one step, *spatial), float32.

    Indexing it gives the values that are there, or NaN, and asks for them. As a whole it is
    computed exactly (`__array__`), or refused where that is too much.

    Parameters
    ----------
    owner : Asked
        Who is asked.
    layer : str
        Name of the network layer.
    full : tuple of int
        (C, *spatial) of the layer.
    steps : tuple of int
        Every how many values are shown, per spatial axis.
    """

    owner: Asked
    layer: str
    full: tuple[int, ...]
    steps: tuple[int, ...]
    look: Look = field(default_factory=Look)
    token: int = field(default_factory=lambda: next(_tokens))
    age: int = 0
    last: Box | None = None
    extra: int = 0
    montage: LazyPictures | None = None

    dtype = np.dtype(np.float32)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of what is shown."""
        sizes = (len(self.rows(axis)) for axis in range(len(self.steps)))
        return (self.full[0], *(1,) * self.extra, *sizes)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return 1 + self.extra + len(self.steps)

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Memory that all values would take."""
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"<maps of {self.layer}: {self.shape}, {self.dtype}>"

    def rows(self, axis: int) -> range:
        """Give the places of the layer that are shown along a spatial axis."""
        step = self.steps[axis]
        return range(step // 2, self.full[axis + 1], step)

    @property
    def place(self) -> NDArray[np.float64]:
        """Matrix from the spatial indices of what is shown to those of the layer."""
        rank = len(self.steps)
        matrix = np.diag((*map(float, self.steps), 1.0))
        matrix[:rank, rank] = [step // 2 for step in self.steps]
        return matrix

    def reshape(self, *shape: int) -> LazyArray:
        """Have as many axes of one step behind the first as `shape` has."""
        self.extra = len(shape) - 1 - len(self.steps)
        return self

    def renew(self) -> None:
        """The values have changed: what is in sight stays until the new ones are there."""
        self.age += 1
        self.look.each = None
        self.owner.values.keep_only(self.token, self.last)

    # ------------------------------------------------------------ reading
    def __getitem__(self, key: Any) -> Any:
        """Give what is there; NaN, and ask, where it is not."""
        wanted = select(key, self.shape)
        sizes = [hi - lo for lo, hi in wanted.box]
        if wanted.empty:
            return np.empty(sizes, self.dtype)[wanted.index]
        return self._part(wanted.box)[wanted.index]

    def _part(self, part: Box) -> Array:
        sizes = tuple(hi - lo for lo, hi in part)
        if math.prod(sizes) > MOST_VALUES:
            # In 3-D napari would copy all of it to draw nothing.
            return nothing((1,) * len(sizes) if self.owner.solid else sizes)
        found = self.owner.values.find(self.token, part)
        self.last = part
        if found is None or found[1] != self.age:
            self.owner.ask(self, part)
        if found is not None:
            return found[0]
        return nothing((1,) * len(sizes) if self.owner.solid else sizes)

    def wanted(self, part: Box) -> Wanted:
        """Say what a part is to the engine."""
        channels, within = part[0], part[1 + self.extra :]
        ranges = [self.rows(axis)[lo:hi] for axis, (lo, hi) in enumerate(within)]
        box = tuple((each[0], each[-1] + 1) for each in ranges)
        steps = self.steps if any(step > 1 for step in self.steps) else ()
        return Wanted(
            self.token, self.layer, box, channels, steps=steps, look=self.look.each is None
        )

    def arrived(self, part: Box, start: int, array: Array) -> bool:
        """Put values of a part, all of it or slices from the row `start`; say whether it is all."""
        sizes = tuple(hi - lo for lo, hi in part)
        array = array.reshape(array.shape[0], *(1,) * self.extra, *array.shape[1:])
        if array.shape == sizes:
            self.owner.values.put(self.token, part, array, self.age)
            return True
        found = self.owner.values.find(self.token, part)
        whole = np.array(nothing(sizes)) if found is None or found[1] != UNFINISHED else found[0]
        row = 1 + self.extra
        stop = start + array.shape[row]
        whole[(slice(None),) * row + (slice(start, stop),)] = array
        complete = bool(stop == sizes[row])
        self.owner.values.put(self.token, part, whole, self.age if complete else UNFINISHED)
        return complete

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("maps are computed: there is no array to share")
        check_size(self.layer, 4 * math.prod(self.full))
        index = (slice(None), *(slice(step // 2, None, step) for step in self.steps))
        return np.asarray(self.owner.whole(self.layer)[index].reshape(self.shape), dtype=dtype)

    def pictures(self, gap: int) -> LazyPictures:
        """Give the montages of all slices of these maps."""
        if self.montage is None or self.montage.gap != gap:
            self.montage = LazyPictures(
                self.owner, self.layer, self.full, self.steps, look=self.look, gap=gap
            )
        return self.montage


@dataclass(eq=False)
class LazyPictures(LazyArray):
    """Montages of the slices of maps: (further axes of one step, z, rows, columns), float32.

    Parameters
    ----------
    gap : int
        Pixels between the maps.
    """

    gap: int = 1

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of what is shown."""
        return (*(1,) * self.extra, len(self.rows(0)), *self.picture)

    @cached_property
    def picture(self) -> tuple[int, ...]:
        """Shape of one montage."""
        sizes = (len(self.rows(axis)) for axis in (1, 2))
        return montage(nothing((self.full[0], *sizes)), gap=self.gap).shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.extra + 3

    def reshape(self, *shape: int) -> LazyPictures:
        """Have as many axes of one step before the others as `shape` has."""
        self.extra = len(shape) - 3
        return self

    def _part(self, part: Box) -> Array:
        first, last = part[self.extra]
        whole = tuple((0, n) for n in self.shape[self.extra + 1 :])
        if last - first == 1 and part[self.extra + 1 :] == whole and not self.owner.solid:
            return super()._part(part)
        sizes = tuple(hi - lo for lo, hi in part)
        return nothing((1,) * len(sizes) if self.owner.solid else sizes)

    def wanted(self, part: Box) -> Wanted:
        """Say what a part is to the engine."""
        row = self.rows(0)[part[self.extra][0]]
        across = (self.rows(axis) for axis in (1, 2))
        box = ((row, row + 1), *((each[0], each[-1] + 1) for each in across))
        return Wanted(
            self.token,
            self.layer,
            box,
            (0, self.full[0]),
            steps=self.steps,
            gap=self.gap,
            look=self.look.each is None,
        )

    def arrived(self, part: Box, start: int, array: Array) -> bool:
        """Put the picture of a slice."""
        array = array.reshape(*(hi - lo for lo, hi in part))
        self.owner.values.put(self.token, part, array, self.age)
        return True

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("maps are computed: there is no array to share")
        check_size(self.layer, max(4 * math.prod(self.full), self.nbytes))
        maps = self.owner.whole(self.layer)
        across = (slice(step // 2, None, step) for step in self.steps[1:])
        maps = maps[(slice(None), slice(None), *across)]
        pictures = [montage(maps[:, z], gap=self.gap) for z in range(maps.shape[1])]
        return np.asarray(np.stack(pictures).reshape(self.shape), dtype=dtype)


def nothing(shape: tuple[int, ...]) -> Array:
    """Give NaN of a shape, in the memory of one."""
    return np.broadcast_to(np.float32(np.nan), shape)


def check_size(layer: str, nbytes: int) -> None:
    """Refuse what is too large for one array.

    Raises
    ------
    UserError
        Says how large it is.
    """
    if nbytes > MOST_ARRAY:
        raise UserError(
            f"all maps of {layer} take {nbytes / 2**30:.1f} GB as one array",
            "look at slices, or compute parts in a script: feature_maps(...) takes any index",
        )


def flat_steps(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Choose every how many values of (C, *spatial) are shown where maps are seen flat."""
    return tuple(map(_step, shape[1:], MOST_STEPS[len(shape) - 1]))


def solid_steps(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Choose every how many values of (C, z, y, x) are shown where volumes are seen in 3-D."""
    return tuple(_step(n, MOST_SOLID) for n in shape[1:])


def picture_steps(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Choose every how many values of the slices of (C, z, y, x) a montage shows."""
    step = 1
    while True:
        sizes = tuple(-(-n // step) for n in shape[2:])
        picture = montage(nothing((shape[0], *sizes)))
        if max(picture.shape) <= MOST_PICTURE or max(sizes) == 1:
            return (1, step, step)
        step += 1


def _step(n: int, most: int) -> int:
    return -(-n // most)
