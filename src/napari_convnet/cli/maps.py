"""The command that writes feature maps."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from . import named
from .app import Accept, AsJson, Device, DocOrRun, InputFile, app, print_json


@app.command()
def maps(
    doc: DocOrRun,
    image: InputFile,
    output: Annotated[str, typer.Option("-o", "--output", help="Folder to write to.")],
    layer: Annotated[
        list[str] | None, typer.Option(help="Name of a layer; may be given again. All otherwise.")
    ] = None,
    accept: Accept = None,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Write what layers see of an image: one .npy each, and maps.json with their places."""
    from napari_convnet.data import read_sample
    from napari_convnet.maps import feature_maps, maps_to_disk

    pipeline = named.document_or_run(doc)
    sample = read_sample(image, pipeline.input, accept=named.accepted(pipeline, accept))
    found = feature_maps(pipeline, sample, device=device, layers=layer or None)
    written = maps_to_disk(found, Path(output))
    if as_json:
        print_json(json.loads(written.read_text(encoding="utf-8")))
    else:
        print(f"wrote the maps of {len(found)} layers to {output}")
    for note in sample.notes:
        print(note, file=sys.stderr)
    for problem in found.problems.values():
        print(f"left out: {problem}", file=sys.stderr)
