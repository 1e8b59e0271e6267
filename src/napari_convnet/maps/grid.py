"""Where the chunks of layers lie: slabs on a fixed grid along an axis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from napari_convnet.network import INPUT

from .along import Along, Rows
from .regions import Size, volume, whole


@dataclass(frozen=True, eq=False)
class Grid:
    """Divides layers into chunks.

    Parameters
    ----------
    shapes : mapping of str to tuple of int
        Shape of each layer's whole output, and of the input.
    along : Along
        The axis.
    itemsize : int
        Bytes of a value.
    chunk_bytes : int
        Rows of the input are taken together up to about so many bytes.
    """

    shapes: Mapping[str, Size]
    along: Along
    itemsize: int
    chunk_bytes: int

    def grain(self, name: str) -> int:
        """Rows of a layer that are a chunk: as far apart in the input in all layers."""
        shape, given = self.shapes[name], self.shapes[INPUT]
        row = given[0] * volume(self.along.across(whole(given))) * self.itemsize
        rows = max(1, self.chunk_bytes // row)
        if rows == 1 or len(shape) == 1:
            return 1
        return max(1, rows * self.along.size(shape) // self.along.size(given))

    def chunks(self, name: str, rows: Rows) -> list[Rows]:
        """Give the rows of the chunks that some rows are in."""
        grain, most = self.grain(name), self.along.size(self.shapes[name])
        starts = range(rows[0] // grain * grain, rows[1], grain)
        return [(lo, min(most, lo + grain)) for lo in starts]

    def number(self, name: str, rows: Rows) -> tuple[int, int]:
        """Number a chunk: the axis, and how many lie before it along that."""
        return self.along.axis, rows[0] // self.grain(name)
