"""The network: layers in the order in which they are computed, with all that follows from it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from .geometry import Field, Matrix, map_matrix
from .items import Extras, Input, RowPath
from .ops import Op, Shape
from .problems import Place, Problem

Number = TypeVar("Number", int, float)

INPUT = "input"
"""Name of what comes into the network, as an input of layers."""


@dataclass(frozen=True)
class Layer:
    """One op of a network, at its place.

    Parameters
    ----------
    name : str
        Its name: that of its napari layer, and of its weights.
    kind : Op
        The op, bound to what comes in.
    inputs : tuple of str
        Names of the layers it reads; ``"input"`` is the network's input.
    output : tuple of int or None
        Channels, then spatial sizes.
    fields : tuple of Field or None
        Receptive field per axis; None after flatten or a global pool.
    row : tuple of int
        Path of the row of the network that it comes from.
    place : Place, optional
        Where its call stands in the text.
    text : str
        Its call, as written.
    extras : Extras
        Hand-made kernels and the like.
    via : tuple of paths
        Rows of blocks that it comes from, the outermost block's first; empty outside blocks.
    """

    name: str
    kind: Op
    inputs: tuple[str, ...]
    output: Shape
    fields: tuple[Field, ...] | None
    row: RowPath = ()
    place: Place | None = None
    text: str = ""
    extras: Extras = field(default_factory=Extras)
    via: tuple[RowPath, ...] = ()

    @property
    def op(self) -> str:
        """Word of the op: ``conv``, ``relu``."""
        return self.kind.word

    @cached_property
    def parameters(self) -> int:
        """Number of trained parameters."""
        return self.kind.parameters

    @cached_property
    def macs(self) -> int | None:
        """Multiply-adds of one forward pass; None where a size is not fixed."""
        return self.kind.macs()

    @cached_property
    def bytes(self) -> int | None:
        """Memory of the output in float32, for one input; None where a size is not fixed."""
        return None if None in self.output else 4 * math.prod(n or 1 for n in self.output)

    @cached_property
    def receptive_field(self) -> tuple[int, ...] | None:
        """Input pixels that an output sees, per axis."""
        return _each(self.fields, lambda field: math.ceil(field.size))

    @cached_property
    def jump(self) -> tuple[float, ...] | None:
        """Input pixels from one output to the next, per axis."""
        return _each(self.fields, lambda field: float(field.jump))

    @cached_property
    def start(self) -> tuple[float, ...] | None:
        """Centre of what output 0 sees, in input index coordinates, per axis."""
        return _each(self.fields, lambda field: float(field.start))

    @cached_property
    def matrix(self) -> Matrix | None:
        """Homogeneous matrix from the map's indices to the input's."""
        return None if self.fields is None else map_matrix(self.fields)

    def as_dict(self) -> dict[str, Any]:
        """Give the layer as ``describe --json`` prints it."""
        return {
            "name": self.name,
            "op": self.op,
            "output": list(self.output),
            "parameters": self.parameters,
            "macs": self.macs,
            "receptive_field": _numbers(self.receptive_field),
            "jump": _numbers(self.jump),
            "start": _numbers(self.start),
            "bytes": self.bytes,
        }


def _each(
    fields: tuple[Field, ...] | None, value: Callable[[Field], Number]
) -> tuple[Number, ...] | None:
    return None if fields is None else tuple(map(value, fields))


def _numbers(values: tuple[float, ...] | None) -> list[float] | None:
    """Numbers for JSON: whole ones without a fraction."""
    return None if values is None else [int(v) if v == int(v) else v for v in values]


@dataclass(frozen=True)
class Totals:
    """Sums over all layers; None where a size is not fixed."""

    parameters: int
    macs: int | None
    bytes: int | None


@dataclass(frozen=True)
class Network:
    """A network, analysed as far as it is right.

    Parameters
    ----------
    input : Input
        What comes in.
    layers : tuple of Layer
        In execution order; up to the first mistake, where there is one.
    problems : tuple of Problem
        All mistakes, in the order of the text.
    aliases : dict
        Further names of layers, by their folded form.
    warnings : tuple of Problem
        What is right, but hardly meant.
    last : str
        Name of the layer that goes out; empty for the last one of `layers`.
    ends : dict
        For each row, by its path, the name of the layer that goes on from it.
    padding : tuple of int
        By how much the nominal input is continued at the high end of each axis, where joins do not
        fit on its own sizes. Outputs of layers are without what that adds, their ops with it.
    """

    input: Input
    layers: tuple[Layer, ...]
    problems: tuple[Problem, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[Problem, ...] = ()
    last: str = ""
    ends: Mapping[RowPath, str] = field(default_factory=dict, repr=False)
    padding: tuple[int, ...] = ()

    @cached_property
    def _by_name(self) -> dict[str, Layer]:
        return {layer.name.lower(): layer for layer in self.layers}

    def __getitem__(self, name: str) -> Layer:
        folded = name.lower()
        return self._by_name[self.aliases.get(folded, folded)]

    def __contains__(self, name: object) -> bool:
        folded = str(name).lower()
        return self.aliases.get(folded, folded) in self._by_name

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    @property
    def end(self) -> str:
        """Name of the layer that goes out; ``"input"`` where there is none.

        Not always the last of `layers`: a ``side:`` may stand behind it.
        """
        return self.last or (self.layers[-1].name if self.layers else INPUT)

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """Names of all outputs: layers that no other takes, the end last."""
        taken = {name for layer in self.layers for name in layer.inputs}
        others = [v.name for v in self.layers if v.name not in taken and v.name != self.end]
        return (*others, self.end) if self.layers else ()

    @property
    def output(self) -> Shape:
        """Shape of what goes out."""
        return self.input.shape if self.end == INPUT else self[self.end].output

    @cached_property
    def totals(self) -> Totals:
        """Parameters, multiply-adds and bytes of all layers together."""
        macs = [layer.macs for layer in self.layers]
        sizes = [layer.bytes for layer in self.layers]
        return Totals(
            sum(layer.parameters for layer in self.layers),
            None if None in macs else sum(n or 0 for n in macs),
            None if None in sizes else sum(n or 0 for n in sizes),
        )
