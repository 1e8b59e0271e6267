"""The arithmetic behind a layer's numbers, as a textbook writes it."""

from __future__ import annotations

import textwrap
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from napari_convnet.network import UserError, did_you_mean, quoted
from napari_convnet.network.explain import Why, why
from napari_convnet.network.ops.explained import Explained

from .table import sizes

if TYPE_CHECKING:
    from napari_convnet.document import Pipeline


def print_why(pipeline: Pipeline, name: str) -> None:
    """Print each formula of a layer, the formula with its numbers put in, and the result.

    Raises
    ------
    UserError
        Where there is no such layer.
    """
    found = _why(pipeline, name)
    layer = pipeline.network[name]
    network = pipeline.network
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
        print(textwrap.fill(found.dense, 79))


def why_as_dict(pipeline: Pipeline, name: str) -> dict[str, Any]:
    """Give the same as values for JSON."""
    found = _why(pipeline, name)
    return {
        "layer": pipeline.network[name].name,
        "lines": [asdict(line) for line in found.lines],
        "dense": found.dense,
    }


def _why(pipeline: Pipeline, name: str) -> Why:
    network = pipeline.network
    if name not in network:
        # A layer behind the first mistake is not known; the mistake is what there is to say then.
        pipeline.checked()
        names = [layer.name for layer in network]
        raise UserError(
            f"no layer is called {quoted(name)}",
            did_you_mean(name, names, "describe without --why lists the layers"),
        )
    return why(network, name)


def _steps(line: Explained) -> list[str]:
    """Formula, numbers and result, each once."""
    return list(dict.fromkeys(filter(None, (line.formula, line.numbers, line.result))))
