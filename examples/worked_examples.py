"""The textbook's bump and vertical line, with the numbers printed.

A kernel is laid over every place of the input; products are added up. Here by hand-made kernels, in
one and in two dimensions, from the same few lines.
"""

import numpy as np

import napari_convnet as nc

BUMP = """
input: 1x8
net:
  - out: conv 1 k3 valid nobias
    w: 0 1 0
"""

LINE = """
input: 1x8x8
net:
  - out: conv 1 k3 valid nobias
    w: line_v
"""

TWO_BY_TWO = """
input: 2x2x2
net:
  - out: conv 1 k2 valid nobias
    w: [[[[0, 1], [2, 3]], [[1, 2], [3, 4]]]]
"""


def main() -> None:
    """Print the three examples."""
    bump = np.array([0, 0, 0, 1, 1, 0, 0, 0], dtype=np.float32)
    out = nc.feature_maps(nc.parse(BUMP), bump)["out"]
    print("bump          ", bump.astype(int), "-> kernel 0 1 0 ->", np.asarray(out)[0].astype(int))

    line = np.zeros((8, 8), dtype=np.float32)
    line[:, 3:5] = 1
    out = nc.feature_maps(nc.parse(LINE), line)["out"]
    print("vertical line, six rows of", np.asarray(out)[0, 0].astype(int))

    two = np.array([[[0, 1], [3, 4]], [[1, 2], [4, 5]]], dtype=np.float32)
    out = nc.feature_maps(nc.parse(TWO_BY_TWO), two)["out"]
    print("2x2, two channels: 19 + 37 =", int(np.asarray(out)[0, 0, 0]))


if __name__ == "__main__":
    main()
