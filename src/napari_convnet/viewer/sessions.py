"""One session per viewer, which ends with it."""

from __future__ import annotations

import atexit
from typing import TYPE_CHECKING, Any

from .session import Session

if TYPE_CHECKING:
    import napari

_SESSIONS: dict[int, Session] = {}
"""Open sessions by the identity of their viewer; a session keeps its viewer, so none is reused."""


def attach(viewer: napari.Viewer) -> Session:
    """Give the session of a viewer, beginning one where there is none.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer.

    Returns
    -------
    Session
        The session, whose workers end with the viewer's window.

    Examples
    --------
    In a script that has a viewer with an image::

        session = napari_convnet.attach(viewer)
        session.open_preset("lenet")
        session.show(["c1", "s2"])
    """
    # Docks get a proxy that lets only public attributes through; all of them mean one viewer.
    viewer = getattr(viewer, "__wrapped__", viewer)
    known = _SESSIONS.get(id(viewer))
    if known is not None and not known.closed:
        return known
    session = _SESSIONS[id(viewer)] = Session(viewer)
    session.ended.connect(lambda: _SESSIONS.pop(id(viewer), None))
    window = _window(viewer)
    if window is not None:
        window.destroyed.connect(lambda *_: session.close(0.5))
        _quit_with(session)
    session.start()
    return session


@atexit.register
def _finish() -> None:
    """Finish what is to be saved where a script ends that has closed nothing."""
    for session in list(_SESSIONS.values()):
        session.finish_saving()


def _window(viewer: Any) -> Any:
    """Return the viewer's Qt window; None for a viewer without one.

    napari has no public signal for a window that goes.
    """
    return getattr(getattr(viewer, "window", None), "_qt_window", None)


def _quit_with(session: Session) -> None:
    from qtpy.QtWidgets import QApplication

    application = QApplication.instance()
    if application is not None:
        application.aboutToQuit.connect(lambda: session.close(0.5))
