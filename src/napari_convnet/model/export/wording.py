"""How each op is written in plain torch: the module it needs, and the lines that compute it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from napari_convnet.network import Layer, UserError, ops
from napari_convnet.network.ops import Op, Windowed


@dataclass(frozen=True)
class Wording:
    """An op in plain torch.

    Parameters
    ----------
    steps : tuple of str
        Expressions, each of which is given to the next. ``{x}`` is what comes in, ``{xs}`` all that
        comes in, ``{module}`` the module; of the second and later ones ``{x}`` is the step before.
    module : str
        What makes the module; empty where it needs none.
    helper : str
        Name of the class or function in `HELPERS` that it uses.
    """

    steps: tuple[str, ...]
    module: str = ""
    helper: str = ""


def wording(layer: Layer) -> Wording:
    """Say how a layer is written.

    Raises
    ------
    UserError
        Where plain torch has nothing that computes the same.
    """
    kind = type(layer.kind).__name__
    if kind in _POINTWISE:
        return Wording((_POINTWISE[kind],))
    if kind not in _WORDINGS:
        raise UserError(f"{layer.op} has no form in plain torch yet", "export --to torch")
    return _WORDINGS[kind](layer.kind)


_MODULE = ("{module}({x})",)

_POINTWISE: Mapping[str, str] = {
    "Gelu": "F.gelu({x})",
    "Hardswish": "F.hardswish({x})",
    "Identity": "{x}",
    "Scaledtanh": "1.7159 * torch.tanh(2 / 3 * {x})",
    "Selu": "F.selu({x})",
    "Sigmoid": "torch.sigmoid({x})",
    "Silu": "F.silu({x})",
    "Softmax": "F.softmax({x}, 1)",
    "Tanh": "torch.tanh({x})",
    "Flatten": "torch.flatten({x}, 1)",
    "Add": "{sum}",
    "Cat": "torch.cat([{xs}], 1)",
}


# ---------------------------------------------------------------- writing arguments


def number(values: Sequence[int]) -> str:
    """Write one value per axis: one number where all are the same."""
    first = values[0]
    return str(first) if all(value == first for value in values) else str(tuple(values))


def call(name: str, *required: object, **optional: tuple[object, object]) -> str:
    """Write a call; of the optional arguments, (value, default), those that are not the default."""
    words = [str(one) for one in required]
    words += [f"{key}={value}" for key, (value, default) in optional.items() if value != default]
    return f"{name}({', '.join(words)})"


def _inputs(op: Op) -> int:
    return op.incoming[0] or 1


def _symmetric(op: Windowed) -> bool:
    return all(before == after for before, after in op.pad)


def _before(op: Windowed) -> str:
    return number([before for before, _ in op.pad])


def _padded(op: Windowed, fill: str = "") -> str:
    """Write the padding as a step of its own, last axis first, as torch has it."""
    flat = tuple(n for pair in reversed(op.pad) for n in pair)
    mode = "" if op.mode == "zeros" else f', mode="{op.mode}"'
    return f"F.pad({{x}}, {flat}{mode}{fill})"


# ---------------------------------------------------------------- convolutions


def _window(op: Windowed, padded: bool) -> dict[str, tuple[object, object]]:
    """Give the arguments of a window, without those that are torch's own."""
    arguments: dict[str, tuple[object, object]] = {
        "stride": (number(op.stride), "1"),
        "padding": ("0" if padded else _before(op), "0"),
        "dilation": (number(op.dilation), "1"),
    }
    if op.mode != "zeros" and not padded and any(map(any, op.pad)):
        arguments["padding_mode"] = (f'"{op.mode}"', "")
    return arguments


def _convolution(op: Windowed, out: int, groups: int, bias: bool) -> Wording:
    padded = not _symmetric(op)
    module = call(
        f"nn.Conv{op.rank}d",
        _inputs(op),
        out,
        number(op.kernel),
        **_window(op, padded),
        groups=(groups, 1),
        bias=(bias, True),
    )
    return Wording((_padded(op), *_MODULE) if padded else _MODULE, module)


def _conv(op: ops.Conv) -> Wording:
    return _connected(op) if op.connect else _convolution(op, op.out, op.groups, op.bias)


