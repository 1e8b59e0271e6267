"""The jobs of the workers, called here without one."""

import numpy as np

from napari_convnet.engine import Token, jobs
from napari_convnet.engine.look import Look
from napari_convnet.engine.regions import Kept, Wanted, open_maps, regions, whole_maps

TEXT = "input: 1x16x16\nnet:\n  - c1: conv 8 k3\n  - s2: max 4\n"


def test_maps_come_with_their_place_and_limits():
    image = np.random.default_rng(0).random((1, 16, 16), np.float32)
    a, b = jobs.maps(Look(TEXT), image, np.diag((0.5, 0.5, 1.0)), ["c1", "s2"], Token())
    assert (a.layer, a.array.shape, b.array.shape) == ("c1", (8, 16, 16), (8, 4, 4))
    np.testing.assert_allclose(b.affine, [[2, 0, 0.75], [0, 2, 0.75], [0, 0, 1]])
    assert a.limits[0] < a.limits[1]
    assert b.dead == ()


def test_maps_that_are_too_large_are_told_before_the_others():
    image = np.zeros((1, 16, 16), np.float32)
    found = jobs.maps(Look(TEXT), image, np.eye(3), ["c1", "s2"], Token(), most_bytes=1000)
    large, small = found
    assert (large.layer, large.shape) == ("c1", (8, 16, 16))
    assert small.array.shape == (8, 4, 4)


def test_parts_of_large_maps_come_with_what_the_middle_looks_like():
    image = np.random.default_rng(0).random((1, 12, 16, 16), np.float32)
    text = TEXT.replace("1x16x16", "1x12x16x16").replace("max 4", "max 2")
    look = Look(text)
    jobs.maps(look, image, np.eye(4), ["c1", "s2"], Token(), most_bytes=10_000)
    whole = np.asarray(open_maps(look, image, np.eye(4), 0)["c1"])
    box = ((3, 4), (0, 16), (0, 16))
    wanted = [
        Wanted(1, "c1", box, (2, 3), look=True),
        Wanted(2, "c1", ((0, 12), (0, 16), (0, 16)), (0, 8), steps=(2, 3, 4)),
        Wanted(3, "c1", box, (0, 8), steps=(1, 2, 2), gap=1),
        Wanted(4, "gone", box, (0, 1)),
    ]
    found = list(regions(look, image, np.eye(4), wanted, 2**20, Token()))
    assert [(type(v).__name__, v.token) for v in found] == [
        ("Region", 1),
        ("Looked", 1),
        ("Region", 2),
        ("Region", 3),
    ]
    np.testing.assert_allclose(found[0].array, whole[2:3, 3:4], atol=1e-6)
    np.testing.assert_allclose(found[2].array, whole[:, ::2, ::3, ::4], atol=1e-6)
    np.testing.assert_allclose(found[3].array[:8, :8], whole[0, 3, ::2, ::2], atol=1e-6)
    assert found[1].each.shape == (8, 2)
    np.testing.assert_allclose(
        whole_maps(look, image, np.eye(4), "c1", 2**20, Token()), whole, atol=1e-6
    )


def test_maps_are_kept_from_one_look_to_the_next():
    image = np.zeros((1, 16, 16), np.float32)
    eye = Kept()
    maps = eye.maps(Look(TEXT), image, np.eye(3), 2**20)
    assert eye.maps(Look(TEXT), image, np.eye(3), 2**20) is maps
    assert eye.maps(Look(TEXT), image.copy(), np.eye(3), 2**20) is not maps
    assert eye.maps(Look(TEXT + "  - relu\n"), image, np.eye(3), 2**20) is not maps


def test_a_draft_is_looked_at_up_to_its_mistake():
    image = np.zeros((1, 16, 16), np.float32)
    seen = jobs.previews(Look(TEXT + "  - rellu\n"), image, np.eye(3), cancelled=lambda: False)
    assert [one.layer for one in seen] == ["c1", "s2"]
