"""Pure parts: numbers as text, calls in a row, rows and what changed, settings as text."""

import doctest
from importlib import import_module

import pytest

from napari_convnet.document import draft, preset, presets
from napari_convnet.network import OPS, UserError, WordError
from napari_convnet.widgets.calls import CallValue, RowText, choices
from napari_convnet.widgets.row_tree import row_views
from napari_convnet.widgets.rows import RowView, changes, move_target, stepped
from napari_convnet.widgets.settings import (
    checked_value,
    names_value,
    parameter_help,
    scalar,
    train_fields,
)

TEXT = "input: 1x28x28\nnet:\n  - c1: conv 6 k5 relu\n  - max 2\n  - flatten\n  - fc 10\n"


@pytest.mark.parametrize(
    "module",
    "values calls rows settings links row_menu row_editor call_form document_files theme "
    "text_editor run_controls training_history".split(),
)
def test_examples(module, qapp):
    done = doctest.testmod(import_module(f"napari_convnet.widgets.{module}"))
    assert not done.failed


@pytest.mark.parametrize(
    "text",
    [
        "conv 6",
        "conv 6 k5 s2 p1 d2 g2 same bias reflect",
        "conv $in*2 k3",
        "conv $a k$k s$s",
        "max 3x2 s2 ceil",
        "leaky .1",
        "up 2 linear",
        "tconv 8 k4 s2 o1",
        "relu",
        "dw 3 m2",
    ],
)
def test_a_call_is_written_as_it_was_read(text):
    assert str(CallValue.parse(text)) == text


def test_a_call_is_put_in_order():
    assert str(CallValue.parse("conv same s2 6 k5 valid")) == "conv 6 k5 s2 valid same"
    assert str(CallValue.parse("conv 6 3x5")) == "conv 6 k3x5"


def test_what_a_form_cannot_show_is_kept():
    value = CallValue.parse("conv 6 k5 9 k3")
    assert value.extra == ("9", "k3")
    assert str(value.with_main("8")) == "conv 8 k5 9 k3"


def test_a_call_must_begin_with_an_op():
    with pytest.raises(WordError, match="did you mean conv"):
        CallValue.parse("konv 6")


@pytest.mark.parametrize("word", OPS)
def test_every_op_has_a_form_and_keeps_its_example(word):
    value = CallValue.parse(OPS[word].example)
    assert not value.extra or OPS[word].joins  # names of layers
    assert str(value) == OPS[word].example
    assert sum(len(flags) for _, flags in choices(OPS[word])) == len(OPS[word].signature.flags)


def test_flags_of_a_group_exclude_each_other():
    value = CallValue.parse("conv 6 valid")
    group = ("valid", "same", "full")
    assert str(value.with_choice(group, "same")) == "conv 6 same"
    assert str(value.with_choice(group, "")) == "conv 6"


def test_one_call_of_a_row_changes_and_all_else_stays():
    row = RowText("c1:  conv 6 k5   relu x2")
    assert row.name == "c1"
    assert str(row.with_call(1, CallValue("gelu"))) == "c1:  conv 6 k5   gelu x2"
    assert RowText("c1: konv 6").calls == ()
    assert row.call_at(8) == 0
    assert row.call_at(18) == 1


# -- rows --


def test_rows_show_what_follows_from_them():
    rows = row_views(draft(TEXT))
    assert [r.text for r in rows] == ["c1: conv 6 k5 relu", "max 2", "flatten", "fc 10", ""]
    assert (rows[0].shape, rows[0].parameters, rows[0].sees) == ("6 × 28 × 28", "156", "5 × 5")
    assert (rows[0].layer, rows[2].sees, rows[3].parameters) == ("c1", "", "11,770")
    assert rows[-1].blank
    assert rows[-1].path == (4,)


def test_a_wrong_row_says_why_and_those_behind_it_are_dimmed():
    rows = row_views(draft(TEXT.replace("max 2", "maxx 2")))
    assert rows[0].shape
    assert rows[1].message == 'unknown op "maxx"; did you mean max?'
    assert [r.dimmed for r in rows] == [False, False, True, True, False]


