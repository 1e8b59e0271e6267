"""The arithmetic behind a layer's numbers, as a textbook writes it."""

from __future__ import annotations

import textwrap
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from napari_convnet.network import Layer, Network, Spacing, UserError, did_you_mean, quoted
from napari_convnet.network.explain import why
from napari_convnet.network.ops.explained import Explained

from .table import sizes

if TYPE_CHECKING:
    from napari_convnet.document import Pipeline


def print_why(pipeline: Pipeline, name: str, spacing: Spacing | None = None) -> None:
    """Print each formula of a layer, the formula with its numbers put in, and the result.

    A name of a row, such as ``c1`` of ``c1: conv 6 k5 relu``, stands for all layers of its line.
    With a spacing receptive fields are lengths too.

    Raises
    ------
    UserError
        Where there is no such layer.
    """
    _check(pipeline, name)
    for index, layer in enumerate(_line(pipeline.network, name)):
        if index:
            print()
        _print_layer(pipeline.network, layer, spacing)


def _line(network: Network, name: str) -> tuple[Layer, ...]:
    """Give the layers of the line that is called so, or the layer alone."""
    last = network[name]
    if last.kind.joins:
        return (last,)
    first = (one for one in network if one.name.rpartition(".")[0] == last.name)
    return (*(one for one in first if one.row == last.row), last)


def _print_layer(network: Network, layer: Layer, spacing: Spacing | None) -> None:
    found = why(network, layer.name, spacing)
    sources = [
        sizes(network[one].output if one in network else network.input.shape)
        for one in layer.inputs
    ]
    print(f"{layer.name}: {layer.text}, {' and '.join(sources)} to {sizes(layer.output)}")
    for line in found.lines:
        print(f"\n{line.what}")
        for text in _steps(line):
            print(f"  = {text}")
    if found.dense:
        print()
        print(textwrap.fill(found.dense, 79, break_on_hyphens=False))


def why_as_dict(pipeline: Pipeline, name: str, spacing: Spacing | None = None) -> dict[str, Any]:
    """Give the same as values for JSON."""
    _check(pipeline, name)
    found = why(pipeline.network, name, spacing)
    return {
        "layer": found.layer.name,
        "lines": [asdict(line) for line in found.lines],
        "dense": found.dense,
    }


def _check(pipeline: Pipeline, name: str) -> None:
    network = pipeline.network
    if name not in network:
        # A layer behind the first mistake is not known; the mistake is what there is to say then.
        pipeline.checked()
        names = [layer.name for layer in network]
        raise UserError(
            f"no layer is called {quoted(name)}",
            did_you_mean(name, names, "describe without --why lists the layers"),
        )


def _steps(line: Explained) -> list[str]:
    """Formula, numbers and result, each once."""
    return list(dict.fromkeys(filter(None, (line.formula, line.numbers, line.result))))
