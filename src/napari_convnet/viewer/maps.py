"""Feature maps as napari layers: one per network layer, each pixel over what it sees.

A layer of maps has the axes (feature, further axes of the input, spatial axes). It keeps its napari
layer while it is updated, so that colours, visibility and selection stay as the user set them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_convnet.data.sound import EAR_AXES
from napari_convnet.engine.control import Token
from napari_convnet.maps import colours, common_limits, limits, limits_per_map, montage
from napari_convnet.maps.paint import NOTHING, table
from napari_convnet.network import Layer

from .lazy import LazyArray
from .source import Source, world_matrix

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.utils.colormaps import Colormap

    from napari_convnet.model.foreign import ForeignLayer

FEATURE = "feature"
KEY = "napari-convnet"
"""Under this key a layer's metadata say what it is."""

OURS = "maps "
"""Names of this module's colours begin so."""

Kind = Literal["maps", "montage"]

Spans = Literal["layer", "map", "net"]
"""What shares its colours: the maps of a layer, each map by itself, or all layers shown."""

MONTAGE_PITCH = 1.14
"""From one montage to the next, in sizes of the input: room for a name between them."""

# Between the strips under a recording, in heights of it.
_STRIP_GAP = 0.25


@dataclass(frozen=True, eq=False)
class LayerMaps:
    """The maps of one network layer, as they come from the engine.

    Parameters
    ----------
    layer : Layer
        The network layer.
    array : ndarray or LazyArray
        (C, *spatial).
    affine : ndarray
        (rank + 1) square, from the maps' spatial indices to the world.
    limits : (float, float)
        Values that the colours span.
    dead : tuple of int
        Maps that are constant.
    picture : ndarray, optional
        The maps side by side, slice by slice, where that is made already: see `pictures`.
    """

    layer: Layer | ForeignLayer
    array: NDArray[np.float32] | LazyArray
    affine: NDArray[np.float64]
    limits: tuple[float, float]
    dead: tuple[int, ...] = ()
    picture: NDArray[np.float32] | None = None

    @property
    def signed(self) -> bool:
        """Whether there are values of both signs."""
        return colours(*_limits(self)) == "diverging"

    def scaled(self) -> LayerMaps:
        """Bring every map by itself to the colours' range: -1 to 1, or 0 to 1 for rectified ones.

        For pictures in which each map is to be seen; the values are no longer the layer's. Those
        of large maps stay as they are.
        """
        if isinstance(self.array, LazyArray):
            return self
        spans = limits_per_map(self.array).reshape(-1, 2, *(1,) * (self.array.ndim - 1))
        low, high = spans[:, 0], spans[:, 1]
        span = (-1.0, 1.0) if (low < 0).any() else (0.0, 1.0)
        # As the colours of a single map: below zero they begin as far from it as they may end.
        centre = np.where(low < 0, 0.0, low)
        size = np.where(low < 0, np.maximum(-low, high), high - low)
        array = ((self.array - centre) / size).astype(np.float32)
        return replace(self, array=array, limits=span, picture=None)


@dataclass(frozen=True, eq=False)
class Placed:
    """What napari is given: data and its place.

    Parameters
    ----------
    data : ndarray
        (feature, *further axes, *spatial), or the montage without the feature axis.
    affine : ndarray
        Homogeneous, index to world.
    axis_labels, units : tuple of str
        One per axis.
    """

    data: NDArray[np.float32] | LazyArray
    affine: NDArray[np.float64]
    axis_labels: tuple[str, ...]
    units: tuple[str, ...]

    def transform(self) -> dict[str, Any]:
        """Keyword arguments of a layer: scale and translate where that is all, else the affine."""
        ndim = self.data.ndim
        linear = self.affine[:ndim, :ndim]
        diagonal = np.diag(linear)
        if np.allclose(linear, np.diag(diagonal), rtol=0, atol=1e-12) and (diagonal > 0).all():
            return {
                "scale": diagonal,
                "translate": self.affine[:ndim, ndim],
                "affine": np.eye(ndim + 1),
            }
        return {"scale": np.ones(ndim), "translate": np.zeros(ndim), "affine": self.affine}


