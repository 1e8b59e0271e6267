"""Large inputs: exact slices from chunks, each computed once, in little memory."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch

from napari_convnet.document import parse
from napari_convnet.maps import Box, PatchCache, feature_maps
from napari_convnet.maps.course import make_course, make_demand
from napari_convnet.maps.forward import Forward
from napari_convnet.maps.regions import volume
from napari_convnet.model import Patch
from napari_convnet.network import INPUT

from .graphs import make_graph, small_memory, whole_maps
from .nets import Recording, cut, document, error, filled, noise

UNET = """
input: 1x32x24x20
blocks:
  two(a, b): conv $a k3 bn relu conv $b k3 bn relu
net:
  - e1: two 2 3
  - max 2
  - e2: two 3 4
  - max 2
  - mid: two 4 4
  - tconv 3
  - cat e2
  - d2: conv 3 k3 relu
  - up 2
  - cat e1
  - d1: conv 2 k3 relu
"""


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if memory were small and rows large, so that every row is a chunk."""
    monkeypatch.setattr("napari_convnet.maps.forward.STEP_BYTES", 120_000)
    monkeypatch.setattr("napari_convnet.maps.chunks.CHUNK_BYTES", 1)
    monkeypatch.setattr("napari_convnet.maps.chunks.PIECES", (None, 30_000, 0))


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Rows computed of each layer."""
    return counted(monkeypatch, 0)


def counted(monkeypatch: pytest.MonkeyPatch, axis: int) -> Counter[str]:
    """Count the rows along an axis that are computed of each layer."""
    rows: Counter[str] = Counter()
    computed = Forward._computed

    def counting(self: Forward, twin: Any, layer: Any, box: Any, held: Any) -> Any:
        rows[layer.name] += box[axis][1] - box[axis][0] if box else 1
        return computed(self, twin, layer, box, held)

    monkeypatch.setattr(Forward, "_computed", counting)
    return rows


def outputs(net: torch.nn.Module, array: np.ndarray) -> dict[str, np.ndarray]:
    return whole_maps(net, array)  # type: ignore[arg-type]


@pytest.mark.usefixtures("large")
def test_slices_of_every_layer_in_any_order() -> None:
    net = filled(parse(UNET))
    array = noise(1, 32, 24, 20)
    right = outputs(net, array)
    for cached in (0, 50_000, 2**28):
        maps = feature_maps(net, array, dtype="float64", cache_bytes=cached)
        chance = random.Random(cached)
        names = [name for name in maps if name in ("e1", "e2", "mid", "d2", "d1")]
        for _ in range(15):
            name = chance.choice(names)
            axis, sizes = chance.randrange(3), right[name].shape[1:]
            at = chance.randrange(sizes[axis])
            box = tuple((at, at + 1) if a == axis else (0, n) for a, n in enumerate(sizes))
            found = maps[name].compute(box)
            assert error(found, cut(right[name], box), np.abs(right[name]).max()) < 1e-12
            assert maps.cache.bytes <= cached


@pytest.mark.usefixtures("large")
def test_going_on_by_a_slice_costs_what_is_new(work: Counter[str]) -> None:
    array = Recording(noise(1, 40, 12, 12))
    net = filled(document((1, 40, 12, 12), ["conv 8 k3 relu", "conv 8 k3 relu", "conv 8 k3"]))
    maps = feature_maps(net, array)
    last = maps["conv-3"]
    last[:, 20]
    assert work == {"conv-1": 5, "relu-1": 5, "conv-2": 3, "relu-2": 3, "conv-3": 1}
    for row in (21, 22, 23, 19):
        work.clear()
        array.forget()
        last[:, row]
        assert set(work.values()) == {1}
        assert len(work) == 5
        assert array.count <= 3 * 144
    work.clear()
    last[:, 19:24]
    assert not work
    last[:, 18:25]
    assert set(work.values()) == {2}


def test_what_a_skip_needs_is_apart_from_what_the_way_down_needs() -> None:
    """Rows for the next slice of a U-Net: few at either end, none of those between."""
    pipeline = parse(UNET.replace("1x32x24x20", "1x96x24x20"))
    layers = pipeline.network.layers
    shapes = {INPUT: (1, 96, 24, 20), **{v.name: v.output for v in layers}}
    patches = {name: torch.zeros(1, 1, *shape[1:]) for name, shape in shapes.items()}

    def have(name: str, box: Box) -> list[Patch]:
        """All is there but the rows that the next slice adds, and what was dropped of e1."""
        rows = {"e1": range(46, 62), "e1.relu": range(40, 62), "e2": range(10, 31)}
        near = rows.get(name, range(0) if name in ("d1", "d1.conv") else range(22))
        lo, hi = max(box[0][0], near.start), min(box[0][1], near.stop)
        if lo >= hi:
            return []
        data = patches[name][:, :, lo:hi]
        return [Patch(data, (lo, 0, 0), shapes[name][1:])]

    demand = make_demand(layers, shapes, "d1", ((44, 45), (0, 24), (0, 20)), have)
    assert next(box[0] for box in demand.todo["e1"])[0] < 46
    assert sum(hi - lo for (lo, hi), *_ in demand.todo["e1"]) < 16
    course = make_course(demand, lambda name: 1)
    held = {(n, v.start[0]): v.box[0] for n, each in demand.there.items() for v in each}
    for piece in course.pieces:
        for name, box in piece.takes:
            rows = {row for key in course.keys(name, box) for row in range(*held[key])}
            assert rows >= set(range(*box[0]))
        held[course.key(piece)] = piece.box[0]


@pytest.mark.usefixtures("large")
def test_nothing_is_computed_twice_in_a_pass(work: Counter[str]) -> None:
    net = filled(parse(UNET))
    array = noise(1, 32, 24, 20)
    right = outputs(net, array)
    maps = feature_maps(net, array, dtype="float64", cache_bytes=0)
    found = np.asarray(maps["mid"])
    assert error(found, right["mid"], np.abs(right["mid"]).max()) < 1e-12
    names = ("e1", "max-1", "e2", "max-2", "mid")
    assert {name: work[name] for name in names} == {name: right[name].shape[1] for name in names}


@pytest.mark.parametrize("most", [10**9, 60_000])
def test_a_course_holds_what_it_says(most: int) -> None:
    """The pieces of a deep slice, replayed: all that a piece takes is there, and no more."""
    pipeline = parse(UNET)
    layers = pipeline.network.layers
    shapes = {INPUT: (1, 32, 24, 20), **{v.name: v.output for v in layers}}
    demand = make_demand(layers, shapes, "mid", ((4, 5), (0, 6), (0, 5)))
    course = make_course(demand, lambda name: None if most == 10**9 else 1)
    held: dict[tuple[str, int], tuple[int, int]] = {}
    most_held = 0
    for piece, free in zip(course.pieces, course.frees, strict=True):
        for name, box in piece.takes:
            rows: set[int] = set()
            for key in course.keys(name, box):
                rows |= set(range(*held[key]))
            assert rows >= set(range(*box[0]))
        held[course.key(piece)] = piece.box[0]
        sizes = [
            shapes[n][0] * volume(demand.todo[n][0][1:]) * (b - a)
            for (n, _), (a, b) in held.items()
        ]
        most_held = max(most_held, sum(sizes))
        for key in free:
            del held[key]
    assert not held
    assert most_held <= course.values
    pieces = make_course(demand, lambda name: 1)
    assert pieces.values < 0.7 * make_course(demand, lambda name: None).values


@pytest.mark.usefixtures("large")
def test_giving_up_between_pieces_loses_nothing(work: Counter[str]) -> None:
    """What was gathered for a norm when one gave up is not gathered again."""
    net = filled(document((1, 64, 10, 10), ["conv 8 k3", "inorm", "conv 8 k3"]))
    array = noise(1, 64, 10, 10)
    maps = feature_maps(net, array, dtype="float64")
    calls = iter(range(10**6))

    class GivenUp(BaseException):
        pass

    def check() -> None:
        if next(calls) % 4 == 3:
            raise GivenUp

    found, tries = None, 0
    while found is None:
        tries += 1
        try:
            found = maps["conv-2"].compute(((30, 31), (0, 10), (0, 10)), check=check)
        except GivenUp:
            assert tries < 90
    assert 3 < tries < 90
    assert work["conv-1"] < 64 + 8 * tries
    right = outputs(net, array)["conv-2"]
    assert error(found[:, 0], right[:, 30], np.abs(right).max()) < 1e-12


@pytest.mark.usefixtures("large")
def test_long_work_can_be_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_convnet.maps.chunks.MOST_MACS", 50_000)
    net = filled(document((1, 64, 20, 20), ["conv 4 k3", "conv 8 k3"]))
    array = noise(1, 64, 20, 20)
    maps = feature_maps(net, array, dtype="float64")
    calls: list[int] = []
    found = maps["conv-2"].compute(((30, 31), (0, 20), (0, 20)), check=lambda: calls.append(1))
    assert len(calls) > 8
    right = outputs(net, array)["conv-2"]
    assert error(found[:, 0], right[:, 30], np.abs(right).max()) < 1e-12


@pytest.mark.parametrize("first", range(0, 120, 40))
def test_slices_of_random_graphs(first: int) -> None:
    """One after the other, so that most begin with what was kept."""
    for seed in range(20_000 + first, 20_000 + first + 40):
        graph = make_graph(seed)
        net = filled(graph.pipeline, seed)
        array = np.random.default_rng(seed).normal(size=graph.pipeline.input)
        right = outputs(net, array)
        if not all(np.isfinite(values).all() for values in right.values()):
            continue
        chance = random.Random(seed)
        maps = feature_maps(net, array, dtype="float64")
        with small_memory(chance):
            for name, box in slices(chance, right):
                found = maps[name].compute(box)
                scale = np.abs(right[name]).max()
                assert error(found, cut(right[name], box), scale) < 1e-12, graph


def slices(
    chance: random.Random, right: dict[str, np.ndarray]
) -> Iterator[tuple[str, tuple[tuple[int, int], ...]]]:
    """Slices of a layer along some axis, one after the other, and of one before it."""
    names = [name for name, values in right.items() if values.ndim > 1]
    for name in chance.choices(names, k=2) if names else []:
        sizes = right[name].shape[1:]
        axis = chance.randrange(len(sizes))
        start = chance.randrange(sizes[axis])
        for row in range(start, min(sizes[axis], start + 3)):
            yield name, tuple((row, row + 1) if a == axis else (0, n) for a, n in enumerate(sizes))


def test_weights_and_values_that_changed_are_seen(large: None) -> None:
    net = filled(document((1, 64, 10, 10), ["conv 8 k3", "conv 8 k3"]))
    array = noise(1, 64, 10, 10)
    maps = feature_maps(net, array, dtype="float64")
    look: Callable[[], np.ndarray] = lambda: maps["conv-2"][:, 30]  # noqa: E731
    before = look()
    with torch.no_grad():
        net.twins["conv-1"].weight.mul_(-1)
    right = outputs(net, array)["conv-2"][:, 30]
    assert not np.allclose(look(), before)
    np.testing.assert_allclose(look(), right, atol=1e-12)
    array *= 2
    maps.clear()
    np.testing.assert_allclose(look(), outputs(net, array)["conv-2"][:, 30], atol=1e-11)


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_going_on_behind_a_decoder_keeps_what_comes_next(
    monkeypatch: pytest.MonkeyPatch, axis: int
) -> None:
    """Far more passes through memory than is kept: only what the next slices begin with is."""
    work = counted(monkeypatch, axis)
    sizes = [24, 20]
    sizes.insert(axis, 96)
    array = noise(1, *sizes)
    net = filled(parse(UNET))
    right = outputs(net, array)["d1"]
    for rows in (range(40, 56), range(55, 39, -1)):
        maps = feature_maps(net, array, dtype="float64", cache_bytes=130_000)
        costs = []
        for row in rows:
            work.clear()
            box = tuple((row, row + 1) if a == axis else (0, n) for a, n in enumerate(sizes))
            found = maps["d1"].compute(box)
            assert error(found, cut(right, box), np.abs(right).max()) < 1e-12
            costs.append(sum(work.values()))
            assert maps.cache.bytes <= 130_000
        # Once the direction is known.
        assert sum(costs[2:]) / len(costs[2:]) < costs[0] / 4


def test_what_is_wanted_outlasts_what_came_later() -> None:
    cache = PatchCache(10 * 4)

    def patch(row: int) -> Patch:
        return Patch(torch.full((1, 1, 1, 2), float(row)), (row, 0), (99, 2))

    def box(row: int) -> Box:
        return ((row, row + 1), (0, 2))

    def there() -> list[int]:
        return [row for row in range(99) if cache.find("a", box(row)) is not None]

    cache.want("one", [("a", box(row)) for row in (3, 1)])
    for row in range(8):
        cache.put("a", patch(row))
    assert there() == [1, 3, 5, 6, 7]
    # Too many are wanted: of those that were wanted first the last go.
    cache.want("two", [("a", box(row)) for row in (20, 21, 22, 23)])
    for row in (20, 21, 22, 23, 24):
        cache.put("a", patch(row))
    assert there() == [3, 20, 21, 22, 23]
    cache.want("two", [])
    for row in range(30, 35):
        cache.put("a", patch(row))
    assert there() == [3, 31, 32, 33, 34]
    assert cache.bytes == 40
