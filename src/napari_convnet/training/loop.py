"""Training as a generator of events.

`train` is the door, `Trainer.events` the loop. Everything random in it, the first weights, the
split, the order, the patches, augmentation and dropout, is a pure function of the document's seed,
so that the same document gives the same weights (bit for bit on a CPU with the same number of
threads), and a run that was killed and resumed those of one that was not.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_convnet import __version__
from napari_convnet.document import Pipeline
from napari_convnet.model import device_name
from napari_convnet.network import UserError

from .checkpoint import Pace
from .control import Control
from .events import Event, Failed
from .plan import Data, Plan, prepare, trained_alike
from .run import Journal, Run, begin, new_run
from .trainer import Trainer


def train(
    pipeline: Pipeline,
    *,
    run: str | os.PathLike[str] | None = None,
    data: Data | None = None,
    device: str | torch.device = "auto",
    resume: bool = False,
    control: Control | None = None,
    snapshot: int | None = None,
) -> Iterator[Event]:
    """Train a network, event by event.

    Nothing happens until the first event is asked for, and nothing between two of them: the caller
    may do what it likes meanwhile, draw random numbers and look at the weights included.

    Parameters
    ----------
    pipeline : Pipeline
        The document: network, data and how to train.
    run : path, optional
        The run directory to write; else a new one in ``runs`` beside the document.
    data : optional
        What to train on instead of the document's own data: a `Dataset`, images and labels as
        arrays, pairs of `Contents`, a torch dataset, or `Examples`.
    device : str or torch.device
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    resume : bool
        Go on with the run in `run`, from its last state.
    control : Control, optional
        Pauses, resumes and stops the training, from another thread or between two events.
    snapshot : int, optional
        Write weights and state every so many steps. Else weights are written at growing intervals,
        after 0, 1, 2, 4, 8 steps and so on, then about twice a second, and the state every ten
        seconds (less often where writing takes long).

    Yields
    ------
    Event
        `Started`, then a `Step` for every step with a `Snapshot` now and then, an `Epoch` at the
        end of each, `Paused` and `Resumed`, and at last `Finished` or `Failed`.

    Raises
    ------
    UserError
        Before anything is written, if document, data, device or run are wrong; later, if files can
        no longer be read or written.

    Examples
    --------
    >>> from napari_convnet import preset, train
    >>> for event in train(preset("lenet")):  # doctest: +SKIP
    ...     print(event)
    """
    if snapshot is not None and snapshot < 1:
        raise UserError(f"snapshot {snapshot} is no number of steps", "give 1 or more")
    known = _resumable(run, pipeline.checked()) if resume else None
    plan = prepare(pipeline, data, device, fresh=not resume)
    path = known or _new(run, plan)
    trainer = Trainer(plan, path, control or Control(), Pace(snapshot), resume)
    with Journal(path) as journal:
        for event in _with_failures(trainer):
            journal.tell(event)
            yield event


def _new(run: str | os.PathLike[str] | None, plan: Plan) -> Path:
    pipeline = plan.pipeline
    path = Path(run) if run is not None else new_run(pipeline.folder / "runs", pipeline.title)
    begin(path, pipeline, _environment(plan))
    return path


def _environment(plan: Plan) -> dict[str, Any]:
    """What the result may depend on beside the document; nothing about whose machine it is."""
    return {
        "napari-convnet": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "numpy": np.__version__,
        "system": f"{platform.system()} {platform.machine()}",
        "device": device_name(plan.device),
        "threads": torch.get_num_threads(),
        "seed": plan.settings.seed,
        "classes": list(plan.examples.classes),
        "rate": plan.examples.rate,
    }


def _resumable(run: str | os.PathLike[str] | None, pipeline: Pipeline) -> Path:
    """Check that a run can be resumed with this document."""
    if run is None:
        raise UserError("which run is to be resumed?", "give its folder as run")
    found = Run(Path(run))
    if found.finished:
        raise UserError(f"the run {found} is finished", "train a new run")
    if not trained_alike(found.pipeline, pipeline):
        raise UserError(
            f"the document differs from the one that the run {found} began with",
            f"resume it with {found.path / 'document.yaml'}, or train a new run",
        )
    return found.path


def _with_failures(trainer: Trainer) -> Iterator[Event]:
    """Run the loop; memory that runs out is an event like others."""
    try:
        yield from trainer.events()
    except RuntimeError as error:
        if not _out_of_memory(error):
            raise
        batch = trainer.settings.batch
        unit = trainer.plan.examples.unit
        fix = f"lower train: batch (now {batch})" if batch > 1 else f"use smaller {unit}"
        device = device_name(trainer.plan.device)
        yield Failed(f"{device} ran out of memory; {fix}", trainer.at.step)


def _out_of_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or "not enough memory" in str(error)
