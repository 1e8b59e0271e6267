"""The layer kinds: one class each, in the order of the language reference."""

from __future__ import annotations

from .activation import (
    Elu,
    Gelu,
    Hardswish,
    Leaky,
    Prelu,
    Relu,
    Scaledtanh,
    Selu,
    Sigmoid,
    Silu,
    Softmax,
    Tanh,
)
from .base import FLAG_HELP, LETTER_HELP, Main, Op, Reach, Shape, Signature, Step
from .conv import Conv, Depthwise, Local, Separable, TransposedConv
from .join import Add, Cat, CropTo, Join
from .norm import BatchNorm, Dropout, GroupNorm, InstanceNorm, LayerNorm, LocalResponseNorm
from .pool import Average, GlobalAverage, GlobalMax, Max, Sum
from .shape import Crop, Dense, Flatten, Identity, Upsample
from .window import Windowed

KINDS: tuple[type[Op], ...] = (
    Conv,
    TransposedConv,
    Depthwise,
    Separable,
    Local,
    Dense,
    Max,
    Average,
    Sum,
    GlobalAverage,
    GlobalMax,
    Upsample,
    BatchNorm,
    InstanceNorm,
    GroupNorm,
    LayerNorm,
    LocalResponseNorm,
    Dropout,
    Flatten,
    Identity,
    Cat,
    Add,
    Crop,
    CropTo,
    Relu,
    Leaky,
    Prelu,
    Elu,
    Selu,
    Gelu,
    Silu,
    Sigmoid,
    Tanh,
    Scaledtanh,
    Hardswish,
    Softmax,
)

OPS: dict[str, type[Op]] = {kind.word: kind for kind in KINDS if kind is not CropTo}
"""Kinds by their word; ``crop`` with a layer's name is a `CropTo`."""

JOINS = ("cat", "add")
"""Ops whose arguments are the names of other layers."""

__all__ = [
    "FLAG_HELP",
    "JOINS",
    "KINDS",
    "LETTER_HELP",
    "OPS",
    "Add",
    "Average",
    "BatchNorm",
    "Cat",
    "Conv",
    "Crop",
    "CropTo",
    "Dense",
    "Depthwise",
    "Dropout",
    "Elu",
    "Flatten",
    "Gelu",
    "GlobalAverage",
    "GlobalMax",
    "GroupNorm",
    "Hardswish",
    "Identity",
    "InstanceNorm",
    "Join",
    "LayerNorm",
    "Leaky",
    "Local",
    "LocalResponseNorm",
    "Main",
    "Max",
    "Op",
    "Prelu",
    "Reach",
    "Relu",
    "Scaledtanh",
    "Selu",
    "Separable",
    "Shape",
    "Sigmoid",
    "Signature",
    "Silu",
    "Softmax",
    "Step",
    "Sum",
    "Tanh",
    "TransposedConv",
    "Upsample",
    "Windowed",
]
