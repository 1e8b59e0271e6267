"""Label values become class numbers; files are dealt out to the parts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_convnet.data import IGNORED
from napari_convnet.data.label_checks import class_names, class_numbers
from napari_convnet.data.splitting import split_files
from napari_convnet.network import UserError

TYPES = ["bool", "uint8", "int8", "uint16", "int16", "int32", "int64", "float32", "float64"]


@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=60),
    st.sampled_from(TYPES),
    st.sampled_from([None, 0, 7, 100_000]),
    st.booleans(),
)
def test_class_numbers(values, kind, unlabelled, known):
    labels = np.array(values).astype(kind)
    found = class_numbers(labels, unlabelled, 10 if known else None, "labels.nii")
    assert found.dtype == np.int8
    for label, number in zip(labels.astype(int).tolist(), found.tolist(), strict=True):
        if label == unlabelled:
            assert number == IGNORED
        else:
            assert number == label - (unlabelled == 0)


def test_what_is_not_labelled_may_be_any_value():
    for value, kind in ((255, np.uint8), (-1024, np.int16), (65535, np.uint16), (1e30, np.float32)):
        labels = np.array([0, 1, value, 2], kind)
        found = class_numbers(labels, int(labels[2]), 3, "labels.nii")
        assert found.tolist() == [0, 1, IGNORED, 2]


def test_many_classes_take_larger_numbers():
    labels = np.arange(1, 301, dtype=np.uint16)
    found = class_numbers(labels, 0, 300, "labels.nii")
    assert found.dtype == np.int16
    np.testing.assert_array_equal(found, np.arange(300))
    edge = class_numbers(np.array([0, 128], np.uint8), 0, None, "labels.nii")
    assert edge.tolist() == [IGNORED, 127]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0.0, np.inf], "labels.nii holds 1 values that are no whole numbers, such as inf"),
        ([0, 10**9], "labels.nii has values outside the 3 classes (0 to 2): 1e+09 (1 voxel);"),
        (np.array(["a"]), "labels.nii holds <U1 values; save them as whole numbers from 0"),
    ],
)
def test_values_without_a_class(labels, message):
    with pytest.raises(UserError) as caught:
        class_numbers(np.asarray(labels), None, 3, "labels.nii")
    assert str(caught.value).startswith(message)


def test_classes_bear_the_names_of_the_document_or_of_the_file_or_numbers():
    named = {0: "air", 1: "bone", 3: "liver"}
    assert class_names(["a", "b"], named, 3) == ("a", "b")
    assert class_names((), named, 3) == ("air", "bone", "2", "liver")
    assert class_names((), named, 2, shift=1) == ("bone", "2", "liver")


@given(st.integers(0, 60), st.sampled_from([(70, 15, 15), (80, 20), (1, 0, 0)]), st.integers())
def test_files_are_dealt_out(count, shares, seed):
    found = split_files(count, shares, seed)
    parts = sum(share > 0 for share in shares)
    if count < parts:
        assert found is None
        return
    each = [found.train, found.validation, found.test]
    assert sorted(np.concatenate(each).tolist()) == list(range(count))
    assert sum(len(part) > 0 for part in each) == parts
    again = split_files(count, shares, seed)
    np.testing.assert_array_equal(found.train, again.train)
