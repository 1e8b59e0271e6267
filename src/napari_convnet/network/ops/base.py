"""What every op is: its words, and what it does to shape, cost, receptive field and regions.

An op is a frozen dataclass *bound* to what comes in: `Op.bind` turns the arguments of a call and
the incoming shape into one. From then on it answers by itself, in integers and fractions only.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Self

from ..grammar import Argument, Call
from .explained import Explained, count, per_axis, product
from .options import Options, options_of
from .shapes import STAY, Reach, Shape, Step, spelled
from .signature import Signature


@dataclass(frozen=True, kw_only=True)
class Op(ABC):
    """A layer kind, bound to the shape that comes in.

    Parameters
    ----------
    incoming : tuple of int or None
        Channels and spatial sizes of the input, or ``(units,)`` for a vector.
    """

    incoming: Shape

    word: ClassVar[str]
    title: ClassVar[str]
    family: ClassVar[str]
    help: ClassVar[str]
    formula: ClassVar[str]
    example: ClassVar[str]
    signature: ClassVar[Signature] = Signature()
    reach: ClassVar[Reach] = "point"
    counts_macs: ClassVar[bool] = False
    takes_map: ClassVar[bool] = False
    """Whether it needs spatial axes."""
    takes_vector: ClassVar[bool] = True
    """Whether it works on a vector too."""
    joins: ClassVar[bool] = False
    """Whether it takes more than one layer."""
    size_formula: ClassVar[str] = "n"
    """Length of the output along an axis, in letters."""
    parameters_formula: ClassVar[str] = "0"
    macs_formula: ClassVar[str] = "0"
    field_formula: ClassVar[str] = "RF"
    """Receptive field of an output, given that of an input (RF) and the inputs' jump."""

    # ------------------------------------------------------------ binding
    @classmethod
    def bind(
        cls, call: Call, arguments: tuple[Argument, ...], incoming: Shape, *, bias: bool = True
    ) -> Self:
        """Make the op from a call.

        Parameters
        ----------
        call : Call
            The call, for the places of its words.
        arguments : tuple of Argument
            Its arguments, read.
        incoming : tuple of int or None
            What comes in.
        bias : bool
            Whether it has a bias where the call says nothing.

        Raises
        ------
        WordError
            For arguments that it lacks, repeats or cannot have here.
        """
        rank = len(incoming) - 1
        if cls.takes_map and rank == 0:
            raise call.word.error(
                f"{cls.word} needs a map, but a vector of {incoming[0]} comes in",
                f"put {cls.word} before flatten, gap and fc",
            )
        if not cls.takes_vector and rank == 0:
            raise call.word.error(f"{cls.word} does not work on a vector")
        return cls._make(options_of(cls, call, arguments, rank), incoming, bias)

    @classmethod
    @abstractmethod
    def _make(cls, options: Options, incoming: Shape, bias: bool) -> Self:
        """Make the op from checked options."""

    @classmethod
    def _count(cls, options: Options) -> int:
        """Give the main argument of an op whose main argument is a count."""
        main = cls.signature.main
        assert main is not None
        if not options.main:
            assert main.default is not None
            return int(main.default)
        return options.whole("number", options.main, 1)[0]

    # ------------------------------------------------------------ shape
    @property
    def rank(self) -> int:
        """Number of spatial axes that come in."""
        return len(self.incoming) - 1

    @property
    def channels(self) -> int:
        """Number of channels that go out."""
        assert self.incoming[0] is not None
        return self.incoming[0]

    def size(self, axis: int, n: int) -> int:
        """Length of the output along a spatial axis.

        Parameters
        ----------
        axis : int
            The spatial axis, 0 for the first.
        n : int
            Length of the input along it.

        Raises
        ------
        UserError
            Where an input of that length gives no output.
        """
        return n

    def output(self, *incomings: Shape) -> Shape:
        """Shape that goes out, for nominal or for other shapes that come in, one per input."""
        sizes = self._given(incomings)[1:]
        return (
            self.channels,
            *(None if n is None else self.size(axis, n) for axis, n in enumerate(sizes)),
        )

    def _given(self, incomings: tuple[Shape, ...]) -> Shape:
        """Shape of the only input: the nominal one, or another."""
        return incomings[0] if incomings else self.incoming

    # ------------------------------------------------------------ cost
    def weights(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the trained parameters, in torch's layout."""
        return {}

    @cached_property
    def parameters(self) -> int:
        """Number of trained parameters."""
        return sum(math.prod(shape) for shape in self.weights().values())

    def macs(self, *incomings: Shape) -> int | None:
        """Multiply-adds of one forward pass; None where a size is not fixed, 0 where uncounted."""
        return 0

    # ------------------------------------------------------------ geometry
    def step(self, axis: int) -> Step:
        """Receptive-field arithmetic along a spatial axis; not asked where the reach is global."""
        return STAY

    def steps(self, axis: int) -> tuple[Step | None, ...]:
        """Receptive-field arithmetic for each input; None where none of its values is read."""
        return (self.step(axis),)

    def region(self, axis: int, start: int, stop: int, n: int) -> tuple[int, int]:
        """Range of the input that a range of the output depends on.

        Parameters
        ----------
        axis : int
            The spatial axis.
        start, stop : int
            The outputs, half open, not empty.
        n : int
            Length of the whole input along the axis.

        Returns
        -------
        tuple of int
            The inputs, half open, within ``[0, n)`` and never empty.
        """
        return start, stop

    def regions(
        self, axis: int, start: int, stop: int, sizes: Sequence[int]
    ) -> tuple[tuple[int, int], ...]:
        """Range of each input that a range of the output depends on; `region` for several inputs.

        Parameters
        ----------
        axis, start, stop : int
            As for `region`.
        sizes : sequence of int
            Length of each whole input along the axis.
        """
        return (self.region(axis, start, stop, sizes[0]),)

    # ------------------------------------------------------------ reasons
    def explain(self) -> tuple[Explained, ...]:
        """Say how sizes, parameters and multiply-adds come about, with the numbers put in."""
        lines = [*self._explain_channels(), *self._explain_sizes()]
        if self.parameters:
            numbers, result = self.parameters_numbers(), count(self.parameters)
            lines.append(Explained("parameters", self._parameters_formula(), numbers, result))
        if self.counts_macs:
            numbers, result = self.macs_numbers(), count(self.macs())
            lines.append(Explained("multiply-adds", self._macs_formula(), numbers, result))
        return tuple(lines)

    def _explain_channels(self) -> tuple[Explained, ...]:
        """Say how many channels go out, where that takes reckoning."""
        return ()

    def _explain_sizes(self) -> tuple[Explained, ...]:
        """Say how long the output is along each axis."""
        output = self.output()
        if len(output) != len(self.incoming):
            return ()
        if self.size_formula == "n":
            shape = spelled(output)
            return (Explained("size", "as what comes in", spelled(self.incoming), shape),)
        rows = [
            (self._size_formula(), self.size_numbers(axis, n), spelled((output[axis + 1],)))
            for axis, n in enumerate(self.incoming[1:])
        ]
        return per_axis("size", rows)

    def _size_formula(self) -> str:
        return self.size_formula

    def _parameters_formula(self) -> str:
        return self.parameters_formula

    def _macs_formula(self) -> str:
        return self.macs_formula

    def size_numbers(self, axis: int, n: int | None) -> str:
        """Put numbers into `size_formula`, for an input of length `n`."""
        return spelled((n,))

    def parameters_numbers(self) -> str:
        """Put numbers into `parameters_formula`."""
        return " + ".join(product(shape) for shape in self.weights().values())

    def macs_numbers(self) -> str:
        """Put numbers into `macs_formula`."""
        return "0"

    def field_numbers(self, axis: int, size: str, jump: str) -> str:
        """Put numbers into `field_formula`: `size` of the inputs' fields, and their `jump`."""
        return size
