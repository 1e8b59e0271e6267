"""The Builder dock, used by hand: rows, text, form, presets, files, undo."""

from types import SimpleNamespace

import numpy as np
import pytest
from napari.layers import Image
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QApplication, QFileDialog, QMessageBox

from napari_convnet.document import presets
from napari_convnet.network import Problem
from napari_convnet.widgets import Builder
from napari_convnet.widgets.maps_box import MapsChoice
from napari_convnet.widgets.row_editor import RowEditor

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def builder(dock, session):
    session.open_preset("lenet")
    return dock(Builder)


def texts(builder):
    return [view.text for view in builder.layers.rows.value()]


def lines(session):
    return [row.text for row in session.pipeline.rows]


def editor_of(builder):
    rows = builder.layers.rows
    editor = rows.indexWidget(rows.currentIndex())
    return editor if isinstance(editor, RowEditor) else None


def type_row(builder, qtbot, row, text, key=Qt.Key.Key_Return, modifier=None):
    editor = builder.layers.rows.editRow(row)
    editor.selectAll()
    qtbot.keyClicks(editor, text)
    qtbot.keyClick(editor, key, modifier or Qt.KeyboardModifier.NoModifier)


# -- rows --


def test_rows_are_those_of_the_document(builder, session):
    assert texts(builder) == [*lines(session), ""]
    assert "61,706 parameters" in builder.layers.totals.text().replace("\u00a0", " ")
    assert builder.input.text() == "1x28x28"


def test_typing_in_a_row_edits_the_document(builder, qtbot, session):
    type_row(builder, qtbot, 0, "c1: conv 8 k3 relu")
    assert lines(session)[0] == "c1: conv 8 k3 relu"
    assert "# six 5x5 kernels" in session.text  # comments stay
    assert builder.layers.rows.value()[0].parameters == "80"


def test_return_goes_on_to_the_next_row(builder, qtbot):
    type_row(builder, qtbot, 0, "c1: conv 8 k3 relu")
    assert builder.layers.rows.currentIndex().row() == 1
    assert editor_of(builder).text() == "s2: max 2"


def test_a_network_is_typed_row_after_row(builder, qtbot, session):
    session.set_text("input: 1x28x28\nnet: []\n")
    assert texts(builder) == [""]
    rows = builder.layers.rows
    rows.editRow(0)
    for text in ("conv 4 k3 relu", "max 2", "gap", "fc 10"):
        qtbot.keyClicks(editor_of(builder), text)
        qtbot.keyClick(editor_of(builder), Qt.Key.Key_Return)
    assert lines(session) == ["conv 4 k3 relu", "max 2", "gap", "fc 10"]
    assert not session.pipeline.problems


def test_control_return_opens_a_row_below(builder, qtbot, session):
    control = Qt.KeyboardModifier.ControlModifier
    type_row(builder, qtbot, 1, "s2: max 2", Qt.Key.Key_Return, control)
    assert texts(builder)[2] == ""
    assert len(lines(session)) == 8  # nothing is written before something is typed
    qtbot.keyClicks(editor_of(builder), "drop .2")
    qtbot.keyClick(editor_of(builder), Qt.Key.Key_Return)
    assert lines(session)[1:4] == ["s2: max 2", "drop .2", "c3: conv 16 k5 valid relu"]


def test_a_blank_row_that_stays_blank_goes(builder, qtbot):
    builder.layers.rows.insertBelow(1)
    assert texts(builder)[2] == ""
    qtbot.keyClick(editor_of(builder), Qt.Key.Key_Escape)
    assert len(texts(builder)) == 9


def test_delete_in_an_empty_row_deletes_it(builder, qtbot, session):
    editor = builder.layers.rows.editRow(4)
    editor.selectAll()
    qtbot.keyClick(editor, Qt.Key.Key_Delete)
    assert "flatten" in lines(session)
    qtbot.keyClick(editor, Qt.Key.Key_Delete)
    assert "flatten" not in lines(session)
    assert builder.layers.rows.currentIndex().row() == 3


