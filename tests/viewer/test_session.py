"""Sessions: documents, maps, training and prediction in a real viewer with real workers."""

import numpy as np
import pytest
from safetensors.numpy import load_file

import napari_convnet as nc
from napari_convnet.network import UserError
from napari_convnet.viewer import attach


def test_there_is_one_session_per_viewer(session):
    assert attach(session.viewer) is session


def test_maps_become_registered_layers(session, digit, quiet):
    session.viewer.add_image(digit, name="seven", scale=(0.5, 0.5))
    session.open_preset("lenet")
    session.show()
    quiet(session)
    assert session.shown == ("c1", "s2", "c3", "s4")
    layers = session.viewer.layers
    assert layers["c1"].data.shape == (6, 28, 28)
    assert layers["s2"].data.shape == (6, 14, 14)
    np.testing.assert_allclose(layers["s2"].scale, (1, 1, 1))
    np.testing.assert_allclose(layers["s2"].translate, (0, 0.25, 0.25))
    expected = nc.feature_maps(nc.preset("lenet"), digit.astype(np.float32))["s4"]
    np.testing.assert_allclose(layers["s4"].data, np.asarray(expected), rtol=1e-4, atol=1e-5)


def test_an_edit_updates_what_follows_in_the_same_layers(session, digit, quiet):
    session.viewer.add_image(digit)
    session.open_preset("lenet")
    session.show(["c1", "s2"])
    quiet(session)
    c1, s2 = (session.viewer.layers[name] for name in ("c1", "s2"))
    before = c1.data
    session.set_row((1,), "s2: avg 4")
    quiet(session)
    assert session.viewer.layers["s2"] is s2
    assert s2.data.shape == (6, 7, 7)
    np.testing.assert_array_equal(c1.data, before)
    session.undo()
    quiet(session)
    assert s2.data.shape == (6, 14, 14)


def test_every_row_gets_its_preview(session, digit, quiet):
    previews = {}
    # However busy the machine is, none is late.
    session.preview_seconds = None
    session.preview_ready.connect(lambda preview: previews.update({preview.layer: preview}))
    session.viewer.add_image(digit)
    session.open_preset("lenet")
    quiet(session)
    rows = {layer.row for layer in session.pipeline.network if layer.fields}
    assert {p.row for p in previews.values()} >= rows
    assert previews["c1"].thumbnail.dtype == np.uint8
    assert previews["c1"].thumbnail.ndim == 3


def test_a_wrong_row_keeps_the_pictures_above(session, digit, quiet):
    session.viewer.add_image(digit)
    session.open_preset("lenet")
    session.set_row((2,), "c3: conv 16 k5 valid rellu")
    previews = []
    session.preview_ready.connect(lambda preview: previews.append(preview.layer))
    session.request_previews()
    quiet(session)
    assert session.pipeline.problems[0].what == 'unknown op "rellu"'
    assert {"c1.conv", "c1", "s2"} >= set(previews)


def test_the_step_of_a_stack_is_what_is_computed(session, ten_digits, quiet):
    session.viewer.add_image(ten_digits)
    session.open_preset("lenet")
    session.show(["c1"])
    quiet(session)
    session.viewer.dims.set_point(1, 4)
    quiet(session)
    maps = session.viewer.layers["c1"]
    expected = nc.feature_maps(nc.preset("lenet"), ten_digits[4].astype(np.float32))["c1"]
    np.testing.assert_allclose(maps.data[:, 0], np.asarray(expected), rtol=1e-4, atol=1e-5)
    assert maps.world_to_data((0, 4, 0, 0))[1] == 0


def test_the_slider_keeps_short_stacks_in_sight(session, digit, quiet):
    session.viewer.add_image(digit)
    session.open_preset("lenet")
    session.show(["c1", "c3"])
    quiet(session)
    session.set_feature(11)
    c1, c3 = (session.viewer.layers[name] for name in ("c1", "c3"))
    assert c1.world_to_data((11, 0, 0))[0] == 5
    assert c3.world_to_data((11, 0, 0))[0] == 11


def test_montages_stand_beside_the_image(session, digit, quiet):
    image = session.viewer.add_image(digit)
    session.open_preset("lenet")
    session.show(["c1", "s2"], montage=True)
    quiet(session)
    c1, s2, names = (v for v in session.viewer.layers if v is not image)
    assert (c1.name, s2.name, names.name) == ("c1 (all maps)", "s2 (all maps)", "names of layers")
    assert c1.extent.world[0][1] > image.extent.world[1][1]
    assert s2.extent.world[0][0] > image.extent.world[1][0]
    dead = [len(layer.metadata["napari-convnet"]["dead"]) for layer in (c1, s2)]
    assert list(names.features["name"]) == [
        f"{name}: 6 maps" + (f", {count} dead" if count else "")
        for name, count in zip(("c1", "s2"), dead, strict=True)
    ]
    assert session.input_layer is image
    session.hide()
    assert list(session.viewer.layers) == [image]


def test_the_input_may_be_removed_renamed_and_replaced(session, ten_digits, quiet):
    seen = []
    session.input_changed.connect(lambda layer: seen.append(layer and layer.name))
    first = session.viewer.add_image(ten_digits[3], name="three")
    session.open_preset("lenet")
    session.show(["c1"])
    quiet(session)
    before = session.viewer.layers["c1"].data
    first.name = "drei"
    first.data = ten_digits[8]
    quiet(session)
    assert not np.array_equal(session.viewer.layers["c1"].data, before)
    session.viewer.layers.remove(first)
    assert session.input_layer is None
    quiet(session)
    session.viewer.add_image(ten_digits[3], name="again")
    quiet(session)
    np.testing.assert_allclose(session.viewer.layers["c1"].data, before)
    assert seen == ["three", "drei", None, "again"]


