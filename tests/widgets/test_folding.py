"""Branches and blocks in the Builder: folding, editing inside, dragging, what is explained."""

from random import Random
from types import SimpleNamespace

import numpy as np
import pytest
from qtpy.QtCore import QMimeData, QPointF, Qt
from qtpy.QtGui import QDropEvent

from napari_convnet.document import draft, preset_text, presets
from napari_convnet.widgets import Builder
from napari_convnet.widgets.call_form import LastWordCompleter
from napari_convnet.widgets.calls import BlockCall, RowText
from napari_convnet.widgets.folds import Folds
from napari_convnet.widgets.row_editor import RowEditor, words_for
from napari_convnet.widgets.row_menu import row_menu
from napari_convnet.widgets.row_tree import row_views
from napari_convnet.widgets.rows import landing, move_target
from napari_convnet.widgets.words import words_of

LEFT = Qt.MouseButton.LeftButton
ALT = Qt.KeyboardModifier.AltModifier

TEXT = """\
input: 3x32x32
blocks:
  two(a, b=8): conv $a relu conv $b relu
net:
  - e1: two 16
  - i1:
      cat:
        - conv 8 k1 relu
        - - conv 8 k1   # below
          - conv 16 k3
        - max 3 s1 p1
  - res: conv 16 k3 bn relu conv 16 k3
  - two 4 x3
  - gap fc 10
"""


@pytest.fixture
def builder(dock, session):
    session.set_text(TEXT)
    return dock(Builder)


@pytest.fixture
def rows(builder):
    return builder.layers.rows


def shown(rows):
    return [(view.depth, view.label, view.text) for view in rows.value() if not view.blank]


def view_of(rows, path):
    return next(view for view in rows.value() if view.path == path)


def lines(session):
    return [row.text for row in session.pipeline.rows]


def editor_of(rows):
    editor = rows.indexWidget(rows.currentIndex())
    return editor if isinstance(editor, RowEditor) else None


def press(rows, qtbot, path, key, modifier=Qt.KeyboardModifier.NoModifier):
    rows.setCurrent(path)
    qtbot.keyClick(rows, key, modifier)


def arrow(rows, path):
    at = [view.path for view in rows.value()].index(path)
    index = rows.model().index(at)
    rect = rows.visualRect(index)
    return rows.itemDelegate().layoutOf(rect, rows.value()[at], rows.font()).arrow.center()


# -- what is shown --


def test_structures_are_unfolded_and_blocks_folded_at_first(rows):
    assert shown(rows) == [
        (0, "", "Blocks"),
        (0, "", "two(a, b=8):"),
        (0, "", "Network"),
        (0, "", "e1: two 16"),
        (0, "", "i1: cat:"),
        (1, "A", "conv 8 k1 relu"),
        (1, "B", "group"),
        (2, "", "conv 8 k1"),
        (2, "", "conv 16 k3"),
        (1, "C", "max 3 s1 p1"),
        (0, "", "res:"),
        (1, "", "conv 16 k3 bn relu conv 16 k3"),
        (0, "", "two 4 x3"),
        (0, "", "gap fc 10"),
    ]


def test_a_join_shows_what_it_puts_out(rows):
    view = view_of(rows, (1,))
    assert (view.shape, view.layer, view.sees) == ("32 × 32 × 32", "i1", "7 × 7")


def test_guides_end_with_the_mark_of_the_join(rows):
    assert view_of(rows, (1, 1, 1)).guides == ("|", "branch")
    assert view_of(rows, (1, 2)).guides == ("cat",)
    assert view_of(rows, (2, 0)).guides == ("res",)


def test_a_folded_row_says_how_much_it_holds(rows, qtbot):
    press(rows, qtbot, (1,), Qt.Key.Key_Left)
    view = view_of(rows, (1,))
    assert (view.open, view.count, view.shape) == (False, 6, "32 × 32 × 32")
    assert not any(v.path[:1] == (1,) for v in rows.value() if v.depth)


