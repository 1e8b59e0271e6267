"""The torch twin of each kind of layer: one class per op, of the same name."""

from __future__ import annotations

from collections.abc import Mapping

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
from .base import Box, Patch, Twin, whole_box
from .conv import Conv, Depthwise, Local, Separable, TransposedConv
from .dense import Dense, RadialBasis
from .join import Add, Cat, CropTo
from .kernelled import KernelTwin
from .norm import (
    BatchNorm,
    Dropout,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    LocalResponseNorm,
    Scale,
    Statistics,
)
from .pool import Average, GlobalAverage, GlobalMax, Max, Sum
from .shape import Crop, Flatten, Identity, Upsample
from .window import WindowTwin

_KINDS: tuple[type[Twin], ...] = (
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

TWINS: Mapping[str, type[Twin]] = {kind.__name__: kind for kind in _KINDS}
"""Twins by the name of their class, which is that of the op's class."""

__all__ = [
    "TWINS",
    "Add",
    "Average",
    "BatchNorm",
    "Box",
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
    "KernelTwin",
    "LayerNorm",
    "Leaky",
    "Local",
    "LocalResponseNorm",
    "Max",
    "Patch",
    "Prelu",
    "RadialBasis",
    "Relu",
    "Scale",
    "Scaledtanh",
    "Selu",
    "Separable",
    "Sigmoid",
    "Silu",
    "Softmax",
    "Statistics",
    "Sum",
    "Tanh",
    "TransposedConv",
    "Twin",
    "Upsample",
    "WindowTwin",
    "whole_box",
]
