"""Where the maps of a foreign module lie: its calls into torch are followed while it runs once.

What counts is what a forward pass calls (`conv2d`, `add`, `cat`), not which modules it is written
with: branches, shortcuts and functions are followed alike. Every function that is not known to keep
or to move a map's pixels in a known way loses the place of what comes out, and the reason is kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakIdKeyDictionary

from napari_convnet.network.geometry import Field, hull
from napari_convnet.network.ops import Step


@dataclass(frozen=True, slots=True)
class Lost:
    """No place is known.

    Parameters
    ----------
    why : str
        The reason, for the person at the screen.
    """

    why: str


Fields: TypeAlias = tuple[Field, ...]
Track: TypeAlias = Fields | Lost
"""Receptive field along each of a tensor's last axes, or why there is none."""

UNSEEN = Lost("its way from the input was not seen")

SAME = frozenset(
    """abs add alpha_dropout batch_norm bernoulli bfloat16 celu clamp clamp_max clamp_min clip
    clone contiguous cos cpu cuda data detach div double dropout dropout1d dropout2d dropout3d
    elu exp feature_alpha_dropout float floor_divide gelu group_norm half hardshrink hardsigmoid
    hardswish hardtanh iadd imul instance_norm isub leaky_relu lerp local_response_norm log
    logsigmoid maximum minimum mish mul multiply nan_to_num neg pow prelu radd rdiv reciprocal
    relu relu6 requires_grad rmul round rrelu rsqrt rsub rtruediv selu sigmoid sign silu sin
    softplus softshrink softsign sqrt square sub subtract tanh tanhshrink threshold to
    true_divide truediv type type_as where fmod remainder logit erf""".split()
)
"""Functions whose pixels see the same pixel of each operand; norms too, which move nothing."""


@dataclass(frozen=True)
class _Call:
    """A call of torch: its first tensor, that tensor's fields, and its arguments by name."""

    x: Tensor
    fields: Fields
    given: Mapping[str, Any]

    @property
    def rank(self) -> int:
        return len(self.fields)

    def each(self, name: str, default: int = 0) -> tuple[int, ...]:
        """An argument with one whole number per axis."""
        value = self.given.get(name)
        if value is None:
            value = default
        values = tuple(value) if isinstance(value, Sequence) else (value,)
        return tuple(int(v) for v in (values * self.rank if len(values) == 1 else values))

    def through(self, steps: Sequence[Step]) -> Track:
        pairs = zip(self.fields, steps, strict=True)
        return tuple(field.through(step) for field, step in pairs)


def _conv(call: _Call, out: Tensor) -> Track:
    taps = call.given["weight"].shape[2:]
    padding = call.given.get("padding", 0)
    spans = [d * (k - 1) for d, k in zip(call.each("dilation", 1), taps, strict=True)]
    if isinstance(padding, str):
        before = [span // 2 if padding == "same" else 0 for span in spans]
    else:
        before = list(call.each("padding"))
    return call.through(_steps(spans, call.each("stride", 1), before))


def _steps(spans: Sequence[int], strides: Sequence[int], before: Sequence[int]) -> list[Step]:
    return [
        Step(Fraction(span), Fraction(s), Fraction(span, 2) - p)
        for span, s, p in zip(spans, strides, before, strict=True)
    ]


def _pool(call: _Call, out: Tensor) -> Track:
    kernel = call.each("kernel_size")
    strides = call.each("stride") if call.given.get("stride") else kernel
    spans = [d * (k - 1) for d, k in zip(call.each("dilation", 1), kernel, strict=True)]
    return call.through(_steps(spans, strides, call.each("padding")))


def _transposed(call: _Call, out: Tensor) -> Track:
    taps = call.given["weight"].shape[2:]
    steps = []
    for d, k, s, p in zip(
        call.each("dilation", 1), taps, call.each("stride", 1), call.each("padding"), strict=True
    ):
        span = d * (k - 1)
        # Output i comes from the whole numbers among (i + p - span) / s to (i + p) / s.
        steps.append(Step(Fraction(span // s), Fraction(1, s), (p - Fraction(span, 2)) / s))
    return call.through(steps)


def _adaptive(call: _Call, out: Tensor) -> Track:
    steps = []
    for n, m in zip(_sizes(call.x, call.rank), _sizes(out, call.rank), strict=True):
        if m == 1 and n > 1:
            return Lost("it is pooled over everything")
        if n % m:
            return Lost("its windows are of uneven sizes (adaptive pooling)")
        width = Fraction(n, m)
        steps.append(Step(width - 1, width, (width - 1) / 2))
    return call.through(steps)


def _interpolate(call: _Call, out: Tensor) -> Track:
    mode, corners = call.given.get("mode", "nearest"), bool(call.given.get("align_corners"))
    reach = Fraction({"nearest": 0, "nearest-exact": 0, "bicubic": 3}.get(str(mode), 1))
    steps = []
    for n, m in zip(_sizes(call.x, call.rank), _sizes(out, call.rank), strict=True):
        if corners:
            ratio = Fraction(n - 1, m - 1) if m > 1 else Fraction(1)
            steps.append(Step(reach if n != m else Fraction(0), ratio, Fraction(0)))
        else:
            ratio = Fraction(n, m)
            steps.append(Step(reach if n != m else Fraction(0), ratio, ratio / 2 - Fraction(1, 2)))
    return call.through(steps)


def _pixel_shuffle(call: _Call, out: Tensor) -> Track:
    pairs = zip(_sizes(call.x, call.rank), _sizes(out, call.rank), strict=True)
    ratios = [Fraction(n, m) for n, m in pairs]
    return call.through([Step(Fraction(0), r, r / 2 - Fraction(1, 2)) for r in ratios])


def _pad(call: _Call, out: Tensor) -> Track:
    """Padding, or cutting where it is negative, moves the first pixel."""
    amounts = [int(n) for n in call.given["pad"]]
    if any(amounts[2 * call.rank :]):
        return call.fields if not any(amounts[: 2 * call.rank]) else Lost("it is padded")
    before = [0] * call.rank
    for i in range(min(len(amounts) // 2, call.rank)):
        before[call.rank - 1 - i] = amounts[2 * i]
    return call.through([Step(offset=Fraction(-n)) for n in before])


WINDOWS: dict[str, tuple[str, Callable[[_Call, Tensor], Track]]] = {
    "conv": ("input weight bias stride padding dilation groups", _conv),
    "conv_transpose": (
        "input weight bias stride padding output_padding groups dilation",
        _transposed,
    ),
    "max_pool": ("input kernel_size stride padding dilation", _pool),
    "avg_pool": ("input kernel_size stride padding", _pool),
    "lp_pool": ("input norm_type kernel_size stride", _pool),
    "adaptive_avg_pool": ("input output_size", _adaptive),
    "adaptive_max_pool": ("input output_size", _adaptive),
    "interpolate": ("input size scale_factor mode align_corners", _interpolate),
    "upsample": ("input size scale_factor mode align_corners", _interpolate),
    "pixel_shuffle": ("input upscale_factor", _pixel_shuffle),
    "pixel_unshuffle": ("input downscale_factor", _pixel_shuffle),
    "pad": ("input pad", _pad),
}
"""Functions that move pixels in a known way: names of their arguments, and how."""


class Places(TorchFunctionMode):
    """Follows where the pixels of tensors come from, while a module runs inside of it.

    Parameters
    ----------
    x : Tensor
        The input, (N, C, spatial...).
    """

    def __init__(self, x: Tensor) -> None:
        super().__init__()
        self._rank = x.ndim - 2
        self._known: Any = WeakIdKeyDictionary()
        self._known[x] = (Field(),) * self._rank

    def of(self, tensor: Tensor) -> Track:
        """Fields of a tensor's last axes, or why there are none."""
        found: Track = self._known.get(tensor, UNSEEN)
        return found

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        # Looked up before the call, which may change a tensor in place.
        before = [(t, self._known[t]) for t in _tensors((args, kwargs)) if t in self._known]
        result = func(*args, **kwargs)
        if before:
            name = str(getattr(func, "__name__", func)).strip("_")
            for out in [*_tensors(result), *(args[:1] if name == "setitem" else ())]:
                self._known[out] = self._track(name, args, kwargs, before, out)
        return result

    def _track(
        self,
        name: str,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        before: Sequence[tuple[Tensor, Track]],
        out: Tensor,
    ) -> Track:
        if name in SAME:
            # What is the same for all pixels, as the gate of squeeze-and-excitation, moves none.
            before = [each for each in before if not _is_even(each[0], out, self._rank)] or before
        lost = next((track for _, track in before if isinstance(track, Lost)), None)
        if lost is not None:
            return lost
        known = [(tensor, track) for tensor, track in before if not isinstance(track, Lost)]
        x, fields = known[0]
        if name in SAME:
            return self._joined(name, known, out)
        kind = re.sub(r"_?[123]d$", "", name)
        if kind in WINDOWS:
            names, rule = WINDOWS[kind]
            given = {**dict(zip(names.split(), args, strict=False)), **kwargs}
            if given.get("input") is not x or x.ndim != self._rank + 2:
                return Lost(f"it goes through {name} in an unusual way")
            return rule(_Call(x, fields, given), out)
        if name in ("cat", "concat", "concatenate", "stack"):
            return self._joined(name, known, out)
        if _keeps_pixels(name, args, kwargs, x, out, self._rank):
            return fields
        return Lost(f"it goes through {name}")

    def _joined(self, name: str, known: Sequence[tuple[Tensor, Fields]], out: Tensor) -> Track:
        """Hull of the operands' fields; one that is the same for all pixels moves nothing."""
        size = _sizes(out, self._rank)
        whole = [fields for tensor, fields in known if _sizes(tensor, self._rank) == size]
        if not whole:
            return Lost(f"it goes through {name}")
        steps = {tuple(field.jump for field in fields) for fields in whole}
        if len(steps) > 1:
            return Lost(f"{name} joins maps whose pixels are differently far apart")
        return tuple(hull(column) for column in zip(*whole, strict=True))


def _keeps_pixels(
    name: str, args: Sequence[Any], kwargs: Mapping[str, Any], x: Tensor, out: Tensor, rank: int
) -> bool:
    """Whether a function leaves the last axes alone: it picks or reorders channels only."""
    if out.ndim < rank or _sizes(out, rank) != _sizes(x, rank):
        return False
    spatial = range(x.ndim - rank, x.ndim)
    if name in ("view", "reshape", "unflatten", "flatten"):
        return True  # in the order of memory, last axes that stay as long stay what they are
    if name == "getitem":
        index = args[1] if isinstance(args[1], tuple) else (args[1],)
        simple = all(isinstance(each, int | slice) for each in index)
        return simple and len(index) <= x.ndim - rank
    if name in ("transpose", "swapaxes"):
        swapped = [*args[1:], *kwargs.values()]
        return all(isinstance(axis, int) and axis % x.ndim not in spatial for axis in swapped)
    if name == "permute":
        order = args[1] if isinstance(args[1], Sequence) else args[1:]
        return [axis % x.ndim for axis in order][-rank:] == list(spatial)
    if name in ("unsqueeze",):
        return int(kwargs.get("dim", args[-1])) % (x.ndim + 1) <= x.ndim - rank
    # What works along one axis: softmax, chunk, mean over the channels.
    axis = kwargs.get("dim", kwargs.get("axis", args[-1] if name in _LAST else None))
    if axis is None and len(args) > 1 and name in _SECOND:
        axis = args[1]
    axes = axis if isinstance(axis, tuple | list) else (axis,)
    return name in _ALONG and all(
        isinstance(each, int) and each % x.ndim not in spatial for each in axes
    )


_LAST = ("chunk", "split", "tensor_split", "narrow")
_SECOND = ("softmax", "log_softmax", "mean", "sum", "amax", "amin", "max", "min", "std", "var",
           "flip", "roll", "index_select", "select", "squeeze", "unbind")  # fmt: skip
_ALONG = frozenset((*_LAST, *_SECOND, "normalize", "cumsum", "glu"))


def _is_even(tensor: Tensor, out: Tensor, rank: int) -> bool:
    """Whether an operand has one value for all pixels of what comes out, which are several."""
    return set(_sizes(tensor, rank)) <= {1} and set(_sizes(out, rank)) != {1}


def _sizes(tensor: Tensor, rank: int) -> tuple[int, ...]:
    return tuple(tensor.shape[tensor.ndim - rank :]) if tensor.ndim >= rank else ()


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _tensors(each)
    elif isinstance(value, dict):
        for each in value.values():
            yield from _tensors(each)
