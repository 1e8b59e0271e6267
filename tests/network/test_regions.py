"""Regions: which inputs a range of outputs depends on, against a count by hand along one axis."""

from collections.abc import Iterable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from napari_convnet.document import draft
from napari_convnet.network.ops import Crop, Op, TransposedConv, Upsample, Windowed


def bind(row, n):
    """Op of a row on a map of n pixels; None where it does not fit."""
    pipeline = draft(f"input: 1x{n}\nnet:\n  - {row}\n")
    return None if pipeline.problems else pipeline.network.layers[-1].kind


def folded(i, n, mode):
    """Input that a place outside stands for; None for zeros."""
    if 0 <= i < n:
        return i
    if mode == "reflect":
        return -i if i < 0 else 2 * (n - 1) - i
    if mode == "replicate":
        return min(max(i, 0), n - 1)
    return i % n if mode == "circular" else None


def sources(op: Op, i: int, n: int) -> set[int]:
    """Inputs that output i is made of, by the definition of the op."""
    found: Iterable[int | None]
    if isinstance(op, Windowed):
        k, s, d, p = op.kernel[0], op.stride[0], op.dilation[0], op.pad[0][0]
        found = (folded(i * s - p + d * j, n, op.mode) for j in range(k))
    elif isinstance(op, TransposedConv):
        k, s, d, p = op.kernel[0], op.stride[0], op.dilation[0], op.pad[0]
        found = (x for x in range(n) for j in range(k) if x * s - p + d * j == i)
    elif isinstance(op, Upsample) and op.linear:
        r = op.factor[0]
        twice = max(2 * i + 1 - r, 0)
        low = twice // (2 * r)
        found = {low, min(low + 1, n - 1)} if twice % (2 * r) else {low}
    elif isinstance(op, Upsample):
        found = {i // op.factor[0]}
    elif isinstance(op, Crop):
        found = {i + op.cut[0]}
    else:
        found = {i}
    return {x for x in found if x is not None}


whole = st.integers
windows = st.builds(
    "{} k{} s{} d{} {}".format,
    st.sampled_from(["conv 1", "max"]),
    whole(1, 5),
    whole(1, 4),
    whole(1, 3),
    st.sampled_from(["p0", "p1", "p2", "valid", "same"]),
)
modes = st.builds(
    "conv 1 k{} s{} p{} {}".format,
    whole(1, 5),
    whole(1, 3),
    whole(0, 4),
    st.sampled_from(["reflect", "replicate", "circular"]),
)
others = st.one_of(
    st.builds("avg {} s{} ceil".format, whole(1, 4), whole(1, 4)),
    st.builds("max {} s{} p1 ceil".format, whole(2, 4), whole(1, 5)),
    st.builds("tconv 1 k{} s{} p{} d{}".format, whole(1, 5), whole(1, 4), whole(0, 3), whole(1, 3)),
    st.builds("tconv 1 k3 s{0} o{1}".format, whole(2, 4), whole(0, 1)),
    st.builds("up {}".format, whole(1, 4)),
    st.builds("up {} linear".format, whole(1, 4)),
    st.builds("crop {}".format, whole(0, 3)),
    st.sampled_from(["relu", "bn", "lrn 3", "drop", "id", "softmax"]),
)


@given(row=windows | modes | others, n=whole(1, 14), data=st.data())
def test_a_region_is_what_the_outputs_are_made_of(row, n, data):
    op = bind(row, n)
    assume(op is not None)
    length = op.size(0, n)
    start = data.draw(whole(0, length - 1))
    stop = data.draw(whole(start + 1, length))
    lo, hi = op.region(0, start, stop, n)
    needed = set().union(*(sources(op, i, n) for i in range(start, stop)))
    assert 0 <= lo < hi <= n
    assert needed <= set(range(lo, hi))
    dense = getattr(op, "dilation", (1,)) == (1,)
    if needed and dense and getattr(op, "mode", "zeros") in ("zeros", "replicate"):
        # Between two pixels of a linear upsampling both are read, even where one weighs nothing.
        slack = getattr(op, "linear", False)
        assert min(needed) - slack <= lo <= min(needed)
        assert max(needed) + 1 <= hi <= max(needed) + 1 + slack


@given(row=windows | modes | others, n=whole(1, 14), data=st.data())
def test_more_outputs_need_no_fewer_inputs(row, n, data):
    op = bind(row, n)
    assume(op is not None)
    length = op.size(0, n)
    start = data.draw(whole(0, length - 1))
    stop = data.draw(whole(start + 1, length))
    lo, hi = op.region(0, start, stop, n)
    inner = data.draw(whole(start, stop - 1))
    inner_lo, inner_hi = op.region(0, inner, inner + 1, n)
    if sources(op, inner, n):
        assert lo <= inner_lo
        assert inner_hi <= hi


@given(row=windows | modes | others, n=whole(1, 14))
def test_the_size_is_the_number_of_windows_that_fit(row, n):
    op = bind(row, n)
    assume(op is not None)
    length = op.size(0, n)
    assert op.output() == (1, length)
    if isinstance(op, Windowed) and not op.ceil:
        before, after = op.pad[0]
        last = (length - 1) * op.stride[0] + op.span(0)
        assert last <= n + before + after < last + op.stride[0]


@pytest.mark.parametrize(
    ("row", "n", "outputs", "inputs"),
    [
        ("conv 1 k3", 8, (0, 8), (0, 8)),
        ("conv 1 k3", 8, (0, 1), (0, 2)),
        ("conv 1 k3", 8, (3, 5), (2, 6)),
        ("conv 1 k3 reflect", 8, (0, 1), (0, 2)),
        ("conv 1 k5 p4 reflect", 8, (0, 1), (0, 5)),
        ("conv 1 k3 circular", 8, (0, 1), (0, 8)),
        ("conv 1 k1 p2", 8, (0, 1), (0, 1)),
        ("max 2", 8, (1, 3), (2, 6)),
        ("tconv 1 k3 s2", 8, (0, 1), (0, 1)),
        ("tconv 1 k3 s2", 8, (2, 3), (0, 2)),
        ("up 3", 8, (2, 4), (0, 2)),
        ("crop 2", 8, (0, 4), (2, 6)),
        ("relu", 8, (3, 4), (3, 4)),
    ],
)
def test_regions_by_hand(row, n, outputs, inputs):
    assert bind(row, n).region(0, *outputs, n) == inputs


def test_an_axis_has_its_own_arithmetic():
    op = draft("input: 1x8x12x16\nnet:\n  - conv 1 k1x3x5 s1x2x1\n").network.layers[0].kind
    assert op.output() == (1, 8, 6, 16)
    assert [op.region(axis, 2, 3, n) for axis, n in enumerate((8, 12, 16))] == [
        (2, 3),
        (3, 6),
        (0, 5),
    ]
