"""Montages are laid out beside the window's thread, each layer's latest, in the layers' order."""

import threading

import numpy as np
import pytest

from napari_convnet.engine.jobs import Seen
from napari_convnet.viewer import montages
from napari_convnet.viewer.maps import pictures

NET = "input: 1x6x20x20\nnet:\n  - c1: conv 4 k3\n  - c2: conv 4 k3\n"


@pytest.fixture
def threads(monkeypatch):
    """The threads on which maps are laid out; they go on when they are told to."""
    found, go = [], threading.Event()

    def noted(array, token):
        found.append(threading.current_thread())
        go.wait(30)
        return pictures(array, token)

    monkeypatch.setattr(montages, "pictures", noted)
    yield found, go
    go.set()


def arrive(session, layer, values):
    """As maps come from the worker."""
    array = np.full((4, 6, 20, 20), values, np.float32)
    array[0, 0] = -1
    found = Seen(layer, array, np.eye(4), (-1.0, 1.0), ())
    session._maps_arrived(session.source(), session.pipeline, found)


@pytest.mark.parametrize("spans", ["layer", "map"])
def test_the_window_lays_no_maps_out(session, viewer, threads, qtbot, spans):
    found, go = threads
    viewer.add_image(np.zeros((6, 20, 20), np.float32))
    session.set_text(NET)
    session.set_spans(spans)
    session.show(["c1", "c2"], montage=True)
    for layer, values in (("c1", 1), ("c2", 2), ("c2", 3)):
        arrive(session, layer, values)
    qtbot.waitUntil(lambda: bool(found))
    assert session.busy
    assert not session.shown
    go.set()
    qtbot.waitUntil(lambda: not session.montages.busy)
    # There may be more to come.
    assert "names of layers" not in viewer.layers
    session._maps_done(None)
    assert "names of layers" in viewer.layers
    assert threading.main_thread() not in found
    assert session.shown == ("c1", "c2")
    assert np.nanmax(viewer.layers["c2 (all maps)"].data) == (3 if spans == "layer" else 1)


def test_what_is_hidden_meanwhile_stays_hidden(session, viewer, threads, qtbot):
    found, go = threads
    viewer.add_image(np.zeros((6, 20, 20), np.float32))
    session.set_text(NET)
    session.show(["c1"], montage=True)
    arrive(session, "c1", 1)
    qtbot.waitUntil(lambda: bool(found))
    session.hide()
    go.set()
    qtbot.waitUntil(lambda: not session.montages.busy)
    assert len(viewer.layers) == 1