@pytest.mark.parametrize("name", [one.name for one in presets()])
def test_all_presets_have_rows(name):
    rows = row_views(preset(name))
    shown = [row for row in rows if not row.blank and row.kind not in ("title", "block")]
    assert all(row.shape and not row.message for row in shown)


def view(text, *path, **more):
    return RowView(path, text, **more)


def apply(old, new):
    rows = list(old)
    for change in changes(old, new):
        rows[change.start : change.stop] = new[change.begin : change.end]
    return rows


@pytest.mark.parametrize(
    ("old", "new", "touched"),
    [
        ("abcd", "abcd", 0),
        ("abcd", "abxd", 1),
        ("abcd", "abxcd", 1),
        ("abcd", "acd", 1),
        ("abcd", "bcda", 2),
        ("", "abc", 1),
        ("abc", "", 1),
        ("aaaa", "aaa", 1),
    ],
)
def test_only_rows_that_differ_are_touched(old, new, touched):
    a = [view(c, i) for i, c in enumerate(old)]
    b = [view(c, i) for i, c in enumerate(new)]
    assert [r.text for r in apply(a, b)] == list(new)
    assert len(list(changes(a, b))) == touched


def test_a_thousand_rows_are_compared_at_once():
    a = [view(f"conv {i}", i) for i in range(1000)]
    b = [view(f"fc {i}", i) for i in range(1000)]
    assert len(list(changes(a, b))) == 1


ROWS = [
    view("a", 0),
    view("x2:", 1, group=True),
    view("b", 1, 0),
    view("c", 1, 1),
    view("d", 2),
    view("", 3, blank=True),
]


@pytest.mark.parametrize(
    ("row", "gap", "to"),
    [
        (0, 0, None),  # where it is
        (0, 1, None),
        (0, 4, (1, 2)),  # to the end of the group
        (0, 5, (3,)),  # to the end
        (4, 0, (0,)),
        (0, 3, (1, 1)),  # into the group
        (2, 4, (1, 2)),  # to the end of its group
        (3, 2, (1, 0)),
        (2, 0, (0,)),  # out of its group
    ],
)
def test_where_a_dragged_row_goes(row, gap, to):
    assert move_target(ROWS, ROWS[row], gap) == to


def test_how_far_in_a_row_is_dropped_says_whether_it_goes_into_the_group():
    assert move_target(ROWS, ROWS[0], 4, depth=0) == (2,)
    assert move_target(ROWS, ROWS[0], 4, depth=1) == (1, 2)


def test_rows_step_among_their_siblings_only():
    assert stepped(ROWS, ROWS[0], -1) is None
    assert stepped(ROWS, ROWS[0], 1) == 1
    assert stepped(ROWS, ROWS[3], 1) is None
    assert stepped(ROWS, ROWS[4], 1) is None


# -- settings --


def test_fields_are_those_of_the_documents_model():
    fields = {field.key: field for field in train_fields()}
    assert fields["train.schedule"].choices == ("constant", "one-cycle")
    assert fields["train.seed"].least == 0
    assert fields["train.epochs"].kind == "count"
    assert all(field.help for field in fields.values())


def test_help_is_read_from_docstrings():
    class Thing:
        """A thing.

        Parameters
        ----------
        a, b : int
            First line
            and second.
        """

    assert parameter_help(Thing) == {"a": "First line and second.", "b": "First line and second."}


def test_a_wrong_value_is_refused_with_the_fix():
    with pytest.raises(UserError, match="80/20"):
        checked_value(draft(TEXT), "data.split", "80/30")
    assert "split: 80/20" in checked_value(draft(TEXT), "data.split", "80/20")


@pytest.mark.parametrize("text", ["a: b", "*.png", "[x]", "it's", "#1", "- a", "a #b", "{}"])
def test_scalars_are_quoted_where_yaml_would_stumble(text):
    assert draft(f"title: {scalar(text)}\n{TEXT}").title == text


def test_names_become_a_list():
    assert draft(TEXT + f"show: {names_value('c1, max-1')}").show == ("c1", "max-1")
