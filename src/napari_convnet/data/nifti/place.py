"""Where a NIfTI file says that its voxels lie: once, twice or never."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ...network.problems import UserError
from ..contents import Choice, Note, Refusal
from ..orientation import (
    Matrix,
    describe,
    farthest,
    is_usable,
    nibabel_to_napari,
    number,
    shear_angle,
    voxel_size,
)

Q_FORM = "q-form"
"""Accepting it reads a file that is placed twice by its q-form."""

# How far voxel sizes may differ, as a part of them, by rounding alone.
_ROUNDED = 1e-3

_IN_MM = {"meter": 1000.0, "mm": 1.0, "micron": 0.001}


def placed(path: Path, image: Any, choice: Choice) -> tuple[Matrix, tuple[Note, ...]]:
    """Take the place from the form that nibabel takes it from, and tell what else there is.

    Returns
    -------
    numpy.ndarray
        4x4, index (z, y, x) to the world (S, P, L) in mm.
    tuple of Note
        What the header says beside it.

    Raises
    ------
    UserError
        If there is no usable place, or the s-form is damaged and the q-form not accepted.
    """
    header = image.header
    shape = (*image.shape, 1, 1)[:3]
    scale, unit_notes = _scale(header)
    named = _forms(header)
    forms = {name: _scaled(form, scale) for name, form in named.items() if form is not None}
    notes = list(unit_notes)
    if not named:
        affine = _scaled(nibabel_to_napari(image.affine), scale)
        notes.append(_no_form(affine))
        used = "voxel size"
    else:
        used = _used(path, named, forms, choice)
        affine = forms[used]
    if not is_usable(affine):
        raise UserError(f"{path} has no usable place: the {used} in its header is damaged")
    usable = {name: form for name, form in forms.items() if is_usable(form)}
    damaged = [name for name in named if name not in usable]
    notes += [
        Note(f"the {name} in the header is damaged; the {used} was used", "warning")
        for name in damaged
    ]
    notes += _disagreement(shape, used, usable)
    notes += _size_notes(header, used, affine, scale)
    if shear_angle(affine) > 0.01:
        notes.append(
            Note(
                f"the scan is sheared ({describe(affine)}): it is kept as it is; programs built on "
                "ITK refuse such a NIfTI file",
                "warning",
            )
        )
    return affine, tuple(notes)


def _forms(header: Any) -> dict[str, Matrix | None]:
    """Return the forms that the header claims to have, None where one cannot be computed."""
    found: dict[str, Matrix | None] = {}
    for name, code, get in (
        ("s-form", "sform_code", "get_sform"),
        (Q_FORM, "qform_code", "get_qform"),
    ):
        if int(header.get(code, 0)) != 0:
            try:
                found[name] = nibabel_to_napari(getattr(header, get)())
            except Exception:  # a quaternion longer than 1, and whatever else nibabel refuses
                found[name] = None
    return found


def _used(
    path: Path, named: dict[str, Matrix | None], forms: dict[str, Matrix], choice: Choice
) -> str:
    usable = [name for name in forms if is_usable(forms[name])]
    if Q_FORM in choice.accept and Q_FORM in usable:
        return Q_FORM
    first = next(iter(named))
    if first in usable:
        return first
    what = (
        f"the {first} of {path}, which says where the voxels lie, is damaged: it flattens the scan "
        "or has numbers that are none"
    )
    if Q_FORM in usable:
        fix = "correct the header with another program"
        raise Refusal(what, fix, Q_FORM, "read it by its q-form", "it is placed by its q-form")
    raise UserError(what, "correct the header with another program")


def _disagreement(shape: tuple[int, ...], used: str, forms: dict[str, Matrix]) -> list[Note]:
    if len(forms) < 2:
        return []
    first, second = forms.values()
    apart = farthest(shape, first, second)
    if apart <= 0.01 * min(voxel_size(first)):
        return []
    sides = ""
    if np.linalg.det(first[:3, :3]) * np.linalg.det(second[:3, :3]) < 0:
        sides = "; one mirrors the other, so that left and right are in doubt"
    both = ", ".join(f"{name}: {_told(form)}" for name, form in forms.items())
    otherwise = (
        f'some programs, such as those built on ITK, may use the other (here: accept "{Q_FORM}")'
        if used != Q_FORM
        else "as was asked for; nibabel uses the s-form"
    )
    text = (
        f"the file says twice where it lies, and the two are up to {number(apart)} mm apart "
        f"({both}){sides}. The {used} was used; {otherwise}"
    )
    if used == Q_FORM:
        return [Note(text, "warning")]
    return [Note(text, "warning", Q_FORM, "by its q-form")]


def _told(affine: Matrix) -> str:
    at = ", ".join(number(value) for value in affine[:3, 3])
    return f"{describe(affine)}, first voxel at {at}"


def _no_form(affine: Matrix) -> Note:
    return Note(
        "the file does not say where it lies (neither s-form nor q-form): it was centred and read "
        f"with x from right to left, as nibabel does ({describe(affine)}). Left and right are not "
        "known, and programs built on ITK place it elsewhere",
        "warning",
    )


def _size_notes(header: Any, used: str, affine: Matrix, scale: float) -> list[Note]:
    """Tell where the header's voxel size is not that of the s-form."""
    if used != "s-form" or int(header.get("qform_code", 0)):
        return []  # a q-form has the header's voxel size, and is compared as a whole
    stated = (np.asarray(header.get_zooms(), dtype=np.float64)[:3] * scale)[::-1]
    sizes = np.asarray(voxel_size(affine))[-len(stated) :]
    if np.all(np.abs(stated - sizes) <= _ROUNDED * sizes):
        return []
    told = " x ".join(number(size) for size in stated)
    text = f"the header gives a voxel size of {told} mm, the s-form {describe(affine)}"
    return [Note(f"{text}: the s-form was used", "warning")]


def times_of(image: Any) -> tuple[float, float] | None:
    """Read how far apart the volumes of a file are in time, and the time of the first, in seconds.

    None where there is one volume only, or the file does not say.
    """
    header = image.header
    zooms = header.get_zooms()
    unit = {"s": 1.0, "ms": 1e-3, "us": 1e-6}.get(units_of(header)[1])
    if len(image.shape) < 4 or image.shape[3] < 2 or len(zooms) < 4 or unit is None:
        return None
    step, first = float(zooms[3]) * unit, float(header.get("toffset", 0.0)) * unit
    if not 0 < step < np.inf:
        return None
    return step, first if np.isfinite(first) else 0.0


def units_of(header: Any) -> tuple[str, str]:
    """Read the units of space and of time; "unknown" where there is none."""
    try:
        space, time = header.get_xyzt_units()
    except (AttributeError, KeyError):
        return "unknown", "unknown"
    return str(space), {"sec": "s", "msec": "ms", "usec": "us"}.get(str(time), "unknown")


def _scale(header: Any) -> tuple[float, tuple[Note, ...]]:
    """Return what brings the header's lengths into millimetres."""
    unit = units_of(header)[0]
    if unit not in _IN_MM:
        return 1.0, (Note("the file does not say its unit of length: taken as millimetres"),)
    if unit == "mm":
        return 1.0, ()
    return _IN_MM[unit], (Note(f"lengths are given in {unit}s: converted to millimetres"),)


def _scaled(affine: Matrix, scale: float) -> Matrix:
    return np.asarray(np.diag([scale, scale, scale, 1.0]) @ affine)
