"""The state of an analysis between two rows; it only grows, so that it can be cut back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice

from .geometry import Field
from .graph import INPUT, Layer
from .items import Input, RowPath
from .problems import Place, Problem
from .scopes import Point, Scope


@dataclass(frozen=True, slots=True)
class Mark:
    """What it takes to cut a state back to how it was behind some `rows`."""

    rows: int
    x: Point
    counts: Mapping[str, int]
    groups: int
    sizes: tuple[int, ...]


@dataclass(slots=True)
class State:
    """What an analysis knows after some rows.

    Parameters
    ----------
    x : Point
        What goes on.
    scope : Scope
        Names of the network's own rows.
    groups : int
        Number of groups without a name so far.
    layers : list of Layer
        The layers so far.
    warnings : list of Problem
        What is right, but hardly meant.
    claimed : dict of str to Place or None
        Names that are taken, folded, and where.
    points : dict of str to Point
        Layers by all their names, folded.
    aliases : dict of str to str
        Further names of layers, folded, with their own.
    ends : dict of path to str
        For each row the name of the layer that goes on from it.
    """

    x: Point
    scope: Scope = field(default_factory=Scope)
    groups: int = 0
    layers: list[Layer] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    claimed: dict[str, Place | None] = field(default_factory=dict)
    points: dict[str, Point] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    ends: dict[RowPath, str] = field(default_factory=dict)

    @classmethod
    def at(cls, given: Input) -> State:
        """State before the first row."""
        x = Point(INPUT, given.shape, (Field(),) * len(given.sizes))
        return cls(x, points={INPUT: x})

    def mark(self, rows: int) -> Mark:
        """Remember how it is now, behind that many rows."""
        sizes = (
            len(self.layers),
            len(self.warnings),
            len(self.claimed),
            len(self.points),
            len(self.aliases),
            len(self.ends),
        )
        return Mark(rows, self.x, dict(self.scope.counts), self.groups, sizes)

    def until(self, mark: Mark) -> State:
        """Return a state as this one was at `mark`."""
        layers, warnings, claimed, points, aliases, ends = mark.sizes
        return State(
            mark.x,
            Scope(counts=dict(mark.counts)),
            mark.groups,
            self.layers[:layers],
            self.warnings[:warnings],
            dict(islice(self.claimed.items(), claimed)),
            dict(islice(self.points.items(), points)),
            dict(islice(self.aliases.items(), aliases)),
            dict(islice(self.ends.items(), ends)),
        )

    def claim(self, name: str, place: Place | None) -> bool:
        """Take a name; false where it is taken already."""
        if name.lower() in self.claimed:
            return False
        self.claimed[name.lower()] = place
        return True

    def alias(self, name: str, target: str) -> None:
        """Let a layer, or what comes in, be known by another name too."""
        self.points.setdefault(name.lower(), self.points[target.lower()])
        if target != INPUT and name.lower() != target.lower():
            self.aliases.setdefault(name.lower(), target.lower())
