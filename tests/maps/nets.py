"""Random networks over every op, their weights, and arrays that know what was read of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st

from napari_convnet.document import DocumentError, Pipeline, parse
from napari_convnet.model import ConvNet, build
from napari_convnet.network import OPS

MOST = {1: 40, 2: 14, 3: 8}
VALUES = 30_000

SINGLE = [word for word, op in OPS.items() if not op.joins]
VECTORS = [word for word in SINGLE if OPS[word].takes_vector and not OPS[word].takes_map]
MAPS = [word for word in SINGLE if word not in ("fc", "rbf", "flatten", "gap", "gmp")]


def document(shape: tuple[int, ...], lines: list[str], more: str = "") -> Pipeline:
    rows = "".join(f"  - {line}\n" for line in lines)
    return parse(f"input: {'x'.join(map(str, shape))}\n{more}net:\n{rows}")


def joined(draw: st.DrawFn, letter: str, low: int, high: int, rank: int) -> str:
    return letter + "x".join(str(draw(st.integers(low, high))) for _ in range(rank))


@st.composite
def calls(draw: st.DrawFn, word: str, shape: tuple[int, ...]) -> str:
    """One op with any arguments it may take on a map of this shape."""
    rank = len(shape) - 1

    def pick(*words: str) -> str:
        return draw(st.sampled_from(words))

    if word in ("conv", "dw", "sep", "local"):
        padding = pick("", "valid", "same", "full", joined(draw, "p", 0, 3, rank))
        even = padding not in ("",)
        kernel = joined(draw, "k", 1, 4, rank) if even else f"k{pick('1', '3', '5')}"
        head = "dw" if word == "dw" else f"{word} {pick('1', '2', '4')}"
        modes = pick("", "", "reflect", "replicate", "circular")
        stride, dilation = joined(draw, "s", 1, 3, rank), joined(draw, "d", 1, 2, rank)
        group = pick("", "g2") if word == "conv" else pick("", "m2") if word == "dw" else ""
        return f"{head} {kernel} {stride} {dilation} {padding} {modes} {group} {pick('', 'nobias')}"
    if word == "tconv":
        letters = [("k", 1, 4), ("s", 1, 3), ("p", 0, 2), ("d", 1, 2), ("o", 0, 2)]
        return f"tconv {pick('1', '2')} " + " ".join(joined(draw, *v, rank) for v in letters)
    if word in ("max", "avg", "sum"):
        padding = pick("", "same", joined(draw, "p", 0, 2, rank))
        stride = pick("", joined(draw, "s", 1, 4, rank))
        dilation = joined(draw, "d", 1, 2, rank) if word == "max" else ""
        kernel = joined(draw, "k", 1, 4, rank)
        return f"{word} {kernel} {stride} {padding} {dilation} {pick('', 'ceil')}"
    if word == "up":
        return f"up {joined(draw, '', 1, 3, rank)} {pick('nearest', 'linear')}"
    if word == "crop":
        return f"crop {joined(draw, '', 1, 2, rank)}"
    if word == "gn":
        return f"gn {pick(*(str(n) for n in (1, 2, 4) if shape[0] % n == 0))}"
    if word in ("fc", "rbf"):
        return f"{word} {pick('1', '3', '6')}"
    return word


@st.composite
def nets(draw: st.DrawFn, must: str) -> Pipeline | None:
    """A sequence with the op `must` among others; None where it found no place."""
    rank = draw(st.integers(1, 3))
    sizes = [draw(st.integers(1, MOST[rank])) for _ in range(rank)]
    shape = (draw(st.integers(1, 3)), *sizes)
    lines: list[str] = []
    before = draw(st.lists(st.sampled_from(MAPS), max_size=3))
    if must in ("fc", "rbf") or (must in VECTORS and draw(st.integers(0, 4)) == 0):
        before.append(draw(st.sampled_from(["flatten", "gap", "gmp"])))
    after = draw(st.lists(st.sampled_from(SINGLE), max_size=2))
    found = False
    for index, word in enumerate([*before, must, *after]):
        line = draw(calls(word, output_of(shape, lines)))
        if fits(shape, [*lines, line]):
            lines.append(line)
            found = found or index == len(before)
    return document(shape, lines) if found else None


def output_of(shape: tuple[int, ...], lines: list[str]) -> tuple[int, ...]:
    if not lines:
        return shape
    return tuple(n or 1 for n in document(shape, lines).network.output)


def fits(shape: tuple[int, ...], lines: list[str]) -> bool:
    try:
        network = document(shape, lines).network
    except DocumentError:
        return False
    return math.prod(n or 1 for n in network.output) <= VALUES


def filled(source: Any, seed: int = 1) -> ConvNet:
    """Build a net in float64 with weights, biases and statistics that are all different."""
    net = build(source).double()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in net.parameters():
            fan = max(1, parameter[0].numel()) if parameter.dim() > 1 else 1
            parameter.normal_(generator=generator).mul_(fan**-0.5)
        for name, buffer in net.named_buffers():
            buffer.normal_(generator=generator)
            if name.endswith("running_var"):
                buffer.abs_().add_(0.5)
    return net


@st.composite
def boxes(draw: st.DrawFn, sizes: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """Any part, those at the borders and single positions as often as others."""
    box = []
    for n in sizes:
        lo = draw(st.sampled_from([0, n - 1]) | st.integers(0, n - 1))
        hi = draw(st.sampled_from([lo + 1, n]) | st.integers(lo + 1, n))
        box.append((lo, hi))
    return tuple(box)


@dataclass
class Recording:
    """An array that is not numpy's, and marks what is read of it."""

    array: np.ndarray

    def __post_init__(self) -> None:
        self.shape, self.dtype, self.ndim = self.array.shape, self.array.dtype, self.array.ndim
        self.touched = np.zeros(self.shape, bool)
        self.reads = 0

    def __getitem__(self, key: Any) -> np.ndarray:
        self.touched[key] = True
        self.reads += 1
        return self.array[key]

    def forget(self) -> None:
        self.touched[:] = False

    @property
    def count(self) -> int:
        return int(self.touched.sum())


def noise(*shape: int, seed: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def cut(array: np.ndarray, box: tuple[tuple[int, int], ...]) -> np.ndarray:
    return array[(slice(None), *(slice(lo, hi) for lo, hi in box))]


def error(found: np.ndarray, right: np.ndarray, scale: float) -> float:
    assert found.shape == right.shape
    return float(np.abs(found - right).max() / (scale or 1.0))
