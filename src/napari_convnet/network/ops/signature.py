"""Which arguments an op takes; forms, help and error messages read them from here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ..problems import listed

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
