import os
import signal

import numpy as np
import pytest

from napari_convnet.data import digits
from napari_convnet.document import edit, preset_text
from napari_convnet.viewer import attach


@pytest.fixture(scope="session")
def ten_digits():
    """One digit of each kind, uint8 (10, 28, 28)."""
    images, _ = digits()
    return images[::500]


@pytest.fixture
def session(make_napari_viewer_proxy, qtbot, tmp_path, monkeypatch):
    """A session over a viewer with one digit, its document the LeNet preset."""
    monkeypatch.chdir(tmp_path)
    viewer = make_napari_viewer_proxy()
    session = attach(viewer)
    yield session
    session.close()


@pytest.fixture
def digit(ten_digits):
    return ten_digits[7]


@pytest.fixture
def quiet(qtbot):
    """Wait until the workers of a session have nothing left to do and the window knows it."""

    def wait(session, timeout=60_000):
        qtbot.waitUntil(lambda: not session.busy, timeout=timeout)

    return wait


@pytest.fixture
def short_lenet():
    """The LeNet preset, shortened to two epochs of few digits."""

    def text(**values):
        text = preset_text("lenet")
        for key, value in {"train.epochs": "2", "data.split": "10/0/90"}.items():
            text = edit.set_value(text, key, value)
        for key, value in values.items():
            text = edit.set_value(text, key.replace("_", "."), value)
        return text

    return text


@pytest.fixture
def kill():
    def kill(worker):
        os.kill(worker.pid, signal.SIGKILL)

    return kill


@pytest.fixture
def photograph():
    from skimage import data

    return np.asarray(data.camera())
