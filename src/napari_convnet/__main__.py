"""``python -m napari_convnet`` is the command line ``napari-convnet``."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
