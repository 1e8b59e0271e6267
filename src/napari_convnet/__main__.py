"""``python -m napari_convnet`` is the command line ``napari-convnet``."""

from .cli import main

if __name__ == "__main__":
    main()
