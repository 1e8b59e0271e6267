"""How large in the world what a layer sees is: receptive fields in mm and ms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .graph import Layer, Network

_SHORT: Mapping[str, str] = {
    "pixel": "", "": "", "millimeter": "mm", "micrometer": "µm", "um": "µm", "micron": "µm",
    "nanometer": "nm", "centimeter": "cm", "meter": "m", "second": "s", "millisecond": "ms",
}  # fmt: skip
"""Units by their long names, which napari uses."""

_SMALLER: Mapping[str, tuple[str, float]] = {
    "s": ("ms", 1e3), "ms": ("µs", 1e3), "m": ("mm", 1e3), "mm": ("µm", 1e3), "µm": ("nm", 1e3),
}  # fmt: skip
_LARGER: Mapping[str, tuple[str, float]] = {
    "nm": ("µm", 1e3), "µm": ("mm", 1e3), "ms": ("s", 1e3),
}  # fmt: skip

TIMES = "\u00d7"


@dataclass(frozen=True)
class Spacing:
    """How far apart neighbouring pixels of an input are.

    Parameters
    ----------
    steps : tuple of float
        Along each spatial axis; of a 2.5-D network, between slices first.
    units : tuple of str
        Of the steps: ``mm``, ``s``; ``pixel`` where nothing is known.

    Examples
    --------
    >>> Spacing((3.0, 1.0, 1.0), ("mm",) * 3).text((14, 14, 14))
    '42 × 14 × 14 mm'
    >>> Spacing((1 / 22050,), ("second",)).text((129,))
    '5.85 ms'
    """

    steps: tuple[float, ...]
    units: tuple[str, ...]

    @property
    def known(self) -> bool:
        """Whether any axis has a unit that says more than its number of pixels."""
        return any(self._unit(axis) for axis in range(len(self.steps)))

    def extent(self, sizes: Sequence[float]) -> tuple[float, ...]:
        """Give sizes in pixels as lengths, each in the unit of its axis."""
        return tuple(size * step for size, step in zip(sizes, self.steps, strict=True))

    def text(self, sizes: Sequence[float]) -> str:
        """Write sizes in pixels as lengths, with their units; equal ones once."""
        extent = self.extent(sizes)
        units = {self._unit(axis) for axis in range(len(extent))}
        if len(units) > 1:
            parts = [_written((n,), self._unit(i)) for i, n in enumerate(extent)]
            return f" {TIMES} ".join(parts)
        return _written(extent, units.pop())

    def _unit(self, axis: int) -> str:
        unit = self.units[axis]
        return _SHORT.get(unit, unit)


def _written(lengths: Sequence[float], unit: str) -> str:
    if not unit:
        return f" {TIMES} ".join(f"{n:g}" for n in lengths) + " px"
    while unit in _SMALLER and max(lengths) < (1 if unit in ("s", "m") else 0.1):
        unit, factor = _SMALLER[unit]
        lengths = [n * factor for n in lengths]
    while unit in _LARGER and min(lengths) >= 1000:
        unit, factor = _LARGER[unit]
        lengths = [n / factor for n in lengths]
    words = [f"{n:.0f}" if n >= 99.95 else f"{n:.3g}" for n in lengths]
    shown = words if len(set(words)) > 1 else words[:1]
    return f"{f' {TIMES} '.join(shown)} {unit}"


def seen(network: Network, layer: Layer) -> tuple[float, ...]:
    """Give the receptive field of a layer in pixels, with the slices of a 2.5-D network first.

    Empty where a layer has no receptive field of its own: it sees everything.
    """
    field = layer.receptive_field
    if field is None:
        return ()
    return (network.input.channels, *field) if network.input.slices else tuple(field)
