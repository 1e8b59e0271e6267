"""One scan divided into regions: disjoint, apart, in the order asked for, each with its share."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_convnet.data import abdomen, head
from napari_convnet.data.regions import (
    Rule,
    default_axis,
    divide,
    left_right,
    near,
    told,
    way,
)
from napari_convnet.network import UserError

SHARES = [(0.7, 0.15, 0.15), (0.8, 0.0, 0.2), (0.5, 0.25, 0.25), (1.0, 0.0, 0.0)]


@st.composite
def cases(draw):
    weights = draw(st.lists(st.integers(0, 50), min_size=30, max_size=200))
    rule = Rule(
        0,
        draw(st.booleans()),
        draw(st.one_of(st.none(), st.integers(0, 9))),
        draw(st.integers(1, 3)),
    )
    return np.array(weights), draw(st.sampled_from(SHARES)), rule, draw(st.integers(1, 60))


def ordered(division):
    """Ranges with the part of each, ascending."""
    return sorted((r, part) for part, ranges in enumerate(division.ranges) for r in ranges)


@given(cases())
def test_regions_are_disjoint_and_apart(case):
    weights, shares, rule, field = case
    try:
        division = divide(weights, shares, rule, field)
    except UserError as error:
        assert "do not fit into the " in str(error)  # noqa: PT017
        return
    found = ordered(division)
    assert found[0][0][0] == 0
    assert found[-1][0][1] == len(weights)
    for (lo, hi), _ in found:
        assert lo < hi
    for ((_, hi), part), ((lo, _), following) in pairwise(found):
        assert lo - hi == division.gap
        assert part != following
    assert division.gap == rule.gap if rule.gap is not None else division.gap <= field
    assert [bool(ranges) for ranges in division.ranges] == [share > 0 for share in shares]
    first = found[-1 if rule.descending else 0]
    assert first[1] == 0, "training comes first"


@given(st.integers(60, 300), st.sampled_from(SHARES))
def test_each_part_gets_its_share_of_what_is_labelled(length, shares):
    air = np.zeros(length, int)
    body = np.full(length, 7)
    division = divide(np.concatenate([air, body, air]), shares, Rule(0, gap=0), 1)
    for share, ranges in zip(shares, division.ranges, strict=True):
        inside = sum(min(hi, 2 * length) - max(lo, length) for lo, hi in ranges)
        assert abs(inside - share * length) <= 1


def test_slabs_repeat_the_order_in_a_mirror():
    division = divide(np.ones(120, int), (0.5, 0.25, 0.25), Rule(0, gap=2, slabs=2), 9)
    assert [part for _, part in ordered(division)] == [0, 1, 2, 1, 0]
    assert told(division, "z") == (
        "training z 0 to 28 and 91 to 119, validation z 31 to 43 and 76 to 88, test z 46 to 73"
    )


def test_a_gap_takes_at_most_half_of_a_region_unless_it_is_asked_for():
    division = divide(np.ones(100, int), (0.8, 0, 0.2), Rule(0), 70)
    assert division.gap == 20
    assert division.wanted == 70
    assert near(division) == ["test"]
    assert near(divide(np.ones(100, int), (0.6, 0.2, 0.2), Rule(0), 30)) == ["validation"]
    assert near(divide(np.ones(100, int), (0.6, 0.2, 0.2), Rule(0), 60)) == ["validation", "test"]
    assert near(divide(np.ones(100, int), (0.8, 0, 0.2), Rule(0), 9)) == []
    assert divide(np.ones(100, int), (0.8, 0, 0.2), Rule(0, gap=30), 70).gap == 30
    with pytest.raises(UserError) as caught:
        divide(np.ones(100, int), (0.8, 0, 0.2), Rule(0, gap=50, slabs=2), 70)
    assert str(caught.value) == (
        "3 regions with gaps of 50 voxels do not fit into the 100 voxels of the axis with labels; "
        "write a smaller gap, fewer slabs or another axis in regions:, label more, "
        "or split: 100/0 to train on all of it"
    )


def test_nothing_is_divided_left_from_right_unless_it_is_asked_for():
    for image, _ in (head(), abdomen()):
        assert left_right(image.affine) == 2
        assert default_axis(image.array.shape, image.affine) != 2
    sideways = np.eye(4)[[1, 2, 0, 3]]  # a scan whose first axis runs from right to left
    assert left_right(sideways) == 0
    assert default_axis((500, 100, 90), sideways) == 1
    assert default_axis((90, 500), np.eye(3)) == 0
    assert default_axis((4096,), np.eye(2)) == 0


def test_ways_are_told_in_the_words_of_the_body():
    affine = head()[0].affine
    mm = ("mm",) * 3
    assert way(affine, 1, True, mm) == "front to back"
    assert way(affine, 1, False, mm) == "back to front"
    assert way(affine, 0, False, mm) == "bottom to top"
    assert way(affine, 2, True, mm) == "right to left"
    assert way(affine, 2, True, ("pixel",) * 3) == ""
