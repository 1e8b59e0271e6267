"""Settings: the one-line forms ``adamw lr 3e-4``, ``flip, rotate 15`` and ``dice + cross-entropy``."""

from __future__ import annotations

import re
from dataclasses import dataclass

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\Z", re.IGNORECASE)
_SIZES = re.compile(r"\d+(x\d+)+\Z")
_WORD = re.compile(r"[A-Za-z][\w.-]*\Z")


@dataclass(frozen=True, slots=True)
class Setting:
    """A word and what follows it.

    Parameters
    ----------
    word : str
        What it sets: ``rotate``, ``adamw``, ``window``.
    numbers : tuple of float
        Bare numbers behind it; ``32x32`` gives two.
    words : tuple of (str, float)
        Named numbers: ``lr 3e-4``.
    """

    word: str
    numbers: tuple[float, ...] = ()
    words: tuple[tuple[str, float], ...] = ()

    def get(self, name: str, default: float) -> float:
        """Give the named number `name`."""
        return dict(self.words).get(name, default)

    def __str__(self) -> str:
        parts = [self.word, *(f"{n:g}" for n in self.numbers)]
        return " ".join([*parts, *(f"{word} {n:g}" for word, n in self.words)])


def parse_setting(text: str) -> Setting:
    """Read ``word (number | word number)*``.

    Raises
    ------
    ValueError
        With what is wrong and what would be right.

    Examples
    --------
    >>> parse_setting("adamw lr 3e-4")
    Setting(word='adamw', numbers=(), words=(('lr', 0.0003),))
    """
    parts = text.split()
    if not parts or not _WORD.match(parts[0]):
        raise ValueError(f'cannot read "{text}"; begin with a word, for example rotate 15')
    numbers: list[float] = []
    words: list[tuple[str, float]] = []
    pending = ""
    for part in parts[1:]:
        values = _numbers(part)
        if pending and len(values) == 1:
            words.append((pending, values[0]))
            pending = ""
        elif values and not pending:
            numbers += values
        elif _WORD.match(part) and not pending:
            pending = part
        else:
            raise ValueError(f'cannot read "{part}" in "{text}"; a number belongs here')
    if pending:
        raise ValueError(f'"{pending}" in "{text}" needs a number behind it')
    return Setting(parts[0], tuple(numbers), tuple(words))


def _numbers(part: str) -> tuple[float, ...]:
    if _NUMBER.match(part):
        return (float(part),)
    if _SIZES.match(part):
        return tuple(float(size) for size in part.split("x"))
    return ()


def parse_list(value: str | list[str]) -> tuple[Setting, ...]:
    """Read settings parted by commas, or a list of them."""
    parts = value.split(",") if isinstance(value, str) else value
    return tuple(parse_setting(part) for part in parts if part.strip())


def parse_sum(text: str) -> tuple[Setting, ...]:
    """Read settings joined by ``+``."""
    return tuple(parse_setting(part) for part in text.split("+"))
