"""The demo: a LeNet learns handwritten digits while napari shows what its layers see.

It does what a person would do with the docks: open a document, show maps, train, look again.
Without a display it leaves pictures of it and a summary.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_convnet.network import UserError

if TYPE_CHECKING:
    import napari


LIMIT = 600.0
"""Seconds after which a run without a person in front of it gives up."""

SIZE = (1800, 1100)
"""Pixels of the window, where the screen has them."""


def run(output: Path, headless: bool = False) -> dict[str, Any]:
    """Run the demo.

    Parameters
    ----------
    output : Path
        Folder for the document, the run, the pictures and ``summary.json``.
    headless : bool
        Whether to end when the training has; otherwise the window stays until it is closed.

    Returns
    -------
    dict
        What ``summary.json`` holds.

    Raises
    ------
    UserError
        Where the training failed.
    """
    import napari

    output.mkdir(parents=True, exist_ok=True)
    viewer = napari.Viewer(title="napari-convnet: a LeNet learns digits")
    demo = _Demo(viewer, output, headless)
    demo.begin()
    napari.run()
    if demo.error:
        raise UserError(demo.error)
    return demo.summary


@dataclass
class _Demo:
    """The demo, driven by what the session tells."""

    viewer: napari.Viewer
    output: Path
    headless: bool
    error: str = ""
    summary: dict[str, Any] = field(default_factory=dict)

    def begin(self) -> None:
        from napari_convnet.document import preset_text
        from napari_convnet.viewer import attach

        self.began = time.perf_counter()
        self.seen: set[str] = set()
        document = self.output / "lenet.yaml"
        document.write_text(preset_text("lenet"), encoding="utf-8")
        _resize(self.viewer, SIZE)
        add_digits(self.viewer)
        self.session = attach(self.viewer)
        self.session.message.connect(self._message)
        self.session.training_changed.connect(self._training)
        self.session.open(document)
        self.docks = add_docks(self.viewer)
        self.session.show_both()
        _after(LIMIT if self.headless else 1e9, self._give_up)
        self._when_quiet(self._start)

    def _when_quiet(self, then: Callable[[], None], wait: float = 0.4) -> None:
        """Go on when the maps have come and the window has drawn them."""
        quiet = not self.session.busy and self.session.shown
        _after(wait if quiet else 0.1, then if quiet else lambda: self._when_quiet(then, wait))

    def _start(self) -> None:
        self._arrange()
        self.viewer.reset_view()
        # Once more round the event loop, so that the picture shows the view that was just set.
        _after(0.5, self._train)

    def _arrange(self) -> None:
        """Let the pooled maps lie over the digit, half transparent, and hide the other stacks."""
        for name in self.session.layers.shown("maps"):
            layer = self.session.layers.layer(name)
            if layer is not None:
                layer.visible = name == "s2"
                layer.opacity = 0.6

    def _train(self) -> None:
        self._picture("before")
        self.docks["Train"].raise_()
        self.session.train()

    def _training(self, status: Any) -> None:
        if status.state == "running" and status.steps and status.step > 0.4 * status.steps:
            self._once("during", lambda: self._picture("during"))
        elif status.state == "finished":
            self.status = status
            self._once("finished", lambda: self._when_quiet(self._predict))
        elif status.state in ("failed", "stopped") and self.headless:
            self._end(status.error or "the training was stopped")

    def _once(self, name: str, act: Callable[[], None]) -> None:
        if name not in self.seen:
            self.seen.add(name)
            _after(0.0, act)

    def _predict(self) -> None:
        self.docks["Builder"].raise_()
        self.session.predict()
        self._when_quiet(self._keep_maps, 0.8)

    def _keep_maps(self) -> None:
        self._picture("after")
        self.session.save_sheet(self.output / "maps.png", "all")
        self._when_quiet(self._finish)

    def _finish(self) -> None:
        self.summary = {
            "test_accuracy": self.status.test_accuracy,
            "seconds": round(time.perf_counter() - self.began, 1),
            "device": self.status.device,
            "run": str(self.status.run),
            "prediction": _plain(self.session.prediction),
        }
        text = json.dumps(self.summary, indent=2)
        (self.output / "summary.json").write_text(text + "\n", encoding="utf-8")
        if self.headless:
            self._end("")

    def _message(self, message: Any) -> None:
        if message.level == "error" and self.headless:
            self._end(message.text)

    def _give_up(self) -> None:
        self._end(f"the demo has not ended after {LIMIT:g} seconds")

    def _end(self, error: str) -> None:
        self.error = self.error or error
        self.session.close(1.0)
        self.viewer.close()

    def _picture(self, name: str) -> None:
        self.viewer.screenshot(str(self.output / f"{name}.png"), canvas_only=False, flash=False)


def add_digits(viewer: napari.Viewer, count: int = 100) -> Any:
    """Add a stack of digits to a viewer, one of each kind in turn.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer.
    count : int
        How many.
    """
    from napari_convnet.data import digits

    images, labels = digits()
    order = [index for row in range(count // 10 + 1) for index in range(row, len(labels), 500)]
    layer = viewer.add_image(
        images[order[:count]],
        name="digits",
        contrast_limits=(0, 255),
        axis_labels=("digit", "y", "x"),
    )
    viewer.dims.set_point(0, 7)
    return layer


def add_docks(viewer: napari.Viewer) -> dict[str, Any]:
    """Open both docks of the plugin, one behind the other, and return them by name."""
    return {
        name: viewer.window.add_plugin_dock_widget("napari-convnet", name, tabify=True)[0]
        for name in ("Train", "Builder")
    }


def _plain(prediction: Any) -> Any:
    if prediction is None:
        return None
    probabilities = [round(float(p), 4) for p in prediction.probabilities]
    return dict(zip(map(str, prediction.classes), probabilities, strict=True))


def _resize(viewer: napari.Viewer, size: tuple[int, int]) -> None:
    from qtpy.QtWidgets import QApplication

    screen = QApplication.primaryScreen()
    assert screen is not None, "a viewer has one"
    room = screen.availableSize()
    viewer.window.resize(min(size[0], room.width()), min(size[1], room.height()))


def _after(seconds: float, act: Callable[[], None]) -> None:
    from qtpy.QtCore import QTimer

    QTimer.singleShot(int(min(seconds, 1e6) * 1000), act)
