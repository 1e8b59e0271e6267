"""Undo is the history of the document's texts."""

from napari_convnet.viewer.history import History


def test_undo_and_redo_walk_the_texts():
    history = History("a")
    history.push("b", "edit x")
    history.push("c", "edit y")
    assert history.undo() == "b"
    assert history.undo_label == "edit x"
    assert history.redo_label == "edit y"
    assert history.undo() == "a"
    assert history.undo() == "a"
    assert history.redo() == "b"
    history.push("d", "edit z")
    assert history.redo_label == ""
    assert history.redo() == "d"


def test_modified_is_a_matter_of_the_text_not_of_the_steps():
    history = History("a")
    history.push("b", "edit")
    assert history.modified
    history.undo()
    assert not history.modified
    history.redo()
    history.mark_saved()
    assert not history.modified
    history.undo()
    assert history.modified
