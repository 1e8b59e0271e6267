"""Random graphs: documents with branches, joins and skips over every op, each made from a seed."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from napari_convnet.document import Pipeline, draft
from napari_convnet.maps import Box, chunks, feature_maps
from napari_convnet.maps import forward as forward_module
from napari_convnet.model import ConvNet
from napari_convnet.network import UserError

from .nets import cut, filled

SIZES = {1: (4, 40), 2: (3, 14), 3: (2, 8)}
MOST_VALUES = 8_000

POINTS = ["relu", "leaky", "prelu", "elu .5", "selu", "gelu", "silu", "sigmoid", "tanh"]
POINTS += ["scaledtanh", "hardswish", "softmax", "bn", "drop", "lrn 3", "id"]
NORMS = ["inorm", "gn 1", "ln"]


@dataclass
class Maker:
    """Writes the rows of a network, of which it does not know the shapes.

    Parameters
    ----------
    random : random.Random
        What it draws from.
    rank : int
        Number of spatial axes.
    """

    random: random.Random
    rank: int
    count: int = 0

    def pick(self, *words: str) -> str:
        return self.random.choice(words)

    def each(self, letter: str, low: int, high: int) -> str:
        """An argument per axis, or one for all."""
        if self.random.random() < 0.5:
            return f"{letter}{self.random.randint(low, high)}"
        values = (self.random.randint(low, high) for _ in range(self.rank))
        return letter + "x".join(map(str, values))

    # ------------------------------------------------------------ ops
    def window(self) -> str:
        """An op with a window of any kind, that may change the size."""
        kind = self.pick("conv", "conv", "dw", "sep", "max", "avg", "sum", "tconv", "up", "crop")
        kernel, stride = self.each("k", 1, 4), self.each("s", 1, 3)
        padding = self.pick("same", "valid", "same", self.each("p", 0, 2), "full")
        if kind in ("conv", "dw", "sep"):
            head = kind if kind == "dw" else f"{kind} {self.pick('1', '2', '4')}"
            mode = self.pick("", "", "", "reflect", "replicate", "circular")
            dilation = self.pick("", self.each("d", 1, 2))
            return f"{head} {kernel} {stride} {dilation} {padding} {mode}"
        if kind in ("max", "avg", "sum"):
            padding = self.pick("", "same", self.each("p", 0, 1))
            dilation = self.each("d", 1, 2) if kind == "max" else ""
            return f"{kind} {kernel} {stride} {padding} {dilation} {self.pick('', 'ceil')}"
        if kind == "tconv":
            more = f"{self.each('p', 0, 1)} {self.pick('', self.each('d', 1, 2))}"
            return f"tconv {self.pick('1', '2')} {kernel} {stride} {more}"
        if kind == "up":
            return f"up {self.each('', 1, 3)} {self.pick('nearest', 'linear')}"
        return "crop 1"

    def keeping(self) -> str:
        """An op that keeps the size, and mostly the channels too."""
        kind = self.random.randrange(10)
        kernel = f"k{self.pick('1', '3', '5')}"
        if kind < 3:
            mode = self.pick("", "", "reflect", "replicate", "circular")
            return f"conv {self.pick('1', '2', '3')} {kernel} {self.pick('', 'd2')} {mode}"
        if kind == 3:
            return self.pick(f"dw {kernel}", f"sep 2 {kernel}", "tconv 2 k3 s1 p1")
        if kind == 4:
            return f"{self.pick('max', 'avg', 'sum')} k3 s1 p1"
        if kind == 5:
            return self.pick("up 2 linear max 2", "up 3 avg 3", "tconv 2 k2 max 2")
        return self.pick(*NORMS) if kind == 6 else self.pick(*POINTS)

    def line(self, op: Callable[[], str], most: int = 3) -> str:
        return " ".join(op() for _ in range(self.random.randint(1, most)))

    # ------------------------------------------------------------ rows
    def row(self, depth: int = 0) -> str:
        """A row, in flow style so that it may stand within another."""
        kind = self.random.random()
        if depth > 2 or kind < 0.3:
            return self.line(self.window if depth == 0 or kind < 0.1 else self.keeping)
        if kind < 0.56:
            return self.down_and_up(depth)
        if kind < 0.7:
            return f"{{res: {self.residual(depth)}}}"
        if kind < 0.82:
            return f"{{cat: {self.branches(depth)}}}"
        if kind < 0.92:
            end = f"conv {self.pick('1', '2', '3')} k1"
            return f"{{add: {self.branches(depth, end)}}}"
        if kind < 0.96:
            return f"{{side: {self.sequence(depth + 1)}}}"
        return f"{{x2: {self.sequence(depth + 1)}}}"

    def rows(self) -> list[str]:
        """One row, or several with a reference by name from the last ones to the first."""
        kind = self.random.random()
        if kind < 0.7:
            return [self.row()]
        self.count += 1
        name = f"n{self.count}"
        first = f"{{{name}: {self.line(self.keeping, 2)}}}"
        join = self.pick(f"cat {name}", f"add {name}", f"cat {name} relu")
        if kind < 0.8:
            return [first, self.row(1), f"conv {self.pick('1', '2', '3')} k1", join]
        if kind < 0.9:
            larger = self.pick("up 2", "tconv 2 k5 s1", "conv 2 k3 full", "tconv 1 k3 s2", "id")
            return [first, f"{larger} crop {name}", self.pick(join, self.line(self.keeping), "id")]
        factor = self.pick("2", "2", "3")
        up = self.pick(f"up {factor}", f"tconv 2 k{factor}")
        return [first, f"max {factor}", self.row(1), up, join]

    def sequence(self, depth: int) -> str:
        rows = [self.row(depth) for _ in range(self.random.randint(1, 2))]
        return f"[{', '.join(rows)}]"

    def residual(self, depth: int) -> str:
        kind = self.random.randrange(4)
        if kind == 0:
            return f"conv {self.pick('2', '3')} k3 s2 relu conv 2 k3"
        if kind == 1:
            return self.line(self.keeping)
        return self.sequence(depth + 1)

    def branches(self, depth: int, end: str = "") -> str:
        """Two or three branches that mostly meet, some after the same stride."""
        first = self.pick("", "", "max 2", "conv 2 k3 s2", "avg 3 s2 p1 ceil")
        found = []
        for _ in range(self.random.randint(2, 3)):
            rows = [self.row(depth + 1) if self.random.random() < 0.3 else self.line(self.keeping)]
            found.append(", ".join(filter(None, [first, *rows, end])))
        if not first and not end and self.random.random() < 0.3:
            found.append("id")
        return f"[{', '.join(f'[{rows}]' for rows in found)}]"

    def down_and_up(self, depth: int) -> str:
        """A skip over a smaller map: what joins need multiples for."""
        factor = self.pick("2", "2", "3")
        down = self.pick(f"max {factor}", f"conv 2 k3 s{factor}", f"avg {factor}")
        up = self.pick(f"up {factor}", f"up {factor} linear", f"tconv 2 k{factor}")
        inside = self.row(depth + 1) if self.random.random() < 0.6 else self.line(self.keeping)
        return f"{{cat: [id, [{down}, {inside}, {up}]]}}"


@dataclass(frozen=True)
class Graph:
    """A random document, and the array to look at with it."""

    seed: int
    pipeline: Pipeline
    shape: tuple[int, ...]

    def __repr__(self) -> str:
        return f"seed {self.seed}: {self.shape} into\n{self.pipeline.text}"


def make_graph(seed: int) -> Graph:
    """Make the graph of a seed; rows that do not fit what comes before them are left out."""
    chance = random.Random(seed)
    rank = chance.choice([1, 1, 2, 2, 2, 3])
    low, high = SIZES[rank]
    sizes = [chance.randint(low, high) for _ in range(rank)]
    shape = (chance.randint(1, 3), *sizes)
    maker = Maker(chance, rank)
    rows: list[str] = []
    pipeline = document(shape, ["id"])
    wanted = chance.randint(2, 5)
    for _ in range(wanted + 2):
        tried = [*rows, *maker.rows()]
        found = document(shape, tried, pipeline)
        if not found.problems and _values(found) <= MOST_VALUES:
            rows, pipeline = tried, found
        if len(rows) >= wanted:
            break
    if chance.random() < 0.3:
        ends = ["gap fc 3", "gmp", "flatten fc 2 softmax", "gap", "local 2 k1", "gap fc 4 ln"]
        found = document(shape, [*rows, chance.choice(ends)], pipeline)
        pipeline = pipeline if found.problems or _values(found) > MOST_VALUES else found
    given = shape
    if chance.random() < 0.6:
        given = (shape[0], *(chance.randint(low, high) for _ in sizes))
    return Graph(seed, pipeline, given)


def document(shape: Sequence[int], rows: Sequence[str], before: Pipeline | None = None) -> Pipeline:
    """Write and read a document; `before` is one that differs in its last rows."""
    lines = "".join(f"  - {row}\n" for row in rows)
    text = f"input: {'x'.join(map(str, shape))}\nnet:\n{lines}"
    return before.edited(text) if before else draft(text)


def _values(pipeline: Pipeline) -> int:
    return max((math.prod(n or 1 for n in layer.output) for layer in pipeline.network), default=0)


def whole_maps(net: ConvNet, array: np.ndarray) -> dict[str, np.ndarray]:
    """All maps by torch, each from the whole of its inputs."""
    with torch.inference_mode():
        outputs = net.eval().outputs(torch.from_numpy(array)[None])
    return {name: tensor[0].numpy() for name, tensor in outputs.items()}


def random_box(chance: random.Random, sizes: Sequence[int]) -> Box:
    box = []
    for n in sizes:
        lo = chance.choice([0, n - 1, chance.randrange(n)])
        box.append((lo, chance.choice([lo + 1, n, chance.randint(lo + 1, n)])))
    return tuple(box)


def largest_errors(graph: Graph, looks: int = 3, *, narrow: bool = True) -> tuple[float, float]:
    """Compare parts of maps with the whole computation, in float64 and, if `narrow`, in float32.

    Returns
    -------
    tuple of float
        Largest errors, relative to the largest value of a layer. That in float32 is 0 for graphs
        whose whole computation is no more exact itself, as where a norm divides by no deviation.
    """
    chance = random.Random(graph.seed)
    net = filled(graph.pipeline, graph.seed)
    array = np.random.default_rng(graph.seed).normal(size=graph.shape)
    try:
        right = whole_maps(net, array)
    except UserError:
        array = np.random.default_rng(graph.seed).normal(size=graph.pipeline.input)
        right = whole_maps(net, array)
    if array.shape == graph.pipeline.input:
        network = graph.pipeline.network
        assert {v.name: v.output for v in network} == {n: v.shape for n, v in right.items()}
    if not all(np.isfinite(values).all() for values in right.values()):
        return 0.0, 0.0
    wide = _error(net, array, right, chance, looks)
    if not narrow:
        return wide, 0.0
    array, net = array.astype(np.float32), net.float()
    rounded = whole_maps(net, array)
    if max(relative(rounded[name], right[name], right[name]) for name in right) > 1e-5:
        return wide, 0.0
    return wide, _error(net, array, rounded, chance, 1)


def relative(found: np.ndarray, wanted: np.ndarray, whole: np.ndarray) -> float:
    """Largest difference, relative to the largest value of the whole."""
    scale = float(np.abs(whole).max()) or 1.0
    return float(np.abs(found - wanted).max()) / scale


@contextmanager
def small_memory(chance: random.Random) -> Iterator[None]:
    """As if memory were small, mostly: maps in pieces, and what norms need gathered one by one."""
    before = forward_module.STEP_BYTES, chunks.CHUNK_BYTES, chunks.MOST_MACS, chunks.PIECES
    forward_module.STEP_BYTES = chance.choice([before[0], 2**12, 2**10])
    chunks.CHUNK_BYTES = chance.choice([1, 2**7])
    chunks.MOST_MACS = chance.choice([before[2], 200])
    chunks.PIECES = (None, 2**11, 0)
    try:
        yield
    finally:
        forward_module.STEP_BYTES, chunks.CHUNK_BYTES, chunks.MOST_MACS, chunks.PIECES = before


def _error(
    net: ConvNet,
    array: np.ndarray,
    right: dict[str, np.ndarray],
    chance: random.Random,
    looks: int,
) -> float:
    kept = chance.choice([0, 2**12, 2**28])
    maps = feature_maps(net, array, dtype=array.dtype, cache_bytes=kept)
    assert {name: m.shape for name, m in maps.items()} == {n: v.shape for n, v in right.items()}
    worst = 0.0
    for _ in range(looks):
        name = chance.choice(list(right))
        box = random_box(chance, right[name].shape[1:])
        with small_memory(chance):
            found = maps[name].compute(box)
        wanted = cut(right[name], box)
        assert found.shape == wanted.shape
        worst = max(worst, relative(found, wanted, right[name]))
    return worst
