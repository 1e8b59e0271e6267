"""The command line: the library's functions under the names of things people do.

Results go to standard output (with ``--json`` nothing but JSON does), everything else to standard
error. The exit status is 0, or 2 for a mistake of the user's, or 1 for a failure of ours, or 130
where Ctrl-C ended it.

Torch, napari and the rooms that need them are imported by the commands that use them, when they
run: to check or describe a document waits for none of them.
"""

# Each module adds its commands to the app; the help lists them in this order.
# isort: off
from . import documents, maps, training, predicting, use, export, window  # noqa: F401

# isort: on
from .app import DEBUG, app, main

__all__ = ["DEBUG", "app", "main"]