def test_keys_fold_unfold_and_go_up_and_down(rows, qtbot):
    press(rows, qtbot, (1, 1, 0), Qt.Key.Key_Left)
    assert rows.current().path == (1, 1)
    press(rows, qtbot, (1, 1), Qt.Key.Key_Left)
    assert view_of(rows, (1, 1)).open is False
    press(rows, qtbot, (1, 1), Qt.Key.Key_Right)
    press(rows, qtbot, (1, 1), Qt.Key.Key_Right)
    assert rows.current().path == (1, 1, 0)


def test_folding_makes_the_row_current_that_the_current_one_lay_in(rows, qtbot):
    rows.setCurrent((1, 1, 0))
    rows.foldAsked.emit(((1,), False), False)
    assert rows.current().path == (1,)


def test_the_mouse_folds_at_the_arrow_and_with_alt_all_below(rows, qtbot):
    qtbot.mouseClick(rows.viewport(), LEFT, pos=arrow(rows, (1,)))
    assert view_of(rows, (1,)).open is False
    assert editor_of(rows) is None
    qtbot.mouseClick(rows.viewport(), LEFT, ALT, pos=arrow(rows, (1,)))
    assert view_of(rows, (1,)).open
    assert view_of(rows, (1, 0)).open, "the layers of its rows too"


def test_what_is_unfolded_stays_while_rows_are_edited(rows, qtbot, session):
    rows.foldAsked.emit(((0,), False), True)
    rows.foldAsked.emit(((1,), False), False)
    session.insert_row((0,), "bn")
    session.set_row((1,), "e1: two 32")
    assert view_of(rows, (1,)).open
    assert view_of(rows, (2,)).open is False
    session.delete_row((0,))
    assert view_of(rows, (0,)).open
    assert view_of(rows, (1,)).open is False


def test_another_document_is_folded_as_at_first(rows, session):
    rows.foldAsked.emit(((0,), False), True)
    session.open_preset("unet2d")
    assert view_of(rows, (0,)).open is False


# -- layers that rows make --


def test_a_call_shows_the_layers_it_made(rows, qtbot):
    press(rows, qtbot, (0,), Qt.Key.Key_Right)
    inner = [v for v in rows.value() if v.path[:2] == (0, "@")]
    assert [v.layer for v in inner] == ["e1.conv", "e1.relu", "e1.conv-2", "e1"]
    assert [v.text for v in inner] == ["conv 16", "relu", "conv 8", "relu"]
    assert not any(v.editable or v.movable for v in inner)


def test_many_calls_are_listed_call_by_call():
    pipeline = draft(preset_text("densenet121"))
    folds = Folds()
    folds.set((2,), True)
    calls = [view for view in row_views(pipeline, folds) if view.kind == "call"]
    assert [view.text for view in calls] == [f"dense-{i}" for i in range(1, 7)]
    folds.set(calls[0].path, True)
    assert [v.label for v in row_views(pipeline, folds) if v.kind == "layer"][:2] == ["A", "B"]


def test_editing_a_made_layer_goes_to_the_row_that_makes_it(rows, qtbot):
    press(rows, qtbot, (0,), Qt.Key.Key_Right)
    rows.setCurrent((0, "@", "e1.conv"))
    qtbot.keyClick(rows, Qt.Key.Key_Return)
    assert rows.current().path == ("two", 0)
    assert editor_of(rows).text() == "conv $a relu conv $b relu"


def test_a_picture_of_a_made_layer_shows_its_maps(rows, qtbot, session, say_preview, monkeypatch):
    asked = []
    monkeypatch.setattr(session, "show", lambda names, **more: asked.append(tuple(names)))
    press(rows, qtbot, (0,), Qt.Key.Key_Right)
    say_preview("e1.conv-2")
    at = [view.layer for view in rows.value()].index("e1.conv-2")
    rect = rows.visualRect(rows.model().index(at))
    parts = rows.itemDelegate().layoutOf(rect, rows.value()[at], rows.font())
    qtbot.mouseClick(rows.viewport(), LEFT, pos=parts.picture.center())
    assert asked == [("e1.conv-2",)]


