"""The arguments of one call: sorted by what they are, checked, and given as numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..grammar import Argument, Call, Word
from ..problems import did_you_mean, listed, quoted
from .signature import LETTER_HELP, Signature

if TYPE_CHECKING:
    from .base import Op

MOST = 10**9
"""Largest number an argument may have."""


@dataclass(frozen=True, slots=True)
class Options:
    """The arguments of one call, sorted by what they are."""

    call: Call
    rank: int
    signature: Signature = field(default_factory=Signature)
    main: tuple[float, ...] = ()
    sizes: tuple[float, ...] = ()
    letters: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    flags: frozenset[str] = frozenset()
    words: Mapping[str, Word] = field(default_factory=dict)

    def word(self, *keys: str) -> Word:
        """Return the word that gave the first of `keys` that was given, or the op's own."""
        return next((self.words[key] for key in keys if key in self.words), self.call.word)

    def given(self, *keys: str) -> list[str]:
        """Which of `keys` were given, in the order of the text."""
        found = [key for key in keys if key in self.words]
        return sorted(found, key=lambda key: self.words[key].start)

    def whole(self, key: str, values: tuple[float, ...], least: int) -> tuple[int, ...]:
        """Give `values` as whole numbers not under `least`."""
        for value in values:
            if not value <= MOST:
                raise self.word(key).error(
                    f"{self.called(key)}, {quoted(self.word(key).text)}, is too large",
                    f"the most is {MOST:,}",
                )
            if value < least or value != int(value):
                raise self.word(key).error(
                    f"{self.called(key)} must be a whole number from {least}, not {value:g}",
                    _whole_fix(key, self.word(key).text, value, least),
                )
        return tuple(int(value) for value in values)

    def called(self, key: str) -> str:
        """Call an argument by its name: ``k`` is the kernel."""
        if key == "g":
            return "the number of groups"
        if key in LETTER_HELP:
            return f"the {LETTER_HELP[key].removesuffix(' on both sides')}"
        name = self.signature.main.name if self.signature.main else "number"
        return f"the number of {name}" if name.endswith("s") else f"the {name}"

    def per_axis(self, key: str, values: tuple[float, ...], least: int) -> tuple[int, ...]:
        """Give `values` as one whole number per spatial axis."""
        sizes = self.whole(key, values, least)
        if len(sizes) == 1:
            return sizes * self.rank
        if len(sizes) != self.rank:
            raise self.word(key).error(
                f"{'x'.join(map(str, sizes))} has {len(sizes)} axes, but the map has {self.rank}",
                _spelled(key, sizes, self.rank),
            )
        return sizes

    def letter(self, key: str, default: int, least: int) -> tuple[int, ...]:
        """Give a letter's values, one per spatial axis."""
        return self.per_axis(key, self.letters.get(key, (default,)), least)

    def one(self, key: str, default: int, least: int) -> int:
        """Give a letter's only value."""
        values = self.whole(key, self.letters.get(key, (default,)), least)
        if len(values) > 1:
            raise self.word(key).error(
                f"{self.called(key)} is the same on all axes", f"write {key}{values[0]}"
            )
        return values[0]


def _whole_fix(key: str, text: str, value: float, least: int) -> str:
    """Say which whole numbers are near `value`."""
    if "$" in text:
        return f"compute it from numbers that make it {least} or more, without a fraction"
    letter = key if key in LETTER_HELP else ""
    low = int(value) if value > least else least
    return f"write {letter}{low} or {f'{letter}{low + 1}' if value > least else 'more'}"


def _spelled(key: str, sizes: tuple[int, ...], rank: int) -> str:
    """Say how to write `sizes` on a map of `rank` axes."""
    letter = key if key in LETTER_HELP else ""
    joined = [letter + "x".join(map(str, one)) for one in _candidates(sizes, rank)]
    return f"write {listed(joined)}"


