"""What the words of a command line name: documents, presets, runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_convnet.network import UserError, did_you_mean, listed, quoted

if TYPE_CHECKING:
    from napari_convnet.data import Contents
    from napari_convnet.document import Pipeline

PACKED = ".safetensors"
"""Suffix of weights that carry their document."""


def draft(name: str) -> Pipeline:
    """Read a document, or else a preset; it may have mistakes."""
    from napari_convnet.document import draft as read_draft
    from napari_convnet.document import open_text, preset_text, presets

    path = Path(name)
    names = [one.name for one in presets()]
    # A folder that maps were written to must not hide the preset of its name.
    if name in names and not path.is_file():
        return read_draft(preset_text(name))
    if (path / "document.yaml").is_file():
        path /= "document.yaml"
    if path.exists() or is_document(path) or path.name != name:
        return read_draft(*open_text(path))
    fix = did_you_mean(name, names, "napari-convnet presets lists those that there are")
    raise UserError(f"there is no file and no preset {quoted(name)}", fix)


def is_document(path: Path) -> bool:
    """Whether a file's name is that of a document, or of weights with their document."""
    return path.suffix.lower() in (".yaml", ".yml", PACKED)


def document_or_run(name: str) -> Pipeline:
    """Read a document, or that of a run with the weights that it trained."""
    if is_run(name):
        from napari_convnet.training import Run

        return Run(Path(name)).trained
    return draft(name).checked()


def image(name: str, accept: Sequence[str] = ()) -> Contents:
    """Read a file to compute on; `accept` says what may be approximated."""
    from napari_convnet.data import read_contents

    found = read_contents(name, accept=accept)
    return replace(found, name=found.name or Path(name).name)


def accepted(pipeline: Pipeline, words: Sequence[str] | None) -> tuple[str, ...]:
    """Give what may be approximated: what the document accepts, and ``--accept`` words.

    Raises
    ------
    UserError
        If there is nothing of the name to be accepted.
    """
    own = () if pipeline.data is None else pipeline.data.accept
    return tuple(dict.fromkeys((*own, *known(words))))


def known(words: Sequence[str] | None) -> tuple[str, ...]:
    """Give ``--accept`` words, each of which readers know."""
    from napari_convnet.document.vocabulary import ACCEPTED

    for word in words or ():
        if word not in ACCEPTED:
            near = did_you_mean(word, ACCEPTED, f"write {listed(ACCEPTED)}")
            raise UserError(f"nothing is called {quoted(word)} that could be accepted", near)
    return tuple(words or ())


def accepting(pipeline: Pipeline, words: Sequence[str] | None) -> Pipeline:
    """Let a document accept ``--accept`` words too: runs of it, which keep its text, do as well."""
    from napari_convnet.document import edit

    if not words:
        return pipeline
    value = f"[{', '.join(accepted(pipeline, words))}]"
    return pipeline.edited(edit.set_value(pipeline.text, "data.accept", value))


def is_run(name: str) -> bool:
    """Whether a name means a folder, which must be a run then, rather than a document."""
    from napari_convnet.document import presets

    path = Path(name)
    known = (path / "document.yaml").is_file() or name not in [one.name for one in presets()]
    return path.is_dir() and known


def write_json(path: Path, value: Any) -> None:
    """Write a value to a file, which is there when it is whole."""
    from napari_convnet.data.write import whole_file

    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
