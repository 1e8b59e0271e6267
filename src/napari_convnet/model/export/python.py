"""A network as a readable Python file that needs nothing but torch."""

from __future__ import annotations

import json
import keyword
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from torch import nn

import napari_convnet
from napari_convnet.network import INPUT, Layer, Network, Shape

from .helpers import HELPERS
from .sizes import sizes_of
from .wording import wording

if TYPE_CHECKING:
    from napari_convnet.document import Pipeline

SHAPES_AT = 60
"""Column at which the shapes stand behind the lines."""

_TAKEN = frozenset(
    (
        *dir(nn.Module()),
        *keyword.kwlist,
        *keyword.softkwlist,
        *HELPERS,
        *(
            "CLASSES",
            "F",
            "FITTING",
            "cut",
            "frozen",
            "inputs",
            "more",
            "nn",
            "outputs",
            "self",
            "torch",
            "x",
        ),
    )
)
"""What no attribute or variable may be called."""


def to_python(pipeline: Pipeline, classes: Sequence[str] = ()) -> str:
    """Write a network as a Python file.

    Parameters
    ----------
    pipeline : Pipeline
        The network; its title and notes become comments.
    classes : sequence of str
        Names of the classes, in the order of the outputs, where they are known.

    Returns
    -------
    str
        Source text that imports torch only: a module with one attribute per layer that has weights,
        whose `forward` has a line per layer, and `load`, which reads the weights that
        `save_network` or `save_torch` wrote, by default those beside the file.

    Raises
    ------
    UserError
        Where the document is wrong, or a layer cannot be written in plain torch.
    """
    return _File(pipeline.checked(), classes).text()


