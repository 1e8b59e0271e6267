"""What the classic kernels make of a photograph: edges, sharpen, blur and emboss, side by side.

Run it with ``--window`` to see the maps in napari, over the photograph; otherwise it writes a PNG.
"""

import sys
from pathlib import Path

import numpy as np
from skimage import data

import napari_convnet as nc
from napari_convnet.maps import paint, save_png

DOCUMENT = """
title: Hand-made kernels
input: 1x512x512
net:
  - filters: conv 8 k3 nobias replicate
    w: [sobel_x, sobel_y, laplace, sharpen, box, gauss, emboss, identity]
show: [filters]
"""


def main(output: str = "handmade_kernels.png") -> Path:
    """Write the eight maps as one picture.

    Parameters
    ----------
    output : str
        The picture's file.
    """
    maps = np.asarray(nc.feature_maps(nc.parse(DOCUMENT), data.camera())["filters"])
    # Every map in colours of its own: blue and red around zero where it has both signs.
    tiles = [paint(one) for one in maps]
    rows = [np.concatenate(tiles[start : start + 4], axis=1) for start in (0, 4)]
    save_png(output, np.concatenate(rows))
    print("wrote", output)
    return Path(output)


def window() -> None:
    """Open the same in napari."""
    import napari

    viewer = napari.Viewer()
    viewer.add_image(data.camera(), name="camera")
    session = nc.attach(viewer)
    session.set_text(DOCUMENT.lstrip())
    session.set_spans("map")
    session.show(montage=True)
    napari.run()


if __name__ == "__main__":
    window() if "--window" in sys.argv else main(*sys.argv[1:])
