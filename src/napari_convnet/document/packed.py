"""Weights that carry their document: one file that is a whole network.

A safetensors file begins with the length of its header in eight bytes, then the header as JSON,
where a mapping of texts to texts may stand beside the tensors. The document is one of these. It is
read here without the tensors, and without torch; nothing in the file can run.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import BinaryIO

from napari_convnet.network import UserError

from . import edit
from .nodes import MOST_BYTES
from .pipeline import read_text

SUFFIX = ".safetensors"

KEY = "document"
"""What the header calls the document."""

MOST_HEADER = 100_000_000
"""Longest header of the format, in bytes."""


def open_text(path: str | os.PathLike[str]) -> tuple[str, Path | None]:
    """Read the text of a document's file, or that which a weights file carries.

    Parameters
    ----------
    path : path
        A ``.yaml`` file, or a ``.safetensors`` file that was exported with its document.

    Returns
    -------
    text : str
        The document. One from a weights file names that file under ``weights:``.
    path : Path or None
        The document's own file; None where it came with weights, so that saving it asks for one.

    Raises
    ------
    UserError
        Where there is no such file, or no document in it.
    """
    path = Path(path)
    if path.suffix.lower() != SUFFIX or path.is_dir():
        return read_text(path), path
    return edit.set_value(packed_text(path), "weights", str(path.resolve())), None


def packed_text(path: Path) -> str:
    """Read the document that a weights file carries.

    Raises
    ------
    UserError
        Where there is no such file, or no document in it.
    """
    try:
        with path.open("rb") as file:
            header = _header(file, path.stat().st_size)
    except FileNotFoundError:
        raise UserError(f"there is no file {path}", "check its name and folder") from None
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None
    if header is None:
        raise UserError(f"{path} is no weights file", "weights are read from .safetensors files")
    metadata = header.get("__metadata__")
    text = metadata.get(KEY) if isinstance(metadata, dict) else None
    if not isinstance(text, str):
        raise UserError(
            f"{path} holds weights without a document",
            f"give a document that names it: weights: {path.name}",
        )
    if len(text) > MOST_BYTES:
        raise UserError(f"the document in {path} has {len(text):,} characters", "is this it?")
    return text


def _header(file: BinaryIO, size: int) -> dict[str, object] | None:
    """Read the header; None where there is none."""
    length = int.from_bytes(file.read(8), "little")
    if not 2 <= length <= min(MOST_HEADER, size - 8):
        return None
    try:
        found = json.loads(file.read(length))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
