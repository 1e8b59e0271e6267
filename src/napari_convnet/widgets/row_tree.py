"""The rows of a document as a folding tree, laid out as a list: only what is unfolded is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, NamedTuple

from napari_convnet.document import Pipeline, Row
from napari_convnet.network import Layer, Problem, RowPath, Spacing, seen

from .folds import BLOCKS, INNER, Folds
from .rows import RowView, message_text
from .values import count_text, large_text, shape_text

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_BRANCHED = ("cat", "add")

SUM = "\u03a3"
"""Stands in front of what is summed over all calls of a block."""

MOST_INNER = 16
"""Layers of a row that are listed one below the other; more are listed by the calls they are of."""


def row_views(
    pipeline: Pipeline, folds: Folds | None = None, spacing: Spacing | None = None
) -> tuple[RowView, ...]:
    """Give the rows of a pipeline that are unfolded, with a blank one at the end.

    Parameters
    ----------
    pipeline : Pipeline
        The document; it may be wrong.
    folds : Folds, optional
        Which rows are unfolded; as a document is at first otherwise.
    spacing : Spacing, optional
        How far apart the input's pixels are: what a row sees is given in mm or s then.
    """
    return tuple(_guided(list(_Views(pipeline, folds or Folds(), spacing).made())))


def _guided(views: list[RowView]) -> Iterator[RowView]:
    """Say of each row which of the rows it lies in go on below it, and which end with it."""
    kinds: list[str] = []
    for view, after in zip(views, [*views[1:], None], strict=True):
        del kinds[view.depth :]
        goes_on = after.depth if after is not None else 0
        guides = tuple("|" if goes_on > d else kind for d, kind in enumerate(kinds))
        kinds.append(view.kind)
        yield replace(view, guides=guides) if guides else view


class _Node(NamedTuple):
    """A row and the rows in it."""

    row: Row
    inner: list[_Node]


def _trees(rows: Sequence[Row]) -> list[_Node]:
    """Put rows, each of which stands before those it holds, into trees."""
    top: list[_Node] = []
    below: list[list[_Node]] = [top]
    least = len(rows[0].path) if rows else 1
    for row in rows:
        depth = len(row.path) - least
        del below[depth + 1 :]
        node = _Node(row, [])
        below[-1].append(node)
        below.append(node.inner)
    return top


def paths_below(pipeline: Pipeline, path: RowPath) -> list[RowPath]:
    """Path of a row, and of all rows that lie in it and fold."""
    rows = (*pipeline.block_rows, *pipeline.rows)
    if path == BLOCKS:
        return [BLOCKS, *(row.path for row in pipeline.block_rows)]
    own = [row for row in rows if row.path[: len(path)] == path]
    calls = [
        (*row.path, INNER, name)
        for row in own
        if not isinstance(row.path[0], str)
        for name in dict.fromkeys(map(_call_of(row), row.layers))
    ]
    return [path, *(row.path for row in own), *calls]


def warnings_by_row(pipeline: Pipeline, rows: Sequence[Row]) -> dict[RowPath, list[Problem]]:
    """Find the row that each warning concerns: the last that begins before its place."""
    found: dict[RowPath, list[Problem]] = {}
    for warning in pipeline.warnings:
        place = warning.place
        before = [row for row in rows if place and row.place <= place]
        if before:
            row = max(before, key=lambda row: row.place)
            found.setdefault(row.path, []).append(warning)
    return found


@dataclass
class _Views:
    """One run of `row_views`."""

    pipeline: Pipeline
    folds: Folds
    spacing: Spacing | None = None

    def __post_init__(self) -> None:
        given = self.pipeline.network.input
        axes = len(given.sizes) + given.slices
        if self.spacing is not None and len(self.spacing.steps) != axes:
            self.spacing = None

    def made(self) -> Iterator[RowView]:
        blocks, rows = self.pipeline.block_rows, self.pipeline.rows
        self.wrong = False
        self.branched = {row.path for row in (*blocks, *rows) if row.kind in _BRANCHED}
        self.warnings = warnings_by_row(self.pipeline, (*blocks, *rows))
        if blocks:
            yield from self._blocks(_trees(blocks))
        for node in _trees(rows):
            yield from self._node(node, 0)
        yield RowView((len(self.pipeline.items),), blank=True)

    def _blocks(self, trees: list[_Node]) -> Iterator[RowView]:
        open = self.folds.is_open(BLOCKS, "title")
        names = ", ".join(node.row.name for node in trees)
        text = "Blocks" if open else f"Blocks: {names}"
        title = RowView(BLOCKS, text, kind="title", open=open)
        hidden = [] if open else trees
        yield self._with_hidden(title, [one.row for node in hidden for one in _walk(node)])
        if open:
            for node in trees:
                yield from self._node(node, 0)
        yield RowView(("#net",), "Network", kind="title")

    # ------------------------------------------------------------ rows of the document
    def _node(self, node: _Node, depth: int, label: str = "") -> Iterator[RowView]:
        row = node.row
        view = replace(self._view(row), depth=depth, label=label)
        calls = not node.inner and len(row.layers) > 1 and not isinstance(row.path[0], str)
        if not node.inner and not calls:
            yield view
            self.wrong = self.wrong or bool(row.problems)
            return
        open = self.folds.is_open(row.path, row.kind)
        view = replace(view, open=open)
        if not open and node.inner:
            view = self._with_hidden(view, [one.row for one in _walk(node)][1:])
        yield view
        self.wrong = self.wrong or any(one.row.problems for one in _walk(node))
        if not open:
            return
        if calls:
            yield from self._inner(row, depth + 1)
            return
        branched = row.kind in _BRANCHED
        for index, one in enumerate(node.inner):
            yield from self._node(one, depth + 1, LETTERS[index % 26] if branched else "")

    def _view(self, row: Row) -> RowView:
        message = "\n".join(dict.fromkeys(message_text(p) for p in row.problems))
        warned = self.warnings.get(row.path, ())
        warning = "\n".join(dict.fromkeys(message_text(p) for p in warned))
        empty = not row.group and row.text.endswith(":")
        kind = "branch" if row.text == "group" else _kind(row)
        view = RowView(
            row.path,
            row.text,
            message=message,
            warning=warning,
            group=row.group or empty,
            open=True if empty else None,
            kind=kind,
            layers=row.layers,
            count=len(row.layers),
            **self._place(),
        )
        if not row.layers:
            return replace(view, dimmed=self.wrong and not row.problems)
        parameters = count_text(sum(layer.parameters for layer in row.layers))
        if row.kind == "block":
            return replace(view, parameters=parameters)
        if isinstance(row.path[0], str) and parameters != "0":
            total = sum(layer.parameters for layer in row.layers)
            parameters = f"{SUM} {large_text(total)}"
        if row.group and row.end is None:
            return replace(view, parameters=parameters)
        end = row.end or row.layers[-1]
        return replace(
            view,
            shape=shape_text(end.output),
            parameters=parameters,
            sees=self._sees(end),
            layer=end.name,
        )

    def _with_hidden(self, view: RowView, hidden: Sequence[Row]) -> RowView:
        """Say of a folded row what is wrong in it."""
        messages = [f"{row.text}: {message_text(p)}" for row in hidden for p in row.problems]
        warnings = [
            f"{row.text}: {message_text(p)}"
            for row in hidden
            for p in self.warnings.get(row.path, ())
        ]
        return replace(
            view,
            message="\n".join(filter(None, (view.message, *messages[:1]))),
            warning="\n".join(filter(None, (view.warning, *warnings[:1]))),
        )

    # ------------------------------------------------------------ layers that a row makes
    def _inner(self, row: Row, depth: int) -> Iterator[RowView]:
        parts = [(name, list(layers)) for name, layers in groupby(row.layers, _call_of(row))]
        calls = sum(1 for _, layers in parts if len(layers) > 1)
        if calls < 2 or len(row.layers) <= MOST_INNER:
            yield from (self._layer(row, layer, depth) for layer in row.layers)
            return
        for name, layers in parts:
            if len(layers) == 1:
                yield self._layer(row, layers[0], depth)
                continue
            path = (*row.path, INNER, name)
            open = self.folds.is_open(path, "call")
            view = _call_view(row, name, layers, depth)
            sees = self._sees(layers[-1])
            yield replace(view, path=path, open=open, sees=sees, **self._place())
            if open:
                yield from (self._layer(row, layer, depth + 1) for layer in layers)

    def _layer(self, row: Row, layer: Layer, depth: int) -> RowView:
        return RowView(
            (*row.path, INNER, layer.name),
            layer.text or layer.op,
            shape=shape_text(layer.output),
            parameters=count_text(layer.parameters),
            sees=self._sees(layer),
            layers=(layer,),
            layer=layer.name,
            kind="layer",
            depth=depth,
            label=self._branch_of(layer),
            definition=layer.via[-1] if layer.via else row.path,
            **self._place(),
        )

    def _sees(self, layer: Layer) -> str:
        sizes = seen(self.pipeline.network, layer)
        if not sizes or self.spacing is None:
            return shape_text(sizes)
        # Little room: the tooltip has it in pixels too.
        return self.spacing.text(sizes).replace(" px", "")

    def _place(self) -> dict[str, Any]:
        given = self.pipeline.network.input
        return {"slices": given.channels if given.slices else 0, "spacing": self.spacing}

    def _branch_of(self, layer: Layer) -> str:
        """Letter of the branch that a layer of a block lies in; empty where it lies in none."""
        path = layer.via[-1] if layer.via else ()
        for length in range(len(path) - 1, 0, -1):
            index = path[length]
            if path[:length] in self.branched and isinstance(index, int):
                return LETTERS[index % 26]
        return ""


def _kind(row: Row) -> str:
    """Kind of a row; one that holds no rows yet is what its word says."""
    if row.group or not row.text.endswith(":"):
        return row.kind
    word = row.text.removesuffix(":").rpartition(" ")[2]
    return word if word in ("res", "add", "cat", "side") else "group"


def _walk(node: _Node) -> Iterator[_Node]:
    yield node
    for one in node.inner:
        yield from _walk(one)


def _call_of(row: Row) -> Callable[[Layer], str]:
    """Function that names the call of a block which a layer of a row comes from."""
    own = f"{row.name}." if row.name else ""

    def name(layer: Layer) -> str:
        if not layer.via:
            return layer.name
        inner = layer.name.removeprefix(own) if own else layer.name
        return own + inner.split(".")[0] if inner != row.name else inner

    return name


def _call_view(row: Row, name: str, layers: list[Layer], depth: int) -> RowView:
    last = layers[-1]
    return RowView(
        row.path,
        name,
        shape=shape_text(last.output),
        parameters=count_text(sum(layer.parameters for layer in layers)),
        layers=tuple(layers),
        layer=last.name,
        kind="call",
        depth=depth,
        count=len(layers),
        definition=last.via[0] if last.via else row.path,
    )
