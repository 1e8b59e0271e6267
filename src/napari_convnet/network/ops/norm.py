"""Normalisation and dropout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from .base import Op
from .options import Options, bias_wanted
from .shapes import Reach, Shape
from .signature import Main, Signature


@dataclass(frozen=True, kw_only=True)
class _Norm(Op):
    family: ClassVar[str] = "normalisation"
    parameters_formula: ClassVar[str] = "channels + channels"

    @classmethod
    def _make(cls, options: Options, incoming: Shape, bias: bool) -> Self:
        return cls(incoming=incoming)

    def weights(self) -> dict[str, tuple[int, ...]]:
        """Weight and bias (channels,) each."""
        return {"weight": (self.channels,), "bias": (self.channels,)}


@dataclass(frozen=True, kw_only=True)
class BatchNorm(_Norm):
    """Batch normalisation: each channel scaled by statistics gathered while training."""

    epsilon: float = 1e-5

    word: ClassVar[str] = "bn"
    title: ClassVar[str] = "Batch normalisation"
    help: ClassVar[str] = "Keeps each channel near mean 0 and deviation 1, learned in training."
    formula: ClassVar[str] = "y = w (x - mean) / sqrt(variance + epsilon) + b, per channel"
    example: ClassVar[str] = "bn"
    signature: ClassVar[Signature] = Signature(Main("epsilon", "real", 1e-5, 0, 1))

    @classmethod
    def _make(cls, options: Options, incoming: Shape, bias: bool) -> Self:
        return cls(incoming=incoming, epsilon=options.main[0] if options.main else 1e-5)


@dataclass(frozen=True, kw_only=True)
class InstanceNorm(_Norm):
    """Instance normalisation: each channel of each image scaled by its own statistics."""

    word: ClassVar[str] = "inorm"
    title: ClassVar[str] = "Instance normalisation"
    help: ClassVar[str] = "Brings each channel of each image to mean 0 and deviation 1."
    formula: ClassVar[str] = "y = w (x - mean) / sqrt(variance + 1e-5) + b, per image and channel"
    example: ClassVar[str] = "inorm"
    reach: ClassVar[Reach] = "global"
    field_formula: ClassVar[str] = "RF, and the statistics of the whole map"
    takes_map: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class GroupNorm(_Norm):
    """Group normalisation: groups of channels of each image scaled by their own statistics."""

    groups: int

    word: ClassVar[str] = "gn"
    title: ClassVar[str] = "Group normalisation"
    help: ClassVar[str] = "Brings groups of channels of each image to mean 0 and deviation 1."
    formula: ClassVar[str] = "y = w (x - mean) / sqrt(variance + 1e-5) + b, per image and group"
    example: ClassVar[str] = "gn 2"
    signature: ClassVar[Signature] = Signature(Main("groups", "count", 32))
    reach: ClassVar[Reach] = "global"
    field_formula: ClassVar[str] = "RF, and the statistics of the whole map"

    @classmethod
    def _make(cls, options: Options, incoming: Shape, bias: bool) -> Self:
        groups, channels = cls._count(options), incoming[0] or 1
        if channels % groups:
            raise options.word("number").error(
                f"{groups} groups do not divide {channels} channels",
                "use a number of groups that divides them, for example gn 1",
            )
        return cls(incoming=incoming, groups=groups)


@dataclass(frozen=True, kw_only=True)
class LayerNorm(_Norm):
    """Layer normalisation: all values of each image scaled by their common statistics."""

    word: ClassVar[str] = "ln"
    title: ClassVar[str] = "Layer normalisation"
    help: ClassVar[str] = "Brings all channels of each image together to mean 0 and deviation 1."
    formula: ClassVar[str] = "y = w (x - mean) / sqrt(variance + 1e-5) + b, per image"
    example: ClassVar[str] = "ln"
    reach: ClassVar[Reach] = "global"
    field_formula: ClassVar[str] = "RF, and the statistics of the whole map"


@dataclass(frozen=True, kw_only=True)
class Scale(Op):
    """Scale: a trained gain, and a trained offset, for each channel.

    References
    ----------
    LeCun, Bottou, Bengio and Haffner, Gradient-based learning applied to document recognition,
    Proc. IEEE 86 (1998), section II.B: ``sum 2 scale`` is LeNet-5's subsampling.
    """

    bias: bool = True

    word: ClassVar[str] = "scale"
    title: ClassVar[str] = "Scale and offset"
    family: ClassVar[str] = "normalisation"
    help: ClassVar[str] = "Multiplies each channel by a number and adds one; both are learned."
    formula: ClassVar[str] = "y = w[c] x + b[c]"
    example: ClassVar[str] = "scale"
    signature: ClassVar[Signature] = Signature(None, "", ("bias", "nobias"))
    parameters_formula: ClassVar[str] = "channels"

    @classmethod
    def _make(cls, options: Options, incoming: Shape, bias: bool) -> Self:
        return cls(incoming=incoming, bias=bias_wanted(options, bias))

    def weights(self) -> dict[str, tuple[int, ...]]:
        """Weight and bias (channels,) each."""
        shape = (self.channels,)
        return {"weight": shape, "bias": shape} if self.bias else {"weight": shape}

    def _parameters_formula(self) -> str:
        return self.parameters_formula + (" + channels" if self.bias else "")


@dataclass(frozen=True, kw_only=True)
class LocalResponseNorm(Op):
    """Local response normalisation of AlexNet: a channel is damped by its neighbours.

    References
    ----------
    Krizhevsky, Sutskever and Hinton, ImageNet classification with deep convolutional neural
    networks, 2012, section 3.3: n = 5, alpha = 1e-4, beta = 0.75, k = 2.
    """

    window: int
    alpha: ClassVar[float] = 1e-4
    beta: ClassVar[float] = 0.75
    k: ClassVar[float] = 2.0

    word: ClassVar[str] = "lrn"
    title: ClassVar[str] = "Local response normalisation"
    family: ClassVar[str] = "normalisation"
    help: ClassVar[str] = "Damps each channel by the strength of its neighbouring channels."
    formula: ClassVar[str] = "y[c] = x[c] / (2 + 1e-4 sum over n neighbours of x^2) ^ 0.75"
    example: ClassVar[str] = "lrn 5"
    signature: ClassVar[Signature] = Signature(Main("window", "count", 5))
    takes_map: ClassVar[bool] = True

    @classmethod
    def _make(cls, options: Options, incoming: Shape, bias: bool) -> Self:
        return cls(incoming=incoming, window=cls._count(options))


@dataclass(frozen=True, kw_only=True)
class Dropout(Op):
    """Dropout: sets a random part of the values to zero while training, does nothing afterwards."""

    probability: float

    word: ClassVar[str] = "drop"
    title: ClassVar[str] = "Dropout"
    family: ClassVar[str] = "normalisation"
    help: ClassVar[str] = "Sets a random part of the values to zero, in training only."
    formula: ClassVar[str] = "y = x / (1 - p) with probability 1 - p, else 0; y = x after training"
    example: ClassVar[str] = "drop .5"
    signature: ClassVar[Signature] = Signature(Main("probability", "real", 0.5, 0, 1))

    @classmethod
    def _make(cls, options: Options, incoming: Shape, bias: bool) -> Self:
        return cls(incoming=incoming, probability=options.main[0] if options.main else 0.5)