def place_maps(maps: LayerMaps, source: Source) -> Placed:
    """Lay the maps of a layer over the input, with a leading axis of features."""
    extra = len(source.extra)
    rank = maps.array.ndim - 1
    data = maps.array.reshape(maps.array.shape[0], *(1,) * extra, *maps.array.shape[1:])
    ndim = 1 + extra + rank
    affine = np.eye(ndim + 1)
    for axis, (scale, translate) in enumerate(source.extra, start=1):
        affine[axis, axis], affine[axis, ndim] = scale, translate
    affine[1 + extra : ndim, 1 + extra : ndim] = maps.affine[:rank, :rank]
    affine[1 + extra : ndim, ndim] = maps.affine[:rank, rank]
    return Placed(
        data,
        affine,
        (FEATURE, *source.labels, *source.sample.axes),
        ("pixel", *source.units, *source.sample.units),
    )


def place_strip(maps: LayerMaps, source: Source, index: int) -> Placed:
    """Lay the maps of a recording under it as a strip, feature x time, exact in time.

    Every strip is as high as the recording, however many maps it has.

    Parameters
    ----------
    maps : LayerMaps
        The maps, (C, t), or (C, ear, t): then the ears of a map lie together.
    source : Source
        What the network looks at.
    index : int
        Number of strips between the recording and this one.
    """
    rank = maps.array.ndim - 1
    picture = maps.array if rank == 1 else _ears_together(maps.array)
    height, middle, unit = _drawn(source)
    row = height / picture.shape[0]
    affine = np.eye(3)
    affine[0, 0] = row
    affine[0, 2] = middle + height * (0.5 + _STRIP_GAP + index * (1 + _STRIP_GAP)) + row / 2
    affine[1, 1], affine[1, 2] = maps.affine[rank - 1, rank - 1], maps.affine[rank - 1, rank]
    return Placed(
        picture, affine, (FEATURE, source.sample.axes[-1]), (unit, source.sample.units[-1])
    )


def _ears_together(array: NDArray[np.float32] | LazyArray) -> NDArray[np.float32]:
    """Lay maps (C, ear, t) one under the other, with a gap where a map has several ears."""
    maps = np.asarray(array)
    if maps.shape[1] > 1:
        maps = np.pad(maps, ((0, 0), (0, 1), (0, 0)), constant_values=np.nan)
    rows = maps.reshape(-1, maps.shape[-1])
    return rows if maps.shape[1] == 1 else rows[:-1]


def _drawn(source: Source) -> tuple[float, float, str]:
    """Tell how high a recording is drawn, where its middle is, and in which unit."""
    if source.extra:
        return (*source.extra[-1], source.units[-1])
    if source.sample.rank == 1:
        return 1.0, 0.0, "pixel"
    ear, ears = float(source.sample.affine[0, 0]), source.sample.shape[1]
    first = float(source.sample.affine[0, -1])
    return ear * ears, first + ear * (ears - 1) / 2, source.sample.units[0]


def place_montage(maps: LayerMaps, source: Source, index: int, count: int) -> Placed:
    """Lay all maps of a layer side by side, as large as the input together, beside it.

    The input and the montages form a grid, row by row, the input first.

    Parameters
    ----------
    maps : LayerMaps
        The maps; those of volumes stay volumes, with the same slices.
    source : Source
        What the network looks at.
    index, count : int
        Which montage of how many it is.
    """
    rank = source.sample.rank
    picture = _picture(maps) if maps.picture is None else maps.picture
    size = max(source.sample.shape[-2:])
    # One pixel of the montage, such that its longer side is as long as the input's.
    pixel = size / max(picture.shape[-2:])
    columns = math.ceil(math.sqrt(count + 1))
    row, column = divmod(index + 1, columns)
    # Place in the input's pixels: as deep as the maps lie, and across as the grid wants it.
    inner = np.linalg.solve(source.sample.affine, maps.affine)
    inner[rank - 2 :, :rank] = inner[:rank, rank - 2 : rank] = 0.0
    inner[rank - 2, rank - 2] = inner[rank - 1, rank - 1] = pixel
    inner[rank - 2 : rank, rank] = np.array((row, column)) * MONTAGE_PITCH * size + pixel / 2 - 0.5
    extra = len(source.extra)
    ndim = extra + rank
    affine = np.eye(ndim + 1)
    for axis, (scale, translate) in enumerate(source.extra):
        affine[axis, axis], affine[axis, ndim] = scale, translate
    affine[extra:, extra:] = source.sample.affine @ inner
    return Placed(
        picture.reshape(*(1,) * extra, *picture.shape),
        affine,
        (*source.labels, *source.sample.axes),
        (*source.units, *source.sample.units),
    )


