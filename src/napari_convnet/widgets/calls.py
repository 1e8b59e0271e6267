"""A row's text as calls, and a call as the values of a form: ``conv 6 k5`` in parts. No Qt.

What a form does not know how to show (``$in*2``, words that are wrong) is kept and written back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Self

from napari_convnet.network import JOINS, OPS, Op, WordError, parse_line
from napari_convnet.network.grammar import Call

EXCLUSIVE = (
    ("padding kind", ("valid", "same", "full")),
    ("border", ("reflect", "replicate", "circular")),
    ("bias", ("bias", "nobias")),
    ("method", ("nearest", "linear")),
)
"""Flags of which a call takes at most one, with what they decide."""

_NAMED = re.compile(r"\s*([A-Za-z][A-Za-z0-9_]*):(?:\s+|\Z)")


@dataclass(frozen=True)
class CallValue:
    """One call, sorted into what its op's signature lists.

    Parameters
    ----------
    op : str
        The word of the op.
    main : str
        Its one bare number as written; empty where the call has none.
    letters : tuple of (str, str)
        Letters and what follows them, ``("k", "3x5")``, in the order of the signature.
    flags : tuple of str
        Its flags, in the order of the signature.
    names : tuple of str
        Names of layers.
    extra : tuple of str
        Words that a form cannot show.

    Examples
    --------
    >>> value = CallValue.parse("conv 6 same k5")
    >>> value.letter("k"), str(value.with_letter("k", "3"))
    ('5', 'conv 6 k3 same')
    """

    op: str
    main: str = ""
    letters: tuple[tuple[str, str], ...] = ()
    flags: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a call.

        Raises
        ------
        WordError
            Where it does not begin with an op.
        """
        return cls.of(parse_line(text, OPS).calls[0])

    @classmethod
    def of(cls, call: Call) -> Self:
        """Sort the words of a parsed call."""
        value = cls(call.op)
        for word in call.rest:
            value = value._taking(Call(call.word, (word,)))
        return value

    def _taking(self, one: Call) -> Self:
        """Take in one more word, given as a call that has no other."""
        text = one.rest[0].text
        if "$" in text:
            return self._taking_arithmetic(text)
        try:
            argument = one.arguments(MappingProxyType({}))[0]
        except WordError:
            return replace(self, extra=(*self.extra, text))
        signature = self.kind.signature
        sizes = signature.main is not None and signature.main.kind == "sizes"
        if argument.kind == "number" and signature.main is not None and not self.main:
            return replace(self, main=text)
        if argument.kind == "sizes" and sizes and not self.main:
            return replace(self, main=text)
        if argument.kind == "sizes" and "k" in signature.letters and not self.letter("k"):
            return self.with_letter("k", text)
        known = argument.kind == "letter" and argument.key in signature.letters
        if known and not self.letter(argument.key):
            return self.with_letter(argument.key, text[1:])
        if argument.kind == "flag" and text in signature.flags and text not in self.flags:
            return replace(self, flags=self._ordered({*self.flags, text}))
        if argument.kind == "name" and self.takes_names:
            return replace(self, names=(*self.names, text))
        return replace(self, extra=(*self.extra, text))

    def _taking_arithmetic(self, text: str) -> Self:
        """Take in a word whose value is known only where a block is called."""
        signature = self.kind.signature
        letter = text[0] if text[0].isalpha() else ""
        if letter and letter in signature.letters and not self.letter(letter):
            return self.with_letter(letter, text[1:])
        if not letter and signature.main is not None and not self.main:
            return replace(self, main=text)
        return replace(self, extra=(*self.extra, text))

    @property
    def takes_names(self) -> bool:
        """Whether names of layers are arguments of the op."""
        return self.op in (*JOINS, "crop")

    @property
    def kind(self) -> type[Op]:
        """The op's class, with its signature, help and formula."""
        return OPS[self.op]

    def letter(self, letter: str) -> str:
        """Text behind a letter; empty where it is absent."""
        return dict(self.letters).get(letter, "")

    def with_main(self, text: str) -> Self:
        """Give another main argument."""
        return replace(self, main=text)

    def with_letter(self, letter: str, text: str) -> Self:
        """Give a letter another text; an empty one takes it out."""
        letters = {**dict(self.letters), letter: text}
        order = self.kind.signature.letters
        return replace(self, letters=tuple((k, letters[k]) for k in order if letters.get(k)))

    def with_choice(self, group: tuple[str, ...], flag: str) -> Self:
        """Put one flag of a group (or none) in the place of the others."""
        kept = {one for one in self.flags if one not in group}
        return replace(self, flags=self._ordered(kept | {flag} if flag else kept))

    def _ordered(self, flags: set[str]) -> tuple[str, ...]:
        return tuple(flag for flag in self.kind.signature.flags if flag in flags)

    def __str__(self) -> str:
        letters = (f"{letter}{text}" for letter, text in self.letters)
        words = (self.op, self.main, *letters, *self.flags, *self.names, *self.extra)
        return " ".join(filter(None, words))


