"""The layers of a network as a tree: rows of the document, what they hold, and so on to the layers.

Names say how layers belong together: ``s1.group-2.conv`` lies in ``s1.group-2``, which lies in
``s1``; the layer ``s1`` itself is the last of its own. A row of plain calls (``c1: conv 6 k5
relu``) is a branch of the tree too, but one that needs no headline.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

from napari_convnet.network import Layer

if TYPE_CHECKING:
    from napari_convnet.document import Pipeline

_REPEATED = re.compile(r"(^|\s+)x\d+$")


@dataclass
class Node:
    """A branch of the tree.

    Parameters
    ----------
    name : str
        What the names of its layers begin with.
    text : str
        What the document says there.
    headed : bool
        Whether it has a headline of its own.
    children : list of Node or Layer
        What it holds, in execution order.
    """

    name: str
    text: str = ""
    headed: bool = True
    children: list[Node | Layer] = field(default_factory=list)

    @property
    def layers(self) -> list[Layer]:
        """All layers that it holds."""
        return [
            layer
            for child in self.children
            for layer in (child.layers if isinstance(child, Node) else [child])
        ]


def tree(pipeline: Pipeline) -> list[Node | Layer]:
    """Arrange the layers of a pipeline; a row that makes one layer is that layer."""
    texts = {row.path: _text(row.name, row.text) for row in pipeline.rows}
    found: list[Node | Layer] = []
    for path, group in groupby(pipeline.network, lambda layer: layer.row[:1]):
        layers = list(group)
        if len(layers) == 1:
            found += layers
        else:
            found.append(_row(layers, texts.get(path, "")))
    return found


def _text(name: str, text: str) -> str:
    """Give what stands in a row beside its name."""
    own = text.removeprefix(f"{name}:") if name else text
    return own.strip().removesuffix(":")


def _row(layers: Sequence[Layer], text: str) -> Node:
    """Make the branch of a row of the document."""
    scope = layers[-1].name.partition(".")[0]
    words = set(text.split())
    if all(layer.text.split(" ")[0] in words for layer in layers):
        return Node(layers[-1].name, text, False, list(layers))
    if all(f"{layer.name}.".startswith(f"{scope}.") for layer in layers):
        return Node(scope, text, True, _children(layers, scope))
    found = _children(layers, "")
    for child in found:
        if isinstance(child, Node):
            child.text = _REPEATED.sub("", text)
    return Node(layers[-1].name, text, False, found)


def _children(layers: Sequence[Layer], scope: str) -> list[Node | Layer]:
    """Arrange the layers in a scope by the next part of their names."""
    found: list[Node | Layer] = []
    for name, group in groupby(layers, lambda layer: _inner(layer.name, scope)):
        inside = list(group)
        if name == scope or (len(inside) == 1 and inside[0].name == name):
            found += inside
        else:
            found.append(Node(name, "", True, _children(inside, name)))
    return found


def _inner(name: str, scope: str) -> str:
    """Give the scope one step further in that a layer of `scope` lies in, or belongs to."""
    rest = name.removeprefix(scope).removeprefix(".")
    first = rest.partition(".")[0]
    return f"{scope}.{first}" if scope and first else first or scope
