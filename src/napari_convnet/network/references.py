"""Arguments that name layers: which layer is meant, and what to say where there is none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from .blocks import walk as every
from .grammar import REFERENCE, Call, Word, evaluate, unknown_parameter
from .items import Item
from .problems import WordError, did_you_mean, quoted
from .scopes import Point, Scope

if TYPE_CHECKING:
    from .walk import Walk


def named_words(call: Call, names: Scope) -> bool:
    """Whether an argument of ``crop`` is a layer's name."""
    return any(
        REFERENCE.match(word.text) or isinstance(names.frame.values.get(word.text[1:]), Point)
        for word in call.rest
    )


def join_inputs(walk: Walk, call: Call, names: Scope) -> list[Point]:
    """Layers that ``cat``, ``add`` or ``crop`` takes, in the order of its inputs.

    Raises
    ------
    WordError
        Where a word names none, or one that is taken already.
    """
    x = walk.state.x
    if not call.rest:
        raise call.word.error(f"{call.op} needs the name of a layer", f"for example {call.op} e1")
    points: dict[str, Point] = {}
    for word in call.rest:
        point = find_layer(walk, word, names)
        if point.name == x.name:
            what = f"{point.name} comes in already: {call.op} takes what comes in last"
            raise word.error(what, f"delete {word.text}, or name another layer")
        if point.name in points:
            raise word.error(f"{point.name} is named twice", "keep one of them")
        points[point.name] = point
    if call.op != "crop":
        return [*points.values(), x]
    if len(points) > 1:
        raise call.rest[1].error("crop takes the size of one layer", "keep one of them")
    return [x, *points.values()]


def find_layer(walk: Walk, word: Word, names: Scope) -> Point:
    """Find the layer that a word names: by its name, or by a parameter.

    Raises
    ------
    WordError
        Where there is none.
    """
    values = names.frame.values
    if word.text.startswith("$"):
        return _parameter(word, names)
    if not REFERENCE.match(word.text):
        raise word.error(f"{quoted(word.text)} is no name of a layer", "for example cat e1")
    found = names.find(word.text, walk.state.points)
    if found is None:
        raise _unknown(walk, word, names, list(values))
    return found


def _parameter(word: Word, names: Scope) -> Point:
    values = {**names.frame.values}
    value = values.get(word.text[1:])
    if isinstance(value, Point):
        return value
    if word.text[1:] not in values and word.text[1:].isidentifier():
        if word.text == "$in":
            raise word.error("$in is a number, not a layer", "write the name of a layer")
        raise unknown_parameter(word.text[1:], [*values, "in"], word)
    number = evaluate(word, {**values, "in": 0})[1]
    raise word.error(
        f"{word.text} is {float(number):g} here, not a layer", "call the block with a layer's name"
    )


def _unknown(walk: Walk, word: Word, names: Scope, params: Sequence[str]) -> WordError:
    text, frame = word.text, names.frame
    if text in params:
        return word.error(f'no layer is called "{text}" here', f"write ${text} for the parameter")
    items: Iterable[Item] = walk.blocks.named[frame.block].body if frame.inside else walk.items
    written = next((i for i in every(items) if i.name.lower() == text.lower()), None)
    if written is not None and written.name_place is not None:
        line = written.name_place.line
        full = _elsewhere(walk, text)
        if full and not frame.inside:
            return word.error(f"{text} stands inside another row (line {line})", f"write {full}")
        if names.full("").lower().startswith(f"{text.lower()}."):
            return word.error(f"{text} is not finished here", "name a layer above this row")
        return word.error(
            f"{text} is defined further down (line {line})", "only layers above can be named"
        )
    if frame.inside and text.lower() in walk.state.points:
        return word.error(
            f"{text} stands outside this block, which sees only its own layers and parameters",
            f"give it a parameter, and call it with {text}",
        )
    known = [layer.name for layer in walk.state.layers]
    near = did_you_mean(text, known[-1000:], _layers_so_far(known))
    return word.error(f"no layer is called {quoted(text)}", near)


def _elsewhere(walk: Walk, text: str) -> str:
    """Full name of a layer that is known inside of another row only."""
    end = f".{text.lower()}"
    return next((layer.name for layer in walk.state.layers if layer.name.lower().endswith(end)), "")


def _layers_so_far(known: Sequence[str]) -> str:
    if not known:
        return "there is no layer above"
    more = "..., " if len(known) > 6 else ""
    return f"the layers above are {more}{', '.join(known[-6:])}"
