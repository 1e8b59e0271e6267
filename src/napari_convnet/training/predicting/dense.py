"""Predict a class or values for every voxel, part by part: never the outputs of all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_convnet.data import Normalisation
from napari_convnet.data.rates import check_rate, rate_of
from napari_convnet.maps import Box, FeatureMap, FeatureMaps, feature_maps, working_tiles
from napari_convnet.network import UserError, did_you_mean

from ..loading import Loaded
from ..tasks import ClassLearner
from .back import between, nearest, own_grid
from .measuring import Right, counted, measured, right_labels
from .results import Predicting, Regressed, Segmentation
from .scene import Scene, make_scene

Space: TypeAlias = Callable[[tuple[int, ...], Any], Any]
"""Makes an array of some shape and type: in memory, or in a file."""

Classes: TypeAlias = bool | Sequence[int | str]
"""All classes or none, or some by number or name."""


def predict_dense(loaded: Loaded, sample: Any, **options: Any) -> Segmentation | Regressed:
    """Predict for every voxel, and wait for it; see `predicting`."""
    *_, result = predicting(loaded, sample, **options)
    assert isinstance(result, Segmentation | Regressed)
    return result


def predicting(
    loaded: Loaded,
    sample: Any,
    *,
    most_bytes: int | None = None,
    probabilities: Classes = False,
    labels: Any = None,
    space: Space = np.empty,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[Predicting | Segmentation | Regressed]:
    """Predict for every voxel, telling how far it has come.

    Every part equals that part of the whole computation; of the network's outputs no more is held
    than those of a part.

    Parameters
    ----------
    loaded : Loaded
        The network: what `load` gave.
    sample : path, Contents, Sample or array-like
        What it looks at; see `make_scene`.
    most_bytes : int, optional
        Memory for the computation; else half of what is free on the device, within reason.
    probabilities : bool or sequence of int or str
        Whether those of all classes are wanted too, or of which, by number or name.
    labels : path, Contents or array-like, optional
        The right labels, to measure by.
    space : callable
        Makes the arrays of probabilities and values, of a shape and type: for those that are too
        large for the memory.
    cancelled : callable
        Asked often; once it says True, nothing more comes.

    Yields
    ------
    Predicting
        After each part, and while norms look at all of their input.
    Segmentation or Regressed
        At the end.

    Raises
    ------
    UserError
        If the input does not fit the network, or the labels not the input.
    """
    scene = make_scene(sample, loaded.pipeline.network.input, loaded.pipeline.data)
    source = scene.source
    check_rate(rate_of(source.affine, source.units), loaded.rate, scene.name)
    task = _Regression if loaded.pipeline.train.task == "regress" else _Segmentation
    job = task(loaded, scene, probabilities, space)
    if labels is not None:
        job.compare(labels)
    yield Predicting(0.0)
    started = time.perf_counter()
    for tile in working_tiles(job.maps, job.map.name, most_bytes=most_bytes, cancelled=cancelled):
        if tile.values is not None:
            with torch.inference_mode():
                job.add(tile.box, tile.values[None].float())
        passed = time.perf_counter() - started
        left = passed / tile.fraction - passed if tile.fraction else None
        yield Predicting(tile.fraction, left)
    if not cancelled():
        yield job.result()


class _Job:
    """What is made of a network's outputs."""

    def __init__(self, loaded: Loaded, scene: Scene, layer: str, space: Space) -> None:
        self.loaded, self.scene, self.space = loaded, scene, space
        found = feature_maps(loaded.model, scene.source, layers=[layer], name=scene.name)
        assert isinstance(found, FeatureMaps), "a document describes no foreign module"
        self.maps = found
        self.map: FeatureMap = found[layer]
        if self.map.affine is None:
            raise UserError(
                f"the network ends in {self.map.shape[0]} values, not in maps",
                "take flatten, fc or gap away, and end it with a conv k1",
            )

    def compare(self, labels: Any) -> None:
        """Take the right labels, to measure by."""
        raise NotImplementedError

    def add(self, box: Box, outputs: Tensor) -> None:
        """Take a part of the outputs, (1, C, *box)."""
        raise NotImplementedError

    def result(self) -> Segmentation | Regressed:
        """Give what became of all parts."""
        raise NotImplementedError

    @property
    def _place(self) -> dict[str, Any]:
        return {
            "units": self.map.units,
            "axes": self.map.axes,
            "trained": self.loaded.trained,
            "name": self.scene.name,
            "notes": self.scene.notes,
        }


