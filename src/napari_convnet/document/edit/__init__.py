"""Edits: splices of the text, which leave comments and layout alone.

Every function takes a text and gives a text. What it wrote is read again: it must mean what was
asked for, and nothing else may have changed. A row or value that would break the text is put in
quotes.

Settings are edited in `keys`, the view of a volume in `views`, what is learned in `learning`, rows
in `rows`, structures that hold rows in `structures` and `heads`, definitions of blocks in `blocks`;
`lines` and `brackets` know the two ways to write a list, `spots` finds a row.
"""

from .blocks import add_block, set_block
from .keys import set_value
from .learning import set_files, set_source, set_task
from .rows import delete_row, insert_row, move_row, set_row
from .sequences import sequence_of
from .spots import Path
from .structures import add_branch, insert_structure, unwrap_row, wrap_row
from .views import SLICES, View, has_views, set_view

__all__ = [
    "SLICES",
    "Path",
    "View",
    "add_block",
    "add_branch",
    "delete_row",
    "has_views",
    "insert_row",
    "insert_structure",
    "move_row",
    "sequence_of",
    "set_block",
    "set_files",
    "set_row",
    "set_source",
    "set_task",
    "set_value",
    "set_view",
    "unwrap_row",
    "wrap_row",
]
