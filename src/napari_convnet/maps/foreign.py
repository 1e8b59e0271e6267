"""Maps of any torch module: computed by running it as it is, whole."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from threading import RLock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from napari_convnet.data import Sample
from napari_convnet.network import Problem, UserError

from .cache import DEFAULT_BYTES
from .kinds import numpy_kind, torch_kind
from .lazy import FeatureMap, NamedMaps
from .regions import Box
from .source import Source, open_source

if TYPE_CHECKING:
    import torch

    from napari_convnet.model.foreign import ForeignNet

Array = NDArray[Any]

COLOURS = (3, 4)


def is_foreign(given: object) -> bool:
    """Whether something is a torch module that no document describes, or a file of one."""
    if isinstance(given, str | os.PathLike):
        return os.fspath(given).endswith((".pt", ".pth"))
    # Whatever is a module of torch has torch loaded; nothing else needs it to be.
    return any(
        base.__module__.startswith("torch.") and base.__name__ in ("Module", "ScriptFunction")
        for base in type(given).__mro__
    ) and not hasattr(given, "twins")


class ForeignMaps(NamedMaps):
    """The maps of a module's layers by name, in execution order; see `feature_maps`.

    They are computed whole: several in one run of the module, and again when its weights have
    changed.

    Attributes
    ----------
    network : ForeignNet
        The module and its layers, those without maps too.
    source : Source
        The array, with its place in the world.
    dtype : numpy.dtype
        float32, or float64 for a module of that precision.
    problems : mapping of str to Problem
        Layers without maps, and why they have none.
    """

    def __init__(
        self,
        net: ForeignNet,
        source: Source,
        names: Collection[str] | None = None,
        most_bytes: int = DEFAULT_BYTES,
    ) -> None:
        self.network = net
        self.source = source
        self._first = _first_tensor(net.module)
        self.dtype = numpy_kind(self._first.dtype)
        self.problems: Mapping[str, Problem] = {
            layer.name: Problem(f"there are no maps: {layer.why}", layer=layer.name)
            for layer in net
            if layer.output is None
        }
        self._most = most_bytes
        self._held: dict[str, Array] = {}
        self._stamp: tuple[tuple[int, int], ...] = ()
        self._lock = RLock()
        self._maps = {
            layer.name: FeatureMap(self, layer, layer.output)
            for layer in net
            if layer.output is not None
        }
        if names is not None:
            chosen = [self[name].name for name in ([names] if isinstance(names, str) else names)]
            self._maps = {name: m for name, m in self._maps.items() if name in chosen}

    def __repr__(self) -> str:
        return f"<ForeignMaps of {type(self.network.module).__name__}: {', '.join(self._maps)}>"

    @property
    def device(self) -> torch.device:
        """Where they are computed: where the module is."""
        return self._first.device

    def kernels(self, name: str) -> Array:
        """Copy the kernels of a convolution, (outputs, inputs, spatial...).

        Raises
        ------
        UserError
            Where the layer has none.
        """
        return _numpy(self.network.kernels(self[name].name), self.dtype)

    def clear(self) -> None:
        """Forget what was computed: the array's values have changed."""
        with self._lock:
            self._held.clear()
            self.source.forget()

    def stream(self, layers: Collection[str] | None = None) -> Iterator[tuple[str, Array]]:
        """Give the whole maps of layers, in execution order, with few runs of the module."""
        chosen = {self[name].name for name in (self if layers is None else layers)}
        for name in self._maps:
            if name in chosen:
                yield name, self._whole(name, chosen).copy()

    def _compute(
        self,
        m: FeatureMap,
        box: Box,
        channels: slice | Sequence[int],
        check: Callable[[], None],
    ) -> Array:
        index = tuple(slice(lo, hi) for lo, hi in box)
        part: Array = self._whole(m.name)[channels][(slice(None), *index)]
        return part.copy()

    def _whole(self, name: str, also: Collection[str] | None = None) -> Array:
        """Give the whole maps of a layer, and keep those computed with them."""
        from napari_convnet.model.foreign import shape_of

        with self._lock:
            stamp = _stamp(self.network.module)
            if stamp != self._stamp:
                self._held.clear()
                self._stamp = stamp
            if name in self._held:
                return self._held[name]
            self._held.clear()
            names = self._together(name, self._maps if also is None else also)
            x = as_input(self.source, self._first)
            for each, tensor in self.network.outputs(x, names).items():
                if shape_of(tensor) == self._maps[each].shape:
                    self._held[each] = _numpy(tensor, self.dtype).reshape(self._maps[each].shape)
            if name not in self._held:
                raise UserError(
                    f"the module took another way this time, and {name} was not computed as before",
                    "ask for its maps anew",
                )
            return self._held[name]

    def _together(self, name: str, among: Collection[str]) -> list[str]:
        """Choose layers to compute in one run: this one, and those after it as memory allows."""
        order = [each for each in self._maps if each in among or each == name]
        at = order.index(name)
        chosen, left = [name], self._most - self._maps[name].nbytes
        for each in (*order[at + 1 :], *order[:at]):
            left -= self._maps[each].nbytes
            if left < 0:
                break
            chosen.append(each)
        return chosen


