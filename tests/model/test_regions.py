"""Every twin against its op (shapes, parameters) and against itself (a region equals the whole)."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from napari_convnet.document import parse
from napari_convnet.model import TWINS, Patch, Twin, build, whole_box
from napari_convnet.network import UserError
from napari_convnet.network.ops import KINDS, Add, Cat, CropTo, Join, Op

relaxed = settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.function_scoped_fixture],
)

MAP_OPS = [kind.word for kind in KINDS if kind.word not in ("fc", "rbf") and not kind.joins]
VECTOR_OPS = [
    kind.word for kind in KINDS if kind.takes_vector and not kind.takes_map and not kind.joins
]


@st.composite
def shapes(draw: st.DrawFn, least: int = 1) -> tuple[int, ...]:
    rank = draw(st.integers(1, 3))
    most = {1: 24, 2: 12, 3: 7}[rank]
    sizes = [draw(st.integers(least, most)) for _ in range(rank)]
    return (draw(st.integers(1, 4)), *sizes)


def per_axis(draw: st.DrawFn, letter: str, low: int, high: int, rank: int) -> str:
    values = [draw(st.integers(low, high)) for _ in range(rank)]
    return letter + "x".join(map(str, values))


def optional(draw: st.DrawFn, *words: str) -> str:
    return draw(st.sampled_from(["", *words]))


@st.composite
def windowed(draw: st.DrawFn, word: str, rank: int) -> str:
    """A convolution's line: any kernel, stride, dilation, padding and mode."""
    padding = draw(st.sampled_from(["valid", "same", "full", "p"]))
    if padding == "p":
        padding = per_axis(draw, "p", 0, 4, rank)
    head = {"dw": "dw", "conv": "conv {}", "sep": "sep {}", "local": "local {}"}[word]
    words = [
        head.format(draw(st.sampled_from([1, 2, 4]))),
        per_axis(draw, "k", 1, 4, rank),
        per_axis(draw, "s", 1, 3, rank),
        per_axis(draw, "d", 1, 3, rank),
        padding,
        optional(draw, "reflect", "replicate", "circular"),
        optional(draw, "nobias"),
    ]
    if word == "conv":
        words.append(optional(draw, "g2"))
    if word == "dw":
        words.append(optional(draw, "m2"))
    return " ".join(words)


@st.composite
def transposed(draw: st.DrawFn, rank: int) -> str:
    words = [
        f"tconv {draw(st.sampled_from([2, 4]))}",
        per_axis(draw, "k", 1, 4, rank),
        per_axis(draw, "s", 1, 4, rank),
        per_axis(draw, "p", 0, 3, rank),
        per_axis(draw, "d", 1, 3, rank),
        per_axis(draw, "o", 0, 3, rank),
        optional(draw, "g2"),
        optional(draw, "nobias"),
    ]
    return " ".join(words)


@st.composite
def pooling(draw: st.DrawFn, word: str, rank: int) -> str:
    padding = draw(st.sampled_from(["", "valid", "same", "p"]))
    if padding == "p":
        padding = per_axis(draw, "p", 0, 2, rank)
    words = [word, per_axis(draw, "k", 1, 4, rank), padding, optional(draw, "ceil")]
    if draw(st.booleans()):
        words.append(per_axis(draw, "s", 1, 4, rank))
    if word == "max":
        words.append(per_axis(draw, "d", 1, 3, rank))
    return " ".join(words)


@st.composite
def lines(draw: st.DrawFn, word: str, shape: tuple[int, ...]) -> str:
    rank = len(shape) - 1
    if word in ("conv", "dw", "sep", "local"):
        return draw(windowed(word, rank))
    if word == "tconv":
        return draw(transposed(rank))
    if word in ("max", "avg", "sum"):
        return draw(pooling(word, rank))
    if word == "up":
        # A bare number or a bare AxB; a single axis has no AxB.
        factor = per_axis(draw, "", 1, 5, rank)
        return f"up {factor} {draw(st.sampled_from(['nearest', 'linear']))}"
    if word == "crop":
        return f"crop {per_axis(draw, '', 0 if rank > 1 else 1, 2, rank)}"
    if word == "gn":
        return f"gn {draw(st.sampled_from([n for n in (1, 2, 4) if shape[0] % n == 0]))}"
    if word == "lrn":
        return f"lrn {draw(st.integers(1, 5))}"
    if word == "relu":
        return f"relu {optional(draw, '.5', '6')}"
    return word


def twin_of(op: Op) -> Twin:
    """Make a twin in float64, for use, with random weights."""
    twin = TWINS[type(op).__name__](op).double().eval()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.normal_(generator=generator)
        for name, buffer in twin.named_buffers():
            buffer.normal_(generator=generator)
            if name == "running_var":
                buffer.abs_()
    return twin


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2))


def error(found: torch.Tensor, right: torch.Tensor) -> float:
    """Largest difference, relative to the largest value; infinite values must be the same ones."""
    assert found.shape == right.shape
    finite = right.isfinite()
    assert torch.equal(finite, found.isfinite())
    scale = max(1.0, right[finite].abs().max().item() if finite.any() else 1.0)
    return (found[finite] - right[finite]).abs().max().item() / scale if finite.any() else 0.0