def _connected(op: ops.Conv) -> Wording:
    padded = not _symmetric(op) or op.mode != "zeros"
    arguments = _window(op, padded)
    kernel = tuple(op.kernel)
    module = call("Connected", op.connect, _inputs(op), kernel, bias=(op.bias, True), **arguments)
    return Wording((_padded(op), *_MODULE) if padded else _MODULE, module, "Connected")


def _depthwise(op: ops.Depthwise) -> Wording:
    return _convolution(op, op.channels, _inputs(op), op.bias)


def _separable(op: ops.Separable) -> Wording:
    padded = not _symmetric(op) or op.mode != "zeros"
    arguments = _window(op, padded)
    module = call(
        "Separable", _inputs(op), op.out, tuple(op.kernel), **arguments, bias=(op.bias, True)
    )
    return Wording((_padded(op), *_MODULE) if padded else _MODULE, module, "Separable")


def _local(op: ops.Local) -> Wording:
    module = call(
        "Local",
        op.output()[1:],
        _inputs(op),
        op.out,
        tuple(op.kernel),
        stride=(tuple(op.stride), ()),
        dilation=(tuple(op.dilation), ()),
        bias=(op.bias, True),
    )
    padding = any(map(any, op.pad))
    return Wording((_padded(op), *_MODULE) if padding else _MODULE, module, "Local")


def _transposed(op: ops.TransposedConv) -> Wording:
    module = call(
        f"nn.ConvTranspose{op.rank}d",
        _inputs(op),
        op.out,
        number(op.kernel),
        stride=(number(op.stride), "1"),
        padding=(number(op.pad), "0"),
        output_padding=(number(op.extra), "0"),
        groups=(op.groups, 1),
        bias=(op.bias, True),
        dilation=(number(op.dilation), "1"),
    )
    return Wording(_MODULE, module)


def _dense(op: ops.Dense) -> Wording:
    shape = op.weights()["weight"]
    bias = "bias" in op.weights()
    return Wording(_MODULE, call("nn.Linear", shape[1], shape[0], bias=(bias, True)))


# ---------------------------------------------------------------- pooling


def _pool(
    op: Windowed, name: str, fill: str = "", after_pool: str = "", **more: tuple[object, object]
) -> Wording:
    """Write a pooling layer; torch's own padding where that does the same."""
    padding = any(map(any, op.pad))
    dilated = any(d > 1 for d in op.dilation)
    # torch's padding is the same on both sides, its dilated windows may not lie in it wholly, and
    # its mean in 3D asks for maps that are as large as the kernel without it.
    apart = padding and (not _symmetric(op) or dilated or (name == "avg" and op.rank == 3))
    pool = call(
        f"F.{name}_pool{op.rank}d",
        "{x}",
        number(op.kernel),
        stride=(number(op.stride), number(op.kernel)),
        padding=("0" if apart else _before(op), "0"),
        dilation=(number(op.dilation), "1"),
        ceil_mode=(op.ceil, False),
        **more,
    )
    pool += after_pool
    if not apart:
        return Wording((pool,))
    if not op.ceil:
        return Wording((_padded(op, fill), pool))
    # torch takes the padding behind the map for a part of it, where no window may start.
    after = tuple(end for _, end in op.pad)
    started = f"started({pool}, {{x}}, {tuple(op.stride)}, {after})"
    return Wording((_padded(op, fill), started), helper="started")


def _max(op: ops.Max) -> Wording:
    return _pool(op, "max", ', value=float("-inf")')


def _average(op: ops.Average) -> Wording:
    return _pool(op, "avg")


def _sum(op: ops.Sum) -> Wording:
    if op.rank > 1:
        return _pool(op, "avg", divisor_override=(1, None))
    if not op.ceil:
        return _pool(op, "avg", after_pool=f" * {math.prod(op.kernel)}")
    return Wording(
        (f"sum_pool1d({{x}}, {op.kernel[0]}, {op.stride[0]}, {op.pad[0]})",), helper="sum_pool1d"
    )


def _axes(op: Op) -> str:
    axes = range(2, 2 + op.rank)
    return str(tuple(axes)) if op.rank > 1 else "2"


def _global_average(op: ops.GlobalAverage) -> Wording:
    return Wording((f"{{x}}.mean({_axes(op)})",))


def _global_max(op: ops.GlobalMax) -> Wording:
    return Wording((f"{{x}}.amax({_axes(op)})",))


