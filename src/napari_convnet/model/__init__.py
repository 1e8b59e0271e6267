"""Room 3, the graph as torch.

The torch twin of each kind of layer, the builder of modules with readable parameter names,
hand-made kernels, and weights in and out of files.
"""

from .builder import ConvNet, build
from .device import device_name, pick_device
from .twins import TWINS, Box, Patch, Twin, whole_box
from .weights import find_weights, load_weights, put_weights, read_metadata, save_weights

__all__ = [
    "TWINS",
    "Box",
    "ConvNet",
    "Patch",
    "Twin",
    "build",
    "device_name",
    "find_weights",
    "load_weights",
    "pick_device",
    "put_weights",
    "read_metadata",
    "save_weights",
    "whole_box",
]
