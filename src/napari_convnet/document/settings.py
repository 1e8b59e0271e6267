"""Settings, the one-line forms ``adamw lr 3e-4``, ``flip, rotate 15``, ``dice + cross-entropy``."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from napari_convnet.network import quoted

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\Z", re.IGNORECASE | re.ASCII)
_SIZES = re.compile(r"\d+(x\d+)+\Z", re.ASCII)
_WORD = re.compile(r"[A-Za-z][\w.-]*\Z", re.ASCII)


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
    if not parts:
        raise ValueError("nothing stands here; write a word, or delete the key")
    if not _WORD.match(parts[0]):
        raise ValueError(f"cannot read {quoted(text)}; begin with a word, not with a number")
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
            raise ValueError(f"cannot read {quoted(part)} in {quoted(text)}; write a number")
    if pending:
        raise ValueError(f"{quoted(pending)} in {quoted(text)} lacks its number; write it behind")
    return Setting(parts[0], tuple(numbers), tuple(words))


def _numbers(part: str) -> tuple[float, ...]:
    words = part.split("x") if _SIZES.match(part) else [part] if _NUMBER.match(part) else []
    numbers = tuple(map(float, words))
    if not all(map(math.isfinite, numbers)):
        raise ValueError(f"{quoted(part)} is too large; write a smaller number")
    return numbers


def parse_list(value: str | list[str]) -> tuple[Setting, ...]:
    """Read settings parted by commas, or a list of them; ``none`` is the empty one."""
    parts = value.split(",") if isinstance(value, str) else value
    words = [part.strip() for part in parts if part.strip()]
    return () if words == ["none"] else tuple(map(parse_setting, words))


def parse_sum(text: str) -> tuple[Setting, ...]:
    """Read settings joined by ``+``."""
    parts = text.split("+")
    if len(parts) > 1 and not all(part.strip() for part in parts):
        raise ValueError(f"a word is missing beside a + of {quoted(text)}; write it, or no +")
    return tuple(map(parse_setting, parts))
