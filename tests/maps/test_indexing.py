"""Indexing a map is indexing the array that it stands for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from napari_convnet.maps import feature_maps
from napari_convnet.maps.indexing import select

from .nets import document, noise


@st.composite
def indices(draw: st.DrawFn, shape: tuple[int, ...]) -> object:
    """Basic and advanced indices, masks over several axes, and what lies out of bounds."""
    kind = draw(st.integers(0, 3))
    if kind == 0:
        return draw(arrays.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True))
    if kind == 1:
        return draw(arrays.integer_array_indices(shape))
    if kind == 2:
        axes = draw(st.integers(1, len(shape)))
        mask = draw(arrays.arrays(bool, shape[:axes]))
        rest = draw(arrays.basic_indices(shape[axes:])) if axes < len(shape) else ()
        return (mask, *(rest if isinstance(rest, tuple) else (rest,)))
    entries = []
    for n in shape[: draw(st.integers(0, len(shape)))]:
        one = st.integers(-n - 1, n)
        entries.append(draw(st.one_of(one, st.lists(one, max_size=3), st.slices(n), st.just(None))))
    where = draw(st.integers(0, len(entries)))
    return tuple([*entries[:where], Ellipsis, *entries[where:]][: draw(st.integers(0, 6))])


def taken(whole: np.ndarray, key: object) -> np.ndarray:
    """Take the part that an index needs, and index that."""
    wanted = select(key, whole.shape)
    return whole[tuple(slice(lo, hi) for lo, hi in wanted.box)][wanted.index]


@given(data=st.data())
@settings(max_examples=250, deadline=None)
def test_an_index_of_a_part_is_that_of_the_whole(data: st.DataObject) -> None:
    shape = data.draw(arrays.array_shapes(min_dims=1, max_dims=4, max_side=5))
    whole = np.arange(np.prod(shape)).reshape(shape)
    key = data.draw(indices(shape))
    try:
        right = whole[key]
    except IndexError:
        with pytest.raises(IndexError):
            taken(whole, key)
        return
    try:
        found = taken(whole, key)
    except IndexError:
        # numpy looks at no bounds where the result is empty.
        assert right.size == 0
        return
    assert np.shape(found) == np.shape(right)
    assert np.array_equal(found, right)
    assert np.isscalar(found) == np.isscalar(right)


KEYS = [
    0,
    -1,
    np.int64(1),
    (2, 3),
    (1, slice(2, 9, 3)),
    (slice(None, None, -1), ..., slice(10, 2, -2)),
    (..., 0),
    ([2, 0], 1),
    (slice(None), [1, 5], [0, 7]),
    (0, np.array([True, False] * 6)),
    (slice(0, 0),),
    (None, 1, None, 2),
    (1, 2, 3),
    ...,
]


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_maps_are_indexed_as_numpy_does(key: object) -> None:
    net = document((1, 12, 10), ["conv 3 k3 tanh"])
    maps = feature_maps(net, noise(12, 10))
    right = maps.compute_all()["tanh-1"][key]
    m = feature_maps(net, noise(12, 10))["tanh-1"]
    found = m[key]
    assert type(found) is type(right)
    assert found.dtype == np.float32
    assert np.allclose(found, right, atol=1e-6)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (3, "index 3 is out of bounds for axis 0 with size 3"),
        ((0, -13), "index -13 is out of bounds for axis 1"),
        ((0, 0, 0, 0), "too many indices: the array has 3 axes, 4 were indexed"),
        (1.5, "only integers, slices"),
        ("relu", "only integers, slices"),
        (True, "True and False"),
        ((..., 0, ...), "single ellipsis"),
        (np.ones(4, bool), "a mask of shape"),
    ],
)
def test_wrong_indices_are_said(key: object, words: str) -> None:
    m = feature_maps(document((1, 12, 10), ["conv 3 k3"]), noise(12, 10))["conv-1"]
    with pytest.raises(IndexError, match=words):
        m[key]


def test_iteration_ends() -> None:
    m = feature_maps(document((1, 4, 4), ["conv 3 k3"]), noise(4, 4))["conv-1"]
    assert len(list(m)) == len(m) == 3
