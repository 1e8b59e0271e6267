"""The two views of a volume: its depth as an axis (3-D), or as channels (2.5-D)."""

from __future__ import annotations

from typing import Literal

from napari_convnet.network import Input, UserError, parse_input, quoted

from ..nodes import compose
from .keys import set_value

View = Literal["2.5-D", "3-D"]

SLICES = 5
"""Neighbouring slices that a 2.5-D network sees, where nothing else is said."""


def set_view(text: str, view: View, slices: int = SLICES) -> str:
    """Let a network of volumes see neighbouring slices, or one of slices see volumes.

    Only the input line is written: ``1x64x96x96`` becomes ``5zx96x96``, and that ``1x96x96x96``,
    since nothing in it says how deep the volumes are. Rows that do not suit the other number of
    axes, such as ``conv 8 k1x3x3``, stay as they are and say so.

    Parameters
    ----------
    text : str
        The document.
    view : {"2.5-D", "3-D"}
        Whether depth is channels or an axis.
    slices : int
        How many slices a 2.5-D network sees; odd, since its output belongs to the middle one.

    Raises
    ------
    UserError
        Where the input is no volume of one channel, nor slices of one.

    Examples
    --------
    >>> set_view("input: 1x64x96x96  # z y x", "2.5-D")
    'input: 5zx96x96  # z y x'
    """
    node = compose(text).get("input")
    given = parse_input(node.text if node is not None else "")
    if not has_views(given):
        what = f"the input {quoted(str(given))} is no volume of one channel"
        raise UserError(what, "write for example 1x96x96x96, or 5zx96x96 for five slices of one")
    return set_value(text, "input", str(_seen_as(given, view, slices)))


def has_views(given: Input) -> bool:
    """Say whether an input is a volume that can be seen both ways.

    Examples
    --------
    >>> has_views(Input(1, (96, 96, 96))), has_views(Input(3, (96, 96)))
    (True, False)
    """
    return given.slices or (given.channels == 1 and len(given.sizes) == 3)


def _seen_as(given: Input, view: View, slices: int) -> Input:
    plane = given.sizes[-2:]
    if view == "2.5-D":
        if slices < 1 or slices % 2 == 0:
            what = f"{slices} slices have no middle one"
            raise UserError(what, f"write an odd number, for example {max(1, slices + 1)}")
        return Input(slices, plane, slices=True)
    if not given.slices:
        return given
    known = [n for n in plane if n is not None]
    return Input(1, (min(known) if len(known) == 2 else None, *plane))
