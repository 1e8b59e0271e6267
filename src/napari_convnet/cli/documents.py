"""The commands that look at documents: nothing is computed, and no torch is imported."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_convnet.network import Problem

from . import named
from .app import AsJson, Doc, DocOrPreset, app, print_json
from .quote import spelled
from .table import print_table, trainable

if TYPE_CHECKING:
    from napari_convnet.document import Pipeline


@app.command()
def presets(as_json: AsJson = False) -> None:
    """List the networks that come along."""
    from napari_convnet.document import presets as known

    found = known()
    if as_json:
        print_json([{"name": one.name, "title": one.title} for one in found])
        return
    width = max(len(one.name) for one in found)
    for one in found:
        print(f"{one.name:<{width}}  {one.title}")


@app.command()
def check(doc: Doc) -> None:
    """Say what is wrong with a pipeline, and where."""
    pipeline = named.draft(doc).checked()
    _check_data(pipeline)
    totals = pipeline.network.totals
    layers = len(pipeline.network)
    print(f"{doc}: right; {layers} layers, {totals.parameters:,} parameters")
    _warn(pipeline)


def _check_data(pipeline: Pipeline) -> None:
    """Check what only the data room can: folders, files, and numbers of settings."""
    from napari_convnet.data import data_problems
    from napari_convnet.document import DocumentError

    problems: list[Problem] = []
    for key, error in data_problems(pipeline):
        problems += error.at(pipeline.place(key)).problems
    if problems:
        raise DocumentError(problems, pipeline)


def _warn(pipeline: Pipeline) -> None:
    """Tell what is allowed but may not be meant."""
    if pipeline.warnings:
        sys.stdout.flush()
        print(spelled(pipeline.warnings, pipeline.text, "warning: "), file=sys.stderr)


@app.command()
def describe(
    doc: DocOrPreset,
    given: Annotated[
        str, typer.Option("--input", metavar="CxSIZES", help="Another input, such as 3x64x64.")
    ] = "",
    depth: Annotated[
        int | None,
        typer.Option(min=1, help="Levels to unfold: 1 prints a line per row. All otherwise."),
    ] = None,
    why: Annotated[
        str, typer.Option(metavar="LAYER", help="Show the arithmetic behind a layer's numbers.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Print layers, shapes, parameters and receptive fields."""
    pipeline = named.draft(doc)
    if given:
        from napari_convnet.document import edit

        pipeline = pipeline.edited(edit.set_value(pipeline.text, "input", given))
    if why:
        _explain(pipeline, why, as_json)
    elif as_json:
        print_json(_description(pipeline.checked()))
    else:
        if pipeline.network.layers:
            print_table(pipeline, depth or 0)
        _warn(pipeline)
    pipeline.checked()


def _explain(pipeline: Pipeline, name: str, as_json: bool) -> None:
    from .why import print_why, why_as_dict

    if as_json:
        print_json(why_as_dict(pipeline, name))
    else:
        print_why(pipeline, name)


def _description(pipeline: Pipeline) -> dict[str, Any]:
    totals = pipeline.network.totals
    return {
        "title": pipeline.title,
        "input": list(pipeline.input),
        "layers": [layer.as_dict() for layer in pipeline.network],
        "totals": {
            "parameters": totals.parameters,
            "trainable": trainable(pipeline),
            "macs": totals.macs,
            "bytes": totals.bytes,
        },
        "warnings": [str(problem) for problem in pipeline.warnings],
    }
