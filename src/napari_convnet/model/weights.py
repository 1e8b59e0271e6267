"""Weights in and out of files: safetensors, and PyTorch's own as far as they hold numbers only."""

from __future__ import annotations

import io
import json
import os
import pickle
import re
import time
import uuid
import warnings
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeGuard

import torch
from safetensors import SafetensorError
from safetensors.torch import load as read_tensors
from safetensors.torch import save_file
from torch import Tensor, nn

from napari_convnet.network import UserError

if TYPE_CHECKING:
    from .builder import ConvNet

PICKLES = (b"PK\x03\x04", b"\x80")
"""How PyTorch's files begin: zip archives, or bare pickles in the old form.

A safetensors file begins with a length, which may read like either.
"""

Origin = Literal["loaded", "new"]
"""Where a layer's weights come from: a file, or the seed and the document."""


def save_weights(module: nn.Module, path: str | os.PathLike[str], **metadata: object) -> None:
    """Write a module's weights, at once or not at all.

    The file is written under another name and renamed, so that a reader sees the old one or the new
    one, never a part.

    Parameters
    ----------
    module : nn.Module
        The module; its `state_dict` is written.
    path : path
        The file.
    **metadata
        What the file says beside: text as it is, anything else as JSON.
    """
    path = Path(path)
    tensors = {
        name: tensor.detach().to("cpu").contiguous() for name, tensor in module.state_dict().items()
    }
    texts = {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in metadata.items()
    }
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # The library lets nobody else read what it writes; as any new file is right.
        partial.touch()
        mode = partial.stat().st_mode
        # Without tensors, the library writes no JSON where the metadata are empty.
        save_file(tensors, partial, texts or None)
        partial.chmod(mode)
        rename(partial, path)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from None
    except SafetensorError as error:
        raise UserError(f"cannot write {path}: {error}") from None
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def rename(source: Path, target: Path) -> None:
    """Put a file in another's place; Windows refuses while a reader has the other open."""
    for pause in (0.01, 0.05, 0.2, 0.5):
        try:
            return os.replace(source, target)
        except PermissionError:
            time.sleep(pause)
    return os.replace(source, target)


