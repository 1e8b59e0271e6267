"""The computation of parts of layers: what is needed, layer by layer, and nothing else."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from threading import RLock
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_convnet.network import INPUT, Layer, UserError

from .along import Along
from .chunks import Check, Chunks, Pass, never
from .gathering import NORMS, Gathered, gather
from .keeping import Keeping
from .kinds import numpy_kind
from .regions import Box, Plan, Size, make_plan, volume, whole

if TYPE_CHECKING:
    import torch

    from napari_convnet.model import ConvNet, Patch, Twin

Stamp = tuple[tuple[int, int], ...]

STEP_BYTES = 384 * 2**20
"""Above this a part is computed in pieces, so that memory stays small.

With what is kept, and what an allocator holds back, that is less than 1 GB.
"""


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

    def find(self, name: Hashable, box: Box) -> Patch | None:
        """Find a patch that covers a box; a chunk has the name (layer, index)."""

    @property
    def most_bytes(self) -> int:
        """What all patches together may take."""

    def want(self, owner: Hashable, parts: Sequence[tuple[Hashable, Box]]) -> None:
        """Say which patches, by name and box, some kind of computation begins with next."""

    def put(self, name: Hashable, patch: Patch) -> None:
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


@dataclass(frozen=True, eq=False)
class Continued:
    """An input that goes on beyond its high ends with its last values.

    Parameters
    ----------
    reader : Reader
        The input.
    shape : tuple of int
        Channels, and sizes no smaller than its own.
    """

    reader: Reader
    shape: Size

    def read(self, box: Box | None = None, dtype: Any = np.float32) -> NDArray[Any]:
        """Read a box, (C, *box)."""
        box = whole(self.shape) if box is None else box
        ends = self.reader.shape[1:]
        inside = [(min(lo, n - 1), min(hi, n)) for (lo, hi), n in zip(box, ends, strict=True)]
        part = self.reader.read(tuple(inside), dtype)
        more = [(0, hi - lo - n) for (lo, hi), n in zip(box, part.shape[1:], strict=True)]
        return np.pad(part, [(0, 0), *more], mode="edge") if any(map(any, more)) else part


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
        The input; continued where `shapes` has a larger one.
    store : Store
        Where what was computed is kept.

    Notes
    -----
    Layers that depend on everything (norms, global pools) are computed from the whole of their
    input where that is small. Else what they need to know of it is gathered first, in one pass over
    its parts, and kept: from then on a part of a norm needs no more than that part of its input.

    Where all layers together are large, parts are computed in pieces and kept in chunks; see
    `Chunks`.
    """

    layers: Sequence[Layer]
    weights: Twins
    shapes: Mapping[str, Size]
    source: Reader
    store: Store
    _gathered: dict[str, Gathered] = field(default_factory=dict)
    _passes: dict[str, Pass] = field(default_factory=dict)
    _rows: dict[Hashable, int] = field(default_factory=dict)
    _stamp: Stamp = ()
    _modules: Mapping[str, Twin] | None = None
    _lock: Any = field(default_factory=RLock)

    def __post_init__(self) -> None:
        if self.source.shape != self.shapes[INPUT]:
            self.source = Continued(self.source, self.shapes[INPUT])

    @cached_property
    def _total(self) -> int:
        """Bytes of all layers together."""
        count = sum(shape[0] * volume(whole(shape)) for shape in self.shapes.values())
        return count * self.weights.dtype.itemsize

    def forget(self) -> None:
        """Forget all that was computed: the input's values have changed."""
        self.store.clear()
        self._gathered.clear()
        self._passes.clear()
        self._rows.clear()

    def plan(self, wanted: Mapping[str, Box]) -> Plan:
        """Plan the computation of parts of layers, as if nothing of them were there yet."""
        return make_plan(self.layers, self.shapes, wanted, local=self._gathered)

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
            plan = self._plan(wanted, {})
        if self.is_large and self._bytes(plan) > STEP_BYTES:
            # Together they take too much memory: one after the other.
            for layer in self.layers:
                if layer.name in wanted:
                    name, box = layer.name, wanted[layer.name]
                    yield name, self.chunks(name, box).part(name, box)
            return
        yield from self._stream(twins, wanted)

    def compute(self, name: str, box: Box, check: Check = never) -> torch.Tensor:
        """Compute a part of one layer, (C, *box)."""
        if self.is_large:
            return self.chunks(name, box, check).part(name, box)
        ((_, tensor),) = self.stream({name: box})
        return tensor

    def pieces(
        self, name: str, box: Box, check: Check = never
    ) -> Iterator[tuple[Box, torch.Tensor]]:
        """Compute a part of one layer in pieces that take little memory each.

        Parameters
        ----------
        name, box : str, Box
            The part of which layer.
        check : callable
            Called now and then; what it raises ends the computation.

        Yields
        ------
        Box, torch.Tensor
            A piece and its values, (C, *box).
        """
        if self.is_large:
            yield from self.chunks(name, box, check).pieces(name, box)
        else:
            yield box, self.compute(name, box)

    @property
    def is_large(self) -> bool:
        """Whether all layers together are too large to be held: then they are kept in chunks."""
        return self._total > STEP_BYTES

    def chunks(self, name: str, box: Box, check: Check = never) -> Chunks:
        """Give what computes a part of a layer in pieces, along the axis it is thin in."""
        return Chunks(self, STEP_BYTES, check, Along.thinnest(box, self.shapes[name]))

    @cached_property
    def keeping(self) -> Keeping:
        """Give what chooses the chunks to keep."""
        layers = [layer for layer in self.layers if layer.name in self.shapes]
        return Keeping(layers, self.shapes, self.weights.dtype.itemsize)

    def _bytes(self, plan: Plan) -> int:
        return plan.positions(self.shapes) * self.weights.dtype.itemsize

    # ------------------------------------------------------------ computing
    def _stream(
        self, twins: Mapping[str, Twin], wanted: Mapping[str, Box]
    ) -> Iterator[tuple[str, torch.Tensor]]:
        with self._lock:
            held: dict[str, Patch] = {}
            plan = self._plan(wanted, held)
            if plan.input is not None:
                held[INPUT] = self._read(plan.input)
        left = Counter(name for layer in plan.layers for name in layer.inputs)
        compute = {layer.name for layer in plan.layers}
        for layer in self.layers:
            name = layer.name
            if name in compute:
                held[name] = self._computed(twins[name], layer, plan.boxes[name], held)
                self.store.put(name, held[name])
                left.subtract(layer.inputs)
                for source in layer.inputs:
                    if not left[source]:
                        held.pop(source, None)
            if name in wanted:
                yield name, held[name].cut(wanted[name])[0]
            if name in held and not left[name]:
                del held[name]

    def _plan(self, wanted: Mapping[str, Box], held: dict[str, Patch]) -> Plan:
        """Plan with what is there, and put that into `held`."""

        def have(name: str, box: Box) -> bool:
            patch = self._kept(name, box)
            if patch is not None:
                held[name] = patch
            return patch is not None

        return make_plan(self.layers, self.shapes, wanted, have, self._gathered)

    def _kept(self, name: str, box: Box) -> Patch | None:
        import torch

        from napari_convnet.model import Patch

        known = self._gathered.get(name)
        return Patch.whole(known) if isinstance(known, torch.Tensor) else self.store.find(name, box)

    def _twins(self) -> Mapping[str, Twin]:
        stamp = self.weights.stamp()
        if stamp != self._stamp:
            self.forget()
        if stamp != self._stamp or self._modules is None:
            self._stamp, self._modules = stamp, self.weights.current()
        return self._modules

    def _read(self, box: Box) -> Patch:
        import torch

        from napari_convnet.model import Patch

        array = self.source.read(box, numpy_kind(self.weights.dtype))
        # torch warns of arrays that it may not write to; nothing here writes to its input.
        array = array if array.flags.writeable else array.copy()
        data = torch.from_numpy(array)[None].to(self.weights.device, self.weights.dtype)
        return Patch(data, tuple(lo for lo, _ in box), self.shapes[INPUT][1:])

    def _computed(self, twin: Twin, layer: Layer, box: Box, held: Mapping[str, Patch]) -> Patch:
        import torch

        from napari_convnet.model import Patch

        shape = self.shapes[layer.name]
        patches = [held[name] for name in layer.inputs]
        with self._lock, torch.inference_mode():
            try:
                if box == whole(shape) and all(patch.is_whole for patch in patches):
                    data = in_use(twin, [patch.data for patch in patches])
                elif isinstance(layer.kind, NORMS):
                    data = self._normalised(twin, layer.name, box, patches[0])
                else:
                    data = twin.region(box, *patches)
            except UserError as error:
                raise error.at(layer=layer.name) from None
        return Patch(data, tuple(lo for lo, _ in box), shape[1:])

    def _normalised(self, twin: Twin, name: str, box: Box, patch: Patch) -> torch.Tensor:
        """Normalise a part; the statistics are of the whole input, here or gathered before."""
        from napari_convnet.model.twins.norm import GroupedNorm, Statistics

        assert isinstance(twin, GroupedNorm)
        if name not in self._gathered:
            self._gathered[name] = gather(twin, [patch.data])
        statistics = self._gathered[name]
        assert isinstance(statistics, Statistics)
        return twin.normalise(patch.cut(box), statistics)


def in_use(twin: Twin, inputs: list[torch.Tensor]) -> torch.Tensor:
    """Run a layer as in use, not as in training, and leave its mode as it was."""
    training = twin.training
    if training:
        twin.training = False
    try:
        result: torch.Tensor = twin(*inputs)
        return result
    finally:
        if training:
            twin.training = True
