"""What is said of a state dict that does not fit a network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from napari_convnet.network import Problem, UserError, listed

from .tree import Signature, Unit, spelled

MOST_LISTED = 4
"""Keys that an error names one by one."""


def misfit(layers: Sequence[Unit], units: Sequence[Unit], reached: int, called: str) -> UserError:
    """Say which keys and which layers have no counterpart, or else where the order breaks."""
    spare = Counter(unit.signature for unit in units)
    spare.subtract(layer.signature for layer in layers)
    wanting = _first_of(layers, {s: -n for s, n in spare.items() if n < 0})
    left = _first_of(units, {s: n for s, n in spare.items() if n > 0})
    problems = []
    if wanting:
        first = wanting[0]
        near = [unit for unit in left if _same_names(unit, first)]
        fix = f"it has {_named(near)}" if near else "nothing in it is like that"
        if len(wanting) > 1:
            fix += f"; {len(wanting) - 1} more layers find no weights: {_names(wanting[1:])}"
        what = f"{called} does not fit: this layer takes {spelled(first.signature)}"
        problems.append(Problem(what, fix, layer=first.name))
    elif left:
        problems.append(
            Problem(
                f"{called} does not fit: no layer takes {_named(left)}",
                f"the network has {len(layers)} layers with weights, the state dict {len(units)}",
            )
        )
    else:
        layer = layers[min(reached, len(layers) - 1)]
        alike = [unit for unit in units if unit.signature == layer.signature]
        problems.append(
            Problem(
                f"{called} does not fit: every shape is there, but in no order of its modules does "
                f"one of {spelled(layer.signature)} come here",
                f"these have its shape: {_names(alike)}",
                layer=layer.name,
            )
        )
    return UserError(problems)


def _first_of(units: Sequence[Unit], counts: Mapping[Signature, int]) -> list[Unit]:
    """The last units of each signature, as many as it says, in the order of `units`."""
    left, found = dict(counts), []
    for unit in reversed(units):
        if left.get(unit.signature, 0) > 0:
            left[unit.signature] -= 1
            found.append(unit)
    return found[::-1]


def _same_names(one: Unit, other: Unit) -> bool:
    return [(name, len(shape)) for name, shape in one.signature] == [
        (name, len(shape)) for name, shape in other.signature
    ]


def _named(units: Sequence[Unit]) -> str:
    more = len(units) - MOST_LISTED
    names = [str(unit) for unit in units[:MOST_LISTED]]
    return listed([*names, f"{more} more"] if more > 0 else names, "and")


def _names(units: Sequence[Unit]) -> str:
    more = len(units) - MOST_LISTED
    names = [unit.name for unit in units[:MOST_LISTED]]
    return listed([*names, f"{more} more"] if more > 0 else names, "and")
