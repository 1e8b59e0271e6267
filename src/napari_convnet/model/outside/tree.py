"""A state dict as the tree of modules that its names tell of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

Signature: TypeAlias = tuple[tuple[str, tuple[int, ...]], ...]
"""Names and shapes of a layer's tensors: (("bias", (6,)), ("weight", (6, 1, 5, 5)))."""

COUNTER = "num_batches_tracked"
"""What torch's batch normalisation counts beside its statistics, and nothing here needs."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One layer with weights.

    Parameters
    ----------
    name : str
        Prefix of its keys, without the last dot.
    signature : Signature
        Its tensors.
    """

    name: str
    signature: Signature

    def __str__(self) -> str:
        return f"{self.name} ({spelled(self.signature)})"


def spelled(signature: Signature) -> str:
    """Spell a layer's tensors: ``bias 6, weight 6x1x5x5``."""
    return ", ".join(f"{name} {'x'.join(map(str, shape)) or 1}" for name, shape in signature)


@dataclass(frozen=True, eq=False)
class Module:
    """A module of the state dict: a layer with weights, or more modules.

    Parameters
    ----------
    name : str
        Its last name; that of the whole is empty.
    unit : Unit or None
        Its own tensors.
    children : tuple of Module
        The modules in it, in the order that names or the file give them.
    """

    name: str
    unit: Unit | None
    children: tuple[Module, ...]

    @cached_property
    def units(self) -> tuple[Unit, ...]:
        """All layers in it."""
        own = () if self.unit is None else (self.unit,)
        return own + tuple(unit for child in self.children for unit in child.units)

    @cached_property
    def alike(self) -> tuple[object, ...]:
        """What two modules share that cannot be told from each other by shapes."""
        return (self.unit and self.unit.signature, tuple(child.alike for child in self.children))

    @property
    def parts(self) -> tuple[Module, ...]:
        """Its own tensors as a module, and the modules in it."""
        own = () if self.unit is None else (Module("", self.unit, ()),)
        return own + self.children if self.children else ()


def numbers(name: str) -> tuple[str, tuple[int, ...]]:
    """Take a name apart into its letters and its numbers.

    Examples
    --------
    >>> numbers("conv2"), numbers("10")
    (('conv#', (2,)), ('#', (10,)))
    """
    return re.sub(r"\d+", "#", name), tuple(map(int, re.findall(r"\d+", name)))


def units_of(shapes: Mapping[str, tuple[int, ...]]) -> list[Unit]:
    """Gather the tensors of each layer, in the order of their first keys."""
    found: dict[str, dict[str, tuple[int, ...]]] = {}
    for key, shape in shapes.items():
        name, _, tensor = key.rpartition(".")
        if tensor != COUNTER:
            found.setdefault(name, {})[tensor] = shape
    return [Unit(name, tuple(sorted(tensors.items()))) for name, tensors in found.items()]


def tree(units: Iterable[Unit]) -> Module:
    """Arrange layers as the tree of modules that their names tell of."""
    return _module("", [(unit.name.split(".") if unit.name else [], unit) for unit in units])


def _module(name: str, inside: Sequence[tuple[list[str], Unit]]) -> Module:
    own = next((unit for path, unit in inside if not path), None)
    groups: dict[str, list[tuple[list[str], Unit]]] = {}
    for path, unit in inside:
        if path:
            groups.setdefault(path[0], []).append((path[1:], unit))
    children = [_module(first, rest) for first, rest in groups.items()]
    # Numbers give the order of modules of one name; between names the file's order stays.
    places: dict[str, list[int]] = {}
    for index, child in enumerate(children):
        places.setdefault(numbers(child.name)[0], []).append(index)
    result = list(children)
    for indices in places.values():
        row = sorted((children[i] for i in indices), key=lambda child: numbers(child.name)[1])
        for index, child in zip(indices, row, strict=True):
            result[index] = child
    return Module(name, own, tuple(result))
