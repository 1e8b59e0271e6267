"""Writing texts: whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from napari_convnet.network import UserError


def write_text(path: Path, text: str) -> None:
    """Write a text so that the file is never half written.

    Raises
    ------
    UserError
        Where it cannot be written; an older file is left as it was.
    """
    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.replace(temporary, path)
    except OSError as error:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)
        raise UserError(
            f"cannot write {path}: {error.strerror or error}", "choose another folder"
        ) from None
