"""Predict values per voxel: of images, volumes and recordings of any size, from arrays and files.

Importing the package costs numpy: torch is loaded when something is predicted.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from .files import save_prediction, write_table
from .results import Predicting, Regressed, Segmentation

if TYPE_CHECKING:
    from .dense import predict_dense, predicting
    from .scene import Scene, make_scene

__all__ = [
    "Predicting",
    "Regressed",
    "Scene",
    "Segmentation",
    "make_scene",
    "predict_dense",
    "predicting",
    "save_prediction",
    "write_table",
]

# Names that need torch -> the module that they come from.
_LATER = {"Scene": "scene", "make_scene": "scene", "predict_dense": "dense", "predicting": "dense"}


def __getattr__(name: str) -> object:
    """Load a name that needs torch at its first use (PEP 562)."""
    module = _LATER.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f".{module}", __name__), name)
    globals()[name] = value
    return value
