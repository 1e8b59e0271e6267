"""Layers over vectors: fully connected, and distances to fixed codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from .base import Op
from .explained import Explained, count
from .kernelled import Kernelled
from .options import Options, bias_wanted
from .shapes import Reach, Shape
from .signature import Main, Signature


@dataclass(frozen=True, kw_only=True)
class Dense(Kernelled):
    """Fully connected layer: every output is a weighted sum of all inputs."""

    word: ClassVar[str] = "fc"
    title: ClassVar[str] = "Fully connected"
    family: ClassVar[str] = "dense"
    help: ClassVar[str] = "Connects every input with every output."
    formula: ClassVar[str] = "y[o] = b[o] + sum over c of w[o, c] x[c]"
    example: ClassVar[str] = "fc 10"
    signature: ClassVar[Signature] = Signature(Main("outputs"), "", ("bias", "nobias"))
    reach: ClassVar[Reach] = "global"
    size_formula: ClassVar[str] = "outputs"
    parameters_formula: ClassVar[str] = "outputs × inputs"
    macs_formula: ClassVar[str] = "outputs × inputs"

    @classmethod
    def _make(cls, options: Options, incoming: Shape, bias: bool) -> Self:
        _check_vector(options, incoming)
        return cls(incoming=incoming, out=cls._count(options), bias=bias_wanted(options, bias))

    def kernels(self) -> dict[str, tuple[int, ...]]:
        """Weight (outputs, inputs)."""
        return {"weight": (self.out, self.inputs)}

    def macs_numbers(self) -> str:
        """Outputs x inputs."""
        return self._kernels_spelled()

    def _explain_sizes(self) -> tuple[Explained, ...]:
        return _length(self.out)


@dataclass(frozen=True, kw_only=True)
class RadialBasis(Op):
    """Radial basis functions: how near a vector is to each of some fixed codes of +1 and -1.

    The codes are drawn from the seed and are not trained; the largest output, which is the least
    distance with a minus sign, names the class.

    References
    ----------
    LeCun, Bottou, Bengio and Haffner, Gradient-based learning applied to document recognition,
    Proc. IEEE 86 (1998), section II.B: LeNet-5's output layer. Its codes are drawings of the
    characters.
    """

    out: int

    word: ClassVar[str] = "rbf"
    title: ClassVar[str] = "Distance to codes"
    family: ClassVar[str] = "dense"
    help: ClassVar[str] = "Compares a vector with fixed codes, one per class: LeNet-5's output."
    formula: ClassVar[str] = "y[o] = - sum over c of (x[c] - code[o, c])^2"
    example: ClassVar[str] = "rbf 10"
    signature: ClassVar[Signature] = Signature(Main("outputs"))
    reach: ClassVar[Reach] = "global"
    size_formula: ClassVar[str] = "outputs"

    @classmethod
    def _make(cls, options: Options, incoming: Shape, bias: bool) -> Self:
        _check_vector(options, incoming)
        return cls(incoming=incoming, out=cls._count(options))

    @property
    def channels(self) -> int:
        """Number of codes."""
        return self.out

    @property
    def codes(self) -> tuple[int, int]:
        """Shape of the codes: (outputs, inputs)."""
        return (self.out, self.incoming[0] or 1)

    def _explain_sizes(self) -> tuple[Explained, ...]:
        return _length(self.out)


def _length(out: int) -> tuple[Explained, ...]:
    return (Explained("length", Dense.size_formula, count(out), count(out)),)


def _check_vector(options: Options, incoming: Shape) -> None:
    word = options.call.word
    if len(incoming) > 1:
        raise word.error(
            f"{word.text} needs a vector, but a map comes in", "put flatten or gap before it"
        )
