"""What a header, or a frame's functional groups in it, says of one picture."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .values import (
    as_finite,
    as_first,
    as_known,
    as_number,
    as_text,
    as_vector,
    as_whole,
    as_words,
)

SPACINGS = (1e-6, 1e4)


@dataclass(frozen=True)
class Levels:
    """A frame's functional groups, those that all frames share, and the header: first come."""

    datasets: Sequence[Any]

    def has(self, group: str) -> bool:
        """Whether one of the functional groups has it."""
        return any(dataset.get(group) for dataset in self.datasets[:-1])

    def get(self, name: str, group: str = "") -> Any:
        """Return an element of a functional group, or else of the header, or None."""
        for dataset in self.datasets[:-1]:
            items = dataset.get(group) if group else None
            if items and name in items[0]:
                return items[0].get(name)
        return self.datasets[-1].get(name)


def further_of(levels: Levels) -> Iterator[tuple[str, Any]]:
    """Yield the value along each further axis that the header knows."""
    seen = set()
    for axis, name, group, convert in _FURTHER:
        if axis in seen:
            continue
        value = convert(levels.get(name, group))
        if value is not None:
            seen.add(axis)
            yield axis, value


def length_of(levels: Levels, *names: str) -> float | None:
    """First of the elements that is a length in mm."""
    for name in names:
        value = as_number(levels.get(name, "PixelMeasuresSequence"))
        if SPACINGS[0] < value < SPACINGS[1]:
            return value
    return None


def rescale_of(levels: Levels) -> tuple[float, float] | None:
    """Return slope and intercept, or None.

    Raises
    ------
    ValueError
        If they are no numbers, or the slope is 0.
    """
    group = "PixelValueTransformationSequence"
    slope = levels.get("RescaleSlope", group)
    intercept = levels.get("RescaleIntercept", group)
    if slope is None or intercept is None:
        return None
    pair = (as_number(slope), as_number(intercept))
    if not all(map(math.isfinite, pair)) or pair[0] == 0:
        raise ValueError(f"its values are rescaled by {slope} and {intercept}")
    return pair


def window_of(levels: Levels) -> tuple[float, float] | None:
    """Return the first of the windows that a header proposes."""
    group = "FrameVOILUTSequence"
    centre, width = (as_first(levels.get(name, group)) for name in ("WindowCenter", "WindowWidth"))
    if not (math.isfinite(centre) and math.isfinite(width)) or width <= 0:
        return None
    return centre - width / 2, centre + width / 2


# Axes that a scan may have besides those of space: name, element, its functional group.
_FURTHER: tuple[tuple[str, str, str, Callable[[Any], Any]], ...] = (
    ("time", "TemporalPositionIdentifier", "", lambda v: as_known(as_whole(v, -1))),
    ("time", "TemporalPositionIndex", "FrameContentSequence", lambda v: as_known(as_whole(v, -1))),
    ("phase", "NominalCardiacTriggerDelayTime", "CardiacSynchronizationSequence", as_finite),
    ("phase", "TriggerTime", "", as_finite),
    ("echo", "EffectiveEchoTime", "MREchoSequence", as_finite),
    ("echo", "EchoTime", "", as_finite),
    ("echo", "EchoNumbers", "", lambda v: as_known(as_whole(v, -1))),
    ("b-value", "DiffusionBValue", "MRDiffusionSequence", as_finite),
    ("direction", "DiffusionGradientOrientation", "", as_vector),
    ("inversion", "InversionTime", "", as_finite),
    ("kind", "ComplexImageComponent", "MRImageFrameTypeSequence", lambda v: as_text(v) or None),
    ("kind", "ImageType", "", lambda v: as_words(v) or None),
    ("acquisition", "AcquisitionNumber", "", lambda v: as_known(as_whole(v, -1))),
)
