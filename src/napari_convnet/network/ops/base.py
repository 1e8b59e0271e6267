"""What every op is: its words, and what it does to shape, cost, receptive field and regions.

An op is a frozen dataclass *bound* to what comes in: `Op.bind` turns the arguments of a call and
the incoming shape into one. From then on it answers by itself, in integers and fractions only.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import ClassVar, Literal, Self

from ..grammar import Argument, Call, Word
from ..problems import WordError, did_you_mean, listed, quoted
from .explained import Explained, count, per_axis, product

Shape = tuple[int | None, ...]
"""Channels first, then the spatial sizes in array order; None is a size that is not fixed."""

Reach = Literal["point", "window", "global"]

LETTER_HELP: Mapping[str, str] = {
    "k": "kernel",
    "s": "stride",
    "p": "padding on both sides",
    "d": "dilation",
    "g": "groups",
    "m": "multiplier",
    "o": "output padding",
}

FLAG_HELP: Mapping[str, str] = {
    "valid": "no padding",
    "same": "padding that keeps the size at stride 1",
    "full": "every overlap of kernel and input counts",
    "ceil": "a last, incomplete window counts too",
    "bias": "with a bias",
    "nobias": "without a bias",
    "reflect": "pad with the mirror image",
    "replicate": "pad with the border's values",
    "circular": "pad with the other end",
    "nearest": "repeat each value",
    "linear": "interpolate between values",
}

MODES = ("reflect", "replicate", "circular")

MOST = 10**9
"""Largest number an argument may have."""


@dataclass(frozen=True, slots=True)
class Main:
    """The meaning of an op's one bare number.

    Parameters
    ----------
    name : str
        What it is called: ``outputs``, ``kernel``, ``probability``.
    kind : {"count", "sizes", "real"}
        A whole number from 1, one such per axis, or any number.
    default : float or None
        Its value where it is absent; None where it must be given (a count) or where its absence
        means something of its own (a real number, see `optional`).
    low, high : float
        Bounds of a real one.
    """

    name: str
    kind: Literal["count", "sizes", "real"] = "count"
    default: float | None = None
    low: float = -math.inf
    high: float = math.inf

    @property
    def optional(self) -> bool:
        """Whether it may be absent and then has no value at all."""
        return self.kind == "real" and self.default is None

    @property
    def bounds(self) -> str:
        """Say between what it lies: ``from 0 to 1``."""
        if math.isfinite(self.low) and math.isfinite(self.high):
            return f"from {self.low:g} to {self.high:g}"
        return f"at least {self.low:g}" if math.isfinite(self.low) else "a finite number"


@dataclass(frozen=True, slots=True)
class Signature:
    """The arguments that an op takes; forms, help and error messages read them from here.

    Parameters
    ----------
    main : Main, optional
        Its bare number.
    letters : str
        Letters that it takes with a number: ``kspdg``.
    flags : tuple of str
        Its flags.
    defaults : dict of str to str
        What a letter is where it is absent, for people: a number, or a formula.
    """

    main: Main | None = None
    letters: str = ""
    flags: tuple[str, ...] = ()
    defaults: Mapping[str, str] = field(default_factory=dict, hash=False)

    def describe(self, word: str) -> str:
        """Say in words what the op takes, where it does not take `word`."""
        parts = [f"a number ({self.main.name})"] if self.main else []
        parts += [f"{letter} ({LETTER_HELP[letter]})" for letter in self.letters]
        parts += list(self.flags)
        return f"it takes {listed(parts, 'and')}" if parts else f"delete {word}"


@dataclass(frozen=True, slots=True)
class Options:
    """The arguments of one call, sorted by what they are."""

    call: Call
    rank: int
    signature: Signature = Signature()
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


@dataclass(frozen=True, slots=True)
class Step:
    """What an op does to the receptive field along one axis.

    Parameters
    ----------
    reach : Fraction
        Input pixels from the first to the last one that an output sees: 0 for one pixel.
    ratio : Fraction
        Distance between neighbouring outputs, in input pixels.
    offset : Fraction
        Centre of what output 0 sees, in input pixels.
    """

    reach: Fraction = Fraction(0)
    ratio: Fraction = Fraction(1)
    offset: Fraction = Fraction(0)


STAY = Step()
"""What an op does that looks at one position only."""


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
        return cls._make(cls._options(call, arguments, rank), incoming, bias)

    @classmethod
    @abstractmethod
    def _make(cls, options: Options, incoming: Shape, bias: bool) -> Self:
        """Make the op from checked options."""

    @classmethod
    def _options(cls, call: Call, arguments: tuple[Argument, ...], rank: int) -> Options:
        main: tuple[float, ...] = ()
        sizes: tuple[float, ...] = ()
        letters: dict[str, tuple[float, ...]] = {}
        words: dict[str, Word] = {}
        for argument in arguments:
            key = argument.key or argument.kind
            cls._check_taken(argument)
            if key in words:
                raise argument.word.error(*cls._repeated(argument, words[key]))
            words[key] = argument.word
            if argument.kind == "number":
                main = argument.values
            elif argument.kind == "sizes":
                sizes = argument.values
            elif argument.kind == "letter":
                letters[key] = argument.values
        flags = frozenset(key for key in words if key in cls.signature.flags)
        options = Options(call, rank, cls.signature, main, sizes, letters, flags, words)
        cls._check_main(options)
        return options

    @classmethod
    def _check_taken(cls, argument: Argument) -> None:
        signature, word = cls.signature, argument.word
        fix = signature.describe(word.text)
        if argument.kind == "number" and signature.main is None:
            raise word.error(f"{cls.word} takes no number", fix)
        has_kernel = "k" in signature.letters or (
            signature.main is not None and signature.main.kind == "sizes"
        )
        if argument.kind == "sizes" and not has_kernel:
            raise word.error(f"{cls.word} has no kernel", fix)
        if argument.kind == "letter" and argument.key not in signature.letters:
            what = f"{cls.word} has no {LETTER_HELP[argument.key].split(' on ')[0]} {word.text}"
            raise word.error(what, fix)
        if argument.kind == "flag" and argument.key not in signature.flags:
            near = did_you_mean(argument.key, signature.flags, fix)
            raise word.error(f'{cls.word} does not take "{argument.key}"', near)
        if argument.kind == "name":
            raise word.error(f"{cls.word} takes no layer's name", fix)

    @classmethod
    def _repeated(cls, argument: Argument, first: Word) -> tuple[str, str]:
        main, second = cls.signature.main, argument.word.text
        if argument.kind != "number" or main is None:
            return f'"{second}" repeats "{first.text}"', "keep one of them"
        what = f"a second number for {cls.word}, which takes one ({main.name})"
        if not (second.isdecimal() and first.text.isdecimal()):
            return what, f"delete {second}"
        if main.kind == "sizes":
            stride = f", or s{second} for the stride" if "s" in cls.signature.letters else ""
            return what, f"write {first.text}x{second} if the axes differ{stride}"
        if "k" in cls.signature.letters:
            return what, f"write k{second} if you mean the kernel"
        return what, f"delete {second}"

    @classmethod
    def _check_main(cls, options: Options) -> None:
        main = cls.signature.main
        if main is None:
            return
        if not options.main and main.kind == "count" and main.default is None:
            raise options.call.word.error(
                f"{cls.word} needs its number of {main.name}", f"for example {cls.example}"
            )
        if main.kind == "real" and options.main:
            value = options.main[0]
            if not (main.low <= value <= main.high and math.isfinite(value)):
                raise options.word("number").error(
                    f"the {main.name} of {cls.word} must be {main.bounds}, not {value:g}",
                    f"write a number {main.bounds.replace('at least', 'of at least')}",
                )

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


def bias_wanted(options: Options, default: bool) -> bool:
    """Whether the call gets a bias: its flag, or else what the row implies."""
    if {"bias", "nobias"} <= options.flags:
        raise options.word("nobias").error('"bias" and "nobias" contradict', "keep one of them")
    if "bias" in options.flags:
        return True
    return default and "nobias" not in options.flags


def clipped(lo: int, hi: int, n: int) -> tuple[int, int]:
    """Clip a range to ``[0, n)``, keeping the nearest sample where nothing else is left."""
    lo, hi = max(lo, 0), min(hi, n)
    if lo >= hi:
        lo = min(max(lo, 0), n - 1)
        hi = lo + 1
    return lo, hi


def spelled(shape: Shape) -> str:
    """Spell a shape as a document does: ``16x32x?``."""
    return "x".join("?" if n is None else str(n) for n in shape)


def told(shape: Shape) -> str:
    """Spell a shape in a message: ``16x32x?``, ``a vector of 10``."""
    return spelled(shape) if len(shape) > 1 else f"a vector of {spelled(shape)}"


def positions(shape: Shape) -> int | None:
    """Number of positions of a map; None where a size is not fixed."""
    total = 1
    for n in shape[1:]:
        if n is None:
            return None
        total *= n
    return total


__all__ = [
    "FLAG_HELP",
    "LETTER_HELP",
    "MODES",
    "Main",
    "Op",
    "Options",
    "Reach",
    "Shape",
    "Signature",
    "Step",
    "WordError",
    "bias_wanted",
    "clipped",
    "positions",
    "spelled",
    "told",
]
