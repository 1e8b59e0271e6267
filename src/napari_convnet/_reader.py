"""The door through which napari opens files: drag and drop, File > Open, ``napari FILE``.

Only what is read better here than by napari itself, which keeps ordinary pictures. Whatever a
reader found or did is shown, and kept in the layer's metadata.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from .data.contents import Contents
    from .data.orientation import Turn

LayerData: TypeAlias = tuple[Any, dict[str, Any], str]
Read: TypeAlias = "Callable[[str | Sequence[str]], list[LayerData] | list[tuple[None]]]"

# A recording is drawn this much wider than high.
_WIDE = 4

# A recording of more samples is shown coarser until it is zoomed into.
_LONG = 1 << 20

_PICTURES = (".png", ".jpg", ".jpeg", ".bmp")

# More series than these are listed instead of opened one and all.
_MOST_SERIES = 8

# Degrees from which a tilt is worth a word.
_LEAST_TILT = 0.1


def get_reader(path: str | Sequence[str]) -> Read | None:
    """Tell napari who reads `path`: `read`, or None for what is not ours.

    Nothing is decoded: a suffix decides, or a look at the first bytes of a file without one and of
    the files in a directory.
    """
    given = [path] if isinstance(path, str) else list(path)
    return read if len(given) == 1 and is_ours(given[0]) else None


def is_ours(path: str | Path) -> bool:
    """Whether this door opens a file or a directory: no pictures, no directories of pictures."""
    name = str(path).lower()
    if name.endswith(_PICTURES) or name.startswith(("http://", "https://", "ftp://")):
        return False
    from .data.contents import Choice
    from .data.readers import chosen, is_readable

    return is_readable(chosen(Path(path), Choice())[0])


def read(path: str | Sequence[str]) -> list[LayerData] | list[tuple[None]]:
    """Read a file or a directory as layers for napari, and show what was found in it.

    A file that cannot be read becomes a notification in napari's window, and no layer.

    Raises
    ------
    UserError
        If it cannot be read and there is no window to say so.
    """
    from .network import UserError

    given = path if isinstance(path, str) else path[0]
    try:
        found = layers(given)
    except UserError as error:
        if not _is_window():
            raise
        _show("error", str(error))
        # napari's word for: read, and there is nothing to add.
        return [(None,)]
    tell(found)
    show_upright()
    return found


def layers(path: str | Path, accept: Iterable[str] = ()) -> list[LayerData]:
    """Read a file or a directory as layers for napari: one, or one for each series of a folder.

    Parameters
    ----------
    path : str or Path
        ``FOLDER#2`` names the second of several series.
    accept : iterable of str
        What may be approximated; the messages that refuse to do it name the words.

    Raises
    ------
    UserError
        If it cannot be read.
    """
    from .data.readers import read_contents
    from .network import UserError

    path, accept = Path(path), tuple(accept)
    try:
        return [layer(read_contents(path, accept=accept), path)]
    except UserError:
        count = _series(path)
        if not 1 < count <= _MOST_SERIES:
            raise
    return _each_series(path, count, accept)


def layer(contents: Contents, path: Path | None = None) -> LayerData:
    """Make a layer for napari of what a file holds, in the order and direction people look at.

    No voxel changes its place. The metadata say how the file's axes were turned (``order``,
    ``flips``), where its first voxels lay (``file_affine``), and all notes.
    """
    contents, turn = _turned(contents)
    options: dict[str, Any] = {
        "name": _name(contents.name or (path.name if path else "")),
        "metadata": {
            "notes": tuple(str(note) for note in contents.notes),
            "warnings": tuple(str(note) for note in contents.notes if note.kind == "warning"),
            **turn,
        },
    }
    if contents.names:
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


def tell(found: Iterable[LayerData]) -> None:
    """Show the notes of layers as napari's notifications."""
    for _, options, _ in found:
        about = options["metadata"]
        warned = about["warnings"]
        noted = [note for note in about["notes"] if note not in warned]
        for kind, texts in (("info", noted), ("warning", warned)):
            if texts:
                _show(kind, f"{options['name']}: " + "\n".join(texts))


def show_upright() -> None:
    """Let napari's window, where there is one, show scans with the top of the head on top."""
    from napari import current_viewer

    from .viewer.upright import keep_upright

    viewer = current_viewer()
    if viewer is not None:
        keep_upright(viewer)


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
        # viewer.upright looks for it; importing that room here would take seconds.
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
    return turn.array(lazy.from_array(array, asarray=False))


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


# -- several series in one folder --


def _series(path: Path) -> int:
    """Count the series of a DICOM folder; 0 for all else."""
    from .data.contents import Choice
    from .data.dicom import is_dicom, series_of
    from .data.readers import chosen

    if chosen(path, Choice())[0] != path or not is_dicom(path):
        return 0
    return len(series_of(path))


def _each_series(path: Path, count: int, accept: tuple[str, ...]) -> list[LayerData]:
    """Read each series as a layer of its own; those that cannot be read are told of."""
    from .data.contents import Note
    from .data.readers import read_contents
    from .network import UserError

    found, refused = [], []
    for number in range(1, count + 1):
        try:
            contents = read_contents(path, series=number, accept=accept)
        except UserError as error:
            refused.append((number, error))
            continue
        told = Note(f"series #{number} of the {count} in {path}: each became a layer")
        notes = (told, *contents.notes)
        found.append(replace(contents, name=f"{contents.name} #{number}", notes=notes))
    if not found:
        raise refused[0][1]
    warned = tuple(Note(f"series #{number}: {error}", "warning") for number, error in refused)
    found[0] = replace(found[0], notes=(*found[0].notes, *warned))
    return [layer(contents, path) for contents in found]


# -- napari's notifications --


def _is_window() -> bool:
    """Whether somebody would see a notification."""
    from napari.utils.notifications import notification_manager

    return bool(notification_manager.notification_ready.callbacks)


def _show(kind: str, text: str) -> None:
    from napari.utils import notifications

    getattr(notifications, f"show_{kind}")(text)
