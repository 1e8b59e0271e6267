"""The door File > Open Sample.

Digits to train on, and two textbook inputs small enough to check by hand.
"""

from typing import Any, TypeAlias

import numpy as np

LayerData: TypeAlias = tuple[Any, dict[str, Any], str]


def digits() -> list[LayerData]:
    """Open the handwritten digits: a stack with one digit per step, and its label above each.

    Returns
    -------
    list of LayerData
        A points layer that writes each step's label, and an image layer (5000, 28, 28), in the
        order 0 1 ... 9 0 1 ..., whose metadata hold the ``labels``.
    """
    from .data import digits as load

    images, labels = load()
    # Stored digit by digit; one of each in turn, so that the slider shows them all at once.
    order = np.argsort(labels, kind="stable").reshape(10, -1).T.ravel()
    images, labels = images[order], labels[order]
    image = {
        "name": "digits",
        "contrast_limits": (0, 255),
        "rgb": False,
        "axis_labels": ("digit", "y", "x"),
        "metadata": {"labels": labels, "classes": tuple("0123456789")},
    }
    centre = np.column_stack([np.arange(len(labels)), np.full((len(labels), 2), 13.5)])
    text = {
        "name": "digits: labels",
        "features": {"label": labels},
        "text": {"string": "{label}", "size": 14, "color": "orange", "translation": (0, -16, 0)},
        # Only the words are to be seen. The dots are as wide as a digit with its label, because
        # napari fits the view to the layer that comes first.
        "size": 36,
        "face_color": "transparent",
        "border_color": "transparent",
        "axis_labels": ("digit", "y", "x"),
    }
    # The images last: napari selects the layer that came last.
    return [(centre, text, "points"), (images, image, "image")]


def bump() -> list[LayerData]:
    """Open 0 0 0 1 1 0 0 0, the smallest recording with something in it.

    Returns
    -------
    list of LayerData
        An image layer (1, 8): one channel of eight samples, as the input ``1x8`` wants it. The
        kernel 0 1 0, valid, answers with 0 0 1 1 0 0.
    """
    data = np.array([[0, 0, 0, 1, 1, 0, 0, 0]], dtype=np.float32)
    return [(data, {"name": "bump", "contrast_limits": (0, 1), "rgb": False}, "image")]


def line() -> list[LayerData]:
    """Open the vertical line: columns 3 and 4 of an 8 x 8 image at one.

    Returns
    -------
    list of LayerData
        An image layer (8, 8). The kernel ``line_v``, valid, answers with six rows of 0 0 3 3 0 0.
    """
    data = np.zeros((8, 8), dtype=np.float32)
    data[:, 3:5] = 1
    return [(data, {"name": "line", "contrast_limits": (0, 1), "rgb": False}, "image")]
