"""Another task, other data: the keys that belong together change together."""

import pytest

from napari_convnet.document import draft, edit

TEXT = """input: 1x28x28
data:
  source: digits  # shipped
  normalize: minmax
net:
  - out: conv 10 k1
train:
  loss: half-squares  # as LeCun did
  epochs: 3
"""


def test_other_data_take_the_old_ones_place():
    text = edit.set_files(TEXT, "scans/*_ct.nii.gz", "scans/*_seg.nii.gz", unlabelled="0")
    data = draft(text).data
    assert (data.source, data.images, data.labels) == (
        "",
        "scans/*_ct.nii.gz",
        "scans/*_seg.nii.gz",
    )
    assert (data.unlabelled, data.normalize.word) == (0, "minmax")
    data = draft(edit.set_source(text, "digits")).data
    assert (data.source, data.images, data.labels, data.unlabelled) == ("digits", "", "", None)


@pytest.mark.parametrize(
    ("task", "loss"),
    [
        ("segment", ("dice", "cross-entropy")),
        ("regress", ("half-squares",)),
        ("classify", ("half-squares",)),
    ],
)
def test_a_loss_stays_where_it_suits_the_task(task, loss):
    text = edit.set_task(TEXT, task)
    assert (draft(text).train.task, draft(text).train.loss) == (task, loss)
    assert not [p for p in draft(text).problems if "loss" in str(p)]
    assert ("as LeCun did" in text) == ("half-squares" in loss)


def test_what_is_said_of_files_goes_with_them():
    text = edit.set_files(TEXT, "scans/*.nii", accept="uneven", rate="8000")
    assert (draft(text).data.accept, draft(text).data.rate) == (("uneven",), 8000)
    data = draft(edit.set_source(text, "digits")).data
    assert (data.accept, data.rate) == ((), None)


def test_a_sample_brings_its_task():
    text = edit.set_source(TEXT, "head")
    assert draft(text).train.task == "segment"
    assert draft(edit.set_source(text, "digits")).train.task == "classify"
