"""Losses, by numbers worked out by hand, by MONAI, and by what must hold whatever the numbers."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F
from torch.optim.lr_scheduler import OneCycleLR

from napari_convnet.document import Train
from napari_convnet.document.vocabulary import LOSSES
from napari_convnet.training import learning_rate
from napari_convnet.training.losses import (
    ClassSquares,
    class_losses,
    probabilities,
    value_losses,
)

OUTPUTS = torch.tensor([[0.5, -0.5, 2.0], [1.0, 0.0, 0.0]])
TARGETS = torch.tensor([2, 0])

# Two pixels of two classes with probabilities 1/4, 3/4 and 1/2, 1/2; the second one is not labelled
# in `PARTLY`.
PIXELS = torch.tensor([[[0.0, 0.0], [math.log(3), 0.0]]])
FULLY, PARTLY = torch.tensor([[1, 0]]), torch.tensor([[1, -1]])

OF_CLASSES = [word for word, tasks in LOSSES.items() if "segment" in tasks]
OF_VALUES = [word for word, tasks in LOSSES.items() if "regress" in tasks]


def maps(seed=0, labelled=0.7):
    """Outputs of three classes over small volumes, and targets, some of them not labelled."""
    generator = torch.Generator().manual_seed(seed)
    outputs = 3 * torch.randn(2, 3, 4, 5, 6, generator=generator)
    targets = torch.randint(0, 3, (2, 4, 5, 6), generator=generator)
    targets[torch.rand(targets.shape, generator=generator) > labelled] = -1
    return outputs, targets


# -- by hand --


def test_half_squares_is_the_textbooks_sum():
    first = 0.5 * (0.5**2 + 0.5**2 + 1.0**2)
    assert float(ClassSquares()(OUTPUTS, TARGETS)) == pytest.approx((first + 0.0) / 2)


def test_half_squares_has_the_plain_derivative():
    outputs = OUTPUTS[:1].clone().requires_grad_()
    ClassSquares()(outputs, TARGETS[:1]).backward()
    assert outputs.grad.tolist() == [[0.5, -0.5, 1.0]]


def test_a_network_that_ends_in_softmax_has_its_squares_taken_of_probabilities():
    found = class_losses(["half-squares"], softmax=True)(OUTPUTS, TARGETS)
    assert found == ClassSquares()(OUTPUTS.softmax(1), TARGETS)
    found = class_losses(["cross-entropy"], softmax=True)(OUTPUTS, TARGETS)
    assert found == F.cross_entropy(OUTPUTS, TARGETS)


@pytest.mark.parametrize(
    ("word", "targets", "expected"),
    [
        ("cross-entropy", FULLY, (math.log(4 / 3) + math.log(2)) / 2),
        ("cross-entropy", PARTLY, math.log(4 / 3)),
        ("focal", FULLY, (math.log(4 / 3) / 16 + math.log(2) / 4) / 2),
        ("focal", PARTLY, math.log(4 / 3) / 16),
        # Overlaps 2 * 1/2 / (3/4 + 1) of class 0, 2 * 3/4 / (5/4 + 1) of class 1.
        ("dice", FULLY, 1 - (1 / 1.75 + 1.5 / 2.25) / 2),
        # Of what is labelled: 0 / (1/4 + 0) and 2 * 3/4 / (3/4 + 1).
        ("dice", PARTLY, 1 - 1.5 / 1.75 / 2),
    ],
)
def test_losses_of_segmentation_by_hand(word, targets, expected):
    assert float(class_losses([word])(PIXELS, targets)) == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize(
    ("word", "expected"), [("mse", (1 + 4) / 2), ("l1", 1.5), ("half-squares", 2.5 / 2)]
)
def test_losses_of_regression_by_hand(word, expected):
    """Two images of two pixels, of which the last two are not known."""
    # Half squares are summed over channels, of which there is one.
    outputs = torch.tensor([[[1.0, 2.0]], [[7.0, 9.0]]])
    targets = torch.tensor([[[0.0, 4.0]], [[math.nan, math.nan]]])
    assert float(value_losses([word])(outputs, targets)) == pytest.approx(expected)


def test_class_weights_by_hand():
    weights = torch.tensor([3.0, 1.0])
    found = class_losses(["cross-entropy"], weights)(PIXELS, FULLY)
    assert float(found) == pytest.approx((math.log(4 / 3) + 3 * math.log(2)) / 4)
    found = class_losses(["focal"], weights)(PIXELS, FULLY)
    assert float(found) == pytest.approx((math.log(4 / 3) / 16 + 3 * math.log(2) / 4) / 2)


# -- by others --


def test_monai_gives_the_same():
    from monai.losses.dice import DiceCELoss
    from monai.losses.focal_loss import FocalLoss

    outputs, targets = maps(labelled=1.1)
    theirs = DiceCELoss(to_onehot_y=True, softmax=True, batch=True)(outputs, targets[:, None])
    assert float(class_losses(["dice", "cross-entropy"])(outputs, targets)) == pytest.approx(
        float(theirs), rel=1e-6
    )
    theirs = 3 * FocalLoss(to_onehot_y=True, use_softmax=True)(outputs, targets[:, None])
    assert float(class_losses(["focal"])(outputs, targets)) == pytest.approx(float(theirs))


def test_torch_gives_the_same():
    outputs, targets = maps()
    expected = F.cross_entropy(outputs, targets, ignore_index=-1)
    assert torch.equal(class_losses(["cross-entropy"])(outputs, targets), expected)
    values = torch.randn(outputs.shape)
    for word, theirs in (("mse", F.mse_loss), ("l1", F.l1_loss)):
        found = value_losses([word])(outputs, values)
        assert float(found) == pytest.approx(float(theirs(outputs, values)), rel=1e-6)


# -- what must hold --


@pytest.mark.parametrize("word", OF_CLASSES)
def test_what_is_not_labelled_counts_nowhere(word):
    loss = class_losses([word], torch.tensor([1.0, 2.0, 0.5]))
    outputs, targets = maps()
    changed = torch.where(targets[:, None] == -1, 100 * torch.randn(outputs.shape), outputs)
    assert float(loss(changed, targets)) == pytest.approx(float(loss(outputs, targets)), rel=1e-6)
    outputs.requires_grad_()
    loss(outputs, targets).backward()
    touched = (outputs.grad != 0).any(1)
    assert not touched[targets == -1].any()
    assert touched[targets != -1].all()


@pytest.mark.parametrize("word", OF_VALUES)
def test_values_that_are_not_known_count_nowhere(word):
    outputs, classes = maps()
    known = (classes != -1)[:, None].expand_as(outputs)
    targets = torch.where(known, torch.zeros(()), math.nan)
    outputs.requires_grad_()
    value_losses([word])(outputs, targets).backward()
    assert torch.equal(outputs.grad != 0, known)


@pytest.mark.parametrize("words", [["cross-entropy"], ["dice", "cross-entropy"], ["focal"]])
def test_nothing_labelled_is_no_loss_and_no_derivative(words):
    outputs, targets = maps(labelled=-1.0)
    outputs.requires_grad_()
    loss = class_losses(words)(outputs, targets)
    assert loss.item() == 0
    loss.backward()
    assert not outputs.grad.any()


@settings(max_examples=20, deadline=None)
@given(cut=st.integers(1, 3), seed=st.integers(0, 100), word=st.sampled_from(OF_CLASSES))
def test_pieces_make_the_loss_of_the_whole(cut, seed, word):
    outputs, targets = maps(seed)
    total = class_losses([word])
    gathering = total.gathering()
    for part in (slice(None, cut), slice(cut, None)):
        gathering.add(outputs[:, :, part], targets[:, part])
    assert gathering.value == pytest.approx(float(total(outputs, targets)), rel=1e-5)


@pytest.mark.parametrize("word", OF_VALUES)
def test_pieces_make_the_loss_of_whole_values(word):
    outputs, targets = torch.randn(1, 2, 6, 5), torch.randn(1, 2, 6, 5)
    targets[0, :, :2] = math.nan
    total = value_losses([word])
    gathering = total.gathering()
    for part in (slice(None, 2), slice(2, None)):
        gathering.add(outputs[:, :, part], targets[:, :, part])
    assert gathering.value == pytest.approx(float(total(outputs, targets)), rel=1e-6)


def test_losses_add_up():
    outputs, targets = maps()
    both = class_losses(["dice", "focal"])(outputs, targets)
    each = [class_losses([word])(outputs, targets) for word in ("dice", "focal")]
    assert float(both) == pytest.approx(float(sum(each)))


def test_focal_classifies_images_too():
    chances = OUTPUTS.softmax(1)[torch.arange(2), TARGETS]
    expected = (-((1 - chances) ** 2) * chances.log()).mean()
    assert float(class_losses(["focal"])(OUTPUTS, TARGETS)) == pytest.approx(float(expected))


def test_probabilities_follow_the_loss():
    assert torch.equal(probabilities(("cross-entropy",), OUTPUTS), OUTPUTS.softmax(1))
    by_squares = probabilities(("half-squares",), OUTPUTS)
    assert by_squares.tolist() == [[pytest.approx(0.2), 0.0, pytest.approx(0.8)], [1.0, 0.0, 0.0]]
    nothing = probabilities(("half-squares",), torch.tensor([[-1.0, -2.0]]))
    assert nothing.tolist() == [[0.5, 0.5]]


# -- learning rates --


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 10, 63, 756])
def test_one_cycle_is_torchs(steps):
    settings = Train(optimizer="sgd lr .4 momentum .9", schedule="one-cycle")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.4, momentum=0.9)
    schedule = OneCycleLR(optimizer, 0.4, total_steps=steps, cycle_momentum=False)
    for step in range(steps):
        assert learning_rate(settings, step, steps) == schedule.get_last_lr()[0]
        optimizer.step()
        schedule.step()


def test_a_constant_rate_stays():
    settings = Train(optimizer="adam lr 3e-4")
    assert {learning_rate(settings, step, 9) for step in range(9)} == {3e-4}