def test_pictures_are_asked_for_what_is_on_the_screen(rows, qtbot, session, monkeypatch):
    rows.setMinimumHeight(120)
    rows.setMaximumHeight(120)
    with qtbot.waitSignal(rows.looksAt) as seen:
        rows.scrollToBottom()
    assert "e1" not in seen.args[0]
    assert session.pipeline.network.end in seen.args[0]
    with qtbot.waitSignal(rows.looksAt) as seen:
        rows.scrollToTop()
    assert session.pipeline.network.end not in seen.args[0]


# -- editing inside --


def test_rows_of_branches_and_blocks_are_typed(rows, qtbot, session):
    rows.foldAsked.emit((("two",), False), True)
    for path, text in (((1, 0), "conv 9"), ((2, 0), "conv 16 k5"), (("two", 0), "conv $a")):
        rows.editPath(path)
        editor_of(rows).selectAll()
        qtbot.keyClicks(editor_of(rows), text)
        qtbot.keyClick(editor_of(rows), Qt.Key.Key_Return)
    assert "      - conv 9\n" in session.text.replace("        - conv 9", "      - conv 9")
    assert "- res: conv 16 k5\n" in session.text
    assert "two(a, b=8): conv $a\n" in session.text


def test_a_row_below_a_branch_makes_the_branch_longer(rows, qtbot, session):
    rows.setCurrent((1, 2))
    qtbot.keyClick(rows, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClicks(editor_of(rows), "conv 4")
    qtbot.keyClick(editor_of(rows), Qt.Key.Key_Return)
    assert "- - max 3 s1 p1\n          - conv 4\n" in session.text
    assert view_of(rows, (1, 2)).kind == "branch"


def test_a_structure_is_typed_row_by_row(rows, qtbot, session):
    session.set_text("input: 1x28x28\nnet:\n  - conv 4\n")
    rows.editRow(1)
    for text in ("add:", "conv 4"):
        qtbot.keyClicks(editor_of(rows), text)
        qtbot.keyClick(editor_of(rows), Qt.Key.Key_Return)
    assert lines(session) == ["conv 4", "add:", "conv 4"]
    builder_menu = row_menu(rows, 2)
    next(a for a in builder_menu.actions() if a.text() == "Add a branch").trigger()
    assert lines(session)[-1] == "conv 8 k3 relu"
    assert editor_of(rows).text() == "conv 8 k3 relu"


def test_rows_are_put_into_others_and_taken_out(builder, rows, session):
    menu = row_menu(rows, [v.path for v in rows.value()].index((3,)))
    part = next(a.menu() for a in menu.actions() if a.text() == "Put into")
    next(a for a in part.actions() if "(res)" in a.text()).trigger()
    assert "- res: two 4 x3\n" in session.text
    menu = row_menu(rows, [v.path for v in rows.value()].index((3,)))
    next(a for a in menu.actions() if a.text() == "Take its rows out").trigger()
    assert session.text == TEXT


def test_the_palette_offers_structures_blocks_and_names(builder, rows, session):
    tab = builder.layers
    rows.setCurrent((3,))
    tab.offers.aboutToShow.emit()
    menus = {action.text(): action.menu() for action in tab.offers.actions() if action.menu()}
    calls = menus["Blocks of this network"].actions()
    assert [action.text() for action in calls] == ["two(a, b=8)"]
    stacked = [action.text() for action in menus["Stack with (cat)"].actions()]
    assert [text.split("\t")[0] for text in stacked] == ["i1", "e1"]
    calls[0].trigger()
    assert lines(session)[-2] == "two 8"
    structures = {a.data(): a for a in menus["Branches and blocks"].actions()}
    rows.setCurrent((1,))
    structures["cat"].trigger()
    assert lines(session)[2:5] == ["cat:", "conv 8 k1 relu", "conv 8 k3 relu"]
    assert session.pipeline.problems == ()
    structures["block"].trigger()
    assert rows.current().path == ("block1",)
    assert [block.name for block in session.pipeline.blocks] == ["two", "block1"]


def test_a_block_is_renamed_with_its_calls(rows, qtbot, session):
    rows.editPath(("two",))
    editor_of(rows).selectAll()
    qtbot.keyClicks(editor_of(rows), "pair(a, b=8):")
    qtbot.keyClick(editor_of(rows), Qt.Key.Key_Return)
    assert "pair(a, b=8): conv" in session.text
    assert lines(session)[0] == "e1: pair 16"
    assert session.pipeline.problems == ()


def drop(rows, path, gap):
    """Drag the row at a path in front of the one at another path."""
    rows.setCurrent(path)
    at = [view.path for view in rows.value()].index(gap)
    rect = rows.visualRect(rows.model().index(at))
    where = QPointF(rect.left() + 50, rect.top() + 2)
    action, button = Qt.DropAction.MoveAction, Qt.MouseButton.LeftButton
    data = QMimeData()
    rows.dropEvent(QDropEvent(where, action, data, button, Qt.KeyboardModifier.NoModifier))


def test_rows_are_dragged_between_branches(builder, rows, session):
    builder.resize(380, 1400)
    drop(rows, (1, 0), (1, 1, 1))
    assert "- - conv 8 k1   # below\n          - conv 8 k1 relu\n" in session.text
    drop(rows, (0,), (3,))
    assert lines(session)[-3:] == ["e1: two 16", "two 4 x3", "gap fc 10"]


@pytest.mark.parametrize(
    ("path", "gap", "to"),
    [
        ((0,), 6, (1, 1)),
        ((0,), 3, None),
        ((0,), 4, None),
        ((1,), 7, None),
        ((3,), 8, (1, 1, 1)),
        ((3,), 9, (1, 1, 2)),
        ((3,), 10, (1, 3)),
    ],
)
def test_where_rows_are_dropped(path, gap, to):
    views = row_views(draft(TEXT))
    view = next(one for one in views if one.path == path)
    assert move_target(views, view, gap) == to


def test_where_a_moved_row_is_then():
    assert landing((1, 0), (1, 2)) == (1, 1)
    assert landing((0,), (1, 1, 1)) == (0, 1, 1)
    assert landing((3,), (1, 0)) == (1, 0)


# -- what is wrong, and why --


def test_a_mistake_in_a_folded_row_is_told_by_it(rows, session):
    session.set_row((1, 1, 1), "conv 16 k3 rellu")
    rows.foldAsked.emit(((1,), False), False)
    view = view_of(rows, (1,))
    assert "rellu" in view.message
    assert "conv 16 k3 rellu: " in view.message
    rows.foldAsked.emit(((1,), False), True)
    assert view_of(rows, (1,)).message == ""
    assert "rellu" in view_of(rows, (1, 1, 1)).message


def test_warnings_are_told_and_change_nothing(builder, rows, session):
    session.set_text(
        "input: 1x32x32\nnet:\n  - cat:\n      - max 2\n      - conv 4 k1 s2\n  - conv 2\n"
    )
    assert session.pipeline.problems == ()
    view = view_of(rows, (0,))
    assert "misaligned" in view.warning
    assert view.message == ""
    assert view.shape == "5 × 16 × 16"
    size = rows.itemDelegate().sizeHint
    from qtpy.QtWidgets import QStyleOptionViewItem

    option = QStyleOptionViewItem()
    heights = [size(option, rows.model().index(i)).height() for i in (0, 3)]
    assert heights[0] > heights[1]
    builder.tabs.setCurrentIndex(1)
    listed = builder.text.problems
    assert [listed.item(i).text().endswith("(a warning)") for i in range(listed.count())] == [True]
    assert builder.tabs.tabText(1) == "Text"


def test_the_form_says_why(builder, rows):
    form = builder.layers.form
    builder.layers.section.setOpen(True)
    form.why_section.setOpen(True)
    rows.setCurrent((1, 1, 1))
    text = form.why.text.text()
    assert "1,168" in text
    assert "dense layer" in text
    rows.setCurrent((2, 0))
    form.tabs.setCurrentIndex(1)
    assert form.why.value() == "res-1.bn"
    rows.setCurrent((1,))
    assert form.why.value() == "i1"
    assert "stacked" in form.help.text()


# -- forms --


def test_the_form_of_a_block_call(builder, rows, qtbot, session):
    builder.layers.section.setOpen(True)
    rows.setCurrent((0,))
    form = builder.layers.form
    assert form.help.text() == "Calls the block two(a, b=8)"
    fields = form.form.fields()
    assert {key: field.value for key, field in fields.items()} == {"$a": "16", "$b": ""}
    fields["$b"].value = "12"
    form.flush()
    assert lines(session)[0] == "e1: two 16 12"


def test_the_form_of_a_join_offers_names(builder, rows, session):
    session.insert_row((3,), "cat e1")
    rows.setCurrent((3,))
    field = builder.layers.form.form.fields()["names"]
    assert field.value == "e1"
    completer = field.native.completer()
    assert isinstance(completer, LastWordCompleter)
    assert completer.model().stringList() == ["i1", "e1"]
    completer.setWidget(field.native)
    assert completer.splitPath("e1 i") == ["i"]
    field.value = "e1 i1"
    builder.layers.form.flush()
    assert lines(session)[-3] == "cat e1 i1"


def test_parameters_of_blocks_are_shown_as_they_are(builder, rows):
    rows.foldAsked.emit((("two",), False), True)
    rows.setCurrent(("two", 0))
    assert builder.layers.form.form.fields()["main"].value == "$a"


def test_calls_of_blocks_as_values():
    blocks = {"two": ("a", "b")}
    call = RowText("two 16 b=$in/2", blocks).calls[0]
    assert isinstance(call, BlockCall)
    assert call.values == ("16", "$in/2")
    assert str(call.with_value(0, "")) == "two b=$in/2"
    assert str(BlockCall.of("two", ("a", "b"), ["1", "2", "3"])) == "two 1 2 3"


def test_words_of_the_document_are_offered():
    words = words_of(draft(TEXT))
    at = words.at((3,))
    assert [word for word, _ in words_for("tw", 2, at)] == ["two"]
    assert [word for word, _ in words_for("cat ", 4, at)] == ["i1", "e1"]
    assert next(word for word, _ in words_for("two 4 e", 7, at)) == "e1"
    assert words.at((0,)).names == ()
    inside = words.at(("two", 0))
    assert [word for word, _ in words_for("conv $", 6, inside)] == ["$a", "$b", "$in"]
    assert [word for word, _ in words_for("re", 2, at)][-1] == "res:"


def test_all_presets_are_shown_whole_and_folded():
    for one in presets():
        pipeline = draft(preset_text(one.name))
        folds = Folds()
        views = row_views(pipeline, folds)
        assert len(views) < 80, one.name
        for _ in range(3):
            folds.set_all([v.path for v in row_views(pipeline, folds) if v.open is not None], True)
        paths = [view.path for view in row_views(pipeline, folds)]
        assert len(paths) == len(set(paths)), one.name
        assert {v.layer for v in row_views(pipeline, folds) if v.kind == "layer"} <= {
            layer.name for layer in pipeline.network
        }


def test_mistakes_in_blocks_are_told_even_where_all_is_folded(rows, session):
    session.set_row(("two", 0), "conv $a rellu")
    assert "rellu" in view_of(rows, ("two",)).message
    rows.foldAsked.emit((("#blocks",), False), False)
    assert "rellu" in view_of(rows, ("#blocks",)).message
    assert view_of(rows, ("#blocks",)).text == "Blocks: two"


def test_a_blank_row_in_a_branch_keeps_the_guides(rows, qtbot):
    rows.setCurrent((1, 1, 0))
    qtbot.keyClick(rows, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert view_of(rows, (1, 1, 1)).guides == ("|", "|")


def test_large_networks_choose_the_maps_that_rows_put_out(builder, session):
    session.open_preset("densenet121")
    builder.maps_section.setOpen(True)
    chosen = builder.maps.value().layers
    assert len(chosen) <= 24
    assert "dense-6.cat" in chosen


@pytest.mark.parametrize("unfolded", [False, True])
@pytest.mark.parametrize("above", [False, True])
def test_a_row_is_inserted_where_it_was_typed(rows, qtbot, session, unfolded, above):
    rows.foldAsked.emit((("#blocks",), True), unfolded)
    for path in ((0,), (1,), (2,), (3,)):
        rows.foldAsked.emit((path, True), unfolded)
    rows.foldAsked.emit((("#blocks",), False), True)
    views = [view for view in rows.value() if view.movable]
    for view in views:
        at = [one.path for one in rows.value()].index(view.path)
        editor = rows.insertAbove(at) if above else rows.insertBelow(at)
        row = rows.currentIndex().row()
        qtbot.keyClicks(editor, "drop .3")
        qtbot.keyClick(editor, Qt.Key.Key_Return)
        # Where a branch of one line becomes a list, its head comes above the row, and the layers
        # of the line are folded.
        near = [one.text for one in rows.value()[row - 2 : row + 2]]
        assert "drop .3" in near, (view.path, session.text)
        qtbot.keyClick(editor_of(rows), Qt.Key.Key_Escape)
        session.undo()
        assert session.text == TEXT


@pytest.mark.parametrize("seed", range(8))
def test_whatever_is_clicked_and_typed_the_list_shows_the_document(builder, rows, qtbot, seed):
    session, chance = builder.session, Random(seed)
    keys = [Qt.Key.Key_Return, Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down]
    modifiers = [Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier, ALT]
    for _ in range(60):
        views = rows.value()
        view = chance.choice(views)
        act = chance.randrange(8)
        if act == 0:
            rows.setCurrent(view.path)
            qtbot.keyClick(rows, chance.choice(keys), chance.choice(modifiers))
        elif act == 1 and editor_of(rows) is not None:
            qtbot.keyClicks(
                editor_of(rows), chance.choice(["relu", "conv 8", "res:", "two 4", " "])
            )
            qtbot.keyClick(editor_of(rows), chance.choice(keys))
        elif act == 2:
            rows.foldRow(view, not view.open, chance.random() < 0.3)
        elif act == 3 and view.movable:
            rows.setCurrent(view.path)  # ends typing, after which rows may have others' paths
            drop(rows, rows.current().path, chance.choice(rows.value()).path)
        elif act == 4 and not view.blank and view.kind != "title":
            menu = row_menu(rows, views.index(view))
            plain = [a for a in menu.actions() if not a.menu() and "What does" not in a.text()]
            chance.choice([a for a in plain if not a.isSeparator()]).trigger()
        elif act == 5:
            session.undo() if chance.random() < 0.7 else session.redo()
        elif act == 6 and view.movable:
            builder._change_structure(
                "wrap", view.path, chance.choice(["res", "cat", "x2", "side"])
            )
        elif act == 7:
            rows.setCurrent(view.path)
            builder.layers.insert(chance.choice(["relu", "conv 8 k3", "two 8", "cat e1"]))
        said = [one for one in rows.value() if not one.blank]
        meant = [one for one in row_views(session.pipeline, builder.layers._folds) if not one.blank]
        assert said == meant
        assert sum(1 for one in rows.value() if one.blank) <= 2


def test_what_took_too_long_is_asked_for_again_until_that_does_not_help(session, workers, viewer):
    viewer.add_image(np.zeros((28, 28)))
    session.open_preset("lenet")
    session.look_at(("c1", "s2", "c3"))
    done, eye = [], workers[0]
    session.previews_done.connect(lambda: done.append(True))
    for late in (("s2", "c3"), ("c3",), ("c3",)):
        asked = len(eye.jobs)
        for name in late:
            session._preview_arrived(
                SimpleNamespace(
                    layer=name, thumbnail=None, limits=(0, 1), dead=0, error="", late=True
                )
            )
        session._previews_finished()
    assert done == [True]
    assert len(eye.jobs) == asked
