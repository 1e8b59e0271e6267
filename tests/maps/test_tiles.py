"""Layers in tiles: each equals that part of the whole, in the memory that was given."""

from __future__ import annotations

import itertools
import math
import random

import numpy as np
import pytest
import torch

from napari_convnet.document import parse
from napari_convnet.maps import feature_maps, output_tiles, tiling, working_tiles
from napari_convnet.maps.memory import LEAST, MOST, budget, free_bytes
from napari_convnet.network import UserError

from .graphs import make_graph, random_box, relative, whole_maps
from .nets import cut, filled

UNET = """
input: 1x16x16x16
net:
  - e1: conv 4 k3 {norm} relu
  - max 2
  - e2: conv 6 k3 {norm} relu
  - max 2
  - conv 8 k3 {norm} relu
  - tconv 6
  - cat e2
  - conv 6 k3 {norm} relu
  - up 2 linear
  - cat e1
  - conv 4 k3 {norm} relu
  - conv 3 k1
"""


@pytest.mark.parametrize("first", range(0, 120, 40))
def test_tiles_equal_the_whole(first: int) -> None:
    for seed in range(first, first + 40):
        check(seed)


def check(seed: int) -> None:
    graph, chance = make_graph(seed), random.Random(seed)
    net = filled(graph.pipeline, seed)
    array = np.random.default_rng(seed).normal(size=graph.shape)
    try:
        right = whole_maps(net, array)
    except UserError:
        array = np.random.default_rng(seed).normal(size=graph.pipeline.input)
        right = whole_maps(net, array)
    if not all(np.isfinite(values).all() for values in right.values()):
        return
    maps = feature_maps(net, array, dtype=np.float64, cache_bytes=0)
    name = chance.choice(list(right))
    sizes = right[name].shape[1:]
    box = random_box(chance, sizes) if chance.random() < 0.5 else None
    found = np.full(right[name].shape, np.nan)
    most = chance.choice([None, 0, 2**12, 2**15])
    for part, tensor in output_tiles(maps, name, box, most_bytes=most):
        index = (slice(None), *(slice(lo, hi) for lo, hi in part))
        assert np.isnan(found[index]).all(), graph
        found[index] = tensor.numpy()
    box = tuple((0, n) for n in sizes) if box is None else box
    assert relative(cut(found, box), cut(right[name], box), right[name]) < 1e-12, graph


@pytest.mark.parametrize("norm", ["bn", "inorm"])
@pytest.mark.parametrize("most", [None, 500_000, 150_000, 0])
def test_tiles_of_a_unet_on_a_size_its_joins_do_not_fit(norm: str, most: int | None) -> None:
    pipeline = parse(UNET.format(norm=norm))
    array = np.random.default_rng(1).normal(size=(1, 29, 22, 45)).astype(np.float32)
    maps = feature_maps(pipeline, array)
    right = maps["conv-4"].compute()
    maps.clear()
    found = np.zeros_like(right)
    for (z, y, x), tensor in output_tiles(maps, most_bytes=most):
        found[:, slice(*z), slice(*y), slice(*x)] = tensor.numpy()
    assert np.abs(found - right).max() < 1e-5 * np.abs(right).max()


def test_less_memory_means_smaller_parts() -> None:
    pipeline = parse(UNET.format(norm="bn"))
    maps = feature_maps(pipeline, np.zeros((1, 64, 256, 256), np.int16))
    sizes = {}
    for most in (2**32, 2**28, 2**26, 2**23):
        plan = tiling(maps, "conv-4", most_bytes=most)
        assert plan.bytes <= most
        sizes[len(plan.boxes)] = len(plan.sweeps)
        assert sum(math.prod(hi - lo for lo, hi in box) for box in plan.boxes) == 64 * 256 * 256
    counts = list(sizes)
    assert counts == sorted(counts)
    assert counts[0] == 1
    assert list(sizes.values())[:3] == [1, 1, 1]
    assert list(sizes.values())[-1] > 1


def test_nothing_is_computed_twice_in_a_sweep() -> None:
    pipeline = parse("input: 1x?x?\nnet:\n  - conv 2 k5\n  - max 2\n  - conv 2 k3\n  - up 2\n")
    maps = feature_maps(pipeline, np.zeros((1, 400, 30), np.float32))
    plan = tiling(maps, "up-1", most_bytes=100_000)
    (sweep,) = plan.sweeps
    assert len(sweep.steps) > 4
    for name in ("input", "conv-1", "max-1", "conv-2"):
        rows = [step.parts[name][0] for step in sweep.steps if name in step.parts]
        assert (rows[0][0], rows[-1][1]) == (0, 400 if name == "input" else maps[name].shape[1])
        assert all(a[1] == b[0] for a, b in itertools.pairwise(rows))


def test_cancelling_ends_it_between_layers() -> None:
    pipeline = parse(UNET.format(norm="inorm"))
    maps = feature_maps(pipeline, np.ones((1, 32, 32, 32), np.float32))
    asked = iter([False] * 60 + [True] * 1000)
    assert len(list(output_tiles(maps, most_bytes=0, cancelled=lambda: next(asked)))) == 0
    tiles = list(output_tiles(maps, most_bytes=0))
    assert len(tiles) > 8
    asked = iter([False] * 60 + [True] * 1000)
    assert 0 < len(list(output_tiles(maps, most_bytes=0, cancelled=lambda: next(asked)))) < 8


@pytest.mark.parametrize("norm", ["bn", "inorm"])
def test_the_work_is_told_with_what_norms_look_at(norm: str) -> None:
    maps = feature_maps(parse(UNET.format(norm=norm)), np.ones((1, 24, 24, 24), np.float32))
    tiles = list(working_tiles(maps, most_bytes=100_000))
    fractions = [tile.fraction for tile in tiles]
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1)
    before = next(tile.fraction for tile in tiles if tile.values is not None)
    # Five norms look at ever more of the network, which has five of about the same work.
    assert (before > 0.5) == (norm == "inorm")


def test_a_vector_comes_as_one_and_a_wrong_box_is_refused() -> None:
    pipeline = parse("input: 1x8x8\nnet:\n  - conv 3 k3\n  - gap\n  - fc 2\n")
    maps = feature_maps(pipeline, np.ones((1, 8, 8), np.float32))
    ((box, tensor),) = output_tiles(maps)
    assert box == ()
    assert tensor.shape == (2,)
    with pytest.raises(IndexError, match="axis 1: there is no 0 to 9 in a map of 8"):
        list(output_tiles(maps, "conv-1", ((0, 8), (0, 9))))


def test_the_memory_there_is_is_asked_of_the_device() -> None:
    device = torch.device("cpu")
    assert 2**20 < free_bytes(device) < 2**50
    assert LEAST <= budget(device) <= MOST["cpu"]
