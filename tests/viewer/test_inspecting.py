"""Looking into live torch modules: maps over the image, in a thread, kept up to date."""

import threading
import time

import numpy as np
import pytest
import torch
from skimage import data
from torch import nn

import napari_convnet as nc
from napari_convnet.network import UserError

from ..facenet import load as facenet


@pytest.fixture
def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU(inplace=True), nn.MaxPool2d(2))


@pytest.fixture
def face():
    return data.astronaut()[40:100, 180:250]


def test_maps_of_a_module_lie_over_the_image(session, net, face, quiet):
    image = session.viewer.add_image(face, scale=(0.5, 2), translate=(7, 0))
    session.inspect(net, image)
    quiet(session)
    layers = session.viewer.layers
    assert session.inspection.shown == ("0", "1", "2")
    assert layers["0"].data.shape == (4, 30, 35)
    assert layers["0"].data.min() < 0
    np.testing.assert_allclose(layers["2"].scale, (1, 2, 8))
    np.testing.assert_allclose(layers["2"].translate, (0, 7.5, 2))
    expected = nc.feature_maps(net, face)
    for name, maps in expected.items():
        np.testing.assert_allclose(layers[name].data, np.asarray(maps), rtol=1e-5, atol=1e-6)
    assert session.input_layer is image
    assert net.training
    assert session.input_layers() == [image]


def test_an_array_becomes_a_layer(session, net, face, quiet):
    session.inspect(net, face, layers="2")
    quiet(session)
    assert [layer.name for layer in session.viewer.layers] == ["image", "2"]


def test_new_weights_a_new_image_and_hiding(session, net, face, quiet):
    session.inspect(net, face, layers=["0"])
    quiet(session)
    layer = session.viewer.layers["0"]
    before = layer.data
    with torch.no_grad():
        net[0].weight.mul_(-1)
    session.refresh()
    quiet(session)
    assert session.viewer.layers["0"] is layer
    assert not np.allclose(layer.data, before)
    session.input_layer.data = face[:40]
    quiet(session)
    assert layer.data.shape == (4, 20, 35)
    session.hide()
    quiet(session)
    assert [layer.name for layer in session.viewer.layers] == ["image"]
    session.input_layer.data = face
    quiet(session)
    assert len(session.viewer.layers) == 1


def test_the_step_of_a_stack_is_what_is_looked_at(session, quiet):
    stack = np.random.default_rng(0).normal(size=(5, 20, 20)).astype(np.float32)
    runs = []
    net = nn.Conv2d(1, 7, 3)
    net.register_forward_hook(lambda *_: runs.append(1))
    session.viewer.add_image(stack)
    session.inspect(net)
    quiet(session)
    for step in (3, 1):
        session.viewer.dims.set_point(1, step)
        quiet(session)
        expected = np.asarray(nc.feature_maps(net, stack[step])["output"])
        found = session.viewer.layers["output"]
        np.testing.assert_allclose(found.data[:, 0], expected, rtol=1e-5)
        assert found.translate[1] == step
    # The slider of the features computes nothing.
    count = len(runs)
    session.set_feature(4)
    quiet(session)
    assert len(runs) == count


def test_the_window_does_not_wait(session, face, qtbot, quiet):
    class Slow(nn.Conv2d):
        def forward(self, x):
            threads.append(threading.current_thread())
            assert returned.wait(60)
            return super().forward(x)

    threads, returned = [], threading.Event()
    session.viewer.add_image(face)
    session.inspect(Slow(3, 2, 3))
    returned.set()  # the layer is computed only after the call came back
    quiet(session)
    assert session.inspection.shown == ("output",)
    assert threading.main_thread() not in threads


def test_the_latest_module_wins(session, net, face, quiet):
    session.viewer.add_image(face)
    session.inspect(nn.Sequential(nn.Conv2d(3, 2, 3), nn.Sequential(nn.Conv2d(2, 2, 3))))
    session.inspect(net)
    quiet(session)
    assert session.inspection.shown == ("0", "1", "2")
    assert session.viewer.layers["0"].data.shape == (4, 30, 35)


def test_what_cannot_be_shown_is_told(session, face, quiet):
    told = []
    session.message.connect(lambda message: told.append(message.text))
    with pytest.raises(UserError, match="there is no image"):
        session.inspect(nn.Conv2d(3, 2, 3))
    session.viewer.add_image(face)
    with pytest.raises(UserError, match="is no network"):
        session.inspect("c1")
    session.inspect(nn.Sequential(nn.Conv2d(3, 2, 3), nn.Linear(5, 2)))
    quiet(session)
    assert "Sequential fails on an input of 3x60x70 in 1: RuntimeError" in told[-1]
    assert session.inspection.shown == ()
    flip = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(2), nn.LayerNorm(58 * 68))
    session.inspect(flip)
    quiet(session)
    assert session.inspection.shown == ("0",)
    assert told[-1] == ("2 layers have no place in the image: its axes are not those of the input")
    session.inspect(flip, layers=["1"])
    quiet(session)
    assert told[-1].startswith("1 has no place in the image: its axes are not")


def test_a_pretrained_face_detector_on_a_photograph(session, quiet):
    photograph = data.astronaut()
    session.inspect(facenet("PNet"), (photograph.astype(np.float32) - 127.5) / 128)
    quiet(session)
    layers = session.viewer.layers
    assert layers["conv3"].data.shape[0] == 32
    np.testing.assert_allclose(layers["softmax4_1"].scale, (1, 2, 2))
    np.testing.assert_allclose(layers["softmax4_1"].translate[1:], (5.5, 5.5))


def test_closing_while_it_computes(session, face, qtbot):
    class Slow(nn.Conv2d):
        def forward(self, x):
            time.sleep(0.2)
            return super().forward(x)

    session.inspect(Slow(3, 2, 3), face)
    session.close()
    qtbot.wait(400)
    assert len(session.viewer.layers) == 1


def test_a_network_of_a_document_is_a_module_too(session, digit, quiet):
    session.viewer.add_image(digit)
    session.inspect(nc.preset("lenet").build())
    quiet(session)
    assert session.inspection.shown[:1] == ("c1.conv",)
