"""Ops that take more than one layer: concatenation, sum, and cropping to another layer's size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar, Self

from ..problems import UserError, listed
from .base import Op
from .explained import Explained
from .options import Options
from .shapes import STAY, Reach, Shape, Step, spelled, told

_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")


@dataclass(frozen=True, kw_only=True)
class Join(Op):
    """An op that takes several layers; `joined` makes it.

    Parameters
    ----------
    incomings : tuple of shapes
        What comes in, in the order of the op's inputs.
    """

    incomings: tuple[Shape, ...]

    family: ClassVar[str] = "join"
    joins: ClassVar[bool] = True

    @classmethod
    def joined(cls, incomings: Sequence[Shape], *, names: Sequence[str] = ()) -> Self:
        """Make the op from the shapes that come in.

        Parameters
        ----------
        incomings : sequence of shapes
            One for each input: the layers named, then what comes in (of `CropTo`, first what comes
            in, then the layer named).
        names : sequence of str, optional
            What messages call them.

        Raises
        ------
        UserError
            Where they do not fit together.
        """
        made = cls(incoming=cls._main(incomings), incomings=tuple(incomings))
        made._fitted(made.incomings, names)
        return made

    @classmethod
    def _main(cls, incomings: Sequence[Shape]) -> Shape:
        return incomings[-1]

    @classmethod
    def _make(cls, options: Options, incoming: Shape, bias: bool) -> Self:
        raise options.call.word.error(
            f"{cls.word} needs the name of a layer", f"for example {cls.example}"
        )

    def output(self, *incomings: Shape) -> Shape:
        """Shape that goes out, for nominal or for other shapes that come in, one per input."""
        return self._fitted(incomings or self.incomings, ())

    def _fitted(self, incomings: Sequence[Shape], names: Sequence[str]) -> Shape:
        """Shape that goes out; an error where `incomings` do not fit together."""
        raise NotImplementedError

    def steps(self, axis: int) -> tuple[Step | None, ...]:
        """Every input is read at the place of the output."""
        return (STAY,) * len(self.incomings)

    def regions(
        self, axis: int, start: int, stop: int, sizes: Sequence[int]
    ) -> tuple[tuple[int, int], ...]:
        """Every input at the places of the outputs."""
        return ((start, stop),) * len(sizes)


@dataclass(frozen=True, kw_only=True)
class Cat(Join):
    """Concatenation: the channels of several layers, one after the other."""

    word: ClassVar[str] = "cat"
    title: ClassVar[str] = "Concatenation"
    help: ClassVar[str] = "Puts the channels of other layers before those that come in."
    formula: ClassVar[str] = "y = the channels of A, then of B, ..., then of x"
    example: ClassVar[str] = "cat e1"

    @property
    def channels(self) -> int:
        """Channels of all inputs together."""
        return sum(shape[0] or 1 for shape in self.incomings)

    def _fitted(self, incomings: Sequence[Shape], names: Sequence[str]) -> Shape:
        sizes = _common([shape[1:] for shape in incomings])
        if sizes is None:
            raise UserError(
                f"{self.word} needs maps of equal size: {_compared(incomings, names)}",
                _resize(incomings, "join"),
            )
        return (sum(shape[0] or 1 for shape in incomings), *sizes)

    def _explain_channels(self) -> tuple[Explained, ...]:
        channels = [str(shape[0]) for shape in self.incomings]
        formula = "those of all inputs"
        return (Explained("channels", formula, " + ".join(channels), str(self.channels)),)

    def _explain_sizes(self) -> tuple[Explained, ...]:
        sizes = [shape[1:] for shape in (self.incoming, self.output())]
        return (Explained("size", "as all inputs", *map(spelled, sizes)),) if sizes[0] else ()


@dataclass(frozen=True, kw_only=True)
class Add(Join):
    """Sum: the values of several layers, place by place and channel by channel."""

    word: ClassVar[str] = "add"
    title: ClassVar[str] = "Sum"
    help: ClassVar[str] = "Adds other layers to what comes in, value by value."
    formula: ClassVar[str] = "y[c, i] = A[c, i] + B[c, i] + ... + x[c, i]"
    example: ClassVar[str] = "add e1"

    def _fitted(self, incomings: Sequence[Shape], names: Sequence[str]) -> Shape:
        shape = _common(incomings)
        if shape is None:
            sizes = _common([one[1:] for one in incomings])
            fix = _resize(incomings, "add")
            if sizes is not None and len(incomings[0]) > 1:
                fix = f"bring them to equal channels, for example with conv {incomings[-1][0]} k1"
            what = f"{self.word} needs equal shapes: {_compared(incomings, names)}"
            raise UserError(what, fix)
        return shape


@dataclass(frozen=True, kw_only=True)
class CropTo(Join):
    """Crop to another layer's size: what is too much is cut from both ends of every axis.

    Its inputs are what comes in and the layer of which it takes the size; where the rest is odd,
    the pixel more is cut at the high end.
    """

    word: ClassVar[str] = "crop"
    title: ClassVar[str] = "Crop to a layer"
    family: ClassVar[str] = "shape"
    help: ClassVar[str] = "Cuts the borders off, down to the size of another layer."
    formula: ClassVar[str] = "y[c, i] = x[c, i + floor((n - m) / 2)], m the size of the other layer"
    example: ClassVar[str] = "crop e1"
    reach: ClassVar[Reach] = "window"
    takes_map: ClassVar[bool] = True
    takes_vector: ClassVar[bool] = False
    size_formula: ClassVar[str] = "m, the size of the other layer"

    @classmethod
    def _main(cls, incomings: Sequence[Shape]) -> Shape:
        return incomings[0]

    def _fitted(self, incomings: Sequence[Shape], names: Sequence[str]) -> Shape:
        given, reference = incomings
        if len(given) != len(reference) or len(given) < 2:
            raise UserError(
                f"crop needs two maps of as many axes: {_compared(incomings, names)}",
                "put it before flatten, gap and fc",
            )
        pairs = list(zip(given[1:], reference[1:], strict=True))
        if any(n is not None and m is not None and n < m for n, m in pairs):
            raise UserError(
                f"crop can only make a map smaller: {_compared(incomings, names)}",
                "crop the larger of the two",
            )
        if any((n is None) != (m is None) for n, m in pairs):
            raise UserError(
                "crop to a layer needs every size of the map", "write numbers for ? in the input"
            )
        return (given[0], *reference[1:])

    @staticmethod
    def cut(n: int, m: int) -> int:
        """Pixels cut from the low end of `n` to leave `m`."""
        return (n - m) // 2

    def steps(self, axis: int) -> tuple[Step | None, ...]:
        """Offset by the cut of the nominal size; of the other layer no value is read."""
        n, m = (shape[axis + 1] for shape in self.incomings)
        offset = 0 if n is None or m is None else self.cut(n, m)
        return (Step(offset=Fraction(offset)), None)

    def regions(
        self, axis: int, start: int, stop: int, sizes: Sequence[int]
    ) -> tuple[tuple[int, int], ...]:
        """Shifted by the cut; one pixel of the other layer, of which only the size matters."""
        cut = self.cut(*sizes)
        return ((start + cut, stop + cut), (start, start + 1))

    def size_numbers(self, axis: int, n: int | None) -> str:
        """Of so many, what is left."""
        m = self.incomings[1][axis + 1]
        if n is None or m is None:
            return "?"
        low = self.cut(n, m)
        return f"{n} - {low} - {n - m - low}"


def _common(shapes: Sequence[Shape]) -> Shape | None:
    """Shape that all have, where a size that is not fixed equals any; None where they differ."""
    if len(set(map(len, shapes))) > 1:
        return None
    found: list[int | None] = []
    for sizes in zip(*shapes, strict=True):
        known = {n for n in sizes if n is not None}
        if len(known) > 1:
            return None
        found.append(known.pop() if known else None)
    return tuple(found)


def _compared(shapes: Sequence[Shape], names: Sequence[str]) -> str:
    """List the shapes of all inputs: ``e1 is 16x32x32, conv-2 is 16x30x30``."""
    labels = list(names) or _labels(len(shapes))
    return listed(
        (f"{name} is {told(shape)}" for name, shape in zip(labels, shapes, strict=True)), "and"
    )


def _resize(shapes: Sequence[Shape], word: str) -> str:
    """Say how to bring maps to equal sizes."""
    ranks = set(map(len, shapes))
    if 1 in ranks and len(ranks) > 1:
        return f"{word} before flatten, gap and fc, or bring all to vectors"
    if 1 in ranks:
        return "bring them to equal lengths, for example with fc"
    return f"crop the larger (crop NAME), pad, or {word} before the size changes"


def _labels(count: int) -> list[str]:
    if count > len(_ORDINALS):
        return [f"input {index}" for index in range(1, count + 1)]
    return [f"the {word}" for word in _ORDINALS[:count]]
