"""Words of a document's data settings: what each is called, what it means, what numbers it takes.

A settings item such as ``rotate 15`` reaches this room as an object with ``word``, ``numbers`` and
``words``. Each table of words here (`NORMALISATIONS`, `FITS`, `AUGMENTATIONS`) says what its words
do, so that forms and the manual can list them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from ..network.problems import UserError, did_you_mean, listed

T = TypeVar("T")

Shape = tuple[int, ...]
Input = Sequence[int | None]
"""A network's input: channels, then the nominal size of each spatial axis (None where free)."""


class SettingLike(Protocol):
    """One parsed settings item: ``rotate 15`` is word ``rotate`` with numbers ``(15.0,)``."""

    @property
    def word(self) -> str:
        """First word, the name of what is to be done."""

    @property
    def numbers(self) -> Sequence[float]:
        """The numbers after it."""

    @property
    def words(self) -> Sequence[tuple[str, float]]:
        """The named numbers after it: ``y .5``."""


@dataclass(frozen=True)
class Word:
    """What a word of a settings line means.

    Parameters
    ----------
    word : str
        As it stands in a document.
    title : str
        Its name in a form.
    help : str
        One sentence: what it does, and to what.
    example : str
        A setting as one would write it.
    numbers : tuple of str
        Names of the numbers that it takes, in order.
    """

    word: str
    title: str
    help: str
    example: str
    numbers: tuple[str, ...] = ()


def look_up(word: str, table: Mapping[str, T], key: str) -> T:
    """Find `word` in a table, or say which words the document's `key` knows.

    Raises
    ------
    UserError
        If the table lacks the word.
    """
    if word in table:
        return table[word]
    fix = did_you_mean(word, table, otherwise=f"write {listed(table)}")
    raise UserError(f'unknown word "{word}" in {key}', fix)


def numbers_of(setting: SettingLike, names: Sequence[str], key: str, example: str) -> list[float]:
    """Return the numbers of a setting that takes exactly those in `names`, unnamed.

    Raises
    ------
    UserError
        If there are more, fewer, or named ones among them.
    """
    if setting.words or len(setting.numbers) != len(names):
        wants = f"the numbers {listed(names, 'and')}" if len(names) > 1 else "".join(names)
        raise UserError(
            f"{key}: {setting.word} takes {wants or 'no number'}", f"write {key}: {example}"
        )
    return [float(number) for number in setting.numbers]


def text_of(sizes: Iterable[int | None]) -> str:
    """Write sizes as a document does.

    Examples
    --------
    >>> text_of((1, 28, None))
    '1x28x?'
    """
    return "x".join("?" if size is None else str(size) for size in sizes)
