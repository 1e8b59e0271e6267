"""The jobs of the workers, called here without one."""

import numpy as np
import pytest

from napari_convnet.engine import jobs
from napari_convnet.engine.jobs import Look
from napari_convnet.network import UserError

TEXT = "input: 1x16x16\nnet:\n  - c1: conv 8 k3\n  - s2: max 4\n"


def test_maps_come_with_their_place_and_limits():
    image = np.random.default_rng(0).random((1, 16, 16), np.float32)
    a, b = jobs.maps(Look(TEXT), image, np.diag((0.5, 0.5, 1.0)), ["c1", "s2"])
    assert (a.layer, a.array.shape, b.array.shape) == ("c1", (8, 16, 16), (8, 4, 4))
    np.testing.assert_allclose(b.affine, [[2, 0, 0.75], [0, 2, 0.75], [0, 0, 1]])
    assert a.limits[0] < a.limits[1]
    assert b.dead == ()


def test_maps_that_are_too_large_are_told_after_the_others(monkeypatch):
    monkeypatch.setattr(jobs, "MOST_BYTES", 1000)
    image = np.zeros((1, 16, 16), np.float32)
    found = jobs.maps(Look(TEXT), image, np.eye(3), ["c1", "s2"])
    assert next(found).layer == "s2"
    with pytest.raises(UserError, match="layer c1: all maps of it take"):
        next(found)


def test_a_draft_is_looked_at_up_to_its_mistake():
    image = np.zeros((1, 16, 16), np.float32)
    seen = jobs.previews(Look(TEXT + "  - rellu\n"), image, np.eye(3), cancelled=lambda: False)
    assert [one.layer for one in seen] == ["c1", "s2"]
