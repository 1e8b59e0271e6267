"""The door File > Open Sample.

Scans with labels, photographs, faces and digits to look at and to train on, and two textbook inputs
small enough to check by hand.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from ._layers import LayerData, words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .data.contents import Contents

_TISSUE_COLOURS: dict[int | None, str] = {1: "#e0a458", 2: "#7ec8e3"}

_ORGAN_COLOURS: dict[int | None, str] = {
    1: "#f1e7c6",
    2: "#b5523b",
    3: "#8c4a2f",
    4: "#8e5ba6",
    5: "#f28e2b",
    6: "#e8c547",
    7: "#4e9fd6",
    8: "#e03c4c",
}

# Painted values without a class show up too.
_OTHERS: dict[int | None, str] = {None: "#9aa0a6", 0: "transparent"}

_RECORDINGS = ("ambient/ambi_piano", "bass/bass_trance_c", "beat/loop_amen")

# Degrees to the right.
_DIRECTIONS = (-60, 0, 60)

_PHOTOGRAPHS = ("immunohistochemistry", "coins", "camera", "coffee", "cat", "astronaut")


def head() -> list[LayerData]:
    """Open the head MRI and its tissues in their place.

    Returns
    -------
    list of LayerData
        An image layer (189, 233, 197) of 1 mm, and a labels layer: 1 grey matter, 2 white matter.
    """
    from .data import head as load

    return _scan(load(), _TISSUE_COLOURS)


def abdomen() -> list[LayerData]:
    """Open the abdominal CT and its organs in their place.

    Returns
    -------
    list of LayerData
        An image layer (112, 101, 122) of 3 mm in Hounsfield units, and a labels layer of 8 classes.
    """
    from .data import abdomen as load

    return _scan(load(), _ORGAN_COLOURS)


def _scan(pair: "tuple[Contents, Contents]", colours: dict[int | None, str]) -> list[LayerData]:
    from ._layers import layer
    from ._opening import show_upright, tell

    found = [layer(contents) for contents in pair]
    _, options, _ = found[1]
    options |= {"colormap": _OTHERS | colours, "opacity": 0.4}
    tell(found)
    show_upright()
    return found


def recordings() -> list[LayerData]:
    """Open one stereo recording of each kind, one under the other.

    Returns
    -------
    list of LayerData
        Image layers (2, samples): the left ear above the right one, over seconds. Zero is in the
        middle of the colours; the metadata say how high an ear is drawn (``ear_scale``).
    """
    from .data import recording

    return _below_each_other([recording(name) for name in _RECORDINGS])


def direction() -> list[LayerData]:
    """Open a stroke as it is heard from the left, from the centre and from the right.

    Returns
    -------
    list of LayerData
        Image layers (2, samples), as of `recordings`: what is to the left reaches the left ear
        earlier, and louder.
    """
    from .data import heard_from

    return _below_each_other([heard_from(degrees) for degrees in _DIRECTIONS])


def _below_each_other(recordings: "Sequence[Contents]") -> list[LayerData]:
    """Make layers of recordings in stereo, one under the other, all ears of one height."""
    from ._layers import layer
    from ._opening import tell

    found = [layer(each) for each in recordings]
    height = max(options["metadata"]["ear_scale"] for _, options, _ in found)
    for row, (_, options, _) in enumerate(found):
        affine = options["affine"]
        affine[0, 0] = options["metadata"]["ear_scale"] = height
        affine[0, -1] = 2.5 * height * row
        options["metadata"]["drawn"] = f"each ear is drawn {height:.3g} s high; see `ear_scale`"
    tell(found)
    return found


def photographs() -> list[LayerData]:
    """Open some of scikit-image's photographs.

    Returns
    -------
    list of LayerData
        Image layers, gray or RGB, one over the other: the last one is shown, the eyes in the list
        of layers show the others.
    """
    from .data import photograph

    found: list[LayerData] = []
    for name in _PHOTOGRAPHS:
        data = photograph(name)
        options = {"name": name, "rgb": data.ndim == 3, "visible": name == _PHOTOGRAPHS[-1]}
        if data.ndim == 2:
            options["contrast_limits"] = (0, 255)
        found.append((data, options | {"axis_labels": ("y", "x")}, "image"))
    return found


def faces() -> list[LayerData]:
    """Open 100 faces and 100 other pictures, in turn, each with its label above.

    Returns
    -------
    list of LayerData
        A points layer that writes each step's label, and an image layer (200, 25, 25), whose
        metadata hold the ``labels``.
    """
    from .data import FACE_CLASSES
    from .data import faces as load

    images, labels = load()
    order = np.arange(len(labels)).reshape(2, -1).T.ravel()
    return _stack("face", "faces", images[order], labels[order], FACE_CLASSES, (0, 1))


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
    return _stack("digit", "digits", images, labels, tuple("0123456789"), (0, 255))


def _stack(
    axis: str,
    name: str,
    images: Any,
    labels: Any,
    classes: tuple[str, ...],
    limits: tuple[float, float],
) -> list[LayerData]:
    """Show small pictures one a step, and the class of each above it."""
    image = {
        "name": name,
        "contrast_limits": limits,
        "rgb": False,
        "axis_labels": (axis, "y", "x"),
        "metadata": {"labels": labels, "classes": classes},
    }
    above = words(name, axis, images.shape[1:3], labels, classes)
    # The images last: napari selects the layer that came last.
    return [above, (images, image, "image")]


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
