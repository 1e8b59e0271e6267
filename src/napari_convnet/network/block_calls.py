"""Calls of blocks: which argument is the value of which parameter."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

from .blocks import ARGUMENT
from .grammar import FLAGS, Call, Word, evaluate, keyword
from .items import Block, Param
from .problems import Problem, UserError, WordError, did_you_mean, listed, quoted
from .scopes import Point, Value

_PLAIN = re.compile(r"[+-]?(\d{1,12}\.?\d{0,12}|\.\d{1,12})(e[+-]?\d)?\Z", re.IGNORECASE | re.ASCII)


def block_arguments(
    block: Block,
    call: Call,
    values: Mapping[str, Value],
    channels: int,
    layer: Callable[[Word], Point],
) -> dict[str, Value]:
    """Read the arguments of a block's call.

    Parameters
    ----------
    block : Block
        The block.
    call : Call
        The call.
    values : mapping of str to Fraction or Point
        Parameters that the caller knows.
    channels : int
        What ``$in`` is.
    layer : callable
        Finds the layer that a word names.

    Raises
    ------
    WordError
        Where they do not fit the block's parameters.
    """
    known: dict[str, Value] = {**values, "in": Fraction(channels)}
    found: dict[str, Value] = {}
    names = [param.name for param in block.params]
    positions = iter(names)
    for word in call.rest:
        name, text = keyword(word)
        if not name:
            name = next(positions, "")
        if not name:
            what = f"{block.name} takes {_counted(names)}, and {word.text} is one too many"
            raise word.error(what, _usage(block) if names else f"delete {word.text}")
        if name not in names:
            fix = did_you_mean(name, names, _usage(block))
            raise word.error(f"{block.name} has no parameter {quoted(name)}", fix)
        if name in found:
            raise word.error(f"{name} is given twice", "keep one of them")
        found[name] = _value(text, known, layer, block)
    return _completed(block, call, found, channels)


def _value(
    word: Word, known: Mapping[str, Value], layer: Callable[[Word], Point], block: Block
) -> Value:
    text = word.text
    if _PLAIN.match(text):
        return Fraction(text)
    if text[0] in "+-.0123456789":
        raise word.error(f"cannot read {quoted(text)} as a number", "write for example 16 or .5")
    if "$" not in text:
        return _layer(word, layer, block)
    passed = known.get(text[1:])
    return passed if isinstance(passed, Point) else evaluate(word, known)[1]


def _layer(word: Word, layer: Callable[[Word], Point], block: Block) -> Point:
    try:
        return layer(word)
    except WordError:
        if word.text in FLAGS or ARGUMENT.match(word.text):
            raise word.error(
                f"{block.name} takes numbers and names of layers, not {quoted(word.text)}",
                _usage(block),
            ) from None
        raise


def _completed(
    block: Block, call: Call, found: Mapping[str, Value], channels: int
) -> dict[str, Value]:
    """Put in defaults, in the order of the parameters."""
    complete: dict[str, Value] = {}
    missing = [p.name for p in block.params if p.name not in found and p.default is None]
    if missing:
        what = f"{block.name} needs {listed((f'${name}' for name in missing), 'and')}"
        raise call.word.error(what, _usage(block))
    for param in block.params:
        if param.name in found:
            complete[param.name] = found[param.name]
        else:
            complete[param.name] = _default(block, param, {**complete, "in": Fraction(channels)})
    return complete


def _default(block: Block, param: Param, known: Mapping[str, Value]) -> Value:
    text = param.default or ""
    if _PLAIN.match(text):
        return Fraction(text)
    passed = known.get(text[1:]) if text.startswith("$") else None
    if isinstance(passed, Point):
        return passed
    try:
        return evaluate(Word(text, 0), known)[1]
    except WordError as error:
        raise UserError(Problem(error.what, error.fix, block.place)) from None


def _counted(names: Sequence[str]) -> str:
    if not names:
        return "no arguments"
    plural = "argument" if len(names) == 1 else "arguments"
    return f"{len(names)} {plural} ({', '.join(names)})"


def _usage(block: Block) -> str:
    words: list[str] = []
    for param in block.params:
        wanted = param.name.upper()
        if param.default is not None:
            words.append(f"[{wanted}]")
        else:
            # Behind one that may be left out, by its name: it is right in either case.
            optional = any(word.startswith("[") for word in words)
            words.append(f"{param.name}={wanted}" if optional else wanted)
    return f"write {' '.join([block.name, *words])}"
