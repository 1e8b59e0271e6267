"""What went wrong, where, and what would be right: the one form of every message to the user."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A stretch of a text, in lines and columns counted from 1.

    Parameters
    ----------
    line, column : int
        Where it begins.
    end_line, end_column : int
        Where it ends; the end column is the first one behind it.
    """

    line: int
    column: int
    end_line: int
    end_column: int

    def part(self, start: int, stop: int) -> Place:
        """Place of the characters `start` to `stop` of this place's first line."""
        return Place(self.line, self.column + start, self.line, self.column + stop)

    def holds(self, other: Place) -> bool:
        """Whether `other` begins in here; right behind the last character counts."""
        start, end = (self.line, self.column), (self.end_line, self.end_column)
        return start <= (other.line, other.column) <= end


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake, told to the person at the screen.

    Parameters
    ----------
    what : str
        What is wrong.
    fix : str
        What would be right ("did you mean relu?"); may be empty.
    place : Place, optional
        Where in the document it is.
    layer : str
        Name of the layer it concerns; may be empty.
    """

    what: str
    fix: str = ""
    place: Place | None = None
    layer: str = ""

    def __str__(self) -> str:
        where = []
        if self.place is not None:
            where += [f"line {self.place.line}", f"column {self.place.column}"]
        if self.layer:
            where.append(f"layer {self.layer}")
        message = f"{self.what}; {self.fix}" if self.fix else self.what
        return f"{', '.join(where)}: {message}" if where else message


class UserError(Exception):
    """A mistake of the user's, in any room: the command line exits with 2, a dock shows it.

    Parameters
    ----------
    problems : str, Problem or sequence of Problem
        What is wrong; a string is a problem without a place.
    fix : str
        What would be right, where `problems` is a string.
    """

    def __init__(self, problems: str | Problem | Sequence[Problem], fix: str = "") -> None:
        if isinstance(problems, str):
            problems = Problem(problems, fix)
        if isinstance(problems, Problem):
            problems = (problems,)
        self.problems: tuple[Problem, ...] = tuple(problems)
        # The arguments of Exception are what pickling hands to the constructor again.
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))

    def at(self, place: Place | None = None, layer: str = "") -> UserError:
        """Return the same error with `place` and `layer` where it had none."""
        moved = [replace(p, place=p.place or place, layer=p.layer or layer) for p in self.problems]
        return UserError(moved)


class WordError(UserError):
    """A mistake in some characters of a layer line; carries their range.

    Parameters
    ----------
    what, fix : str
        As in `Problem`.
    start, stop : int
        The characters of the line, half open; stop 0 stands for the whole call.
    """

    def __init__(self, what: str, fix: str = "", start: int = 0, stop: int = 0) -> None:
        super().__init__(Problem(what, fix))
        self.what, self.fix, self.start, self.stop = what, fix, start, stop

    def __reduce__(self) -> tuple[type, tuple[str, str, int, int]]:
        return type(self), (self.what, self.fix, self.start, self.stop)


def quoted(text: str, most: int = 40) -> str:
    """Put a text in quotes, cut where it would flood a message.

    Examples
    --------
    >>> quoted("rellu")
    '"rellu"'
    """
    line = " ".join(text.split())
    return f'"{line}"' if len(line) <= most else f'"{line[:most]}..."'


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """Suggest the nearest of the `known` words.

    Examples
    --------
    >>> did_you_mean("rellu", ["relu", "conv"])
    'did you mean relu?'
    """
    if len(word) > 60:
        return otherwise
    names = list(known)
    folded = {name.lower(): name for name in names}
    near = difflib.get_close_matches(word.lower(), folded, n=1, cutoff=0.6)
    return f"did you mean {folded[near[0]]}?" if near else otherwise


def listed(words: Iterable[str], joint: str = "or") -> str:
    """Join words as a sentence does: "a, b or c"."""
    items = list(words)
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {joint} {items[-1]}"
