"""Previews for an editor: a small picture of what every layer sees, while the network is typed.

They are of a window of the image, as if that were all of it, and of the first layers first. Only
what changed is computed: a layer is known by its own line and all before it.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_convnet.data import Sample
from napari_convnet.network import Network, Problem

from .cache import DEFAULT_BYTES, PatchCache
from .forward import Forward, Twins
from .keys import layer_keys
from .lazy import checker, described, weights_of
from .paint import RGB, crossed, paint, scaled
from .parts import Parts
from .picture import Limits, dead, limits, montage
from .regions import Box, Shapes, Size, find_shapes, make_plan, volume, whole
from .slices import neighbours, open_input
from .source import Source

if TYPE_CHECKING:
    import torch

    from napari_convnet.document import Pipeline
    from napari_convnet.model import ConvNet, Patch

CONTEXT: Mapping[int, Size] = {1: (4096,), 2: (128, 128), 3: (16, 128, 128)}
"""Most pixels of the image that are looked at, per number of axes."""

WHOLE = 512 * 512
"""Images up to so many pixels are looked at whole where a layer works on no other size."""

PREVIEWS = 4096
"""Thumbnails that a cache keeps."""


@dataclass(frozen=True, eq=False)
class LayerPreview:
    """What one layer sees, thumbnail size.

    Parameters
    ----------
    layer : str
        Name of the layer.
    thumbnail : numpy.ndarray or None
        (h, w, 3) uint8, of up to four maps that are not dead; None where there is none.
    limits : tuple of float
        Values of the first and last colour.
    dead : int
        How many of its maps are constant.
    error : str
        Why there is no thumbnail; empty where it only takes too long.
    late : bool
        Whether the time was over before it could be made.
    """

    layer: str
    thumbnail: RGB | None = None
    limits: Limits = (0.0, 1.0)
    dead: int = 0
    error: str = ""
    late: bool = False


class PreviewCache:
    """What previews keep from one call to the next; its owner holds it.

    Parameters
    ----------
    most_bytes : int
        Memory for the values of layers.
    """

    def __init__(self, most_bytes: int = DEFAULT_BYTES) -> None:
        self.patches = PatchCache(most_bytes)
        self.previews: OrderedDict[str, LayerPreview] = OrderedDict()
        self._source: tuple[Any, Any, Source] | None = None

    def source(self, array: Any, key: Any, make: Callable[[], Source]) -> Source:
        """Give the source of an array: the same one, with its statistics, for the same array."""
        kept = self._source
        values = array.array if isinstance(array, Sample) else array
        if kept is None or kept[0] is not values or kept[1] != key:
            kept = self._source = (values, key, make())
        return kept[2]

    def keep(self, key: str, preview: LayerPreview) -> None:
        """Keep a thumbnail."""
        self.previews[key] = preview
        if len(self.previews) > PREVIEWS:
            self.previews.popitem(last=False)

    def clear(self) -> None:
        """Forget everything."""
        self.patches.clear()
        self.previews.clear()
        self._source = None


@dataclass(frozen=True)
class _Keyed:
    """A cache in which layers are named by their keys."""

    patches: PatchCache
    keys: Mapping[str, str]

    @property
    def most_bytes(self) -> int:
        return self.patches.most_bytes

    def want(self, owner: Hashable, parts: Sequence[tuple[Hashable, Box]]) -> None:
        """Want nothing: the next window has other values, and so other keys."""

    def find(self, name: Hashable, box: Box) -> Patch | None:
        return self.patches.find(self._key(name), box)

    def has(self, name: str, box: Box) -> bool:
        return self.find(name, box) is not None

    def put(self, name: Hashable, patch: Patch) -> None:
        self.patches.put(self._key(name), patch)

    def _key(self, name: Hashable) -> Hashable:
        # A chunk is named (layer, index).
        return self.keys[name] if isinstance(name, str) else (self.keys[name[0]], name[1])  # type: ignore[index]

    def clear(self) -> None:
        """Keep all: a layer with other weights has another key."""


@dataclass(frozen=True, eq=False)
class _Window:
    """A window of an image, as if it were all of it."""

    array: NDArray[Any]

    @property
    def shape(self) -> Size:
        return self.array.shape

    def read(self, box: Box | None = None, dtype: Any = np.float32) -> NDArray[Any]:
        index = tuple(slice(lo, hi) for lo, hi in (whole(self.shape) if box is None else box))
        return np.ascontiguousarray(self.array[(slice(None), *index)], dtype=dtype)


@dataclass(eq=False)
class _Previewer:
    """One call of `preview`."""

    given: Any
    network: Network
    source: Source
    cache: PreviewCache
    device: Any
    size: int
    point: tuple[int, ...] | None
    module: ConvNet = field(init=False)
    window: _Window = field(init=False)
    found: Shapes = field(init=False)
    problems: Mapping[str, Problem] = field(init=False)
    keys: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.module = self._skeleton()
        box = self._look()
        self.window = _Window(self.source.read(box))
        self.keys = layer_keys(self.given, self.network.layers, self.window.array)

    def _skeleton(self) -> ConvNet:
        """Make the module without weights: it knows what layers can take."""
        import torch

        from napari_convnet.model import ConvNet

        if isinstance(self.given, ConvNet):
            return self.given
        with torch.device("meta"):
            return ConvNet(self.network)

    def _look(self) -> Box:
        """Choose the window, and find what every layer makes of it."""
        layers, check = self.network.layers, checker(self.module)
        shape = self.source.shape
        box = window_box(shape, self.point)
        self.found = find_shapes(layers, (shape[0], *(hi - lo for lo, hi in box)), check)
        right = find_shapes(layers, shape, check)
        self.problems = right.problems
        if len(right.problems) < len(self.found.problems) and volume(whole(shape)) <= WHOLE:
            box, self.found = whole(shape), right
        return box

    def missing(self, names: Collection[str]) -> list[str]:
        """Names of the layers whose thumbnails have to be made."""
        return [
            name
            for name in names
            if name in self.found.shapes and self.keys[name] not in self.cache.previews
        ]

    def forward(self, names: Collection[str]) -> Iterator[tuple[str, torch.Tensor]]:
        """Compute layers, of which only those are built that have to be computed."""
        store = _Keyed(self.cache.patches, self.keys)
        wanted = {name: whole(self.found.shapes[name]) for name in names}
        plan = make_plan(self.network.layers, self.found.shapes, wanted, store.has)
        weights = self._weights({layer.name for layer in plan.layers})
        layers = self.network.layers
        forward = Forward(layers, weights, self.found.shapes, self.window, store)
        return forward.stream(wanted)

    def _weights(self, needed: set[str]) -> Twins:
        from napari_convnet.model import ConvNet, pick_device

        if isinstance(self.given, ConvNet):
            return weights_of(self.given, self.device)
        return Parts(self.given, self.network, needed, pick_device(self.device or "cpu"))

    def made(self, name: str, tensor: torch.Tensor) -> LayerPreview:
        """Make the thumbnail of a layer."""
        shown = self.found.shown[name][1:]
        maps = tensor[(slice(None), *map(slice, shown))].float().cpu().numpy()
        middle = maps[:, maps.shape[1] // 2] if maps.ndim == 4 else maps
        span, gone = limits(middle), dead(middle)
        picture = picture_of(middle, gone, span, self.size)
        result = LayerPreview(name, picture, span, int(gone.sum()))
        self.cache.keep(self.keys[name], result)
        return result


def preview(
    pipeline_or_module: Pipeline | Network | ConvNet,
    array: Any,
    layers: Collection[str] | None = None,
    *,
    cache: PreviewCache | None = None,
    point: tuple[int, ...] | None = None,
    size: int = 96,
    budget: float | None = 0.2,
    device: Any = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[LayerPreview]:
    """Show what every layer sees of an image, thumbnail size, one layer after the other.

    Parameters
    ----------
    pipeline_or_module : Pipeline, Network or ConvNet
        What computes; the layers before the first mistake of a draft.
    array : array-like or Sample
        The image, as for `feature_maps`.
    layers : collection of str, optional
        Names of layers; all if not given.
    cache : PreviewCache, optional
        What was computed before; without it everything is computed.
    point : tuple of int, optional
        Pixel in the middle of the window that is looked at; the middle of the image otherwise. Of a
        volume for a network of neighbouring slices, its first number is the slice.
    size : int
        Pixels of a thumbnail's longer side.
    budget : float or None
        Seconds; layers not begun by then are late. None takes all the time it needs.
    device : str or torch.device, optional
        Where to compute.
    cancelled : callable
        Asked between layers; when it says True nothing more comes.

    Yields
    ------
    LayerPreview
        In execution order, at once where it is known.

    Raises
    ------
    UserError
        If the image does not fit the network.
    """
    network, path = described(pipeline_or_module)
    if not network.layers:
        return
    cache = PreviewCache() if cache is None else cache
    shape = network.input.shape
    key = (shape, path and (path.spacing, path.rate, path.fit, path.normalize))
    source: Any = cache.source(array, key, lambda: open_input(network.input, array, path=path))
    if len(source.shape) > len(shape):
        source, point = neighbours(source, network.input.channels, point)
    maker = _Previewer(pipeline_or_module, network, source, cache, device, size, point)
    wanted = None if layers is None else {network[n].name for n in layers if n in network}
    names = [v.name for v in network.layers if wanted is None or v.name in wanted]
    yield from _stream(maker, names, budget, cancelled)


def _stream(
    maker: _Previewer,
    names: list[str],
    budget: float | None,
    cancelled: Callable[[], bool],
) -> Iterator[LayerPreview]:
    end = None if budget is None else time.perf_counter() + budget
    computing: Iterator[tuple[str, torch.Tensor]] | None = None
    missing = maker.missing(names)
    for name in names:
        if cancelled():
            return
        if name in maker.problems:
            yield LayerPreview(name, error=str(maker.problems[name]))
        elif name in maker.found.problems:
            # It works on the whole image, which is too large to be looked at by the way.
            yield LayerPreview(name, late=True)
        elif name not in missing:
            # Another layer may have been the same one under this key: the name is this one's.
            yield replace(maker.cache.previews[maker.keys[name]], layer=name)
        elif end is not None and time.perf_counter() > end:
            yield LayerPreview(name, late=True)
        else:
            computing = maker.forward(missing) if computing is None else computing
            yield maker.made(*next(computing))


def window_box(shape: Size, point: tuple[int, ...] | None = None) -> Box:
    """Choose the window of an image (C, *spatial) that is looked at, around a point."""
    box = []
    for axis, (n, most) in enumerate(zip(shape[1:], CONTEXT[len(shape) - 1], strict=True)):
        middle = n // 2 if point is None else point[axis]
        length = min(n, most)
        lo = min(max(middle - length // 2, 0), n - length)
        box.append((lo, lo + length))
    return tuple(box)


def picture_of(maps: NDArray[Any], gone: NDArray[np.bool_], span: Limits, size: int) -> RGB:
    """Paint the first maps of (C, y, x) that are not dead, a strip (C, n) or a vector (N,)."""
    if maps.ndim < 3:
        strip = np.atleast_2d(maps)
        return paint(scaled(strip, (size // 2 if len(strip) == 1 else size, size)), span)
    live = np.flatnonzero(~gone)
    # One, two or four: a grid without an empty place.
    live = live[: 4 if live.size > 3 else 2 if live.size > 1 else 1]
    if not live.size:
        return crossed((size, size))
    grid = montage(maps[live], gap=0)
    longer = max(grid.shape)
    height, width = (max(1, round(size * n / longer)) for n in grid.shape)
    return paint(scaled(grid, (height, width)), span)
