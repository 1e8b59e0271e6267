"""Heads are shown upright: napari draws the first shown axis downwards, and a scan's S runs up."""

from __future__ import annotations

from typing import Any

WORLD = "world"
"""A layer whose metadata have `SCAN` under this key lies in the world of scans."""

SCAN = ("S", "P", "L")
"""Towards the top of the head, the back, the patient's left."""


class _Upright:
    """Follows the order of a viewer's axes."""

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._turned = False

    def __call__(self, event: Any = None) -> None:
        """Let S run upwards where it is the vertical axis of a 2D view."""
        upwards = self._is_vertical()
        # What the user has set for other views is left alone.
        if upwards != self._turned:
            self._turned = upwards
            camera = self._viewer.scene.camera
            camera.orientation2d = ("up" if upwards else "down", camera.orientation2d[1])

    def _is_vertical(self) -> bool:
        dims = self._viewer.dims
        shown = dims.displayed
        return (
            dims.ndisplay == 2
            and shown[0] == dims.ndim - len(SCAN)
            and any(layer.metadata.get(WORLD) == SCAN for layer in self._viewer.layers)
        )


def keep_upright(viewer: Any) -> None:
    """From now on show scans with the top of the head on top, whatever the order of the axes.

    Parameters
    ----------
    viewer : napari.Viewer
        Or its model; once is enough.
    """
    viewer = getattr(viewer, "__wrapped__", viewer)
    events = (
        viewer.dims.events.order,
        viewer.dims.events.ndisplay,
        viewer.dims.events.ndim,
        viewer.layers.events.inserted,
        viewer.layers.events.removed,
    )
    if any(isinstance(each, _Upright) for each in events[0].callbacks):
        return
    upright = _Upright(viewer)
    for event in events:
        event.connect(upright)
    upright()
