"""Jump, start and receptive field of the analysis against what gradients measure."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_convnet.model import build
from napari_convnet.network import Layer

from .nets import document

NETS = {
    "lenet": ["conv 2 k5", "avg 2", "conv 2 k5 valid", "avg 2"],
    "strides": ["conv 2 k7 s2 p3", "avg 3 s2 p1", "conv 2 k3", "conv 2 k1 s2"],
    "dilated": ["conv 1 k3 d2", "conv 1 k3 d4 valid", "dw 3"],
    "even": ["conv 1 k4 valid", "avg 2 s1", "conv 1 k2 s2 same"],
    "separable": ["sep 2 k3 s2", "sum 2", "crop 1"],
    "up": ["conv 1 k3", "avg 2", "up 2 nearest", "conv 1 k3"],
    "linear": ["avg 2", "up 2 linear"],
    "linear 3": ["conv 1 k3 s2", "up 3 linear", "conv 1 k3"],
    "transposed": ["conv 1 k3 s2", "tconv 1 k2"],
    "transposed 3": ["avg 2", "tconv 1 k4 s2 p1", "conv 1 k3"],
    "dilated transposed": ["avg 3", "tconv 1 k3 s3 d2 p1"],
}
N = 120


@pytest.mark.parametrize("name", list(NETS))
def test_fields_are_where_the_gradients_are(name: str) -> None:
    network = document((1, N), NETS[name]).network
    net = build(network).double().eval()
    with torch.no_grad():
        for key, parameter in net.named_parameters():
            parameter.fill_(0.0 if key.endswith("bias") else 1.0)
    x = torch.zeros(1, 1, N, dtype=torch.float64, requires_grad=True)
    outputs = net.outputs(x)
    slack = 0.0
    for index, layer in enumerate(network):
        if layer.op in ("up", "tconv"):
            # Several outputs share the pixels of a coarser one: each is off by up to its jump.
            slack = max(slack, network.layers[index - 1].jump[0])
        measured = fields_by_gradient(layer, outputs[layer.name][0].sum(0), x)
        check(layer, measured, slack)


def fields_by_gradient(layer: Layer, y: torch.Tensor, x: torch.Tensor) -> np.ndarray:
    """Measure predicted centre, first, last and centroid of what outputs away from borders see."""
    half = (layer.receptive_field[0] - 1) / 2
    rows = []
    for i in range(len(y)):
        centre = layer.start[0] + i * layer.jump[0]
        if not 4 + half <= centre <= N - 5 - half:
            continue
        (gradient,) = torch.autograd.grad(y[i], x, retain_graph=True)
        weight = gradient[0, 0].numpy()
        seen = np.nonzero(weight)[0]
        if len(seen):
            centroid = (np.arange(N) * weight).sum() / weight.sum()
            rows.append((centre, seen[0], seen[-1], centroid))
    return np.array(rows)


def check(layer: Layer, measured: np.ndarray, slack: float) -> None:
    centre, first, last, centroid = measured.T
    half = (float(layer.fields[0].size) - 1) / 2
    assert (first >= centre - half - slack - 1e-9).all()
    assert (last <= centre + half + slack + 1e-9).all()
    if not slack:
        assert (last - first + 1 == layer.receptive_field[0]).all()
        assert np.allclose(centroid, centre)
        return
    # Over all outputs that share a coarser one the centre is exact.
    period = 12
    difference = (centroid - centre)[: len(centre) // period * period].reshape(-1, period)
    assert len(difference) > 1
    assert np.allclose(difference.mean(1), 0)