def test_every_op_has_a_twin_of_its_name() -> None:
    assert list(TWINS) == [kind.__name__ for kind in KINDS]


@pytest.mark.parametrize("word", MAP_OPS)
@given(data=st.data())
@relaxed
def test_a_region_equals_the_whole(word: str, data: st.DataObject, bind) -> None:  # type: ignore[no-untyped-def]
    shape = data.draw(shapes(), label="incoming")
    line = data.draw(lines(word, shape), label="line")
    try:
        op = bind(line, shape)
        output = op.output()
    except UserError:
        assume(False)
    assume(math.prod(output) < 20_000)
    twin = twin_of(op)
    assert {n: tuple(p.shape) for n, p in twin.named_parameters()} == op.weights()
    assert sum(p.numel() for p in twin.parameters()) == op.parameters

    x = noise(2, *shape)
    before = x.clone()
    with torch.no_grad():
        whole = twin(x)
    assert tuple(whole.shape[1:]) == output
    assert torch.equal(x, before)

    out = tuple(data.draw(ranges(n), label="out") for n in output[1:])
    needed = whole_box(shape[1:])
    if op.reach != "global":
        axes = enumerate(zip(out, shape[1:], strict=True))
        needed = tuple(op.region(axis, *part, n) for axis, (part, n) in axes)
    # Exactly the region, and a wider patch.
    for wider in (0, data.draw(st.integers(1, 3), label="wider")):
        box = [
            (max(lo - wider, 0), min(hi + wider, n))
            for (lo, hi), n in zip(needed, shape[1:], strict=True)
        ]
        piece = x[(..., *(slice(lo, hi) for lo, hi in box))].clone()
        patch = Patch(piece, tuple(lo for lo, _ in box), shape[1:])
        with torch.no_grad():
            part = twin.region(out, patch)
        right = whole[(slice(None), slice(None), *(slice(lo, hi) for lo, hi in out))]
        assert error(part, right) < 1e-12


@st.composite
def joined(draw: st.DrawFn) -> Join:
    kind = draw(st.sampled_from([Cat, Add, CropTo]))
    shape = draw(shapes())
    if kind is CropTo:
        return CropTo.joined((tuple(n + draw(st.integers(0, 4)) for n in shape), shape))
    others = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    channels = [shape[0] if kind is Add else other for other in others]
    return kind.joined([*((other, *shape[1:]) for other in channels), shape])


@given(data=st.data())
@relaxed
def test_a_region_of_a_join_equals_the_whole(data: st.DataObject) -> None:
    op = data.draw(joined(), label="op")
    twin, xs = twin_of(op), [noise(2, *shape) for shape in op.incomings]
    twin.check(*op.incomings)
    whole = twin(*xs)
    assert tuple(whole.shape[1:]) == op.output() == op.output(*op.incomings)
    out = tuple(data.draw(ranges(n), label="out") for n in op.output()[1:])
    sizes = zip(*(shape[1:] for shape in op.incomings), strict=True)
    axes = [op.regions(axis, *out[axis], each) for axis, each in enumerate(sizes)]
    patches = []
    for x, box in zip(xs, zip(*axes, strict=True), strict=True):
        piece = x[(..., *(slice(lo, hi) for lo, hi in box))]
        patches.append(Patch(piece, tuple(lo for lo, _ in box), tuple(x.shape[2:])))
    right = whole[(..., *(slice(lo, hi) for lo, hi in out))]
    assert torch.equal(twin.region(out, *patches), right)


def test_inputs_of_a_join_that_do_not_fit_are_refused() -> None:
    twin = twin_of(Cat.joined([(2, 8, 8), (3, 8, 8)]))
    twin.check((2, 9, 9), (3, 9, 9))
    with pytest.raises(UserError, match=r"the first is 2x9x9 and the second is 3x8x9"):
        twin.check((2, 9, 9), (3, 8, 9))
    with pytest.raises(UserError, match="was made for 2 channels of 8x8, but 3 channels"):
        twin.check((3, 8, 8), (3, 8, 8))


@st.composite
def ranges(draw: st.DrawFn, n: int) -> tuple[int, int]:
    lo = draw(st.integers(0, n - 1))
    return lo, draw(st.integers(lo + 1, n))


@pytest.mark.parametrize("word", VECTOR_OPS)
def test_vectors_pass_too(word: str, bind) -> None:  # type: ignore[no-untyped-def]
    line = {"fc": "fc 5", "rbf": "rbf 5", "gn": "gn 2"}.get(word, word)
    op = bind(line, (8,))
    twin, x = twin_of(op), noise(3, 8)
    whole = twin(x)
    assert tuple(whole.shape[1:]) == op.output()
    assert error(twin.region((), Patch.whole(x)), whole) < 1e-12


