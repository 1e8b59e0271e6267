"""The ears of a recording, and those that a network wants."""

from __future__ import annotations

from dataclasses import replace

from ...network.problems import UserError
from ..contents import Contents, Note
from ..settings import Input, text_of

EAR_AXES = ("ear", "t")
"""Axes of a recording's array."""

# A network that wants more rows than these wants an image, not ears.
_MOST_EARS = 16


def check_ears(found: Contents, input: Input, name: str) -> Contents:
    """Compare a recording's channels with the ears that a network wants.

    Parameters
    ----------
    found : Contents
        Anything; what is no recording is returned as it is.
    input : sequence of int or None
        The network's input: ``2x4096`` has the ears as channels, ``1x2x4096`` as an axis.
    name : str
        What to call the recording.

    Returns
    -------
    Contents
        With a note where not all ears will be heard.

    Raises
    ------
    UserError
        If the network wants two ears and there is one, or more than two.
    """
    if found.axes != EAR_AXES:
        return found
    note = ears_note(found.array.shape[0], input, name)
    return found if note is None else replace(found, notes=(*found.notes, note))


def ears_note(channels: int, input: Input, name: str) -> Note | None:
    """Tell what a network does not hear of a recording, or refuse one that it cannot hear.

    Parameters
    ----------
    channels : int
        Of the recording.
    input : sequence of int or None
        The network's input.
    name : str
        What to call the recording.

    Raises
    ------
    UserError
        As `check_ears`.
    """
    wanted = {2: input[0], 3: input[-2]}.get(len(input))
    if wanted is None or channels == wanted:
        return None
    if len(input) == 2 and wanted == 1:
        which = "left of 2 ears" if channels == 2 else f"first of {channels} channels"
        text = f"the network's input {text_of(input)} has one channel: it hears only the {which}"
        return Note(text, "warning")
    ears = "1 channel (mono)" if channels == 1 else f"{channels} channels"
    if len(input) == 3 and wanted > _MOST_EARS:
        raise UserError(
            f"{name} is a recording with {ears}; the network's input {text_of(input)} wants images "
            f"of {wanted} rows",
            f"open an image, or change the document's input to {channels}x4096, which hears it",
        )
    sizes = (channels, *input[1:]) if len(input) == 2 else (input[0], channels, input[2])
    raise UserError(
        f"{name} has {ears}; the network's input {text_of(input)} wants {wanted}",
        f"take a recording with {wanted} channels, or change the document's input to "
        f"{text_of(sizes)}",
    )