class _Segmentation(_Job):
    """The class with the greatest output, and probabilities where they are asked for."""

    def __init__(self, loaded: Loaded, scene: Scene, probabilities: Classes, space: Space) -> None:
        net = loaded.net
        super().__init__(loaded, scene, net.output_layer, space)
        count, *size = self.map.shape
        # One map says how sure the network is of the second of two classes.
        self.one = count == 1
        self.classes = _names(loaded, 2 if self.one else count)
        data = loaded.pipeline.data
        self.first = 1 if data is not None and data.unlabelled == 0 else 0
        kind = np.uint8 if len(self.classes) + self.first <= 256 else np.uint16
        self.labels: NDArray[Any] = np.empty(size, kind)
        self.chosen = _chosen(probabilities, self.classes)
        self.voxels = np.zeros(len(self.classes), np.int64)
        shape = (len(self.chosen), *size)
        self.probabilities = space(shape, np.float16) if self.chosen else None
        self.right: Right | None = None

    def compare(self, labels: Any) -> None:
        """Take the right labels, to measure by."""
        data = self.loaded.pipeline.data
        self.right = right_labels(labels, self.scene, len(self.classes), data)

    def add(self, box: Box, outputs: Tensor) -> None:
        """Take the classes of a part."""
        index = tuple(slice(lo, hi) for lo, hi in box)
        sure = self._probabilities(outputs) if self.chosen or self.one else None
        best = greatest(outputs if sure is None or not self.one else sure)[0]
        self.labels[index] = (best.cpu().numpy() + self.first).astype(self.labels.dtype)
        if self.probabilities is not None and sure is not None:
            part = sure[0, list(self.chosen)].half().cpu().numpy()
            self.probabilities[(slice(None), *index)] = part

    def _probabilities(self, outputs: Tensor) -> Tensor:
        net = self.loaded.net
        if not self.one:
            assert isinstance(net, ClassLearner)
            return net.probabilities(outputs)
        network = self.loaded.model.network
        ends = network[network.end].op == "sigmoid"
        second = outputs if ends else outputs.sigmoid()
        return torch.cat((1 - second, second), 1)

    def result(self) -> Segmentation:
        """Give labels in place: on the scan's own voxels, where the network was given others.

        Each of these has the label of the nearest; probabilities lie between those around it. So
        where two classes meet, the label need not be the one of the greatest probability: for that,
        the probabilities of all classes would have to be held.
        """
        labels, affine, probabilities = self.labels, self.map.affine, self.probabilities
        assert affine is not None
        if self.scene.moved:
            back = own_grid(self.scene.shape, self.scene.affine, labels.shape, affine)
            labels, affine = nearest(labels, back), back.affine
            if probabilities is not None:
                probabilities = between(probabilities, back, self.space)
        result = Segmentation(
            labels=labels,
            affine=affine,
            classes=self.classes,
            voxels=counted(labels, len(self.classes), self.first),
            first=self.first,
            probabilities=probabilities,
            chosen=self.chosen,
            **self._place,
        )
        return result if self.right is None else measured(result, self.right)


class _Regression(_Job):
    """The network's outputs themselves, in the range of the image that came in."""

    def __init__(self, loaded: Loaded, scene: Scene, probabilities: Classes, space: Space) -> None:
        if probabilities:
            raise UserError("a regression has values, not probabilities", "leave them out")
        super().__init__(loaded, scene, loaded.model.network.end, space)
        self.values = space(self.map.shape, np.float32)
        self.normalisation = scene.source.normalisation()

    def compare(self, labels: Any) -> None:
        """Refuse labels."""
        what = "labels measure classes, and this network gives values"
        raise UserError(what, "leave them out, or evaluate it on images and their targets")

    def add(self, box: Box, outputs: Tensor) -> None:
        """Take the values of a part."""
        part = outputs[0].cpu().numpy()
        if self.normalisation is not None:
            # Targets were normalised as their images: back to what came in.
            part = _undone(part, self.normalisation)
        self.values[(slice(None), *(slice(lo, hi) for lo, hi in box))] = part

    def result(self) -> Regressed:
        """Give values in place: between those around them, on the scan's own voxels."""
        values, affine = self.values, self.map.affine
        assert affine is not None
        if self.scene.moved:
            back = own_grid(self.scene.shape, self.scene.affine, values.shape[1:], affine)
            values, affine = between(values, back, self.space), back.affine
        one = len(values) == 1
        return Regressed(values=values[0] if one else values, affine=affine, **self._place)


def greatest(outputs: Tensor) -> Tensor:
    """Give the channel with the greatest value, (N, C, *S) to uint8 or int16 (N, *S).

    Channel after channel: the numbers of torch's argmax would take eight bytes a voxel.
    """
    kind = torch.uint8 if outputs.shape[1] <= 256 else torch.int16
    best = outputs[:, 0].clone()
    found = torch.zeros_like(best, dtype=kind)
    for index in range(1, outputs.shape[1]):
        better = outputs[:, index] > best
        found.masked_fill_(better, index)
        torch.maximum(best, outputs[:, index], out=best)
    return found


def _undone(values: NDArray[Any], found: Normalisation) -> NDArray[Any]:
    gain = np.where(found.gain == 0, 1, found.gain)
    back: NDArray[Any] = values / gain.astype(np.float32) + found.centre.astype(np.float32)
    return back


def _names(loaded: Loaded, count: int) -> tuple[str, ...]:
    names = loaded.classes
    return names if len(names) == count else tuple(map(str, range(count)))


def _chosen(wanted: Classes, classes: tuple[str, ...]) -> tuple[int, ...]:
    if isinstance(wanted, bool):
        return tuple(range(len(classes))) if wanted else ()
    found = []
    for each in wanted:
        name = str(each)
        if name in classes:
            found.append(classes.index(name))
        elif name.isdecimal() and int(name) < len(classes):
            found.append(int(name))
        else:
            fix = did_you_mean(name, classes, f"the classes are {', '.join(classes)}")
            raise UserError(f'there is no class "{name}"', fix)
    return tuple(found)
