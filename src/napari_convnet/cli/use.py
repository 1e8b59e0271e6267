"""The command that measures a trained network."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_convnet.network import UserError

from . import named
from .app import Accept, AsJson, Device, DocOrRun, app, print_json, told

if TYPE_CHECKING:
    from napari_convnet.data import Examples
    from napari_convnet.document import Pipeline
    from napari_convnet.network import Problem


@app.command()
def evaluate(
    run: DocOrRun,
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="DATA",
            help="A sample; a folder with one folder per class; or the images of --labels, "
            "a file or a pattern.",
        ),
    ] = None,
    labels: Annotated[
        str | None, typer.Option(help="The labels (or target images) of DATA.")
    ] = None,
    part: Annotated[
        str | None,
        typer.Option(
            metavar="PART",
            help="train, validation, test or all; else what was held out, and all of DATA.",
        ),
    ] = None,
    accept: Accept = None,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Measure a network on the data held out, or on other ones."""
    from napari_convnet.training import evaluate as measure
    from napari_convnet.training.evaluation import check_part

    check_part(part)
    pipeline = named.accepting(named.document_or_run(run), accept)
    examples = _examples(run, pipeline, data, labels, part)
    found = measure(pipeline, examples, device, part=part)
    notes = [] if examples is None else [str(note) for note in examples.notes]
    if as_json:
        print_json({**found.as_dict(), "notes": notes})
        return
    for note in notes:
        told(note, 0)
    print(found)


def _examples(
    run: str, pipeline: Pipeline, data: str | None, labels: str | None, part: str | None
) -> Examples | None:
    """Read other data as the document would read its own."""
    own = pipeline.data
    if data is None:
        if labels is not None:
            raise UserError("--labels without images", "name the images too: evaluate RUN IMAGES")
        if own is None or not (own.source or own.images):
            fix = "name them: evaluate RUN IMAGES --labels LABELS"
            raise UserError("the document names no images to measure on", fix)
        return None
    from napari_convnet.data import load_examples
    from napari_convnet.training.evaluation import undivided

    other = _with_data(run, pipeline, data, labels)
    try:
        return load_examples(other if part not in (None, "all") else undivided(other))
    except UserError as error:
        raise UserError([_in_options(each) for each in error.problems]) from None


def _with_data(run: str, pipeline: Pipeline, data: str, labels: str | None) -> Pipeline:
    """Put other data into a document."""
    from napari_convnet.data import SOURCES
    from napari_convnet.document import Data
    from napari_convnet.training import Run

    own = pipeline.data or Data()
    is_sample = data in SOURCES and not Path(data).exists()
    where = {"source": data} if is_sample else {"images": str(Path(data).resolve())}
    if labels is not None:
        where["labels"] = str(Path(labels).resolve())
    # The numbers of classes are those that were trained, whatever folders there are here.
    classes = Run(Path(run)).classes if named.is_run(run) else own.classes
    other = own.model_copy(
        update={"source": "", "images": "", "labels": "", "classes": classes, **where}
    )
    return replace(pipeline, sections=pipeline.sections.model_copy(update={"data": other}))


def _in_options(problem: Problem) -> Problem:
    """Write a message's keys of a document as the words of the command line.

    Examples
    --------
    >>> from napari_convnet.network import Problem
    >>> str(_in_options(Problem("images: a.png has no labels", "add labels: a.txt")))
    'DATA a.png has no labels; add --labels a.txt'
    """
    what, fix = (
        re.sub(r"\blabels:", "--labels", re.sub(r"\bimages:", "DATA", text))
        for text in (problem.what, problem.fix)
    )
    return replace(problem, what=what, fix=fix)
