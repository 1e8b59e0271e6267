"""Maps as pictures in colour, without a plotting library: lookup tables, thumbnails, PNG files."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .picture import Limits, colours, dead, limits, montage

if TYPE_CHECKING:
    from PIL.Image import Image as Picture
    from PIL.ImageFont import FreeTypeFont, ImageFont

    from .foreign import ForeignMaps
    from .lazy import FeatureMap, FeatureMaps

Array = NDArray[Any]
RGB = NDArray[np.uint8]

DIVERGING = (
    (0.08, 0.24, 0.62),
    (0.35, 0.60, 0.90),
    (0.97, 0.97, 0.97),
    (0.93, 0.50, 0.35),
    (0.60, 0.05, 0.10),
)
"""Blue, white at zero, red."""

SEQUENTIAL = (
    (0.001, 0.000, 0.014),
    (0.128, 0.047, 0.290),
    (0.340, 0.062, 0.429),
    (0.539, 0.134, 0.416),
    (0.733, 0.214, 0.332),
    (0.892, 0.350, 0.197),
    (0.977, 0.553, 0.038),
    (0.976, 0.791, 0.197),
    (0.988, 0.998, 0.645),
)
"""Black, violet, orange, yellow: inferno of Smith and van der Walt, at nine points."""

NOTHING = (90, 90, 90)
"""Gray of dead maps and of what is not a number: a colour of neither table."""

GAP = (210, 210, 210)
"""Lighter gray of what lies between maps and after the last one."""

PANEL = 340
"""Width of a layer in a sheet, in pixels."""

SHEET = 3
"""Panels beside each other in a sheet."""


@cache
def table(kind: str) -> RGB:
    """Make the (256, 3) table of ``diverging`` or ``sequential`` colours."""
    stops = np.array(DIVERGING if kind == "diverging" else SEQUENTIAL)
    at = np.linspace(0, len(stops) - 1, 256)
    columns = [np.interp(at, np.arange(len(stops)), stops[:, c]) for c in range(3)]
    return np.round(255 * np.stack(columns, 1)).astype(np.uint8)


def paint(array: ArrayLike, span: Limits | None = None) -> RGB:
    """Paint values in colours.

    Parameters
    ----------
    array : array-like
        Of any shape.
    span : (float, float), optional
        Values of the first and last colour; `limits` of the array if not given.

    Returns
    -------
    numpy.ndarray
        (..., 3) uint8. What is not a number is gray.
    """
    values = np.asarray(array, dtype=np.float64)
    low, high = limits(values) if span is None else span
    with np.errstate(invalid="ignore", over="ignore"):
        share = np.clip((values - low) / (high - low), 0, 1)
    missing = np.isnan(share)
    index = np.round(255 * np.where(missing, 0, share)).astype(np.intp)
    rgb = table(colours(low, high))[index]
    rgb[missing] = NOTHING
    return rgb


def thumbnail(map2d: ArrayLike, size: int = 96, span: Limits | None = None) -> RGB:
    """Make a small picture of a map.

    Parameters
    ----------
    map2d : array-like
        (y, x).
    size : int
        Pixels of the longer side; the other keeps the proportions.
    span : (float, float), optional
        Values of the first and last colour; those of the map if not given.

    Returns
    -------
    numpy.ndarray
        (h, w, 3) uint8. A dead map is gray and crossed out.
    """
    array = np.asarray(map2d, dtype=np.float64)
    height, width = array.shape
    longer = max(height, width)
    shape = (max(1, round(size * height / longer)), max(1, round(size * width / longer)))
    if array.size > 1 and dead(array[None])[0]:
        return crossed(shape)
    return paint(scaled(array, shape), limits(array) if span is None else span)


def scaled(array: Array, shape: tuple[int, int]) -> Array:
    """Bring (y, x) to another shape: pixels are repeated, or averaged where they get fewer."""
    for axis, (n, m) in enumerate(zip(array.shape, shape, strict=True)):
        starts = np.arange(m) * n // m
        if m >= n:
            array = np.take(array, starts, axis)
        else:
            counts = np.diff([*starts, n]).reshape((-1, 1) if axis == 0 else (1, -1))
            array = np.add.reduceat(array, starts, axis) / counts
    return array


def crossed(shape: tuple[int, int]) -> RGB:
    """Draw the mark of a dead map: gray with a diagonal cross."""
    rgb = np.full((*shape, 3), NOTHING, np.uint8)
    y, x = np.mgrid[: shape[0], : shape[1]] / np.maximum(1, np.array(shape) - 1).reshape(2, 1, 1)
    width = 1.5 / max(shape)
    rgb[(np.abs(y - x) < width) | (np.abs(y + x - 1) < width)] = 150
    return rgb


def save_png(path: str | Path, rgb: RGB) -> None:
    """Write a picture (h, w, 3) uint8 as a PNG file."""
    from PIL import Image

    Image.fromarray(np.ascontiguousarray(rgb)).save(path, format="PNG")


def paint_montage(
    maps: ArrayLike, span: Limits | None = None, columns: int | None = None, gap: int = 1
) -> RGB:
    """Paint all maps of a layer side by side, dead ones gray.

    Parameters
    ----------
    maps : array-like
        (C, [z,] y, x), (C, n) or (N,).
    span : (float, float), optional
        Values of the first and last colour; those of the layer if not given.
    columns, gap : int, optional
        As for `montage`.

    Returns
    -------
    numpy.ndarray
        (h, w, 3) uint8.
    """
    array = np.array(maps, dtype=np.float64)
    span = limits(array) if span is None else span
    between = np.isnan(montage(np.zeros(array.shape), columns, gap))
    array[dead(array)] = np.nan
    rgb = paint(montage(array, columns, gap), span)
    rgb[between] = GAP
    return rgb


def montage_png(
    feature_maps: FeatureMaps | ForeignMaps, path: str | Path, layers: Collection[str] | None = None
) -> None:
    """Write a sheet with the maps of every layer, each with its name, as a PNG file.

    Parameters
    ----------
    feature_maps : FeatureMaps
        The maps; of volumes the middle slice is shown.
    path : str or Path
        The file.
    layers : collection of str, optional
        Names of layers; all if not given.
    """
    panels = [_panel("input", _middle_of_input(feature_maps))]
    for name in feature_maps if layers is None else layers:
        m = feature_maps[name]
        panels.append(_panel(_title(m), _middle(m)))
    _arranged(panels).save(path, format="PNG")


def _middle_of_input(feature_maps: FeatureMaps | ForeignMaps) -> Array:
    shape = feature_maps.source.shape
    box = tuple((0, n) for n in shape[1:])
    if len(box) == 3:
        middle = shape[1] // 2
        return feature_maps.source.read(((middle, middle + 1), *box[1:]))[:, 0]
    return feature_maps.source.read(box)


def _middle(m: FeatureMap) -> Array:
    """Give the maps of a layer, of volumes the middle slice only."""
    return np.asarray(m[:, m.shape[1] // 2] if m.ndim == 4 else m)


def _title(m: FeatureMap) -> str:
    return f"{m.name}  {m.op}  {'x'.join(map(str, m.shape))}"


def _panel(title: str, maps: Array) -> Picture:
    """Draw the maps of a layer, their name above and their values below."""
    from PIL import Image, ImageDraw

    span = limits(maps)
    picture = _panel_picture(maps, span)
    count = int(dead(maps).sum())
    below = f"{span[0]:.3g} to {span[1]:.3g}" + (f", {count} dead" if count else "")
    panel = Image.new("RGB", (PANEL, picture.height + 40), "white")
    panel.paste(picture, (0, 20))
    draw = ImageDraw.Draw(panel)
    draw.text((0, 2), title, fill="black", font=_font(13))
    draw.text((0, picture.height + 23), below, fill=(90, 90, 90), font=_font(11))
    return panel


def _panel_picture(maps: Array, span: Limits) -> Picture:
    """Paint all maps of a layer, as wide or high as a panel."""
    from PIL import Image

    if maps.ndim < 3:
        # A strip: its rows are features, not pixels, and need not be square.
        strip = Image.fromarray(paint_montage(maps, span))
        box = Image.Resampling.BOX
        return strip.resize((PANEL, min(max(6 * strip.height, 24), PANEL)), box)
    longer = max(montage(maps).shape)
    if longer > PANEL:
        grid = Image.fromarray(paint_montage(maps, span))
        size = (max(1, n * PANEL // longer) for n in grid.size)
        return grid.resize(tuple(size), Image.Resampling.BOX)
    # Whole factors keep all pixels of a small map equally large; gaps stay narrow.
    factor = PANEL // longer
    large = maps.repeat(factor, -2).repeat(factor, -1)
    return Image.fromarray(paint_montage(large, span, gap=2))


def _arranged(panels: list[Picture]) -> Picture:
    """Lay panels out in rows, left to right and top to bottom."""
    from PIL import Image

    space = 16
    rows = [panels[i : i + SHEET] for i in range(0, len(panels), SHEET)]
    heights = [max(panel.height for panel in row) + space for row in rows]
    columns = min(SHEET, len(panels))
    sheet = Image.new("RGB", (columns * (PANEL + space) + space, sum(heights) + space), "white")
    for i, row in enumerate(rows):
        for j, panel in enumerate(row):
            sheet.paste(panel, (space + j * (PANEL + space), space + sum(heights[:i])))
    return sheet


@cache
def _font(size: int) -> FreeTypeFont | ImageFont:
    from PIL import ImageFont

    return ImageFont.load_default(size)
