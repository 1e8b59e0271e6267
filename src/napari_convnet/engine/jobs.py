"""The jobs of the workers: calls of the library's own functions, with what can travel back.

Torch is imported when a job runs, never when this module is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..document import Pipeline, draft, edit
from ..network import Problem, UserError
from .control import Mailbox, Token

if TYPE_CHECKING:
    from ..data import Dataset, Sample
    from ..data.layer_files import LayerFile
    from ..maps import FeatureMap, FeatureMaps, ForeignMaps, LayerPreview, PreviewCache
    from ..model import ConvNet
    from ..training import Event, Prediction

MOST_BYTES = 2**30
"""Maps of one layer that a window is sent at most."""

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


@dataclass(frozen=True)
class Look:
    """What the eye looks at, and with which weights: what its jobs have in common.

    Parameters
    ----------
    text : str
        The document; it may have mistakes, the layers before them are looked at.
    path : str or None
        Its file, which others in it are relative to.
    weights : str
        File of weights that take the place of the document's; empty for these.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    """

    text: str
    path: str | None = None
    weights: str = ""
    device: str = "auto"

    def pipeline(self) -> Pipeline:
        """Read the document."""
        text = self.text
        if self.weights:
            text = edit.set_value(text, "weights", self.weights)
        return draft(text, self.path)

    def stamp(self) -> int:
        """Change when the file of weights does."""
        return Path(self.weights).stat().st_mtime_ns if self.weights else 0


def describe_device(device: str = "auto") -> Device:
    """Say where a job with this ``device`` would compute; it also wakes the device up."""
    import torch

    from ..model import device_name, pick_device

    picked = pick_device(device)
    torch.zeros(1, device=picked)
    return Device(picked.type, device_name(picked), str(torch.__version__))


@lru_cache(maxsize=1)
def _module(look: Look, stamp: int) -> ConvNet:
    """Build the network once for all pictures of it; a worker has one of them at a time."""
    from ..model import build, pick_device

    return build(look.pipeline(), device=pick_device(look.device))


def _maps(
    look: Look, image: NDArray[np.float32], affine: NDArray[np.float64]
) -> FeatureMaps | ForeignMaps:
    """Give the feature maps of an image (C, *spatial), as the document prepares it."""
    from ..data import prepare
    from ..maps import feature_maps

    pipeline = look.pipeline()
    sample = prepare(_sample(image, affine), pipeline.data, pipeline.input)
    return feature_maps(_module(look, look.stamp()), sample)


def _sample(image: NDArray[np.float32], affine: NDArray[np.float64]) -> Sample:
    from ..data import Sample

    rank = image.ndim - 1
    return Sample(image, affine, ("pixel",) * rank, ("",) * rank)


def maps(
    look: Look, image: NDArray[np.float32], affine: NDArray[np.float64], layers: Sequence[str]
) -> Iterator[Seen]:
    """Compute the whole maps of some layers, one after the other.

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
    """
    from ..maps import dead, limits

    found = _maps(look, image, affine)
    wanted = [name for name in layers if name in found]
    large = [name for name in wanted if found[name].nbytes > MOST_BYTES]
    for name, array in found.stream([name for name in wanted if name not in large]):
        place = found[name].affine
        if place is not None:
            constant = tuple(int(i) for i in np.flatnonzero(dead(array)))
            yield Seen(name, array, place, limits(array), constant)
    if large:
        raise UserError(_too_large(found[large[0]]))


def _too_large(m: FeatureMap) -> Problem:
    gigabytes = m.nbytes / 2**30
    fix = "look at a later layer or a smaller image; feature_maps(...) in a script is lazy"
    return Problem(f"all maps of it take {gigabytes:.1f} GB", fix, layer=m.name)


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
    """
    from ..maps import preview

    sample = _sample(image, affine)
    yield from preview(
        look.pipeline(),
        sample,
        layers,
        cache=_previews(),
        budget=budget,
        device=look.device,
        cancelled=cancelled,
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

    found = _maps(look, image, affine)
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


def predict(look: Look, image: NDArray[np.float32], affine: NDArray[np.float64]) -> Prediction:
    """Say what an image shows, as `napari_convnet.predict` does."""
    from ..training import predict as answer

    return answer(look.pipeline().checked(), _sample(image, affine), look.device)
