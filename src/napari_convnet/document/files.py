"""Writing texts: whole or not at all."""

from __future__ import annotations

import os
import shutil
import uuid
from contextlib import suppress
from pathlib import Path

from napari_convnet.network import UserError


def write_text(path: Path, text: str) -> None:
    """Write a text so that the file is never half written.

    Raises
    ------
    UserError
        Where it cannot be written; an older file is left as it was.
    """
    # Not a temporary file of the library's, which nobody else may read.
    temporary = path.with_name(f".{path.name}-{uuid.uuid4().hex}")
    try:
        with temporary.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
        if path.exists():
            shutil.copymode(path, temporary)
        os.replace(temporary, path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise UserError(
            f"cannot write {path}: {error.strerror or error}", "choose another folder"
        ) from None
