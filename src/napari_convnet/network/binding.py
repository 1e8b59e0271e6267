"""Ops bound to what comes in, each once: the same call on the same shape is the same op."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from .grammar import Argument, Call
from .ops import OPS, Op, Shape, Step
from .ops.base import MOST
from .ops.join import Join
from .problems import UserError
from .scopes import Point, Value


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
    steps: tuple[tuple[Step | None, ...], ...] | None
    trained: bool

    @classmethod
    def of(cls, kind: Op, text: str) -> Bound:
        """Ask an op for what every layer asks of it."""
        rank = range(len(kind.incoming) - 1)
        output = _output(kind)
        # A norm depends on everything, but each of its outputs has the place of its input.
        steps = tuple(map(kind.steps, rank)) if len(output) == len(kind.incoming) else None
        return cls(kind, text, output, steps, bool(kind.weights()))


class Binder:
    """Binds calls, and remembers what it has bound."""

    def __init__(self) -> None:
        self._bound: dict[tuple[str, Shape, bool], Bound] = {}

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

    @staticmethod
    def join(word: type[Join], points: Sequence[Point], text: str) -> Bound:
        """Join what comes out of several layers.

        Raises
        ------
        UserError
            Where their shapes do not fit together.
        """
        names = [point.name for point in points]
        return Bound.of(word.joined([point.shape for point in points], names=names), text)


def spelled(argument: Argument) -> str:
    """Text of an argument, with the values of its parameters put in."""
    if "$" not in argument.word.text:
        return argument.word.text
    return f"{argument.key}{number(argument.values[0])}"


def number(value: float | Fraction) -> str:
    """Spell a number as a document does."""
    return str(int(value)) if value == int(value) else f"{float(value):g}"


def _output(op: Op) -> Shape:
    output = op.output()
    largest = max((n for n in output if n is not None), default=0)
    if largest > MOST:
        raise UserError(f"a size of {largest:,} is too large", f"the most is {MOST:,}")
    return output
