"""What a row says beside its line: `w`, `b`, `connect` and `freeze`, for its layer with weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .graph import Layer
from .handmade import check_values
from .items import Extras, Item
from .ops import Conv, Op
from .problems import Problem, UserError, listed

KEYS = ("w", "b", "connect", "freeze")


def check_extras(made: Sequence[Layer], item: Item) -> tuple[int, Layer]:
    """Check a row's extras against the layers that it made.

    Returns
    -------
    tuple
        Index of the layer they concern, and that layer with them.

    Raises
    ------
    UserError
        Where they do not fit.
    """
    extras = item.extras
    trained = [index for index, layer in enumerate(made) if layer.parameters]
    what = [key for key in KEYS if key in extras.places]
    if len(trained) != 1:
        found = f"{len(trained)} layers with weights" if trained else "no layer with weights"
        need = "need" if len(what) > 1 else "needs"
        raise UserError(
            Problem(
                f"{listed(what, 'and')} {need} one layer with weights, but this row has {found}",
                "give the layer a row and a name of its own" if trained else f"delete {what[0]}",
                extras.places.get(what[0], item.place) if what else item.place,
            )
        )
    layer = made[trained[0]]
    kind = _connected(layer, extras)
    for key in ("w", "b"):
        try:
            check_values(key, getattr(extras, key), kind)
        except UserError as error:
            raise error.at(extras.places.get(key), layer.name) from None
    return trained[0], replace(layer, kind=kind, extras=extras)


def _connected(layer: Layer, extras: Extras) -> Op:
    """Op of a layer, with the connections that its row gives."""
    if extras.connect is None:
        return layer.kind
    place = extras.places.get("connect")
    if not isinstance(layer.kind, Conv):
        raise UserError(
            Problem(
                f"connect does not apply to {layer.op}",
                "it says which inputs each output of a conv sees",
                place,
                layer.name,
            )
        )
    try:
        return layer.kind.connected(extras.connect)
    except UserError as error:
        raise error.at(place, layer.name) from None
