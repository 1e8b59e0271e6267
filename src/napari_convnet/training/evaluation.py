"""Evaluate: how well a trained network does on data that it has not seen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from napari_convnet.data import Dense, Examples, load_examples
from napari_convnet.document import Data as DataSection
from napari_convnet.document import Pipeline
from napari_convnet.network import UserError

from .loading import Loaded, Source, load
from .metrics import Errors
from .plan import Data
from .results import Evaluation, RegressionEvaluation
from .tasks import EVERYTHING, DenseLearner, Learner, Measured, Whole, overlapping

PARTS = ("test", "validation", "train", EVERYTHING)


def evaluate(
    source: Source,
    data: Data | None = None,
    device: str | torch.device = "auto",
    *,
    part: str | None = None,
    which: str = "best",
) -> Evaluation | RegressionEvaluation:
    """Measure a network on data.

    Parameters
    ----------
    source : Run, Pipeline or path
        A run or its folder, or a document (with its ``weights:``) or its file.
    data : optional
        Data to measure on, as `train` takes them; else those of the document.
    device : str or torch.device
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    part : {"test", "validation", "train", "all"}, optional
        Which part of them. Else all of `data` where that is given; of the document's own, what was
        held out: the test part, or validation, or all where there is neither.
    which : {"best", "last"}
        Which weights of a run.

    Returns
    -------
    Evaluation or RegressionEvaluation
        The latter for ``task: regress``.

    Raises
    ------
    UserError
        If the network, its weights or the data are missing or do not fit.
    """
    check_part(part)
    loaded = load(source, which, device)
    if part is None and data is not None:
        part = EVERYTHING
    pipeline = loaded.pipeline
    examples = load_examples(undivided(pipeline) if part == EVERYTHING else pipeline, data)
    loaded.net.check(examples)
    where: Whole = part or _held_out(examples)  # type: ignore[assignment]
    found = loaded.net.measure(examples, where, batch=pipeline.train.batch)
    if found is None:
        what = "labelled voxels" if isinstance(examples, Dense) else examples.unit
        raise UserError(
            f"the {where} part has no {what}", "evaluate another part, or change split:"
        )
    return _result(found, examples, where, loaded)


def check_part(part: str | None) -> None:
    """Refuse a part that data do not have."""
    if part is not None and part not in PARTS:
        raise UserError(f'data have no part "{part}"', "ask for test, validation, train or all")


def undivided(pipeline: Pipeline) -> Pipeline:
    """Give a document that keeps its data in one part: what cannot be parted can be measured."""
    own = pipeline.data or DataSection()
    data = own.model_copy(update={"split": (1.0, 0.0, 0.0)})
    return replace(pipeline, sections=pipeline.sections.model_copy(update={"data": data}))


def _held_out(examples: Examples) -> str:
    _, validation, test = examples.counts
    return "test" if test else "validation" if validation else EVERYTHING


def _result(
    found: Measured[Any], examples: Examples, part: str, loaded: Loaded
) -> Evaluation | RegressionEvaluation:
    errors = found.found
    optimistic = is_optimistic(loaded.net, examples, part)
    if isinstance(errors, Errors):
        return RegressionEvaluation(
            mse=errors.mse,
            mae=errors.mae,
            psnr=errors.psnr,
            loss=found.loss,
            n=errors.count,
            part=part,
            trained=loaded.trained,
            optimistic=optimistic,
        )
    return Evaluation(
        accuracy=found.accuracy or 0.0,
        loss=found.loss,
        confusion=errors,
        classes=examples.classes,
        part=part,
        trained=loaded.trained,
        unit=_counted(examples),
        millilitres=found.volumes,
        foreground=loaded.net.foreground,
        optimistic=optimistic,
    )


def is_optimistic(net: Learner, examples: Examples, part: str) -> bool:
    """Whether a score of a part held out is better than it would be on other scans."""
    if part not in ("validation", "test"):
        return False
    dense = isinstance(net, DenseLearner) and isinstance(examples, Dense)
    return dense and overlapping(net, examples, part)  # type: ignore[arg-type]


def _counted(examples: Examples) -> str:
    """Say what a confusion matrix counts."""
    if not isinstance(examples, Dense):
        return {"windows": "recordings"}.get(examples.unit, examples.unit)
    return {1: "samples", 2: "pixels"}.get(len(examples.scans[0].size), "voxels")