def _picture(maps: LayerMaps) -> NDArray[np.float32] | LazyArray:
    array = maps.array
    return array.pictures(_gap(array)) if isinstance(array, LazyArray) else pictures(array)


def _gap(array: NDArray[np.float32] | LazyArray) -> int:
    return max(1, round(max(array.shape[-2:]) / 14))


def pictures(array: NDArray[np.float32], token: Token | None = None) -> NDArray[np.float32]:
    """Lay maps side by side, slice by slice.

    Parameters
    ----------
    array : ndarray
        (C, [z,] y, x).
    token : Token, optional
        Looked at between slices.

    Returns
    -------
    ndarray
        ([z,] rows, columns).

    Raises
    ------
    Cancelled
        Once nobody wants it any more.
    """
    gap = _gap(array)
    if array.ndim < 4:
        return montage(array, gap=gap)
    shape = montage(array[:, 0], gap=gap).shape
    found = np.empty((array.shape[1], *shape), np.float32)
    for z in range(len(found)):
        if token is not None:
            token.check()
        found[z] = montage(array[:, z], gap=gap)
    return found


def colormap_of(limits: tuple[float, float], kind: Kind) -> Colormap:
    """Diverging colours around zero for signed maps, sequential ones for rectified maps.

    NaN is gray in a montage, whose gaps it is; over the input nothing is drawn where it is, since
    nothing is known there yet.
    """
    from napari.utils.colormaps import Colormap

    shades = colours(*limits)
    nan = np.array((*NOTHING, 255)) / 255 if kind == "montage" else np.zeros(4)
    name = f"{OURS}{shades}"
    return Colormap(table(shades) / 255, name=name, display_name=shades, nan_color=nan)