@given(data=st.data())
@settings(relaxed, max_examples=150)
def test_windows_wholly_in_the_padding(data: st.DataObject, bind) -> None:  # type: ignore[no-untyped-def]
    """Tiny maps under wide padding: many windows see nothing of the map."""
    n = data.draw(st.integers(1, 4))
    kernel, padding = data.draw(st.integers(1, 3)), data.draw(st.integers(3, 9))
    mode = data.draw(st.sampled_from(["", "replicate"]))
    op = bind(f"conv 1 k{kernel} p{padding} {mode}", (1, n))
    twin, x = twin_of(op), noise(1, 1, n)
    whole = twin(x)
    for index in range(whole.shape[2]):
        lo, hi = op.region(0, index, index + 1, n)
        patch = Patch(x[..., lo:hi], (lo,), (n,))
        part = twin.region(((index, index + 1),), patch)
        assert error(part, whole[..., index : index + 1]) < 1e-12


def test_a_patch_that_lacks_something_is_refused(bind) -> None:  # type: ignore[no-untyped-def]
    twin = twin_of(bind("conv 1 k3", (1, 9)))
    with pytest.raises(IndexError, match="wanted of a patch from 3 to 5"):
        twin.region(((3, 6),), Patch(noise(1, 1, 2), (3,), (9,)))
    twin = twin_of(bind("gap", (1, 9)))
    with pytest.raises(IndexError, match="gap needs the whole"):
        twin.region((), Patch(noise(1, 1, 2), (3,), (9,)))


@pytest.mark.parametrize("line", ["inorm", "gn 2", "ln"])
def test_norms_in_parts(line: str, bind) -> None:  # type: ignore[no-untyped-def]
    """The statistics of slabs add up, and each slab is normalised by the sum."""
    twin = twin_of(bind(line, (4, 9, 5, 6)))
    x = noise(2, 4, 9, 5, 6) + 100
    slabs = x.split([2, 3, 4], dim=2)
    first, *others = (twin.statistics(slab) for slab in slabs)
    statistics = sum(others, start=first)
    parts = torch.cat([twin.normalise(slab, statistics) for slab in slabs], dim=2)
    # The mean of 100 cancels in x - mean: 1e-16 of it is 1e-14, and a few more.
    assert error(parts, twin(x)) < 1e-11


def test_a_connection_table_is_a_convolution_with_zeros(bind) -> None:  # type: ignore[no-untyped-def]
    op = bind("conv 16 k5 valid", (6, 14, 14)).connected("lenet5")
    assert (op.parameters, op.macs()) == (1_516, 150_000)
    twin, x = twin_of(op), noise(2, 6, 14, 14)
    assert tuple(twin.weight.shape) == (60, 5, 5)
    full = torch.zeros(16, 6, 5, 5, dtype=torch.float64)
    links = iter(twin.weight)
    for out, row in enumerate(op.connect):
        for one in row:
            full[out, one] = next(links)
    assert torch.equal(twin.full_weight, full)
    right = torch.nn.functional.conv2d(x, full, twin.bias)
    assert torch.equal(twin(x), right)
    part = twin.region(((2, 5), (1, 9)), Patch(x[..., 2:9, 1:13], (2, 1), (14, 14)))
    assert error(part, right[..., 2:5, 1:9]) < 1e-12
    twin(x).sum().backward()
    assert twin.weight.grad is not None
    drawn = twin.draw(torch.Generator().manual_seed(1))["weight"]
    # Outputs that read more inputs start with smaller weights.
    assert drawn[:3].abs().max() < (6 / 75) ** 0.5
    assert drawn[-6:].abs().max() < (6 / 150) ** 0.5 < drawn[:3].abs().max()


def test_distances_to_codes(bind) -> None:  # type: ignore[no-untyped-def]
    op = bind("rbf 10", (84,))
    twin, x = TWINS["RadialBasis"](op).double(), noise(3, 84)
    drawn = twin.draw(torch.Generator().manual_seed(1))["codes"]
    assert sorted(set(drawn.flatten().tolist())) == [-1, 1]
    twin.codes.copy_(drawn)
    right = -(x[:, None] - drawn.double()).square().sum(2)
    assert error(twin(x), right) < 1e-13
    assert list(twin.parameters()) == []


def test_a_capped_rectifier(bind) -> None:  # type: ignore[no-untyped-def]
    x = torch.tensor([[-1.0, 3.0, 7.0]])
    assert TWINS["Relu"](bind("relu 6", (3,)))(x).tolist() == [[0, 3, 6]]


def test_a_thin_slab_of_a_volume_is_convolved_as_any_other() -> None:
    (twin,) = build(parse("input: 2x?x?x?\nnet: [conv 3 k3 s1x2x1 d1x1x2]\n")).twins.values()
    x = torch.randn(1, 2, 4, 20, 30)
    right = F.conv3d(x, twin.weight, twin.bias, (1, 2, 1), (1, 1, 2), (1, 1, 2))
    with torch.inference_mode():
        found = twin(x)
    torch.testing.assert_close(found, right, rtol=1e-5, atol=1e-5)
