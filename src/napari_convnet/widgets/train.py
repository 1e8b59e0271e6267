"""The Train dock: train the network of the session's document, and watch it learn."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, QTimer, QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from napari_convnet.document import Pipeline

from .class_table import ClassTable
from .curves import Curves, legend
from .data_form import DataForm
from .dock import Dock
from .log_view import LogView
from .run_controls import RunControls, result_text
from .section import Section
from .setting_edits import ChoiceEdit
from .settings import checked_value, relative
from .theme import Colors
from .train_form import TrainForm

if TYPE_CHECKING:
    import napari

    from napari_convnet.viewer import TrainingStatus

PERIOD = 100
"""Milliseconds from one showing of a training's course to the next, at least."""

DEVICES = ("auto", "cpu", "cuda", "mps")


class Train(Dock):
    """Sets up a training, runs it in its own process, and shows its course.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer.
    """

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__(napari_viewer)
        self.controls = RunControls(self)
        self.device = ChoiceEdit(DEVICES, self)
        self.device_name = QLabel(self)
        self.result = QLabel(self)
        self.tabs = QTabWidget(self)
        self.data = DataForm(self)
        self.settings = TrainForm(self)
        self.problems = QLabel(self)
        self.curves = Curves(self)
        self.legend = QLabel(self)
        self.table = ClassTable(self)
        self.log = LogView(self)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(PERIOD)
        self._timer.timeout.connect(self._show_course)
        self._lay_out()
        self._listen()

    # ------------------------------------------------------------ parts
    def _lay_out(self) -> None:
        self.tabs.addTab(self._settings_page(), "Settings")
        self.tabs.addTab(self._course_page(), "Curves")
        self.result.setWordWrap(True)
        self.result.setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction)
        self.result.linkActivated.connect(self._open_run)
        content = QWidget(self)
        layout = QVBoxLayout(content)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.controls)
        layout.addWidget(self.result)
        layout.addLayout(self._device_row())
        layout.addWidget(self.tabs, 1)
        self.fill(content)

    def _device_row(self) -> QHBoxLayout:
        self.device.setToolTip("What computes; auto takes the fastest that there is")
        self.device_name.setMinimumWidth(10)
        self.device_name.setProperty("role", "faint")
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(QLabel("Device", self))
        row.addWidget(self.device)
        row.addWidget(self.device_name, 1)
        return row

    def _settings_page(self) -> QWidget:
        page = QWidget(self)
        self.data_section = Section("Data", self.data, open=True, parent=page)
        self.task_section = Section("Training", self.settings, open=True, parent=page)
        self.problems.setWordWrap(True)
        self.problems.setProperty("role", "error")
        layout = QVBoxLayout(page)
        layout.setContentsMargins(2, 2, 2, 2)
        layout.setSpacing(2)
        for part in (self.problems, self.data_section, self.task_section):
            layout.addWidget(part)
        layout.addStretch(1)
        area = QScrollArea(self)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setMinimumHeight(120)
        area.setWidget(page)
        return area

    def _course_page(self) -> QWidget:
        page = QWidget(self)
        layout = QVBoxLayout(page)
        layout.setContentsMargins(2, 2, 2, 2)
        layout.setSpacing(2)
        layout.addWidget(self.legend, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addWidget(self.curves, 4)
        layout.addWidget(self.table)
        layout.addWidget(self.log, 1)
        return page

    def setColors(self, colors: Colors) -> None:
        """Hand the theme's colours on."""
        for part in (self.controls, self.curves, self.data_section, self.task_section):
            part.setColors(colors)
        self.legend.setText(legend(colors))

    # ------------------------------------------------------------ listening
    def _listen(self) -> None:
        session = self.session
        for signal, callback in (
            (session.document_changed, self._on_document),
            (session.training_changed, self._on_status),
            (session.device_changed, self._on_device),
            (session.previewing_changed, self.data.setCutting),
            (self.viewer.layers.events.inserted, self._on_layers),
            (self.viewer.layers.events.removed, self._on_layers),
            (self.memory.history.changed, self._touch),
            (self.memory.history.restarted, self.log.restart),
        ):
            self.links.add(signal, callback)
        self.controls.started.connect(self._start)
        self.controls.paused.connect(session.pause)
        self.controls.resumed.connect(session.resume)
        self.controls.stopped.connect(session.stop)
        self.device.valueChanged.connect(partial(self.do, session.set_device))
        self.settings.valueChanged.connect(self._write)
        self.data.valueChanged.connect(self._write)
        self.settings.taskChosen.connect(lambda task: self._edit(session.set_task, task))
        self.data.source.sampleChosen.connect(lambda name: self._edit(session.set_source, name))
        self.data.source.filesChosen.connect(self._set_files)
        self.data.source.pairs.valueChanged.connect(
            lambda pairs: self._edit(session.learn_from_layers, *pairs)
        )
        self.data.source.pairs.newLabelsAsked.connect(self._new_labels)
        self.data.patchesAsked.connect(self._preview_patches)

    def refresh(self) -> None:
        """Show everything as the session has it now."""
        self._on_document(self.session.pipeline)
        self.data.setCutting(self.session.previewing)
        self.device.setValue(self.session.device)
        self._on_device(self.session.device_name)
        self.log.restart()
        self._show_course()

    def _on_document(self, pipeline: Pipeline) -> None:
        self._on_layers()
        self.data.setPipeline(pipeline, self.session.layer_pairs)
        self.settings.setPipeline(pipeline)
        problems = pipeline.problems
        self.problems.setText("\n".join(map(str, problems[:3])))
        self.problems.setVisible(bool(problems))

    def _on_layers(self, event: object = None) -> None:
        """Offer the layers that there are."""
        session, pairs = self.session, self.data.source.pairs
        images, labels = session.input_layers(), session.labels_layers()
        regress = session.pipeline.train.task == "regress"
        pairs.setLayers(images, [*images, *labels] if regress else [*labels, *images])
        pairs.suggest(session.input_layer, None)

    def _on_status(self, status: TrainingStatus) -> None:
        """Show a new state at once, and how far a training is ten times a second."""
        if status.state != self.controls.state:
            if status.state == "starting":
                self.tabs.setCurrentIndex(1)
            self._show_course()
        self._touch()

    def _touch(self) -> None:
        """Show how far the training is soon, together with what comes meanwhile."""
        if not self._timer.isActive():
            self._timer.start()

    def _show_course(self) -> None:
        """Show state, progress, curves and log in one go: each painting of a window costs."""
        self._timer.stop()
        self._show_status(self.session.training)
        self.curves.setHistory(self.memory.history)
        self.log.setHistory(self.memory.history)

    def _show_status(self, status: TrainingStatus) -> None:
        self.controls.setValue(status)
        self.table.setValue(measures_of(status))
        self.result.setText(result_html(status, self.colors))
        self.result.setToolTip(status.caution)
        self.result.setVisible(bool(self.result.text()))
        for form in (self.data, self.settings):
            form.setEnabled(not status.active)
        self.device.setEnabled(not status.active)
        if status.active and status.device:
            self.device_name.setText(status.device)

    def _on_device(self, name: str) -> None:
        self.device_name.setText(name or "finding out \u2026")
        self.device_name.setToolTip(name)

    # ------------------------------------------------------------ what is asked for
    def _start(self) -> None:
        self.settings.settle()
        self.do(self.session.train)

    def _write(self, key: str, value: str | None) -> None:
        """Write a setting if it can be read; else say why not, and show the old one again."""
        session = self.session

        def write() -> None:
            checked_value(session.pipeline, key, value)
            session.set_value(key, value)

        if not self.do(write):
            self._on_document(session.pipeline)

    def _edit(self, action: Callable[..., Any], *arguments: Any) -> None:
        """Edit the document; where that cannot be, show it again as it is."""
        if not self.do(action, *arguments):
            self._on_document(self.session.pipeline)

    def _set_files(self, *files: str) -> None:
        folder = self.session.pipeline.folder
        named = [
            relative(Path(name), folder) if Path(name).is_absolute() else name for name in files
        ]
        self._edit(self.session.set_files, *named)

    def _preview_patches(self) -> None:
        """Show patches, or give up where they are being cut."""
        session = self.session
        self.do(session.cancel_preview if session.previewing else session.preview_patches)

    def _new_labels(self, image: Any) -> None:
        """Add labels to paint on, and learn from them."""
        session = self.session

        def add() -> None:
            under = image if image is not None else session.input_layer
            labels = session.new_labels(under)
            session.learn_from_layers((under, labels))

        self.do(add)

    def _open_run(self, link: str) -> None:
        QDesktopServices.openUrl(QUrl(link))


def measures_of(status: TrainingStatus) -> dict[str, dict[str, float | None]]:
    """Give what is told of each class: overlaps are said of voxels, not of whole images."""
    images = status.score_name == "accuracy"
    left_out = {"Dice", "IoU"} if images else set()
    return {
        name: {what: value for what, value in found.items() if what not in left_out}
        for name, found in status.measures.items()
    }


def result_html(status: TrainingStatus, colors: Colors) -> str:
    """Say what came of a training, and link its folder."""
    parts = []
    if status.state == "failed":
        parts.append(f'<span style="color:{colors.error}">{escape(status.error)}</span>')
    if result_text(status):
        parts.append(f"<b>{result_text(status)}</b>")
    if status.run:
        path = Path(status.run)
        link = QUrl.fromLocalFile(str(path)).toString()
        parts.append(f'<a href="{link}" style="color:{colors.accent}">{path.name}</a>')
    return " &nbsp; ".join(parts)
