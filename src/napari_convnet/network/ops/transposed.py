"""Transposed convolution."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar, Self

from ..problems import UserError
from .explained import product
from .kernelled import Kernelled, group_spelled, grouped, kernel_option
from .options import Options, bias_wanted
from .shapes import Reach, Shape, Step, clipped, positions, spelled
from .signature import Main, Signature


@dataclass(frozen=True, kw_only=True)
class TransposedConv(Kernelled):
    """Transposed convolution: spreads every input over a window of the output, to enlarge a map.

    Parameters
    ----------
    kernel, stride, pad, dilation, extra : tuple of int
        One per spatial axis; `pad` is cut from both ends of the output, `extra` (the output
        padding) is added at its high end.
    groups : int
        Inputs and outputs are split into so many groups, which do not mix.
    """

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    pad: tuple[int, ...]
    dilation: tuple[int, ...]
    extra: tuple[int, ...]
    groups: int = 1

    word: ClassVar[str] = "tconv"
    title: ClassVar[str] = "Transposed convolution"
    family: ClassVar[str] = "convolution"
    help: ClassVar[str] = (
        "Enlarges the map with learned kernels; the reverse of a strided convolution."
    )
    formula: ClassVar[str] = "y[o, s i - p + d j] gathers w[c, o, j] x[c, i] of all c, i, j; + b[o]"
    example: ClassVar[str] = "tconv 64"
    signature: ClassVar[Signature] = Signature(
        Main("outputs"),
        "kspdgo",
        ("bias", "nobias"),
        {"k": "2", "s": "k", "p": "0", "d": "1", "g": "1", "o": "0"},
    )
    reach: ClassVar[Reach] = "window"
    takes_map: ClassVar[bool] = True
    takes_vector: ClassVar[bool] = False
    size_formula: ClassVar[str] = "(n - 1) s - 2p + d (k - 1) + 1 + o"
    parameters_formula: ClassVar[str] = "inputs × outputs / g × kernel"
    macs_formula: ClassVar[str] = "places that come in × inputs × outputs / g × kernel"
    field_formula: ClassVar[str] = "RF + (ceil((d (k - 1) + 1) / s) - 1) jump"

    @classmethod
    def _make(cls, options: Options, incoming: Shape, bias: bool) -> Self:
        out = cls._count(options)
        kernel = kernel_option(options, 2)
        stride = options.letter("s", 1, 1) if "s" in options.letters else kernel
        dilation, extra = options.letter("d", 1, 1), options.letter("o", 0, 0)
        for o, s, d in zip(extra, stride, dilation, strict=True):
            if o and o >= max(s, d):
                raise options.word("o").error(
                    f"an output padding of {o} needs a stride or dilation above it",
                    f"use at most o{max(s, d) - 1}",
                )
        return cls(
            incoming=incoming,
            out=out,
            kernel=kernel,
            stride=stride,
            pad=options.letter("p", 0, 0),
            dilation=dilation,
            extra=extra,
            groups=grouped(options, incoming[0] or 1, out),
            bias=bias_wanted(options, bias),
        )

    def span(self, axis: int) -> int:
        """Output pixels that one input reaches: d (k - 1) + 1."""
        return self.dilation[axis] * (self.kernel[axis] - 1) + 1

    def size(self, axis: int, n: int) -> int:
        """Length of the output: (n - 1) s - 2 p + d (k - 1) + 1 + o."""
        length = (n - 1) * self.stride[axis] - 2 * self.pad[axis] + self.span(axis)
        length += self.extra[axis]
        if length < 1:
            raise UserError(
                f"padding {self.pad[axis]} leaves nothing of a map of {n}", "use less padding"
            )
        return length

    def kernels(self) -> dict[str, tuple[int, ...]]:
        """Weight (inputs, outputs / groups, kernel)."""
        return {"weight": (self.inputs, self.out // self.groups, *self.kernel)}

    def uses(self, *incomings: Shape) -> int | None:
        """Every weight is used at every place that comes in."""
        return positions(self._given(incomings))

    def step(self, axis: int) -> Step:
        """Reach ceil(span / s) - 1 at most, ratio 1 / s, offset (p - d (k - 1) / 2) / s."""
        span, stride = self.span(axis), self.stride[axis]
        offset = (self.pad[axis] - Fraction(span - 1, 2)) / stride
        return Step(Fraction(-(-span // stride) - 1), Fraction(1, stride), offset)

    def region(self, axis: int, start: int, stop: int, n: int) -> tuple[int, int]:
        """Inputs ceil((start + p - d (k - 1)) / s) to floor((stop - 1 + p) / s)."""
        stride, pad = self.stride[axis], self.pad[axis]
        lo = -(-(start + pad - self.span(axis) + 1) // stride)
        return clipped(lo, (stop - 1 + pad) // stride + 1, n)

    # ------------------------------------------------------------ reasons
    def size_numbers(self, axis: int, n: int | None) -> str:
        """Put numbers into the formula of the size."""
        s, p, d, k = (each[axis] for each in (self.stride, self.pad, self.dilation, self.kernel))
        return f"({spelled((n,))} - 1) × {s} - 2×{p} + {d} × ({k} - 1) + 1 + {self.extra[axis]}"

    def field_numbers(self, axis: int, size: str, jump: str) -> str:
        """Put numbers into the formula of the receptive field."""
        d, k, s = (each[axis] for each in (self.dilation, self.kernel, self.stride))
        return f"{size} + (ceil(({d} × ({k} - 1) + 1) / {s}) - 1) × {jump}"

    def _parameters_formula(self) -> str:
        return self._fitting(super()._parameters_formula())

    def _macs_formula(self) -> str:
        return self._fitting(super()._macs_formula())

    def _fitting(self, formula: str) -> str:
        return formula if self.groups > 1 else formula.replace(" / g", "")

    def _places(self) -> Shape:
        return self.incoming[1:]

    def _kernels_spelled(self) -> str:
        return product([self.inputs, group_spelled(self.out, self.groups), *self.kernel])