# ---------------------------------------------------------------- normalisation and dropout


def _batch_norm(op: ops.BatchNorm) -> Wording:
    epsilon = "" if op.epsilon == 1e-5 else f", eps={op.epsilon!r}"
    return Wording(_MODULE, f"nn.BatchNorm{max(op.rank, 1)}d({op.channels}{epsilon})")


def _instance_norm(op: ops.InstanceNorm) -> Wording:
    return _grouped(op, op.channels)


def _group_norm(op: ops.GroupNorm) -> Wording:
    return _grouped(op, op.groups)


def _layer_norm(op: ops.LayerNorm) -> Wording:
    return _grouped(op, 1)


def _grouped(op: Op, groups: int) -> Wording:
    """Write a norm by groups of channels: each of them, some, or all together."""
    return Wording(
        (f"torch.group_norm({{x}}, {groups}, {{module}}.weight, {{module}}.bias)",),
        f"nn.GroupNorm({groups}, {op.channels})",
    )


def _response_norm(op: ops.LocalResponseNorm) -> Wording:
    # torch divides alpha by the window; the paper does not.
    alpha = f"{op.window} * {op.alpha:g}"
    return Wording((f"F.local_response_norm({{x}}, {op.window}, {alpha}, {op.beta:g}, {op.k:g})",))


def _scale(op: ops.Scale) -> Wording:
    return Wording(_MODULE, call("Scale", op.channels, bias=(op.bias, True)), "Scale")


def _radial_basis(op: ops.RadialBasis) -> Wording:
    outputs, inputs = op.codes
    return Wording(_MODULE, f"Codes({inputs}, {outputs})", "Codes")


def _dropout(op: ops.Dropout) -> Wording:
    return Wording(_MODULE, f"nn.Dropout({op.probability!r})")


# ---------------------------------------------------------------- shape and activations


def _upsample(op: ops.Upsample) -> Wording:
    if op.linear:
        mode = {1: "linear", 2: "bilinear", 3: "trilinear"}[op.rank]
        factor = number(op.factor)
        return Wording((f'F.interpolate({{x}}, scale_factor={factor}, mode="{mode}")',))
    steps = [f".repeat_interleave({r}, {axis + 2})" for axis, r in enumerate(op.factor) if r > 1]
    return Wording(("{x}" + "".join(steps),))


def _crop(op: ops.Crop) -> Wording:
    cuts = ", ".join(f"{cut}:-{cut}" if cut else ":" for cut in op.cut)
    return Wording((f"{{x}}[:, :, {cuts}]",))


def _crop_to(op: ops.CropTo) -> Wording:
    return Wording(("cropped({xs})",), helper="cropped")


def _relu(op: ops.Relu) -> Wording:
    cap = op.cap
    if cap is None:
        return Wording(("F.relu({x})",))
    return Wording(("F.relu6({x})" if cap == 6 else f"{{x}}.clamp(0, {cap!r})",))


def _leaky(op: ops.Leaky) -> Wording:
    return Wording((f"F.leaky_relu({{x}}, {op.slope!r})",))


def _elu(op: ops.Elu) -> Wording:
    return Wording((f"F.elu({{x}}, {op.alpha!r})",))


def _prelu(op: ops.Prelu) -> Wording:
    return Wording(_MODULE, f"nn.PReLU({op.channels})")


_WORDINGS: Mapping[str, Callable[..., Wording]] = {
    "Average": _average,
    "BatchNorm": _batch_norm,
    "Conv": _conv,
    "Crop": _crop,
    "CropTo": _crop_to,
    "Dense": _dense,
    "Depthwise": _depthwise,
    "Dropout": _dropout,
    "Elu": _elu,
    "GlobalAverage": _global_average,
    "GlobalMax": _global_max,
    "GroupNorm": _group_norm,
    "InstanceNorm": _instance_norm,
    "LayerNorm": _layer_norm,
    "Leaky": _leaky,
    "Local": _local,
    "LocalResponseNorm": _response_norm,
    "Max": _max,
    "Prelu": _prelu,
    "RadialBasis": _radial_basis,
    "Relu": _relu,
    "Scale": _scale,
    "Separable": _separable,
    "Sum": _sum,
    "TransposedConv": _transposed,
    "Upsample": _upsample,
}