def foreign_maps(
    module: Any,
    array: Any,
    *,
    device: Any = None,
    dtype: DTypeLike | None = None,
    layers: Collection[str] | None = None,
    cache_bytes: int = DEFAULT_BYTES,
    **place: Any,
) -> ForeignMaps:
    """Give the maps of a module; the arguments are those of `feature_maps`."""
    from napari_convnet.model.foreign import open_module, unwrapped

    module = unwrapped(module)
    first = _first_tensor(module)
    _check_asked(first, device, dtype)
    source, problem = _source(module, array, place)
    try:
        net = open_module(module, as_input(source, first))
    except UserError as error:
        raise problem or error from error.__cause__
    return ForeignMaps(net, source, layers, cache_bytes)


def as_input(source: Source, like: torch.Tensor) -> torch.Tensor:
    """Read an array whole, as a module's input: one image, in its precision, where it is."""
    import torch

    dtype = like.dtype if like.dtype.is_floating_point else torch.float32
    array = source.read(dtype=numpy_kind(dtype))
    # A copy: the module may write to what it is given.
    return torch.tensor(array[None], dtype=dtype, device=like.device)


def _first_tensor(module: torch.nn.Module) -> torch.Tensor:
    """Give a parameter or buffer that says in which precision and where a module computes."""
    import torch

    tensors = [*module.parameters(), *module.buffers()]
    floating = (tensor for tensor in tensors if tensor.dtype.is_floating_point)
    return next(floating, torch.empty(0))


def _check_asked(first: torch.Tensor, device: Any, dtype: DTypeLike | None) -> None:
    """Refuse another device or precision: a module of someone else's is not converted."""
    from napari_convnet.model import pick_device

    if device is not None and pick_device(device).type != first.device.type:
        raise UserError(
            f"the module is on {first.device}",
            f"move it: module.to({str(device)!r}), or leave device out",
        )
    own = str(first.dtype).removeprefix("torch.")
    if dtype is not None and np.dtype(dtype).name != own:
        raise UserError(f"the module computes in {own}", "convert it, or leave dtype out")


def input_form(
    module: Any, shape: Sequence[int], rgb: bool | None = None
) -> tuple[int | None, ...]:
    """Say what a module takes of an array: channels, then None for the size of each axis.

    Parameters
    ----------
    module : nn.Module
        Any module of torch. The first convolution that it holds is taken for the first that runs.
    shape : sequence of int
        Shape of the array, its colours included.
    rgb : bool, optional
        Whether the last axis holds colours; None guesses.

    Raises
    ------
    UserError
        Where it is no module that can be looked into.
    """
    from napari_convnet.model import ConvNet
    from napari_convnet.model.foreign import unwrapped

    module = unwrapped(module)
    if isinstance(module, ConvNet):
        return module.network.input.shape
    hint = _hint(module)
    if hint is not None:
        channels, rank = hint
        return (channels or _channels(shape, rank), *[None] * rank)
    if rgb:
        return (shape[-1], None, None)
    return (shape[0], *[None] * (len(shape) - 1))


def _source(
    module: torch.nn.Module, array: Any, place: Mapping[str, Any]
) -> tuple[Source, UserError | None]:
    """Read an array as a module's input, and say why it is not what the first layer takes."""
    shape = tuple(getattr(array, "shape", None) or np.shape(array))
    if isinstance(array, Sample):
        return open_source(array, (shape[0], *[None] * (len(shape) - 1)), **place), None
    form = input_form(module, shape)
    try:
        return open_source(array, form, **place), None
    except UserError as error:
        if len(shape) < len(form):
            raise
        # Another layer than the first that it holds may run first: as it is, then.
        plain = (shape[0], *[None] * (len(shape) - 1))
        return open_source(array, plain, **place), error


def _hint(module: torch.nn.Module) -> tuple[int, int] | None:
    """Channels and axes that the first convolution takes; 0 channels where it takes any."""
    from torch import nn

    for part in module.modules():
        if isinstance(part, nn.modules.conv._ConvNd):
            return part.in_channels, len(part.kernel_size)
        if isinstance(part, nn.BatchNorm2d | nn.BatchNorm3d):
            return part.num_features, 2 if isinstance(part, nn.BatchNorm2d) else 3
    return None


def _channels(shape: Sequence[int], rank: int) -> int:
    """Channels of an array, for a module that takes any number."""
    if len(shape) <= rank:
        return 1
    coloured = len(shape) == rank + 1 and shape[-1] in COLOURS and min(shape[:-1]) > shape[-1]
    return shape[-1] if coloured else shape[-rank - 1]


def _stamp(module: torch.nn.Module) -> tuple[tuple[int, int], ...]:
    """Say which weights a module has: torch counts the changes of every tensor in place."""
    tensors = [*module.parameters(), *module.buffers()]
    return tuple((t.data_ptr(), -1 if t.is_inference() else t._version) for t in tensors)


def _numpy(tensor: torch.Tensor, dtype: np.dtype[Any]) -> Array:
    return np.array(tensor.cpu().to(torch_kind(dtype)).numpy())
