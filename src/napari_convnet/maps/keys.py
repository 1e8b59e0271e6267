"""Names of layers by what their values depend on: equal keys, equal values."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_convnet.network import INPUT, Layer, Network

from .forward import Weights


def layer_keys(given: Any, layers: tuple[Layer, ...], image: NDArray[Any]) -> dict[str, str]:
    """Name every layer by what its values depend on: the image, weights, its line, all before it.

    Returns
    -------
    dict of str to str
        Keys by layer, and that of the input.
    """
    head = hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16)
    head.update(repr((image.shape, str(image.dtype), _weights_key(given))).encode())
    keys = {INPUT: head.hexdigest()}
    folder = getattr(given, "folder", None)
    for layer in layers:
        extras = (layer.extras.w, layer.extras.b, layer.extras.freeze)
        files = [_file_key(Path(folder or ".") / name) for name in _files(layer.extras.w)]
        before = [keys[name] for name in layer.inputs]
        text = repr((before, layer.name, layer.kind, extras, files))
        keys[layer.name] = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    return keys


def _weights_key(given: Any) -> Any:
    """Say which weights a pipeline or module has, without building it."""
    from napari_convnet.model import ConvNet, find_weights

    if isinstance(given, ConvNet):
        import torch

        weights = Weights(given, torch.float32, torch.device("cpu"))
        return id(given), weights.stamp()
    if isinstance(given, Network):
        return 0
    seed = given.train.seed
    if not given.weights:
        return seed
    return seed, _file_key(Path(find_weights(given.weights, given.folder)))


def _file_key(path: Path) -> Any:
    try:
        stat = path.stat()
    except OSError:
        return str(path)
    return str(path), stat.st_mtime_ns, stat.st_size


def _files(kernels: Any) -> list[str]:
    """Names of files among hand-made kernels."""
    if isinstance(kernels, str):
        return [kernels] if kernels.endswith(".npy") else []
    if isinstance(kernels, tuple | list):
        return [name for part in kernels for name in _files(part)]
    return []
