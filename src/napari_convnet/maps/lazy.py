"""Feature maps: what every layer makes of an array, computed where it is looked at."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from napari_convnet.network import Layer, Network, Problem, UserError, did_you_mean, listed

from .cache import DEFAULT_BYTES, PatchCache
from .chunks import inside, never
from .forward import Forward, Weights
from .indexing import select
from .kinds import numpy_kind, torch_kind
from .picture import dead, limits
from .place import Matrix, place, scale_and_translate
from .regions import Box, Check, Shapes, Size, find_shapes, volume, whole
from .source import Source

if TYPE_CHECKING:
    import torch
    from torch import nn

    from napari_convnet.document import Pipeline
    from napari_convnet.model import ConvNet
    from napari_convnet.model.foreign import ForeignLayer

    from .foreign import ForeignMaps

Array = NDArray[Any]

LOOK_BYTES = 64 * 2**20
"""Limits and dead maps of a larger map are those of a part around its middle."""


class NoSuchLayer(UserError, KeyError):
    """There are no maps of that layer: its name is unknown, or the array's size is wrong for it."""


class FeatureMap:
    """The maps of one layer: an array that is computed where it is looked at.

    Index it like a numpy array, or hand it to numpy whole; every part is exactly that of the whole
    computation, and depends on the input's values around it only.

    Attributes
    ----------
    name, op : str
        The layer and its op.
    layer : Layer
        The layer, with its geometry.
    shape : tuple of int
        (C, *spatial), or (N,) of a vector.
    dtype : numpy.dtype
        float32 or float64.
    affine : numpy.ndarray or None
        (rank + 1) square, from spatial indices to the world; None after flatten or a global pool.
    scale, translate : numpy.ndarray or None
        (rank,), where the affine is no more than that.
    axes, units : tuple of str
        Name and unit of each spatial axis.
    """

    def __init__(
        self, owner: FeatureMaps | ForeignMaps, layer: Layer | ForeignLayer, shape: Size
    ) -> None:
        self._owner = owner
        self.layer = layer
        self.shape = shape
        self.dtype = owner.dtype
        source = owner.source
        self.affine: Matrix | None = place(layer, source.affine)
        parts = None if self.affine is None else scale_and_translate(self.affine)
        self.scale: Matrix | None = parts and parts[0]
        self.translate: Matrix | None = parts and parts[1]
        self.axes = source.axes if self.affine is not None else ()
        self.units = source.units if self.affine is not None else ()

    @property
    def name(self) -> str:
        """Name of the layer."""
        return self.layer.name

    @property
    def op(self) -> str:
        """Word of the layer's op."""
        return self.layer.op

    @property
    def ndim(self) -> int:
        """Number of axes, that of the maps included."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of values."""
        return self.shape[0] * volume(whole(self.shape))

    @property
    def nbytes(self) -> int:
        """Memory that all values would take."""
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"<FeatureMap {self.name}: {self.op}, {self.shape}, {self.dtype}>"

    def __getitem__(self, key: Any) -> Any:
        """Compute what an index needs, and index it as numpy does."""
        wanted = select(key, self.shape)
        if wanted.empty:
            return np.empty([hi - lo for lo, hi in wanted.box], self.dtype)[wanted.index]
        channels, box = wanted.box[0], wanted.box[1:]
        part = self.compute(box, slice(*channels))
        found = part[wanted.index]
        # A small view would keep all of the part alive.
        return found.copy() if 2 * found.size < part.size else found

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Array:
        if copy is False:
            raise ValueError("feature maps are computed: there is no array to share")
        return np.asarray(self.compute(), dtype=dtype)

    def compute(
        self,
        box: Box | None = None,
        channels: slice | Sequence[int] = slice(None),
        check: Callable[[], None] = never,
    ) -> Array:
        """Compute a part.

        Parameters
        ----------
        box : Box, optional
            A half-open range per spatial axis, within the map; everything if not given.
        channels : slice or sequence of int
            Which maps.
        check : callable
            Called now and then while a large part is computed; what it raises ends that.

        Returns
        -------
        numpy.ndarray
            (channels, *box), of its own.
        """
        box = whole(self.shape) if box is None else tuple((int(lo), int(hi)) for lo, hi in box)
        self._check(box)
        return self._owner._compute(self, box, channels, check)

    def _check(self, box: Box) -> None:
        sizes = self.shape[1:]
        if len(box) != len(sizes):
            raise IndexError(f"{self.name} has {len(sizes)} spatial axes, the box {len(box)}")
        for axis, ((lo, hi), n) in enumerate(zip(box, sizes, strict=True)):
            if not 0 <= lo < hi <= n:
                raise IndexError(f"axis {axis}: there is no {lo} to {hi} in a map of {n}")

    @property
    def limits(self) -> tuple[float, float]:
        """Values that the colours of all its maps should span; see `picture.limits`."""
        return limits(self.look())

    @property
    def dead(self) -> NDArray[np.bool_]:
        """Which of its maps are constant or not finite, (C,)."""
        return dead(self.look())

    def look(self, check: Callable[[], None] = never) -> Array:
        """Give the maps, or where they are large a part around their middle: of a volume a slice.

        Parameters
        ----------
        check : callable
            As in `compute`.
        """
        box = whole(self.shape)
        if len(box) == 3 and self._bytes(box) > LOOK_BYTES:
            middle = self.shape[1] // 2
            box = ((middle, middle + 1), *box[1:])
        while self._bytes(box) > LOOK_BYTES:
            axis = max(range(len(box)), key=lambda a: box[a][1] - box[a][0])
            lo, hi = box[axis]
            if hi - lo < 8:
                break
            quarter = (hi - lo) // 4
            box = (*box[:axis], (lo + quarter, hi - quarter), *box[axis + 1 :])
        return self.compute(box, check=check)

    def _bytes(self, box: Box) -> int:
        return volume(box) * self.shape[0] * self.dtype.itemsize


