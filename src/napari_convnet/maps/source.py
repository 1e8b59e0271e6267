"""The array that a network looks at: read where it is needed, prepared as the document says."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import RLock
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_convnet.data import Normalisation, Sample, normalisation
from napari_convnet.data.axes import Layout, axis_names, layout, per_axis
from napari_convnet.data.fitting import fit, target_size
from napari_convnet.data.preparation import FittingPath
from napari_convnet.data.settings import Input, SettingLike, text_of
from napari_convnet.data.streamed import streamed_normalisation
from napari_convnet.data.transforms import layer_matrix, spatial_matrix
from napari_convnet.data.values import as_array, check_finite, check_kind
from napari_convnet.network import UserError

from .regions import Box, Size, volume, whole

Array = NDArray[Any]

PIXEL = "pixel"

LARGE = 2**22
"""Statistics of images of more places than these are taken part by part."""


@dataclass(frozen=True, eq=False)
class Source:
    """An array with its place in the world, of which boxes are read.

    Parameters
    ----------
    data : array-like
        Has ``shape``, ``dtype`` and takes tuples of slices.
    layout : Layout
        What its axes are.
    affine : numpy.ndarray
        (rank + 1) square, from spatial indices to the world.
    units, axes : tuple of str
        Unit and name of each spatial axis.
    name : str
        What to call it in messages.
    normalize : Setting or None
        How its values are brought to a range; the statistics are those of all of it.
    """

    data: Any
    layout: Layout
    affine: NDArray[np.float64]
    units: tuple[str, ...]
    axes: tuple[str, ...]
    name: str = ""
    normalize: SettingLike | None = None
    _statistics: dict[Any, Normalisation | None] = field(default_factory=dict, repr=False)
    _lock: Any = field(default_factory=RLock, repr=False)

    @property
    def shape(self) -> Size:
        """Channels, then the size of each spatial axis."""
        return (self.layout.channels, *(int(self.data.shape[a]) for a in self.layout.spatial))

    def read(self, box: Box | None = None, dtype: Any = np.float32) -> Array:
        """Read a box, normalised.

        Parameters
        ----------
        box : Box, optional
            A half-open range per spatial axis; everything if not given.
        dtype : numpy.dtype
            float32 or float64.

        Returns
        -------
        numpy.ndarray
            (C, *box), contiguous.

        Raises
        ------
        UserError
            If there are NaN or infinite values in it.
        """
        part = self._raw(whole(self.shape) if box is None else box, dtype)
        found = self._normalisation(np.dtype(dtype))
        return part if found is None else found.apply(part)

    def normalisation(self) -> Normalisation | None:
        """Say what values are changed by; None where they stay as they are."""
        return self._normalisation(np.dtype(np.float32))

    def _normalisation(self, dtype: np.dtype[Any]) -> Normalisation | None:
        """Statistics of the whole image, taken once; a window of fixed values needs none."""
        if self.normalize is None or self.normalize.word == "window":
            return normalisation(np.zeros(1, np.float32), self.normalize)
        with self._lock:
            if dtype not in self._statistics:
                self._statistics[dtype] = self._taken(dtype)
            return self._statistics[dtype]

    def _taken(self, dtype: np.dtype[Any]) -> Normalisation | None:
        box = whole(self.shape)
        if self.normalize is None or dtype != np.float32 or volume(box) <= LARGE:
            return normalisation(self._raw(box, dtype), self.normalize)
        rows = max(1, LARGE // volume(box[1:]))
        ends = [(lo, min(lo + rows, box[0][1])) for lo in range(0, box[0][1], rows)]
        small = np.dtype(self.data.dtype).kind in "iub" and np.dtype(self.data.dtype).itemsize <= 2
        kind = self.data.dtype if small else dtype
        return streamed_normalisation(
            lambda: (self._raw((end, *box[1:]), kind) for end in ends),
            self.normalize,
            len(self.shape),
        )

    def forget(self) -> None:
        """Forget the statistics: the array's values have changed."""
        self._statistics.clear()

    def _raw(self, box: Box, dtype: Any) -> Array:
        ranges = dict(zip(self.layout.spatial, box, strict=True))
        if self.layout.channel is not None:
            ranges[self.layout.channel] = (0, self.layout.channels)
        # Axes that are neither have one step only.
        index = tuple(slice(*ranges.get(axis, (0, 1))) for axis in range(len(self.data.shape)))
        part = np.asarray(self.data[index])
        order = [*self.layout.sliders, self.layout.channel, *self.layout.spatial]
        part = part.transpose([axis for axis in order if axis is not None])
        part = part.reshape(self.layout.channels, *(hi - lo for lo, hi in box))
        self._check_finite(part, box, dtype)
        return np.ascontiguousarray(part, dtype=dtype)

    def _check_finite(self, part: Array, box: Box, dtype: Any) -> None:
        if part.dtype.kind != "f" or _finite(part, dtype):
            return
        bad = ~np.isfinite(part)
        count = int(bad.sum())
        name = self.name or "the image"
        if not count:
            check_finite(part, name)  # says that values are beyond 32-bit numbers
            return
        first = np.unravel_index(int(np.argmax(bad)), part.shape)
        starts = (0, *(lo for lo, _ in box))
        pairs = zip(("channel", *self.axes), first, starts, strict=True)
        where = ", ".join(f"{axis} {int(i) + start}" for axis, i, start in pairs)
        raise UserError(
            f"{name} has {count} NaN or infinite value{'s' * (count > 1)} (the first at {where})",
            "replace them first, for example with numpy.nan_to_num(image)",
        )


