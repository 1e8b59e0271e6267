"""A network as a table: a line per layer, or per row of the document."""

from __future__ import annotations

import math
import os
import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from napari_convnet.network import Layer, Spacing, seen
from napari_convnet.network.spacing import TIMES

from .tree import Node, tree

if TYPE_CHECKING:
    from napari_convnet.document import Pipeline

COLUMNS = ("layer", "call", "output", "parameters", "MACs", "bytes", "field", "jump")

CALL = 1
"""The column that is folded where a terminal is too narrow."""

NARROWEST = 10
"""Characters of a call that stay on a line."""

WIDEST = 200
"""Columns of a table that goes into a pipe, which has no width of its own."""

Cells = tuple[str, ...]


@dataclass(frozen=True)
class Line:
    """A line of the table: one text per column, or, of a headline, two that share the line."""

    cells: Cells
    head: bool = False


def print_table(pipeline: Pipeline, depth: int = 0, spacing: Spacing | None = None) -> None:
    """Print the layers of a network, up to its first mistake.

    Parameters
    ----------
    pipeline : Pipeline
        The pipeline.
    depth : int
        Levels of the document to unfold: 1 prints a line per row; 0 all layers.
    spacing : Spacing, optional
        Size of a voxel: receptive fields are printed as lengths then.
    """
    found = list(_Lines(pipeline, spacing).all(depth))
    sums = [Line(cells) for cells in totals(pipeline)]
    widths, gap = _widths([Line(COLUMNS), *found, *sums], _room())
    _print(pipeline.title, bold=True)
    _print(*_laid_out(Line(COLUMNS), widths, gap))
    _print(_rule() * (sum(widths) + len(gap) * (len(widths) - 1)))
    for line in found:
        _print(*_laid_out(line, widths, gap), bold=line.head)
    print()
    for line in sums:
        _print(*_laid_out(line, widths, gap))


def _print(*lines: str, bold: bool = False) -> None:
    styled = bold and sys.stdout.isatty() and "NO_COLOR" not in os.environ
    for line in lines:
        print(typer.style(line, bold=True) if styled else line)


def _rule() -> str:
    """Draw a line, with what the encoding of a pipe has."""
    try:
        "─".encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return "-"
    return "─"


def _room() -> int:
    """Columns there are."""
    if sys.stdout.isatty():
        return shutil.get_terminal_size().columns
    columns = os.environ.get("COLUMNS", "")
    return int(columns) if columns.isdecimal() and int(columns) else WIDEST


def _widths(lines: Sequence[Line], room: int) -> tuple[list[int], str]:
    """Give the width of each column, and what stands between two."""
    whole = [line.cells for line in lines if not line.head]
    widths = [max(len(cells[column]) for cells in whole) for column in range(len(COLUMNS))]
    gap = "  " if sum(widths) + 2 * (len(widths) - 1) <= room else " "
    over = sum(widths) + len(gap) * (len(widths) - 1) - room
    if over > 0:
        words = [word for cells in whole for word in cells[CALL].split()]
        least = max(NARROWEST, *map(len, words)) if words else NARROWEST
        widths[CALL] = max(widths[CALL] - over, min(least, widths[CALL]))
    return widths, gap


def _laid_out(line: Line, widths: Sequence[int], gap: str) -> list[str]:
    """Lay a line out; a call that is too long for its column goes on below."""
    if line.head:
        name, text = line.cells
        return [f"{name:<{widths[0] + len(gap) - 2}}  {text}".rstrip()]
    name, call, *numbers = line.cells
    calls = textwrap.wrap(call, max(widths[CALL], 1)) or [""]
    right = [f"{number:>{width}}" for number, width in zip(numbers, widths[2:], strict=True)]
    first = gap.join([f"{name:<{widths[0]}}", f"{calls[0]:<{widths[CALL]}}", *right])
    below = [f"{'':<{widths[0]}}{gap}{more}" for more in calls[1:]]
    return [first.rstrip(), *below]


