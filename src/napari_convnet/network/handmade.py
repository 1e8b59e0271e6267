"""Checks of hand-made weights (`w:` and `b:`) against the layer they are for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .kernels import named
from .ops import Conv, Dense, Depthwise, Op, TransposedConv
from .problems import UserError


def weight_shape(op: Op) -> tuple[int, ...]:
    """Shape of a layer's weight as `w:` counts it: (outputs, inputs of each, kernel...).

    A transposed convolution stores inputs first; here its outputs come first like everyone's. With
    a connection table a kernel may be given for every pair; those of missing links are left out.
    """
    if isinstance(op, Conv):
        return op.dense_shape
    shape = op.weights()["weight"]
    if isinstance(op, TransposedConv):
        return (op.out, shape[0] // op.groups, *shape[2:])
    return shape


def check_values(key: str, value: Any, op: Op) -> None:
    """Check one entry of a row's extras.

    Parameters
    ----------
    key : {"w", "b"}
        Which one.
    value : nested tuple of str and float, str, float or None
        What the document says; None is always right. Files are checked when they are read.
    op : Op
        The layer.

    Raises
    ------
    UserError
        Where kernels or biases do not fit the layer.
    """
    if value is None:
        return
    if not isinstance(op, Conv | Depthwise | TransposedConv | Dense):
        raise UserError(
            f"{key} does not apply to {op.word}", "it gives weights of conv, dw, tconv and fc"
        )
    if key == "b":
        _check_bias(value, op)
    else:
        _check_kernel(value, weight_shape(op))


def _check_bias(values: tuple[float, ...], op: Op) -> None:
    shape = op.weights().get("bias")
    if shape is None:
        raise UserError("this layer has no bias", "delete b, or nobias from its line")
    if len(values) not in (1, shape[0]):
        raise UserError(
            f"b has {len(values)} numbers for {shape[0]} outputs", "give one, or one per output"
        )


def _check_kernel(value: Any, shape: tuple[int, ...]) -> None:
    kernel = shape[2:]
    words = _words(value)
    if isinstance(value, tuple) and words and len(value) != shape[0]:
        raise UserError(
            f"w lists {len(value)} kernels for {shape[0]} outputs",
            "give one for each output, or a single one for all",
        )
    arrays = {word: named(word, kernel) for word in words if not _is_file(word)}
    if any(_is_file(word) for word in words):
        return
    found = numbers_shape(_put_in(value, arrays))
    allowed = [kernel, (shape[0], *kernel), shape]
    if found not in allowed:
        raise UserError(
            f"w has the shape {spelled(found)}, which is no kernel of this layer",
            f"it takes {spelled(kernel)} (one for all), {spelled(allowed[1])} (one per output) "
            f"or {spelled(shape)} (outputs x inputs x kernel)",
        )


def _is_file(word: str) -> bool:
    return word.lower().endswith(".npy")


def _words(value: Any) -> list[str]:
    if isinstance(value, tuple):
        return [word for one in value for word in _words(one)]
    return [value] if isinstance(value, str) else []


def _put_in(value: Any, arrays: Mapping[str, Any]) -> Any:
    """Put the numbers of named kernels in the place of their names."""
    if isinstance(value, tuple):
        return tuple(_put_in(one, arrays) for one in value)
    return arrays[value] if isinstance(value, str) else value


def numbers_shape(value: Any) -> tuple[int, ...]:
    """Shape of nested numbers; an error where rows differ in length."""
    if not isinstance(value, tuple):
        return ()
    shapes = {numbers_shape(one) for one in value}
    if len(shapes) != 1:
        raise UserError(
            "the rows of w differ in length", "give every row the same number of values"
        )
    return (len(value), *shapes.pop())


def spelled(shape: tuple[int, ...]) -> str:
    """Spell a shape as a document does: ``3x3``."""
    return "x".join(map(str, shape)) if shape else "one number"
