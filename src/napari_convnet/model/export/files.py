"""Files for other programs, each written whole or not at all."""

from __future__ import annotations

import json
import logging
import os
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from napari_convnet.document import edit, write_text
from napari_convnet.document.packed import KEY
from napari_convnet.network import UserError

from ..builder import ConvNet, build
from ..weights import find_weights, read_metadata, rename, save_weights
from .python import to_python

if TYPE_CHECKING:
    from napari_convnet.document import Pipeline

ONNX_PACKAGES = ("onnx", "onnxscript")


def save_network(pipeline: Pipeline, path: str | os.PathLike[str]) -> None:
    """Write a network as one file: its weights, and the document in their header.

    Parameters
    ----------
    pipeline : Pipeline
        The network; its weights are built as for any use.
    path : path
        A ``.safetensors`` file, which `napari_convnet.read` opens again.
    """
    net = build(pipeline.checked())
    # Where the weights came from is no longer asked: they are here.
    text = edit.set_value(pipeline.text, "weights", None) if pipeline.weights else pipeline.text
    save_weights(net, path, **{**_metadata(pipeline), KEY: text})


def _metadata(pipeline: Pipeline) -> dict[str, str]:
    """Give what stands beside the document's weights, such as the names of the classes."""
    if not pipeline.weights:
        return {}
    try:
        return read_metadata(find_weights(pipeline.weights, pipeline.folder))
    except UserError:  # another kind of file, which says nothing beside its numbers
        return {}


def _classes(pipeline: Pipeline) -> tuple[str, ...]:
    if pipeline.data is not None and pipeline.data.classes:
        return pipeline.data.classes
    try:
        return tuple(map(str, json.loads(_metadata(pipeline).get("classes", "[]"))))
    except (ValueError, TypeError):
        return ()


def save_python(pipeline: Pipeline, path: str | os.PathLike[str]) -> tuple[Path, Path]:
    """Write a network as a Python file, and its weights beside it.

    Parameters
    ----------
    pipeline : Pipeline
        The network.
    path : path
        The ``.py`` file.

    Returns
    -------
    tuple of Path
        The Python file and the weights.
    """
    path = Path(path)
    weights = path.with_suffix(".safetensors")
    text = to_python(pipeline, _classes(pipeline))
    save_network(pipeline, weights)
    write_text(path, text)
    return path, weights


def save_torch(pipeline: Pipeline, path: str | os.PathLike[str]) -> None:
    """Write the weights as torch does: a dictionary that ``torch.load(weights_only=True)`` reads.

    Parameters
    ----------
    pipeline : Pipeline
        The network.
    path : path
        The ``.pt`` file.
    """
    state = {
        name: tensor.detach() for name, tensor in build(pipeline.checked()).state_dict().items()
    }
    _whole(Path(path), lambda partial: torch.save(state, partial))


def save_onnx(pipeline: Pipeline, path: str | os.PathLike[str]) -> None:
    """Write a network as ONNX, for batches of any size.

    Parameters
    ----------
    pipeline : Pipeline
        The network; every size of its input must be given.
    path : path
        The ``.onnx`` file.

    Raises
    ------
    UserError
        Where the packages that torch needs for it are not installed, or a size is not fixed.
    """
    missing = [name for name in ONNX_PACKAGES if find_spec(name) is None]
    if missing:
        raise UserError(
            f"export to ONNX needs {' and '.join(missing)}, which torch does not bring along",
            f"install them: pip install {' '.join(missing)}",
        )
    shape = [n for n in pipeline.input if n is not None]
    if len(shape) < len(pipeline.input):
        raise UserError("ONNX needs every size of the input", "write numbers for ? in the input")
    net = build(pipeline.checked()).eval()
    _whole(Path(path), lambda partial: _to_onnx(net, shape, partial))


def _to_onnx(net: ConvNet, shape: list[int], path: Path) -> None:
    # Two images, since torch takes a batch of one for a size that never changes.
    example = torch.zeros(2, *shape)
    try:
        with _quietly():
            torch.onnx.export(
                net,
                (example,),
                str(path),
                input_names=["input"],
                output_names=["output"],
                dynamo=True,
                external_data=False,
                dynamic_shapes={"x": {0: torch.export.Dim("images")}},
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        reason = str(error).strip().partition("\n")[0]
        raise UserError(f"torch cannot write this network as ONNX: {reason}") from None


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep what torch's exporter tells its own developers off the screen."""
    log = logging.getLogger("torch.onnx")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(before)


def _whole(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file under another name, then rename it."""
    partial = path.with_name(f".{path.stem}.{uuid.uuid4().hex}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(partial)
        rename(partial, path)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from None
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
