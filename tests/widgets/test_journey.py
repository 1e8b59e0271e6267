"""With workers that compute: pictures of a digit, a short training, what the digit is taken for."""

import pytest

from napari_convnet.data import digits
from napari_convnet.viewer import attach
from napari_convnet.widgets import Builder, Train

LONG = 60_000


@pytest.fixture
def window(make_napari_viewer_proxy, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where runs are kept
    viewer = make_napari_viewer_proxy(show=True)
    yield viewer
    attach(viewer).close()


def test_a_journey_through_the_docks(window, qtbot):
    session = attach(window)
    session.open_preset("lenet")
    session.set_value("train.epochs", "1")
    window.add_image(digits()[0][2500], name="five")
    builder, train = Builder(window), Train(window)
    window.window.add_dock_widget(builder)
    window.window.add_dock_widget(train)
    model = builder.layers.rows.model()

    def pictured(row):
        picture = model.picture(row)
        return picture is not None and picture.pixmap is not None

    qtbot.waitUntil(lambda: all(pictured(row) for row in range(4)), timeout=LONG)
    qtbot.waitUntil(lambda: train.device_name.text().startswith(("CPU", "NVIDIA", "Apple")))
    with qtbot.waitSignal(train.controls.started):
        train.controls.start_button.click()
    qtbot.waitUntil(lambda: train.controls.stop_button.isEnabled())
    qtbot.waitUntil(lambda: session.training.state == "finished", timeout=LONG)
    qtbot.waitUntil(lambda: "Test accuracy" in train.result.text())
    assert train.controls.start_button.isEnabled()
    assert "epoch 1" in train.log.toPlainText()
    builder.predict_button.click()
    qtbot.waitUntil(lambda: builder.prediction.value() is not None, timeout=LONG)
    assert "%" in builder.prediction.accessibleDescription()