def _candidates(sizes: tuple[int, ...], rank: int) -> list[tuple[int, ...]]:
    if len(sizes) < rank:
        return [(sizes[0],) * (rank - len(sizes)) + sizes, (1,) * (rank - len(sizes)) + sizes]
    return [sizes[-rank:]]


def options_of(op: type[Op], call: Call, arguments: tuple[Argument, ...], rank: int) -> Options:
    """Sort the arguments of a call, and refuse those that the op lacks or that come twice.

    Raises
    ------
    WordError
        As `Op.bind`.
    """
    main: tuple[float, ...] = ()
    sizes: tuple[float, ...] = ()
    letters: dict[str, tuple[float, ...]] = {}
    words: dict[str, Word] = {}
    for argument in arguments:
        key = argument.key or argument.kind
        _check_taken(op, argument)
        if key in words:
            raise argument.word.error(*_repeated(op, argument, words[key]))
        words[key] = argument.word
        if argument.kind == "number":
            main = argument.values
        elif argument.kind == "sizes":
            sizes = argument.values
        elif argument.kind == "letter":
            letters[key] = argument.values
    flags = frozenset(key for key in words if key in op.signature.flags)
    options = Options(call, rank, op.signature, main, sizes, letters, flags, words)
    _check_main(op, options)
    return options


def _check_taken(op: type[Op], argument: Argument) -> None:
    signature, word = op.signature, argument.word
    fix = signature.describe(word.text)
    if argument.kind == "number" and signature.main is None:
        raise word.error(f"{op.word} takes no number", fix)
    has_kernel = "k" in signature.letters or (
        signature.main is not None and signature.main.kind == "sizes"
    )
    if argument.kind == "sizes" and not has_kernel:
        raise word.error(f"{op.word} has no kernel", fix)
    if argument.kind == "letter" and argument.key not in signature.letters:
        what = f"{op.word} has no {LETTER_HELP[argument.key].split(' on ')[0]} {word.text}"
        raise word.error(what, fix)
    if argument.kind == "flag" and argument.key not in signature.flags:
        near = did_you_mean(argument.key, signature.flags, fix)
        raise word.error(f'{op.word} does not take "{argument.key}"', near)
    if argument.kind == "name":
        raise word.error(f"{op.word} takes no layer's name", fix)


def _repeated(op: type[Op], argument: Argument, first: Word) -> tuple[str, str]:
    main, second = op.signature.main, argument.word.text
    if argument.kind != "number" or main is None:
        return f'"{second}" repeats "{first.text}"', "keep one of them"
    what = f"a second number for {op.word}, which takes one ({main.name})"
    if not (second.isdecimal() and first.text.isdecimal()):
        return what, f"delete {second}"
    if main.kind == "sizes":
        stride = f", or s{second} for the stride" if "s" in op.signature.letters else ""
        return what, f"write {first.text}x{second} if the axes differ{stride}"
    if "k" in op.signature.letters:
        return what, f"write k{second} if you mean the kernel"
    return what, f"delete {second}"


def _check_main(op: type[Op], options: Options) -> None:
    main = op.signature.main
    if main is None:
        return
    if not options.main and main.kind == "count" and main.default is None:
        raise options.call.word.error(
            f"{op.word} needs its number of {main.name}", f"for example {op.example}"
        )
    if main.kind == "real" and options.main:
        value = options.main[0]
        if not (main.low <= value <= main.high and math.isfinite(value)):
            raise options.word("number").error(
                f"the {main.name} of {op.word} must be {main.bounds}, not {value:g}",
                f"write a number {main.bounds.replace('at least', 'of at least')}",
            )


def bias_wanted(options: Options, default: bool) -> bool:
    """Whether the call gets a bias: its flag, or else what the row implies."""
    if {"bias", "nobias"} <= options.flags:
        raise options.word("nobias").error('"bias" and "nobias" contradict', "keep one of them")
    if "bias" in options.flags:
        return True
    return default and "nobias" not in options.flags
