"""Ops that multiply with kernels: what convolutions and the dense layer have in common."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from .base import Op
from .explained import product
from .options import Options
from .shapes import Shape, positions
from .signature import MODES, Main, Signature
from .window import Windowed

PADDING_FLAGS = ("valid", "same", "full", "bias", "nobias", *MODES)
WINDOW_DEFAULTS = {
    "k": "3",
    "s": "1",
    "p": "d (k - 1) / 2, for odd k",
    "d": "1",
    "g": "1",
    "m": "1",
}


@dataclass(frozen=True, kw_only=True)
class Kernelled(Op):
    """An op with kernels and, mostly, biases: its multiply-adds are counted.

    Parameters
    ----------
    out : int
        Number of outputs.
    bias : bool
        Whether each output has a bias.
    """

    out: int
    bias: bool = True

    counts_macs: ClassVar[bool] = True

    @property
    def channels(self) -> int:
        """Number of outputs."""
        return self.out

    @property
    def inputs(self) -> int:
        """Number of channels that come in."""
        return self.incoming[0] or 1

    @abstractmethod
    def kernels(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the weights that are multiplied with."""

    def biases(self) -> tuple[int, ...]:
        """Shape of the biases."""
        return (self.out,)

    def weights(self) -> dict[str, tuple[int, ...]]:
        """The kernels, and ``bias`` where there is one."""
        return self.kernels() | ({"bias": self.biases()} if self.bias else {})

    def uses(self, *incomings: Shape) -> int | None:
        """How often each weight is multiplied with something; None where a size is not fixed."""
        return positions(self.output(*incomings))

    def macs(self, *incomings: Shape) -> int | None:
        """Uses of each weight x weights."""
        if not incomings:
            return self._nominal_macs
        uses = self.uses(*incomings)
        each = sum(map(math.prod, self.kernels().values()))
        return None if uses is None else uses * each

    @cached_property
    def _nominal_macs(self) -> int | None:
        # Many layers share an op, and every table asks for this.
        return self.macs(self.incoming)

    # ------------------------------------------------------------ reasons
    def _parameters_formula(self) -> str:
        return self.parameters_formula + (" + biases" if self.bias else "")

    def macs_numbers(self) -> str:
        """Places x weights."""
        kernels = self._kernels_spelled()
        return f"{product(self._places())} × {f'({kernels})' if '+' in kernels else kernels}"

    def parameters_numbers(self) -> str:
        """Weights + biases."""
        return self._kernels_spelled() + (f" + {product(self.biases())}" if self.bias else "")

    def _places(self) -> Shape:
        """Sizes of the map whose places use every weight."""
        return self.output()[1:]

    def _kernels_spelled(self) -> str:
        return " + ".join(product(shape) for shape in self.kernels().values())


@dataclass(frozen=True, kw_only=True)
class WindowedKernels(Kernelled, Windowed):
    """A convolution: slides kernels over a map."""

    family: ClassVar[str] = "convolution"
    signature: ClassVar[Signature] = Signature(
        Main("outputs"), "kspd", PADDING_FLAGS, WINDOW_DEFAULTS
    )


def grouped(options: Options, channels: int, out: int) -> int:
    """Read the number of groups, which must divide inputs and outputs."""
    groups = options.one("g", 1, 1)
    if channels % groups or out % groups:
        raise options.word("g").error(
            f"{groups} groups do not divide {channels} incoming and {out} outgoing channels",
            "use a number that divides both",
        )
    return groups


def group_spelled(channels: int, groups: int) -> str:
    """Spell the channels of a group: ``96`` or ``(96 / 2)``."""
    return str(channels) if groups == 1 else f"({channels} / {groups})"


def kernel_option(options: Options, default: int) -> tuple[int, ...]:
    """Kernel of a call: ``k3``, ``k3x5`` or a bare ``3x5``."""
    given = options.given("sizes", "k")
    if len(given) > 1:
        first, second = (options.word(key).text for key in given)
        raise options.word(given[1]).error(
            f'"{first}" and "{second}" are both kernels', "keep one of them"
        )
    if options.sizes:
        return options.per_axis("sizes", options.sizes, 1)
    return options.letter("k", default, 1)


def main_kernel(options: Options, default: int) -> tuple[int, ...]:
    """Kernel of an op whose bare number is its kernel."""
    given = options.given("number", "sizes", "k")
    if len(given) > 1:
        first, second = (options.word(key).text for key in given[:2])
        raise options.word(given[1]).error(
            f'"{first}" and "{second}" are both kernels', "keep one of them"
        )
    if options.main:
        return options.per_axis("number", options.main, 1)
    return kernel_option(options, default)
