"""Predictions per voxel in a window: layers in place, progress, cancelling, files."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest
import torch
from napari.layers import Image, Labels

from napari_convnet.document import parse
from napari_convnet.network import UserError

TEXT = """\
input: {input}
data:
  images: a
  labels: a
  classes: [air, soft, bone]
net:
  - c1: conv 4 k3 relu
  - conv 3 k3
train:
  task: {task}
  loss: {loss}
"""

AFFINE = np.array([[3.0, 0, 0, 5], [0, 0.8, -0.6, 6], [0, 0.6, 0.8, 7], [0, 0, 0, 1]])


def text(input: str = "1x?x?x?", task: str = "segment", net: str = "") -> str:
    loss = "mse" if task == "regress" else "cross-entropy"
    made = TEXT.format(input=input, task=task, loss=loss)
    return made.replace("conv 3 k3", net) if net else made


@pytest.fixture
def scan(session):
    """A session that looks at an oblique scan."""
    array = np.random.default_rng(1).normal(0, 100, (9, 14, 16)).astype(np.int16)
    session.viewer.add_image(
        array, name="ct", affine=AFFINE, units="mm", axis_labels=("z", "y", "x")
    )
    session.set_text(text())
    return session


def right(source: str, array: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        net = parse(source).build().eval()
        return net(torch.from_numpy(array.astype(np.float32))[None, None])[0].numpy()


def test_labels_lie_over_the_scan(scan, quiet):
    image, told = scan.viewer.layers["ct"], []
    scan.prediction_progress.connect(told.append)
    assert scan.predicts_voxels
    scan.predict(most_bytes=200_000)
    assert scan.predicting.active
    with pytest.raises(UserError, match="under way"):
        scan.predict()
    quiet(scan)
    layer = scan.prediction_layer()
    assert isinstance(layer, Labels)
    assert layer.name == "ct: predicted"
    np.testing.assert_array_equal(layer.data, right(text(), image.data).argmax(0))
    np.testing.assert_allclose(layer.affine.affine_matrix, AFFINE)
    assert layer.axis_labels == image.axis_labels
    assert [str(unit) for unit in layer.units] == [str(unit) for unit in image.units]
    assert list(layer.features["class"]) == ["air", "soft", "bone"]
    assert list(layer.features["index"]) == [0, 1, 2]
    assert scan.viewer.layers.selection.active is image
    fractions = [status.fraction for status in told]
    assert fractions == sorted(fractions)
    assert (told[0].state, told[-1].state) == ("running", "finished")
    assert len(scan.prediction.rows()) == 3
    # The next one is shown in the same layer, with what the user made of it.
    layer.opacity = 0.25
    scan.set_text(text().replace("conv 4", "conv 5"))
    scan.predict(probabilities=True)
    quiet(scan)
    assert scan.prediction_layer() is layer
    assert layer.opacity == 0.25
    np.testing.assert_array_equal(
        layer.data, right(text().replace("conv 4", "conv 5"), image.data).argmax(0)
    )
    chances = scan.prediction_layer("probabilities")
    assert isinstance(chances, Image)
    assert chances.data.shape == (3, 9, 14, 16)
    assert chances.data.dtype == np.float16
    assert list(chances.contrast_limits) == [0, 1]
    np.testing.assert_allclose(chances.affine.affine_matrix[1:, 1:], AFFINE)
    assert {layer, chances}.isdisjoint({scan.input_layer})


def test_one_that_is_cancelled_leaves_no_layer(scan, quiet):
    scan.predict()
    scan.cancel_prediction()
    quiet(scan)
    assert scan.predicting.state == "cancelled"
    assert scan.prediction_layer() is None


def test_a_failure_is_told(scan, quiet):
    told = []
    scan.message.connect(told.append)
    scan.viewer.layers["ct"].data = np.full((9, 14, 16), np.nan, np.float32)
    with pytest.raises(UserError, match="NaN"):
        scan.predict()
    scan.viewer.layers["ct"].data = np.zeros((9, 14, 16), np.float32)
    scan.set_text(text("1x8x8x8", net="flatten fc 3"))
    assert not scan.predicts_voxels
    scan.set_text(text(net="conv 3 k15 valid"))
    scan.predict()
    quiet(scan)
    assert scan.predicting.state == "failed"
    assert any(message.level == "error" for message in told)


def test_values_and_slices(scan, quiet):
    image = scan.viewer.layers["ct"]
    scan.set_text(text("5zx?x?", "regress", "conv 1 k3"))
    scan.predict()
    quiet(scan)
    layer = scan.prediction_layer()
    assert isinstance(layer, Image)
    assert layer.data.shape == image.data.shape
    np.testing.assert_allclose(layer.affine.affine_matrix, AFFINE)
    net = parse(scan.text).build().eval()
    near = image.data[[1, 2, 3, 4, 5]].astype(np.float32)
    with torch.inference_mode():
        middle = net(torch.from_numpy(near)[None])[0, 0].numpy()
    np.testing.assert_allclose(layer.data[3], middle, rtol=1e-4, atol=1e-3)


def test_previews_of_slices_follow_the_slider(scan, quiet):
    seen = []
    scan.preview_seconds = None
    scan.preview_ready.connect(lambda preview: seen.append(preview.thumbnail))
    scan.set_text(text("5zx?x?"))
    scan.viewer.dims.set_current_step(0, 2)
    quiet(scan)
    seen.clear()
    scan.viewer.dims.set_current_step(0, 7)
    quiet(scan)
    assert len(seen) >= 2
    assert all(picture is not None for picture in seen)


def test_what_is_saved_is_what_is_seen(scan, quiet, tmp_path):
    with pytest.raises(UserError, match="predict first"):
        scan.save_prediction(tmp_path / "out.nii.gz")
    scan.predict()
    quiet(scan)
    with pytest.raises(UserError, match="no kind"):
        scan.save_prediction(tmp_path / "out.png")
    told = []
    scan.message.connect(lambda message: told.append(message.text))
    said = scan.prediction.labels.copy()
    scan.prediction_layer().data[2, 3, 4] = 77  # mended by hand
    # What the network said stays what it was.
    np.testing.assert_array_equal(scan.prediction.labels, said)
    scan.save_prediction(tmp_path / "out.nii.gz")
    quiet(scan)
    assert told[-1] == f"wrote {tmp_path / 'out.nii.gz'}"
    image = nibabel.load(tmp_path / "out.nii.gz")
    assert image.dataobj[4, 3, 2] == 77
    ras = (image.affine @ (4, 3, 2, 1))[:3]
    np.testing.assert_allclose(ras * (-1, -1, 1), (AFFINE @ (2, 3, 4, 1))[2::-1], atol=1e-4)
