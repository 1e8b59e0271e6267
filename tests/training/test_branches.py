"""Networks with branches in training: the main output is trained, measured and predicted with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from napari_convnet.data import Dataset
from napari_convnet.document import Pipeline, parse
from napari_convnet.training import evaluate, load, predict, train
from napari_convnet.training.tasks import Classifier

# Its output is not its last layer, and 28 pixels do not come back from 8ths.
NET = """net:
  - e1: conv 4 k5 s2 bn relu
  - max 2
  - res: conv 8 k3 bn relu conv 8 k3 bn
  - max 2
  - side: [gap, aux: fc 10]
  - up 4
  - cat e1
  - conv 8 k3 bn relu
  - gap
  - out: fc 10 softmax
  - side: id
"""


@pytest.fixture
def pipeline(document: Callable[..., Pipeline]) -> Pipeline:
    plain = document(epochs=1)
    head, _, rest = plain.text.partition("net:\n")
    tail = rest[rest.index("train:") :]
    return parse(head.replace("1x28x28", "1x?x?") + NET + tail, plain.path)


def test_the_main_output_is_trained_and_used(pipeline: Pipeline, few: Dataset, tmp_path) -> None:  # type: ignore[no-untyped-def]
    assert pipeline.network.end == "out"
    assert pipeline.network.layers[-1].name != "out"
    events = list(train(pipeline, run=tmp_path / "run", data=few, device="cpu"))
    run = events[-1].run
    first, last = load(pipeline, device="cpu").model, load(run, "last", device="cpu").model
    aux, conv = ("side-1.aux", "conv-1")
    assert torch.equal(first.twins[aux].weight, last.twins[aux].weight)
    assert not torch.equal(first.twins[conv].weight, last.twins[conv].weight)
    found = evaluate(run, few, device="cpu")
    assert found.confusion.shape == (10, 10)
    image = few.images[0]
    told = predict(load(run, device="cpu"), np.asarray(image, dtype=np.float32), device="cpu")
    assert told.probabilities.sum() == pytest.approx(1)


def test_the_loss_is_of_what_goes_into_the_softmax(pipeline: Pipeline) -> None:
    model = pipeline.build().eval()
    net = Classifier(model, ("cross-entropy",), torch.device("cpu"))
    assert net.ends_in_softmax
    x = torch.randn(2, 1, 28, 28)
    assert torch.allclose(net.outputs(x).softmax(1), model(x), atol=1e-6)
    # 31 pixels at stride 2 make 16.
    wide = torch.nn.functional.pad(x, (0, 3, 0, 3), mode="replicate")
    assert torch.allclose(model(x), model(wide))


def test_a_side_that_fits_one_size_only_binds_no_training(
    document: Callable[..., Pipeline],
    few: Dataset,
    tmp_path,  # type: ignore[no-untyped-def]
) -> None:
    text = document(epochs=1).text
    head, _, rest = text.partition("net:\n")
    net = "net:\n  - conv 4 k5 s2 relu\n  - side: [flatten, fc 10]\n  - gap\n  - out: fc 10\n"
    text = head.replace("1x28x28", "1x32x32") + net + rest[rest.index("train:") :]
    events = list(train(parse(text), run=tmp_path / "run", data=few, device="cpu"))
    assert events[-1].test_accuracy is not None
