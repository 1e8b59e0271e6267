"""A real session, whose workers take jobs down and compute nothing."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_convnet.viewer import Preview, attach


class QuietWorker:
    """Stands for a worker process."""

    all: ClassVar[list["QuietWorker"]] = []
    busy = False
    alive = True

    def __init__(self, kind: str = "eye", **options: Any) -> None:
        self.kind, self.jobs, self.options, self.told = kind, [], [], []
        QuietWorker.all.append(self)

    def submit(self, job: Any, **options: Any) -> Any:
        self.jobs.append(job)
        self.options.append(options)
        cancel = lambda: self.told.append("cancel")  # noqa: E731
        tell = self.told.append
        return SimpleNamespace(cancel=cancel, tell=tell, state="waiting", dispatched=0)

    def start(self) -> None: ...
    def close(self, timeout: float = 0) -> None: ...
    def put(self, key: Any, value: Any) -> None: ...
    def forget(self, key: Any) -> None: ...


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[QuietWorker]]:
    """Workers that the session under test has made."""
    for module in ("computing", "learning"):
        monkeypatch.setattr(f"napari_convnet.viewer.{module}.Worker", QuietWorker)
    QuietWorker.all = []
    yield QuietWorker.all
    QuietWorker.all = []


@pytest.fixture
def viewer(qapp: Any) -> ViewerModel:
    return ViewerModel()


@pytest.fixture
def session(viewer: ViewerModel, workers: list[QuietWorker]) -> Iterator[Any]:
    """The session of a viewer without a window."""
    session = attach(viewer)
    yield session
    session.close()


@pytest.fixture
def dock(qtbot: Any, viewer: ViewerModel, session: Any) -> Callable[[type], Any]:
    """Make a dock over the session, and show it."""

    def make(kind: type) -> Any:
        widget = kind(viewer)
        qtbot.addWidget(widget)
        widget.resize(380, 700)
        widget.show()
        qtbot.waitExposed(widget)
        return widget

    return make


def preview(session: Any, layer: str, *, dead: int = 0, error: str = "") -> Preview:
    """What the eye says about a layer."""
    row = session.pipeline.network[layer].row
    thumbnail = None if error else np.full((8, 8, 3), 200, np.uint8)
    return Preview(layer, row, thumbnail, (0.0, 1.0), dead, error)


@pytest.fixture
def say_preview(session: Any) -> Callable[..., None]:
    """Let the eye's picture of a layer arrive."""
    return lambda layer, **more: session.preview_ready.emit(preview(session, layer, **more))
