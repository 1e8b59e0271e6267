"""The task of telling left, centre and right: what each ear hears, and an honest split."""

import numpy as np
import pytest

from napari_convnet.data import directions, load_examples, split
from napari_convnet.data.directions import DIRECTIONS, direction, placed
from napari_convnet.document import preset
from napari_convnet.network import UserError

pytest.importorskip("soundfile")

RATE = directions.RATE


def click(length: int = 2048) -> np.ndarray:
    """A short burst in the middle of silence."""
    time = np.arange(length) - length // 2
    return (np.cos(time / 3) * np.exp(-((time / 12) ** 2))).astype(np.float32)


@pytest.mark.parametrize(
    ("degrees", "later"), [(0, 0.0), (90, 656e-6), (-90, -656e-6), (30, 261e-6)]
)
def test_the_far_ear_hears_later_and_more_quietly(degrees, later) -> None:
    left, right = placed(click(), degrees)
    fine = np.fft.irfft(np.fft.rfft(left) * np.conj(np.fft.rfft(right)), 2048 * 64)
    lag = np.argmax(fine)
    lag = (lag if lag < 1024 * 64 else lag - 2048 * 64) / 64 / RATE
    assert abs(lag - later) < 3e-6
    level = 20 * np.log10(right.std() / left.std())
    assert abs(level - 9 * np.sin(np.deg2rad(degrees))) < 0.1


def test_what_is_in_the_middle_is_unchanged() -> None:
    np.testing.assert_allclose(placed(click(), 0), [click()] * 2, atol=1e-6)
    np.testing.assert_allclose(placed(click(), 40), placed(click(), -40)[::-1], atol=1e-6)


def test_recordings_of_the_task_are_heard_from_where_they_say() -> None:
    found = direction(positions=4)
    assert found.classes == DIRECTIONS
    assert found.shape == (2, 4096)
    assert found.images.dtype == np.float32
    assert np.bincount(found.targets).tolist() == [32, 32, 32]
    assert len(set(found.names)) > 80
    power = (np.asarray(found.images, np.float64) ** 2).sum(-1)
    level = 10 * np.log10(power[:, 1] / power[:, 0])
    assert level[found.targets == 0].max() < -1.5
    assert np.abs(level[found.targets == 1]).max() < 1.6
    assert level[found.targets == 2].min() > 1.5
    for name, target in zip(found.names, found.targets, strict=True):
        assert target == 1 or name.endswith(DIRECTIONS[target])
    assert np.abs(found.images).max() < 1
    np.testing.assert_array_equal(direction(positions=4).images, found.images)
    assert (direction(positions=4, seed=1).images != found.images).any()


@pytest.mark.parametrize("seed", range(3))
def test_a_stroke_is_heard_in_one_part_only(seed) -> None:
    found = direction(positions=2)
    parts = split(found, (0.5, 0.25, 0.25), seed)
    strokes = [
        {found.names[i].split(" from ")[0] for i in part}
        for part in (parts.train, parts.validation, parts.test)
    ]
    assert [len(each) for each in strokes] == [4, 2, 2]
    assert len(set.union(*strokes)) == 8
    # All recordings of a stroke, and all of its directions.
    assert np.bincount(found.targets[parts.test]).tolist() == [4, 4, 4]
    again = split(found, (0.5, 0.25, 0.25), seed)
    np.testing.assert_array_equal(again.test, parts.test)


def test_ears_as_channels_do_not_fit_a_network_that_has_them_as_an_axis() -> None:
    with pytest.raises(UserError) as caught:
        load_examples(preset("direction"), direction(positions=1))
    assert str(caught.value) == (
        "the data are 2x4096 (channels x sizes), and the network's input is 1x2x4096; "
        "give them that form, or change the document's input to 2x4096"
    )
    assert load_examples(preset("direction")).shape == (1, 2, 4096)