@pytest.mark.parametrize("editing", [False, True])
def test_alt_arrows_move_a_row(builder, qtbot, session, editing):
    rows = builder.layers.rows
    rows.setCurrent((3,))
    target = rows.editRow(3) if editing else rows
    qtbot.keyClick(target, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    assert lines(session)[2] == "s4: max 2"
    assert rows.current().text == "s4: max 2"
    qtbot.keyClick(rows, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    assert lines(session)[3] == "s4: max 2"


def test_a_row_is_dragged(builder, session):
    rows = builder.layers.rows
    rows.setCurrent((0,))
    bottom = rows.visualRect(rows.model().index(2)).bottom() - 3
    drop = SimpleNamespace(
        position=lambda: SimpleNamespace(toPoint=lambda: QPoint(50, bottom)),
        setDropAction=lambda action: None,
        accept=lambda: None,
    )
    rows.dropEvent(drop)
    assert lines(session)[2] == "c1: conv 6 k5 relu"
    assert rows.current().path == (2,)


def test_escape_gives_up_what_was_typed(builder, qtbot, session):
    editor = builder.layers.rows.editRow(0)
    qtbot.keyClicks(editor, " gelu")
    qtbot.keyClick(editor, Qt.Key.Key_Escape)
    if editor_of(builder) is not None:  # the first one closed the list of words
        qtbot.keyClick(editor_of(builder), Qt.Key.Key_Escape)
    assert not session.modified


def test_a_wrong_row_turns_red_and_says_why(builder, qtbot):
    type_row(builder, qtbot, 2, "c3: conv 16 k5 rellu")
    wrong = builder.layers.rows.value()[2]
    assert wrong.message == 'unknown op "rellu"; did you mean relu?'
    assert builder.layers.rows.value()[3].dimmed
    assert builder.layers.rows.value()[1].shape == "6 × 14 × 14"
    assert builder.tabs.tabText(1) == "Text (1 wrong)"
    assert not builder.predict_button.isEnabled()


def test_a_long_message_makes_its_row_higher(builder, session):
    rows = builder.layers.rows
    session.set_row((0,), "c1: conv 6 9x9x9 k5 relu")
    option = rows.itemDelegate().sizeHint(_option(rows), rows.model().index(0))
    other = rows.itemDelegate().sizeHint(_option(rows), rows.model().index(1))
    assert option.height() >= other.height()


def _option(rows):
    from qtpy.QtWidgets import QStyleOptionViewItem

    option = QStyleOptionViewItem()
    option.font = rows.font()
    return option


def test_words_are_offered_while_typing(builder, qtbot):
    editor = builder.layers.rows.editRow(8)
    qtbot.keyClicks(editor, "conv 8 sa")
    assert editor.offered() == ["same"]
    qtbot.keyClick(editor, Qt.Key.Key_Tab)
    assert editor.text() == "conv 8 same "


def test_an_offered_word_is_taken_with_the_arrow_and_return(builder, qtbot, session):
    editor = builder.layers.rows.editRow(8)
    qtbot.keyClicks(editor, "sof")
    popup = QApplication.activePopupWidget()
    qtbot.keyClick(popup, Qt.Key.Key_Down)
    qtbot.keyClick(popup, Qt.Key.Key_Return)
    assert editor_of(builder).text() == "softmax "
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    assert lines(session)[-1] == "softmax"


def test_an_open_editor_survives_pictures_and_edits_elsewhere(builder, qtbot, session, say_preview):
    editor = builder.layers.rows.editRow(2)
    editor.setCursorPosition(8)
    qtbot.keyClicks(editor, "1")
    say_preview("c1")
    session.set_row((0,), "c1: conv 7 k5 relu")
    session.insert_row((0,), "bn")
    assert editor_of(builder) is editor
    assert editor.text() == "c3: conv1 16 k5 valid relu"
    assert editor.cursorPosition() == 9


def test_a_click_on_the_text_edits_it(builder, qtbot):
    rows = builder.layers.rows
    rect = rows.visualRect(rows.model().index(1))
    qtbot.mouseClick(rows.viewport(), LEFT, pos=rect.topLeft() + QPoint(100, 12))
    assert editor_of(builder).text() == "s2: max 2"


def test_context_menu_and_palette_insert(builder, session):
    from napari_convnet.widgets.row_menu import row_menu

    menu = row_menu(builder.layers.rows, 0)
    titles = [action.text().partition("\t")[0] for action in menu.actions()]
    assert titles[:4] == ["Insert above", "Insert below", "Duplicate", "Move up"]
    assert titles[-2:] == ["What does conv do?", "What does relu do?"]
    menu.actions()[2].trigger()
    assert lines(session)[1] == "conv 6 k5 relu"
    families = builder.layers.palette_button.menu().actions()
    assert [a.text() for a in families][:2] == ["Convolution", "Dense"]
    builder.selectRow((0,))
    titles = [a.text() for a in families]
    assert len(set(titles)) == len(titles)
    pick = next(a for f in families for a in f.menu().actions() if a.data() == "up")
    assert "Enlarges" in pick.toolTip()
    pick.trigger()
    assert lines(session)[1] == "up 2 linear"


# -- pictures --


def test_pictures_arrive_row_by_row(builder, say_preview):
    model = builder.layers.rows.model()
    assert model.picture(0) is None
    say_preview("c1", dead=2)
    say_preview("s2", error="out of memory")
    assert model.picture(0).pixmap.width() == 8
    assert "2 maps dead" in model.data(model.index(0), Qt.ItemDataRole.ToolTipRole)
    assert "out of memory" in model.data(model.index(1), Qt.ItemDataRole.ToolTipRole)


def test_a_new_row_above_leaves_the_pictures_below(builder, session, say_preview):
    say_preview("s4")
    session.insert_row((0,), "bn")
    assert builder.layers.rows.model().picture(4) is not None
    assert builder.layers.rows.model().picture(3) is None


def test_a_click_on_a_picture_shows_its_maps(builder, qtbot, session, say_preview, monkeypatch):
    asked = []
    monkeypatch.setattr(session, "show", lambda names, **more: asked.append(tuple(names)))
    rows = builder.layers.rows
    place = rows.visualRect(rows.model().index(1)).topLeft() + QPoint(30, 30)
    monkeypatch.setattr(session, "request_previews", lambda: asked.append("previews"))
    qtbot.mouseClick(rows.viewport(), LEFT, pos=place)
    say_preview("s2")
    qtbot.mouseClick(rows.viewport(), LEFT, pos=place)
    assert asked == ["previews", ("s2",)]


# -- form --


def test_the_form_edits_the_row(builder, qtbot, session):
    builder.layers.section.setOpen(True)
    builder.selectRow((0,))
    form = builder.layers.form
    assert [form.tabs.tabText(i) for i in range(2)] == ["conv", "relu"]
    form.form.fields()["main"].value = 12
    form.form.fields()["k"].value = "3"
    form.form.fields()["padding kind"].value = "valid"
    assert lines(session)[0] == "c1: conv 6 k5 relu"  # told when the person has stopped
    qtbot.waitUntil(lambda: lines(session)[0] == "c1: conv 12 k3 valid relu")
    session.undo()
    assert lines(session)[0] == "c1: conv 6 k5 relu"
    assert form.form.fields()["main"].value == 6


def test_a_change_in_the_form_is_not_lost_by_choosing_another_row(builder, session):
    builder.selectRow((0,))
    builder.layers.form.form.fields()["main"].value = 9
    builder.selectRow((1,))
    assert lines(session)[0] == "c1: conv 9 k5 relu"
    assert lines(session)[1] == "s2: max 2"


# -- text --


def test_text_follows_the_rows(builder, session):
    session.set_row((1,), "s2: avg 2")
    assert builder.text.value() == session.text


def test_rows_follow_the_text(builder, qtbot, session):
    builder.tabs.setCurrentIndex(1)
    editor = builder.text.editor
    with qtbot.waitSignal(session.document_changed, raising=False, timeout=10) as early:
        editor.setPlainText(session.text.replace("max 2", "avg 2"))
    assert not early.signal_triggered
    qtbot.waitUntil(lambda: texts(builder)[1] == "s2: avg 2")
    assert lines(session)[1] == "s2: avg 2"
    session.undo()
    assert "avg" not in editor.value()


def test_the_cursor_stays_when_rows_change(builder, session):
    editor = builder.text.editor
    cursor = editor.textCursor()
    cursor.setPosition(session.text.index("train:"))
    editor.setTextCursor(cursor)
    session.set_row((0,), "c1: conv 16 k5 gelu")
    assert editor.textCursor().position() == session.text.index("train:")


def test_no_echo_between_text_and_rows(builder, qtbot, session):
    said = []
    session.document_changed.connect(said.append)
    builder.text.editor.setPlainText(session.text + "# a remark\n")
    qtbot.wait(450)
    assert len(said) == 1


def test_typed_text_is_not_lost_by_going_to_the_rows(builder, session):
    builder.tabs.setCurrentIndex(1)
    builder.text.editor.setPlainText(session.text.replace("fc 10", "fc 7"))
    builder.tabs.setCurrentIndex(0)
    assert lines(session)[-1] == "out: fc 7"


def test_undo_in_the_text_is_the_sessions(builder, qtbot, session):
    builder.tabs.setCurrentIndex(1)
    session.set_row((1,), "s2: avg 2")
    qtbot.keyClick(builder.text.editor, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert lines(session)[1] == "s2: max 2"


def test_problems_are_listed_and_lead_to_their_place(builder, session):
    session.set_row((2,), "c3: conv 16 k5 rellu")
    builder.tabs.setCurrentIndex(1)
    listed = builder.text.problems
    assert listed.count() == 1
    assert "line 11" in listed.item(0).text()
    listed.itemClicked.emit(listed.item(0))
    cursor = builder.text.editor.textCursor()
    assert cursor.blockNumber() == 10
    assert session.text[cursor.position() :].startswith("rellu")
    marks = builder.text.editor.extraSelections()
    assert [mark.cursor.selectedText() for mark in marks] == ["rellu"]


def test_a_problem_without_a_place_is_listed(builder):
    builder.text.setProblems((Problem("the document is empty"),))
    listed = builder.text.problems
    listed.itemClicked.emit(listed.item(0))
    assert listed.item(0).text() == "the document is empty"


# -- document --


def test_presets_are_listed_and_open(builder, session):
    families = builder.presets_button.menu().actions()
    assert [a.text() for a in families] == list(dict.fromkeys(one.family for one in presets()))
    actions = [action for family in families for action in family.menu().actions()]
    assert [a.text() for a in actions] == [one.title for one in presets()]
    next(a for a in actions if a.data() == "lenet5").trigger()
    assert "C1" in session.text or "c1" in session.text
    assert session.pipeline.input == (1, 32, 32)
    assert builder.input.text() == "1x32x32"


def test_undo_and_redo(builder, qtbot, session):
    assert not builder.action("undo").isEnabled()
    session.set_row((1,), "s2: avg 2")
    assert builder.action("undo").isEnabled()
    assert "edit s2" in builder.action("undo").toolTip()
    builder.action("undo").trigger()
    assert lines(session)[1] == "s2: max 2"
    assert builder.action("redo").isEnabled()
    builder.action("redo").trigger()
    assert lines(session)[1] == "s2: avg 2"


def test_shortcuts_hold_inside_the_dock(builder, qtbot, session):
    session.set_row((1,), "s2: avg 2")
    control = Qt.KeyboardModifier.ControlModifier
    editor = builder.layers.rows.editRow(0)
    qtbot.keyClick(editor, Qt.Key.Key_Z, control)
    assert lines(session)[1] == "s2: max 2"
    qtbot.keyClick(builder.layers.rows, Qt.Key.Key_Y, control)
    assert lines(session)[1] == "s2: avg 2"


def test_save_and_the_mark_of_what_is_not_saved(builder, session, monkeypatch, tmp_path):
    assert "●" not in builder.title.text()
    session.set_row((1,), "s2: avg 2")
    assert "●" in builder.title.text()
    file = tmp_path / "net"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a: (str(file), ""))
    builder.action("save").trigger()
    saved = tmp_path / "net.yaml"
    assert saved.read_text(encoding="utf-8") == session.text
    assert builder.title.text().endswith("net.yaml")
    assert "●" not in builder.title.text()
    session.set_row((1,), "s2: max 2")
    builder.action("save").trigger()
    assert saved.read_text(encoding="utf-8") == session.text


def test_saving_takes_what_is_being_typed(builder, qtbot, session, tmp_path):
    session.save(tmp_path / "net.yaml")
    editor = builder.layers.rows.editRow(1)
    editor.selectAll()
    qtbot.keyClicks(editor, "s2: avg 3")
    builder.action("save").trigger()
    assert "avg 3" in (tmp_path / "net.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("answer", "kept"),
    [("Cancel", True), ("Discard", False)],
)
def test_unsaved_changes_are_asked_about(builder, session, monkeypatch, answer, kept):
    session.set_row((1,), "s2: avg 2")
    chosen = getattr(QMessageBox.StandardButton, answer)
    monkeypatch.setattr(QMessageBox, "question", lambda *a: chosen)
    builder.action("new").trigger()
    assert ("avg 2" in session.text) == kept


def test_open_and_what_cannot_be_opened(builder, session, monkeypatch, tmp_path):
    file = tmp_path / "small.yaml"
    file.write_text("input: 1x8x8\nnet:\n  - conv 2\n", encoding="utf-8")
    names = iter([str(file), str(tmp_path / "none.yaml")])
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a: (next(names), ""))
    builder.action("open").trigger()
    assert session.path == file
    builder.action("open").trigger()
    assert session.path == file
    assert "there is no file" in builder.message.value()[1]
    assert builder.message.isVisible()


def test_what_the_session_refuses_is_told(builder, session):
    session.set_text("input: 1x8x8\nnet:\n  - x2:\n    - conv 4\n")
    type_path = builder.layers.rows.value()[0].path
    builder.layers.rowEdited.emit(type_path, "conv 3 k3")
    assert "group" in builder.message.value()[1]


def test_the_input_is_edited(builder, qtbot, session):
    builder.input.selectAll()
    qtbot.keyClicks(builder.input, "3x32x32")
    qtbot.keyClick(builder.input, Qt.Key.Key_Return)
    assert session.pipeline.input == (3, 32, 32)
    session.undo()
    assert builder.input.text() == "1x28x28"


# -- image, maps, prediction --


def test_the_image_is_chosen_or_followed(builder, viewer, session):
    a = viewer.add_layer(Image(np.zeros((28, 28)), name="a"))
    b = viewer.add_layer(Image(np.zeros((28, 28)), name="b"))
    combo = builder.image
    assert [combo.itemText(i) for i in range(combo.count())] == ["Selected: b", "a", "b"]
    combo.setCurrentIndex(1)
    combo.activated.emit(1)
    assert session.input_layer is a
    assert combo.value() is a
    viewer.layers.remove(a)
    assert session.input_layer is b
    b.name = "bee"
    assert combo.itemText(0) == "Selected: bee"


def test_maps_are_chosen_and_asked_for(builder, qtbot, session, monkeypatch):
    asked = []
    monkeypatch.setattr(session, "show", lambda names, montage=None: asked.append((names, montage)))
    builder.maps_section.setOpen(True)
    maps = builder.maps
    assert maps.value() == MapsChoice(("c1", "s2", "c3", "s4"))
    maps.setValue(MapsChoice(("c1",), montage=True))
    qtbot.mouseClick(maps.show_button, LEFT)
    assert asked == [(("c1",), True)]
    maps.setValue(MapsChoice())
    qtbot.mouseClick(maps.show_button, LEFT)
    assert len(asked) == 1
    assert "no layer is chosen" in builder.message.value()[1]


def test_chosen_maps_stay_chosen_when_rows_are_edited(builder, session):
    builder.maps.setValue(MapsChoice(("c3",)))
    session.insert_row((1,), "bn")
    assert builder.maps.value() == MapsChoice(("c3",))
    session.set_value("show", "[s2]")
    assert builder.maps.value() == MapsChoice(("s2",))


def test_which_map_is_asked_for(builder, session, monkeypatch):
    asked = []
    monkeypatch.setattr(session, "set_feature", asked.append)
    builder.maps.featureChanged.connect(session.set_feature)
    builder.maps_section.setOpen(True)
    assert builder.maps.spin.maximum() == 15
    builder.maps.spin.setValue(5)
    assert asked == [5]
    assert builder.maps.slider.value() == 5


def test_the_map_that_naparis_slider_stands_at(builder, viewer):
    viewer.add_image(np.zeros((16, 28, 28)), axis_labels=("feature", "y", "x"))
    viewer.dims.axis_labels = ("feature", "y", "x")
    viewer.dims.set_point(0, 7)
    assert builder.maps.feature() == 7


def test_the_prediction_is_shown_as_bars(builder, session):
    session.prediction_changed.emit(
        SimpleNamespace(classes=("cat", "dog"), probabilities=(0.25, 0.75))
    )
    assert builder.prediction.accessibleDescription() == "dog: 75.0 %, cat: 25.0 %"
    session.input_changed.emit(None)
    assert builder.prediction.value() is None


def test_messages_of_the_session_are_shown(builder, session):
    session.say("error", "the worker was killed")
    assert builder.message.value() == ("error", "the worker was killed")
    builder.message.close_button.click()
    assert not builder.message.isVisible()


# -- many rows --


def test_an_edit_among_a_thousand_rows_redraws_one(builder, session):
    from napari_convnet.widgets.row_tree import row_views

    session.set_text("input: 1x8x8\nnet:\n" + "  - conv 2 k3\n" * 1000)
    views = row_views(session.pipeline)
    changed = (*views[:500], views[2], *views[501:])
    model, drawn = builder.layers.rows.model(), []
    model.dataChanged.connect(lambda first, last, *_: drawn.append((first.row(), last.row())))
    builder.layers.rows.setValue(changed)
    assert drawn == [(500, 500)]
