"""Names: what rows and their layers may be called, and which layer a name stands for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from .geometry import Field
from .grammar import FLAGS, NAME
from .graph import INPUT
from .items import ROW_KEYS, STRUCTURES, RowPath
from .ops import JOINS, OPS, Shape
from .problems import quoted

MOST_LETTERS = 60
"""Length of the longest name."""

RESERVED = frozenset((*OPS, *JOINS, *FLAGS, *STRUCTURES, *ROW_KEYS, INPUT))
_REPEAT_NAME = re.compile(r"x\d+\Z", re.IGNORECASE)


def name_problem(name: str) -> str:
    """Say what is wrong with a name; nothing where it may be used."""
    if not NAME.match(name):
        return f"{quoted(name)} is no name: letters, digits and _ only, a letter first"
    if len(name) > MOST_LETTERS:
        return f"{quoted(name)} is too long for a name, which has at most {MOST_LETTERS} letters"
    if name.lower() in RESERVED or _REPEAT_NAME.match(name):
        return f'"{name}" is a word of the language and cannot be a name'
    return ""


def other_name(name: str) -> str:
    """Suggest a name near one that cannot be used."""
    near = re.sub(r"\W+", "_", name[:30], flags=re.ASCII).strip("_")
    if not near[:1].isalpha():
        near = f"n{near}"
    if name_problem(near) or near.lower() == name.lower():
        near += "_1" if near[-1].isdecimal() else "1"
    return f"choose another name, such as {near}"


@dataclass(frozen=True, slots=True)
class Point:
    """What comes out of a layer, or into the network.

    Parameters
    ----------
    name : str
        The layer.
    shape : tuple of int or None
        Channels, then spatial sizes.
    fields : tuple of Field or None
        Receptive field per axis.
    """

    name: str
    shape: Shape
    fields: tuple[Field, ...] | None


Value = Fraction | Point
"""What a block's parameter stands for: a number or a layer."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One call of a block; the network itself is the outermost frame.

    Parameters
    ----------
    values : mapping of str to Fraction or Point
        Its parameters.
    called : tuple of str
        Where it is called from, innermost call first: ``two, called in line 9``.
    row : tuple of int or None
        Row of the network that calls it; None outside blocks.
    via : tuple of paths
        Rows of other blocks on the way to the call.
    block : str
        The block's name.
    """

    values: Mapping[str, Value] = field(default_factory=dict)
    called: tuple[str, ...] = ()
    row: RowPath | None = None
    via: tuple[RowPath, ...] = ()
    block: str = ""

    @property
    def inside(self) -> bool:
        """Whether this is a block's body."""
        return self.row is not None


TOP = Frame()
"""The network itself."""


@dataclass(slots=True)
class Scope:
    """Where names of a row, or of the rows that it holds, come from.

    Parameters
    ----------
    prefix : str
        Full name of what holds the rows; empty for the network.
    frame : Frame
        The block that they stand in.
    outer : Scope or None
        Whose names are known here too; None at the top and in a block.
    counts : dict of str to int
        How many unnamed ops there are of each word.
    """

    prefix: str = ""
    frame: Frame = TOP
    outer: Scope | None = None
    counts: dict[str, int] = field(default_factory=dict)

    def full(self, name: str) -> str:
        """Full name of a row in here."""
        return f"{self.prefix}.{name}" if self.prefix else name

    def next(self, word: str) -> str:
        """Name of an unnamed op: ``conv-1`` at the top, ``NAME.conv``, ``NAME.conv-2`` inside."""
        count = self.counts[word] = self.counts.get(word, 0) + 1
        if self.prefix and count == 1:
            return f"{self.prefix}.{word}"
        return self.full(f"{word}-{count}")

    def inner(self, prefix: str) -> Scope:
        """Scope of rows that are held by what is called `prefix`."""
        return Scope(prefix, self.frame, self)

    def find(self, name: str, points: Mapping[str, Point]) -> Point | None:
        """Layer that a name stands for: the nearest in here, then in what holds it."""
        folded = name.lower()
        scope: Scope | None = self
        while scope is not None:
            found = points.get(scope.full(folded).lower())
            if found is not None:
                return found
            scope = scope.outer
        return None


@dataclass(frozen=True, slots=True)
class Tag:
    """The name that a row's last layer bears, and others by which it is known."""

    name: str
    aliases: tuple[str, ...] = ()

    def also(self, *names: str) -> Tag:
        """Return the same name with more aliases."""
        return Tag(self.name, (*self.aliases, *names))
