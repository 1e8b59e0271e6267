"""Room 2, the text: read a pipeline, check it, edit it, write it.

The document is the truth. It is read with the place of every node, so that each mistake is told
with its line and column, and it is edited by splices, so that comments and layout stay.
"""

from . import edit
from .cutting import Patches, Regions
from .files import write_text
from .models import Data, Optimizer, Sections, Train
from .packed import open_text, packed_text
from .pipeline import DocumentError, Pipeline, draft, parse, read, read_text
from .presets import Preset, preset, preset_text, presets
from .settings import Setting, parse_list, parse_setting
from .shown import Row

__all__ = [
    "Data",
    "DocumentError",
    "Optimizer",
    "Patches",
    "Pipeline",
    "Preset",
    "Regions",
    "Row",
    "Sections",
    "Setting",
    "Train",
    "draft",
    "edit",
    "open_text",
    "packed_text",
    "parse",
    "parse_list",
    "parse_setting",
    "preset",
    "preset_text",
    "presets",
    "read",
    "read_text",
    "write_text",
]
