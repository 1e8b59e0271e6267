"""The command that measures a trained network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from napari_convnet.network import UserError

from . import named
from .app import AsJson, Device, DocOrRun, app, print_json


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
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Measure a network on the data held out, or on other ones."""
    from napari_convnet.training import evaluate as measure

    found = measure(named.document_or_run(run), _examples(run, data, labels), device)
    if as_json:
        print_json(found.as_dict())
    else:
        print(found)


def _examples(run: str, data: str | None, labels: str | None) -> Any:
    """Read other data as the document would read its own."""
    if data is None:
        if labels is not None:
            raise UserError("--labels without images", "name the images too: evaluate RUN IMAGES")
        return None
    from napari_convnet.data import SOURCES, load_examples
    from napari_convnet.document import Data
    from napari_convnet.training import Run
    from napari_convnet.training.evaluation import undivided

    pipeline = named.document_or_run(run)
    own = pipeline.data or Data()
    where = {"source": data} if data in SOURCES else {"images": str(Path(data).resolve())}
    if labels is not None:
        where["labels"] = str(Path(labels).resolve())
    # The numbers of classes are those that were trained, whatever folders there are here.
    classes = Run(Path(run)).classes if named.is_run(run) else own.classes
    other = own.model_copy(
        update={"source": "", "images": "", "labels": "", "classes": classes, **where}
    )
    sections = pipeline.sections.model_copy(update={"data": other})
    return load_examples(undivided(replace(pipeline, sections=sections)))
