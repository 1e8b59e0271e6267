"""What a network is written as: a tree of rows, each with its place in the text.

The document room reads these from YAML; a script may make them by hand. They are raw: lines are not
yet parsed, so that a wrong row is still a row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal

from .problems import Place, Problem, UserError, quoted

ROW_KEYS = ("w", "b", "connect", "freeze", "note")
"""Keys that a named row takes beside its name."""

STRUCTURES = ("res", "add", "cat", "side")
"""Keys that open a branch."""

Kind = Literal["line", "group", "res", "add", "cat", "side"]
"""What a row is: a line of layers, a group of rows, or one of the `STRUCTURES`."""

RowPath = tuple[int | str, ...]
"""Index of a row, then that in the row which holds it; in a block, the block's name comes first."""


@dataclass(frozen=True, slots=True)
class Extras:
    """What a row says beside its line.

    Parameters
    ----------
    w : nested tuple of str and float, str, float or None
        Kernels: names, numbers or a file.
    b : tuple of float or None
        Biases, one for all or one per output.
    connect : tuple of tuple of int, str or None
        For each output, the inputs it is connected with (from 0); or the name of such a table.
    freeze : bool
        Whether training leaves its weights alone.
    note : str
        A remark.
    places : dict of str to Place
        Where each of them stands.
    """

    w: Any = None
    b: tuple[float, ...] | None = None
    connect: tuple[tuple[int, ...], ...] | str | None = None
    freeze: bool = False
    note: str = ""
    places: dict[str, Place] = field(default_factory=dict, hash=False)

    @property
    def on_weights(self) -> bool:
        """Whether they concern an op with weights."""
        given = (self.w, self.b, self.connect)
        return self.freeze or any(value is not None for value in given)


@dataclass(frozen=True, slots=True)
class Item:
    """A row of the network: a line of layers, a group of rows, or branches.

    Parameters
    ----------
    place : Place
        Where it stands in the text.
    name : str
        Its name; empty where it has none.
    line : str or None
        Its layers, as text.
    line_place : Place, optional
        Where the line stands; the column that of its first character.
    kind : str
        Which of them; see `Kind`.
    body : tuple of Item
        The rows of a group, of ``res:`` and of ``side:``; the branches of ``add:`` and ``cat:``.
    repeat : int
        How often a group is repeated.
    extras : Extras
        What else it says.
    problems : tuple of Problem
        What is wrong with it as a row of the text.
    shown : str
        How an unreadable row reads, for an editor.
    path : tuple of int and str
        Its index in the network, then in its group, and so on; in a block, the block's name first.
    """

    place: Place
    name: str = ""
    name_place: Place | None = None
    line: str | None = None
    line_place: Place | None = None
    kind: Kind = "line"
    body: tuple[Item, ...] = ()
    repeat: int = 1
    extras: Extras = Extras()
    problems: tuple[Problem, ...] = ()
    path: RowPath = ()
    shown: str = ""


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter of a block.

    Parameters
    ----------
    name : str
        Its name, without the dollar sign.
    default : str or None
        Its value where a call gives none: a number, or arithmetic of the parameters before it.
    """

    name: str
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """Rows that have a name and parameters, called like an op.

    Parameters
    ----------
    name : str
        The word that calls it.
    params : tuple of Param
        Its parameters.
    body : tuple of Item
        Its rows.
    place : Place
        Where its name and parameters stand.
    problems : tuple of Problem
        What is wrong with them as a part of the text.
    text : str
        Its name and parameters as typed.
    """

    name: str
    params: tuple[Param, ...]
    body: tuple[Item, ...]
    place: Place
    problems: tuple[Problem, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class Input:
    """The input line: channels and nominal sizes.

    Parameters
    ----------
    channels : int
        Number of channels.
    sizes : tuple of int or None
        Spatial sizes in array order; None where not fixed (``?``).
    slices : bool
        Whether the channels are neighbouring slices of a volume (``5z``).
    """

    channels: int
    sizes: tuple[int | None, ...]
    slices: bool = False

    @property
    def shape(self) -> tuple[int | None, ...]:
        """Channels, then sizes."""
        return (self.channels, *self.sizes)

    def __str__(self) -> str:
        sizes = ("?" if n is None else str(n) for n in self.sizes)
        return "x".join([f"{self.channels}{'z' if self.slices else ''}", *sizes])


def parse_input(text: str) -> Input:
    """Read ``1x28x28``, ``3x?x?`` or ``5zx512x512``.

    Raises
    ------
    UserError
        Where it is none of these.
    """
    words = text.strip().lower().split("x")
    fix = "write channels x sizes, for example 1x28x28 or 3x224x224"
    slices = len(words) > 1 and words[0].endswith("z")
    head = words[0].removesuffix("z") if slices else words[0]
    shown = quoted(text)
    if not text.strip():
        raise UserError("the input is empty", fix)
    numbers = re.findall(r"[0-9?]+z?", text[:40])
    if len(numbers) > 2 and re.fullmatch(r"[0-9?z,;*×x\s()]+", text.lower()):
        plain = "x".join(numbers)
        if plain != text.strip().lower():
            raise UserError(f"cannot read the input {shown}", f"write {plain}")
    if head == "?":
        what = f"the input {shown} does not say how many channels there are"
        raise UserError(what, "write their number before the first x, for example 3x?x?")
    if not _whole(head) or not all(word == "?" or _whole(word) for word in words[1:]):
        raise UserError(f"cannot read the input {shown}", fix)
    if len(words) == 1:
        raise UserError(f"the input {shown} has no spatial size", fix)
    if len(words) > 4:
        raise UserError(f"the input {shown} has {len(words) - 1} spatial axes", "the most is three")
    if max(len(word) for word in (head, *words[1:])) > 8:
        raise UserError(f"the input {shown} is too large", "sizes go up to ten million")
    channels, *sizes = (None if word == "?" else int(word) for word in (head, *words[1:]))
    if channels is None or channels == 0 or 0 in sizes:
        raise UserError(f"the input {shown} has a size of zero", fix)
    if max(n or 0 for n in (channels, *sizes)) > 10**7:
        raise UserError(f"the input {shown} is too large", "sizes go up to ten million")
    if slices and len(sizes) != 2:
        raise UserError(
            f"the input {shown} needs two sizes beside its slices", "for example 5zx512x512"
        )
    return Input(channels, tuple(sizes), slices)


def _whole(word: str) -> bool:
    return word.isascii() and word.isdecimal()
