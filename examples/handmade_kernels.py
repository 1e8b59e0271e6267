"""What the classic kernels make of a photograph: edges, sharpen, blur and emboss, side by side.

Run it with ``--window`` to see the maps in napari, over the photograph; otherwise it writes a PNG.
"""

import sys
from pathlib import Path

import numpy as np
from skimage import data

import napari_convnet as nc

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
    maps = nc.feature_maps(nc.parse(DOCUMENT), data.camera().astype(np.float32))
    from napari_convnet.maps import montage_png

    montage_png({"filters": np.asarray(maps["filters"])}, Path(output))
    print("wrote", output)
    return Path(output)


def window() -> None:
    """Open the same in napari."""
    import napari

    viewer = napari.Viewer()
    viewer.add_image(data.camera(), name="camera")
    session = nc.attach(viewer)
    session.set_text(DOCUMENT.lstrip())
    session.show(montage=True)
    napari.run()


if __name__ == "__main__":
    window() if "--window" in sys.argv else main(*sys.argv[1:])