class NamedMaps(Mapping[str, FeatureMap], ABC):
    """Maps of layers by name, in execution order, whatever computes them.

    Attributes
    ----------
    problems : mapping of str to Problem
        Layers without maps, and why they have none.
    """

    problems: Mapping[str, Problem]
    _maps: dict[str, FeatureMap]

    def __getitem__(self, name: str) -> FeatureMap:
        layer = self._full_name(name)
        if layer in self._maps:
            return self._maps[layer]
        if layer in self.problems:
            raise NoSuchLayer(self.problems[layer])
        fix = did_you_mean(name, self._maps, f"there are {listed(self._maps, 'and')}")
        raise NoSuchLayer(f'there are no maps of a layer "{name}"', fix)

    def __iter__(self) -> Iterator[str]:
        return iter(self._maps)

    def __len__(self) -> int:
        return len(self._maps)

    def _full_name(self, name: str) -> str:
        """Give the name under which a layer's maps are kept."""
        return name

    @abstractmethod
    def stream(self, layers: Collection[str] | None = None) -> Iterator[tuple[str, Array]]:
        """Give the whole maps of layers, one layer after the other, in execution order."""

    def compute_all(self, layers: Collection[str] | None = None) -> dict[str, Array]:
        """Compute the whole maps of layers.

        Parameters
        ----------
        layers : collection of str, optional
            Names of layers; all if not given.

        Returns
        -------
        dict of str to numpy.ndarray
            (C, *spatial) each, in execution order.
        """
        return dict(self.stream(layers))


