"""Networks for other programs: as readable Python, as torch's weights, as ONNX, as one file."""

from .files import save_network, save_onnx, save_python, save_torch
from .python import to_python

__all__ = ["save_network", "save_onnx", "save_python", "save_torch", "to_python"]
