"""The jobs of the workers: calls of the library's own functions, with what can travel back.

Torch is imported when a job runs, never when this module is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .control import Mailbox, Token
from .look import Look
from .regions import Large, kept, open_maps, sample_of

if TYPE_CHECKING:
    from ..data import Dataset
    from ..data.layer_files import LayerFile
    from ..maps import FeatureMap, LayerPreview, PreviewCache
    from ..training import Event, Prediction, Regressed, Segmentation

MOST_BYTES = 64 * 2**20
"""Maps of one layer that a window is sent whole."""

CACHE_BYTES = 256 * 2**20
"""Memory for what was computed of maps that are not sent whole."""

STEP_SECONDS = 0.05
"""Least time between two steps that are told: a window draws no faster."""


@dataclass(frozen=True, slots=True)
class Device:
    """Where a worker computes.

    Parameters
    ----------
    kind : str
        "cpu", "cuda" or "mps".
    name : str
        For the person at the screen: "CPU (2 threads)".
    torch : str
        Torch's version.
    """

    kind: str
    name: str
    torch: str


@dataclass(frozen=True, eq=False)
class Seen:
    """The maps of one layer.

    Parameters
    ----------
    layer : str
        Name of the layer.
    array : ndarray
        (C, *spatial), float32.
    affine : ndarray
        (rank + 1) square, from the maps' spatial indices to the world.
    limits : (float, float)
        Values that the colours should span.
    dead : tuple of int
        Maps that are constant or not finite.
    """

    layer: str
    array: NDArray[np.float32]
    affine: NDArray[np.float64]
    limits: tuple[float, float]
    dead: tuple[int, ...]


def describe_device(device: str = "auto") -> Device:
    """Say where a job with this ``device`` would compute; it also wakes the device up."""
    import torch

    from ..model import device_name, pick_device

    picked = pick_device(device)
    torch.zeros(1, device=picked)
    return Device(picked.type, device_name(picked), str(torch.__version__))


def maps(
    look: Look,
    image: NDArray[Any],
    affine: NDArray[np.float64],
    layers: Sequence[str],
    cancelled: Token,
    most_bytes: int = MOST_BYTES,
    cache_bytes: int = CACHE_BYTES,
) -> Iterator[Seen | Large]:
    """Compute the whole maps of some layers, one after the other; name those that are too large.

    Parameters
    ----------
    look : Look
        Document, weights and device.
    image : ndarray
        (C, *spatial), as it came.
    affine : ndarray
        Its place: spatial index to world.
    layers : sequence of str
        Names of layers; those that cannot work on this size are left out.
    cancelled : Token
        Looked at between layers, and between parts of large ones.
    most_bytes : int
        Maps of a layer that take more are not sent: `regions` computes what is looked at of them.
    cache_bytes : int
        Memory for what was computed of large maps.
    """
    found = kept().maps(look, image, affine, cache_bytes)
    placed = {name: found[name] for name in layers if name in found}
    placed = {name: m for name, m in placed.items() if m.affine is not None}
    large = [m for m in placed.values() if m.nbytes > most_bytes]
    for m in large:
        assert m.affine is not None
        yield Large(m.name, m.shape, m.affine)
    small = [m for m in placed.values() if m.nbytes <= most_bytes]
    if large:
        for m in small:
            yield _seen(m, m.compute(check=cancelled.check))
        return
    for name, array in found.stream([m.name for m in small]):
        yield _seen(found[name], array)
    kept().forget()


def _seen(m: FeatureMap, array: NDArray[Any]) -> Seen:
    from ..maps import dead, limits

    assert m.affine is not None
    constant = tuple(int(i) for i in np.flatnonzero(dead(array)))
    array = array.astype(np.float32, copy=False)
    return Seen(m.name, array, m.affine, limits(array), constant)


@lru_cache(maxsize=1)
def _previews() -> PreviewCache:
    """Keep what previews have in common, for as long as the worker lives."""
    from ..maps import PreviewCache

    return PreviewCache()


def previews(
    look: Look,
    image: NDArray[np.float32],
    affine: NDArray[np.float64],
    cancelled: Token,
    budget: float | None = 2.0,
    layers: Sequence[str] | None = None,
    point: tuple[int, ...] | None = None,
) -> Iterator[LayerPreview]:
    """Make a thumbnail of what each layer sees, first layers first.

    Parameters
    ----------
    look, image, affine
        As in `maps`.
    cancelled : Token
        Looked at between layers.
    budget : float or None
        Seconds after which the rest is told to be late.
    layers : sequence of str, optional
        Names of layers; all if not given.
    point : tuple of int, optional
        Where to look; see `napari_convnet.maps.preview`.
    """
    from ..maps import preview

    sample = sample_of(look, image, affine)
    yield from preview(
        look.pipeline(),
        sample,
        layers,
        cache=_previews(),
        budget=budget,
        device=look.device,
        cancelled=cancelled,
        point=point,
    )


def sheet(
    look: Look,
    image: NDArray[np.float32],
    affine: NDArray[np.float64],
    layers: Sequence[str],
    path: str,
) -> str:
    """Write a picture with the maps of layers, each with its name, and return its path."""
    from ..maps import montage_png

    found = open_maps(look, image, affine, CACHE_BYTES)
    montage_png(found, path, [name for name in layers if name in found])
    return path


def train(
    text: str,
    path: str | None,
    run: str | None,
    data: Dataset | None,
    device: str,
    control: Mailbox,
    cancelled: Token,
    files: Sequence[LayerFile] = (),
) -> Iterator[Event]:
    """Train, telling all events but those steps that come faster than a window draws.

    Layers that the document learns from are written first.
    """
    from ..data.layer_files import write_layer_files
    from ..document import parse
    from ..training import Control, Step
    from ..training import train as fit

    told = Control()
    control.forward(lambda word: getattr(told, word)())
    # A training that is paused hears nothing but its control.
    cancelled.then(told.stop)
    write_layer_files(files, cancelled)
    last = 0.0
    for event in fit(parse(text, path), run=run, data=data, device=device, control=told):
        now = perf_counter()
        if not isinstance(event, Step) or now - last >= STEP_SECONDS:
            last = now if isinstance(event, Step) else last
            yield event


def predict(
    look: Look, image: NDArray[np.float32], affine: NDArray[np.float64]
) -> Prediction | Segmentation | Regressed:
    """Say what an image shows, as `napari_convnet.predict` does."""
    from ..training import predict as answer

    return answer(look.pipeline().checked(), sample_of(look, image, affine), look.device)
