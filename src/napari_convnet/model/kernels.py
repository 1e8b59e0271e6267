"""Hand-made weights: what a row says under ``w:`` and ``b:``, as tensors."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_convnet.network import Layer, UserError
from napari_convnet.network.handmade import spelled, weight_shape
from napari_convnet.network.kernels import named
from napari_convnet.network.ops import Conv, Op, TransposedConv

Values: TypeAlias = float | str | tuple["Values", ...]
"""A kernel's name, a file, a number, or a list of these."""

Array = npt.NDArray[np.float32]


def handmade(layer: Layer, folder: Path | None = None) -> dict[str, Tensor]:
    """Make the weights that a row gives by hand.

    Parameters
    ----------
    layer : Layer
        The layer; `Extras.w` and `Extras.b` are read.
    folder : Path, optional
        What files are relative to; else the working directory.

    Returns
    -------
    dict of str to Tensor
        Those of ``weight`` and ``bias`` that are given, in the shapes of `Op.weights`.

    Raises
    ------
    UserError
        Where a file is missing, is no array of numbers, or does not fit the layer.
    """
    op, extras = layer.kind, layer.extras
    shapes = op.weights()
    made: dict[str, Tensor] = {}
    try:
        if extras.w is not None:
            made["weight"] = torch.from_numpy(_weight(extras.w, op, folder or Path()))
        if extras.b is not None:
            bias = torch.tensor(extras.b, dtype=torch.float32)
            made["bias"] = bias.expand(shapes["bias"]).clone()
    except UserError as error:
        places = extras.places
        raise error.at(places.get("w", places.get("b")), layer.name) from None
    return made


def _weight(value: Values, op: Op, folder: Path) -> Array:
    """Kernels as an array of the weight's own shape."""
    shape = weight_shape(op)
    kernel = shape[2:]
    given = _array(value, kernel, folder)
    # One kernel stands for all pairs, a list for the outputs, a list of lists for (output, input).
    if given.shape == (shape[0], *kernel):
        given = given[:, None]
    elif given.shape not in (kernel, shape):
        raise UserError(
            f"w has the shape {spelled(given.shape)}, which is no kernel of this layer",
            f"it takes {spelled(kernel)} (one for all), {spelled((shape[0], *kernel))} (one per "
            f"output) or {spelled(shape)} (outputs x inputs x kernel)",
        )
    wide = np.broadcast_to(given, shape).copy()
    if isinstance(op, Conv) and op.connect:
        outs, ins = op.links
        return wide[list(outs), list(ins)]
    if not isinstance(op, TransposedConv):
        return wide
    # torch keeps inputs first: (groups, outputs, inputs, ...) to (groups, inputs, outputs, ...).
    groups = wide.reshape(op.groups, -1, *wide.shape[1:]).swapaxes(1, 2)
    return np.ascontiguousarray(groups).reshape(op.weights()["weight"])


def _array(value: Values, kernel: tuple[int, ...], folder: Path) -> Array:
    if isinstance(value, tuple):
        parts = [_array(one, kernel, folder) for one in value]
        shapes = {part.shape for part in parts}
        if len(shapes) > 1:
            found = " and ".join(sorted(spelled(shape) for shape in shapes))
            raise UserError(f"the parts of w differ in shape: {found}", "give all the same shape")
        return np.stack(parts)
    if not isinstance(value, str):
        return np.asarray(value, np.float32)
    if value.lower().endswith(".npy"):
        return read_array(folder / value)
    return np.asarray(named(value, kernel), np.float32)


def read_array(path: Path) -> Array:
    """Read an array of numbers from a ``.npy`` file.

    Pickled objects, which can run code when they are opened, are refused.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    UserError
        Where there is no such file, or it holds something else.
    """
    try:
        with path.open("rb") as file:
            array = np.lib.format.read_array(file, allow_pickle=False)
    except FileNotFoundError:
        raise UserError(f"there is no file {path}", "paths are relative to the document") from None
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None
    except (ValueError, EOFError, MemoryError) as error:
        if "allow_pickle" in str(error):
            raise UserError(
                f"{path} holds Python objects, not numbers",
                "save it with numpy.save(file, array.astype('float32'))",
            ) from None
        raise UserError(f"{path} is no .npy file", "save it with numpy.save(file, array)") from None
    if array.dtype.kind not in "fiub":
        raise UserError(f"{path} holds {array.dtype}, not numbers", "save it as float32")
    values: Array = array.astype(np.float32)
    if not math.isfinite(float(values.sum(dtype=np.float64))):
        raise UserError(f"{path} holds values that are not finite", "replace NaN and infinity")
    return values
