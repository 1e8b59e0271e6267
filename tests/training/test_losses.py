import pytest
import torch
from torch.nn import functional as F
from torch.optim.lr_scheduler import OneCycleLR

from napari_convnet.document import Train
from napari_convnet.training import learning_rate
from napari_convnet.training.losses import half_squares, probabilities, total_loss

OUTPUTS = torch.tensor([[0.5, -0.5, 2.0], [1.0, 0.0, 0.0]])
TARGETS = torch.tensor([2, 0])


def test_half_squares_is_the_textbooks_sum():
    first = 0.5 * (0.5**2 + 0.5**2 + 1.0**2)
    assert float(half_squares(OUTPUTS, TARGETS)) == pytest.approx((first + 0.0) / 2)


def test_half_squares_has_the_plain_derivative():
    outputs = OUTPUTS[:1].clone().requires_grad_()
    half_squares(outputs, TARGETS[:1]).backward()
    assert outputs.grad.tolist() == [[0.5, -0.5, 1.0]]


def test_losses_add_up():
    parts = F.cross_entropy(OUTPUTS, TARGETS) + half_squares(OUTPUTS, TARGETS)
    assert total_loss(("cross-entropy", "half-squares"), OUTPUTS, TARGETS) == parts


def test_a_network_that_ends_in_softmax_has_its_squares_taken_of_probabilities():
    found = total_loss(("half-squares",), OUTPUTS, TARGETS, softmax=True)
    assert found == half_squares(OUTPUTS.softmax(1), TARGETS)
    assert total_loss(("cross-entropy",), OUTPUTS, TARGETS, softmax=True) == F.cross_entropy(
        OUTPUTS, TARGETS
    )


def test_probabilities_follow_the_loss():
    assert torch.equal(probabilities(("cross-entropy",), OUTPUTS), OUTPUTS.softmax(1))
    by_squares = probabilities(("half-squares",), OUTPUTS)
    assert by_squares.tolist() == [[pytest.approx(0.2), 0.0, pytest.approx(0.8)], [1.0, 0.0, 0.0]]
    nothing = probabilities(("half-squares",), torch.tensor([[-1.0, -2.0]]))
    assert nothing.tolist() == [[0.5, 0.5]]


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
