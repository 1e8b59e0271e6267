"""Predictions per voxel as napari layers, each in its place over what it is of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .maps import KEY
from .source import Source

if TYPE_CHECKING:
    import napari
    from napari.layers import Image, Labels


@dataclass(frozen=True)
class PredictionLayers:
    """The layers of predictions: added once, then updated, with what the user made of them.

    Parameters
    ----------
    viewer : napari.Viewer
        Where they are shown.
    """

    viewer: napari.Viewer

    def known(self, name: str, kind: str) -> Any:
        """Give the layer of this kind that belongs to the layer of this name; None without one."""
        for layer in self.viewer.layers:
            about = layer.metadata.get(KEY, {})
            if about.get("kind") == kind and about.get("of") == name:
                return layer
        return None

    def show(self, result: Any, source: Source, name: str) -> list[Any]:
        """Show a prediction over its input, in the layers of the last one where they fit.

        Parameters
        ----------
        result : Segmentation or Regressed
            What was predicted.
        source : Source
            What it was predicted of.
        name : str
            Name of the layer that it was predicted of.

        Returns
        -------
        list of layers
            Of labels and probabilities, or of values; visible.
        """
        layers = self._made(result, source, name)
        for layer in layers:
            if not layer.visible:
                layer.visible = True
        return layers

    def _made(self, result: Any, source: Source, name: str) -> list[Any]:
        if hasattr(result, "labels"):
            layers: list[Any] = [self._labelled(result, source, name)]
            if result.probabilities is not None:
                # In half precision, as they came: those of a large scan are many.
                chances = np.asarray(result.probabilities)
                layers.append(self._pictured(chances, result, source, name, "probabilities"))
            return layers
        return [self._pictured(np.asarray(result.values), result, source, name, "prediction")]

    def _labelled(self, result: Any, source: Source, name: str) -> Labels:
        data = result.labels.reshape((1,) * len(source.extra) + result.labels.shape)
        known = self.known(name, "prediction")
        place = {**_place(result, source, 0), "features": _features(result)}
        if _fits(known, data, "labels"):
            return _updated(known, data, place)
        self._remove(known)
        about = {"metadata": _about(name, "prediction"), "opacity": 0.5}
        return self.viewer.add_labels(data, name=f"{name}: predicted", **about, **place)

    def _pictured(
        self, values: NDArray[Any], result: Any, source: Source, name: str, kind: str
    ) -> Image:
        lead = values.ndim - len(result.axes)
        shape = (*values.shape[:lead], *(1,) * len(source.extra), *values.shape[lead:])
        known, data = self.known(name, kind), values.reshape(shape)
        place = _place(result, source, lead)
        if _fits(known, data, "image"):
            return _updated(known, data, place)
        self._remove(known)
        title = f"{name}: {'predicted' if kind == 'prediction' else kind}"
        about: dict[str, Any] = {"metadata": _about(name, kind), "rgb": False}
        if kind == "probabilities":
            about["contrast_limits"] = (0, 1)
        return self.viewer.add_image(data, name=title, **about, **place)

    def _remove(self, layer: Any) -> None:
        if layer is not None:
            self.viewer.layers.remove(layer)


def _about(name: str, kind: str) -> dict[str, Any]:
    return {KEY: {"kind": kind, "of": name}}


def _fits(layer: Any, data: NDArray[Any], kind: str) -> bool:
    return layer is not None and layer.ndim == data.ndim and layer._type_string == kind


def _updated(layer: Any, data: NDArray[Any], place: dict[str, Any]) -> Any:
    layer.data = data
    for key, value in place.items():
        # Whatever is set draws the layer anew.
        if key == "features" or not _equal(getattr(layer, key), value):
            setattr(layer, key, value)
    return layer


def _equal(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, tuple):
        return tuple(map(str, found)) == wanted
    return np.array_equal(getattr(found, "affine_matrix", found), wanted)


def _place(result: Any, source: Source, lead: int) -> dict[str, Any]:
    """Give what places a result over its input: before its axes come those it is a step of."""
    extra = len(source.extra)
    rank = len(result.axes)
    ndim = lead + extra + rank
    affine = np.eye(ndim + 1)
    for axis, (scale, translate) in enumerate(source.extra, start=lead):
        affine[axis, axis], affine[axis, ndim] = scale, translate
    affine[lead + extra : ndim, lead + extra : ndim] = result.affine[:rank, :rank]
    affine[lead + extra : ndim, ndim] = result.affine[:rank, rank]
    return {
        "scale": np.ones(ndim),
        "translate": np.zeros(ndim),
        "affine": affine,
        "units": ("pixel",) * lead + (*source.units, *result.units),
        "axis_labels": ("class",) * lead + (*source.labels, *source.sample.axes),
    }


def _features(result: Any) -> dict[str, list[Any]]:
    """Give the table of classes as napari shows it under the cursor: by label."""
    rows = result.rows()
    names = {key: "index" if key == "label" else key for key in rows[0]}
    return {name: [row[key] for row in rows] for key, name in names.items()}