class _File:
    """Writes one file."""

    def __init__(self, pipeline: Pipeline, classes: Sequence[str]) -> None:
        self.pipeline, self.network, self.classes = pipeline, pipeline.network, classes
        self.wordings = {layer.name: wording(layer) for layer in self.network}
        self.attributes = _identifiers([layer.name for layer in self.network])
        self.flow = _flow(self.network, self.attributes)
        self.name = _class_name(pipeline.title)
        self.sizes = sizes_of(self.network)

    def text(self) -> str:
        used = {one.helper for one in self.wordings.values()}
        used |= {self.sizes.helper, "grown"} if self.sizes.helper else set()
        helpers = [HELPERS[name] for name in sorted(used & HELPERS.keys())]
        parts = [self._head(), *helpers, self._class(), self._load(), self._main()]
        return "\n\n".join(parts)

    # ------------------------------------------------------------ around the class
    def _head(self) -> str:
        title = _plain(self.pipeline.title)
        words = [f'"""{title}.', "", "Written by napari-convnet " + napari_convnet.__version__]
        totals = self.network.totals
        words[-1] += (
            f"; {totals.parameters:,} parameters, input {_sizes(self.network.input.shape)}."
        )
        data = self.pipeline.data
        if data is not None and data.normalize is not None:
            words.append(f"It expects images normalised as its document says: {data.normalize}.")
        words += ['"""', "", "import torch", "from torch import nn"]
        words += ["from torch.nn import functional as F", ""]
        if self.sizes.lines:
            words += [*self.sizes.lines, ""]
        if self.classes:
            words += [f"CLASSES = {json.dumps(list(self.classes))}", ""]
        return "\n".join(words)

    def _load(self) -> str:
        renamed = {
            name: self.attributes[name]
            for name, word in self.wordings.items()
            if word.module and self.attributes[name] != _identifier(name)
        }
        return _LOAD.format(
            name=self.name,
            renamed=_table("RENAMED", renamed) if renamed else "",
            attribute=("RENAMED.get(layer) or " if renamed else "") + _RULE,
        )

    def _main(self) -> str:
        sizes = ", ".join(str(n or 64) for n in self.network.input.shape)
        return (
            f'if __name__ == "__main__":\n    print(load().eval()(torch.zeros(1, {sizes})).shape)\n'
        )

    # ------------------------------------------------------------ the class
    def _class(self) -> str:
        lines = [f"class {self.name}(nn.Module):", f'    """{_plain(self.pipeline.title)}."""', ""]
        lines += [*self._init(), "", *self._train(), *self._forward()]
        return "\n".join(lines) + "\n"

    def _init(self) -> Iterator[str]:
        yield "    def __init__(self):"
        yield "        super().__init__()"
        for layer in self.network:
            module = self.wordings[layer.name].module
            if not module:
                continue
            for line in layer.extras.note.splitlines():
                yield f"        # {_plain(line)}"
            attribute = f"self.{self.attributes[layer.name]}"
            yield f"        {attribute} = {module}"
            if layer.extras.w is not None:
                yield "        # made by hand: its kernels come with the file of weights"
            if layer.extras.freeze:
                yield f"        {attribute}.requires_grad_(False)"

    def _train(self) -> Iterator[str]:
        """Frozen layers stay as in use, with their running statistics."""
        frozen = [
            f"self.{self.attributes[layer.name]}"
            for layer in self.network
            if layer.extras.freeze and layer.op == "bn"
        ]
        if frozen:
            yield "    def train(self, mode=True):"
            yield "        super().train(mode)"
            yield f"        for frozen in ({', '.join(frozen)},):"
            yield "            frozen.eval()"
            yield "        return self"
            yield ""

    def _forward(self) -> Iterator[str]:
        network = self.network
        ends = network.outputs
        if len(ends) < 2:
            yield "    def forward(self, x):"
            yield from self._lines()
            yield f"        return {self._shown(network.end) if ends else 'x'}"
            return
        yield "    def forward(self, x):"
        yield f'        return self.outputs(x, sides=False)["{network.end}"]'
        yield ""
        yield "    def outputs(self, x, sides=True):"
        yield f'        """Give outputs by name: {network.end}, and with sides all others."""'
        yield from self._lines()
        yield "        if not sides:"
        yield f'            return {{"{network.end}": {self._shown(network.end)}}}'
        yield "        return {"
        for name in ends:
            yield f'            "{name}": {self._shown(name)},'
        yield "        }"

    def _shown(self, name: str) -> str:
        """Write what is given back of an output."""
        fields = self.network[name].fields
        if not self.sizes.helper or fields is None:
            return self.flow[name]
        jumps = tuple(field.jump.as_integer_ratio() for field in fields)
        return f"cut({self.flow[name]}, more, {jumps})"

    def _lines(self) -> Iterator[str]:
        texts = {row.path: row.text for row in self.pipeline.rows}
        row: tuple[int | str, ...] | None = None
        if self.sizes.helper:
            yield "        x, more = continued(x)"
        if self.flow[INPUT] != "x":
            yield f"        {self.flow[INPUT]} = x"
        aside = False
        needed = _needed(self.network)
        for layer in self.network:
            if layer.row[:1] != row:
                row = layer.row[:1]
                for line in _plain(texts.get(layer.row[:1], "")).splitlines():
                    yield f"        # {line}"
            if (layer.name not in needed) != aside:
                aside = not aside
                if aside:
                    yield "        if sides:"
            yield from self._layer(layer, " " * (12 if aside else 8))

    def _layer(self, layer: Layer, indent: str) -> Iterator[str]:
        target = self.flow[layer.name]
        sources = [self.flow[name] for name in layer.inputs]
        word = self.wordings[layer.name]
        for index, step in enumerate(word.steps):
            expression = step.format(
                x=sources[0] if index == 0 else target,
                xs=", ".join(sources),
                sum=" + ".join(sources),
                module=f"self.{self.attributes[layer.name]}",
            )
            if expression != target:
                text = f"{indent}{target} = {expression}"
                last = index == len(word.steps) - 1
                yield f"{text:<{SHAPES_AT}}  # {_sizes(layer.output)}" if last else text


def _needed(network: Network) -> set[str]:
    """Name the layers that what goes out depends on; the others are sides."""
    found = {network.end}
    for layer in reversed(network.layers):
        if layer.name in found:
            found.update(layer.inputs)
    return found


