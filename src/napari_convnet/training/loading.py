"""Trained networks, to use: from a run, a document with weights, or a module at hand."""

from __future__ import annotations

import json
import math
import os
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import torch

from napari_convnet.data import SOURCES
from napari_convnet.document import Pipeline, Sections, Train, read
from napari_convnet.model import (
    ConvNet,
    build,
    find_weights,
    load_weights,
    pick_device,
    read_metadata,
)
from napari_convnet.network import UserError

from .run import Run
from .tasks import Learner, learner

Source: TypeAlias = Run | Pipeline | str | os.PathLike[str]
"""A run or its folder, or a document or its file."""


@dataclass(frozen=True, eq=False)
class Loaded:
    """A network to use, and what is known of it.

    Parameters
    ----------
    pipeline : Pipeline
        Its document.
    net : Learner
        The network with its weights, and its task.
    classes : tuple of str
        Names of its classes; numbers where nobody named them.
    trained : bool
        Whether all its weights were trained or given, rather than random.
    rate : float
        Samples per second of the recordings it learned from; 0 where that is not known.
    """

    pipeline: Pipeline
    net: Learner
    classes: tuple[str, ...]
    trained: bool
    rate: float = 0.0

    @property
    def model(self) -> ConvNet:
        """The network as a torch module."""
        return self.net.model


def load(source: Source, which: str = "best", device: str | torch.device = "auto") -> Loaded:
    """Load a network to use.

    Parameters
    ----------
    source : Run, Pipeline or path
        A run or its folder, or a document or its file.
    which : {"best", "last"}
        Which weights of a run.
    device : str or torch.device
        ``auto``, ``cpu``, ``cuda`` or ``mps``.

    Returns
    -------
    Loaded

    Raises
    ------
    UserError
        If there is none, or it is damaged.
    """
    source = _opened(source)
    picked = pick_device(device)
    if isinstance(source, Run):
        return _from_run(source, which, picked)
    model = build(source.checked(), device=picked)
    said = _said_beside(find_weights(source.weights, source.folder)) if source.weights else _Said()
    return _loaded(source, model, picked, said)


def load_module(model: ConvNet) -> Loaded:
    """Take a module at hand, which tells classes apart: it knows no document, but its network.

    Parameters
    ----------
    model : ConvNet
        It computes where it lies, on values as they are. Whether its weights are trained is its
        owner's knowledge.
    """
    sections = Sections(train=Train(task="segment"))
    pipeline = Pipeline("", None, model.network, sections, (), ())
    device = next(model.parameters(), torch.empty(0)).device
    net = learner(model, pipeline, device)
    return Loaded(pipeline, net, class_names(pipeline), trained=True)


def _opened(source: Source) -> Run | Pipeline:
    if isinstance(source, Run | Pipeline):
        return source
    path = Path(source)
    return read(path) if path.is_file() else Run(path)


def _from_run(run: Run, which: str, device: torch.device) -> Loaded:
    pipeline, path = run.pipeline, run.weights(which)
    seed, folder = pipeline.train.seed, pipeline.folder
    model = build(pipeline.network, seed=seed, device=device, folder=folder)
    origins = load_weights(model, path)
    if "new" in origins.values():
        layer = next(name for name, origin in origins.items() if origin == "new")
        raise UserError(f"{path} does not fit the run's document at layer {layer}", "train it anew")
    said = _said_beside(path)
    known = _Said(said.classes or run.classes, said.rate or run.rate)
    return replace(_loaded(pipeline, model, device, known), trained=True)


def _loaded(pipeline: Pipeline, model: ConvNet, device: torch.device, said: _Said) -> Loaded:
    net = learner(model, pipeline, device)
    classes = said.classes or class_names(pipeline)
    return Loaded(pipeline, net, classes, _is_trained(model), said.rate)


@dataclass(frozen=True)
class _Said:
    """What stands beside weights: names of the classes, and the rate of recordings."""

    classes: tuple[str, ...] = ()
    rate: float = 0.0


def _said_beside(path: Path) -> _Said:
    """Read what was written beside weights; files of other programs say nothing."""
    texts = read_metadata(path)
    found: dict[str, Any] = {}
    for key in ("classes", "rate"):
        with suppress(ValueError, RecursionError):
            found[key] = json.loads(texts.get(key, "null"))
    classes, rate = found.get("classes"), found.get("rate")
    return _Said(
        tuple(map(str, classes)) if isinstance(classes, list) else (),
        float(rate) if isinstance(rate, int | float) and 0 < rate < math.inf else 0.0,
    )


def class_names(pipeline: Pipeline) -> tuple[str, ...]:
    """Names of a document's classes as far as its text tells; else their numbers."""
    data, count = pipeline.data, pipeline.network.output[0] or 0
    names: tuple[str, ...] = ()
    if data is not None:
        source = SOURCES.get(data.source)
        names = data.classes or (source.classes if source else ())
    return names if len(names) == count else tuple(str(i) for i in range(count))


def _is_trained(model: ConvNet) -> bool:
    by_hand = {layer.name for layer in model.network.layers if layer.extras.w is not None}
    new = {name for name, origin in model.origins.items() if origin == "new"}
    return new <= by_hand
