"""Rows as an editor shows them: their text, their layers and what is wrong with them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from napari_convnet.network import INPUT, Block, Item, Layer, Network, Place, Problem, RowPath


@dataclass(frozen=True)
class Row:
    """A row of the network or of a block, as an editor shows it.

    Parameters
    ----------
    path : tuple of int and str
        Its index, then that in the row that holds it, and so on; in a block, the block's name
        comes first, and the path of the block itself is its name alone.
    text : str
        The row as typed: ``c1: conv 6 k5 relu``; of a row that holds rows, its name and key.
    name : str
        Its name; may be empty.
    place : Place
        Where it stands.
    group : bool
        Whether it holds rows instead of a line.
    layers : tuple of Layer
        The layers it makes; none behind the first mistake. Those of a block are all that its calls
        make.
    problems : tuple of Problem
        What is wrong with it.
    kind : str
        ``line``, ``group``, ``res``, ``add``, ``cat``, ``side`` or ``block``.
    end : Layer or None
        The layer that goes on from it (in a block, from that row in its first call); of ``side:``,
        its output. None where it was not reached.
    """

    path: RowPath
    text: str
    name: str
    place: Place
    group: bool
    layers: tuple[Layer, ...]
    problems: tuple[Problem, ...]
    kind: str = "line"
    end: Layer | None = None

    @property
    def depth(self) -> int:
        """How many rows it lies in."""
        return len(self.path) - 1


def network_rows(network: Network, items: Iterable[Item]) -> tuple[Row, ...]:
    """Rows of the network from top to bottom, each before what it holds."""
    layers: dict[RowPath, list[Layer]] = defaultdict(list)
    for layer in network:
        for depth in range(len(layer.row)):
            layers[layer.row[: depth + 1]].append(layer)
    lines = _by_line(network.problems)
    return tuple([_row(item, network, layers, lines) for item in _walk(items)])


def block_rows(network: Network, blocks: Iterable[Block]) -> tuple[Row, ...]:
    """Blocks, each before its rows."""
    layers: dict[RowPath, list[Layer]] = defaultdict(list)
    for layer in network:
        paths = {path[:depth] for path in layer.via for depth in range(1, len(path) + 1)}
        for path in paths:
            layers[path].append(layer)
    lines = _by_line(network.problems)
    rows: list[Row] = []
    for block in blocks:
        own = [p for p in lines.get(block.place.line, ()) if p.place == block.place]
        made = tuple(layers[(block.name,)])
        head = f"{block.text}:"
        place = block.place
        rows.append(Row((block.name,), head, block.name, place, True, made, tuple(own), "block"))
        rows += [_row(item, network, layers, lines) for item in _walk(block.body)]
    return tuple(rows)


def _row(
    item: Item,
    network: Network,
    layers: Mapping[RowPath, list[Layer]],
    lines: Mapping[int, list[Problem]],
) -> Row:
    end = network.ends.get(item.path, INPUT)
    return Row(
        item.path,
        _text(item),
        item.name,
        item.place,
        bool(item.body),
        tuple(layers.get(item.path, ())),
        _own(item, lines),
        item.kind,
        None if end == INPUT else network[end],
    )


def _walk(items: Iterable[Item]) -> Iterator[Item]:
    for item in items:
        yield item
        yield from _walk(item.body)


def _by_line(problems: Iterable[Problem]) -> dict[int, list[Problem]]:
    lines: dict[int, list[Problem]] = defaultdict(list)
    for problem in problems:
        if problem.place is not None:
            lines[problem.place.line].append(problem)
    return lines


def _text(item: Item) -> str:
    if item.line is not None:
        line = " ".join(item.line.split())
        return f"{item.name}: {line}" if item.name else line
    if item.shown:
        return item.shown
    keys = [item.name] if item.name else []
    if item.kind not in ("line", "group"):
        keys.append(item.kind)
    elif item.repeat > 1:
        keys.append(f"x{item.repeat}")
    return " ".join(f"{key}:" for key in keys) or "group"


def _own(item: Item, lines: Mapping[int, list[Problem]]) -> tuple[Problem, ...]:
    """Problems of a row itself, not of the rows it holds, out of all problems by line."""
    places = [item.place, item.line_place, item.name_place, *item.extras.places.values()]
    found = dict.fromkeys(item.problems)
    for place in filter(None, places):
        last = place.line if item.body else place.end_line
        for line in range(place.line, last + 1):
            for problem in lines.get(line, ()):
                at = problem.place
                if at == place or (not item.body and at is not None and place.holds(at)):
                    found[problem] = None
    return tuple(found)
