"""Predict: what a network takes an image for."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_convnet.data import (
    Contents,
    Sample,
    check_size,
    prepare,
    read_sample,
    sample_from_array,
)
from napari_convnet.data.rates import check_rate, rate_of
from napari_convnet.data.recorded import heard
from napari_convnet.model import ConvNet
from napari_convnet.network import UserError

from .loading import Loaded, Source, load, load_module
from .modes import in_use
from .predicting.dense import predict_dense
from .predicting.results import Regressed, Segmentation
from .results import Prediction
from .tasks import ClassLearner


def predict(
    source: Source | Loaded | nn.Module,
    sample: Any,
    device: str | torch.device = "auto",
    *,
    which: str = "best",
    **options: Any,
) -> Prediction | Segmentation | Regressed:
    """Say what an image shows, as a whole or voxel by voxel.

    A network that ends in a number per class says what the image shows. One that ends in maps gives
    the class of every voxel, or with ``task: regress`` values: exactly those of the whole
    computation, whatever the size, in the memory that there is.

    Parameters
    ----------
    source : Run, Pipeline, path, Loaded or nn.Module
        A run or its folder; a document (with its ``weights:``) or its file; what `load` gave, which
        saves loading again; or a module, which computes where it lies, on values as they are
        (C, spatial...). A module that was built from a document may end in maps.
    sample : Sample, array-like, path or Contents
        The image, with its values as they came: the document's ``spacing:``, ``fit:`` and
        ``normalize:`` are applied here. Lazy arrays (zarr, a memory map) are read only where that
        is needed.
    device : str or torch.device
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    which : {"best", "last"}
        Which weights of a run.
    **options
        Of a network that ends in maps: ``most_bytes``, ``probabilities``, ``labels``, ``space`` and
        ``cancelled`` of `predicting`.

    Returns
    -------
    Prediction, Segmentation or Regressed

    Raises
    ------
    UserError
        If network or image are missing, or do not fit each other.
    """
    if isinstance(source, nn.Module):
        return _by_module(source, sample, options)
    loaded = source if isinstance(source, Loaded) else load(source, which, device)
    pipeline, net = loaded.pipeline, loaded.net
    if len(pipeline.network.output) > 1:
        return predict_dense(loaded, sample, **options)
    _check_none(options)
    if not isinstance(net, ClassLearner):
        what = f"the network ends in {pipeline.network.output[0]} values, not in values per voxel"
        raise UserError(what, "end it in maps, or write task: classify")
    accept = () if pipeline.data is None else pipeline.data.accept
    taken = _sample(sample, pipeline.input, accept)
    if pipeline.data is None or pipeline.data.rate is None:
        check_rate(rate_of(taken.affine, taken.units), loaded.rate, taken.name)
    array = prepare(taken, pipeline.data, pipeline.input).array
    found = torch.stack(list(_told(loaded, net, array))).mean(0)
    return _prediction(found, loaded.classes, loaded.trained, taken.name)


def _told(loaded: Loaded, net: ClassLearner, array: NDArray[np.float32]) -> Iterator[Tensor]:
    """Give the probabilities (1, classes) of an image, or of each window of a recording."""
    pipeline = loaded.pipeline
    patches = None if pipeline.data is None else pipeline.data.patches
    for part in heard(array, pipeline.input, patches):
        check_size(pipeline, part.shape)
        image = torch.from_numpy(part)[None].to(net.device)
        with in_use(net.model), torch.no_grad():
            yield net.probabilities(_checked(net.outputs(image)))


def _sample(sample: Any, input: Sequence[int | None], accept: Sequence[str] = ()) -> Sample:
    if isinstance(sample, str | os.PathLike):
        return read_sample(Path(sample), input, accept=accept)
    if isinstance(sample, Contents):
        return sample_from_array(
            sample.array,
            input,
            affine=sample.affine,
            units=sample.units,
            axes=sample.axes,
            rgb=sample.rgb,
            name=sample.name,
        )
    return sample if isinstance(sample, Sample) else sample_from_array(sample, input)


def _check_none(options: Mapping[str, Any]) -> None:
    if options:
        what = f"{next(iter(options))} is for networks that end in maps; this one ends in values"
        raise UserError(what, "leave it out")


def _by_module(
    module: nn.Module, sample: Any, options: Mapping[str, Any]
) -> Prediction | Segmentation | Regressed:
    """Predict with a module that comes without a document."""
    if isinstance(module, ConvNet) and len(module.network.output) > 1:
        return predict_dense(load_module(module), sample, **options)
    _check_none(options)
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
