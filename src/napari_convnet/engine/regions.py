"""Jobs about maps that are too large to be sent whole: the parts that are looked at.

The maps, with the chunks that were computed, live in the worker from one job to the next.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .control import Token
from .look import Look

if TYPE_CHECKING:
    from ..data import Sample
    from ..maps import Box, FeatureMap, FeatureMaps, ForeignMaps
    from ..model import ConvNet

VALUES = 2**22
"""Values of a map that are thinned together."""

SECONDS = 1.0
"""Thinning stops after these, and goes on when it is asked for the rest: others get their turn."""


@dataclass(frozen=True, eq=False)
class Large:
    """The maps of a layer that are too large to be sent whole.

    Parameters
    ----------
    layer : str
        Name of the layer.
    shape : tuple of int
        (C, *spatial).
    affine : ndarray
        (rank + 1) square, from the maps' spatial indices to the world.
    """

    layer: str
    shape: tuple[int, ...]
    affine: NDArray[np.float64]


@dataclass(frozen=True)
class Wanted:
    """A part that is looked at.

    Parameters
    ----------
    token : int
        Who asks; the answer bears it.
    layer : str
        Name of the layer.
    box : Box
        Which part, a range per spatial axis.
    channels : (int, int)
        Which maps.
    steps : tuple of int
        Every how many values of the part are wanted, per spatial axis; empty for all.
    start : int
        Rows of the part, in steps, that are there already.
    gap : int or None
        Pixels between the maps of a montage of the first slice of the part; None for no montage.
    look : bool
        Whether to look at the middle, too, for the colours.
    """

    token: int
    layer: str
    box: Box
    channels: tuple[int, int]
    steps: tuple[int, ...] = ()
    start: int = 0
    gap: int | None = None
    look: bool = False


@dataclass(frozen=True, eq=False)
class Region:
    """The values of a part.

    Parameters
    ----------
    token : int
        Who asked.
    wanted : Wanted
        What was asked for.
    start : int
        Row of the part, along its first axis and in steps, with which the values begin.
    array : ndarray
        (channels, *box) in steps, or the picture of a montage; float32.
    """

    token: int
    wanted: Wanted
    start: int
    array: NDArray[np.float32]

    @property
    def stop(self) -> int:
        """Row at which the values end."""
        return self.start + (self.array.shape[1] if self.array.ndim > 1 else 0)


@dataclass(frozen=True, eq=False)
class Looked:
    """What the middle of a layer's maps looks like.

    Parameters
    ----------
    token : int
        Who asked.
    limits : (float, float)
        Values that the colours should span.
    each : ndarray
        The same for each map, (C, 2).
    dead : tuple of int
        Maps that are constant, or not finite, there.
    """

    token: int
    limits: tuple[float, float]
    each: NDArray[np.float64]
    dead: tuple[int, ...]


class Kept:
    """The maps of what is looked at, with what was computed of them."""

    def __init__(self) -> None:
        self._key: tuple[Any, ...] = ()
        self._image: Any = None
        self._maps: Any = None

    def maps(
        self, look: Look, image: NDArray[Any], affine: NDArray[np.float64], cache_bytes: int
    ) -> FeatureMaps | ForeignMaps:
        """Give the maps: those of before, where it is the same look at the same image."""
        key = (look, look.stamp(), affine.tobytes(), cache_bytes)
        if key != self._key or image is not self._image:
            self.forget()
            self._maps = open_maps(look, image, affine, cache_bytes)
            self._key, self._image = key, image
        return self._maps  # type: ignore[no-any-return]

    def forget(self) -> None:
        """Let go of all that was computed."""
        self._key, self._image, self._maps = (), None, None


@lru_cache(maxsize=1)
def kept() -> Kept:
    """Give the maps that a worker keeps, for as long as it lives."""
    return Kept()


def open_maps(
    look: Look, image: NDArray[Any], affine: NDArray[np.float64], cache_bytes: int
) -> FeatureMaps | ForeignMaps:
    """Give the maps of an image, which is read, and prepared as the document says, where needed."""
    from ..data.preparation import resampled
    from ..maps import feature_maps
    from ..maps.slices import open_input

    pipeline = look.pipeline()
    sample = sample_of(look, image, affine)
    data = pipeline.data
    if data is not None and (data.spacing or data.rate):
        # Other voxels than its own are made of all of it.
        whole = replace(sample, array=np.asarray(image, np.float32))
        sample = resampled(whole, data.spacing, data.rate)
    source = open_input(pipeline.network.input, sample, path=data)
    return feature_maps(module_of(look, look.stamp()), source, cache_bytes=cache_bytes)


@lru_cache(maxsize=1)
def module_of(look: Look, stamp: int) -> ConvNet:
    """Build the network once for all pictures of it; a worker has one of them at a time."""
    from ..model import build, pick_device

    return build(look.pipeline(), device=pick_device(look.device))


def sample_of(look: Look, image: NDArray[Any], affine: NDArray[np.float64]) -> Sample:
    """Give an image (C, *spatial) its place."""
    from ..data import Sample

    rank = image.ndim - 1
    return Sample(image, affine, look.units or ("pixel",) * rank, ("",) * rank)


def regions(
    look: Look,
    image: NDArray[Any],
    affine: NDArray[np.float64],
    wanted: Sequence[Wanted],
    cache_bytes: int,
    cancelled: Token,
) -> Iterator[Region | Looked]:
    """Compute the parts that are looked at, one after the other, and what they look like.

    Parameters
    ----------
    look : Look
        Document, weights and device.
    image : ndarray
        (C, *spatial), as it came.
    affine : ndarray
        Its place: spatial index to world.
    wanted : sequence of Wanted
        The parts, the most urgent one first.
    cache_bytes : int
        Memory for what was computed.
    cancelled : Token
        Looked at between chunks.
    """
    found = kept().maps(look, image, affine, cache_bytes)
    for one in wanted:
        if one.layer not in found:
            continue
        m = found[one.layer]
        yield from _values(m, one, cancelled.check)
        if one.look:
            yield _looked(m, one.token, cancelled.check)


def _values(m: FeatureMap, wanted: Wanted, check: Callable[[], None]) -> Iterator[Region]:
    from ..maps import montage

    channels = slice(*wanted.channels)
    if wanted.gap is not None:
        maps = m.compute(wanted.box, channels, check)[:, 0]
        maps = maps[:, :: wanted.steps[1], :: wanted.steps[2]]
        picture = montage(maps, gap=wanted.gap).astype(np.float32, copy=False)
        yield Region(wanted.token, wanted, 0, picture)
    elif not wanted.steps:
        array = m.compute(wanted.box, channels, check)
        yield Region(wanted.token, wanted, 0, array.astype(np.float32, copy=False))
    else:
        yield from _thinned(m, wanted, check)


def _thinned(m: FeatureMap, wanted: Wanted, check: Callable[[], None]) -> Iterator[Region]:
    """Compute every so many values of a part, slab by slab, as far as that comes in a second."""
    (lo, hi), *across = wanted.box
    first, *steps = wanted.steps
    index = (slice(None), slice(None, None, first), *(slice(None, None, n) for n in steps))
    rows = range(lo, hi, first)
    count = max(1, VALUES // (first * math.prod(b - a for a, b in across)))
    end = perf_counter() + SECONDS
    for start in range(wanted.start, len(rows), count):
        slab = rows[start : start + count]
        box = ((slab[0], slab[-1] + 1), *across)
        array = m.compute(box, slice(*wanted.channels), check)[index]
        yield Region(wanted.token, wanted, start, array.astype(np.float32))
        if perf_counter() > end:
            return


def _looked(m: FeatureMap, token: int, check: Callable[[], None]) -> Looked:
    from ..maps import dead, limits, limits_per_map

    middle = m.look(check)
    constant = tuple(int(i) for i in np.flatnonzero(dead(middle)))
    return Looked(token, limits(middle), limits_per_map(middle), constant)


def whole_maps(
    look: Look,
    image: NDArray[Any],
    affine: NDArray[np.float64],
    layer: str,
    cache_bytes: int,
    cancelled: Token,
) -> NDArray[np.float32]:
    """Compute all maps of a layer."""
    m = kept().maps(look, image, affine, cache_bytes)[layer]
    return m.compute(check=cancelled.check).astype(np.float32, copy=False)
