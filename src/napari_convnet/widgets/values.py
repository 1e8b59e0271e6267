"""Numbers as a person reads them: shapes, counts, memory, times. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence

TIMES = "\u00d7"
"""The multiplication sign."""


def shape_text(shape: Sequence[int | float | None]) -> str:
    """Write a shape with multiplication signs, channels first as in the document.

    Examples
    --------
    >>> shape_text((6, 28, None))
    '6 × 28 × ?'
    """
    return f" {TIMES} ".join("?" if n is None else f"{n:g}" for n in shape)


def count_text(n: int | None, one: str = "", many: str = "") -> str:
    """Write a count with thousands separators, and its noun where given.

    Examples
    --------
    >>> count_text(61706)
    '61,706'
    >>> count_text(1, "layer"), count_text(2, "layer")
    ('1 layer', '2 layers')
    """
    if n is None:
        return "?" if not one else f"? {many or one + 's'}"
    noun = one if n == 1 else many or f"{one}s"
    return f"{n:,} {noun}" if one else f"{n:,}"


def large_text(n: int | None) -> str:
    """Write a large number with three digits and a unit.

    Examples
    --------
    >>> large_text(15_470_300_000), large_text(416_520), large_text(84)
    ('15.5 G', '417 k', '84')
    """
    return "?" if n is None else _scaled(n, 1000, ("", "k", "M", "G", "T"))


def bytes_text(n: int | None) -> str:
    """Write an amount of memory.

    Examples
    --------
    >>> bytes_text(58_000_000), bytes_text(512)
    ('58.0 MB', '512 B')
    """
    return "?" if n is None else _scaled(n, 1000, ("B", "kB", "MB", "GB", "TB"))


def _scaled(n: float, base: int, units: Sequence[str]) -> str:
    value, index = float(n), 0
    while value >= 999.5 and index < len(units) - 1:
        value, index = value / base, index + 1
    digits = 0 if index == 0 or value >= 99.95 else 1
    return f"{value:,.{digits}f} {units[index]}".strip()


def time_text(seconds: float | None) -> str:
    """Write a time as one reads it from a clock.

    Examples
    --------
    >>> time_text(7.2), time_text(75), time_text(3700)
    ('7 s', '1 min 15 s', '1 h 1 min')
    """
    if seconds is None:
        return ""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def percent_text(fraction: float | None) -> str:
    """Write a fraction in per cent.

    Examples
    --------
    >>> percent_text(0.9785), percent_text(None)
    ('97.9 %', '')
    """
    return "" if fraction is None else f"{100 * fraction:.1f} %"


def score_text(name: str, value: float | None) -> str:
    """Write what a training is judged by: accuracies in per cent, Dice from 0 to 1, errors as is.

    Examples
    --------
    >>> score_text("accuracy", 0.97), score_text("Dice", 0.9412), score_text("mse", 0.000123)
    ('97.0 %', '0.941', '0.000123')
    """
    if value is None:
        return ""
    if name == "accuracy":
        return percent_text(value)
    return f"{value:.3f}" if name == "Dice" else f"{value:.3g}"


def measure_text(name: str, value: float | None) -> str:
    """Write a measure of a class: overlaps and parts from 0 to 1, volumes in ml.

    Examples
    --------
    >>> measure_text("Dice", 0.9412), measure_text("ml", 1234.5), measure_text("ml", 0.0512)
    ('0.941', '1,234', '0.0512')
    """
    if value is None:
        return "\u2013"
    if name in ("voxels", "pixels"):
        return f"{value:,.0f}"
    if not name.startswith("ml"):
        return f"{value:.3f}"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def number_text(value: float) -> str:
    """Write a number as a document does: shortest form, no plus sign in the exponent.

    Examples
    --------
    >>> number_text(0.004), number_text(3e-05), number_text(2.0)
    ('0.004', '3e-5', '2')
    """
    text = f"{value:.6g}"
    mantissa, e, exponent = text.partition("e")
    return f"{mantissa}e{int(exponent)}" if e else text
