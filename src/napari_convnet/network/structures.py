"""Rows that branch: ``res:``, ``add:``, ``cat:`` and ``side:``."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from .graph import Layer
from .items import Extras, Item
from .ops.join import Add, Cat
from .ops.shapes import Shape, told
from .problems import UserError
from .scopes import Point, Scope, Tag

if TYPE_CHECKING:
    from .walk import Walk


def structure(walk: Walk, item: Item, scope: Scope, tag: Tag | None) -> None:
    """Walk through a row that branches."""
    name = scope.full(item.name) if item.name else scope.next(item.kind)
    inner = scope.inner(name)
    if item.kind == "side":
        _side(walk, item, inner)
        return
    x = walk.state.x
    if item.kind == "res":
        walk.rows(item.body, inner)
        if walk.stopped:
            return
        ends = [walk.state.x, x]
    else:
        ends = _branches(walk, item, inner)
        if walk.stopped:
            return
    _join(walk, item, inner, ends, walk.tag(item, scope, tag))
    walk.ended(item, scope)


def _side(walk: Walk, item: Item, inner: Scope) -> None:
    """A further output: what came in goes on."""
    x = walk.state.x
    tag = Tag(inner.prefix) if item.name else None
    walk.rows(item.body, inner, tag)
    if not walk.stopped:
        walk.known_as(inner.prefix, tag)
        walk.ended(item, inner)
    walk.state.x = x


def _branches(walk: Walk, item: Item, inner: Scope) -> list[Point]:
    """Walk through each branch from what came in; return where they end."""
    x = walk.state.x
    ends = []
    for branch in item.body:
        walk.state.x = x
        if branch.kind == "group" and not branch.name and branch.repeat == 1:
            # A list is a branch, not a group of rows: its names are those of the join.
            walk.branch(branch, inner)
        else:
            walk.row(branch, inner)
        if walk.stopped and inner.frame.inside:
            break
        ends.append(walk.state.x)
    return ends


def _join(walk: Walk, item: Item, inner: Scope, ends: list[Point], tag: Tag | None) -> None:
    name = inner.prefix
    if tag is None:
        tag = Tag(name)
    elif not item.name:
        tag = tag.also(name)
    place = item.name_place or item.place
    frame = inner.frame
    extras = Extras(note=item.extras.note) if item.extras.note else Extras()
    try:
        if item.kind == "res":
            ends[1] = _shortcut(walk, item, inner, *ends)
        join = Cat if item.kind == "cat" else Add
        op = walk.join(join, ends)
    except UserError as error:
        walk.fail(walk.problem(error.at(place), item, None, tag.name, frame))
        return
    walk.append(op, ends, tag, item, frame, place, extras)


# ---------------------------------------------------------------- res


def _shortcut(walk: Walk, item: Item, inner: Scope, made: Point, x: Point) -> Point:
    """What is added to f(x): x itself, or its projection where shapes differ."""
    stride = _stride(made, x)
    if stride is not None and made.shape == x.shape and set(stride) <= {1}:
        return x
    if stride is None or len(x.shape) == 1:
        raise _no_shortcut(made, x)
    steps = "x".join(map(str, stride if len(set(stride)) > 1 else stride[:1]))
    text = f"conv {made.shape[0]} k1{'' if steps == '1' else f' s{steps}'} nobias"
    conv = walk.binder.bind_text(text, x.shape)
    if not _agree(conv.output, made.shape):
        shortcut = Layer("", conv.kind, (x.name,), conv.output, None)
        walk.look_for_larger((made.name, shortcut.name), [shortcut])
        raise _no_shortcut(made, x)
    name = inner.full("proj")
    if name.lower() in walk.state.claimed:
        name = inner.next("proj-for-x")
    place = item.name_place or item.place
    walk.append(conv, (x,), Tag(f"{name}.conv"), item, inner.frame, place)
    norm = walk.binder.bind_text("bn", conv.output)
    walk.append(norm, (walk.state.x,), Tag(name), item, inner.frame, place)
    return walk.state.x


def _stride(made: Point, x: Point) -> tuple[int, ...] | None:
    """Stride that brings x to the resolution of f(x); None where there is none."""
    if len(made.shape) != len(x.shape):
        return None
    if len(x.shape) == 1:
        return () if made.shape == x.shape else None
    if made.fields is not None and x.fields is not None:
        ratios = [a.jump / b.jump for a, b in zip(made.fields, x.fields, strict=True)]
    else:
        ratios = _size_ratios(made.shape, x.shape)
    if any(ratio < 1 or ratio.denominator != 1 for ratio in ratios):
        return None
    return tuple(int(ratio) for ratio in ratios)


def _size_ratios(made: Shape, x: Shape) -> list[Fraction]:
    """Strides told from the sizes, where receptive fields are not known."""
    ratios = []
    for n, m in zip(x[1:], made[1:], strict=True):
        if n is None or m is None:
            ratios.append(Fraction(1))
        else:
            ratios.append(Fraction(-(-n // m)) if n >= m else Fraction(n, m))
    return ratios


def _agree(a: Shape, b: Shape) -> bool:
    return all(n == m or n is None or m is None for n, m in zip(a, b, strict=True))


def _no_shortcut(made: Point, x: Point) -> UserError:
    return UserError(
        f"res adds what its rows make to what comes in, but they make {told(made.shape)} "
        f"out of {told(x.shape)}",
        _shortcut_fix(made, x),
    )


def _shortcut_fix(made: Point, x: Point) -> str:
    if len(x.shape) == 1:
        return f"let the rows end with {x.shape[0]} outputs"
    if len(made.shape) == 1:
        return "put gap, flatten and fc behind the res"
    return "keep the size, or divide it by strides, so that a 1x1 convolution fits"
