"""What a network is written as: a tree of rows, each with its place in the text.

The document room reads these from YAML; a script may make them by hand. They are raw: lines are not
yet parsed, so that a wrong row is still a row.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .problems import Place, Problem, UserError, quoted

ROW_KEYS = ("w", "b", "connect", "freeze", "note")
"""Keys that a named row takes beside its name."""

STRUCTURES = ("res", "add", "cat", "side")
"""Keys that open a branch."""


@dataclass(frozen=True, slots=True)
class Extras:
    """What a row says beside its line.

    Parameters
    ----------
    w : nested tuple of str and float, str, float or None
        Kernels: names, numbers or a file.
    b : tuple of float or None
        Biases, one for all or one per output.
    freeze : bool
        Whether training leaves its weights alone.
    note : str
        A remark.
    places : dict of str to Place
        Where each of them stands.
    """

    w: Any = None
    b: tuple[float, ...] | None = None
    freeze: bool = False
    note: str = ""
    places: dict[str, Place] = field(default_factory=dict, hash=False, compare=False)

    @property
    def on_weights(self) -> bool:
        """Whether they concern an op with weights."""
        return self.w is not None or self.b is not None or self.freeze


@dataclass(frozen=True, slots=True)
class Item:
    """A row of the network: a line of layers, or a group of rows.

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
    body : tuple of Item
        The rows of a group.
    repeat : int
        How often a group is repeated.
    extras : Extras
        What else it says.
    problems : tuple of Problem
        What is wrong with it as a row of the text.
    shown : str
        How an unreadable row reads, for an editor.
    path : tuple of int
        Its index in the network, then in its group, and so on.
    """

    place: Place
    name: str = ""
    name_place: Place | None = None
    line: str | None = None
    line_place: Place | None = None
    body: tuple[Item, ...] = ()
    repeat: int = 1
    extras: Extras = Extras()
    problems: tuple[Problem, ...] = ()
    path: tuple[int, ...] = ()
    shown: str = ""


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
