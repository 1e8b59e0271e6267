"""The grammar of a layer line: ``conv 6 k5 s2 relu max 2 x3``.

A line is a chain of calls. A word that names an op (or a block) starts a new call, what follows are
its arguments, and a trailing ``xN`` repeats the whole line. `parse_line` knows the form of
arguments only; which ones an op takes, and what they mean, stands in the op's class.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from .meant import argument_told, op_told
from .problems import WordError, did_you_mean, listed, quoted

LETTERS = "kspdgmo"
"""Letters that begin an argument: kernel, stride, padding, dilation, groups, multiplier, output."""

FLAGS = "valid same full ceil bias nobias reflect replicate circular nearest linear".split()

MOST_ARITHMETIC = 60
"""Longest arithmetic word; it also bounds how deep parentheses can lie."""

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
REFERENCE = re.compile(r"[A-Za-z][A-Za-z0-9_]*(-\d+)?(\.[A-Za-z][A-Za-z0-9_]*(-\d+)?)*\Z", re.ASCII)
"""A layer's name as an argument: that of its row, or in full (``e1.conv-2``)."""
_KEYWORD = re.compile(r"([A-Za-z][A-Za-z0-9_]*)=(\S+)\Z", re.ASCII)
TAKES_NAMES = ("cat", "add", "crop")
"""Ops whose arguments may be names of layers."""

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\Z", re.IGNORECASE | re.ASCII)
_SIZES = re.compile(r"\d+(x\d+)+\Z", re.ASCII)
_LETTER = re.compile(rf"([{LETTERS}])(\d+(?:x\d+)*)\Z", re.ASCII)
_REPEAT = re.compile(r"x(\d+)\Z", re.ASCII)
_ARITHMETIC = re.compile(rf"([{LETTERS}]?)((?:[\d.()+*/-]|\$[A-Za-z]\w*)+)\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a line and the characters it stands in."""

    text: str
    start: int

    @property
    def stop(self) -> int:
        """First character behind the word."""
        return self.start + len(self.text)

    def error(self, what: str, fix: str = "") -> WordError:
        """Make an error that points at this word."""
        return WordError(what, fix, self.start, self.stop)


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a call, read but not yet understood.

    Parameters
    ----------
    kind : str
        ``number``, ``sizes`` (a bare ``AxB``), ``letter``, ``flag`` or ``name``.
    key : str
        The letter, the flag or the name; empty for bare numbers and sizes.
    values : tuple of float
        The numbers; empty for flags and names.
    word : Word
        Where it stands.
    """

    kind: str
    key: str
    values: tuple[float, ...]
    word: Word


@dataclass(frozen=True, slots=True)
class Call:
    """An op's (or block's) word and the words that follow it.

    Arguments are read by `arguments` when the incoming channels are known, since ``$in`` may
    stand in them.
    """

    word: Word
    rest: tuple[Word, ...] = ()

    @property
    def op(self) -> str:
        """The word that names the op."""
        return self.word.text

    @property
    def stop(self) -> int:
        """First character behind the call."""
        return self.rest[-1].stop if self.rest else self.word.stop

    def arguments(self, params: Params) -> tuple[Argument, ...]:
        """Read the arguments, with the values of ``$`` parameters put in."""
        return tuple([_argument(word, params) for word in self.rest])


@dataclass(frozen=True, slots=True)
class Line:
    """A layer line: its calls and how often the whole is repeated."""

    calls: tuple[Call, ...]
    repeat: int = 1
    words: tuple[Word, ...] = field(default=(), repr=False)


def parse_line(
    text: str,
    ops: Collection[str],
    known: Collection[str] = (),
    blocks: Collection[str] = (),
) -> Line:
    """Split a layer line into calls.

    Parameters
    ----------
    text : str
        The line, such as ``conv 6 k5 relu``.
    ops : collection of str
        Words that start a call.
    known : collection of str
        Names of layers, so that a mistyped op is told from a mistyped argument.
    blocks : collection of str
        Names of blocks, which start a call too.

    Raises
    ------
    WordError
        With the characters that are wrong.
    """
    words = tuple(Word(m.group(), m.start()) for m in re.finditer(r"\S+", text))
    if not words:
        raise WordError("this row is empty", "write a layer, for example conv 8 k3 relu")
    repeat, body = _trailing_repeat(words)
    calls: list[tuple[Word, list[Word]]] = []
    for word in body:
        if word.text in ops or word.text in blocks:
            calls.append((word, []))
        elif not calls:
            raise word.error(*op_told(word.text, [*ops, *blocks], known))
        elif calls[-1][0].text in blocks:
            _check_block_argument(word, calls[-1][0], ops, blocks)
            calls[-1][1].append(word)
        else:
            _check_form(word, calls[-1][0], ops, known, blocks)
            calls[-1][1].append(word)
    return Line(tuple(Call(op, tuple(rest)) for op, rest in calls), repeat, words)


def _trailing_repeat(words: tuple[Word, ...]) -> tuple[int, tuple[Word, ...]]:
    for word in words[:-1]:
        if _REPEAT.match(word.text):
            raise word.error(
                f"{word.text} must be the last word of its row",
                "move it to the end, or give the layers before it a row of their own",
            )
    match = _REPEAT.match(words[-1].text)
    if match is None:
        return 1, words
    if len(words) == 1:
        raise words[0].error(f"{words[0].text} repeats nothing", "write the layers before it")
    count = repeats(words[-1].text)
    if count < 1:
        raise words[-1].error("a row cannot be repeated zero times", "delete the row, or write x1")
    return count, words[:-1]


def repeats(word: str) -> int:
    """Read the number of an ``xN``; one too long to be meant counts as ten to the fifteenth."""
    digits = word[1:].lstrip("0") or "0"
    return int(digits) if len(digits) <= 15 else 10**15


def _check_form(
    word: Word,
    op: Word,
    ops: Collection[str],
    known: Collection[str],
    blocks: Collection[str],
) -> None:
    """Refuse a word that no argument can look like, as what it was most likely meant to be."""
    text = word.text
    readable = (
        _NUMBER.match(text)
        or _SIZES.match(text)
        or _LETTER.match(text)
        or text in FLAGS
        or text in known
        or ("$" in text and _ARITHMETIC.match(text))
    )
    _check_length(word)
    if readable or (op.text in TAKES_NAMES and REFERENCE.match(text)):
        return
    raise _not_an_argument(word, op, [*ops, *blocks])


def _check_length(word: Word) -> None:
    if "$" in word.text and len(word.text) > MOST_ARITHMETIC:
        raise word.error(
            f"{quoted(word.text)} is too long",
            f"arithmetic has at most {MOST_ARITHMETIC} characters",
        )


def _check_block_argument(
    word: Word, block: Word, ops: Collection[str], blocks: Collection[str]
) -> None:
    """Refuse a word that stands for neither a number nor a layer."""
    _check_length(word)
    match = _KEYWORD.match(word.text)
    text = match.group(2) if match else word.text
    arithmetic = _ARITHMETIC.match(text) if "$" in text else None
    if _NUMBER.match(text) or REFERENCE.match(text) or (arithmetic and not arithmetic.group(1)):
        return
    if "$" in text or _SIZES.match(text):
        what = f"{block.text} takes numbers and names of layers, not {quoted(word.text)}"
        raise word.error(what, "for example 16, $a*2 or e1")
    raise _not_an_argument(word, block, [*ops, *blocks])


def keyword(word: Word) -> tuple[str, Word]:
    """Split ``b=32`` into its name and its value; a plain value has the name ``""``."""
    match = _KEYWORD.match(word.text)
    if match is None:
        return "", word
    return match.group(1), Word(match.group(2), word.start + match.start(2))


def _not_an_argument(word: Word, op: Word, ops: Collection[str]) -> WordError:
    return word.error(*argument_told(word.text, op.text, ops, FLAGS))


def _argument(word: Word, params: Params) -> Argument:
    text = word.text
    if "$" in text:
        letter, value = evaluate(word, params)
        return Argument("letter" if letter else "number", letter, (float(value),), word)
    if _NUMBER.match(text):
        return Argument("number", "", (float(text),), word)
    if _SIZES.match(text):
        return Argument("sizes", "", tuple(map(float, text.split("x"))), word)
    if text in FLAGS:
        return Argument("flag", text, (), word)
    match = _LETTER.match(text)
    if match:
        sizes = tuple(map(float, match.group(2).split("x")))
        return Argument("letter", match.group(1), sizes, word)
    return Argument("name", text, (), word)


# ---------------------------------------------------------------- arithmetic

Params = Mapping[str, object]

_LARGEST = 10**15
"""Bound of values and of their denominators, which would grow from block to block."""

_PARAMETER = re.compile(r"\$([A-Za-z]\w*)", re.ASCII)
_TOKEN = re.compile(r"\d+\.?\d*|\.\d+|\$[A-Za-z]\w*|[()+*/-]")


def evaluate(word: Word, params: Params) -> tuple[str, Fraction]:
    """Evaluate ``$in*4/2``: numbers, parameters, + - * / and parentheses; never Python.

    Parameters
    ----------
    word : Word
        The word; a letter may stand before the arithmetic, as in ``k$k``.
    params : mapping of str to Fraction or object
        Values of parameters; what is no number stands for a layer.

    Returns
    -------
    tuple
        The letter, or ``""``, and the value.

    Raises
    ------
    WordError
        Where it cannot be read, or a parameter is not known or no number.
    """
    match = _ARITHMETIC.match(word.text)
    tokens = _TOKEN.findall(match.group(2)) if match else ["?"]
    try:
        value, rest = _sum(tokens, params, word)
    except (IndexError, ValueError):
        rest, value = ["?"], Fraction(0)
    except ZeroDivisionError:
        raise word.error(f'"{word.text}" divides by zero', "divide by another number") from None
    if rest or match is None:
        raise word.error(f'cannot read "{word.text}"', "write for example $in*2 or ($in+2)/2")
    if abs(value) > _LARGEST or value.denominator > _LARGEST:
        raise word.error(f'the value of "{word.text}" is too large', "the most is 10^15")
    return match.group(1), value


def parameters(text: str) -> list[str]:
    """Names of the parameters that a text speaks of."""
    return _PARAMETER.findall(text)


_Parsed = tuple[Fraction, list[str]]


def _sum(tokens: list[str], params: Params, word: Word) -> _Parsed:
    value, tokens = _product(tokens, params, word)
    while tokens and tokens[0] in "+-":
        other, rest = _product(tokens[1:], params, word)
        value, tokens = (value + other if tokens[0] == "+" else value - other), rest
    return value, tokens


def _product(tokens: list[str], params: Params, word: Word) -> _Parsed:
    value, tokens = _atom(tokens, params, word)
    while tokens and tokens[0] in "*/":
        other, rest = _atom(tokens[1:], params, word)
        value, tokens = (value * other if tokens[0] == "*" else value / other), rest
    return value, tokens


def _atom(tokens: list[str], params: Params, word: Word) -> _Parsed:
    head, rest = tokens[0], tokens[1:]
    if head == "(":
        value, rest = _sum(rest, params, word)
        if rest[0] != ")":
            raise ValueError(head)
        return value, rest[1:]
    if head == "-":
        value, rest = _atom(rest, params, word)
        return -value, rest
    if head.startswith("$"):
        return _parameter(head[1:], params, word), rest
    return Fraction(head), rest


def _parameter(name: str, params: Params, word: Word) -> Fraction:
    if name not in params:
        raise unknown_parameter(name, params, word)
    value = params[name]
    if not isinstance(value, Fraction | float | int):
        fix = "call the block with a number, or give it to cat, add or crop"
        raise word.error(f"${name} is a layer here, and no number", fix)
    return Fraction(value)


def unknown_parameter(name: str, params: Collection[str], word: Word) -> WordError:
    """Make the error for a parameter that is none of `params`."""
    known = [f"${one}" for one in params]
    otherwise = "outside a block only $in, the incoming channels, is known"
    if len(known) > 1:
        otherwise = f"this block has {listed(known, 'and')}"
    return word.error(f"unknown parameter ${name}", did_you_mean(f"${name}", known, otherwise))
