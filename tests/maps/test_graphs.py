"""The promise on any graph: a region equals that of the whole computation, and sees what is said.

`make bench` looks at ten times as many graphs. One of them alone: ``make_graph(seed)``.
"""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from napari_convnet.maps.regions import find_shapes, make_plan
from napari_convnet.network import INPUT, Layer

from .graphs import Maker, document, largest_errors, make_graph
from .nets import filled

EACH = 100


@pytest.mark.parametrize("first", range(0, 2000, EACH))
def test_a_region_equals_the_whole(first: int) -> None:
    for seed in range(first, first + EACH):
        graph = make_graph(seed)
        wide, narrow = largest_errors(graph, 2, narrow=seed % 8 == 0)
        assert wide < 1e-12, graph
        assert narrow < 1e-5, graph


N = 160


class Windows(Maker):
    """Networks along one axis in which every output sees a bounded part of the input."""

    def window(self) -> str:
        kernel, stride = self.each("k", 1, 4), self.each("s", 1, 2)
        padding = self.pick("same", "valid", "same", self.each("p", 0, 2))
        return self.pick(
            f"conv 2 {kernel} {stride} {self.each('d', 1, 2)} {padding}",
            f"max {kernel} {stride} {self.pick('', 'same')} {self.pick('', 'ceil')}",
            f"avg {kernel} {stride}",
            f"dw {kernel} {padding}",
            "crop 1",
        )

    def keeping(self) -> str:
        return self.pick("conv 2 k3", "conv 2 k5 d2", "dw 3", "max k3 s1 p1", "relu", "bn", "id")

    def down_and_up(self, depth: int) -> str:
        if self.random.random() < 0.7:
            return self.keeping()
        return super().down_and_up(depth)


@pytest.mark.parametrize("first", range(0, 300, 30))
def test_receptive_fields_are_what_outputs_see(first: int) -> None:
    """The fields of the analysis against a NaN at each input pixel: who is touched sees it."""
    checked = sum(check_fields(seed) for seed in range(first, first + 30))
    assert checked > 30


def check_fields(seed: int) -> int:
    chance = random.Random(seed)
    maker = Windows(chance, 1)
    rows = ["conv 2 k3"]
    pipeline = document((1, N), rows)
    for _ in range(6):
        tried = [*rows, *maker.rows()]
        found = document((1, N), tried, pipeline)
        if not found.problems:
            rows, pipeline = tried, found
    network = pipeline.network
    net = filled(network, seed).eval()
    x = torch.zeros(N, 1, N, dtype=torch.float64)
    x[torch.arange(N), 0, torch.arange(N)] = torch.nan
    with torch.inference_mode():
        outputs = net.outputs(x)
    checked, slack = 0, 0.0
    for layer in network:
        if layer.op in ("up", "tconv"):
            # Outputs that share the pixels of a coarser one are each off by up to its jump.
            before = network[layer.inputs[0]].jump if layer.inputs[0] in network else (1.0,)
            slack += before[0] if before else 0.0
        sees = outputs[layer.name].isnan().any(1).T.numpy()
        for index in away_from_borders(network.layers, layer):
            seen = np.flatnonzero(sees[index])
            (field,) = layer.fields
            low, high = (end + index * field.jump for end in (field.low, field.high))
            where = f"seed {seed}, {layer.name}[{index}] of {rows}"
            assert low - slack <= seen[0] <= low + slack, where
            assert high - slack <= seen[-1] <= high + slack, where
            checked += 1
    return checked


def away_from_borders(layers: tuple[Layer, ...], layer: Layer) -> list[int]:
    """Some outputs of a layer that see no border of any map before it."""
    if layer.fields is None or len(layer.output) != 2:
        return []
    shapes = {**find_shapes(layers, (1, N)).shapes, INPUT: (1, N)}
    found = []
    n = layer.output[1]
    for index in sorted({n // 3, n // 2, n // 2 + 1, 2 * n // 3} & set(range(n))):
        plan = make_plan(layers, shapes, {layer.name: ((index, index + 1),)})
        inner = {name: box for name, box in plan.boxes.items() if name != layer.name}
        if all(box[0][0] > 0 and box[0][1] < shapes[name][1] for name, box in inner.items()):
            found.append(index)
    return found
