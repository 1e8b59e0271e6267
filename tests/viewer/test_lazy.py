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
    from napari_convnet.data.samples import sample_path
    import nibabel

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
