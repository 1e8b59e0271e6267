"""The builder: a network as a torch module with readable parameter names."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Self, TypeAlias

import torch
from torch import Tensor, nn

from napari_convnet.network import INPUT, Layer, Network, UserError
from napari_convnet.network.sizes import fitting, shown

from .device import pick_device
from .init import generator
from .kernels import handmade
from .twins import TWINS, Twin
from .twins.base import described
from .weights import Origin, find_weights, load_weights, put_weights

if TYPE_CHECKING:
    from napari_convnet.document import Pipeline

Course: TypeAlias = tuple[tuple[Layer, tuple[str, ...]], ...]
"""Layers in the order of their computation, each with the outputs that may be freed after it."""


class ConvNet(nn.Module):
    """A network as a torch module; parameters bear the names of layers, as ``c1.conv.weight``.

    Made by `build`; the constructor alone leaves the weights undefined.

    Parameters
    ----------
    network : Network
        The network, of which the layers up to its first mistake are made.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        self._network = network
        self._twins: dict[str, Twin] = {}
        self._origins: dict[str, Origin] = {}
        # By the layers asked for, and the input's shape: each is looked at once.
        self._courses: dict[frozenset[str], Course] = {}
        self._paddings: dict[tuple[tuple[int, ...], frozenset[str]], tuple[int, ...]] = {}
        for layer in network.layers:
            twin = TWINS[type(layer.kind).__name__](layer.kind)
            self._twins[layer.name] = twin
        for name, twin in self._twins.items():
            _hang(self, name, twin, self._twins)

    # Layers may bear any name, `train` and `forward` too: what a person calls `net.train` stays a
    # method, since the modules are kept in `_modules` only, where torch looks them up.
    @property
    def network(self) -> Network:
        """The network it was built from."""
        return self._network

    @property
    def twins(self) -> Mapping[str, Twin]:
        """The layers' modules by name, in execution order."""
        return MappingProxyType(self._twins)

    @property
    def origins(self) -> Mapping[str, Origin]:
        """Where the weights of each layer that has some came from: ``loaded`` or ``new``."""
        return MappingProxyType(self._origins)

    @property
    def final(self) -> tuple[str, ...]:
        """Names of the layers whose output no other layer takes; the network's own is last."""
        return self._network.outputs

    def train(self, mode: bool = True) -> Self:
        """Set the mode of all layers; frozen ones stay as in use, with their running statistics."""
        super().train(mode)
        for layer in self._network.layers:
            if layer.extras.freeze:
                # The layer's own mode only: the module of `c1` holds that of `c1.conv`.
                self._twins[layer.name].training = False
        return self

    def forward(self, x: Tensor) -> Tensor:
        """Compute what goes out of the network; (N, C, spatial...) in.

        Raises
        ------
        UserError
            Where a layer cannot work on an input of this shape.
        """
        end = self._network.end
        return self.outputs(x, (end,))[end] if end in self._twins else x

    def outputs(self, x: Tensor, names: Collection[str] | None = None) -> dict[str, Tensor]:
        """Compute the outputs of layers.

        Parameters
        ----------
        x : Tensor
            The input, (N, C, spatial...). Where joins do not fit on its size, it is continued at
            the high end to the least size that works, and what that adds is cut off every output.
        names : collection of str, optional
            Which layers; else all. Only what these depend on is computed, and every other output is
            freed when the last layer that takes it is done.

        Returns
        -------
        dict of str to Tensor
            In execution order.
        """
        wanted = frozenset(self._twins if names is None else names)
        if wanted not in self._courses:
            self._courses[wanted] = self._course(wanted)
        course = self._courses[wanted]
        padding = self._padding(x, wanted)
        held: dict[str, Tensor] = {INPUT: grown(x, padding)}
        found: dict[str, Tensor] = {}
        for layer, done in course:
            name = layer.name
            held[name] = y = self._twins[name](*[held[source] for source in layer.inputs])
            if name in wanted:
                found[name] = _shown(layer, y, padding)
            for source in done:
                del held[source]
        return found

    def _course(self, wanted: frozenset[str]) -> Course:
        """Say which layers to compute, in which order, and what may be freed after each."""
        unknown = sorted(wanted - self._twins.keys())
        if unknown:
            raise KeyError(unknown[0])
        needed = set(wanted)
        for layer in reversed(self._network.layers):
            if layer.name in needed:
                needed.update(layer.inputs)
        layers = tuple(layer for layer in self._network.layers if layer.name in needed)
        return tuple(zip(layers, _done(layers), strict=True))

    def _padding(self, x: Tensor, wanted: frozenset[str]) -> tuple[int, ...]:
        """Refuse inputs that a layer cannot work on, and say how far to continue others."""
        key = tuple(x.shape[1:]), wanted
        if key not in self._paddings:
            self._check_form(x)
            channels, *sizes = key[0]
            larger = [n or 0 for n in fitting(self._network.layers, sizes)]
            self._check_layers((channels, *larger), self._courses[wanted])
            self._paddings[key] = tuple(m - n for m, n in zip(larger, sizes, strict=True))
        return self._paddings[key]

    def _check_form(self, x: Tensor) -> None:
        shape, given = tuple(x.shape[1:]), self._network.input.shape
        if len(shape) != len(given) or shape[0] != given[0]:
            raise UserError(
                f"the network takes {described(given)}, but an array of shape "
                f"{tuple(x.shape)} came in",
                "give (images, channels, sizes...)",
            )
        if 0 in x.shape:
            raise UserError(f"an array of shape {tuple(x.shape)} has nothing in it")

    def _check_layers(self, shape: tuple[int, ...], course: Course) -> None:
        shapes: dict[str, tuple[int, ...]] = {INPUT: shape}
        for layer, _ in course:
            incomings = [shapes[name] for name in layer.inputs]
            try:
                shapes[layer.name] = _output(self._twins[layer.name], incomings)
            except UserError as error:
                raise error.at(layer=layer.name) from None


