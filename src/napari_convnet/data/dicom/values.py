"""Values of a header's elements, without trust: a damaged one is NaN, empty or a default."""

from __future__ import annotations

import math
from typing import Any


def is_many(value: Any) -> bool:
    """Whether an element has several values."""
    return hasattr(value, "__len__") and not isinstance(value, (str, bytes))


def as_text(value: Any) -> str:
    """Return one line of printable characters."""
    if value is None:
        return ""
    if isinstance(value, bytes):
        value = value.decode("ascii", "replace")
    text = "".join(c if c.isprintable() else " " for c in str(value))
    return " ".join(text.split())


def as_words(value: Any) -> tuple[str, ...]:
    """Return the texts of an element; none of an absent one."""
    if value is None:
        return ()
    return tuple(map(as_text, value)) if is_many(value) else (as_text(value),)


def as_number(value: Any) -> float:
    """Return a number; NaN for what is none."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def as_first(value: Any) -> float:
    """Return the first of several numbers, or the only one; NaN for what is none."""
    return as_number(value[0] if is_many(value) and len(value) else value)


def as_real(value: Any, default: float) -> float:
    """Return a finite number, or the default."""
    number = as_first(value)
    return number if math.isfinite(number) else default


def as_whole(value: Any, default: int) -> int:
    """Return a whole number, or the default."""
    number = as_first(value)
    return int(number) if math.isfinite(number) else default


def as_frames(value: Any) -> int:
    """Return a number of frames, 1 where it is absent.

    Raises
    ------
    ValueError
        If it is none.
    """
    if value is None:
        return 1
    number = as_first(value)
    if not math.isfinite(number):
        raise ValueError(f"its number of frames is {value}")
    return int(number)


def as_known(value: int) -> int | None:
    """Return None for a negative number, which stands for an absent one."""
    return None if value < 0 else value


def as_finite(value: Any) -> float | None:
    """Return a finite number, or None."""
    number = as_first(value)
    return number if math.isfinite(number) else None


def as_vector(value: Any) -> tuple[float, ...] | None:
    """Return several numbers, or None where there are none."""
    return tuple(map(as_number, value)) if is_many(value) and len(value) else None
