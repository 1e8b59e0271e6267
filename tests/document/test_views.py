"""Volumes seen as a whole, or as neighbouring slices: the input line is rewritten, nothing else."""

import pytest

from napari_convnet.document import draft, edit, preset_text
from napari_convnet.network import UserError

TEXT = "input: 1x64x96x80   # z y x\nnet:\n  - c1: conv 8 k3 relu  # edges\n  - out: conv 2 k1\n"


def test_only_the_input_line_changes_and_its_comment_stays():
    slices = edit.set_view(TEXT, "2.5-D")
    assert slices == TEXT.replace("1x64x96x80", "5zx96x80")
    assert edit.set_view(slices, "2.5-D", 9) == TEXT.replace("1x64x96x80", "9zx96x80")
    # Nothing in the text says how deep the volume was: as deep as its slices are wide.
    assert edit.set_view(slices, "3-D") == TEXT.replace("1x64x96x80", "1x80x96x80")
    assert edit.set_view(TEXT, "3-D") == TEXT


def test_sizes_that_are_not_fixed_stay_so():
    text = edit.set_view(TEXT.replace("1x64x96x80", "1x?x?x?"), "2.5-D", 3)
    assert "input: 3zx?x?   # z" in text
    assert "input: 1x?x?x?   # z" in edit.set_view(text, "3-D")


def test_rows_that_do_not_fit_the_other_view_say_so():
    text = TEXT.replace("k3 relu", "k1x3x3 relu")
    assert not draft(text).problems
    (problem,) = draft(edit.set_view(text, "2.5-D")).problems
    assert problem.place.line == 3
    assert "1x3x3" in str(problem)


@pytest.mark.parametrize("given", ["3x64x64", "2x64x64x64", "1x4096"])
def test_inputs_that_are_no_volumes_are_refused(given):
    with pytest.raises(UserError, match="1x96x96x96"):
        edit.set_view(TEXT.replace("1x64x96x80", given), "2.5-D")


def test_slices_have_a_middle_one():
    with pytest.raises(UserError, match="middle"):
        edit.set_view(TEXT, "2.5-D", 4)


def test_a_shipped_network_of_volumes_works_on_slices_too():
    text = edit.set_view(preset_text("ct-3d"), "2.5-D")
    assert draft(text).network.input.slices
