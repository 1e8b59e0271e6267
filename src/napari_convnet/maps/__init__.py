"""Room 5, what a layer sees.

Feature maps as lazy arrays whose regions are computed exactly and on demand, each with its place
in the world of the input; montages, and the limits and colours to show them with. Torch is imported
when maps are computed, not before.
"""

from .cache import PatchCache
from .cutting import Tiling
from .disk import maps_to_disk
from .foreign import ForeignMaps, input_form
from .lazy import FeatureMap, FeatureMaps, NoSuchLayer, feature_maps
from .paint import montage_png, paint, paint_montage, save_png, thumbnail
from .picture import colours, common_limits, dead, limits, limits_per_map, montage
from .place import place, scale_and_translate, world_affine
from .preview import LayerPreview, PreviewCache, preview
from .regions import Box, Plan, make_plan
from .slices import SliceMaps, open_input
from .source import Source, open_source
from .tiles import Tile, output_tiles, tiling, working_tiles

__all__ = [
    "Box",
    "FeatureMap",
    "FeatureMaps",
    "ForeignMaps",
    "LayerPreview",
    "NoSuchLayer",
    "PatchCache",
    "Plan",
    "PreviewCache",
    "SliceMaps",
    "Source",
    "Tile",
    "Tiling",
    "colours",
    "common_limits",
    "dead",
    "feature_maps",
    "input_form",
    "limits",
    "limits_per_map",
    "make_plan",
    "maps_to_disk",
    "montage",
    "montage_png",
    "open_input",
    "open_source",
    "output_tiles",
    "paint",
    "paint_montage",
    "place",
    "preview",
    "save_png",
    "scale_and_translate",
    "thumbnail",
    "tiling",
    "working_tiles",
    "world_affine",
]
