"""Prepared scans beyond what should stay in memory: in files that nobody sees, read as needed."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..network.problems import UserError
from .dense import Scan

IN_MEMORY = 4 << 30
"""Bytes of prepared scans that are kept in memory; what comes after them goes to disk."""


def size_of(scan: Scan) -> int:
    """Bytes of a scan's arrays."""
    same = scan.target is scan.image
    return int(scan.image.nbytes + (0 if same else scan.target.nbytes))


def on_disk(scan: Scan) -> Scan:
    """Move a scan's arrays to a file that goes when they do.

    Raises
    ------
    UserError
        If there is no room for it.
    """
    image = _stored(scan.image)
    target = image if scan.target is scan.image else _stored(scan.target)
    return replace(scan, image=image, target=target)


def _stored(array: NDArray[Any]) -> NDArray[Any]:
    try:
        with tempfile.TemporaryFile() as file:
            array.tofile(file)
            file.flush()
            # The mapping keeps the file alive when it is closed, and is the last to do so.
            return np.memmap(file, array.dtype, "r", shape=array.shape)
    except OSError as error:
        folder = tempfile.gettempdir()
        what = f"no room for {array.nbytes / 2**30:.1f} GB of prepared scans in {folder}"
        raise UserError(f"{what} ({error.strerror or error})", "free some, or set TMPDIR") from None
