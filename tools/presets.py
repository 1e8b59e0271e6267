"""Write the list of the networks that come along, docs/presets.md; ``make docs`` calls it."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from napari_convnet.document import Preset, preset, presets
from napari_convnet.network import Layer, Network

PAGE = Path(__file__).parents[1] / "docs" / "presets.md"

HEAD = """\
# Networks that come along

<!-- Written by `make docs` from src/napari_convnet/document/presets; edit those. -->

Each is one text of at most 60 lines. Open one in the Builder (Presets), print its layers with
`napari-convnet describe NAME`, or begin with `napari_convnet.preset("NAME")` in a script.

Multiply-adds are those of convolutions and dense layers, for one input of the size given, heads
on the side among them. The field is what an output of the last map sees of the input; the stride is
how far it lies from its neighbour's.
"""

COLUMNS = """\
| name | network | input | parameters | multiply-adds | field / stride |
|---|---|---|---:|---:|---:|
"""


def page() -> str:
    """Give the whole page."""
    parts = [HEAD]
    for family, group in groupby(presets(), lambda one: one.family):
        parts.append(f"## {family}\n\n{COLUMNS}" + "".join(map(row, group)))
    return "\n".join(parts)


def row(one: Preset) -> str:
    """Give a network's line of the table."""
    pipeline = preset(one.name)
    network = pipeline.network
    cells = [
        f"`{one.name}`",
        one.title,
        str(network.input),
        f"{network.totals.parameters:,}",
        short(network.totals.macs or 0),
        seen(last_map(network)),
    ]
    return f"| {' | '.join(cells)} |\n"


def last_map(network: Network) -> Layer:
    """Find the last layer on the way to the output that is a map."""
    layer = network[network.end]
    while layer.fields is None:
        layer = network[layer.inputs[-1]]
    return layer


def short(macs: int) -> str:
    """Give a count in millions or in thousands of millions."""
    return f"{macs / 1e9:,.2f} G" if macs >= 1e8 else f"{macs / 1e6:,.2f} M"


def seen(layer: Layer) -> str:
    """Give field and stride; per axis where the axes differ."""
    fields = [f"{n:g}" for n in layer.receptive_field or ()]
    jumps = [f"{n:g}" for n in layer.jump or ()]
    return " / ".join(one[0] if len(set(one)) == 1 else "x".join(one) for one in (fields, jumps))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
