"""Notes about many files: what is the same in several of them is said once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ..network.problems import listed
from .contents import Note

# Of the files that a note is about, how many it names.
_MOST_NAMED = 3


def about(name: str, notes: Iterable[Note]) -> tuple[Note, ...]:
    """Say of notes which file they are about."""
    return tuple(replace(note, about=name) for note in notes)


def joined(notes: Iterable[Note], things: str = "files") -> tuple[Note, ...]:
    """Say once what several notes say of different files.

    Parameters
    ----------
    notes : iterable of Note
        Each may be about a file.
    things : str
        What the files are.

    Returns
    -------
    tuple of Note
        In the order in which they were first said, each with its file or files in its text.

    Examples
    --------
    >>> [str(note) for note in joined(about("a", [Note("mono")]) + about("b", [Note("mono")]))]
    ['2 files: mono (a and b)']
    """
    names: dict[Note, list[str]] = {}
    for note in notes:
        found = names.setdefault(replace(note, about=""), [])
        if note.about not in found:
            found.append(note.about)
    return tuple(_told(note, found, things) for note, found in names.items())


def _told(note: Note, names: Sequence[str], things: str) -> Note:
    if len(names) == 1:
        return replace(note, text=str(replace(note, about=names[0])))
    rest = len(names) - _MOST_NAMED
    which = [*names[:_MOST_NAMED], f"{rest} more"] if rest > 0 else names
    return replace(note, text=f"{len(names)} {things}: {note.text} ({listed(which, 'and')})")
