"""From painted labels to a prediction in place, with real workers: what a user does with a scan."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_convnet.data import head, read_contents, same_place
from napari_convnet.training import evaluate
from napari_convnet.viewer import attach

DOCUMENT = """input: 1x12x12x12
data:
  normalize: zscore above 0
  patches: 12 per-volume 6
net:
  - c1: conv 4 k3 bn relu
  - out: conv 3 k1
train:
  task: segment
  optimizer: adamw lr 1e-2
  epochs: 2
  batch: 3
"""


@pytest.fixture
def session(qapp, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    session = attach(ViewerModel())
    yield session
    session.close()


def test_from_strokes_to_a_prediction_in_place(session, tmp_path, quiet):
    image, tissues = (np.asarray(one.array[70:90, 60:130:2, 60:130:2]) for one in head())
    viewer = session.viewer
    place = {"scale": (1, 2, 2), "translate": (10, -70, 4), "units": ("mm",) * 3}
    scan = viewer.add_image(image, name="scan", **place)
    session.set_text(DOCUMENT)
    painted = session.new_labels(scan)
    session.learn_from_layers((scan, painted))
    painted.data[::2] = tissues[::2] + 1
    painted.paint((1, 1, 1), 1)
    session.save(tmp_path / "net.yaml")
    quiet(session)
    files = sorted(path.name for path in (tmp_path / "net.layers").iterdir())
    assert files == ["scan_image.nii.gz", "scan_labels.nii.gz"]
    assert session.pipeline.data.classes == ("class 1", "class 2", "class 3")

    session.preview_patches(4)
    quiet(session)
    assert viewer.layers["patches"].data.shape == (4, 12, 12, 12)
    assert viewer.layers["patches: labels"].data.any()

    session.train()
    quiet(session)
    assert session.training.state == "finished", session.training.error
    assert any("divided along" in note for note in session.training.notes)
    assert set(session.training.measures["class 2"]) >= {"Dice", "IoU", "ml"}
    assert evaluate(session.training.run).mean_dice == pytest.approx(session.training.test_score)

    session.predict()
    quiet(session)
    found = viewer.layers["scan: predicted"]
    np.testing.assert_allclose(found.extent.world, scan.extent.world)
    assert set(np.unique(found.data)) <= {1, 2, 3}
    session.save_prediction(tmp_path / "out.nii.gz")
    quiet(session)
    written = read_contents(tmp_path / "out.nii.gz")
    assert same_place(written, read_contents(tmp_path / "net.layers" / "scan_image.nii.gz"))
    np.testing.assert_array_equal(written.array, found.data)
