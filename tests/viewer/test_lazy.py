"""Maps too large for the window: slices when they are looked at, exact, and NaN before."""

import numpy as np
import pytest

import napari_convnet as nc
from napari_convnet.network import UserError
from napari_convnet.viewer.lazy import LazyArray

TEXT = """
input: 1x32x32x32
net:
  - c1: conv 4 k3 relu
  - p1: max 2
  - c2: conv 6 k3
"""


@pytest.fixture(scope="module")
def head():
    """A part of a head, int16 (z, y, x), with voxels that are no cubes."""
    import nibabel

    from napari_convnet.data.samples import sample_path

    image = nibabel.load(sample_path("mri/head_t1.nii.gz"))
    values = np.asarray(image.dataobj)
    return np.ascontiguousarray(values[40:100, 30:110, 20:92].astype(np.int16))


@pytest.fixture
def lazy(session):
    """A session that takes maps of more than 100 kB for large ones."""
    session.looking.plain_bytes = 100_000
    return session


@pytest.fixture
def expected(head):
    maps = nc.feature_maps(nc.parse(TEXT), head.astype(np.float32))
    return {name: np.asarray(maps[name]) for name in maps}


def current(layer):
    """The slice that napari shows of a layer."""
    return np.asarray(layer._slice.image.raw)


def test_large_maps_show_the_slice_looked_at(lazy, head, expected, quiet):
    lazy.viewer.add_image(head, scale=(2, 1, 1))
    lazy.set_text(TEXT)
    lazy.show(["c1", "c2"])
    quiet(lazy)
    c1, c2 = (lazy.viewer.layers[name] for name in ("c1", "c2"))
    assert isinstance(c1.data, LazyArray)
    assert c1.data.shape == (4, 60, 80, 72)
    np.testing.assert_allclose(c2.scale, (1, 4, 2, 2))
    for z in (60, 61, 3, 90):
        lazy.viewer.dims.set_point(1, z)
        quiet(lazy)
        np.testing.assert_allclose(current(c1), expected["c1"][0, round(z / 2)], atol=1e-3)
    lazy.set_feature(2)
    quiet(lazy)
    index = int(np.rint(c2.world_to_data((2, 90, 0, 0))[1]))
    np.testing.assert_allclose(current(c2), expected["c2"][2, index], atol=1e-3)
    assert c2.colormap.name == "maps diverging"
    assert c1.contrast_limits[0] == 0
    low, high = lazy.viewer.layers["c2"].contrast_limits
    assert -low == high > 0


@pytest.fixture
def shown(lazy, head, quiet):
    """A session that shows large maps of a head."""
    lazy.viewer.add_image(head)
    lazy.set_text(TEXT)
    lazy.show(["c1"])
    quiet(lazy)
    return lazy


def test_what_is_not_there_is_nan_and_asked_for_once(shown, expected, quiet, monkeypatch):
    jobs = []
    submit = shown._eye.submit
    monkeypatch.setattr(
        shown._eye, "submit", lambda job, **rest: (jobs.append(job), submit(job, **rest))[1]
    )
    c1 = shown.viewer.layers["c1"]
    before = shown.viewer.dims.point[1]
    shown.viewer.dims.set_point(1, 7)
    assert np.isnan(current(c1)).all()
    assert np.isnan(c1.data[0, 50]).all()
    shown.viewer.dims.set_point(1, before)
    assert not np.isnan(current(c1)).any()
    shown.viewer.dims.set_point(1, 9)
    quiet(shown)
    np.testing.assert_allclose(current(c1), expected["c1"][0, 9], atol=1e-3)
    assert [job.name for job in jobs] == ["regions"]
    (wanted,) = jobs[0].arguments["wanted"]
    assert wanted.box[0] == (9, 10)


def test_the_latest_slice_wins(shown, expected, qtbot, quiet):
    c1 = shown.viewer.layers["c1"]
    seen = []
    c1.events.set_data.connect(lambda event: seen.append(shown.viewer.dims.point[1]))
    for z in range(5, 50):
        shown.viewer.dims.set_point(1, z)
        shown.looking._send()  # as if the event loop had run in between
    quiet(shown)
    np.testing.assert_allclose(current(c1), expected["c1"][0, 49], atol=1e-3)
    assert not shown.looking._wanted


def test_all_of_it_is_computed_or_refused(shown, expected, monkeypatch):
    data = shown.viewer.layers["c1"].data
    np.testing.assert_allclose(np.asarray(data), expected["c1"], atol=1e-3)
    monkeypatch.setattr("napari_convnet.viewer.lazy.MOST_ARRAY", 10_000)
    with pytest.raises(UserError, match=r"all maps of c1 take 0\.0 GB as one array"):
        np.asarray(data)