@dataclass
class MapLayers:
    """The napari layers of a session: adds them, updates them in place, notices their removal.

    Parameters
    ----------
    viewer : napari.Viewer or ViewerModel
        Where they are shown.
    """

    viewer: Any
    _layers: dict[tuple[Kind, str], Image] = field(default_factory=dict)
    _names: Any = None

    def __contains__(self, layer: object) -> bool:
        # A layer says so itself, since the viewer tells of it before it is known here.
        return KEY in getattr(layer, "metadata", {})

    def shown(self, kind: Kind) -> tuple[str, ...]:
        """Names of the network layers that are shown, without those that the user removed."""
        self._forget_removed()
        return tuple(name for own, name in self._layers if own == kind)

    def layer(self, name: str, kind: Kind = "maps") -> Image | None:
        """Give the napari layer of a network layer."""
        self._forget_removed()
        return self._layers.get((kind, name))

    def put(
        self,
        maps: LayerMaps,
        source: Source,
        kind: Kind = "maps",
        among: Sequence[Layer | ForeignLayer] = (),
    ) -> Image:
        """Show the maps of a network layer, in its napari layer if it has one already.

        Parameters
        ----------
        maps : LayerMaps
            The maps.
        source : Source
            What the network looks at.
        kind : {"maps", "montage"}
            One at a time over the input, or all side by side, right of it. Maps of a recording
            are a strip under it either way; where the ears are an axis, all side by side are.
        among : sequence of Layer
            The network layers that are shown, this one included, in their order.
        """
        among = among or (maps.layer,)
        index = next(i for i, layer in enumerate(among) if layer.name == maps.layer.name)
        sound = source.sample.axes == EAR_AXES and not isinstance(maps.array, LazyArray)
        if maps.array.ndim == 2 or (kind == "montage" and sound):
            placed = place_strip(maps, source, index)
        elif kind == "maps":
            placed = place_maps(maps, source)
        else:
            placed = place_montage(maps, source, index, len(among))
        known = self.layer(maps.layer.name, kind)
        if known is not None and known.ndim != placed.data.ndim:
            self.remove(maps.layer.name, kind)
            known = None
        if known is None:
            return self._add(maps, placed, kind)
        self._update(known, maps, placed)
        return known

    def _add(self, maps: LayerMaps, placed: Placed, kind: Kind) -> Image:
        name = maps.layer.name if kind == "maps" else f"{maps.layer.name} (all maps)"
        known = self._layers
        layer = self.viewer.add_image(
            placed.data,
            name=name,
            rgb=False,
            multiscale=False,
            contrast_limits=_limits(maps),
            colormap=colormap_of(_limits(maps), kind),
            axis_labels=placed.axis_labels,
            units=placed.units,
            metadata={KEY: {**_about(maps, kind), "span": _limits(maps)}},
            **placed.transform(),
        )
        known[kind, maps.layer.name] = layer
        return layer

    def _update(self, layer: Image, maps: LayerMaps, placed: Placed) -> None:
        layer.data = placed.data
        for key, value in placed.transform().items():
            current = getattr(layer, key)
            matrix = getattr(current, "affine_matrix", current)
            if not np.allclose(np.asarray(matrix), value, rtol=1e-12, atol=1e-12):
                setattr(layer, key, value)
        before = layer.metadata.get(KEY, {})
        layer.metadata[KEY] = _about(maps, before.get("kind", "maps"))
        layer.metadata[KEY]["span"] = before.get("span")
        self._set_span(layer, _limits(maps))

    def _set_span(self, layer: Image, span: tuple[float, float]) -> None:
        """Set the values that the colours span, unless the user has chosen others."""
        about = layer.metadata[KEY]
        ours = about.get("span")
        if ours is not None and not np.allclose(layer.contrast_limits, ours):
            return
        if ours != span:
            layer.contrast_limits_range = span
            layer.contrast_limits = span
            if layer.colormap.name.startswith(OURS):
                wanted = colormap_of(span, about.get("kind", "maps"))
                if layer.colormap.name != wanted.name:
                    layer.colormap = wanted
            about["span"] = span

    def looked(self, maps: LayerMaps, kind: Kind) -> None:
        """Take in what large maps look like, which is known later than they are shown."""
        layer = self.layer(maps.layer.name, kind)
        if layer is not None:
            about = layer.metadata[KEY]
            about.update({"dead": list(maps.dead), "limits": _limits(maps), "signed": maps.signed})
            self._set_span(layer, _limits(maps))

    def span(self, spans: Spans, feature: float) -> None:
        """Let colours span the values of each layer, of the map in sight, or of all layers.

        Parameters
        ----------
        spans : {"layer", "map", "net"}
            What shares its colours.
        feature : float
            Which map is in sight.
        """
        self._forget_removed()
        stacks = {key: v for key, v in self._layers.items() if key[0] == "maps"}
        if spans == "net" and self._layers:
            common = common_limits([v.metadata[KEY]["limits"] for v in self._layers.values()])
            for layer in self._layers.values():
                self._set_span(layer, common)
        elif spans == "map":
            for layer in stacks.values():
                index = min(max(round(feature), 0), layer.data.shape[0] - 1)
                self._set_span(layer, _limits_of(layer.data, index))

    def name_montages(self) -> None:
        """Write the name of every montage above it."""
        shown = [self._layers["montage", name] for name in self.shown("montage")]
        names = self._names if self._names in self.viewer.layers else None
        if not shown:
            self._remove_names()
            return
        corners = np.array([_above(layer) for layer in shown])
        texts = [_title(layer) for layer in shown]
        if names is not None and len(names.data) == len(corners):
            if not np.allclose(names.data, corners):
                names.data = corners
            if list(names.features["name"]) != texts:
                names.features = {"name": texts}
            return
        self._remove_names()
        self._names = self.viewer.add_points(
            corners,
            name="names of layers",
            features={"name": texts},
            text={"string": "{name}", "anchor": "upper_left", "size": 9, "color": "gray"},
            face_color="transparent",
            border_color="transparent",
            size=1e-6,
            # Two axes only: they are to be seen in every slice.
            axis_labels=shown[0].axis_labels[-2:],
            units=shown[0].units[-2:],
            metadata={KEY: {"kind": "names"}},
        )

    def _remove_names(self) -> None:
        names, self._names = self._names, None
        if names is not None and names in self.viewer.layers:
            self.viewer.layers.remove(names)

    def remove(self, name: str, kind: Kind) -> None:
        """Take one layer out of the viewer."""
        layer = self._layers.pop((kind, name), None)
        if layer is not None and layer in self.viewer.layers:
            self.viewer.layers.remove(layer)

    def keep_only(self, wanted: Mapping[Kind, Sequence[str]]) -> None:
        """Take out what is not wanted any more."""
        for kind, name in list(self._layers):
            if name not in wanted.get(kind, ()):
                self.remove(name, kind)
        if not wanted.get("montage"):
            self._remove_names()

    def _forget_removed(self) -> None:
        there = list(self.viewer.layers)
        for key, layer in list(self._layers.items()):
            if not any(layer is one for one in there):
                del self._layers[key]

    def clamp(self, feature: float) -> None:
        """Keep stacks in sight that have fewer maps than the slider has steps: the last stays.

        All stacks share one slider, the feature's. A stack that ends before the slider's place is
        moved along it so that its last map lies there.
        """
        self._forget_removed()
        for (kind, _), layer in self._layers.items():
            if kind != "maps" or layer.axis_labels[0] != FEATURE or layer.ndim == 2:
                continue
            count = layer.data.shape[0]
            shift = max(0.0, round(feature) - (count - 1.0))
            if layer.translate[0] != shift:
                layer.translate = (shift, *layer.translate[1:])