class _Lines:
    """Makes the lines of a table."""

    def __init__(self, pipeline: Pipeline, spacing: Spacing | None) -> None:
        self.pipeline = pipeline
        self.spacing = spacing
        self.readers: dict[str, list[str]] = {layer.name: [] for layer in pipeline.network}
        for layer in pipeline.network:
            for name in layer.inputs:
                self.readers.get(name, []).append(layer.name)

    def all(self, depth: int) -> Iterator[Line]:
        """Give all lines, the input first."""
        shape = self.pipeline.input
        size = None if None in shape else 4 * math.prod(n or 1 for n in shape)
        yield Line(("input", "", sizes(shape), "", "", count(size, "B"), "", ""))
        yield from self._below(tree(self.pipeline), depth, "", 0)

    def _below(
        self, children: Sequence[Node | Layer], depth: int, scope: str, level: int
    ) -> Iterator[Line]:
        for child in children:
            if isinstance(child, Layer):
                name = _shown(child.name, scope, level)
                yield Line(
                    (name, child.text, *_place(child), *_costs([child]), *self._field(child))
                )
            elif depth == 1:
                yield self._folded(child, scope, level)
            elif not child.headed:
                yield from self._below(child.children, depth - 1, scope, level)
            else:
                yield Line((_shown(child.name, scope, level), child.text), head=True)
                yield from self._below(child.children, depth - 1, child.name, level + 1)

    def _folded(self, node: Node, scope: str, level: int) -> Line:
        """Give a branch as one line: its output, where it has one, and the cost of all of it."""
        layers = node.layers
        inside = {layer.name for layer in layers}
        ends = [layer for layer in layers if not inside.issuperset(self.readers[layer.name])]
        end = ends[0] if len(ends) == 1 else None if ends else layers[-1]
        name = _shown(end.name if end else node.name, scope, level)
        text = node.text or f"{len(layers)} layers"
        output, field = (_place(end), self._field(end)) if end else (("",), ("", ""))
        return Line((name, text, *output, *_costs(layers), *field))

    def _field(self, layer: Layer) -> tuple[str, str]:
        """Give how much a layer sees of the input, and the step from one output to the next."""
        sizes = seen(self.pipeline.network, layer)
        field = extent(layer.receptive_field or ())
        if sizes and self.spacing is not None:
            field = self.spacing.text(sizes).replace(f" {TIMES} ", "x")
        return field, "" if layer.jump is None else extent(layer.jump)


def _shown(name: str, scope: str, level: int) -> str:
    """Give a name as it stands under the headline of its scope: ``.conv`` under ``c1``."""
    if scope and name == scope:
        return f"{' ' * (level - 1)}{name if level == 1 else '.' + name.rpartition('.')[2]}"
    return f"{' ' * level}{name.removeprefix(scope)}"


def _place(layer: Layer) -> tuple[str]:
    return (sizes(layer.output),)


def _costs(layers: Sequence[Layer]) -> tuple[str, str, str]:
    parameters = sum(layer.parameters for layer in layers)
    macs = total([layer.macs for layer in layers])
    counted = any(layer.kind.counts_macs for layer in layers)
    return (
        f"{parameters:,}" if parameters else "",
        count(macs) if counted else "",
        count(total([layer.bytes for layer in layers]), "B"),
    )


def totals(pipeline: Pipeline) -> list[Cells]:
    """Give the lines under the table: sums over all layers, and what of it is trained."""
    network = pipeline.network
    found = network.totals
    what = f"{len(network)} layer{'' if len(network) == 1 else 's'}"
    macs, size = count(found.macs), count(found.bytes, "B")
    sums: list[Cells] = [(what, "", "", f"{found.parameters:,}", macs, size, "", "")]
    trained = trainable(pipeline)
    for name, number in (("trainable", trained), ("frozen", found.parameters - trained)):
        if found.parameters:
            sums.append((name, "", "", f"{number:,}", "", "", "", ""))
    return sums


def trainable(pipeline: Pipeline) -> int:
    """Count the parameters that training changes."""
    return sum(layer.parameters for layer in pipeline.network if not layer.extras.freeze)


def total(numbers: Sequence[int | None]) -> int | None:
    """Add numbers up; None where one is not known."""
    return None if None in numbers else sum(number or 0 for number in numbers)


def sizes(shape: Sequence[int | None]) -> str:
    """Write a shape: 6x28x28; ? stands for a size that is not fixed."""
    return "x".join("?" if n is None else str(n) for n in shape)


def extent(values: Sequence[float]) -> str:
    """Write one number per axis: one number where all are the same."""
    words = [f"{value:g}" for value in values]
    return words[0] if len(set(words)) == 1 else "x".join(words)


def count(number: int | None, unit: str = "") -> str:
    """Write a large number with three digits and a letter.

    Examples
    --------
    >>> count(15470314496), count(602112, "B"), count(999), count(None)
    ('15.5 G', '602 kB', '999', '?')
    """
    if number is None:
        return "?"
    for letter, size in (("P", 10**15), ("T", 10**12), ("G", 10**9), ("M", 10**6), ("k", 10**3)):
        # What would round up to 1000 is one of the next larger.
        if number >= 0.9995 * size:
            value = number / size
            digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
            return f"{value:.{digits}f} {letter}{unit}"
    return f"{number} {unit}" if unit else str(number)
