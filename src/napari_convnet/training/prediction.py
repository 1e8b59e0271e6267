"""Predict: what a network takes an image for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from napari_convnet.data import Sample, check_size, prepare, sample_from_array
from napari_convnet.model import ConvNet
from napari_convnet.network import UserError

from .loading import Loaded, Source, load
from .modes import in_use
from .results import Prediction


def predict(
    source: Source | Loaded | nn.Module,
    sample: Any,
    device: str | torch.device = "auto",
    *,
    which: str = "best",
) -> Prediction:
    """Say what an image shows.

    Parameters
    ----------
    source : Run, Pipeline, path, Loaded or nn.Module
        A run or its folder; a document (with its ``weights:``) or its file; what `load` gave, which
        saves loading again; or a module, which computes where it lies, on values as they are
        (C, spatial...).
    sample : Sample or array-like
        The image, with its values as they came: the document's ``fit:`` and ``normalize:`` are
        applied here.
    device : str or torch.device
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    which : {"best", "last"}
        Which weights of a run.

    Returns
    -------
    Prediction

    Raises
    ------
    UserError
        If network or image are missing, or do not fit each other.
    """
    if isinstance(source, nn.Module):
        return _by_module(source, sample)
    loaded = source if isinstance(source, Loaded) else load(source, which, device)
    pipeline, net = loaded.pipeline, loaded.net
    taken = _sample(sample, pipeline.input)
    array = prepare(taken, pipeline.data, pipeline.input).array
    check_size(pipeline, array.shape)
    image = torch.from_numpy(array)
    with in_use(net.model), torch.no_grad():
        outputs = _checked(net.outputs(image[None].to(net.device)))
        found = net.probabilities(outputs)
    return _prediction(found, loaded.classes, loaded.trained, taken.name)


def _sample(sample: Any, input: Sequence[int | None]) -> Sample:
    return sample if isinstance(sample, Sample) else sample_from_array(sample, input)


def _by_module(module: nn.Module, sample: Any) -> Prediction:
    """Predict with a module that comes without a document."""
    if isinstance(module, ConvNet):
        sample = _sample(sample, module.network.input.shape)
    name = sample.name if isinstance(sample, Sample) else ""
    array = sample.array if isinstance(sample, Sample) else np.asarray(sample)
    weight = next(module.parameters(), torch.empty(0))
    with in_use(module), torch.no_grad():
        image = torch.tensor(array, dtype=weight.dtype, device=weight.device)
        outputs = _checked(module(image[None])).float()
    # A network may make probabilities itself.
    own = bool((outputs >= 0).all()) and abs(float(outputs.sum()) - 1) < 1e-4
    found = outputs if own else outputs.softmax(1)
    # Whether its weights are trained is its owner's knowledge.
    return _prediction(found, tuple(map(str, range(outputs.shape[1]))), True, name)


def _checked(outputs: Tensor) -> Tensor:
    if outputs.ndim == 2:
        return outputs
    sizes = "x".join(map(str, outputs.shape[1:]))
    raise UserError(f"the network ends in maps of {sizes}, not in a number per class")


def _prediction(found: Tensor, classes: tuple[str, ...], trained: bool, name: str) -> Prediction:
    return Prediction(classes, found[0].cpu().double().numpy(), trained, name)
