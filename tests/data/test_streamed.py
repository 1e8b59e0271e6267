"""Statistics of large images, part by part, are those of the whole."""

import numpy as np
import pytest

from napari_convnet.data.normalisation import normalisation
from napari_convnet.data.streamed import streamed_normalisation
from napari_convnet.document import parse

SETTINGS = [
    "zscore",
    "zscore above 0",
    "zscore above 1e9",
    "minmax",
    "percentile .5 99.5",
    "percentile 0 100 above 3",
    "percentile 30 31",
    "window -160 240",
]
DRAWS = {
    "scan": lambda rng: rng.normal(100, 300, (1, 20, 30, 30)).astype(np.int16),
    "empty": lambda rng: (rng.random((1, 20, 30, 30)) > 0.999).astype(np.uint8),
    "mask": lambda rng: rng.random((1, 20, 30, 30)) > 0.5,
    "floats": lambda rng: rng.standard_cauchy((2, 20, 30, 30)).astype(np.float32),
    "zeros": lambda rng: np.float32(0) * -np.ones((1, 20, 30, 30), np.float32),
    "wide": lambda rng: rng.integers(-(2**30), 2**30, (1, 20, 30, 30)).astype(np.int32),
}


@pytest.mark.parametrize("line", SETTINGS)
@pytest.mark.parametrize("draw", DRAWS)
def test_parts_give_what_the_whole_gives(line, draw, monkeypatch):
    monkeypatch.setattr("napari_convnet.data.streamed.PIECE", 700)
    image = DRAWS[draw](np.random.default_rng(3))
    setting = parse(f"input: 1x8x8\ndata:\n  normalize: {line}\nnet:\n  - relu\n").data.normalize
    small = image.dtype.itemsize <= 2
    right = normalisation(image.astype(np.float32), setting)
    parts = image if small else image.astype(np.float32)
    found = streamed_normalisation(lambda: np.array_split(parts, 7, axis=1), setting, 4)
    assert found.clip == right.clip
    np.testing.assert_allclose(found.centre, right.centre, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(found.gain, right.gain, rtol=1e-5)
    assert found.apply(image.astype(np.float32)).shape == image.shape
