"""The modules of a document's layers, each built when it is first used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from napari_convnet.network import Network

from .forward import Stamp

if TYPE_CHECKING:
    import torch

    from napari_convnet.model import Twin


@dataclass(eq=False)
class Parts(Mapping[str, "Twin"]):
    """Modules by layer, built one by one: weights of layers that are not looked at are not drawn.

    Parameters
    ----------
    given : Pipeline or Network
        What is built.
    network : Network
        Its network.
    needed : set of str
        Layers that will be used.
    device : torch.device
        Where the weights lie.
    """

    given: Any
    network: Network
    needed: set[str]
    device: torch.device
    _built: dict[str, Twin] = field(default_factory=dict)

    @property
    def dtype(self) -> torch.dtype:
        """Single precision."""
        import torch

        return torch.float32

    def stamp(self) -> Stamp:
        """Give the stamp of weights that never change."""
        return ()

    def current(self) -> Mapping[str, Twin]:
        """Give the modules."""
        return self

    def __getitem__(self, name: str) -> Twin:
        if name not in self._built:
            self._built.update(self._build(self._together(name)))
        return self._built[name]

    def _together(self, name: str) -> set[str]:
        """Names of the layers to build with a layer: a file of weights is read once."""
        from napari_convnet.model import find_weights, read_metadata

        if not getattr(self.given, "weights", ""):
            return {name}
        known = read_metadata(find_weights(self.given.weights, self.given.folder))
        # Weights of another program are matched by the structure of the whole network.
        return self.needed if known.keys() & {"step", "document"} else set(self)

    def __iter__(self) -> Iterator[str]:
        return (layer.name for layer in self.network.layers)

    def __len__(self) -> int:
        return len(self.network.layers)

    def _build(self, names: set[str]) -> Mapping[str, Twin]:
        from napari_convnet.model import build

        layers = tuple(layer for layer in self.network.layers if layer.name in names)
        part = replace(self.network, layers=layers)
        given = part if isinstance(self.given, Network) else replace(self.given, network=part)
        return build(given, device=self.device).twins
