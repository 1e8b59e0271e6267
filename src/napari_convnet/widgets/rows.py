"""The rows of the network as they are shown, and what changed from one document to the next.

Pure values and functions, no Qt: a list that shows them only has to draw.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from html import escape

from napari_convnet.network import Layer, Problem, RowPath, Spacing

from .values import count_text, shape_text

STRUCTURES = ("res", "add", "cat", "side", "group", "branch")
"""Kinds of rows of the document that hold rows."""

GENERATED = ("call", "layer")
"""Kinds of rows that show what another one makes; they are no part of the document."""


@dataclass(frozen=True, slots=True)
class RowView:
    """One row as it is shown.

    Parameters
    ----------
    path : tuple of int and str
        Where it stands; of a blank row, where it would be inserted.
    text : str
        What it says.
    shape, parameters, sees : str
        What it puts out, its parameters, and how much of the input it sees.
    message : str
        What is wrong with it; empty where nothing is.
    warning : str
        What is right, but hardly meant.
    layers : tuple of Layer
        Its layers, of which `details` tells more.
    layer : str
        The layer whose maps are its picture; empty where it has none.
    dimmed : bool
        Whether it stands behind a mistake, so that nothing is known of it.
    group : bool
        Whether it holds rows of the document.
    blank : bool
        Whether it is not part of the document yet.
    kind : str
        ``line``, ``group``, ``res``, ``add``, ``cat``, ``side``, ``block``; ``branch`` for a branch
        of several rows; ``call`` and ``layer`` for what a row makes; ``title`` for a heading.
    open : bool or None
        Whether it is unfolded; None where there is nothing to fold.
    depth : int
        How many rows it lies in.
    guides : tuple of str
        For each row it lies in, from the outermost: ``|`` where that goes on below, its kind where
        this is its last row, and nothing where it has ended.
    label : str
        Letter of its branch.
    count : int
        How many layers it makes.
    definition : tuple of int and str
        Of a row that is no part of the document: the row that makes it.
    slices : int
        Neighbouring slices that a 2.5-D network sees; 0 for all others.
    spacing : Spacing or None
        How far apart the input's pixels are, where that is known.
    """

    path: RowPath
    text: str = ""
    shape: str = ""
    parameters: str = ""
    sees: str = ""
    message: str = ""
    warning: str = ""
    layers: tuple[Layer, ...] = field(default=(), compare=False, repr=False)
    layer: str = ""
    dimmed: bool = False
    group: bool = False
    blank: bool = False
    kind: str = "line"
    open: bool | None = None
    depth: int = 0
    guides: tuple[str, ...] = ()
    label: str = ""
    count: int = 0
    definition: RowPath = ()
    slices: int = 0
    spacing: Spacing | None = None

    @property
    def editable(self) -> bool:
        """Whether its text can be typed: it is part of the document, or will be."""
        return self.kind not in (*GENERATED, "branch", "title")

    @property
    def movable(self) -> bool:
        """Whether it can be dragged, doubled and deleted."""
        return not self.blank and self.kind not in (*GENERATED, "title", "block")

    @property
    def details(self) -> str:
        """More about its layers, as HTML; made when it is asked for."""
        shown = [_about(layer, self.slices, self.spacing) for layer in self.layers[:12]]
        more = len(self.layers) - len(shown)
        return "<br>".join([*shown, *([f"and {more} more layers"] if more else [])])


def message_text(problem: Problem) -> str:
    """Say a problem without its place, which the row itself shows."""
    return f"{problem.what}; {problem.fix}" if problem.fix else problem.what


def _about(layer: Layer, slices: int, spacing: Spacing | None) -> str:
    parts = [layer.kind.title, f"output {shape_text(layer.output)}"]
    if layer.parameters:
        parts.append(count_text(layer.parameters, "parameter"))
    if layer.receptive_field:
        sizes = (slices, *layer.receptive_field) if slices else layer.receptive_field
        lengths = "" if spacing is None else f" ({spacing.text(sizes)})"
        parts.append(f"sees {shape_text(sizes)} of the input{lengths}")
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
    a, b = [_said(view) for view in old], [_said(view) for view in new]
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


def _said(view: RowView) -> tuple[object, ...]:
    return view.blank, view.kind, view.depth, view.text


# ---------------------------------------------------------------- where rows go


def below(view: RowView) -> RowPath:
    """Path of a new row directly below another one; below an unfolded head it is the first inside.

    Examples
    --------
    >>> below(RowView((1, 2)))
    (1, 3)
    >>> below(RowView((1,), kind="cat", group=True, open=True))
    (1, 0)
    """
    if view.kind in GENERATED:
        return below(RowView(view.path[: view.path.index("@")]))
    if view.kind == "block" or (view.group and view.open is not False):
        return (*view.path, 0)
    *parent, index = view.path
    return (*parent, int(index) + 1)


def below_in_branch(view: RowView) -> RowPath:
    """Path of a new row that goes on where another one ends: in its branch, if it is one.

    Examples
    --------
    >>> below_in_branch(RowView((1, 0), label="A"))
    (1, 0, 1)
    """
    return (*view.path, 1) if view.label and view.kind == "line" else below(view)


def stepped(views: Sequence[RowView], view: RowView, step: int) -> int | None:
    """Index among its siblings of a row that goes one up (-1) or down (1); None at the ends."""
    *parent, own = view.path
    to = int(own) + step if isinstance(own, int) else -1
    siblings = sum(1 for v in views if list(v.path[:-1]) == parent and v.movable)
    return to if 0 <= to < siblings else None


def move_target(
    views: Sequence[RowView], view: RowView, gap: int, depth: int | None = None
) -> RowPath | None:
    """Path of the row in front of which a row is put that is dropped before the one at `gap`.

    Parameters
    ----------
    views : sequence of RowView
        The rows that are shown.
    view : RowView
        The row that is dropped.
    gap : int
        Index of the row below it; their number where it is dropped behind all.
    depth : int, optional
        How far in it is dropped: between the end of a branch and what comes behind it, this says
        whether it goes on with the branch. As far in as can be if not given.

    Returns
    -------
    tuple or None
        None where it would stay, or stand in itself.
    """
    to = _gap_path(views, gap, depth)
    inside = to is not None and to[: len(view.path)] == view.path and len(to) > len(view.path)
    if to is None or inside:
        return None
    *parent, own = view.path
    stays = list(to[:-1]) == parent and to[-1] in (own, int(own) + 1)
    return None if stays else to


def _gap_path(views: Sequence[RowView], gap: int, depth: int | None) -> RowPath | None:
    """Path of what is inserted between the row at `gap` and the one before it."""
    after = views[gap] if gap < len(views) else None
    before = next((v for v in reversed(views[:gap]) if v.kind not in GENERATED), None)
    if after is not None and after.kind in GENERATED:
        return None
    if before is not None and before.group and before.open:
        return (*before.path, 0)
    behind = after is None or after.kind in ("title", "block")
    least = 1 if behind or after is None else len(after.path)
    if before is not None and len(before.path) > least and before.kind != "title":
        block = isinstance(before.path[0], str)
        wanted = len(before.path) if depth is None else depth + 1
        length = max(min(wanted, len(before.path)), least, 2 if block else 1)
        return (*before.path[: length - 1], int(before.path[length - 1]) + 1)
    if behind:
        return None if before is None or before.kind in ("title", "block") else below(before)
    return after.path if after is not None else None


def landing(path: RowPath, to: RowPath) -> RowPath:
    """Path of a row once it has gone from `path` in front of the row at `to`.

    Examples
    --------
    >>> landing((0,), (2,)), landing((0,), (2, 1)), landing((3, 1), (0,))
    ((1,), (1, 1), (0,))
    """
    depth = len(path) - 1
    at, own = (to[depth] if len(to) > depth else None), path[-1]
    behind = isinstance(at, int) and isinstance(own, int) and at > own
    if to[:depth] != path[:-1] or not behind:
        return to
    return (*to[:depth], int(to[depth]) - 1, *to[depth + 1 :])
