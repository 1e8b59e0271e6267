"""Maps of volumes by networks that take neighbouring slices as channels."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_convnet.data import Sample
from napari_convnet.document import parse
from napari_convnet.maps import SliceMaps, feature_maps, output_tiles
from napari_convnet.network import UserError

TEXT = """
input: 5zx16x16
{more}
net:
  - e: conv 4 k3 {norm} relu
  - max 2
  - conv 6 k3 relu
  - up 2
  - cat e
  - out: conv 3 k1
"""

AFFINE = np.array([[3.0, 0.1, 0, 5], [0, 0.9, -0.4, 6], [0, 0.4, 0.9, 7], [0, 0, 0, 1]])


def volume(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)


def neighbours(array: np.ndarray, z: int) -> np.ndarray:
    """The slices around one of (z, y, x), those at the ends repeated."""
    return array[np.clip(np.arange(z - 2, z + 3), 0, len(array) - 1)]


@pytest.mark.parametrize("norm", ["bn", "inorm"])
def test_each_slice_is_an_image_with_its_neighbours(norm: str) -> None:
    pipeline = parse(TEXT.format(more="", norm=norm))
    net, array = pipeline.build(seed=1).eval(), volume(7, 21, 30)
    maps = feature_maps(net, array, affine=AFFINE)
    assert isinstance(maps, SliceMaps)
    assert maps["out"].shape == (3, 7, 21, 30)
    assert maps["max-1"].shape == (4, 7, 11, 15)
    whole = dict(maps.stream(["e", "out"]))
    assert list(whole) == ["e", "out"]
    for z in range(7):
        alone = feature_maps(net, neighbours(array, z))
        right = alone["out"].compute()
        np.testing.assert_allclose(maps["out"][:, z], right, atol=1e-5)
        np.testing.assert_allclose(whole["out"][:, z], right, atol=1e-5)
        np.testing.assert_array_equal(maps["out"][1, z, 3:9, ::2], maps["out"][:, z][1, 3:9, ::2])


def test_maps_lie_over_the_volume() -> None:
    maps = feature_maps(
        parse(TEXT.format(more="", norm="bn")), volume(7, 20, 30), affine=AFFINE, units="mm"
    )
    np.testing.assert_allclose(maps["out"].affine, AFFINE)
    pooled = np.array([[1, 0, 0, 0], [0, 2, 0, 0.5], [0, 0, 2, 0.5], [0, 0, 0, 1]])
    np.testing.assert_allclose(maps["max-1"].affine, AFFINE @ pooled)
    assert maps["max-1"].units == ("mm",) * 3
    assert maps["max-1"].axes == ("z", "y", "x")
    assert maps["e"].layer.receptive_field == (5, 3, 3)


def test_only_the_slices_that_are_needed_are_read() -> None:
    class Watched:
        shape, dtype, ndim = (40, 16, 16), np.dtype(np.int16), 3

        def __init__(self) -> None:
            self.seen: set[int] = set()

        def __getitem__(self, key: tuple[slice, ...]) -> np.ndarray:
            self.seen.update(range(*key[0].indices(40)))
            return np.ones(self.shape, np.int16)[key]

    array = Watched()
    maps = feature_maps(parse(TEXT.format(more="", norm="bn")), array)
    maps["out"][0, 9]
    assert array.seen == {7, 8, 9, 10, 11}


def test_which_arrays_are_volumes() -> None:
    pipeline = parse(TEXT.format(more="", norm="bn"))
    shapes = {
        (6, 16, 16): (3, 6, 16, 16),  # another number of slices than channels
        (5, 16, 16): (3, 16, 16),  # one image with its neighbours
        (1, 5, 16, 16): (3, 5, 16, 16),  # written with its one channel
        (1, 16, 16): (3, 1, 16, 16),  # a single slice
    }
    for shape, output in shapes.items():
        assert feature_maps(pipeline, volume(*shape))["out"].shape == output
    named = feature_maps(pipeline, volume(5, 16, 16), axes=("z", "y", "x"))
    assert named["out"].shape == (3, 5, 16, 16)
    sample = Sample(volume(1, 5, 16, 16), AFFINE, ("mm",) * 3, ("z", "y", "x"))
    assert feature_maps(pipeline, sample)["out"].shape == (3, 5, 16, 16)
    with pytest.raises(UserError, match="is gray"):
        feature_maps(pipeline, volume(16, 16))


def test_values_are_normalised_by_the_volume_and_its_slices_fitted() -> None:
    more = "data:\n  images: a\n  normalize: zscore\n  fit: pad 24"
    pipeline = parse(TEXT.format(more=more, norm="bn"))
    array = volume(6, 16, 16) * 7 + 3
    maps = feature_maps(pipeline, array)
    assert maps["out"].shape == (3, 6, 24, 24)
    assert maps["out"].affine[:, 3].tolist() == [0, -4, -4, 1]
    padded = np.pad(array, ((0, 0), (4, 4), (4, 4)), mode="edge")
    scaled = (padded - padded.mean()) / padded.std()
    plain = parse(TEXT.format(more="", norm="bn"))
    right = feature_maps(plain, scaled.astype(np.float32))
    np.testing.assert_allclose(maps["out"][:], right["out"][:], atol=1e-5)


@pytest.mark.parametrize("norm", ["bn", "inorm"])
@pytest.mark.parametrize("most", [None, 10**6, 10**5, 0])
def test_tiles_of_slices(norm: str, most: int | None) -> None:
    net = parse(TEXT.format(more="", norm=norm)).build(seed=1)
    maps = feature_maps(net, volume(9, 37, 30))
    right, found = maps["out"].compute(), np.full((3, 9, 37, 30), np.nan)
    boxes = []
    for box, tensor in output_tiles(maps, most_bytes=most):
        index = (slice(None), *(slice(*each) for each in box))
        found[index] = tensor
        boxes.append(box)
    assert np.abs(found - right).max() < 1e-5 * np.abs(right).max()
    assert (len(boxes) == 1) == (most is None)
    part = [tensor for _, tensor in output_tiles(maps, "out", ((2, 4), (5, 20), (0, 30)))]
    torch.testing.assert_close(torch.cat(part, 1), torch.from_numpy(right)[:, 2:4, 5:20])
