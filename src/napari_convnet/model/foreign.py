"""Modules that were not built from a document: what each of their layers gives, by forward hooks.

A module of anyone's is run as it is, with whatever its `forward` does; hooks see what goes out of
every module in it. What functions make in between (`x + y`, `torch.cat`) is seen where it goes out
of a module. Nothing of the module is changed: modes are put back, hooks are taken off, also where
the module fails.
"""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter
from torch.utils.weak import WeakIdKeyDictionary

from napari_convnet.network import UserError
from napari_convnet.network.geometry import Field, Matrix, map_matrix

from .foreign_places import Lost, Places

OUTPUT = "output"
"""Name of what goes out of the whole module."""

FILES = (".pt", ".pth", ".torchscript", ".pkl", ".bin")

Seen: TypeAlias = Callable[[str, nn.Module, str, Any], None]
"""Told what goes out of a module: its name, the module, the module's path, and the value."""


@dataclass(frozen=True)
class ForeignLayer:
    """What goes out of one call of a module.

    Parameters
    ----------
    name : str
        The module's path, as `state_dict` writes it; for a later call `NAME-2`, for one of several
        things that go out `NAME[0]` or `NAME[key]`.
    op : str
        Name of the module's class.
    path : str
        The module's path.
    output : tuple of int or None
        (C, *spatial), or as many axes as there are; None for what is no tensor.
    fields : tuple of Field or None
        Receptive field per axis; None where no place is known.
    why : str
        Why no place is known, or why there are no maps.
    parameters : int
        Number of the module's own parameters.
    """

    name: str
    op: str
    path: str
    output: tuple[int, ...] | None
    fields: tuple[Field, ...] | None = None
    why: str = ""
    parameters: int = 0

    @property
    def text(self) -> str:
        """What it is, as a document's line would say."""
        return self.op

    @property
    def receptive_field(self) -> tuple[int, ...] | None:
        """Input pixels that an output sees, per axis."""
        return None if self.fields is None else tuple(-(-f.size // 1) for f in self.fields)

    @property
    def jump(self) -> tuple[float, ...] | None:
        """Input pixels from one output to the next, per axis."""
        return None if self.fields is None else tuple(float(f.jump) for f in self.fields)

    @property
    def start(self) -> tuple[float, ...] | None:
        """Centre of what output 0 sees, in input index coordinates, per axis."""
        return None if self.fields is None else tuple(float(f.start) for f in self.fields)

    @property
    def matrix(self) -> Matrix | None:
        """Homogeneous matrix from the map's indices to the input's."""
        return None if self.fields is None else map_matrix(self.fields)


@dataclass(frozen=True, eq=False)
class ForeignNet:
    """A module of anyone's, and what its layers give for an input of some size.

    Parameters
    ----------
    module : nn.Module
        The module.
    layers : tuple of ForeignLayer
        What goes out of its modules, in execution order.
    """

    module: nn.Module
    layers: tuple[ForeignLayer, ...]

    def __getitem__(self, name: str) -> ForeignLayer:
        return next(layer for layer in self.layers if layer.name == name)

    def __iter__(self) -> Iterator[ForeignLayer]:
        return iter(self.layers)

    def outputs(self, x: Tensor, names: Collection[str]) -> dict[str, Tensor]:
        """Compute outputs of layers, each a copy of its own.

        Parameters
        ----------
        x : Tensor
            The input, (1, C, spatial...).
        names : collection of str
            Names of layers. The module is not run further than the last of them.
        """
        found: dict[str, Tensor] = {}

        def seen(name: str, module: nn.Module, path: str, value: Any) -> None:
            if name in names and isinstance(value, Tensor):
                # At once: an activation in place would overwrite it.
                found[name] = value.detach().clone()
            if len(found) == len(names):
                raise _Enough

        _run(self.module, x, seen)
        return {layer.name: found[layer.name] for layer in self.layers if layer.name in found}

    def kernels(self, name: str) -> Tensor:
        """Copy the kernels of a convolution, (outputs, inputs, spatial...).

        Raises
        ------
        UserError
            Where the layer has none.
        """
        layer = self[name]
        weight = getattr(self.module.get_submodule(layer.path), "weight", None)
        if not isinstance(weight, Tensor) or weight.ndim < 3:
            raise UserError(f"{name} ({layer.op}) has no kernels")
        return weight.detach().clone()


class _Enough(BaseException):
    """Everything asked for has been seen; no `except Exception` of the module stops it."""


def unwrapped(module: object) -> nn.Module:
    """Give the module that can be looked into.

    Parameters
    ----------
    module : nn.Module
        A module, also inside DataParallel or torch.compile.

    Raises
    ------
    UserError
        For programs that hooks cannot look into, and for files.
    """
    if isinstance(module, os.PathLike) or (isinstance(module, str) and module.endswith(FILES)):
        raise UserError(
            f"{os.fspath(module)} is a file: a network in it would have to run code of its own",
            "open it where you trust it, and give the module; or name its state dict in a "
            "document's weights:",
        )
    if isinstance(module, torch.jit.ScriptModule | torch.jit.ScriptFunction):
        raise UserError(
            "a TorchScript program cannot be looked into: it runs without Python's hooks",
            "give the Python module that it was made from",
        )
    while True:
        inner = getattr(module, "_orig_mod", None)
        parallel = (nn.DataParallel, nn.parallel.DistributedDataParallel)
        if isinstance(module, parallel):
            inner = module.module
        if not isinstance(inner, nn.Module):
            break
        module = inner
    if not isinstance(module, nn.Module):
        raise UserError(
            f"a {type(module).__name__} is no network",
            "give a pipeline, for example preset('lenet'), or a torch module",
        )
    return module


def open_module(module: nn.Module, example: Tensor) -> ForeignNet:
    """Run a module once, and see what its layers are.

    Parameters
    ----------
    module : nn.Module
        Any module of torch; it is run as in use, not as in training.
    example : Tensor
        An input, (1, C, spatial...).

    Raises
    ------
    UserError
        Where the module fails on it, or cannot be looked into.
    """
    module = unwrapped(module)
    layers: list[ForeignLayer] = []
    places = Places(example)
    rank = example.ndim - 2

    def seen(name: str, part: nn.Module, path: str, value: Any) -> None:
        layers.append(_layer(name, part, path, value, places, rank))

    with places:
        _run(module, example, seen)
    return ForeignNet(module, tuple(layers))


def _layer(
    name: str, part: nn.Module, path: str, value: Any, places: Places, rank: int
) -> ForeignLayer:
    own = [p for p in part.parameters(recurse=False) if not _is_lazy(p)]
    count = sum(p.numel() for p in own)
    op = type(part).__name__
    why = _no_maps(value)
    if why:
        return ForeignLayer(name, op, path, None, None, why, count)
    shape = shape_of(value)
    fields, why = None, "its axes are not those of the input"
    if len(shape) == 1 or rank < 1:
        why = "it is a vector"
    elif value.ndim == rank + 2 and value.shape[0] == 1:
        track = places.of(value)
        fields, why = (None, track.why) if isinstance(track, Lost) else (track, "")
    return ForeignLayer(name, op, path, shape, fields, why, count)


def _is_lazy(parameter: object) -> bool:
    return isinstance(parameter, UninitializedParameter)


def _no_maps(value: Any) -> str:
    """Say why a value has no maps; empty where it has."""
    if not isinstance(value, Tensor):
        return f"what goes out is no tensor but a {type(value).__name__}"
    if value.layout != torch.strided or value.is_nested or value.is_quantized:
        return "what goes out is no dense tensor"
    if value.is_complex():
        return "what goes out are complex numbers"
    return "" if value.numel() else "what goes out is empty"


def shape_of(tensor: Tensor) -> tuple[int, ...]:
    """Shape of a layer's maps: without the axis of images, of which there is one."""
    shape = tuple(tensor.shape)
    return (shape[1:] if len(shape) > 1 and shape[0] == 1 else shape) or (1,)


# ---------------------------------------------------------------- running


def _run(module: nn.Module, x: Tensor, seen: Seen) -> None:
    """Run a module as in use, and tell what goes out of every module in it."""
    watch = _Watch(module, seen)
    try:
        with _in_use(module), watch.hooks(), torch.no_grad(), torch.random.fork_rng(devices=[]):
            module(x)
    except _Enough:
        pass
    except UserError:
        raise
    except Exception as error:
        what = str(error).strip().splitlines()
        raise UserError(
            f"{type(module).__name__} fails on an input of {'x'.join(map(str, x.shape[1:]))}"
            f"{f' in {watch.inside}' if watch.inside else ''}: "
            f"{type(error).__name__}{f': {what[0]}' if what else ''}",
            "give an array that fits it",
        ) from error


@contextmanager
def _in_use(module: nn.Module) -> Iterator[None]:
    """Set all modules to evaluation, and back; by attribute, since `train` may be anyone's."""
    before = [(part, part.training) for part in module.modules()]
    try:
        for part, _ in before:
            part.training = False
        yield
    finally:
        for part, training in before:
            part.training = training


class _Watch:
    """Hooks on all modules of a module."""

    def __init__(self, module: nn.Module, seen: Seen) -> None:
        self._module, self._seen = module, seen
        self._paths = {part: path for path, part in module.named_modules()}
        self._calls: Counter[str] = Counter()
        self._stack: list[tuple[nn.Module, list[bool]]] = []
        # What has been told already, with the count of its changes in place.
        self._told: Any = WeakIdKeyDictionary()

    @property
    def inside(self) -> str:
        """Path of the innermost module that runs."""
        return self._paths[self._stack[-1][0]] if self._stack else ""

    @contextmanager
    def hooks(self) -> Iterator[None]:
        handles = []
        try:
            for part in self._paths:
                if isinstance(part, torch.jit.ScriptModule) and part is not self._module:
                    continue
                handles.append(part.register_forward_pre_hook(self._enter))
                handles.append(part.register_forward_hook(self._leave))
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _enter(self, part: nn.Module, args: Any) -> None:
        if self._stack:
            self._stack[-1][1].append(True)
        self._stack.append((part, []))

    def _leave(self, part: nn.Module, args: Any, value: Any) -> None:
        # A call that failed, and whose failure was caught, left its entry here.
        while self._stack and self._stack[-1][0] is not part:
            self._stack.pop()
        inner = self._stack.pop()[1] if self._stack else []
        path = self._paths[part]
        new = [each for each in _flat(value) if not (inner and self._is_told(each[1]))]
        if not new:
            return
        base = path or OUTPUT
        self._calls[base] += 1
        count = self._calls[base]
        name = base if count == 1 else f"{base}-{count}"
        for suffix, each in new:
            if isinstance(each, Tensor):
                self._told[each] = _version(each)
            self._seen(name + suffix, part, path, each)

    def _is_told(self, value: Any) -> bool:
        return isinstance(value, Tensor) and self._told.get(value, -2) == _version(value)


def _version(tensor: Tensor) -> int:
    return -1 if tensor.is_inference() else tensor._version


def _flat(value: Any) -> list[tuple[str, Any]]:
    """Take apart what goes out of a module: each thing with what its name ends in."""
    if isinstance(value, Mapping):
        entries: Sequence[tuple[object, Any]] = list(value.items())
    elif isinstance(value, list | tuple):
        entries = list(enumerate(value))
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        entries = [(field.name, getattr(value, field.name)) for field in fields]
    else:
        return [("", value)]
    return [(f"[{key}]{suffix}", each) for key, inner in entries for suffix, each in _flat(inner)]
