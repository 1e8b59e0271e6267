"""Receptive fields through ops and where paths meet, and what is to be said about them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from .binding import Bound
from .geometry import Field, Move, hull
from .problems import Place, Problem, listed
from .scopes import Point

AXES = ("z", "y", "x")

Fields = tuple[Field, ...]
_Said = tuple[str, str]


def field_of(op: Bound, point: Point) -> Fields | None:
    """Receptive field of the outputs of an op with one input; None where it cannot be told."""
    fields = point.fields
    if fields is None or not op.moves:
        return None
    # Most layers treat all axes alike: compute the field of one only.
    if op.alike and _alike(fields):
        return (_moved(fields[0], op.moves[0][0]),) * len(fields)
    return tuple([_moved(f, moves[0]) for f, moves in zip(fields, op.moves, strict=True)])


def fields_of_join(
    op: Bound, points: Sequence[Point], name: str, place: Place | None
) -> tuple[Fields | None, list[Problem]]:
    """Receptive field of a join's outputs, and what is to be said about its paths.

    Parameters
    ----------
    op : Bound
        The join.
    points : sequence of Point
        What comes into it.
    name, place
        Name and place of its layer.

    Returns
    -------
    tuple
        Fields per axis, None where they cannot be told; and at most one warning.
    """
    paths = _paths(op, points)
    if not paths:
        return None, []
    if all(map(_alike, paths)):
        # All axes are as the first.
        axes = [[path[0] for path in paths]] * len(paths[0])
    else:
        axes = [list(axis) for axis in zip(*paths, strict=True)]
    warnings = _warnings([point.name for point in points], axes, name, place)
    if not all(map(_one_jump, axes)):
        return None, warnings
    if axes[0] is axes[-1]:
        return (hull(axes[0]),) * len(axes), warnings
    return tuple(map(hull, axes)), warnings


def _paths(op: Bound, points: Sequence[Point]) -> list[Fields]:
    """Fields of a join's outputs through each input that it reads; none where one is unknown."""
    paths: list[Fields] = []
    for index, point in enumerate(points):
        moves = [axis[index] for axis in op.moves or ()]
        if not moves or point.fields is None:
            return []
        if None in moves:
            continue
        if op.alike and _alike(point.fields):
            paths.append((_moved(point.fields[0], moves[0]),) * len(moves))
        else:
            pairs = zip(point.fields, moves, strict=True)
            paths.append(tuple([_moved(f, move) for f, move in pairs]))
    return paths


def _warnings(
    names: list[str], axes: list[list[Field]], name: str, place: Place | None
) -> list[Problem]:
    """Say where the paths into a join differ in resolution, or are shifted against each other."""
    for what in (_coarser, _shifted):
        for axis, fields in enumerate(axes):
            said = what(name, names, fields, AXES[axis - len(axes)])
            if said:
                return [Problem(*said, place, name)]
    return []


def _alike(fields: Fields) -> bool:
    """Whether all axes share one field; the very same one, which is quickly told."""
    first = fields[0]
    return fields[-1] is first and (len(fields) < 3 or fields[1] is first)


def _coarser(name: str, names: list[str], fields: Sequence[Field], axis: str) -> _Said | None:
    if _one_jump(fields):
        return None
    steps = (f"{n} moves by {_n(f.jump)}" for n, f in zip(names, fields, strict=False))
    return (
        f"the paths into {name} differ in resolution along axis {axis}: "
        f"{listed(steps, 'and')} pixels of the input from one output to the next",
        "receptive fields are unknown from here on; give all paths the same strides",
    )


def _shifted(name: str, names: list[str], fields: Sequence[Field], axis: str) -> _Said | None:
    if all(field.same_centres(fields[0]) for field in fields):
        return None
    starts = [field.start for field in fields]
    by = max(starts) - min(starts)
    low, high = starts.index(min(starts)), starts.index(max(starts))
    first, second = sorted((low, high))
    return (
        f"the paths into {name} are misaligned by {_n(by)} "
        f"{'pixel' if by == 1 else 'pixels'} along axis {axis}: "
        f"{names[first]} is centred at {_n(starts[first])}, "
        f"{names[second]} at {_n(starts[second])}",
        "use odd kernels, or the same padding on all paths",
    )


def _n(value: Fraction) -> str:
    return f"{float(value):g}"


def _one_jump(fields: Sequence[Field]) -> bool:
    return all(field.same_jump(fields[0]) for field in fields)


def _moved(field: Field, move: Move | None) -> Field:
    assert move is not None, "inputs that are not read were left out"
    return field.moved(move)
