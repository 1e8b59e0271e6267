"""Convolutions that slide over a map: dense, grouped, depthwise, separable, locally connected."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from ..problems import UserError, did_you_mean, quoted
from .explained import count, product
from .kernelled import (
    PADDING_FLAGS,
    WINDOW_DEFAULTS,
    WindowedKernels,
    group_spelled,
    grouped,
    kernel_option,
    main_kernel,
)
from .options import Options, bias_wanted
from .shapes import Shape
from .signature import Main, Signature
from .window import window_options

Table = tuple[tuple[int, ...], ...]
"""For each output of a convolution, the inputs that it is connected with, from 0."""

CONNECTIONS: dict[str, Table] = {
    "lenet5": (
        *((0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5)),
        *((0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5)),
        *((0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5)),
        (0, 1, 2, 3, 4, 5),
    )
}
"""Named connection tables.

``lenet5`` is that of layer C3 in LeCun, Bottou, Bengio and Haffner, Gradient-based learning applied
to document recognition, Proc. IEEE 86 (1998), table I: 60 of the 96 pairs.
"""


@dataclass(frozen=True, kw_only=True)
class _Convolution(WindowedKernels):
    """The way in which the convolutions read their call."""

    @classmethod
    def _make(cls, options: Options, incoming: Shape, bias: bool) -> Self:
        own = cls._own(options, incoming)
        window = window_options(options, cls._kernel(options), "same")
        bias = bias_wanted(options, bias)
        return cls(incoming=incoming, bias=bias, **own, **window)  # type: ignore[arg-type]

    @classmethod
    def _own(cls, options: Options, incoming: Shape) -> dict[str, Any]:
        """Read what this kind of convolution has besides its window, as keyword arguments."""
        return {"out": cls._count(options)}

    @classmethod
    def _kernel(cls, options: Options) -> tuple[int, ...]:
        return kernel_option(options, 3)


@dataclass(frozen=True, kw_only=True)
class Conv(_Convolution):
    """Convolution (cross-correlation): each output is a weighted sum over a window, plus a bias.

    Parameters
    ----------
    groups : int
        Inputs and outputs are split into so many groups, which do not mix.
    connect : tuple of tuple of int
        For each output the inputs it is connected with; empty where it is with all of its group.
    """

    groups: int = 1
    connect: Table = ()

    word: ClassVar[str] = "conv"
    title: ClassVar[str] = "Convolution"
    help: ClassVar[str] = (
        "Slides a small kernel over the map; each of its outputs is one feature map."
    )
    formula: ClassVar[str] = "y[o, i] = b[o] + sum over c, j of w[o, c, j] x[c, s i - p + d j]"
    example: ClassVar[str] = "conv 6 k5"
    signature: ClassVar[Signature] = Signature(
        Main("outputs"), "kspdg", PADDING_FLAGS, WINDOW_DEFAULTS
    )
    parameters_formula: ClassVar[str] = "outputs × inputs / g × kernel"
    macs_formula: ClassVar[str] = "places × outputs × inputs / g × kernel"

    @classmethod
    def _own(cls, options: Options, incoming: Shape) -> dict[str, Any]:
        out = cls._count(options)
        return {"out": out, "groups": grouped(options, incoming[0] or 1, out)}

    @property
    def links(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Output and input of every link of a connection table, in the order of its weights."""
        pairs = [(out, one) for out, inputs in enumerate(self.connect) for one in inputs]
        outs, ins = zip(*pairs, strict=True)
        return outs, ins

    @property
    def dense_shape(self) -> tuple[int, ...]:
        """Shape of the weight with every link of a connection table in its place."""
        return (self.out, self.inputs // self.groups, *self.kernel)

    def kernels(self) -> dict[str, tuple[int, ...]]:
        """Weight (outputs, inputs / groups, kernel); with a connection table (links, kernel)."""
        if self.connect:
            return {"weight": (sum(map(len, self.connect)), *self.kernel)}
        return {"weight": self.dense_shape}

    def connected(self, table: str | Sequence[Sequence[int]]) -> Conv:
        """Give the same convolution with a connection table.

        Parameters
        ----------
        table : str or sequence of sequences of int
            For each output the inputs it is connected with, from 0; or the name of such a table.

        Raises
        ------
        UserError
            Where there is no table of that name, or it does not fit.
        """
        if self.groups != 1:
            raise UserError("a connection table goes with g1 only", "delete the groups or connect")
        rows = _named_table(table) if isinstance(table, str) else tuple(map(tuple, table))
        if len(rows) != self.out:
            raise UserError(
                f"connect has {len(rows)} rows for {self.out} outputs", "give one for each output"
            )
        for index, row in enumerate(rows):
            _check_row(index, row, self.inputs)
        return replace(self, connect=rows)

    # ------------------------------------------------------------ reasons
    def _parameters_formula(self) -> str:
        return self._fitting(super()._parameters_formula())

    def _macs_formula(self) -> str:
        return self._fitting(super()._macs_formula())

    def _fitting(self, formula: str) -> str:
        """Take groups out of a formula where there are none, and put links in."""
        if self.connect:
            return formula.replace("outputs × inputs / g", "links")
        return formula if self.groups > 1 else formula.replace(" / g", "")

    def _kernels_spelled(self) -> str:
        if self.connect:
            return product(self.kernels()["weight"])
        return product([self.out, group_spelled(self.inputs, self.groups), *self.kernel])


def _named_table(name: str) -> Table:
    if name not in CONNECTIONS:
        known = " and ".join(CONNECTIONS)
        raise UserError(
            f"no connection table is called {quoted(name)}",
            did_you_mean(name, CONNECTIONS, f"there is {known}; or list the inputs of each output"),
        )
    return CONNECTIONS[name]


def _check_row(index: int, row: Sequence[int], inputs: int) -> None:
    where = f"row {index + 1} of connect"
    wrong = [one for one in row if not 0 <= one < inputs]
    if wrong:
        raise UserError(
            f"{where} names input {wrong[0]}, but {inputs} channels come in",
            f"they count from 0 to {inputs - 1}",
        )
    if not row:
        raise UserError(f"{where} is empty", "an output needs at least one input")
    if len(set(row)) < len(row):
        raise UserError(f"{where} names an input twice", "name each once")


@dataclass(frozen=True, kw_only=True)
class Depthwise(_Convolution):
    """Depthwise convolution: every channel has a kernel of its own (or `multiplier` of them)."""

    multiplier: int = 1

    word: ClassVar[str] = "dw"
    title: ClassVar[str] = "Depthwise convolution"
    help: ClassVar[str] = "Filters each channel by itself: channels are not mixed."
    formula: ClassVar[str] = "y[c m + q, i] = b + sum over j of w[c m + q, j] x[c, s i - p + d j]"
    example: ClassVar[str] = "dw 3"
    signature: ClassVar[Signature] = Signature(
        Main("kernel", "sizes", 3), "kspdm", PADDING_FLAGS, WINDOW_DEFAULTS
    )
    parameters_formula: ClassVar[str] = "inputs × m × kernel"
    macs_formula: ClassVar[str] = "places × inputs × m × kernel"

    @classmethod
    def _own(cls, options: Options, incoming: Shape) -> dict[str, Any]:
        multiplier = options.one("m", 1, 1)
        return {"out": (incoming[0] or 1) * multiplier, "multiplier": multiplier}

    @classmethod
    def _kernel(cls, options: Options) -> tuple[int, ...]:
        return main_kernel(options, 3)

    def kernels(self) -> dict[str, tuple[int, ...]]:
        """Weight (outputs, 1, kernel)."""
        return {"weight": (self.out, 1, *self.kernel)}

    def _kernels_spelled(self) -> str:
        return product([self.inputs, self.multiplier, *self.kernel])


@dataclass(frozen=True, kw_only=True)
class Separable(_Convolution):
    """Depthwise separable convolution: a depthwise one, then a 1x1 one that mixes the channels."""

    word: ClassVar[str] = "sep"
    title: ClassVar[str] = "Depthwise separable convolution"
    help: ClassVar[str] = (
        "Filters each channel by itself, then mixes them: far fewer multiplications."
    )
    formula: ClassVar[str] = (
        "y[o, i] = b[o] + sum over c of v[o, c] sum over j of w[c, j] x[c, s i - p + d j]"
    )
    example: ClassVar[str] = "sep 72 k3"
    parameters_formula: ClassVar[str] = "inputs × kernel + outputs × inputs"
    macs_formula: ClassVar[str] = "places × (inputs × kernel + outputs × inputs)"

    def kernels(self) -> dict[str, tuple[int, ...]]:
        """Depthwise (inputs, 1, kernel) and pointwise (outputs, inputs, 1...)."""
        return {
            "depthwise": (self.inputs, 1, *self.kernel),
            "pointwise": (self.out, self.inputs, *(1,) * self.rank),
        }

    def _kernels_spelled(self) -> str:
        return f"{product([self.inputs, *self.kernel])} + {product([self.out, self.inputs])}"

    def macs_numbers(self) -> str:
        """Both steps with their results, as textbooks put it: ``972 + 7,776``."""
        places = [n or 1 for n in self._places()]
        if None in self._places():
            return super().macs_numbers()
        first = math.prod([*places, self.inputs, *self.kernel])
        second = math.prod([*places, self.out, self.inputs])
        return f"{super().macs_numbers()} = {count(first)} + {count(second)}"


@dataclass(frozen=True, kw_only=True)
class Local(_Convolution):
    """Locally connected layer: a convolution whose kernel differs from place to place."""

    word: ClassVar[str] = "local"
    title: ClassVar[str] = "Locally connected"
    help: ClassVar[str] = "Like a convolution, but with a kernel of its own at every place."
    formula: ClassVar[str] = (
        "y[o, i] = b[o, i] + sum over c, j of w[i, o, c, j] x[c, s i - p + d j]"
    )
    example: ClassVar[str] = "local 4 k3"
    parameters_formula: ClassVar[str] = "places × outputs × inputs × kernel"
    macs_formula: ClassVar[str] = "places × outputs × inputs × kernel"

    @classmethod
    def _own(cls, options: Options, incoming: Shape) -> dict[str, Any]:
        if None in incoming:
            raise options.call.word.error(
                "local needs every size of the map", "write numbers for ? in the input line"
            )
        return super()._own(options, incoming)

    def _places(self) -> tuple[int, ...]:
        return tuple(n for n in self.output()[1:] if n is not None)

    def kernels(self) -> dict[str, tuple[int, ...]]:
        """Weight (places..., outputs, inputs, kernel)."""
        return {"weight": (*self._places(), self.out, self.inputs, *self.kernel)}

    def biases(self) -> tuple[int, ...]:
        """One for each output and place."""
        return (self.out, *self._places())

    def uses(self, *incomings: Shape) -> int | None:
        """Every weight is used once."""
        return 1

    def macs_numbers(self) -> str:
        """Every weight once."""
        return self._kernels_spelled()
