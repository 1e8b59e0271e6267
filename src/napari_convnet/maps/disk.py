"""Feature maps as files: one array per layer, and what each is and where it lies."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_convnet.network import UserError

if TYPE_CHECKING:
    from .foreign import ForeignMaps
    from .lazy import FeatureMap, FeatureMaps

_DEVICES = {"con", "prn", "aux", "nul"} | {f"{n}{i}" for n in ("com", "lpt") for i in range(10)}
"""Names that Windows keeps for itself, whatever the suffix."""


def maps_to_disk(
    maps: FeatureMaps | ForeignMaps, folder: str | Path, layers: Collection[str] | None = None
) -> Path:
    """Write the whole maps of layers into a folder, in one pass through the network.

    Parameters
    ----------
    maps : FeatureMaps
        The maps.
    folder : str or Path
        Made where it is missing; files of the same names are replaced.
    layers : collection of str, optional
        Names of layers; all if not given.

    Returns
    -------
    Path
        The folder's ``maps.json``: ``input`` (shape, affine, axes, units) and ``layers``, a list
        with, for each, ``name``, ``op``, ``file`` (a ``.npy`` of shape (C, *spatial)), ``shape``,
        ``dtype``, ``scale``, ``translate``, ``affine``, ``axes``, ``units``, ``receptive_field``.
        What has no place, or no scale and translate that say all of it, is null.

    Raises
    ------
    UserError
        If the folder cannot be written, or a layer is unknown.
    """
    chosen = [maps[name].name for name in (maps if layers is None else layers)]
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, array in maps.stream(chosen):
            np.save(folder / file_name(name), array)
        index = folder / "maps.json"
        described = [_described(m) for name, m in maps.items() if name in chosen]
        text = json.dumps({"input": _input(maps), "layers": described}, indent=1, allow_nan=False)
        index.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write maps to {folder}: {error.strerror or error}") from None
    return index


def file_name(layer: str) -> str:
    """Name the file of a layer's maps.

    Examples
    --------
    >>> file_name("c1.conv"), file_name("aux")
    ('c1.conv.npy', 'aux_.npy')
    """
    first, *rest = layer.split(".")
    if first.lower() in _DEVICES:
        first += "_"
    return ".".join([first, *rest, "npy"])


def _input(maps: FeatureMaps | ForeignMaps) -> dict[str, Any]:
    source = maps.source
    return {
        "name": source.name,
        "shape": list(source.shape),
        "affine": source.affine.tolist(),
        "axes": list(source.axes),
        "units": list(source.units),
    }


def _described(m: FeatureMap) -> dict[str, Any]:
    field = m.layer.receptive_field
    return {
        "name": m.name,
        "op": m.op,
        "file": file_name(m.name),
        "shape": list(m.shape),
        "dtype": str(m.dtype),
        "scale": _list(m.scale),
        "translate": _list(m.translate),
        "affine": _list(m.affine),
        "axes": list(m.axes) if m.affine is not None else None,
        "units": list(m.units) if m.affine is not None else None,
        "receptive_field": None if field is None else list(field),
    }


def _list(array: NDArray[np.float64] | None) -> list[Any] | None:
    return None if array is None else array.tolist()
