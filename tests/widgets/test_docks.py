"""Docks in a window of napari: themes, closing and opening again, what they cost."""

import gc
import weakref

import numpy as np
import pytest
from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QApplication

from napari_convnet.viewer import attach
from napari_convnet.widgets import Builder, Train
from napari_convnet.widgets.dock import WIDTH
from napari_convnet.widgets.theme import colors_of

BOTH = pytest.mark.parametrize("kind", [Builder, Train])


@pytest.fixture
def window(make_napari_viewer_proxy, workers):
    """A viewer's proxy, as docks get it."""
    viewer = make_napari_viewer_proxy(show=True)
    yield viewer
    attach(viewer).close()


def opened(viewer, dock):
    """Add a dock to the window, and wait until it is seen."""
    holder = viewer.window.add_dock_widget(dock)
    settle()
    assert dock.isVisible()
    return holder


def settle():
    for _ in range(3):
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        QApplication.processEvents()
    gc.collect()


def test_the_window_imports_no_torch():
    import subprocess
    import sys

    code = (
        "import sys, pkgutil, importlib, napari_convnet.widgets as room\n"
        "for m in pkgutil.iter_modules(room.__path__):\n"
        "    importlib.import_module(f'napari_convnet.widgets.{m.name}')\n"
        "print(*sorted({'torch', 'pyqtgraph', 'napari'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_an_unknown_dock_is_an_attribute_error():
    import napari_convnet.widgets as room

    with pytest.raises(AttributeError, match="no attribute 'Bilder'"):
        _ = room.Bilder


@BOTH
def test_a_dock_opens_closes_and_opens_again(window, kind):
    session = attach(window)
    first = kind(window)
    opened(window, first)
    assert first.links.connected
    session.open_preset("lenet")
    window.window.remove_dock_widget(first)
    settle()
    assert not first.links.connected
    gone = weakref.ref(first)
    del first
    settle()
    session.set_value("train.epochs", "7")  # nobody listens any more, and nothing breaks
    second = kind(window)
    opened(window, second)
    assert second.session is session
    if kind is Train:
        assert second.settings.value()["train.epochs"] == "7"
    else:
        assert len(second.layers.rows.value()) == 9
    window.window.remove_dock_widget(second)
    settle()
    assert gone() is None


@BOTH
def test_a_hidden_dock_catches_up_when_shown(window, kind):
    dock = kind(window)
    holder = opened(window, dock)
    session = attach(window)
    holder.hide()
    assert not dock.links.connected
    session.open_preset("lenet5")
    session.set_value("train.epochs", "3")
    holder.show()
    assert dock.links.connected
    if kind is Builder:
        assert dock.title.text().startswith("●")
        assert dock.input.text() == "1x32x32"
    else:
        assert dock.settings.value()["train.epochs"] == "3"


def test_pictures_and_curves_outlive_their_docks(window):
    from napari_convnet.training.events import Step

    session = attach(window)
    session.open_preset("lenet")
    builder, train = Builder(window), Train(window)
    del builder, train
    settle()
    from napari_convnet.viewer import Preview

    session.preview_ready.emit(Preview("c1", (0,), np.zeros((8, 8, 3), np.uint8)))
    session.event.emit(Step(1, 1, 0.5, 1e-3, 0.1))
    builder, train = Builder(window), Train(window)
    for dock in (builder, train):
        opened(window, dock)
    assert builder.layers.rows.model().picture(0).pixmap is not None
    assert train.memory.history.curves["step_loss"].y == [0.5]


@BOTH
def test_docks_follow_the_theme(window, kind):
    window.theme = "light"
    dock = kind(window)
    opened(window, dock)
    assert not dock.colors.dark
    window.theme = "dark"
    assert dock.colors.dark
    assert dock.colors == colors_of(window)


@BOTH
def test_a_dock_fits_beside_the_image(window, kind):
    attach(window).open_preset("vgg16")
    dock = kind(window)
    opened(window, dock)
    assert dock.minimumSizeHint().width() <= WIDTH
    dock.resize(WIDTH, 500)
    settle()
    for area in dock.findChildren(type(dock.area)):
        if area.widget() is not None and area.isVisible():
            assert area.widget().width() <= area.viewport().width(), area


def test_shortcuts_do_not_fight_with_naparis(window, qtbot, tmp_path):
    """Ctrl+S saves layers in napari; with the focus in the dock it saves the network."""
    session = attach(window)
    session.open_preset("lenet")
    session.save(tmp_path / "net.yaml")
    builder = Builder(window)
    opened(window, builder)
    session.set_row((1,), "s2: avg 2")
    builder.layers.rows.setFocus()
    qtbot.keyClick(builder.layers.rows, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
    assert not session.modified
