"""Metrics against their definitions, counted voxel by voxel."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_convnet.training import Segmentation, metrics
from napari_convnet.training.metrics import Errors, per_class
from napari_convnet.training.results import Evaluation, RegressionEvaluation

CLASSES = 4


def two_label_images(seed):
    """Labels and what they were taken for; not every class is in them, some are not labelled."""
    rng = np.random.default_rng(seed)
    present = rng.choice(CLASSES, rng.integers(1, CLASSES + 1), replace=False)
    right = rng.choice(present, (5, 6, 7))
    found = np.where(rng.random(right.shape) < 0.6, right, rng.integers(0, CLASSES, right.shape))
    right[rng.random(right.shape) < 0.2] = -1
    return right, found


def or_nan(part, whole):
    return part / whole if whole else math.nan


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_metrics_are_what_they_are_defined_as(seed):
    right, found = two_label_images(seed)
    counts = metrics.confusion(right, found, CLASSES)
    known = right >= 0
    right, found = right[known], found[known]
    assert metrics.accuracy(counts) == pytest.approx((right == found).mean())
    dices = []
    for label in range(CLASSES):
        is_, told = right == label, found == label
        both, either = (is_ & told).sum(), (is_ | told).sum()
        dices.append(or_nan(2 * both, is_.sum() + told.sum()))
        expected = {
            metrics.dice: dices[-1],
            metrics.iou: or_nan(both, either),
            metrics.recall: or_nan(both, is_.sum()),
            metrics.precision: or_nan(both, told.sum()),
            metrics.rightness: (is_ == told).mean(),
        }
        for measure, value in expected.items():
            assert measure(counts)[label] == pytest.approx(value, nan_ok=True), measure.__name__
    present = [label for label in range(1, CLASSES) if (right == label).any()]
    mean = np.mean([dices[label] for label in present]) if present else math.nan
    assert metrics.mean_dice(counts) == pytest.approx(mean, nan_ok=True)


def test_a_class_that_is_found_but_not_there_does_not_enter_the_mean():
    counts = metrics.confusion([0, 0, 1], [0, 2, 1], 3)
    assert metrics.dice(counts).tolist() == [pytest.approx(2 / 3), 1.0, 0.0]
    assert metrics.mean_dice(counts) == 1.0


def test_class_0_enters_the_mean_where_it_was_painted():
    counts = metrics.confusion([0, 0, 1], [0, 2, 1], 3)
    assert metrics.mean_dice(counts, metrics.foreground_of(0)) == pytest.approx(5 / 6)
    assert metrics.mean_dice(counts, metrics.foreground_of(255)) == 1.0
    found = Evaluation(2 / 3, 0.5, counts, ("a", "b", "c"), unit="voxels", foreground=0)
    assert found.as_dict()["mean_dice"] == pytest.approx(5 / 6)


def test_pieces_make_the_confusion_of_the_whole():
    right, found = two_label_images(3)
    parts = [metrics.confusion(right[:, i], found[:, i], CLASSES) for i in range(right.shape[1])]
    assert np.array_equal(sum(parts), metrics.confusion(right, found, CLASSES))


def test_errors_of_values():
    wanted, found = np.array([0.0, 1.0, 2.0, 5.0]), np.array([0.5, 1.0, 3.0, 5.0])
    off = found - wanted
    pieces = [
        Errors(2, (off[i] ** 2).sum(), abs(off[i]).sum(), wanted[i].min(), wanted[i].max())
        for i in (slice(2), slice(2, 4))
    ]
    whole = pieces[0] + pieces[1]
    assert (whole.mse, whole.mae) == ((off**2).mean(), abs(off).mean())
    assert whole.psnr == pytest.approx(20 * np.log10(5 / np.sqrt((off**2).mean())))
    assert Errors(2, 0.0, 0.0, 0.0, 1.0).psnr == math.inf
    assert [math.isnan(value) for value in (Errors().mse, Errors().psnr)] == [True, True]


# -- as they are told --


def test_a_segmentation_is_told_in_a_table():
    counts = metrics.confusion([0, 0, 0, 1, 1, -1], [0, 0, 1, 1, 1, 0], 3)
    found = Evaluation(
        0.8,
        0.5,
        counts,
        ("other", "grey", "white"),
        "test",
        unit="voxels",
        millilitres=2.0 * counts,
    )
    assert str(found).splitlines() == [
        "mean Dice 0.8000, accuracy 80.00%, loss 0.5000, 5 voxels of the test part",
        "class    Dice     IoU  precision  recall  accuracy  voxels  ml labelled  ml predicted",
        "other  0.8000  0.6667     100.0%   66.7%     80.0%       3          6.0           4.0",
        "grey   0.8000  0.6667      66.7%  100.0%     80.0%       2          4.0           6.0",
        "white       -       -          -       -    100.0%       0          0.0           0.0",
        "-: nothing to measure, of what is not there or was not found",
    ]
    told = found.as_dict()
    assert told["volumes_ml"] == {"labelled": [6.0, 4.0, 0.0], "predicted": [4.0, 6.0, 0.0]}
    assert (told["mean_dice"], told["dice"], told["iou"][2]) == (0.8, [0.8, 0.8, None], None)


def test_where_there_is_nothing_to_measure_words_say_so():
    names = ("air", "bone")
    found = Evaluation(0.5, 0.7, np.array([[5, 5], [0, 0]]), names, unit="voxels")
    assert str(found).startswith("no mean Dice (nothing but air is labelled), accuracy 50.00%")
    place = {"units": ("mm",) * 3, "axes": ("z", "y", "x"), "affine": np.eye(4)}
    labels, none = np.zeros((1, 1, 2), np.uint8), np.zeros((2, 2), np.int64)
    empty = Segmentation(labels, classes=names, voxels=labels[0, 0], confusion=none, **place)
    assert str(empty).endswith("\nno mean Dice (nothing is labelled)")
    painted = replace(empty, confusion=np.array([[0, 0], [0, 2]]), first=1)
    assert str(painted).endswith("\nmean Dice 1.0000")
    assert "nan" not in f"{found}{empty}{painted}"


def test_a_regression_is_told_in_a_line():
    found = RegressionEvaluation(0.25, 0.5, 6.0206, 0.25, 1000, "test", trained=False)
    assert str(found).splitlines() == [
        "mse 0.25, mean absolute error 0.5, PSNR 6.02 dB, loss 0.25, 1,000 values of the test part",
        "these weights are random: train the network first",
    ]
    assert found.as_dict()["psnr"] == 6.0206


def test_measures_of_each_class_by_name():
    counts = np.array([[90, 10], [0, 0]])
    found = per_class(("air", "bone"), counts, counts / 2)
    assert found["air"] == {
        "Dice": pytest.approx(180 / 190),
        "IoU": 0.9,
        "precision": 1.0,
        "recall": 0.9,
        "ml": 50.0,
        "ml predicted": 45.0,
    }
    assert (found["bone"]["recall"], found["bone"]["Dice"]) == (None, 0.0)


def test_images_as_a_whole_have_no_mean_dice():
    found = Evaluation(0.5, 0.7, np.array([[0, 5], [0, 5]]), ("a", "b"))
    assert math.isnan(found.mean_dice)
    assert found.as_dict()["mean_dice"] is None