class FeatureMaps(NamedMaps):
    """The maps of a network's layers by name, in execution order; see `feature_maps`.

    Attributes
    ----------
    network : Network
        The network.
    source : Source
        The array, with its place in the world.
    dtype : numpy.dtype
        float32 or float64.
    problems : mapping of str to Problem
        Layers that cannot work on an array of this size, and what they need.
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
        self.cache = PatchCache(most_bytes)
        self._forward = Forward(self.network.layers, weights, found.shapes, source, self.cache)
        # A layer's place on this size, which is not always that on the nominal one.
        layers = {name: replace(self.network[name], fields=found.fields[name]) for name in names}
        self._maps = {
            name: FeatureMap(self, layer, found.shown[name]) for name, layer in layers.items()
        }

    def _full_name(self, name: str) -> str:
        return self.network[name].name if name in self.network else name

    def __repr__(self) -> str:
        return f"<FeatureMaps of {', '.join(self._maps)}>"

    @property
    def device(self) -> torch.device:
        """Where they are computed."""
        return self._forward.weights.device

    def clear(self) -> None:
        """Forget what was computed: the array's values have changed."""
        self._forward.forget()
        self.source.forget()

    def stream(self, layers: Collection[str] | None = None) -> Iterator[tuple[str, Array]]:
        """Compute the whole maps of layers in one pass, one layer after the other.

        Parameters
        ----------
        layers : collection of str, optional
            Names of layers; all if not given.

        Yields
        ------
        str, numpy.ndarray
            The layer's name and its maps (C, *spatial), in execution order.
        """
        maps = [self[name] for name in (self if layers is None else layers)]
        for name, tensor in self._forward.stream({m.name: self._whole(m) for m in maps}):
            yield name, _numpy(tensor[_index(whole(self[name].shape))])

    def _compute(
        self,
        m: FeatureMap,
        box: Box,
        channels: slice | Sequence[int],
        check: Callable[[], None],
    ) -> Array:
        if not self._forward.is_large or not box:
            # The whole is computed as such, with what it has beyond the array's own end.
            larger = self._whole(m) if box == whole(m.shape) else box
            tensor = self._forward.compute(m.name, larger, check)[channels]
            return _numpy(tensor[_index(tuple((0, hi - lo) for lo, hi in box))])
        count = len(np.arange(m.shape[0])[channels])
        out = np.empty((count, *(hi - lo for lo, hi in box)), self.dtype)
        for part, tensor in self._forward.pieces(m.name, box, check):
            out[(slice(None), *inside(part, box))] = tensor[channels].cpu().numpy()
        return out

    def _whole(self, m: FeatureMap) -> Box:
        """Box of all that is computed of a layer: joins may need more than is shown."""
        return whole(self._forward.shapes[m.name])


def _index(box: Box) -> tuple[slice, ...]:
    """Index of a box in (C, *spatial)."""
    return (slice(None), *(slice(lo, hi) for lo, hi in box))


def _numpy(tensor: torch.Tensor) -> Array:
    """Copy a tensor into an array of its own."""
    return np.array(tensor.cpu().numpy())


def feature_maps(
    pipeline_or_module: Pipeline | Network | nn.Module,
    array: Any,
    *,
    scale: ArrayLike | None = None,
    translate: ArrayLike | None = None,
    rotate: ArrayLike | None = None,
    shear: ArrayLike | None = None,
    affine: Any = None,
    units: Any = None,
    axes: Any = None,
    device: str | torch.device | None = None,
    layers: Collection[str] | None = None,
    dtype: DTypeLike | None = None,
    name: str = "",
    cache_bytes: int = DEFAULT_BYTES,
) -> FeatureMaps | ForeignMaps:
    r"""Give what every layer of a network makes of an array, computed where it is looked at.

    Parameters
    ----------
    pipeline_or_module : Pipeline, Network or torch.nn.Module
        What computes. A pipeline is built with its weights, and its ``data: normalize`` and ``fit``
        apply; a module is used as it is, in its current state at every look, as in use (no dropout,
        batch normalisation by running statistics). One that was not built from a document is run
        whole, and gives a map for what goes out of every module in it.
    array : array-like or Sample
        (C, *spatial), (*spatial) where C is 1, or an RGB image (y, x, 3) where C is 3. Anything
        with ``shape``, ``dtype`` and slicing: numpy, zarr, a memory map; it is read only where that
        is needed. For a network of neighbouring slices (``5zxHxW``) also a volume, (z, y, x) or
        (1, z, y, x): its maps are (C, z, y, x), computed slice by slice. One of exactly so many
        slices is taken for a single image with its neighbours as channels, unless `axes` says
        ("z", "y", "x").
    scale, translate, rotate, shear, affine : optional
        Place of the array in the world, as those of a napari layer; the last axes are meant where
        there are fewer.
    units, axes : str or sequence of str, optional
        Of the spatial axes.
    device : str or torch.device, optional
        ``auto``, ``cpu``, ``cuda`` or ``mps``; by default the CPU for a pipeline, and where it is
        for a module.
    layers : collection of str, optional
        Names of the layers of interest; all if not given.
    dtype : numpy.dtype, optional
        float32 (default) or float64.
    name : str
        What to call the array in messages.
    cache_bytes : int
        Memory for what was computed, so that the next look need not begin at the input.

    Returns
    -------
    FeatureMaps
        A mapping of layer name to `FeatureMap`, in execution order. Layers that cannot work on an
        array of this size are left out; asking for one by name says what it needs.

    Raises
    ------
    UserError
        If the array does not fit the network, or a layer is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_convnet as nc
    >>> pipeline = nc.parse("input: 1x28x28\nnet:\n  - c1: conv 6 k5 relu\n  - max 2\n")
    >>> maps = nc.feature_maps(pipeline, np.zeros((64, 64)), scale=(0.5, 0.5))
    >>> maps["max-1"].shape, maps["max-1"].scale, maps["max-1"].translate
    ((6, 32, 32), array([1., 1.]), array([0.25, 0.25]))
    """
    from .foreign import foreign_maps, is_foreign
    from .slices import SliceMaps, open_input

    if is_foreign(pipeline_or_module):
        return foreign_maps(
            pipeline_or_module,
            array,
            scale=scale,
            translate=translate,
            rotate=rotate,
            shear=shear,
            affine=affine,
            units=units,
            axes=axes,
            device=device,
            layers=layers,
            dtype=dtype,
            name=name,
            cache_bytes=cache_bytes,
        )
    network, path = described(pipeline_or_module)
    if not network.layers:
        raise UserError("the network has no layers", "add a row, for example conv 8 relu")
    source = open_input(
        network.input,
        array,
        scale=scale,
        translate=translate,
        rotate=rotate,
        shear=shear,
        affine=affine,
        units=units,
        axes=axes,
        name=name,
        path=path,
    )
    weights = weights_of(pipeline_or_module, device, dtype)
    slices = len(source.shape) > len(network.input.shape)
    size = source.shape[2:] if slices else source.shape[1:]
    image = (network.input.channels, *size) if slices else source.shape
    found = find_shapes(network.layers, image, checker(weights.module))
    names = _names(network, found, layers)
    kind = SliceMaps if slices else FeatureMaps
    return kind(weights, source, found, names, cache_bytes)


