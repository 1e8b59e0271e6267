"""The command that writes a network for other programs."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from napari_convnet.network import UserError

from . import named
from .app import DocOrRun, app


class Format(StrEnum):
    """What a run can be exported to."""

    PYTHON = "python"
    TORCH = "torch"
    ONNX = "onnx"


@app.command()
def export(
    run: DocOrRun,
    to: Annotated[Format, typer.Option(help="The form to write.")],
) -> None:
    """Write a trained network for other programs."""
    named.document_or_run(run)
    raise UserError(
        f"export to {to.value} is not built yet",
        "a run's weights are in checkpoints/*.safetensors, which most programs read",
    )
