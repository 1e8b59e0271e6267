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
from .base import Op
from .conv import CONNECTIONS, Conv, Depthwise, Local, Separable
from .dense import Dense, RadialBasis
from .explained import Explained
from .join import Add, Cat, CropTo, Join
from .kernelled import Kernelled
from .norm import (
    BatchNorm,
    Dropout,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    LocalResponseNorm,
    Scale,
)
from .pool import Average, GlobalAverage, GlobalMax, Max, Sum
from .shape import Crop, Flatten, Identity, Upsample
from .shapes import Reach, Shape, Step
from .signature import FLAG_HELP, LETTER_HELP, Main, Signature
from .transposed import TransposedConv
from .window import Windowed

KINDS: tuple[type[Op], ...] = (
    Conv,
    TransposedConv,
    Depthwise,
    Separable,
    Local,
    Dense,
    RadialBasis,
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
    Scale,
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
    "CONNECTIONS",
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
    "Explained",
    "Flatten",
    "Gelu",
    "GlobalAverage",
    "GlobalMax",
    "GroupNorm",
    "Hardswish",
    "Identity",
    "InstanceNorm",
    "Join",
    "Kernelled",
    "LayerNorm",
    "Leaky",
    "Local",
    "LocalResponseNorm",
    "Main",
    "Max",
    "Op",
    "Prelu",
    "RadialBasis",
    "Reach",
    "Relu",
    "Scale",
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
