"""Receptive fields through ops and where paths meet, and what is to be said about them."""

from __future__ import annotations

from collections.abc import Sequence

from .binding import Bound
from .geometry import Field, hull
from .ops import Step
from .problems import Place, Problem, listed
from .scopes import Point

AXES = ("z", "y", "x")

Fields = tuple[Field, ...]
_Said = tuple[str, str]


def fields_of(op: Bound, points: Sequence[Point]) -> Fields | None:
    """Receptive field of an op's outputs, per axis; None where it cannot be told."""
    if len(points) > 1:
        paths = path_fields(op, points)
        if paths is None or any(_jumps(axis) > 1 for axis in zip(*paths, strict=True)):
            return None
        return tuple(hull(axis) for axis in zip(*paths, strict=True))
    fields = points[0].fields
    if fields is None or op.steps is None or len(op.output) != len(fields) + 1:
        return None
    steps = [step[0] for step in op.steps]
    # Most layers treat all axes alike: compute the field of one only.
    if fields[1:] == fields[:-1] and steps[1:] == steps[:-1]:
        return (_through(fields[0], steps[0]),) * len(fields)
    return tuple(_through(f, step) for f, step in zip(fields, steps, strict=True))


def path_fields(op: Bound, points: Sequence[Point]) -> list[Fields] | None:
    """Field of an op's outputs through each of its inputs whose values it reads."""
    if op.steps is None:
        return None
    paths = []
    for index, point in enumerate(points):
        steps = [step[index] for step in op.steps]
        if None in steps:
            continue
        if point.fields is None:
            return None
        paths.append(tuple(_through(f, s) for f, s in zip(point.fields, steps, strict=True)))
    return paths or None


def join_warning(
    op: Bound, points: Sequence[Point], name: str, place: Place | None
) -> list[Problem]:
    """Say where the paths into a join differ in resolution, or are shifted against each other."""
    paths = path_fields(op, points)
    if paths is None:
        return []
    names = [point.name for point in points]
    axes = list(zip(*paths, strict=True))
    for what in (_coarser, _shifted):
        for axis, fields in enumerate(axes):
            problem = what(name, names, fields, AXES[axis - len(axes)])
            if problem:
                return [Problem(*problem, place, name)]
    return []


def _coarser(name: str, names: list[str], fields: Sequence[Field], axis: str) -> _Said | None:
    if _jumps(fields) == 1:
        return None
    steps = (f"{n} moves by {_n(f.jump)}" for n, f in zip(names, fields, strict=False))
    return (
        f"the paths into {name} differ in resolution along axis {axis}: "
        f"{listed(steps, 'and')} pixels of the input from one output to the next",
        "receptive fields are unknown from here on; give all paths the same strides",
    )


def _shifted(name: str, names: list[str], fields: Sequence[Field], axis: str) -> _Said | None:
    starts = [field.start for field in fields]
    by = max(starts) - min(starts)
    if not by:
        return None
    low, high = starts.index(min(starts)), starts.index(max(starts))
    first, second = sorted((low, high))
    return (
        f"the paths into {name} are misaligned by {_n(by)} "
        f"{'pixel' if by == 1 else 'pixels'} along axis {axis}: "
        f"{names[first]} is centred at {_n(starts[first])}, "
        f"{names[second]} at {_n(starts[second])}",
        "use odd kernels, or the same padding on all paths",
    )


def _n(value: object) -> str:
    return f"{float(value):g}"  # type: ignore[arg-type]


def _jumps(fields: Sequence[Field]) -> int:
    return len({field.jump for field in fields})


def _through(field: Field, step: Step | None) -> Field:
    assert step is not None, "inputs that are not read were left out"
    return field.through(step)
