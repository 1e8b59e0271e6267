"""Maps of a volume by a network that takes neighbouring slices of it as channels (2.5-D).

With ``input: 5zxHxW`` the network sees five slices and answers for the middle one; at the volume's
ends the last slice is repeated. So each slice is an image of its own: its maps are computed when
they are looked at, and the maps of all slices together are a volume that lies over the input.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from threading import RLock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_convnet.data import Sample
from napari_convnet.data.axes import GivenInput, input_form, volume_input
from napari_convnet.data.fitting import target_size
from napari_convnet.data.preparation import FittingPath, InputPath, resampled
from napari_convnet.data.settings import Input, SettingLike
from napari_convnet.document.settings import Setting
from napari_convnet.network import INPUT, Layer, Network, Problem
from napari_convnet.network.geometry import Field

from .cache import DEFAULT_BYTES, PatchCache
from .forward import Forward, Weights
from .kinds import numpy_kind
from .lazy import FeatureMap, FeatureMaps
from .regions import Box, Shapes, Size, whole
from .source import Source, open_source

if TYPE_CHECKING:
    from napari_convnet.model import Patch

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Slices of a volume, each with its neighbours as channels; read as an input of images.

    Parameters
    ----------
    volume : Source
        One channel, three axes.
    count : int
        Slices that the network takes at once.
    first, last : int
        Which slices, half-open.
    """

    volume: Source
    count: int
    first: int
    last: int

    @property
    def shape(self) -> Size:
        """Channels and sizes of one of the images."""
        return (self.count, *self.volume.shape[2:])

    # What the maps of one slice are placed by; the maps of the volume have its own place.
    affine = np.eye(3)
    units = ("pixel", "pixel")
    axes = ("y", "x")

    def read(self, box: Box | None = None, dtype: Any = np.float32) -> Array:
        """Read a box of each slice, (slices * channels, *box)."""
        box = whole(self.shape) if box is None else box
        depth = self.volume.shape[1]
        before = self.count // 2
        wanted = np.arange(self.first - before, self.last + self.count - 1 - before)
        wanted = wanted.clip(0, depth - 1)
        lo, hi = int(wanted[0]), int(wanted[-1]) + 1
        part = self.volume.read(((lo, hi), *box), dtype)[0]
        rows = np.arange(self.last - self.first)[:, None] + np.arange(self.count)
        return np.ascontiguousarray(part[wanted[rows] - lo].reshape(-1, *part.shape[1:]))

    def forget(self) -> None:
        """The volume forgets its statistics itself."""


def neighbours(
    volume: Source, count: int, point: tuple[int, ...] | None = None
) -> tuple[Neighbours, tuple[int, ...] | None]:
    """Give one slice of a volume as an image with its neighbours, and the place in it.

    Parameters
    ----------
    volume : Source
        One channel, three axes.
    count : int
        Slices that the network takes at once.
    point : tuple of int, optional
        (z, y, x), of which z is brought into the volume, or z alone; its middle if not given.
    """
    depth = volume.shape[1]
    z = depth // 2 if point is None else min(max(int(point[0]), 0), depth - 1)
    rest = None if point is None or len(point) < 3 else point[1:]
    return Neighbours(volume, count, z, z + 1), rest


class ManySlices(Forward):
    """Computes parts of layers for several slices at once."""

    def _read(self, box: Box) -> Patch:
        from napari_convnet.model import Patch

        patch = super()._read(box)
        count = self.shapes[INPUT][0]
        data = patch.data.view(-1, count, *patch.data.shape[2:])
        return Patch(data, patch.start, patch.size)


