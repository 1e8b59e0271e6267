"""Activations: a function of each value by itself (softmax: of a position's channels)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from .base import Op
from .options import Options
from .shapes import Shape
from .signature import Main, Signature


@dataclass(frozen=True, kw_only=True)
class Activation(Op):
    """What all activations have in common."""

    family: ClassVar[str] = "activation"

    @classmethod
    def _make(cls, options: Options, incoming: Shape, bias: bool) -> Self:
        return cls(incoming=incoming)


@dataclass(frozen=True, kw_only=True)
class Relu(Activation):
    """Rectifier: negative values become zero; with a cap, values above it become the cap."""

    cap: float | None = None

    word: ClassVar[str] = "relu"
    title: ClassVar[str] = "ReLU"
    help: ClassVar[str] = "Sets negative values to zero; relu 6 also stops at 6."
    formula: ClassVar[str] = "y = max(x, 0), or min(max(x, 0), cap)"
    example: ClassVar[str] = "relu"
    signature: ClassVar[Signature] = Signature(Main("cap", "real", None, 0))

    @classmethod
    def _make(cls, options: Options, incoming: Shape, bias: bool) -> Self:
        cap = options.main[0] if options.main else None
        if cap == 0:
            raise options.word("number").error("a cap of 0 leaves nothing", "write relu 6, or relu")
        return cls(incoming=incoming, cap=cap)


@dataclass(frozen=True, kw_only=True)
class Leaky(Activation):
    """Leaky rectifier: negative values are made small, not zero."""

    slope: float

    word: ClassVar[str] = "leaky"
    title: ClassVar[str] = "Leaky ReLU"
    help: ClassVar[str] = "Makes negative values small instead of zero."
    formula: ClassVar[str] = "y = x for x > 0, else slope x"
    example: ClassVar[str] = "leaky .1"
    signature: ClassVar[Signature] = Signature(Main("slope", "real", 0.01))

    @classmethod
    def _make(cls, options: Options, incoming: Shape, bias: bool) -> Self:
        return cls(incoming=incoming, slope=options.main[0] if options.main else 0.01)


@dataclass(frozen=True, kw_only=True)
class Prelu(Activation):
    """Parametric rectifier: a leaky rectifier whose slope is learned for each channel."""

    word: ClassVar[str] = "prelu"
    title: ClassVar[str] = "PReLU"
    help: ClassVar[str] = "A leaky ReLU that learns its slope, one per channel."
    formula: ClassVar[str] = "y = x for x > 0, else w[c] x"
    example: ClassVar[str] = "prelu"
    parameters_formula: ClassVar[str] = "channels"

    def weights(self) -> dict[str, tuple[int, ...]]:
        """Weight (channels,): the slopes."""
        return {"weight": (self.channels,)}


@dataclass(frozen=True, kw_only=True)
class Elu(Activation):
    """Exponential linear unit."""

    alpha: float

    word: ClassVar[str] = "elu"
    title: ClassVar[str] = "ELU"
    help: ClassVar[str] = "Like ReLU, but negative values level off smoothly at -alpha."
    formula: ClassVar[str] = "y = x for x > 0, else alpha (exp(x) - 1)"
    example: ClassVar[str] = "elu"
    signature: ClassVar[Signature] = Signature(Main("alpha", "real", 1.0))

    @classmethod
    def _make(cls, options: Options, incoming: Shape, bias: bool) -> Self:
        return cls(incoming=incoming, alpha=options.main[0] if options.main else 1.0)


@dataclass(frozen=True, kw_only=True)
class Selu(Activation):
    """Scaled exponential linear unit."""

    word: ClassVar[str] = "selu"
    title: ClassVar[str] = "SELU"
    help: ClassVar[str] = "An ELU scaled so that deep stacks keep mean 0 and deviation 1."
    formula: ClassVar[str] = "y = 1.0507 x for x > 0, else 1.7581 (exp(x) - 1)"
    example: ClassVar[str] = "selu"


@dataclass(frozen=True, kw_only=True)
class Gelu(Activation):
    """Gaussian error linear unit."""

    word: ClassVar[str] = "gelu"
    title: ClassVar[str] = "GELU"
    help: ClassVar[str] = (
        "A smooth ReLU: the value times the chance that a normal number is below it."
    )
    formula: ClassVar[str] = "y = x Phi(x)"
    example: ClassVar[str] = "gelu"


@dataclass(frozen=True, kw_only=True)
class Silu(Activation):
    """Sigmoid linear unit, or swish."""

    word: ClassVar[str] = "silu"
    title: ClassVar[str] = "SiLU (swish)"
    help: ClassVar[str] = "A smooth ReLU: the value times its sigmoid."
    formula: ClassVar[str] = "y = x / (1 + exp(-x))"
    example: ClassVar[str] = "silu"


@dataclass(frozen=True, kw_only=True)
class Sigmoid(Activation):
    """Logistic function."""

    word: ClassVar[str] = "sigmoid"
    title: ClassVar[str] = "Sigmoid"
    help: ClassVar[str] = "Squeezes values into 0 to 1."
    formula: ClassVar[str] = "y = 1 / (1 + exp(-x))"
    example: ClassVar[str] = "sigmoid"


@dataclass(frozen=True, kw_only=True)
class Tanh(Activation):
    """Hyperbolic tangent."""

    word: ClassVar[str] = "tanh"
    title: ClassVar[str] = "tanh"
    help: ClassVar[str] = "Squeezes values into -1 to 1."
    formula: ClassVar[str] = "y = tanh(x)"
    example: ClassVar[str] = "tanh"


@dataclass(frozen=True, kw_only=True)
class Scaledtanh(Activation):
    """LeCun's scaled hyperbolic tangent.

    References
    ----------
    LeCun, Bottou, Bengio and Haffner, Gradient-based learning applied to document recognition,
    Proc. IEEE 86 (1998), appendix A: A = 1.7159, S = 2/3, so that f(1) = 1 and f(-1) = -1.
    """

    word: ClassVar[str] = "scaledtanh"
    title: ClassVar[str] = "Scaled tanh"
    help: ClassVar[str] = "LeCun's tanh, stretched so that 1 stays 1."
    formula: ClassVar[str] = "y = 1.7159 tanh(2 x / 3)"
    example: ClassVar[str] = "scaledtanh"


@dataclass(frozen=True, kw_only=True)
class Hardswish(Activation):
    """Piecewise approximation of swish."""

    word: ClassVar[str] = "hardswish"
    title: ClassVar[str] = "Hard swish"
    help: ClassVar[str] = "A cheap SiLU made of straight pieces."
    formula: ClassVar[str] = "y = x min(max(x + 3, 0), 6) / 6"
    example: ClassVar[str] = "hardswish"


@dataclass(frozen=True, kw_only=True)
class Softmax(Activation):
    """Softmax over the channels: positive values that add up to one."""

    word: ClassVar[str] = "softmax"
    title: ClassVar[str] = "Softmax"
    help: ClassVar[str] = "Turns the channels at each position into probabilities."
    formula: ClassVar[str] = "y[c] = exp(x[c]) / sum over k of exp(x[k])"
    example: ClassVar[str] = "softmax"