def test_the_window_holds_no_more_than_it_may(shown, quiet):
    shown.looking.values.most_bytes = 5 * 80 * 72 * 4
    c1 = shown.viewer.layers["c1"]
    for z in range(10, 22):
        shown.viewer.dims.set_point(1, z)
        quiet(shown)
        assert shown.looking.values.bytes <= 5 * 80 * 72 * 4
    assert not np.isnan(current(c1)).any()
    assert np.isnan(c1.data[0, 11]).all()


def test_a_removed_layer_is_asked_for_no_more(shown, quiet):
    shown.viewer.dims.set_point(1, 7)
    shown.viewer.layers.remove("c1")
    quiet(shown)
    assert shown.looking.values.bytes == 0
    shown.show(["c1"])
    quiet(shown)
    assert not np.isnan(current(shown.viewer.layers["c1"])).any()


def test_slices_come_again_after_the_eye_was_killed(shown, expected, quiet, kill):
    messages = []
    shown.message.connect(messages.append)
    c1 = shown.viewer.layers["c1"]
    kill(shown._eye)
    shown.viewer.dims.set_point(1, 7)
    quiet(shown)
    for z in (8, 7):
        shown.viewer.dims.set_point(1, z)
        quiet(shown)
    np.testing.assert_allclose(current(c1), expected["c1"][0, 7], atol=1e-3)
    assert all("signal 9" in m.text for m in messages if m.level == "error")


def test_other_weights_renew_what_is_in_sight(shown, head, expected, quiet):
    c1 = shown.viewer.layers["c1"]
    data, z = c1.data, int(shown.viewer.dims.point[1])
    shown.viewer.dims.set_point(1, z + 1)
    quiet(shown)
    shown.set_value("train.seed", "7")
    # What is in sight stays until the new values are there.
    assert not np.isnan(current(c1)).any()
    quiet(shown)
    assert c1.data is data
    assert np.isnan(data[0, z]).all()
    text = TEXT + "train:\n  seed: 7\n"
    new = nc.feature_maps(nc.parse(text), head.astype(np.float32))["c1"][0, z + 1]
    np.testing.assert_allclose(current(c1), new, atol=1e-3)
    assert not np.allclose(new, expected["c1"][0, z + 1])


def test_in_3d_a_small_plain_array_is_handed_over(shown, expected, quiet, monkeypatch):
    monkeypatch.setattr("napari_convnet.viewer.lazy.MOST_SOLID", 30)
    monkeypatch.setattr("napari_convnet.viewer.looking.DRAW_SECONDS", 0.0)
    c1 = shown.viewer.layers["c1"]
    flat, place = c1.data, c1.affine.affine_matrix.copy()
    scale = c1.scale.copy()
    shown.viewer.dims.ndisplay = 3
    quiet(shown)
    volume = current(c1)
    assert volume.shape == (30, 27, 24)
    np.testing.assert_allclose(volume, expected["c1"][0, 1::2, 1::3, 1::3], atol=1e-3)
    np.testing.assert_allclose(c1.data_to_world((0, 4, 5, 6)), (0, 9, 16, 19))
    shown.set_feature(3)
    quiet(shown)
    np.testing.assert_allclose(current(c1), expected["c1"][3, 1::2, 1::3, 1::3], atol=1e-3)
    shown.viewer.dims.ndisplay = 2
    quiet(shown)
    assert c1.data is flat
    np.testing.assert_allclose(c1.scale, scale)
    np.testing.assert_allclose(c1.affine.affine_matrix, place)


def test_a_montage_of_large_maps_is_of_the_current_slice(shown, expected, quiet):
    shown.show(["c1"], montage=True)
    quiet(shown)
    layer = shown.viewer.layers["c1 (all maps)"]
    z = round(shown.viewer.dims.point[0])
    picture = current(layer)
    gap = round(80 / 14)
    assert picture.shape == (2 * 80 + gap, 2 * 72 + gap)
    np.testing.assert_allclose(picture[:80, :72], expected["c1"][0, z], atol=1e-3)
    np.testing.assert_allclose(picture[-80:, -72:], expected["c1"][3, z], atol=1e-3)
    assert np.isnan(picture[80 + 2]).all()
    assert list(shown.viewer.layers["names of layers"].features["name"]) == ["c1: 4 maps"]
    shown.viewer.dims.set_point(0, z + 5)
    assert np.isnan(current(layer)).all()
    quiet(shown)
    np.testing.assert_allclose(current(layer)[-80:, :72], expected["c1"][2, z + 5], atol=1e-3)
