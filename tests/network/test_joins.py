"""Ops that take several layers: what goes out, and what does not fit together."""

from fractions import Fraction

import pytest

from napari_convnet.network import UserError
from napari_convnet.network.ops import KINDS, OPS, Add, Cat, Crop, CropTo


def test_crop_with_a_number_and_crop_with_a_name_are_two_kinds_of_one_word():
    assert OPS["crop"] is Crop
    assert {Cat, Add, CropTo} == {kind for kind in KINDS if kind.joins}


def test_concatenation():
    op = Cat.joined([(64, 32, 32), (16, 32, 32), (128, 32, 32)])
    assert op.channels == 208
    assert op.incoming == (128, 32, 32)
    assert op.output() == (208, 32, 32)
    assert op.output((64, 9, 7), (16, 9, 7), (128, 9, 7)) == (208, 9, 7)
    assert (op.parameters, op.macs()) == (0, 0)
    assert op.regions(0, 3, 5, (9, 9, 9)) == ((3, 5),) * 3
    assert Cat.joined([(4,), (3,)]).output() == (7,)


def test_sum():
    assert Add.joined([(8, 5), (8, 5)]).output() == (8, 5)
    assert Add.joined([(8, None, 5), (8, 4, 5)]).output() == (8, 4, 5)
    assert Add.joined([(8, None), (8, None)]).output() == (8, None)


def test_crop_to_a_layer():
    op = CropTo.joined([(2, 10, 9), (7, 6, 6)])
    assert (op.incoming, op.channels, op.output()) == ((2, 10, 9), 2, (2, 6, 6))
    assert op.regions(0, 0, 3, (10, 6)) == ((2, 5), (0, 1))
    assert op.regions(1, 0, 6, (9, 6)) == ((1, 7), (0, 1))
    step, other = op.steps(1)
    assert step.offset == Fraction(1)
    assert other is None
    assert op.output((2, 20, 20), (7, 11, 12)) == (2, 11, 12)
    assert CropTo.joined([(2, None), (7, None)]).output() == (2, None)


@pytest.mark.parametrize(
    ("make", "what", "fix"),
    [
        (
            lambda: Cat.joined([(4, 8, 8), (4, 7, 8)], names=("e1", "conv-2")),
            "cat needs maps of equal size: e1 is 4x8x8 and conv-2 is 4x7x8",
            "crop the larger (crop NAME), pad, or join before the size changes",
        ),
        (
            lambda: Add.joined([(4, 8, 8), (6, 8, 8)], names=("e1", "conv-2")),
            "add needs equal shapes: e1 is 4x8x8 and conv-2 is 6x8x8",
            "bring them to equal channels, for example with conv 6 k1",
        ),
        (
            lambda: Add.joined([(4, 8), (4, 8, 8), (4, 8)]),
            "add needs equal shapes: the first is 4x8, the second is 4x8x8 and the third is 4x8",
            "crop the larger (crop NAME), pad, or add before the size changes",
        ),
        (
            lambda: CropTo.joined([(4, 8, 8), (4, 9, 8)], names=("max-1", "e1")),
            "crop can only make a map smaller: max-1 is 4x8x8 and e1 is 4x9x8",
            "crop the larger of the two",
        ),
        (
            lambda: CropTo.joined([(4,), (4, 9, 8)]),
            "crop needs two maps of as many axes: the first is a vector of 4 and the second is "
            "4x9x8",
            "put it before flatten, gap and fc",
        ),
        (
            lambda: CropTo.joined([(4, None), (4, 9)]),
            "crop to a layer needs every size of the map",
            "write numbers for ? in the input",
        ),
    ],
)
def test_what_does_not_fit(make, what, fix):
    with pytest.raises(UserError) as caught:
        make()
    (problem,) = caught.value.problems
    assert (problem.what, problem.fix) == (what, fix)
