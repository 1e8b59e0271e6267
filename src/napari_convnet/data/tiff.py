"""TIFF files, with the distances of pixels that ImageJ and OME write into them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..network.problems import UserError
from .contents import Choice, Contents, Header, Note
from .hearing import listening
from .label_values import labelled
from .settings import Shape
from .values import AnyArray, value_notes

_NAMES = {"T": "t", "C": "channel", "Z": "z", "Y": "y", "X": "x"}

# How programs write units, and how napari reads them.
_UNITS = {
    "µm": "um", "μm": "um", "\\u00b5m": "um", "micron": "um", "microns": "um", "micrometer": "um",
    "millimeter": "mm", "nanometer": "nm", "centimeter": "cm", "meter": "m", "sec": "s",
    "inches": "inch", "pixels": "pixel", "": "pixel",
}  # fmt: skip


def read_tiff(path: Path, choice: Choice) -> Contents:
    """Read the first series of a TIFF file."""
    from tifffile import TiffFile, logger

    with listening(logger()) as heard, TiffFile(path) as file:
        series = _first(path, file)
        letters = series.axes
        samples = _samples_axis(letters)
        steps, notes = _steps(file)
        more = len(file.series) - 1
        try:
            array = np.asarray(series.asarray())
        except ValueError as error:
            if "imagecodecs" not in str(error):
                raise
            array = _read_compressed(path, tuple(series.shape), series.dtype)
    notes += [Note(f"the file is damaged in part: {text}", "warning") for text in heard]
    if more:
        notes.append(Note(f"the file holds {more} more images of another size: not read"))
    rgb = False
    if samples is not None:
        array = np.moveaxis(array, samples, -1)
        rgb = array.shape[-1] in {3, 4}
    contents = Contents(array, rgb=rgb, notes=(*notes, *value_notes(array)), name=path.name)
    if samples is not None and not rgb:
        return contents
    return labelled(_placed(contents, letters.replace("S", ""), steps), path)


def look_at_tiff(path: Path, choice: Choice) -> Header:
    """Read the shape of a TIFF file's first series."""
    from tifffile import TiffFile, logger

    with listening(logger()), TiffFile(path) as file:
        series = _first(path, file)
        shape = list(series.shape)
        samples = _samples_axis(series.axes)
    if samples is None:
        return Header(tuple(shape), rgb=False)
    shape.append(shape.pop(samples))
    return Header(tuple(shape), rgb=shape[-1] in {3, 4})


def _first(path: Path, file: Any) -> Any:
    if not file.series:
        raise UserError(f"{path} is damaged: it holds no image", "save it again")
    return file.series[0]


def _samples_axis(axes: str) -> int | None:
    """Place of the colours among tifffile's letters for axes, such as "YXS"."""
    return axes.index("S") if "S" in axes else None


def _read_compressed(path: Path, shape: Shape, dtype: Any) -> AnyArray:
    """Let Pillow decompress (LZW, JPEG) what tifffile alone does not.

    Only where the result has the shape and type that tifffile announces: Pillow cuts deep colours
    down to 8 bits without a word.
    """
    from PIL import Image, ImageSequence

    with Image.open(path) as image:
        frames = [np.asarray(frame) for frame in ImageSequence.Iterator(image)]
    if len({frame.shape for frame in frames}) == 1:
        array = np.stack(frames) if len(frames) > 1 else frames[0]
        if array.shape == shape and array.dtype == dtype:
            return array
    raise UserError(
        f"{path} is compressed in a way that needs the package imagecodecs",
        "pip install imagecodecs, or save the file uncompressed",
    )


# -- distances --

Step = tuple[float, str]


def _placed(contents: Contents, letters: str, steps: Mapping[str, Step]) -> Contents:
    """Give an array the distances of its axes, where the file says any."""
    if not steps:
        return contents
    # An axis that the file does not name keeps its letter.
    axes = tuple(_NAMES.get(letter, letter.lower()) for letter in letters)
    found = [steps.get(letter, (1.0, "pixel")) for letter in letters]
    return Contents(
        contents.array,
        rgb=contents.rgb,
        affine=np.diag([*(size for size, _ in found), 1.0]),
        units=tuple(unit for _, unit in found),
        axes=axes,
        notes=contents.notes,
        name=contents.name,
    )


def _steps(file: Any) -> tuple[dict[str, Step], list[Note]]:
    """Read the distance and the unit along each axis, by its letter."""
    if file.is_imagej:
        given = _imagej_steps(file)
    elif file.is_ome:
        given = _ome_steps(file)
    else:
        return {}, []
    good = {letter: step for letter, step in given.items() if 0 < step[0] < math.inf}
    notes = [
        Note(
            f"the file gives a distance of {size:g} along {_NAMES[letter]}: 1 was taken", "warning"
        )
        for letter, (size, _) in given.items()
        if letter not in good
    ]
    return good, notes


def _imagej_steps(file: Any) -> dict[str, Step]:
    said = file.imagej_metadata or {}
    unit = _unit(said.get("unit", ""))
    page = file.pages[0].tags
    steps: dict[str, Step] = {}
    for letter, tag in (("X", "XResolution"), ("Y", "YResolution")):
        if tag in page and unit != "pixel":
            pixels, length = page[tag].value
            steps[letter] = (length / pixels if pixels else math.nan, unit)
    if "spacing" in said:
        steps["Z"] = (
            _float(said["spacing"]),
            _unit(said.get("zunit", "")) if "zunit" in said else unit,
        )
    if _float(said.get("finterval", 0)) > 0:
        steps["T"] = (_float(said["finterval"]), _unit(said.get("tunit", "s")))
    return steps


def _ome_steps(file: Any) -> dict[str, Step]:
    from tifffile import xml2dict

    try:
        image = xml2dict(file.ome_metadata)["OME"]["Image"]
        pixels = (image[0] if isinstance(image, list) else image)["Pixels"]
    except (KeyError, IndexError, TypeError, ValueError, SyntaxError):
        return {}  # tifffile has read the array by other means
    steps: dict[str, Step] = {}
    for letter in "XYZ":
        if f"PhysicalSize{letter}" in pixels:
            unit = _unit(str(pixels.get(f"PhysicalSize{letter}Unit", "um")))
            steps[letter] = (_float(pixels[f"PhysicalSize{letter}"]), unit)
    if "TimeIncrement" in pixels:
        unit = _unit(str(pixels.get("TimeIncrementUnit", "s")))
        steps["T"] = (_float(pixels["TimeIncrement"]), unit)
    return steps


def _unit(text: Any) -> str:
    plain = str(text).strip().strip('"')
    return _UNITS.get(plain.lower(), plain)


def _float(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan
