"""Which axis of an array is what: channels, sliders, and the axes that the network moves along.

The rules (the same for a napari layer, a file and an array of a script):

- an RGB image gives 3 channels;
- as many axes as the network has give one channel;
- a leading axis as long as the input has channels gives the channels;
- further axes (time, positions) are sliders: one step of each is taken.

A network of neighbouring slices (``5zxHxW``) takes volumes and images; which of them an array is:

- one that names its third last axis z, or is written (1, z, y, x), is a volume;
- (5, y, x), with as many entries as the network takes slices, is one image: its neighbours are
  the channels;
- any other array of three or more axes is a volume, and what comes before its axes are sliders.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..network.problems import UserError
from .settings import Input, Shape, text_of

AXES = ("z", "y", "x")
"""Names of spatial axes, the last ones first to be used."""

_COLOURS = (3, 4)


class GivenInput(Protocol):
    """A network's input, as its document has it."""

    @property
    def shape(self) -> Input:
        """Channels, then nominal sizes."""

    @property
    def slices(self) -> bool:
        """Whether the channels are neighbouring slices of a volume."""


@dataclass(frozen=True)
class Layout:
    """The part that each axis of an array plays.

    Parameters
    ----------
    spatial : tuple of int
        The axes that the network moves along, in order.
    channel : int or None
        The axis of the channels; None where the array has one channel and no axis for it.
    sliders : tuple of int
        Further axes, of which one step at a time is looked at.
    channels : int
        How many channels the network gets (an RGB image's alpha is left out).
    rgb : bool
        Whether the channels are the colours of an RGB image, on the last axis.
    """

    spatial: tuple[int, ...]
    channel: int | None
    sliders: tuple[int, ...]
    channels: int
    rgb: bool = False


def axis_names(rank: int) -> tuple[str, ...]:
    """Name the spatial axes: ("x",), ("y", "x"), ("z", "y", "x"), and numbers before those."""
    extra = tuple(f"axis {i}" for i in range(rank - len(AXES)))
    return extra + AXES[max(0, len(AXES) - rank) :]


def volume_input(given: GivenInput) -> Input:
    """Give the input of a network that would take the whole volume, for one of slices of it.

    Examples
    --------
    >>> from napari_convnet.network import parse_input
    >>> volume_input(parse_input("5zx96x96")), volume_input(parse_input("1x96x96"))
    ((1, None, 96, 96), (1, 96, 96))
    """
    return (1, None, *given.shape[1:]) if given.slices else tuple(given.shape)


def input_form(
    given: GivenInput, shape: Shape, axes: Sequence[str] | None = None, rgb: bool | None = None
) -> Input:
    """Decide as what a network takes an array: of a network of slices, as a volume or an image.

    Parameters
    ----------
    given : Input
        The network's input.
    shape : tuple of int
        Shape of the array, its colours included.
    axes : sequence of str, optional
        Names of its axes.
    rgb : bool, optional
        Whether the last axis holds colours.

    Returns
    -------
    tuple of int or None
        The network's input; or for a volume that is taken slice by slice, (1, None, H, W).

    Examples
    --------
    >>> from napari_convnet.network import parse_input
    >>> slices = parse_input("5zx96x96")
    >>> input_form(slices, (40, 96, 96)), input_form(slices, (5, 96, 96))
    ((1, None, 96, 96), (5, 96, 96))
    >>> input_form(slices, (5, 96, 96), axes=("z", "y", "x"))
    (1, None, 96, 96)
    """
    if not given.slices or rgb or len(shape) < 3:
        return tuple(given.shape)
    named = axes is not None and len(axes) >= 3 and axes[-3] == "z"
    written = len(shape) == 4 and shape[0] == 1
    if shape[-3] == given.shape[0] and not named and not written:
        return tuple(given.shape)
    return volume_input(given)


def per_axis(given: Any, rank: int, what: str, default: tuple[str, ...]) -> tuple[str, ...]:
    """Read one text per axis: the last `rank` of those given, which are the spatial ones."""
    if given is None:
        return default
    if isinstance(given, str) or not hasattr(given, "__len__"):
        return (str(given),) * rank
    if len(given) < rank:
        raise UserError(f"{what} has {len(given)} entries for {rank} axes", "give one per axis")
    return tuple(str(entry) for entry in given)[-rank:]


def layout(shape: Shape, input: Input, rgb: bool | None = None, name: str = "") -> Layout:
    """Decide which axis of an array of `shape` is what, for a network with this `input`.

    Parameters
    ----------
    shape : tuple of int
        Shape of the array, its colours included.
    input : sequence of int or None
        The network's input: channels, then sizes.
    rgb : bool, optional
        Whether the last axis holds colours. None guesses: it does where it has 3 or 4 entries,
        fewer than the axes before it, and the array has an axis too many and no leading axis for
        the channels.
    name : str
        What to call the image in a message.

    Raises
    ------
    UserError
        If the array cannot be that network's input: what came, what is wanted, and the fix.
    """
    comes = _Comes(tuple(shape), input, name or "the image")
    if rgb is None:
        rgb = _looks_rgb(comes.shape, input)
    if rgb:
        return _coloured(comes)
    extra = len(comes.shape) - comes.rank
    if extra < 0:
        raise comes.too_few_axes()
    spatial = tuple(range(extra, len(comes.shape)))
    if comes.wanted == 1:
        return Layout(spatial, None, tuple(range(extra)), 1)
    # The axis next to the image goes first: arrays are written (time, channel, z, y, x).
    for axis in reversed(range(extra)):
        if comes.shape[axis] == comes.wanted:
            sliders = tuple(i for i in range(extra) if i != axis)
            return Layout(spatial, axis, sliders, comes.wanted)
    raise comes.other_channels()


def _looks_rgb(shape: Shape, input: Input) -> bool:
    rank = len(input) - 1
    if rank < 2 or len(shape) <= rank or shape[-1] not in _COLOURS:
        return False
    if min(shape[-3:-1]) <= shape[-1]:
        return False  # a small volume: an image is larger than its number of colours
    return input[0] == 1 or shape[-rank - 1] != input[0]


def _coloured(comes: _Comes) -> Layout:
    axes = len(comes.shape) - 1
    extra = axes - comes.rank
    if extra < 0:
        raise comes.too_few_axes(colours=True)
    # 3 of 4: the alpha channel says how opaque a pixel is, not what it looks like.
    if comes.wanted not in {3, comes.shape[-1]}:
        raise comes.rgb_for_other()
    return Layout(tuple(range(extra, axes)), axes, tuple(range(extra)), comes.wanted, rgb=True)


@dataclass(frozen=True)
class _Comes:
    """What came and what is wanted, and the messages where the two do not fit."""

    shape: Shape
    input: Input
    name: str

    @property
    def rank(self) -> int:
        return len(self.input) - 1

    @property
    def wanted(self) -> int:
        # The channels are never free; 1 keeps a draft with "?" there going.
        return self.input[0] or 1

    @property
    def wants(self) -> str:
        channels = "1 channel" if self.wanted == 1 else f"{self.wanted} channels"
        return f"the network's input {text_of(self.input)} wants {channels}"

    def change_to(self, channels: int, sizes: Sequence[int | None]) -> str:
        return f"change the document's input to {text_of((channels, *sizes))}"

    def too_few_axes(self, colours: bool = False) -> UserError:
        spatial = self.shape[:-1] if colours else self.shape
        has = f"{len(spatial)} {'axis' if len(spatial) == 1 else 'axes'}"
        names = ", ".join(axis_names(self.rank))
        what = (
            f"{self.name} has {has} ({text_of(self.shape)}); the network's input "
            f"{text_of(self.input)} wants {self.rank} ({names})"
        )
        return UserError(what, self.change_to(3 if colours else self.wanted, spatial))

    def rgb_for_other(self) -> UserError:
        sizes = self.shape[-self.rank - 1 : -1]
        what = f"{self.name} is an RGB image (3 channels of {text_of(sizes)}); {self.wants}"
        otherwise = ", or convert the image to gray" if self.wanted == 1 else ""
        return UserError(what, self.change_to(3, sizes) + otherwise)

    def other_channels(self) -> UserError:
        extra = len(self.shape) - self.rank
        sizes = self.shape[extra:]
        if self.rank == 1:
            return self._other_ears(self.shape[-2] if extra else 1)
        if extra == 0:
            what = f"{self.name} is gray (1 channel of {text_of(sizes)}); {self.wants}"
            otherwise = ", or convert the image to RGB" if self.wanted == 3 else ""
            return UserError(what, self.change_to(1, sizes) + otherwise)
        count = self.shape[extra - 1]
        what = (
            f"{self.name} has {count} channels, or is a stack of {count} images "
            f"({text_of(self.shape)}); {self.wants}"
        )
        if self.shape[-1] == self.wanted:
            return UserError(what, "move its last axis, the channels, to the front")
        images = text_of((1, *sizes))
        return UserError(what, f"{self.change_to(count, sizes)} for channels, or to {images}")

    def _other_ears(self, count: int) -> UserError:
        has = "1 channel, as a mono recording" if count == 1 else f"{count} channels"
        what = f"{self.name} has {has} ({text_of(self.shape)}); {self.wants}"
        if len(self.shape) == 2 and self.shape[-1] == self.wanted:
            return UserError(what, "move its last axis, the channels, to the front")
        other = "take a recording in stereo, or " if self.wanted == 2 else ""
        return UserError(what, other + self.change_to(count, [*self.input[1:]]))