def _finite(part: Array, dtype: Any) -> bool:
    """Whether all values fit; least and greatest pass NaN on, and need no array of flags."""
    with np.errstate(invalid="ignore"):
        low, high = float(part.min()), float(part.max())
    limit = float(np.finfo(dtype).max)
    return -limit <= low and high <= limit


def open_source(
    array: Any,
    input: Input,
    *,
    scale: ArrayLike | None = None,
    translate: ArrayLike | None = None,
    rotate: ArrayLike | None = None,
    shear: ArrayLike | None = None,
    affine: Any = None,
    units: Any = None,
    axes: Any = None,
    rgb: bool | None = None,
    name: str = "",
    path: FittingPath | None = None,
) -> Source:
    """Make a source of an array, without reading it.

    Parameters
    ----------
    array : array-like, Sample or Source
        (C, *spatial); (*spatial) where the network takes one channel; (*spatial, 3) of an RGB
        image where it takes three. A source is taken as it is, prepared already.
    input : sequence of int or None
        The network's input: channels, then nominal sizes.
    scale, translate, rotate, shear, affine : optional
        As those of a napari layer; where they have fewer axes, the last ones are meant. A sample
        has its own.
    units, axes : str or sequence of str, optional
        One per spatial axis (or per axis), or one for all.
    rgb : bool, optional
        Whether the last axis holds colours; guessed if not given.
    name : str
        What to call the array in messages.
    path : Data or None
        The document's ``data:``, for ``fit`` and ``normalize``. Only for ``fit`` everything is
        read at once.

    Raises
    ------
    UserError
        If the array does not fit the network's input.
    """
    if isinstance(array, Source):
        _check_input(array, input)
        return array
    if isinstance(array, Sample):
        source = _of_sample(array)
        _check_input(source, input)
    else:
        place = {"scale": scale, "translate": translate, "rotate": rotate, "shear": shear}
        source = _of_array(array, input, {**place, "affine": affine}, units, axes, name, rgb)
    if path is None:
        return source
    if path.fit is not None and source.shape[1:] != target_size(path.fit, input):
        source = _of_sample(fit(_whole_sample(source), path.fit, input))
    return _with(source, path.normalize)


def _of_sample(sample: Sample) -> Source:
    found = _channels_first(sample.shape)
    return Source(sample.array, found, sample.affine, sample.units, sample.axes, name=sample.name)


def _channels_first(shape: Size) -> Layout:
    return Layout(tuple(range(1, len(shape))), 0, (), shape[0])


def _check_input(source: Source, input: Input) -> None:
    """Refuse a sample that was made for another network."""
    if len(source.shape) != len(input) or source.shape[0] != input[0]:
        raise UserError(
            f"{source.name or 'the image'} is {text_of(source.shape)}, but the network's input is "
            f"{text_of(input)}",
            f"change the document's input to {text_of(source.shape)}",
        )


def _of_array(
    array: Any,
    input: Input,
    place: dict[str, Any],
    units: Any,
    axes: Any,
    name: str,
    rgb: bool | None,
) -> Source:
    called = name or "the image"
    data = as_array(array, called)
    check_kind(data, called)
    shape = tuple(int(n) for n in data.shape)
    found = _layout(shape, input, name, rgb)
    ndim = len(shape) - found.rgb
    matrix = layer_matrix(ndim, **place)
    rank = len(found.spatial)
    affine = spatial_matrix(matrix, found.spatial, dict.fromkeys(found.sliders, 0))
    unit = per_axis(units, rank, "units", (PIXEL,) * rank)
    return Source(
        data, found, affine, unit, per_axis(axes, rank, "axes", axis_names(rank)), name=name
    )


def _layout(shape: Size, input: Input, name: str, rgb: bool | None) -> Layout:
    # Written as the network takes it: nothing to guess, even where the last axis has 3 or 4.
    if not rgb and len(shape) == len(input) and shape[0] == input[0]:
        return _channels_first(shape)
    found = layout(shape, input, rgb, name)
    for axis in found.sliders:
        if shape[axis] > 1:
            raise UserError(
                f"{name or 'the image'} has an axis too many: {text_of(shape)} for a network with "
                f"the input {text_of(input)}",
                "give one image at a time, for example array[0]",
            )
    return found


def _whole_sample(source: Source) -> Sample:
    array = source.read()
    return Sample(array, source.affine, source.units, source.axes, source.name)


def _with(source: Source, normalize: SettingLike | None) -> Source:
    return Source(
        source.data, source.layout, source.affine, source.units, source.axes, source.name, normalize
    )