def test_an_image_that_does_not_fit_is_a_message(session, quiet):
    messages = []
    session.message.connect(messages.append)
    session.viewer.add_image(np.zeros((30, 30, 3), np.uint8), rgb=True)
    session.open_preset("lenet")
    quiet(session)
    assert "is an RGB image" in messages[-1].text
    session.viewer.add_image(np.full((28, 28), np.nan), contrast_limits=(0, 1))
    quiet(session)
    assert "NaN" in messages[-1].text


def test_a_killed_eye_is_said_and_comes_back(session, digit, quiet, kill):
    messages = []
    session.message.connect(messages.append)
    session.viewer.add_image(digit)
    session.open_preset("lenet")
    session.show(["c1"])
    quiet(session)
    session.layers.remove("c1", "maps")
    kill(session._eye)
    session.show(["c1"])
    quiet(session)
    session.show(["c1"])
    quiet(session)
    assert session.shown == ("c1",)
    assert all("signal 9" in m.text for m in messages if m.level == "error")


def test_training_says_how_it_goes_and_names_its_run(session, digit, quiet, short_lenet):
    states = []
    session.training_changed.connect(lambda status: states.append(status.state))
    session.viewer.add_image(digit)
    session.set_text(short_lenet())
    session.show(["c1"])
    quiet(session)
    before = session.viewer.layers["c1"].data.copy()
    session.train()
    assert session.training.state == "starting"
    quiet(session, 120_000)
    assert session.training.state == "finished"
    assert states[0] == "starting"
    assert "running" in states
    assert session.training.test_accuracy > 0.3
    assert session.pipeline.weights.startswith("runs/")
    assert session.pipeline.weights.endswith("@best")
    assert not np.array_equal(session.viewer.layers["c1"].data, before)
    session.predict()
    quiet(session)
    assert session.prediction.trained
    np.testing.assert_allclose(sum(session.prediction.probabilities), 1, rtol=1e-5)


def test_a_document_in_another_folder_is_trained_and_watched(
    session, digit, quiet, short_lenet, tmp_path
):
    """The run lies beside the document, whose path may be relative to neither."""
    messages = []
    session.message.connect(messages.append)
    (tmp_path / "sub").mkdir()
    session.viewer.add_image(digit)
    session.set_text(short_lenet(train_epochs="1"))
    session.save("sub/net.yaml")
    session.show(["c1"])
    session.train()
    quiet(session, 120_000)
    assert session.training.state == "finished"
    assert [m.text for m in messages if m.level == "error"] == []
    assert session.pipeline.weights.startswith("runs/")


def test_training_with_previews_ends_with_the_weights_of_training_without(
    session, digit, quiet, short_lenet, tmp_path
):
    session.viewer.add_image(digit)
    session.set_text(short_lenet())
    session.show(["c1", "s4"])
    session.train(tmp_path / "watched")
    quiet(session, 120_000)
    session.hide()
    session.undo()
    session.viewer.layers.clear()
    session.train(tmp_path / "alone")
    quiet(session, 120_000)
    watched, alone = (
        load_file(tmp_path / run / "checkpoints" / "last.safetensors")
        for run in ("watched", "alone")
    )
    assert watched.keys() == alone.keys()
    for name, value in watched.items():
        np.testing.assert_array_equal(value, alone[name])


def test_a_killed_trainer_is_said_and_the_document_stays(
    session, digit, qtbot, quiet, short_lenet, kill
):
    session.viewer.add_image(digit)
    session.set_text(short_lenet(train_epochs="500"))
    text = session.text
    session.train()
    qtbot.waitUntil(lambda: session.training.step > 3, timeout=60_000)
    kill(session._trainer)
    qtbot.waitUntil(lambda: session.training.state == "failed", timeout=20_000)
    assert "signal 9" in session.training.error
    assert session.text == text
    session.set_text(short_lenet(train_epochs="1"))
    session.train()
    quiet(session, 120_000)
    assert session.training.state == "finished"


def test_pause_resume_and_stop(session, qtbot, quiet, short_lenet):
    session.set_text(short_lenet(train_epochs="500"))
    session.train()
    with pytest.raises(UserError, match="under way"):
        session.train()
    qtbot.waitUntil(lambda: session.training.step > 0, timeout=60_000)
    session.pause()
    qtbot.waitUntil(lambda: session.training.state == "paused", timeout=20_000)
    session.resume()
    qtbot.waitUntil(lambda: session.training.state == "running", timeout=20_000)
    session.stop()
    qtbot.waitUntil(lambda: session.training.state == "stopped", timeout=20_000)
    quiet(session)


def test_open_save_and_the_unsaved_mark(session, tmp_path):
    session.open_preset("lenet")
    assert not session.modified
    with pytest.raises(UserError, match="no file yet"):
        session.save()
    session.set_row((0,), "c1: conv 8 k5 relu")
    assert session.modified
    path = session.save(tmp_path / "mine.yaml")
    assert not session.modified
    assert session.path == path
    session.undo()
    assert session.modified
    session.open(path)
    assert "conv 8 k5" in session.text
    with pytest.raises(UserError, match="there is no file"):
        session.open(tmp_path / "other.yaml")
    assert session.path == path


def test_wrong_requests_have_their_message(session):
    session.open_preset("lenet")
    with pytest.raises(UserError, match='no layer is called "c9"'):
        session.show(["c9"])
    with pytest.raises(UserError, match="there is no image"):
        session.predict()
    session.set_row((0,), "c1: conv 8 k4")
    with pytest.raises(UserError, match="even kernel"):
        session.train()