def described(given: Any) -> tuple[Network, Any]:
    """Give the network of a pipeline or module, and the input path of its document."""
    if isinstance(given, Network):
        return given, None
    network = getattr(given, "network", None)
    if not isinstance(network, Network):
        raise UserError(
            f"a {type(given).__name__} is no network",
            "give a pipeline, for example preset('lenet'), or a torch module",
        )
    # A layer of a module may be called `data`: only a pipeline has an input path.
    return network, None if hasattr(given, "twins") else given.data


def weights_of(given: Any, device: Any = None, dtype: DTypeLike | None = None) -> Weights:
    """Build what is not built yet, and say in which precision and where it computes.

    Parameters
    ----------
    given : Pipeline, Network or ConvNet
        What computes.
    device : str or torch.device, optional
        The CPU for what is built here, that of its weights for a module.
    dtype : numpy.dtype, optional
        float32 or float64; that of its weights for a module, as far as numpy has it.
    """
    import torch

    from napari_convnet.model import ConvNet, build, pick_device

    built = isinstance(given, ConvNet)
    module = given if built else build(given, device=pick_device(device or "cpu"))
    first = next(module.parameters(), torch.empty(0))
    place = first.device if device is None else pick_device(device)
    place = torch.empty(0, device=place).device  # with its index, as tensors have it
    if dtype is not None and np.dtype(dtype) not in (np.float32, np.float64):
        raise UserError(f"maps are float32 or float64, not {np.dtype(dtype)}")
    kind = numpy_kind(first.dtype) if dtype is None else np.dtype(dtype)
    if kind == np.float64 and place.type == "mps":
        raise UserError("Apple GPUs have no float64", "leave dtype out, or use device cpu")
    return Weights(module, torch_kind(kind), place)


def checker(module: ConvNet) -> Check:
    """Let the layers of a module say which shapes they can take."""
    return lambda layer, incomings: module.twins[layer.name].check(*incomings)


def _names(network: Network, found: Shapes, layers: Collection[str] | None) -> list[str]:
    """Names of the layers of interest that work on this size, in execution order."""
    if layers is None:
        names = [layer.name for layer in network.layers if layer.name in found.shapes]
        if not names:
            raise UserError([found.problems[network.layers[0].name]])
        return names
    asked = set()
    for name in [layers] if isinstance(layers, str) else layers:
        if name not in network:
            known = [layer.name for layer in network.layers]
            fix = did_you_mean(name, known, f"the layers are {listed(known, 'and')}")
            raise UserError(f'no layer is called "{name}"', fix)
        asked.add(network[name].name)
    wrong = [found.problems[name] for name in found.problems if name in asked]
    if wrong:
        raise UserError(wrong)
    return [layer.name for layer in network.layers if layer.name in asked]
