"""Ops that slide a window over the map: what convolution and pooling have in common."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

from ..problems import UserError
from .base import Op
from .options import Options
from .shapes import Reach, Step, clipped, spelled
from .signature import MODES

Sides = tuple[int, int]
"""Padding before and after, along one axis."""


@dataclass(frozen=True, kw_only=True)
class Windowed(Op):
    """An op whose output is a function of a window of the input.

    Parameters
    ----------
    kernel, stride, dilation : tuple of int
        One per spatial axis.
    pad : tuple of (int, int)
        Padding before and after, per spatial axis.
    mode : str
        What padding holds: ``zeros``, ``reflect``, ``replicate`` or ``circular``.
    ceil : bool
        Whether a last, incomplete window counts.

    References
    ----------
    Dumoulin and Visin, A guide to convolution arithmetic for deep learning, arXiv:1603.07285.
    """

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    pad: tuple[Sides, ...]
    dilation: tuple[int, ...]
    mode: str = "zeros"
    ceil: bool = False

    reach: ClassVar[Reach] = "window"
    takes_map: ClassVar[bool] = True
    takes_vector: ClassVar[bool] = False
    size_formula: ClassVar[str] = "floor((n + 2p - d (k - 1) - 1) / s) + 1"
    field_formula: ClassVar[str] = "RF + d (k - 1) jump"

    def span(self, axis: int) -> int:
        """Pixels from the first to the last tap: d (k - 1) + 1."""
        return self.dilation[axis] * (self.kernel[axis] - 1) + 1

    def size(self, axis: int, n: int) -> int:
        """Length of the output: floor((n + p - d (k - 1) - 1) / s) + 1; ``ceil`` rounds up."""
        before, after = self.pad[axis]
        room = n + before + after - self.span(axis)
        self._check_fits(axis, n, room)
        stride = self.stride[axis]
        if not self.ceil:
            return room // stride + 1
        length = -(-room // stride) + 1
        # As in torch: the last window must start on the input or the padding before it.
        return length - 1 if (length - 1) * stride >= n + before else length

    def _check_fits(self, axis: int, n: int, room: int) -> None:
        before, after = self.pad[axis]
        if room < 0:
            padding = f" with padding {before} + {after}" if before or after else ""
            raise UserError(
                f"a kernel of {self.span(axis)} does not fit into {n}{padding}",
                f"use a kernel of at most {max(1, n)}, padding, or less pooling before",
            )
        longest = max(before, after)
        if (self.mode == "reflect" and longest >= n) or (self.mode == "circular" and longest > n):
            raise UserError(
                f"{self.mode} padding of {longest} does not fit a map of {n}",
                "use zero padding (leave the word out) or a smaller kernel",
            )

    def step(self, axis: int) -> Step:
        """Reach d (k - 1), ratio s, offset d (k - 1) / 2 - p."""
        reach = self.span(axis) - 1
        offset = Fraction(reach, 2) - self.pad[axis][0]
        return Step(Fraction(reach), Fraction(self.stride[axis]), offset)

    def region(self, axis: int, start: int, stop: int, n: int) -> tuple[int, int]:
        """Inputs ``start s - p`` to ``(stop - 1) s - p + d (k - 1)``, folded at the borders."""
        before = self.pad[axis][0]
        lo = start * self.stride[axis] - before
        hi = (stop - 1) * self.stride[axis] - before + self.span(axis)
        if self.mode == "circular" and (lo < 0 or hi > n):
            return 0, n
        if self.mode == "reflect":
            # Index -i stands for i, and n - 1 + i for n - 1 - i.
            lo, hi = min(max(lo, 0), 2 * n - 1 - hi), max(min(hi, n), 1 - lo)
        return clipped(lo, hi, n)

    # ------------------------------------------------------------ reasons
    def _size_formula(self) -> str:
        formula = self.size_formula.replace("floor", "ceil") if self.ceil else self.size_formula
        even = all(before == after for before, after in self.pad)
        return formula if even else formula.replace("2p", "p + p'")

    def size_numbers(self, axis: int, n: int | None) -> str:
        """Put numbers into the formula of the size."""
        s, d, k = self.stride[axis], self.dilation[axis], self.kernel[axis]
        before, after = self.pad[axis]
        padding = f"2×{before}" if before == after else f"{before} + {after}"
        rounded = "ceil" if self.ceil else "floor"
        numbers = f"{rounded}(({spelled((n,))} + {padding} - {d} × ({k} - 1) - 1) / {s}) + 1"
        if n is None or not self.ceil:
            return numbers
        room = n + before + after - self.span(axis)
        beyond = self.size(axis, n) < -(-room // s) + 1
        return f"{numbers} - 1 (that window would begin behind the map)" if beyond else numbers

    def field_numbers(self, axis: int, size: str, jump: str) -> str:
        """Put numbers into the formula of the receptive field."""
        return f"{size} + {self.dilation[axis]} × ({self.kernel[axis]} - 1) × {jump}"


def window_options(
    options: Options, kernel: tuple[int, ...], default: str, stride: tuple[int, ...] | None = None
) -> dict[str, object]:
    """Read stride, dilation, padding and its mode, as keyword arguments of a `Windowed`.

    Parameters
    ----------
    options : Options
        The options of the call.
    kernel : tuple of int
        The kernel, one size per axis.
    default : {"same", "valid"}
        Padding where the call names none.
    stride : tuple of int, optional
        Stride where the call names none; 1 otherwise.
    """
    dilation = options.letter("d", 1, 1)
    strides = options.letter("s", 1, 1) if "s" in options.letters or stride is None else stride
    modes = [mode for mode in MODES if mode in options.flags]
    if len(modes) > 1:
        raise options.word(modes[1]).error(f'"{modes[0]}" and "{modes[1]}" contradict', "keep one")
    return {
        "kernel": kernel,
        "stride": strides,
        "dilation": dilation,
        "pad": _padding(options, kernel, dilation, default),
        "mode": modes[0] if modes else "zeros",
        "ceil": "ceil" in options.flags,
    }


def _padding(
    options: Options, kernel: tuple[int, ...], dilation: tuple[int, ...], default: str
) -> tuple[Sides, ...]:
    named = options.given("p", "valid", "same", "full")
    if len(named) > 1:
        first, second = (options.word(key).text for key in named[:2])
        raise options.word(named[1]).error(
            f'"{first}" and "{second}" both set the padding', "keep one of them"
        )
    reaches = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    if not named and default == "same" and any(reach % 2 for reach in reaches):
        raise options.word("k", "sizes", "number").error(
            f"an even kernel ({'x'.join(map(str, kernel))}) has no middle to pad around",
            "add p and a number, valid, same or full, or use an odd kernel",
        )
    how = named[0] if named else default
    if how == "p":
        return tuple((p, p) for p in options.letter("p", 0, 0))
    if how == "full":
        return tuple((reach, reach) for reach in reaches)
    if how == "same":
        return tuple((reach // 2, reach - reach // 2) for reach in reaches)
    return ((0, 0),) * len(kernel)
