"""From what a file holds to layers for napari, in the order and direction people look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from .data.contents import Contents
    from .data.orientation import Turn

LayerData: TypeAlias = tuple[Any, dict[str, Any], str]
# A recording is drawn this much wider than high.
_WIDE = 4

# A recording of more samples is shown coarser until it is zoomed into.
_LONG = 1 << 20

# Degrees from which a tilt is worth a word.
_LEAST_TILT = 0.1


def layer(contents: Contents, path: Path | None = None) -> LayerData:
    """Make a layer for napari of what a file holds, in the order and direction people look at.

    No voxel changes its place. The metadata say how the file's axes were turned (``order``,
    ``flips``), where its first voxels lay (``file_affine``), and all notes.
    """
    import numpy as np

    contents, turn = _turned(contents)
    options: dict[str, Any] = {
        "name": _name(contents.name or (path.name if path else "")),
        "metadata": {
            "notes": tuple(str(note) for note in contents.notes),
            "warnings": tuple(str(note) for note in contents.notes if note.kind == "warning"),
            **turn,
        },
    }
    others = tuple((note.accept, note.otherwise) for note in contents.notes if note.accept)
    if others:
        options["metadata"]["otherwise"] = others
    if contents.targets:
        options["metadata"]["labels"] = np.array(contents.targets)
        options["metadata"]["classes"] = tuple(contents.names.values())
    elif contents.names:
        options["metadata"]["classes"] = dict(contents.names)
    if path is not None:
        options["metadata"]["path"] = str(path)
    placed = {"affine": contents.affine, "units": contents.units, "axis_labels": contents.axes}
    options |= {name: value for name, value in placed.items() if value is not None}
    if contents.labels and contents.array.dtype.kind in "biu":
        return contents.array, options | _of_labels(contents), "labels"
    options["rgb"] = bool(contents.rgb)
    if contents.limits is not None:
        options["contrast_limits"] = contents.limits
    if contents.inverted:
        options["colormap"] = "gray_r"
    if contents.axes == ("ear", "t") and contents.array.shape[1] > _LONG:
        return _coarser(contents.array), options | {"multiscale": True}, "image"
    return contents.array, options, "image"


def words(
    name: str, axis: str, size: tuple[int, int], labels: Sequence[int], classes: Sequence[str]
) -> LayerData:
    """Make a layer that writes above each image of a stack which class it is of.

    Parameters
    ----------
    name : str
        Of the stack's layer.
    axis : str
        Name of the axis that counts the images.
    size : tuple of int
        Height and width of an image.
    labels : sequence of int
        The class of each.
    classes : sequence of str
        Their names.
    """
    import numpy as np

    middle = np.broadcast_to((np.array(size) - 1) / 2, (len(labels), 2))
    centre = np.column_stack([np.arange(len(labels)), middle])
    text = {
        "name": f"{name}: labels",
        "features": {"label": np.array(classes)[np.asarray(labels)]},
        "text": {
            "string": "{label}",
            "size": 14,
            "color": "orange",
            "translation": (0, -round(size[0] * 4 / 7), 0),
        },
        # Only the words are to be seen. The dots are as wide as a picture with its label, because
        # napari fits the view to the layer that comes first.
        "size": round(max(size) * 9 / 7),
        "face_color": "transparent",
        "border_color": "transparent",
        "axis_labels": (axis, "y", "x"),
    }
    return centre, text, "points"


def _coarser(array: Any) -> list[Any]:
    """Add views of every 8th, 64th ... sample: napari draws as much as fits into the window.

    The whole of an hour would take it minutes.
    """
    levels = [array]
    while levels[-1].shape[1] > _LONG >> 6:
        levels.append(levels[-1][:, ::8])
    return levels


def _of_labels(contents: Contents) -> dict[str, Any]:
    """Name the classes where napari shows them (the status bar), and for those who train."""
    if not contents.names:
        return {}
    return {
        "features": {"index": list(contents.names), "class": list(contents.names.values())},
    }


def _turned(contents: Contents) -> tuple[Contents, dict[str, Any]]:
    """Bring a scan's axes closest to S, P, L, so that heads are upright in 2D views."""
    import numpy as np

    from .data.contents import Note
    from .data.orientation import Turn, canonical_turn, number, tilt_angle

    contents = _at_least_flat(_checked(contents))
    if contents.affine is None:
        return contents, {}
    array, affine = contents.array, contents.affine
    ndim = len(affine) - 1
    is_scan = contents.axes is not None and contents.axes[-3:] == ("z", "y", "x")
    turn = canonical_turn(affine) if is_scan else Turn(tuple(range(ndim)), (False,) * ndim)
    tilt = tilt_angle(affine)
    if tilt > _LEAST_TILT:
        text = (
            f"it lies tilted by {number(tilt)} degrees: napari's 2D view shows its slices "
            "straight, the 3D view as they lie"
        )
        contents = replace(contents, notes=(*contents.notes, Note(text)))
    units = contents.units and tuple(contents.units[axis] for axis in turn.order)
    told: dict[str, Any] = {
        "order": turn.order,
        "flips": turn.flips,
        "file_affine": np.array(affine),
    }
    if is_scan and contents.units is not None and contents.units[-3:] == ("mm",) * 3:
        # What `keep_upright` looks for.
        told["world"] = ("S", "P", "L")
    placed = turn.affine(affine, array.shape)
    if contents.axes == ("ear", "t"):
        seconds = float(affine[1, 1]) * array.shape[1]
        # Ears have no size of their own, and one second each would be too high or too flat.
        placed[0, 0] = told["ear_scale"] = seconds / (_WIDE * array.shape[0])
        told["drawn"] = f"each ear is drawn {placed[0, 0]:.3g} s high, so that it can be seen"
    turned = replace(contents, array=_seen(array, turn), affine=placed, units=units)
    return turned, told


def _seen(array: Any, turn: Turn) -> Any:
    import numpy as np

    if turn.is_identity or isinstance(array, np.ndarray):
        return turn.array(array)
    # A lazy array stays lazy; dask comes with napari.
    import dask.array

    lazy: Any = dask.array
    # Images in files of their own are read one by one.
    pieces = getattr(array, "chunks", None) if hasattr(array, "files") else None
    return turn.array(lazy.from_array(array, chunks=pieces or "auto", asarray=False))


def _checked(contents: Contents) -> Contents:
    """Refuse what no layer can show, and bring numbers into this machine's order of bytes."""
    from .data.values import check_kind

    check_kind(contents.array, contents.name or "the file")
    dtype = contents.array.dtype
    if dtype.isnative:
        return contents
    return replace(contents, array=contents.array.astype(dtype.newbyteorder("=")))


def _at_least_flat(contents: Contents) -> Contents:
    """Give a single row of numbers a second axis: napari shows nothing of fewer than two."""
    from .data.orientation import with_leading_axes

    if contents.array.ndim - bool(contents.rgb) > 1:
        return contents
    affine = contents.affine
    return replace(
        contents,
        array=contents.array[None],
        affine=None if affine is None else with_leading_axes(affine, 1),
        units=None if contents.units is None else ("pixel", *contents.units),
        axes=None if contents.axes is None else ("channel", *contents.axes),
    )


def _name(file: str) -> str:
    """Call a layer as its file, without the ending that tells the format."""
    from .data.readers import READERS

    endings = [end for reader in READERS.values() for end in reader.suffixes]
    endings += [".zarr", ".ome.zarr", ".ome.tif", ".ome.tiff"]
    for end in sorted(endings, key=len, reverse=True):
        if file.lower().endswith(end) and len(file) > len(end):
            return file[: -len(end)]
    return file
