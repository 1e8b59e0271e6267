"""What a session's docks remember when they are closed and opened again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from .training_history import TrainingHistory

if TYPE_CHECKING:
    from napari_convnet.viewer import Preview, Session


class Memory:
    """The last thumbnails of a session, and the course of its training.

    Parameters
    ----------
    session : Session
        What is listened to, as long as it lives.
    """

    def __init__(self, session: Session) -> None:
        self.previews: dict[str, Preview] = {}
        self.history = TrainingHistory()
        session.preview_ready.connect(self._keep)
        session.input_changed.connect(self._forget)
        session.event.connect(self.history.add)

    def _keep(self, preview: Preview) -> None:
        self.previews[preview.layer] = preview

    def _forget(self, layer: Any = None) -> None:
        self.previews.clear()


# Docks come and go, and the session is no business of theirs: this is kept beside it, by weak keys,
# and goes when it goes.
_MEMORIES: WeakKeyDictionary[Session, Memory] = WeakKeyDictionary()


def memory_of(session: Session) -> Memory:
    """Give what is remembered of a session, from its first dock on."""
    if session not in _MEMORIES:
        _MEMORIES[session] = Memory(session)
    return _MEMORIES[session]
