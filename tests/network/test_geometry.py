"""Receptive fields and the places of maps: fractions all the way, against a walk by hand."""

from fractions import Fraction as F

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from napari_convnet.document import draft
from napari_convnet.network import Field, compose, map_matrix
from napari_convnet.network.geometry import hull
from napari_convnet.network.ops import Crop, Windowed
from napari_convnet.network.ops.shapes import STAY, Step

rows = st.one_of(
    st.builds("conv 1 k{} s{} d{} p1".format, *(st.integers(1, 4) for _ in range(3))),
    st.builds("max {} s{}".format, st.integers(1, 4), st.integers(1, 3)),
    st.builds("crop {}".format, st.integers(0, 2)),
    st.just("relu"),
)


def seen(op, i):
    """Inputs of output i, as if the map had no ends."""
    if isinstance(op, Windowed):
        first = i * op.stride[0] - op.pad[0][0]
        return [first + op.dilation[0] * j for j in range(op.kernel[0])]
    return [i + op.cut[0]] if isinstance(op, Crop) else [i]


@given(lines=st.lists(rows, min_size=1, max_size=5), index=st.integers(-3, 9))
def test_the_field_of_a_chain_is_what_a_walk_back_reaches(lines, index):
    pipeline = draft("input: 1x4000\nnet:\n" + "".join(f"  - {line}\n" for line in lines))
    assume(not pipeline.problems)
    reached = {index}
    for layer in reversed(pipeline.network.layers):
        reached = {x for i in reached for x in seen(layer.kind, i)}
    (field,) = pipeline.network.layers[-1].fields
    assert field.low + index * field.jump == min(reached)
    assert field.high + index * field.jump == max(reached)
    assert field.size == max(reached) - min(reached) + 1
    assert field.start == F(field.low + field.high, 2)


def test_a_step_that_stays_changes_nothing():
    field = Field.of(F(-2), F(5), F(2))
    assert field.through(STAY) is field
    assert field.through(Step()) == field


def test_a_field_through_a_step():
    field = Field.of(F(0), F(3), F(2)).through(Step(reach=F(2), ratio=F(3), offset=F(1, 2)))
    assert field == Field.of(F(-1), F(6), F(6))


def test_the_hull_of_two_paths():
    """Paths may be misaligned: least left edge, greatest right edge."""
    assert hull([Field.of(F(0), F(4)), Field.of(F(-3), F(1))]) == Field.of(F(-3), F(4))


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_a_map_lies_where_its_matrix_says(rank):
    size = "x".join(["1", *["20"] * rank])
    layer = draft(f"input: {size}\nnet:\n  - conv 1 k3 s2 p0\n  - max 2\n").network.layers[-1]
    matrix = layer.matrix
    for axis in range(rank):
        row = [0.0] * rank + [layer.start[axis]]
        row[axis] = layer.jump[axis]
        assert matrix[axis] == tuple(row)
    assert matrix[rank] == (0.0,) * rank + (1.0,)
    assert (layer.start[0], layer.jump[0]) == (2.0, 4.0)


def test_compose():
    turn = ((0, -1, 5), (1, 0, 7), (0, 0, 1))
    pool = map_matrix([Field.of(F(0), F(1), F(2))] * 2)
    assert compose(turn, pool) == ((0, -2, 4.5), (2, 0, 7.5), (0, 0, 1))
    identity = map_matrix([Field()] * 2)
    assert identity == ((1, 0, 0), (0, 1, 0), (0, 0, 1))
    assert compose(identity, turn) == turn == compose(turn, identity)
    third = map_matrix([Field.of(F(-1), F(1), F(3)), Field.of(F(0), F(1), F(2))])
    assert compose(compose(turn, pool), third) == compose(turn, compose(pool, third))


def test_harleys_patch():
    """Index 2 of the second pool sees rows 8 to 23 of the padded 32x32 image."""
    text = "input: 1x32x32\nnet:\n  - conv 6 k5 valid\n  - max\n  - conv 16 k5 valid\n  - s2: max\n"
    s2 = draft(text).network["s2"]
    assert (s2.start, s2.jump, s2.receptive_field) == ((7.5, 7.5), (4, 4), (16, 16))
    (field, _) = s2.fields
    assert (field.low + 2 * field.jump, field.high + 2 * field.jump) == (8, 23)