@dataclass(frozen=True)
class BlockCall:
    """A call of a block.

    Parameters
    ----------
    op : str
        The block's name.
    params : tuple of str
        Its parameters.
    values : tuple of str
        What the call gives for them, empty where it gives nothing.
    extra : tuple of str
        Words that a form cannot show.

    Examples
    --------
    >>> call = BlockCall.of("two", ("a", "b"), ["16", "b=32"])
    >>> call.values, str(call.with_value(0, "8"))
    (('16', '32'), 'two 8 32')
    """

    op: str
    params: tuple[str, ...]
    values: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()

    @classmethod
    def of(cls, op: str, params: tuple[str, ...], words: Sequence[str]) -> Self:
        """Sort the words behind a block's name."""
        values, extra = dict.fromkeys(params, ""), []
        free = list(params)
        for word in words:
            name, equal, value = word.partition("=")
            if equal and values.get(name) == "":
                values[name] = value
            elif free and not values[free[0]] and not equal:
                values[free[0]] = word
            else:
                extra.append(word)
            free = [param for param in free if not values[param]]
        return cls(op, params, tuple(values.values()), tuple(extra))

    def with_value(self, index: int, text: str) -> Self:
        """Give a parameter another value; an empty one leaves it to its default."""
        values = list(self.values)
        values[index] = text
        return replace(self, values=tuple(values))

    def __str__(self) -> str:
        words, gap = [self.op], False
        for param, value in zip(self.params, self.values, strict=True):
            if value:
                words.append(f"{param}={value}" if gap else value)
            gap = gap or not value
        return " ".join([*words, *self.extra])


AnyCall = CallValue | BlockCall


def choices(kind: type[Op]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Groups of an op's flags of which a call takes at most one.

    Examples
    --------
    >>> choices(OPS["up"])
    (('method', ('nearest', 'linear')),)
    """
    own = kind.signature.flags
    groups = [(title, tuple(f for f in flags if f in own)) for title, flags in EXCLUSIVE]
    grouped = {flag for _, flags in groups for flag in flags}
    single = [(flag, (flag,)) for flag in own if flag not in grouped]
    return tuple((title, flags) for title, flags in (*groups, *single) if flags)


@dataclass(frozen=True)
class RowText:
    """A row of the network, split into its name and the calls of its line.

    Parameters
    ----------
    text : str
        The row: ``c1: conv 6 k5 relu``.
    blocks : mapping of str to tuple of str
        Blocks that it may call, each with its parameters.

    Examples
    --------
    >>> row = RowText("c1: conv 6 k5 relu")
    >>> row.name, [str(call) for call in row.calls]
    ('c1', ['conv 6 k5', 'relu'])
    >>> str(row.with_call(0, CallValue.parse("conv 8")))
    'c1: conv 8 relu'
    """

    text: str
    blocks: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)

    def __str__(self) -> str:
        return self.text

    @property
    def start(self) -> int:
        """Index of the line's first character, behind the name."""
        match = _NAMED.match(self.text)
        return match.end() if match else 0

    @property
    def name(self) -> str:
        """The row's name; empty where it has none."""
        match = _NAMED.match(self.text)
        return match.group(1) if match else ""

    @property
    def line(self) -> str:
        """The calls, without the name."""
        return self.text[self.start :]

    def _parsed(self) -> tuple[Call, ...]:
        try:
            return parse_line(self.line, OPS, blocks=self.blocks).calls
        except WordError:
            return ()

    @property
    def calls(self) -> tuple[AnyCall, ...]:
        """The calls; none where the line cannot be read."""
        return tuple(map(self._call, self._parsed()))

    def _call(self, call: Call) -> AnyCall:
        if call.op in OPS:
            return CallValue.of(call)
        words = [word.text for word in call.rest]
        return BlockCall.of(call.op, self.blocks[call.op], words)

    def call_at(self, position: int) -> int | None:
        """Index of the call that a cursor position lies in, or behind."""
        starts = [call.word.start + self.start for call in self._parsed()]
        return max((i for i, start in enumerate(starts) if start <= position), default=None)

    def with_call(self, index: int, value: AnyCall) -> RowText:
        """Write one call anew; all other characters stay."""
        call = self._parsed()[index]
        first, last = self.start + call.word.start, self.start + call.stop
        return RowText(f"{self.text[:first]}{value}{self.text[last:]}", self.blocks)


def word_at(text: str, position: int) -> tuple[int, str]:
    """Where the word at a cursor begins, and its characters up to the cursor.

    Examples
    --------
    >>> word_at("conv 6 rel", 10)
    (7, 'rel')
    """
    begin = max(text.rfind(" ", 0, position), text.rfind(":", 0, position)) + 1
    return begin, text[begin:position]
