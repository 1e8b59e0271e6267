"""The command that writes a network for other programs."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from napari_convnet.network import UserError

from . import named
from .app import app


class Format(StrEnum):
    """What a network can be exported to."""

    PYTHON = "python"
    TORCH = "torch"
    ONNX = "onnx"
    SAFETENSORS = "safetensors"


SUFFIXES = {
    Format.PYTHON: ".py",
    Format.TORCH: ".pt",
    Format.ONNX: ".onnx",
    Format.SAFETENSORS: ".safetensors",
}


@app.command()
def export(
    source: Annotated[
        str,
        typer.Argument(metavar="RUN|DOC|PRESET", help="A run, a pipeline, or a preset's name."),
    ],
    to: Annotated[
        Format,
        typer.Option(
            help="python: a file that needs torch only, and its weights. torch: a state dict. "
            "onnx. safetensors: weights and document in one file."
        ),
    ],
    output: Annotated[
        str, typer.Option("-o", "--output", help="The file to write; else named after the source.")
    ] = "",
) -> None:
    """Write a network with its weights for other programs."""
    pipeline = named.document_or_run(source)
    target = _target(source, to, output)
    from napari_convnet.model import export as write

    writers: dict[Format, Callable[..., object]] = {
        Format.PYTHON: write.save_python,
        Format.TORCH: write.save_torch,
        Format.ONNX: write.save_onnx,
        Format.SAFETENSORS: write.save_network,
    }
    found = writers[to](pipeline, target)
    written = [str(path) for path in found] if isinstance(found, tuple) else [str(target)]
    print(f"wrote {' and '.join(written)}")


def _target(source: str, to: Format, output: str) -> Path:
    """Choose the file to write; one that is not asked for by name is not written over."""
    suffix = SUFFIXES[to]
    if output:
        path = Path(output)
        return path if path.suffix == suffix else path.with_name(path.name + suffix)
    name = Path(source).name
    stem = Path(name).stem if named.is_document(Path(name)) else name
    if to is Format.PYTHON:
        stem = re.sub(r"\W", "_", stem)
    path = Path(stem + suffix)
    others = [path.with_suffix(SUFFIXES[Format.SAFETENSORS])] if to is Format.PYTHON else []
    for one in (path, *others):
        if one.exists():
            raise UserError(f"{one} exists already", "name the file to write: -o FILE")
    return path