def _output(twin: Twin, incomings: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    twin.check(*incomings)
    return tuple(n for n in twin.op.output(*incomings) if n is not None)


def grown(x: Tensor, padding: Sequence[int]) -> Tensor:
    """Continue maps (N, C, spatial...) at the high end of each axis by their last values."""
    for axis, more in enumerate(padding, 2):
        if more:
            edge = x.narrow(axis, x.shape[axis] - 1, 1)
            x = torch.cat([x, *[edge] * more], axis)
    return x


def _shown(layer: Layer, y: Tensor, padding: tuple[int, ...]) -> Tensor:
    """Cut off an output what the padding of the input added to it."""
    if not any(padding):
        return y
    sizes = shown(layer.fields, tuple(y.shape[1:]), padding)[1:]
    return y[(..., *(slice(n) for n in sizes))]


def _done(layers: Sequence[Layer]) -> tuple[tuple[str, ...], ...]:
    """Name the outputs that nothing needs any more, after each layer."""
    last: dict[str, int] = {}
    for index, layer in enumerate(layers):
        for name in (layer.name, *layer.inputs):
            last[name] = index
    done: list[list[str]] = [[] for _ in layers]
    for name, index in last.items():
        done[index].append(name)
    return tuple(map(tuple, done))


def _hang(root: nn.Module, name: str, twin: Twin, twins: Mapping[str, Twin]) -> None:
    """Hang a module into the tree, so that its parameters are named after the layer.

    The layer ``c1.conv`` is a child of the layer ``c1``, or of an empty module where there is none.
    Children are put into `_modules` directly: `add_module` refuses names that are attributes of
    modules too, such as ``train`` or ``bias``, which a layer may well have.
    """
    parent, path = root, ""
    *parts, last = name.split(".")
    for part in parts:
        path = f"{path}.{part}" if path else part
        child = parent._modules.get(part)
        if child is None:
            child = parent._modules[part] = twins.get(path) or nn.Module()
        parent = child
    parent._modules[last] = twin


def build(
    source: Pipeline | Network,
    *,
    seed: int | None = None,
    device: str | torch.device = "cpu",
    folder: Path | None = None,
) -> ConvNet:
    """Build the module of a network.

    Weights come from the seed, then from the document's ``weights:`` where names and shapes match.
    What a row gives by hand (``w:``, ``b:``) takes the place of the seed's; where the row is frozen
    too, it stays whatever a file says.

    Parameters
    ----------
    source : Pipeline or Network
        What to build; the layers up to its first mistake, where there is one.
    seed : int, optional
        Seed of the weights; else the document's, or 0.
    device : str or torch.device
        Where the weights lie, as for `pick_device`.
    folder : Path, optional
        What files are relative to; else the document's folder.

    Returns
    -------
    ConvNet
        In training mode, as torch's modules are when new.

    Raises
    ------
    UserError
        Where a file of weights or kernels is missing or wrong, or there is no such device.

    Notes
    -----
    The weights of a layer depend on the seed, its name and its own line alone: editing another row
    leaves them as they are. They are drawn on the CPU in float32, the same for every device, and
    the global generator is not touched.

    All weights are drawn uniformly with variance 2 / fan-in, biases are zero, whatever activation
    follows: a layer's weights must not depend on the rows after it. That keeps the strength of the
    signal through rectifiers at any depth [1]_, where torch's own default (variance 1 / (3 fan-in))
    lets it fade, so that maps of an untrained deep network can be looked at, and VGG-16 can be
    trained. LeNet on 4,000 digits (10 epochs of one-cycle Adam, mean of 3 seeds, torch's default in
    parentheses): with ReLU 97.4 % (96.9) at a rate of .002, 97.5 (97.7) at .005; with tanh 96.1
    (95.2) and 96.8 (96.0).

    References
    ----------
    .. [1] He, Zhang, Ren and Sun, Delving deep into rectifiers, ICCV 2015, arXiv:1502.01852.
    """
    network = source if isinstance(source, Network) else source.network
    weights = None
    if not isinstance(source, Network):
        seed = source.train.seed if seed is None else seed
        folder = source.folder if folder is None else folder
        weights = source.weights
    with torch.device("meta"):
        net = ConvNet(network)
    net.to_empty(device=pick_device(device))
    made = {layer.name: handmade(layer, folder) for layer in network.layers}
    file = find_weights(weights, folder) if weights else None
    _draw(net, seed or 0)
    _put(net, made)
    net._origins.update(load_weights(net, file) if file else put_weights(net, {}))
    frozen = [layer.name for layer in network.layers if layer.extras.freeze]
    _put(net, {name: made[name] for name in frozen})
    for name in frozen:
        # The layer's own weights only: the module of `c1` holds that of `c1.conv`.
        for parameter in net.twins[name].parameters(recurse=False):
            parameter.requires_grad_(False)
    return net.train()


def _draw(net: ConvNet, seed: int) -> None:
    for name, twin in net.twins.items():
        own = _own(twin)
        if own:
            drawn = twin.draw(generator(seed, name))
            _put(net, {name: {key: drawn[key] for key in own}})


@torch.no_grad()
def _put(net: ConvNet, values: Mapping[str, Mapping[str, Tensor]]) -> None:
    for name, tensors in values.items():
        own = _own(net.twins[name])
        for key, tensor in tensors.items():
            own[key].copy_(tensor)


def _own(twin: Twin) -> dict[str, Tensor]:
    """Parameters and buffers of a layer itself, by name."""
    return {**dict(twin.named_parameters(recurse=False)), **dict(twin.named_buffers(recurse=False))}
