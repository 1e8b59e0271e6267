"""Maps lie in the world as napari would compose it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_convnet.maps import feature_maps, place, scale_and_translate, world_affine
from napari_convnet.network import UserError

from .nets import document, noise

transforms = pytest.importorskip("napari.utils.transforms")

number = st.floats(-3, 3, allow_nan=False).map(lambda v: round(v, 3))
size = st.floats(0.1, 4).map(lambda v: round(v, 3))


@st.composite
def placements(draw: st.DrawFn, rank: int) -> dict[str, object]:
    """Any arguments of a napari layer of that many axes, some of them left out."""

    def vector(of: st.SearchStrategy[float], n: int) -> list[float]:
        return draw(st.lists(of, min_size=n, max_size=n))

    def matrix() -> np.ndarray:
        whole = np.eye(rank + 1)
        whole[:rank] += np.array(vector(number, rank * (rank + 1))).reshape(rank, rank + 1)
        return whole

    angles = st.floats(-180, 180).map(lambda v: round(v, 2))
    rotate = vector(angles, 3) if rank == 3 else draw(angles) if rank == 2 else None
    given = {
        "scale": vector(size, rank),
        "translate": vector(number, rank),
        "rotate": rotate,
        "shear": vector(number, rank * (rank - 1) // 2) or None,
        "affine": matrix(),
    }
    return {key: v for key, v in given.items() if v is not None and draw(st.integers(0, 3))}


def by_napari(rank: int, given: dict[str, object]) -> np.ndarray:
    """What a napari layer makes of these arguments: its data-to-world transform."""
    given = dict(given)
    outer = np.asarray(given.pop("affine", np.eye(rank + 1)))
    given = {"scale": np.ones(rank), "translate": np.zeros(rank)} | given
    inner = transforms.CompositeAffine(**given, ndim=rank)
    return transforms.Affine(affine_matrix=outer, ndim=rank).affine_matrix @ inner.affine_matrix


@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_the_world_is_napari_s(data: st.DataObject) -> None:
    rank = data.draw(st.integers(1, 3))
    given_ = data.draw(placements(rank))
    if np.linalg.cond(given_.get("affine", np.eye(2))) > 1e6:
        return
    assert np.allclose(world_affine(rank, **given_), by_napari(rank, given_), atol=1e-12)


@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing")
def test_a_real_layer_agrees() -> None:
    layers = pytest.importorskip("napari.layers")
    given = {
        "scale": (2, 0.5, 3),
        "translate": (1, -2, 3),
        "rotate": (10, 20, 30),
        "shear": (0.1, 0.2, -0.3),
        "affine": np.array([[1, 0.2, 0, 5], [0, 2, 0, 6], [0.1, 0, 1, 7], [0, 0, 0, 1.0]]),
    }
    layer = layers.Image(noise(4, 5, 6), **given)
    found = world_affine(3, **given)
    for point in [(0, 0, 0), (1, 2, 3), (3, 4, 5)]:
        assert np.allclose(layer.data_to_world(point), found[:3] @ [*point, 1])


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_map_lies_over_what_it_sees(data: st.DataObject) -> None:
    """The world place of a map's pixel is that of the input point in the middle of its field."""
    rank = data.draw(st.integers(1, 3))
    given_ = data.draw(placements(rank))
    if np.linalg.cond(given_.get("affine", np.eye(2))) > 1e6:
        return
    net = document((1, *(12,) * rank), ["conv 1 k5 s2 p1", "max 3 s2 p1", "tconv 1 k2 s2"]).network
    maps = feature_maps(net, noise(*(12,) * rank), **given_)
    world = by_napari(rank, given_)
    index = np.arange(1, rank + 1)
    for layer in net:
        seen = np.array(layer.start) + index * np.array(layer.jump)
        placed = maps[layer.name].affine @ [*index, 1]
        assert np.allclose(placed[:rank], (world @ [*seen, 1])[:rank])
        assert np.allclose(maps[layer.name].affine, place(layer, world))


def test_scale_and_translate_where_that_is_all() -> None:
    net = document((1, 8, 8), ["max 2", "flatten", "fc 2"]).network
    maps = feature_maps(net, noise(8, 8), scale=(3, 0.5), translate=(10, 20), units=("mm", "um"))
    m = maps["max-1"]
    assert m.scale.tolist() == [6, 1]
    assert m.translate.tolist() == [11.5, 20.25]
    assert (m.axes, m.units) == (("y", "x"), ("mm", "um"))
    assert (maps["fc-1"].affine, maps["fc-1"].scale, maps["fc-1"].axes) == (None, None, ())

    turned = feature_maps(net, noise(8, 8), rotate=90)["max-1"]
    assert turned.scale is None
    assert turned.translate is None
    assert np.allclose(turned.affine, [[0, -2, -0.5], [2, 0, 0.5], [0, 0, 1]])


def test_a_quarter_turn_back_and_forth_is_no_rotation() -> None:
    there = world_affine(2, scale=(2, 3), rotate=30)
    back = world_affine(2, rotate=-30)
    scale, translate = scale_and_translate(back @ there)
    assert np.allclose(scale, (2, 3))
    assert np.allclose(translate, 0)
    assert scale_and_translate(np.diag([-1.0, 2.0, 1.0]))[0].tolist() == [-1, 2]


def test_wrong_places_are_said() -> None:
    net = document((1, 8, 8), ["max 2"]).network
    with pytest.raises(UserError, match="scale has 3 numbers for 2 axes"):
        feature_maps(net, noise(8, 8), scale=(1, 2, 3))
    with pytest.raises(UserError, match="affine flattens the image"):
        feature_maps(net, noise(8, 8), affine=np.zeros((3, 3)))
