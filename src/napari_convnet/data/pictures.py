"""Pictures (PNG, JPEG, BMP) and arrays of numpy (.npy)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..network.problems import UserError
from .contents import Choice, Contents, Header
from .label_values import labelled
from .values import value_notes

PICTURES = (".png", ".jpg", ".jpeg", ".bmp")
"""Endings of the files of pictures."""

_GRAY_MODES = {"1", "L", "LA", "I", "F"}  # Pillow's names; all others but RGBA have three bands


def read_picture(path: Path, _: Choice) -> Contents:
    """Read a picture: gray (y, x), or colours (y, x, 3 or 4)."""
    from PIL import Image

    _check_png_depth(path)
    with Image.open(path) as image:
        if image.mode == "LA":
            array = np.asarray(image.convert("L"))
        elif _is_gray(image.mode) or image.mode in {"RGB", "RGBA"}:
            array = np.asarray(image)
        else:
            # A palette's numbers are places in a list of colours, not gray levels.
            array = np.asarray(image.convert("RGB"))
    return Contents(array, rgb=array.ndim == 3, notes=value_notes(array), name=path.name)


def look_at_picture(path: Path, _: Choice) -> Header:
    """Read the shape of a picture."""
    from PIL import Image

    with Image.open(path) as image:
        size = (image.height, image.width)
        if _is_gray(image.mode):
            return Header(size, rgb=False)
        return Header((*size, 4 if image.mode == "RGBA" else 3), rgb=True)


def read_npy(path: Path, _: Choice) -> Contents:
    """Read an array; one of whole numbers whose name says so holds labels."""
    # Pickles run code when they are read.
    array: Any = np.load(path, allow_pickle=False)
    if not isinstance(array, np.ndarray):
        array.close()
        raise UserError(f"{path} holds several arrays (.npz)", "save the image alone as .npy")
    return labelled(Contents(array, notes=value_notes(array), name=path.name), path)


def look_at_npy(path: Path, _: Choice) -> Header:
    """Read the shape of an array."""
    return Header(np.load(path, mmap_mode="r", allow_pickle=False).shape)


def _is_gray(mode: str) -> bool:
    return mode in _GRAY_MODES or mode.startswith("I;16")


def _check_png_depth(path: Path) -> None:
    """Refuse colour PNG files with 16 bits: Pillow would drop the lower 8 without a word."""
    with path.open("rb") as file:
        head = file.read(26)
    # Signature, length, IHDR, width, height, then bit depth and colour type (PNG, section 11.2.2).
    if head[:4] == b"\x89PNG" and len(head) == 26 and head[24] == 16 and head[25] != 0:
        raise UserError(f"{path} is a PNG file with 16-bit colours", "save it as a TIFF file")
