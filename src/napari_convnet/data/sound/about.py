"""What the header of a recording says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ...network.problems import UserError
from ..contents import Choice

MOST_VALUES = 1 << 29
"""More than these (2 GiB; about 100 minutes of stereo on a CD) are not read at once."""

# libsndfile's word for "not known" is the largest number there is.
UNKNOWN = 1 << 60

BITS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32}


@dataclass(frozen=True)
class About:
    """What the header says."""

    path: Path
    rate: int
    channels: int
    frames: int
    subtype: str

    def part(self, choice: Choice) -> tuple[int, int]:
        """Return the half-open range of samples to read."""
        if choice.series is None:
            return 0, self.frames
        match = re.fullmatch(r"(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)", str(choice.series).strip())
        fix = f"name a part in seconds, such as {self.path.name}#0-60"
        if match is None:
            raise UserError(f"{self.path} is one recording, without a part {choice.series}", fix)
        first, last = (round(float(text) * self.rate) for text in match.groups())
        if first >= last or first >= self.frames:
            long = "" if self.frames >= UNKNOWN else f"; it is {self.frames / self.rate:.1f} s"
            raise UserError(f"{self.path} has no part {choice.series}{long}", fix)
        return first, min(last, self.frames)

    def check_size(self, frames: int) -> None:
        """Raise UserError if so many samples are more than is read at once."""
        if frames >= UNKNOWN or frames * self.channels <= MOST_VALUES:
            return
        raise too_long(self.path, f"{frames / self.rate / 60:,.0f} minutes", frames * self.channels)


def too_long(path: Path, long: str, values: int) -> UserError:
    """Say that a recording does not fit into memory, and how to read a part of it."""
    needed = f"{long} of sound, {values * 4 / 2**30:,.1f} GiB of numbers"
    return UserError(
        f"{path} holds {needed}: more than is read at once",
        f"name a part in seconds, such as {path.name}#0-60",
    )
