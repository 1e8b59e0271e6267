"""Room 8, results as napari layers.

Feature maps are added to the viewer and updated in it, each pixel over the centre of its receptive
field in the input's world, and scripts drive a session with the methods that the docks call.
"""

from .maps import LayerMaps, MapLayers, Placed, place_maps, place_montage
from .session import Session
from .sessions import attach
from .source import Source, source_of
from .status import Message, Preview, TrainingStatus

__all__ = [
    "LayerMaps",
    "MapLayers",
    "Message",
    "Placed",
    "Preview",
    "Session",
    "Source",
    "TrainingStatus",
    "attach",
    "place_maps",
    "place_montage",
    "source_of",
]
