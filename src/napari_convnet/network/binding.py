"""Ops bound to what comes in, each once: the same call on the same shape is the same op."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from .geometry import STILL, Move
from .grammar import Argument, Call, parse_line
from .ops import OPS, Op, Shape, Step
from .ops.join import Join
from .ops.options import MOST
from .problems import UserError
from .scopes import Point, Value

MOST_BOUND = 20_000
"""How many calls are remembered from one analysis to the next."""


@dataclass(frozen=True, slots=True)
class Bound:
    """An op bound to what comes in, with what every layer asks of it.

    Parameters
    ----------
    kind : Op
        The op.
    text : str
        Its call, with the values of parameters put in.
    output : tuple of int or None
        Shape that goes out.
    steps : tuple of tuple of Step or None
        Per axis, what it does to the receptive field of each input; None where no axes are left.
    trained : bool
        Whether it has weights.
    """

    kind: Op
    text: str
    output: Shape
    moves: tuple[tuple[Move | None, ...], ...] | None
    alike: bool
    trained: bool

    @classmethod
    def of(cls, kind: Op, text: str) -> Bound:
        """Ask an op for what every layer asks of it."""
        output = _output(kind)
        moves, axes = None, range(len(output) - 1)
        if len(output) == len(kind.incoming):
            # A norm sees the whole map, but only through two numbers: its field is as it was.
            known = kind.reach != "global"
            moves = tuple([_moves(kind.steps(axis)) if known else (STILL,) for axis in axes])
        alike = moves is not None and moves[1:] == moves[:-1]
        return cls(kind, text, output, moves, alike, bool(kind.weights()))


class Binder:
    """Binds calls, and remembers what it has bound."""

    def __init__(self) -> None:
        self._bound: dict[tuple[str, Shape, bool], Bound] = {}
        self._joined: dict[tuple[type[Join], tuple[Shape, ...]], Bound] = {}

    def kept(self) -> Binder:
        """Return itself for a next analysis, or a new one where it remembers too much."""
        return self if len(self._bound) + len(self._joined) < MOST_BOUND else Binder()

    def bind(self, call: Call, shape: Shape, values: Mapping[str, Value], bias: bool) -> Bound:
        """Bind a call to the shape that comes in.

        Raises
        ------
        UserError
            Where it does not fit.
        """
        plain = "$" not in "".join([word.text for word in call.rest])
        arguments = None
        if plain:
            text = " ".join([call.op, *[word.text for word in call.rest]])
        else:
            arguments = call.arguments({**values, "in": Fraction(shape[0] or 0)})
            text = " ".join([call.op, *map(spelled, arguments)])
        key = (text, shape, bias)
        found = self._bound.get(key)
        if found is None:
            if arguments is None:
                arguments = call.arguments({})
            kind = OPS[call.op].bind(call, arguments, shape, bias=bias)
            found = self._bound[key] = Bound.of(kind, text)
        return found

    def bind_text(self, text: str, shape: Shape) -> Bound:
        """Bind a call that is not in the document."""
        return self.bind(parse_line(text, OPS).calls[0], shape, {}, True)

    def join(self, word: type[Join], points: Sequence[Point]) -> Bound:
        """Join what comes out of several layers.

        Raises
        ------
        UserError
            Where their shapes do not fit together.
        """
        shapes = tuple([point.shape for point in points])
        found = self._joined.get((word, shapes))
        if found is None:
            names = [point.name for point in points]
            found = Bound.of(word.joined(shapes, names=names), word.word)
            self._joined[word, shapes] = found
        return found


def spelled(argument: Argument) -> str:
    """Text of an argument, with the values of its parameters put in."""
    if "$" not in argument.word.text:
        return argument.word.text
    return f"{argument.key}{number(argument.values[0])}"


def number(value: float | Fraction) -> str:
    """Spell a number as a document does."""
    return str(int(value)) if value == int(value) else f"{float(value):g}"


def _moves(steps: Sequence[Step | None]) -> tuple[Move | None, ...]:
    return tuple([None if step is None else Move.of(step) for step in steps])


def _output(op: Op) -> Shape:
    output = op.output()
    largest = max((n for n in output if n is not None), default=0)
    if largest > MOST:
        raise UserError(f"a size of {largest:,} is too large", f"the most is {MOST:,}")
    return output
