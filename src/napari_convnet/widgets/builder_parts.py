"""What the Builder shows of a session, as values and small widgets of their own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING

from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QMenu, QWidget

from napari_convnet.document import Pipeline, presets

from .row_model import Picture

if TYPE_CHECKING:
    import napari

    from napari_convnet.viewer import Preview


def presets_menu(parent: QWidget, open_preset: Callable[[str], object]) -> QMenu:
    """Make the menu of the networks that come along, family by family."""
    menu = QMenu(parent)
    for family, group in groupby(presets(), lambda one: one.family):
        part = menu.addMenu(family)
        for one in group:
            action = part.addAction(one.title)
            action.setData(one.name)
            action.triggered.connect(partial(_open, open_preset, one.name))
    return menu


def _open(open_preset: Callable[[str], object], name: str, checked: bool = False) -> None:
    open_preset(name)


def feature_of(viewer: napari.Viewer) -> int | None:
    """Index of the map that the viewer's slider stands at; None where no maps are shown."""
    dims = viewer.dims
    if "feature" not in dims.axis_labels:
        return None
    return round(float(dims.point[dims.axis_labels.index("feature")]))


def input_text(pipeline: Pipeline) -> str:
    """Write a document's input as it would be typed; empty where it has none that can be read."""
    missing = any("input" in problem.what for problem in pipeline.problems)
    return "" if missing and not pipeline.network.layers else str(pipeline.network.input)


def picture_of(preview: Preview) -> Picture:
    """Make a picture of what the session says about a layer."""
    array = preview.thumbnail
    if array is None:
        return Picture(None, preview.dead, preview.error)
    height, width = array.shape[:2]
    image = QImage(array.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
    return Picture(QPixmap.fromImage(image.copy()), preview.dead, preview.error)
