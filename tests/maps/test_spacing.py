"""Maps of a document with ``spacing:`` look at what its training looked at."""

import numpy as np
import pytest

from napari_convnet.data import abdomen, load_examples
from napari_convnet.document import parse
from napari_convnet.maps import feature_maps

TEXT = """\
input: {input}
data:
  source: abdomen
  spacing: 6
  normalize: zscore
net:
  - c: conv 2
  - max 2
  - out: conv 9 k1
train:
  task: segment
"""


@pytest.mark.parametrize("input", ["1x24x24x24", "5zx24x24"])
def test_maps_and_training_see_the_same_voxels(input):
    pipeline = parse(TEXT.format(input=input))
    scan = abdomen()[0]
    axes = ("z", "y", "x")
    maps = feature_maps(pipeline, scan.array, affine=scan.affine, units="mm", axes=axes)
    (seen,) = load_examples(pipeline).scans
    np.testing.assert_array_equal(maps.source.read(), seen.image)
    np.testing.assert_allclose(maps["c"].affine, seen.affine)
    assert maps["c"].shape == (2, 56, 50, 61)
