"""The promise on any graph: an exported Python file computes what the network does."""

import pytest
import torch

from napari_convnet.model import build
from napari_convnet.model.export import to_python
from napari_convnet.network import UserError

from .graphs import make_graph

EACH = 50


def exported(pipeline, net):
    """Make the network of the exported text, with the weights of ours."""
    module = {"__name__": "exported", "__file__": "exported.py"}
    exec(compile(to_python(pipeline), "exported.py", "exec"), module)
    module["read"] = lambda file: net.state_dict()
    return module["load"]()


@pytest.mark.parametrize("first", range(0, 200, EACH))
def test_an_exported_network_computes_the_same(first):
    for seed in range(first, first + EACH):
        graph = make_graph(seed)
        net = build(graph.pipeline).eval()
        x = torch.randn(2, *graph.shape, generator=torch.Generator().manual_seed(seed))
        try:
            with torch.no_grad():
                wanted = net(x)
        except UserError:  # of another size than the network takes
            continue
        with torch.no_grad():
            found = exported(graph.pipeline, net).eval().double()(x.double())
            wanted = net.double()(x.double())
        assert wanted.shape == found.shape, graph
        # A map that padding alone reaches is infinite, and its norm no number, in both.
        scale = float(wanted.abs().nan_to_num().max()) or 1.0
        assert torch.allclose(wanted, found, 0, 1e-9 * scale, equal_nan=True), graph
