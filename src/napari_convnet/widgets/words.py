"""Words of a document that may be typed in its rows: blocks, parameters, names of layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from napari_convnet.document import Pipeline
from napari_convnet.network import RowPath

from .values import shape_text

STRUCTURE_HELP = {
    "res:": "its rows, and what comes in is added to what they make",
    "cat:": "branches from the same input, stacked",
    "add:": "branches from the same input, summed",
    "side:": "a further output; what comes in goes on",
}
"""What the words mean that begin a row which holds rows."""


@dataclass(frozen=True)
class Words:
    """Words that a document adds to the language.

    Parameters
    ----------
    blocks : mapping of str to str
        Blocks that rows may call, each with its parameters: ``two(a, b)``.
    params : mapping of str to tuple of str
        The parameters of each block.
    named : tuple of (path, name, text)
        Named rows: the path of each, its name, and what it puts out.
    here : tuple of (str, str)
        Parameters and names that may be used in one row, each with what it means.
    """

    blocks: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    named: tuple[tuple[RowPath, str, str], ...] = ()
    here: tuple[tuple[str, str], ...] = ()

    def at(self, path: RowPath) -> Words:
        """Words for the row at a path: a name may be used only below its row."""
        block = path[0] if path and isinstance(path[0], str) else None
        own = [(f"${one}", f"parameter of {block}") for one in self.params.get(str(block), ())]
        own += [("$in", "channels that come in")] if block else []
        names = [
            (name, text)
            for at, name, text in self.named
            if isinstance(at[0], str) == (block is not None)
            and (block is None or at[0] == block)
            and tuple(map(str, at)) != tuple(map(str, path))
            and _before(at, path)
        ]
        return Words(self.blocks, self.params, self.named, (*own, *reversed(names)))

    @property
    def names(self) -> tuple[tuple[str, str], ...]:
        """Names of layers that may be joined here, the nearest first."""
        return tuple((word, about) for word, about in self.here if not word.startswith("$"))


def _before(one: RowPath, other: RowPath) -> bool:
    for a, b in zip(one, other, strict=False):
        if a != b:
            return isinstance(a, int) and isinstance(b, int) and a < b
    return len(one) < len(other)


def words_of(pipeline: Pipeline) -> Words:
    """Gather the words of a document."""
    blocks = {block.name: block.text for block in pipeline.blocks}
    params = {block.name: tuple(p.name for p in block.params) for block in pipeline.blocks}
    named = [
        (row.path, row.name, shape_text(row.end.output) if row.end else "")
        for row in (*pipeline.block_rows, *pipeline.rows)
        if row.name and row.kind != "block"
    ]
    return Words(blocks, params, tuple(named))
