"""A network as a table: a line per layer, or per row of the document."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_convnet.network import Layer

from .tree import Node, tree

if TYPE_CHECKING:
    from napari_convnet.document import Pipeline

COLUMNS = ("layer", "call", "output", "parameters", "MACs", "bytes", "field", "jump")

WIDEST = 200
"""Columns of a table that goes into a pipe, which has no width of its own."""


@dataclass(frozen=True)
class Line:
    """A line of the table, one text per column; a headline has the first two only."""

    cells: tuple[str, ...]
    head: bool = False


def print_table(pipeline: Pipeline, depth: int = 0) -> None:
    """Print the layers of a network, up to its first mistake.

    Parameters
    ----------
    pipeline : Pipeline
        The pipeline.
    depth : int
        Levels of the document to unfold: 1 prints a line per row; 0 all layers.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(
        box=box.SIMPLE_HEAD,
        title=Text(pipeline.title),
        title_justify="left",
        padding=(0, 1, 0, 0),
        show_edge=False,
        pad_edge=False,
    )
    for name in COLUMNS:
        text = name in ("layer", "call")
        table.add_column(
            name, justify="left" if text else "right", no_wrap=not text, overflow="fold"
        )
    for line in lines(pipeline, depth):
        table.add_row(*map(Text, line.cells), style="bold" if line.head else "")
    table.add_section()
    for cells in totals(pipeline):
        table.add_row(*map(Text, cells))
    console = Console(highlight=False, width=_width())
    with console.capture() as captured:
        console.print(table)
    # Cells are filled up with spaces, which whoever reads a pipe has no use for.
    print(*(line.rstrip() for line in captured.get().splitlines()), sep="\n")


def _width() -> int | None:
    """Columns there are; None for what the terminal has."""
    if sys.stdout.isatty():
        return None
    columns = os.environ.get("COLUMNS", "")
    return int(columns) if columns.isdecimal() and int(columns) else WIDEST


def lines(pipeline: Pipeline, depth: int = 0) -> Iterator[Line]:
    """Give the lines of the table, the input first."""
    shape = pipeline.input
    yield Line(("input", "", sizes(shape), "", "", count(_bytes(shape), "B"), "", ""))
    yield from _lines(tree(pipeline), depth, "", 0)


def _lines(children: Sequence[Node | Layer], depth: int, scope: str, level: int) -> Iterator[Line]:
    for child in children:
        if isinstance(child, Layer):
            name = _shown(child.name, scope, level)
            yield Line((name, child.text, *_numbers([child])))
        elif depth == 1:
            layers = child.layers
            name = _shown(layers[-1].name, scope, level)
            yield Line((name, child.text or f"{len(layers)} layers", *_numbers(layers)))
        elif not child.headed:
            yield from _lines(child.children, depth - 1, scope, level)
        else:
            yield Line((_shown(child.name, scope, level), child.text), head=True)
            yield from _lines(child.children, depth - 1, child.name, level + 1)


def _shown(name: str, scope: str, level: int) -> str:
    """Give a name as it stands under the headline of its scope: ``.conv`` under ``c1``."""
    if scope and name == scope:
        return f"{' ' * (level - 1)}{_last(name, level)}"
    return f"{' ' * level}{name.removeprefix(scope)}"


def _last(name: str, level: int) -> str:
    return name if level == 1 else f".{name.rpartition('.')[2]}"


def _numbers(layers: Sequence[Layer]) -> tuple[str, ...]:
    """Output and place of the last of the layers, and the cost of all."""
    last = layers[-1]
    parameters = sum(layer.parameters for layer in layers)
    macs = total([layer.macs for layer in layers])
    costs = any(layer.kind.counts_macs for layer in layers)
    return (
        sizes(last.output),
        f"{parameters:,}" if parameters else "",
        count(macs) if costs else "",
        count(total([layer.bytes for layer in layers]), "B"),
        "" if last.receptive_field is None else extent(last.receptive_field),
        "" if last.jump is None else extent(last.jump),
    )


def totals(pipeline: Pipeline) -> list[tuple[str, ...]]:
    """Give the lines under the table: sums over all layers, and what of it is trained."""
    network = pipeline.network
    found = network.totals
    what = f"{len(network)} layer{'' if len(network) == 1 else 's'}"
    parameters = f"{found.parameters:,}"
    sums: list[tuple[str, ...]] = [
        (what, "", "", parameters, count(found.macs), count(found.bytes, "B"), "", "")
    ]
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


def _bytes(shape: Sequence[int | None]) -> int | None:
    size = 4
    for n in shape:
        if n is None:
            return None
        size *= n
    return size


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