def _limits_of(data: Any, index: int) -> tuple[float, float]:
    """Give the limits of one map; of large maps those of their middle."""
    if not isinstance(data, LazyArray):
        return limits(data[index])
    each = data.look.each
    return data.look.limits if each is None else (float(each[index, 0]), float(each[index, 1]))


def _above(layer: Image) -> NDArray[np.float64]:
    """Place of a montage's name: a little above its upper left corner, in the last two axes."""
    matrix = world_matrix(layer)
    high, wide = (float(np.linalg.norm(matrix[:-1, axis])) for axis in (-3, -2))
    longer = max(layer.data.shape[-2] * high, layer.data.shape[-1] * wide)
    corner = np.zeros(layer.ndim)
    corner[-2:] = -0.5 - 0.015 * longer / high, -0.5
    return np.asarray(layer.data_to_world(corner))[-2:]


def _title(layer: Image) -> str:
    about = layer.metadata[KEY]
    dead = f", {len(about['dead'])} dead" if about["dead"] else ""
    return f"{about['layer']}: {about['maps']} maps{dead}"


def _limits(maps: LayerMaps) -> tuple[float, float]:
    low, high = maps.limits
    return (low, high) if high > low else (low, low + 1.0)


def _about(maps: LayerMaps, kind: Kind) -> dict[str, Any]:
    layer = maps.layer
    return {
        "kind": kind,
        "layer": layer.name,
        "op": layer.text,
        "maps": maps.array.shape[0],
        "dead": list(maps.dead),
        "signed": maps.signed,
        "limits": _limits(maps),
        "receptive_field": layer.receptive_field,
        "jump": layer.jump,
        "start": layer.start,
    }
