"""The rows of the network as they are shown, and what changed from one document to the next.

Pure values and functions, no Qt: a list that shows them only has to draw.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from html import escape

from napari_convnet.document import Pipeline, Row
from napari_convnet.network import Layer, Problem

from .values import count_text, shape_text

RowPath = tuple[int, ...]
"""Index of a row, then of the row in its group, and so on."""


@dataclass(frozen=True, slots=True)
class RowView:
    """One row as it is shown.

    Parameters
    ----------
    path : tuple of int
        Where it stands; of a blank row, where it would be inserted.
    text : str
        What it says.
    shape, parameters, sees : str
        What its last layer puts out, its parameters, and how much of the input it sees.
    message : str
        What is wrong with it; empty where nothing is.
    layers : tuple of Layer
        Its layers, of which `details` tells more.
    layer : str
        The layer whose maps are its picture; empty where it has none.
    dimmed : bool
        Whether it stands behind a mistake, so that nothing is known of it.
    group : bool
        Whether it holds rows.
    blank : bool
        Whether it is not part of the document yet.
    """

    path: RowPath
    text: str = ""
    shape: str = ""
    parameters: str = ""
    sees: str = ""
    message: str = ""
    layers: tuple[Layer, ...] = field(default=(), compare=False, repr=False)
    layer: str = ""
    dimmed: bool = False
    group: bool = False
    blank: bool = False

    @property
    def details(self) -> str:
        """More about its layers, as HTML; made when it is asked for."""
        shown = [_about(layer) for layer in self.layers[:12]]
        more = len(self.layers) - len(shown)
        return "<br>".join([*shown, *([f"and {more} more layers"] if more else [])])

    @property
    def depth(self) -> int:
        """How many groups it lies in."""
        return len(self.path) - 1


def row_views(pipeline: Pipeline) -> tuple[RowView, ...]:
    """Give the rows of a pipeline, with a blank one at the end to type the next into."""
    views: list[RowView] = []
    wrong = False
    for row in pipeline.rows:
        views.append(_view(row, wrong))
        wrong = wrong or bool(row.problems)
    return (*views, RowView((top_level(pipeline),), blank=True))


def top_level(pipeline: Pipeline) -> int:
    """Count the rows that lie in no group."""
    return len(pipeline.items)


def _view(row: Row, wrong: bool) -> RowView:
    message = "\n".join(dict.fromkeys(message_text(problem) for problem in row.problems))
    if not row.layers:
        dimmed = wrong and not row.problems
        return RowView(row.path, row.text, message=message, dimmed=dimmed, group=row.group)
    last = row.layers[-1]
    return RowView(
        row.path,
        row.text,
        shape=shape_text(last.output),
        parameters=count_text(sum(layer.parameters for layer in row.layers)),
        sees=shape_text(last.receptive_field or ()),
        message=message,
        layers=row.layers,
        layer="" if row.group else last.name,
        group=row.group,
    )


def message_text(problem: Problem) -> str:
    """Say a problem without its place, which the row itself shows."""
    return f"{problem.what}; {problem.fix}" if problem.fix else problem.what


def _about(layer: Layer) -> str:
    parts = [layer.kind.title, f"output {shape_text(layer.output)}"]
    if layer.parameters:
        parts.append(count_text(layer.parameters, "parameter"))
    if layer.receptive_field:
        parts.append(f"sees {shape_text(layer.receptive_field)} of the input")
    return f"<b>{escape(layer.name)}</b>: {escape(', '.join(parts))}"


# ---------------------------------------------------------------- what changed


@dataclass(frozen=True, slots=True)
class Change:
    """Rows ``[start, stop)`` give way to the new rows ``[begin, end)``.

    A change keeps as many rows in place as both sides have, then removes or inserts the rest.
    """

    start: int
    stop: int
    begin: int
    end: int

    @property
    def kept(self) -> int:
        """How many rows stay, with other contents."""
        return min(self.stop - self.start, self.end - self.begin)


def changes(old: Sequence[RowView], new: Sequence[RowView]) -> Iterator[Change]:
    """Find which rows changed, from the last to the first, so that indices before stay right.

    Rows are the same if they say the same; what is known of them may differ.
    """
    a, b = [(v.blank, v.text) for v in old], [(v.blank, v.text) for v in new]
    head = 0
    while head < min(len(a), len(b)) and a[head] == b[head]:
        head += 1
    tail = 0
    while tail < min(len(a), len(b)) - head and a[-1 - tail] == b[-1 - tail]:
        tail += 1
    middle_a, middle_b = a[head : len(a) - tail], b[head : len(b) - tail]
    if len(middle_a) * len(middle_b) > 40_000:
        yield Change(head, len(a) - tail, head, len(b) - tail)
        return
    matcher = SequenceMatcher(None, middle_a, middle_b, autojunk=False)
    for tag, i, j, k, m in reversed(matcher.get_opcodes()):
        if tag != "equal":
            yield Change(head + i, head + j, head + k, head + m)


# ---------------------------------------------------------------- where rows go


def below(view: RowView) -> RowPath:
    """Path of a new row directly below another one; below a group's head it is the first inside.

    Examples
    --------
    >>> below(RowView((1, 2)))
    (1, 3)
    """
    return (*view.path, 0) if view.group else (*view.path[:-1], view.path[-1] + 1)


def stepped(views: Sequence[RowView], view: RowView, step: int) -> int | None:
    """Index among its siblings of a row that goes one up (-1) or down (1); None at the ends."""
    parent, to = view.path[:-1], view.path[-1] + step
    siblings = sum(1 for v in views if v.path[:-1] == parent and not v.blank)
    return to if 0 <= to < siblings else None


def move_target(views: Sequence[RowView], view: RowView, gap: int) -> int | None:
    """Index among its siblings of a row that is dropped in front of the row at `gap`.

    None where it would stay, or leave its group.
    """
    parent, own = view.path[:-1], view.path[-1]
    after = views[gap] if gap < len(views) else None
    before = views[gap - 1] if gap > 0 else None
    if after is not None and after.path[:-1] == parent:
        index = after.path[-1]
    elif (
        before is not None
        and before.path[: len(parent)] == parent
        and len(before.path) > len(parent)
        and (after is None or len(after.path) < len(view.path))
    ):
        index = before.path[len(parent)] + 1
    else:
        return None
    to = index - 1 if index > own else index
    return None if to == own else to
