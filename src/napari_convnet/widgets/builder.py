"""The Builder dock: type or click a network, and see what every layer of it sees."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QTabWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_convnet.document import Pipeline
from napari_convnet.document.edit import View, has_views
from napari_convnet.network import RowPath

from . import document_files as files
from .builder_parts import feature_of, input_text, picture_of, presets_menu
from .dock import Dock
from .icons import icon
from .image_combo import ImageCombo
from .layers_tab import LayersTab
from .maps_box import MapsBox, MapsChoice
from .prediction_panel import FILES, PredictionPanel
from .rows import RowView
from .section import Section
from .text_tab import TextTab
from .theme import Colors
from .view_switch import ViewSwitch

if TYPE_CHECKING:
    import napari

    from napari_convnet.viewer import Preview
    from napari_convnet.viewer.status import PredictionStatus


class Builder(Dock):
    """Edits the network of a viewer's session, as rows and as text, with live thumbnails.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer.
    """

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__(napari_viewer)
        from superqt import QElidingLabel

        self.title = QElidingLabel(self)
        self.image = ImageCombo(self)
        self.input = QLineEdit(self)
        self.view = ViewSwitch(self)
        self.layers = LayersTab(self)
        self.text = TextTab(self)
        self.tabs = QTabWidget(self)
        self.maps = MapsBox(self)
        self.panel = PredictionPanel(self)
        self.prediction = self.panel.view
        self.predict_button = self.panel.button
        self._lay_out()
        self._listen()

    # ------------------------------------------------------------ parts
    def _lay_out(self) -> None:
        self.tabs.addTab(self.layers, "Layers")
        self.tabs.addTab(self.text, "Text")
        self.maps_section = Section("Feature maps", self.maps, parent=self)
        self.prediction_section = Section("Prediction", self.panel, parent=self)
        content = QWidget(self)
        layout = QVBoxLayout(content)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addLayout(self._toolbar())
        layout.addWidget(self.title)
        layout.addLayout(self._source())
        layout.addWidget(self.view)
        layout.addWidget(self.tabs, 1)
        layout.addWidget(self.maps_section)
        layout.addWidget(self.prediction_section)
        self.fill(content)

    def _toolbar(self) -> QHBoxLayout:
        bar = QHBoxLayout()
        bar.setSpacing(1)
        for button in (
            self.button("New network", "new", self._new, "Ctrl+N"),
            self.button("Open a network", "open", self._open, "Ctrl+O"),
            self.button("Save", "save", self._save, "Ctrl+S"),
            self.button("Save as another file", "save-as", self._save_as, "Ctrl+Shift+S"),
            self.button("Undo", "undo", self._undo, "Ctrl+Z"),
            self.button("Redo", "redo", self._redo, "Ctrl+Shift+Z", "Ctrl+Y"),
        ):
            button.setIconSize(QSize(18, 18))
            bar.addWidget(button)
        bar.addStretch(1)
        bar.addWidget(self._presets_button())
        return bar

    def _presets_button(self) -> QToolButton:
        self.presets_button = QToolButton(self)
        self.presets_button.setText("Presets")
        self.presets_button.setToolTip("Begin with a well-known network")
        self.presets_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.presets_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.presets_button.setMenu(presets_menu(self.presets_button, self._open_preset))
        return self.presets_button

    def _source(self) -> QHBoxLayout:
        self.input.setToolTip("Channels x sizes of the input, in array order: 1x28x28")
        self.input.setMaximumWidth(110)
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(QLabel("Image", self))
        row.addWidget(self.image, 1)
        row.addWidget(QLabel("Input", self))
        row.addWidget(self.input)
        return row

    def setColors(self, colors: Colors) -> None:
        """Hand the theme's colours on."""
        for part in (
            self.layers,
            self.text,
            self.panel,
            self.maps_section,
            self.prediction_section,
        ):
            part.setColors(colors)
        self.presets_button.setIcon(icon("presets", colors.text))
        self.text.editor.setPointSize(self.font().pointSizeF() + 0.5)

    # ------------------------------------------------------------ listening
    def _listen(self) -> None:
        session, rows = self.session, self.layers.rows
        for signal, callback in (
            (session.document_changed, self._on_document),
            (session.file_changed, self._on_file),
            (session.input_changed, self._on_input),
            (session.document_opened, self._on_opened),
            (session.preview_ready, self._on_preview),
            (session.maps_changed, self._on_maps),
            (session.prediction_changed, self._on_prediction),
            (session.prediction_progress, self._on_progress),
            (self.viewer.layers.events.inserted, self._on_layers),
            (self.viewer.layers.events.removed, self._on_layers),
            (self.viewer.dims.events.point, self._on_slider),
        ):
            self.links.add(signal, callback)
        self.layers.rowEdited.connect(partial(self.do, session.set_row))
        self.layers.rowInserted.connect(partial(self.do, session.insert_row))
        self.layers.structureInserted.connect(partial(self.do, session.insert_structure))
        self.layers.blockAdded.connect(partial(self.do, session.add_block))
        rows.structureAsked.connect(self._change_structure)
        rows.looksAt.connect(partial(self.do, session.look_at))
        rows.rowDeleted.connect(partial(self.do, session.delete_row))
        rows.rowMoved.connect(partial(self.do, session.move_row))
        rows.pictureClicked.connect(self._on_picture)
        self.text.valueChanged.connect(partial(self.do, session.set_text))
        self.text.undoAsked.connect(self._undo)
        self.text.redoAsked.connect(self._redo)
        self.tabs.currentChanged.connect(lambda _: self._settle())
        self.input.editingFinished.connect(self._set_input)
        self.view.valueChanged.connect(self._set_view)
        self.image.valueChanged.connect(self._choose_image)
        self.image.aboutToShow.connect(self._on_layers)
        self.maps.showAsked.connect(self._show_maps)
        self.maps.hideAsked.connect(session.hide)
        self.maps.featureChanged.connect(session.set_feature)
        self.maps.spansChanged.connect(session.set_spans)
        self.panel.predictAsked.connect(lambda: self.do(session.predict))
        self.panel.cancelAsked.connect(session.cancel_prediction)
        self.panel.saveAsked.connect(self._save_prediction)
        self.panel.compareAsked.connect(partial(self.do, session.compare_prediction))

    def _on_progress(self, status: PredictionStatus) -> None:
        self.panel.setStatus(status)
        if status.active:
            self.prediction_section.setOpen(True)

    def _on_prediction(self, prediction: Any) -> None:
        self.panel.setValue(prediction)
        if prediction is not None:
            self.prediction_section.setOpen(True)

    def refresh(self) -> None:
        """Show everything as the session has it now."""
        self._on_document(self.session.pipeline)
        self._on_file()
        self._on_layers()
        self._on_maps()
        self.panel.setValue(self.session.prediction)
        self.panel.setStatus(self.session.predicting)
        for preview in self.memory.previews.values():
            self._on_preview(preview)
        self.do(self.session.request_previews)

    def _on_opened(self) -> None:
        """Forget what was said and seen of the document before."""
        self.message.clear()
        self.layers.forget()

    def _on_document(self, pipeline: Pipeline) -> None:
        self.layers.setPipeline(pipeline)
        self._show_spacing()
        self.view.setValue(pipeline.network.input)
        self.view.setVisible(has_views(pipeline.network.input))
        self.text.setPipeline(pipeline)
        self.maps.setPipeline(pipeline)
        self.panel.setPipeline(pipeline)
        if not self.input.hasFocus() or not self.input.isModified():
            self.input.setText(input_text(pipeline))
        wrong = len(pipeline.problems)
        self.tabs.setTabText(1, f"Text ({wrong} wrong)" if wrong else "Text")
        self.predict_button.setEnabled(not wrong)

    def _on_file(self) -> None:
        session = self.session
        name = session.path.name if session.path else "not saved yet"
        mark = "\u25cf " if session.modified else ""
        self.title.setText(f"{mark}{session.pipeline.title} \u2013 {name}")
        self.title.setToolTip(str(session.path) if session.path else "")
        self.action("undo").setEnabled(session.can_undo)
        self.action("redo").setEnabled(session.can_redo)
        self.setTip("undo", session.undo_text)
        self.setTip("redo", session.redo_text)

    def _on_input(self, layer: object = None) -> None:
        self.layers.rows.clearPictures()
        self.panel.setValue(None)
        self._show_spacing()
        self._on_layers()

    def _show_spacing(self) -> None:
        """Give what rows see in mm or s, where the image has such units."""
        from napari_convnet.viewer.spacing import spacing_of

        session = self.session
        self.layers.setSpacing(spacing_of(session.input_layer, session.pipeline.network.input))

    def _on_layers(self, event: object = None) -> None:
        session = self.session
        layer = session.input_layer
        chosen = None if session.follows_selection else layer
        self.image.setLayers(session.input_layers(), chosen, layer)
        self.panel.setLayers(session.labels_layers())

    def _on_preview(self, preview: Preview) -> None:
        self.layers.rows.setPicture(preview.layer, picture_of(preview))

    def _on_slider(self, event: object = None) -> None:
        feature = feature_of(self.viewer)
        if feature is not None:
            self.maps.setFeature(feature)

    def _on_maps(self) -> None:
        self.maps.setShown(self.session.shown)
        self.maps.setSpans(self.session.spans)

    # ------------------------------------------------------------ what is asked for
    def _settle(self) -> None:
        """Tell the session what has been typed but not told yet."""
        self.layers.settle()
        self.text.settle()

    def _new(self) -> None:
        self._settle()
        if files.may_go(self, self.session):
            self.session.new()

    def _open(self) -> None:
        self._settle()
        self.do(files.open_file, self, self.session)

    def _open_preset(self, name: str) -> None:
        self._settle()
        if files.may_go(self, self.session):
            self.do(self.session.open_preset, name)

    def _save(self) -> None:
        self._settle()
        self.do(files.save, self, self.session)

    def _save_as(self) -> None:
        self._settle()
        self.do(files.save_as, self, self.session)

    def _undo(self) -> None:
        self._settle()
        self.do(self.session.undo)

    def _redo(self) -> None:
        self._settle()
        self.do(self.session.redo)

    def _set_input(self) -> None:
        if self.input.isModified():
            self.input.setModified(False)
            self.do(self.session.set_value, "input", self.input.text().strip())

    def _save_prediction(self) -> None:
        name, _ = QFileDialog.getSaveFileName(
            self, "Save the prediction", str(self.session.pipeline.folder), FILES
        )
        if name:
            self.do(self.session.save_prediction, name)

    def _set_view(self, view: View, slices: int) -> None:
        self._settle()
        self.do(self.session.set_view, view, slices)
        # Where it could not be written, the switch goes back.
        self.view.setValue(self.session.pipeline.network.input)

    def _change_structure(self, what: str, path: RowPath, word: str) -> None:
        """Put a row into another, take rows out of one, or add a branch and edit it."""
        session = self.session
        if what == "branch":
            self.do(session.add_branch, path, word)
            rows = (*session.pipeline.rows, *session.pipeline.block_rows)
            branches = sum(1 for row in rows if row.path[:-1] == path)
            self.layers.rows.editPath((*path, branches - 1))
            return
        if what == "wrap":
            self.do(session.wrap_row, path, word)
        else:
            self.do(session.unwrap_row, path)
        self.selectRow(path)

    def _choose_image(self, layer: Any) -> None:
        self.session.input_layer = layer
        self._on_layers()

    def _show_maps(self, choice: MapsChoice) -> None:
        if not choice.layers:
            self.message.setValue("warning", "no layer is chosen; tick those whose maps you want")
            return
        self.do(partial(self.session.show, choice.layers, montage=choice.montage))

    def _on_picture(self, view: RowView) -> None:
        """Show a row's maps in the viewer, beside those shown; ask for a picture still missing."""
        if not self.layers.rows.hasPicture(view.path):
            self.do(self.session.request_previews)
            return
        shown = self.session.shown
        if view.layer not in shown:
            self.do(self.session.show, (*shown, view.layer))

    def selectRow(self, path: RowPath) -> None:
        """Make a row the current one."""
        self.layers.rows.setCurrent(path)
