"""Calls of a line: each makes an op, a join of layers, or the layers of a block."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .block_calls import block_arguments
from .blocks import line_place
from .grammar import Call
from .items import Extras, Item
from .ops.join import Add, Cat, CropTo, Join
from .problems import UserError
from .references import find_layer, join_inputs
from .scopes import Frame, Scope, Tag

if TYPE_CHECKING:
    from .walk import Walk

_JOINS: dict[str, type[Join]] = {"cat": Cat, "add": Add, "crop": CropTo}
_NOTHING = Extras()


class Stop(Exception):
    """The walk ends here: the shapes of what follows are not known."""


def call_op(walk: Walk, call: Call, item: Item, names: Scope, tag: Tag | None, bias: bool) -> None:
    """Make a layer; `bias` says whether it has one where the call says nothing."""
    name = _own(call.op, item, names, tag)
    x = walk.state.x
    try:
        op = walk.binder.bind(call, x.shape, names.frame.values, bias)
    except UserError as error:
        raise walk.stop(error, item, call, name.name, names.frame) from None
    place = line_place(item, call.word.start, call.stop)
    extras = item.extras if op.trained or item.extras == _NOTHING else _remark(item.extras)
    walk.append(op, (x,), name, item, names.frame, place, extras)


def call_join(walk: Walk, call: Call, item: Item, names: Scope, tag: Tag | None) -> None:
    """Join what comes in with the layers that a call names."""
    name = _own(call.op, item, names, tag)
    x = walk.state.x
    try:
        inputs = join_inputs(walk, call, names)
        op = walk.join(_JOINS[call.op], inputs)
    except UserError as error:
        raise walk.stop(error, item, call, name.name, names.frame) from None
    place = line_place(item, call.word.start, call.stop)
    text = " ".join([call.op, *(point.name for point in inputs if point is not x)])
    walk.append(op, inputs, name, item, names.frame, place, _remark(item.extras), text)


def call_block(
    walk: Walk, call: Call, item: Item, names: Scope, tag: Tag | None, alone: bool
) -> None:
    """Make the layers of a block; `alone` says that the row is this call and nothing else."""
    if call.op in walk.blocks.broken:
        raise Stop
    block, frame = walk.blocks.named[call.op], names.frame
    # A row that only calls a block is the block: its layers are NAME.conv, not NAME.two.conv.
    prefix = names.prefix if alone else names.next(call.op)
    try:
        values = block_arguments(
            block,
            call,
            frame.values,
            walk.state.x.shape[0] or 0,
            lambda word: find_layer(walk, word, names),
        )
    except UserError as error:
        raise walk.stop(error, item, call, prefix, frame) from None
    line = item.line_place.line if item.line_place else item.place.line
    inner = Frame(
        values,
        (f"{call.op}, called in line {line}", *frame.called),
        frame.row if frame.row is not None else item.path,
        (*frame.via, item.path) if frame.inside else (),
        call.op,
    )
    last = tag.also(prefix) if tag and not alone else tag
    walk.rows(block.body, Scope(prefix, inner), last)
    if walk.stopped:
        raise Stop
    walk.known_as(prefix, last)


def _own(word: str, item: Item, names: Scope, tag: Tag | None) -> Tag:
    """Name of an op in a chain."""
    if tag is None:
        return Tag(names.next(word))
    return tag if item.name else tag.also(names.next(word))


def _remark(extras: Extras) -> Extras:
    return Extras(note=extras.note) if extras.note else _NOTHING
