"""Checks of hand-made weights (`w:` and `b:`) against the layer they are for."""

from __future__ import annotations

from typing import Any

from .kernels import named
from .ops import Conv, Dense, Depthwise, Op, TransposedConv
from .problems import UserError


def weight_shape(op: Op) -> tuple[int, ...]:
    """Shape of a layer's weight as `w:` counts it: (outputs, inputs, kernel...).

    A transposed convolution stores inputs first; here its outputs come first like everyone's.
    """
    shape = op.weights()["weight"]
    if isinstance(op, TransposedConv):
        return (shape[1], shape[0], *shape[2:])
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
    if isinstance(value, str):
        _check_word(value, kernel)
        return
    if isinstance(value, tuple) and any(_has_words(one) for one in value):
        if len(value) != shape[0]:
            raise UserError(
                f"w lists {len(value)} kernels for {shape[0]} outputs",
                "give one for each output, or a single one for all",
            )
        for one in value:
            _check_kernel(one, (1, *shape[1:]))
        return
    found = numbers_shape(value)
    allowed = [kernel, (shape[0], *kernel), shape]
    if found not in allowed:
        raise UserError(
            f"w has the shape {_spelled(found)}, which is no kernel of this layer",
            f"it takes {_spelled(kernel)} (one for all), {_spelled(allowed[1])} (one per output) "
            f"or {_spelled(shape)} (outputs x inputs x kernel)",
        )


def _check_word(word: str, kernel: tuple[int, ...]) -> None:
    if not word.lower().endswith(".npy"):
        named(word, kernel)


def _has_words(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, tuple) and any(map(_has_words, value)))


def numbers_shape(value: Any) -> tuple[int, ...]:
    """Shape of nested numbers; an error where rows differ in length."""
    if not isinstance(value, tuple):
        return ()
    shapes = {numbers_shape(one) for one in value}
    if len(shapes) != 1:
        raise UserError("the rows of w differ in length", "give every row the same number of values")
    return (len(value), *shapes.pop())


def _spelled(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) if shape else "one number"
