r"""See what every layer of a convolutional network sees.

The public names below are loaded when they are first used, so that ``import napari_convnet`` costs
next to nothing: a script that only describes a network never waits for torch, and a window that
only shows maps never imports it.

Examples
--------
>>> import napari_convnet as nc
>>> pipeline = nc.parse("input: 1x28x28\nnet:\n  - c1: conv 6 k5 relu\n  - max 2\n")
>>> [layer.name for layer in pipeline.network.layers]
['c1.conv', 'c1', 'max-1']
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .document import draft, parse, preset, presets, read
    from .maps import feature_maps, montage
    from .model import build
    from .network import UserError
    from .training import evaluate, predict, train
    from .viewer import attach

__version__ = "0.1.0"

__all__ = [
    "UserError",
    "__version__",
    "attach",
    "build",
    "draft",
    "evaluate",
    "feature_maps",
    "montage",
    "parse",
    "predict",
    "preset",
    "presets",
    "read",
    "train",
]

# Public name -> the room that it comes from.
_ROOMS = {
    "UserError": "network",
    "draft": "document",
    "parse": "document",
    "preset": "document",
    "presets": "document",
    "read": "document",
    "build": "model",
    "feature_maps": "maps",
    "montage": "maps",
    "evaluate": "training",
    "predict": "training",
    "train": "training",
    "attach": "viewer",
}


def __getattr__(name: str) -> object:
    """Load a public name from its room at first use (PEP 562)."""
    room = _ROOMS.get(name)
    if room is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f".{room}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *__all__})