class SliceMaps(FeatureMaps):
    """The maps (C, z, y, x) of a volume by a network of neighbouring slices.

    Parameters
    ----------
    weights : Weights
        The network's module.
    source : Source
        The volume, (1, z, y, x).
    found : Shapes
        Shapes of the layers for one slice.
    names : sequence of str
        The layers of interest.
    most_bytes : int
        Memory for what was computed.
    """

    def __init__(
        self,
        weights: Weights,
        source: Source,
        found: Shapes,
        names: Sequence[str],
        most_bytes: int = DEFAULT_BYTES,
    ) -> None:
        self.network: Network = weights.module.network
        self.source = source
        self.dtype = numpy_kind(weights.dtype)
        self.problems: Mapping[str, Problem] = found.problems
        self.most_bytes = most_bytes
        self._weights = weights
        self._found = found
        self._names = tuple(names)
        self._slices: OrderedDict[int, FeatureMaps] = OrderedDict()
        self._guard = RLock()
        depth = source.shape[1]
        self._maps = {
            name: FeatureMap(
                self,
                through_slices(self.network[name], found.fields[name], self.count),
                (found.shown[name][0], depth, *found.shown[name][1:]),
            )
            for name in names
        }

    @property
    def count(self) -> int:
        """Slices that the network takes at once."""
        return self.network.input.channels

    @property
    def device(self) -> Any:
        """Where they are computed."""
        return self._weights.device

    def clear(self) -> None:
        """Forget what was computed: the volume's values have changed."""
        with self._guard:
            self._slices.clear()
        self.source.forget()

    def at(self, z: int) -> FeatureMaps:
        """Give the maps (C, y, x) of one slice."""
        with self._guard:
            if z not in self._slices:
                image: Any = Neighbours(self.source, self.count, z, z + 1)
                self._slices[z] = FeatureMaps(
                    self._weights, image, self._found, self._names, self.most_bytes
                )
            self._slices.move_to_end(z)
            while len(self._slices) > 1 and self._kept > self.most_bytes:
                self._slices.popitem(last=False)
            return self._slices[z]

    @property
    def _kept(self) -> int:
        return sum(maps.cache.bytes for maps in self._slices.values())

    def many(self, first: int, last: int) -> Forward:
        """Give what computes several slices at once; nothing of it is kept."""
        image = Neighbours(self.source, self.count, first, last)
        return ManySlices(
            self.network.layers, self._weights, self._found.shapes, image, PatchCache(0)
        )

    def stream(self, layers: Collection[str] | None = None) -> Iterator[tuple[str, Array]]:
        """Compute the whole maps of layers, slice by slice."""
        wanted = [self[name] for name in (self if layers is None else layers)]
        names = [name for name in self if name in {m.name for m in wanted}]
        whole_maps = {name: np.empty(self[name].shape, self.dtype) for name in names}
        for z in range(self.source.shape[1]):
            for name, array in self.at(z).stream(names):
                whole_maps[name][:, z] = array
        yield from whole_maps.items()

    def _compute(
        self,
        m: FeatureMap,
        box: Box,
        channels: slice | Sequence[int],
        check: Callable[[], None] = lambda: None,
    ) -> Array:
        (first, last), *within = box
        found = []
        for z in range(first, last):
            check()
            found.append(self.at(z)[m.name].compute(tuple(within), channels, check))
        return np.stack(found, axis=1)


@dataclass(frozen=True)
class SlicesPath:
    """The input path of volumes for a network of slices: ``fit:`` is about the slices.

    Parameters
    ----------
    path : Data
        The document's ``data:``.
    input : sequence of int or None
        The network's input.
    depth : int
        Slices of the volume, of which all are kept.
    """

    path: FittingPath
    input: Input
    depth: int

    @property
    def fit(self) -> SettingLike | None:
        """How slices are brought to size."""
        if self.path.fit is None:
            return None
        sizes = (self.depth, *target_size(self.path.fit, self.input))
        return Setting(self.path.fit.word, tuple(map(float, sizes)))

    @property
    def normalize(self) -> SettingLike | None:
        """How values are brought to a range: by the statistics of the whole volume."""
        return self.path.normalize


def open_input(
    given: GivenInput,
    array: Any,
    *,
    axes: Any = None,
    rgb: bool | None = None,
    path: InputPath | None = None,
    **place: Any,
) -> Source:
    """Make a source of an array for a network: of a volume too, where that takes slices of it.

    Parameters
    ----------
    given : Input
        The network's input.
    array : array-like, Sample or Source
        What it looks at.
    axes : sequence of str, optional
        Names of its axes.
    rgb : bool, optional
        Whether its last axis holds colours.
    path : Data or None
        The document's ``data:``.
    **place
        Further arguments of `open_source`.
    """
    form = _form(given, array, axes, rgb)
    if path is not None and (path.spacing or path.rate) and not isinstance(array, Source):
        source = open_source(array, form, axes=axes, rgb=rgb, **place)
        array = _resampled(source, path.spacing, path.rate)
        axes, rgb, place = None, None, {}
    fitting: FittingPath | None = path
    if path is not None and len(form) > len(given.shape):
        depth = array.array.shape[-3] if isinstance(array, Sample) else np.shape(array)[-3]
        fitting = SlicesPath(path, given.shape, int(depth))
    return open_source(array, form, axes=axes, rgb=rgb, path=fitting, **place)


def _resampled(source: Source, spacing: tuple[float, ...] | None, rate: float | None) -> Sample:
    """Read all of a source, and resample it to a document's ``spacing:`` or ``rate:``."""
    whole = Sample(source.read(), source.affine, source.units, source.axes, source.name)
    return resampled(whole, spacing, rate)


def _form(given: GivenInput, array: Any, axes: Any, rgb: bool | None) -> Input:
    """Give the input by which an array is read: that of volumes, where slices of it are taken."""
    if isinstance(array, Sample | Source):
        rank = len(array.shape) - 1
        return volume_input(given) if rank == 3 else tuple(given.shape)
    named = None if axes is None or isinstance(axes, str) else tuple(map(str, axes))
    return input_form(given, np.shape(array), named, rgb)


def through_slices(layer: Layer, fields: tuple[Field, ...] | None, count: int) -> Layer:
    """Give a layer of images as one of the volume: it sees `count` slices, from the middle one."""
    if fields is None:
        return replace(layer, fields=None)
    reach = Fraction(count - 1, 2)
    across = Field.of(-reach, reach)
    return replace(layer, fields=(across, *fields))