def _flow(network: Network, attributes: Mapping[str, str]) -> Mapping[str, str]:
    """Name the variable that each output is kept in: ``x`` where only the next layer reads it."""
    order = {layer.name: index for index, layer in enumerate(network)}
    readers: dict[str, list[int]] = {name: [] for name in (INPUT, *order)}
    for layer in network:
        for name in layer.inputs:
            readers[name].append(order[layer.name])
    flow = {}
    for name, found in readers.items():
        index = order.get(name, -1)
        last = not found and index == len(order) - 1
        alone = last or (found == [index + 1] and name != network.end)
        own = "inputs" if name == INPUT else attributes[name]
        flow[name] = "x" if alone else own
    return flow


# ---------------------------------------------------------------- names


def _identifier(name: str) -> str:
    """Write a layer's name as an identifier: ``c1.conv-2`` is ``c1_conv_2``."""
    return re.sub(r"\W", "_", name)


def _identifiers(names: Sequence[str]) -> Mapping[str, str]:
    """Give each layer an identifier of its own, which no method of modules has."""
    taken = Counter(map(_identifier, names))
    found: dict[str, str] = {}
    used: set[str] = set()
    for name in names:
        word = _identifier(name)
        # Names as they are go first; what is only written like them steps aside.
        aside = word in _TAKEN or (taken[word] > 1 and word != name)
        while aside or word in used:
            word = f"{word}_"
            aside = word in taken
        used.add(word)
        found[name] = word
    return found


def _class_name(title: str) -> str:
    """Make a class's name of a title: "LeNet for digits" is LenetForDigits."""
    plain = (
        unicodedata.normalize("NFKD", re.split("[(,:;]", title)[0])
        .encode("ascii", "ignore")
        .decode()
    )
    words = re.findall(r"[A-Za-z0-9]+", plain)
    name = "".join(word[:1].upper() + word[1:] for word in words)[:40]
    free = name[:1].isalpha() and not keyword.iskeyword(name) and name not in _TAKEN
    return name if free else f"Net{name}"


def _plain(text: str) -> str:
    """Make a text of the document safe for comments and docstrings."""
    shown = "".join(c if c.isprintable() else " " for c in text)
    return shown.replace("\\", "/").replace('"""', "'''").rstrip('". ')


def _sizes(shape: Shape) -> str:
    return "x".join("?" if n is None else str(n) for n in shape)


def _table(name: str, pairs: Mapping[str, str]) -> str:
    lines = [f'    "{key}": "{value}",' for key, value in pairs.items()]
    return "\n".join([f"{name} = {{", *lines, "}", "", "", ""])


_RULE = 'layer.replace(".", "_").replace("-", "_")'

_LOAD = '''\
{renamed}def load(file=None):
    """Make the network with the weights of a .safetensors or .pt file, else of that beside it."""
    file = str(file or __file__.removesuffix(".py") + ".safetensors")
    is_plain = file.endswith(".safetensors")
    tensors = read(file) if is_plain else torch.load(file, weights_only=True)
    weights = {{}}
    for key, tensor in tensors.items():
        # The file names tensors after layers: c1.conv.weight is c1_conv.weight here.
        layer, _, what = key.rpartition(".")
        attribute = {attribute}
        weights[f"{{attribute}}.{{what}}"] = tensor
    net = {name}()
    missing, unexpected = net.load_state_dict(weights, strict=False)
    # Batch normalisation counts its batches too, which has no effect on what it computes.
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    if missing or unexpected:
        raise ValueError(f"{{file}} is of another network: {{[*missing, *unexpected][:3]}}")
    return net


def read(file):
    """Read a safetensors file: the length of a header in JSON, the header, then the numbers."""
    import json

    with open(file, "rb") as opened:
        header = json.loads(opened.read(int.from_bytes(opened.read(8), "little")))
        data = bytearray(opened.read())
    tensors = {{}}
    for name, entry in header.items():
        if name != "__metadata__":
            first, last = entry["data_offsets"]
            count = (last - first) // 4
            tensor = torch.frombuffer(data, dtype=torch.float32, count=count, offset=first)
            tensors[name] = tensor.view(entry["shape"])
    return tensors
'''
