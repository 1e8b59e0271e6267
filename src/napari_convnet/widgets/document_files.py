"""Opening and saving the document: the questions that are asked before."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog, QMessageBox, QWidget

from napari_convnet.document import Pipeline

if TYPE_CHECKING:
    from napari_convnet.viewer import Session

FILTER = "Pipelines (*.yaml *.yml);;All files (*)"


def file_name(pipeline: Pipeline) -> str:
    """Propose a name for a document's file.

    Examples
    --------
    >>> from napari_convnet.document import draft
    >>> file_name(draft("title: My net, 2nd try"))
    'my-net-2nd-try.yaml'
    """
    words = "".join(c if c.isalnum() else " " for c in pipeline.title.lower()).split()
    return f"{'-'.join(words)[:40].strip('-') or 'untitled'}.yaml"


def may_go(parent: QWidget, session: Session) -> bool:
    """Ask what becomes of unsaved changes; False where the person would rather stay."""
    if not session.modified:
        return True
    buttons = QMessageBox.StandardButton
    answer = QMessageBox.question(
        parent,
        "Unsaved changes",
        f"Save the changes to {session.path.name if session.path else 'this pipeline'}?",
        buttons.Save | buttons.Discard | buttons.Cancel,
    )
    if answer == buttons.Save:
        return save(parent, session)
    return answer == buttons.Discard


def open_file(parent: QWidget, session: Session) -> None:
    """Ask for a file and open it."""
    if not may_go(parent, session):
        return
    folder = str(session.path.parent if session.path else Path.cwd())
    name, _ = QFileDialog.getOpenFileName(parent, "Open a pipeline", folder, FILTER)
    if name:
        session.open(name)


def save(parent: QWidget, session: Session) -> bool:
    """Save the document, asking where to if it has no file; False where that was cancelled."""
    if session.path is None:
        return save_as(parent, session)
    session.save()
    return True


def save_as(parent: QWidget, session: Session) -> bool:
    """Ask for a file and save the document in it; False where that was cancelled."""
    start = session.path or Path.cwd() / file_name(session.pipeline)
    name, _ = QFileDialog.getSaveFileName(parent, "Save the pipeline", str(start), FILTER)
    if not name:
        return False
    path = Path(name)
    session.save(path if path.suffix else path.with_suffix(".yaml"))
    return True