def read_weights(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Read the tensors of a weights file, onto the CPU.

    Parameters
    ----------
    path : path
        A safetensors file, or a state dict that torch saved (``.pt``, ``.pth``), alone or beside
        other numbers of a training. Nothing else in such a file is opened: a pickle can run code.

    Raises
    ------
    UserError
        Where there is no such file, or it is another kind of file.
    """
    path = Path(path)
    data = _bytes(path)
    if _is_pickle(data[:9], len(data)):
        return _state_dict(path, data)
    try:
        # The format keeps no order of its tensors.
        return dict(sorted(read_tensors(data).items()))
    # A header that is no JSON of the right form can end in a KeyError of the library's.
    except (SafetensorError, KeyError, ValueError, TypeError):
        raise _unreadable(path) from None


def _is_pickle(head: bytes, size: int) -> bool:
    """Tell from its first 9 bytes whether a file of `size` bytes is PyTorch's own."""
    is_safetensors = head[8:] == b"{" and 8 + _header_length(head) <= size
    return head.startswith(PICKLES) and not is_safetensors


def _header_length(head: bytes) -> int:
    # The format: the length of the header in 8 bytes, then the header as JSON.
    return int.from_bytes(head[:8], "little")


def _state_dict(path: Path, data: bytes) -> dict[str, Tensor]:
    """Read what torch saved, tensors and plain values only."""
    if _is_torchscript(data):
        raise UserError(
            f"{path} is a TorchScript archive, which holds a program beside its weights",
            "write its weights alone: torch.save(torch.jit.load(file).state_dict(), name)",
        )
    try:
        # Of a number of the format that torch does not know it warns, and reads on.
        with warnings.catch_warnings(action="ignore"):
            found = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise UserError(
            f"{path} is a PyTorch pickle that holds more than weights, which can run code when it "
            "is opened",
            "where you trust it, write its weights alone: "
            "torch.save(torch.load(file, weights_only=False).state_dict(), name)",
        ) from None
    # Damaged files end in any error there is: of zip archives, of text, of numbers.
    except Exception:
        raise UserError(f"{path} is damaged, or no file of PyTorch's", "write it anew") from None
    tensors = _tensors_in(found)
    if not tensors:
        raise UserError(
            f"{path} holds no weights by name", "give a state dict, as module.state_dict() does"
        )
    return tensors


def _is_torchscript(data: bytes) -> bool:
    if not data.startswith(b"PK"):
        return False
    try:
        names = zipfile.ZipFile(io.BytesIO(data)).namelist()
    except Exception:  # damaged, in one way or another: reading it will tell
        return False
    return any("/code/" in name or name.endswith("/constants.pkl") for name in names)


def _tensors_in(found: object) -> dict[str, Tensor]:
    """Find the state dict: the thing itself, or the entry of a checkpoint that has most tensors."""
    if not isinstance(found, Mapping):
        return {}
    tensors = {str(key): value for key, value in found.items() if isinstance(value, Tensor)}
    inner = [_tensors_in(value) for value in found.values() if isinstance(value, Mapping)]
    return max([tensors, *inner], key=len)


def read_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """Read the text that a weights file holds beside its tensors; PyTorch's own have none.

    Raises
    ------
    UserError
        As `read_weights`.
    """
    path = Path(path)
    head = _bytes(path, 9)
    size = path.stat().st_size
    if _is_pickle(head, size):
        return {}
    length = _header_length(head)
    try:
        if length > size:
            raise _unreadable(path)
        header = json.loads(_bytes(path, 8 + length)[8:])
        found = header.get("__metadata__", {})
        return {str(key): str(value) for key, value in found.items()}
    except (ValueError, AttributeError, RecursionError):
        raise _unreadable(path) from None


def _bytes(path: Path, count: int = -1) -> bytes:
    # At once, not mapped: a file that stays open could not be replaced on Windows.
    try:
        with path.open("rb") as file:
            return file.read(count)
    except FileNotFoundError:
        raise UserError(
            f"there is no weights file {path}", "delete weights:, or correct its path"
        ) from None
    except IsADirectoryError:
        raise UserError(f"{path} is a folder, not a weights file") from None
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None


def _unreadable(path: Path) -> UserError:
    return UserError(
        f"{path} is no weights file", "weights are read from .safetensors, .pt and .pth files"
    )


def load_weights(module: nn.Module, path: str | os.PathLike[str]) -> dict[str, Origin]:
    """Give a module the weights of a file, layer by layer.

    A layer takes its weights where the file has all of them, in its shapes; other layers stay as
    they are. A file in other names than those of the network's layers is matched by structure: see
    `napari_convnet.model.outside`.

    Parameters
    ----------
    module : nn.Module
        The module.
    path : path
        The file.

    Returns
    -------
    dict of str to str
        Per layer with weights, ``"loaded"`` or ``"new"``.
    """
    tensors = read_weights(path)
    # What training or an export wrote says so, and is never taken for another program's.
    if _is_network(module) and not read_metadata(path).keys() & {"step", "document"}:
        from .outside import is_outside, renamed

        if is_outside(module, tensors):
            tensors = renamed(module, tensors, str(path))
    return put_weights(module, tensors)


def _is_network(module: nn.Module) -> TypeGuard[ConvNet]:
    return hasattr(module, "twins") and hasattr(module, "network")


@torch.no_grad()
def put_weights(module: nn.Module, tensors: Mapping[str, Tensor]) -> dict[str, Origin]:
    """Give a module weights by name, as `load_weights` does.

    Parameters
    ----------
    module : nn.Module
        The module.
    tensors : mapping of str to Tensor
        As of `nn.Module.state_dict`.
    """
    layers: dict[str, dict[str, Tensor]] = {}
    for key, tensor in module.state_dict(keep_vars=True).items():
        layers.setdefault(key.rpartition(".")[0], {})[key] = tensor
    origins: dict[str, Origin] = {}
    for layer, own in layers.items():
        fits = all(key in tensors and tensors[key].shape == own[key].shape for key in own)
        origins[layer] = "loaded" if fits else "new"
        if fits:
            for key, tensor in own.items():
                tensor.copy_(tensors[key])
    return origins


def find_weights(spec: str, folder: Path | None = None) -> Path:
    """Find the file that a document's ``weights:`` names.

    Parameters
    ----------
    spec : str
        A file, or a run with ``@best`` (the default), ``@last`` or ``@STEP``.
    folder : Path, optional
        What paths are relative to; else the working directory.

    Raises
    ------
    UserError
        Where there is none.
    """
    base = folder or Path()
    if (base / spec).is_file():
        return base / spec
    name, _, which = spec.partition("@")
    run = base / name
    if not run.is_dir():
        kind = "run" if which else "weights file or run"
        raise UserError(f"there is no {kind} {run}", "delete weights:, or correct its path")
    files = sorted((run / "checkpoints").glob("*.safetensors"), key=_age)
    found = [file for file in files if _is_checkpoint(file, which or "best")]
    if not found:
        have = ", ".join(file.name for file in files) or "no checkpoints"
        raise UserError(f'the run {run} has no "{which or "best"}" weights', f"it has {have}")
    return found[-1]


def _age(file: Path) -> tuple[int, float]:
    return _step(file), file.stat().st_mtime


def _is_checkpoint(file: Path, which: str) -> bool:
    return _step(file) == int(which) if which.isdecimal() else file.stem.startswith(which)


def _step(file: Path) -> int:
    """Step after which a checkpoint was written: as it says, or else as its name does."""
    numbers = re.findall(r"\d+", read_metadata(file).get("step", "") or file.stem)
    return int(numbers[-1]) if numbers else -1
