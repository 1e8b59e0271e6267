"""The commands that look at documents: nothing is computed, and no torch is imported."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_convnet.network import Layer, Network, Problem, Spacing, UserError, seen

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
    spacing: Annotated[
        str,
        typer.Option(metavar="MM", help="Size of a voxel, such as 3x1x1: receptive fields in mm."),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Print layers, shapes, parameters and receptive fields."""
    pipeline = named.draft(doc)
    if given:
        from napari_convnet.document import edit

        pipeline = pipeline.edited(edit.set_value(pipeline.text, "input", given))
    steps = _spacing(pipeline, spacing) if spacing else None
    if why:
        _explain(pipeline, why, steps, as_json)
    elif as_json:
        print_json(_description(pipeline.checked(), steps))
    else:
        if pipeline.network.layers:
            print_table(pipeline, depth or 0, steps)
        _warn(pipeline)
    pipeline.checked()


def _spacing(pipeline: Pipeline, text: str) -> Spacing:
    """Read the size of a voxel: one number for all axes, or one for each, slices first."""
    from napari_convnet.document.cutting import parse_spacing

    given = pipeline.network.input
    axes = len(given.sizes) + given.slices
    try:
        steps = parse_spacing(text)
    except ValueError as error:
        what, _, fix = str(error).partition("; ")
        raise UserError(what, fix) from None
    if len(steps) not in (1, axes):
        what = f"the spacing {text} has {len(steps)} numbers, and the input {given} {axes} axes"
        raise UserError(what, "write one number for all axes, or one for each")
    return Spacing(steps * (axes if len(steps) == 1 else 1), ("mm",) * axes)


def _explain(pipeline: Pipeline, name: str, spacing: Spacing | None, as_json: bool) -> None:
    from .why import print_why, why_as_dict

    if as_json:
        print_json(why_as_dict(pipeline, name, spacing))
    else:
        print_why(pipeline, name, spacing)


def _layer(network: Network, layer: Layer, spacing: Spacing | None) -> dict[str, Any]:
    """Give a layer as values for JSON; its receptive field in mm too, where that is asked for."""
    found = layer.as_dict()
    sizes = seen(network, layer)
    if spacing is not None:
        found["receptive_field_mm"] = list(spacing.extent(sizes)) if sizes else None
    return found


def _description(pipeline: Pipeline, spacing: Spacing | None) -> dict[str, Any]:
    totals = pipeline.network.totals
    return {
        "title": pipeline.title,
        "input": list(pipeline.input),
        "layers": [_layer(pipeline.network, layer, spacing) for layer in pipeline.network],
        "totals": {
            "parameters": totals.parameters,
            "trainable": trainable(pipeline),
            "macs": totals.macs,
            "bytes": totals.bytes,
        },
        "warnings": [str(problem) for problem in pipeline.warnings],
    }
