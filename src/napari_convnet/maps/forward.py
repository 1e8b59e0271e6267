"""The computation of parts of layers: what is needed, layer by layer, and nothing else."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from threading import RLock
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_convnet.network import INPUT, Layer, UserError

from .regions import Box, Plan, Size, make_plan, whole

if TYPE_CHECKING:
    import torch

    from napari_convnet.model import ConvNet, Patch, Twin

Stamp = tuple[tuple[int, int], ...]


class Twins(Protocol):
    """The layers' modules, with their weights."""

    @property
    def dtype(self) -> torch.dtype:
        """Precision to compute in."""

    @property
    def device(self) -> torch.device:
        """Where to compute."""

    def stamp(self) -> Stamp:
        """Say which weights these are."""

    def current(self) -> Mapping[str, Twin]:
        """Give the modules by name, with the weights as they are now."""


class Store(Protocol):
    """Where patches are kept between computations."""

    def find(self, name: str, box: Box) -> Patch | None:
        """Find a patch that covers a box."""

    def put(self, name: str, patch: Patch) -> None:
        """Keep a patch."""

    def clear(self) -> None:
        """Forget everything."""


class Reader(Protocol):
    """What the input is read from."""

    @property
    def shape(self) -> Size:
        """Channels and spatial sizes."""

    def read(self, box: Box | None = None, dtype: Any = np.float32) -> NDArray[Any]:
        """Read a box, (C, *box)."""


@dataclass(eq=False)
class Weights:
    """A network's module as it is needed: in some precision, on some device.

    Where the module itself is neither, a converted copy stands in, made anew when the module's
    weights have changed.

    Parameters
    ----------
    module : ConvNet
        The module; it may be trained meanwhile.
    dtype : torch.dtype
        Precision to compute in.
    device : torch.device
        Where to compute.
    """

    module: ConvNet
    dtype: torch.dtype
    device: torch.device
    _copy: ConvNet | None = None
    _stamp: Stamp = ()

    def stamp(self) -> Stamp:
        """Say which weights these are: torch counts the changes of every tensor in place."""
        tensors = [*self.module.parameters(), *self.module.buffers()]
        return tuple((t.data_ptr(), -1 if t.is_inference() else t._version) for t in tensors)

    def current(self) -> Mapping[str, Twin]:
        """Give the modules of the layers, or copies of them that are up to date."""
        tensors = [*self.module.parameters(), *self.module.buffers()]
        if all(t.dtype == self.dtype and t.device == self.device for t in tensors):
            return self.module.twins
        stamp = self.stamp()
        if self._copy is None or stamp != self._stamp:
            self._copy = copy.deepcopy(self.module).to(self.device, self.dtype)
            self._stamp = stamp
        return self._copy.twins


@dataclass(eq=False)
class Forward:
    """Computes parts of the layers of a network.

    Parameters
    ----------
    layers : sequence of Layer
        All layers of the network, in execution order.
    weights : Twins
        Their modules.
    shapes : mapping of str to tuple of int
        Shape of each layer's whole output, and of the input.
    source : Reader
        The input.
    store : Store
        Where what was computed is kept.
    """

    layers: Sequence[Layer]
    weights: Twins
    shapes: Mapping[str, Size]
    source: Reader
    store: Store
    _stamp: Stamp = ()
    _lock: Any = field(default_factory=RLock)

    def plan(self, wanted: Mapping[str, Box]) -> Plan:
        """Plan the computation of parts of layers, as if nothing were there yet."""
        return make_plan(self.layers, self.shapes, wanted)

    def stream(self, wanted: Mapping[str, Box]) -> Iterator[tuple[str, torch.Tensor]]:
        """Compute parts of layers, one layer after the other.

        Parameters
        ----------
        wanted : mapping of str to Box
            The part wanted of each layer.

        Yields
        ------
        str, torch.Tensor
            The layer's name and the part, (C, *box), in execution order; it may share its memory
            with what is kept. Between two of them nothing is computed, and the computation may be
            given up.
        """
        with self._lock:
            twins = self._twins()
            held: dict[str, Patch] = {}
            plan = make_plan(
                self.layers, self.shapes, wanted, lambda name, box: self._kept(held, name, box)
            )
            if plan.input is not None:
                held[INPUT] = self._read(plan.input)
        left = Counter(name for layer in plan.layers for name in layer.inputs)
        compute = {layer.name for layer in plan.layers}
        for layer in self.layers:
            if layer.name in compute:
                held[layer.name] = self._computed(twins, layer, plan, held)
                left.subtract(layer.inputs)
                for name in layer.inputs:
                    if not left[name]:
                        held.pop(name, None)
            if layer.name in wanted:
                yield layer.name, held[layer.name].cut(wanted[layer.name])[0]
                if not left[layer.name]:
                    del held[layer.name]

    def compute(self, name: str, box: Box) -> torch.Tensor:
        """Compute a part of one layer, (C, *box)."""
        ((_, tensor),) = self.stream({name: box})
        return tensor

    def _twins(self) -> Mapping[str, Twin]:
        stamp = self.weights.stamp()
        if stamp != self._stamp:
            self.store.clear()
            self._stamp = stamp
        return self.weights.current()

    def _kept(self, held: dict[str, Patch], name: str, box: Box) -> bool:
        patch = self.store.find(name, box)
        if patch is None:
            return False
        held[name] = patch
        return True

    def _read(self, box: Box) -> Patch:
        import torch

        from napari_convnet.model import Patch

        wide = self.weights.dtype == torch.float64
        array = self.source.read(box, np.float64 if wide else np.float32)
        # torch warns of arrays that it may not write to; nothing here writes to its input.
        array = array if array.flags.writeable else array.copy()
        data = torch.from_numpy(array)[None].to(self.weights.device, self.weights.dtype)
        return Patch(data, tuple(lo for lo, _ in box), self.shapes[INPUT][1:])

    def _computed(
        self, twins: Mapping[str, Twin], layer: Layer, plan: Plan, held: Mapping[str, Patch]
    ) -> Patch:
        import torch

        from napari_convnet.model import Patch

        box, shape = plan.boxes[layer.name], self.shapes[layer.name]
        patches = [held[name] for name in layer.inputs]
        with self._lock, torch.inference_mode():
            try:
                if box == whole(shape) and all(patch.is_whole for patch in patches):
                    data = in_use(twins[layer.name], [patch.data for patch in patches])
                else:
                    data = twins[layer.name].region(box, *patches)
            except UserError as error:
                raise error.at(layer=layer.name) from None
        patch = Patch(data, tuple(lo for lo, _ in box), shape[1:])
        self.store.put(layer.name, patch)
        return patch


def in_use(twin: Twin, inputs: list[torch.Tensor]) -> torch.Tensor:
    """Run a layer as in use, not as in training, and leave its mode as it was."""
    training, twin.training = twin.training, False
    try:
        result: torch.Tensor = twin(*inputs)
        return result
    finally:
        twin.training = training
