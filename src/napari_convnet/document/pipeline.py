"""A pipeline: the document read, checked and analysed, as one immutable value."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from pydantic import ValidationError

from napari_convnet.network import (
    Analysis,
    Block,
    Input,
    Item,
    Layer,
    Network,
    Place,
    Problem,
    RowPath,
    Shape,
    UserError,
    did_you_mean,
    parse_input,
    quoted,
)
from napari_convnet.network.analysis import MOST_PROBLEMS

from .blocks import read_blocks
from .models import KEYS, OPTIMIZERS, Data, Sections, Train
from .nodes import MOST_BYTES, Node, compose
from .rows import read_items
from .settings import Setting

if TYPE_CHECKING:
    from napari_convnet.model import ConvNet


class DocumentError(UserError):
    """A document that is wrong.

    Parameters
    ----------
    problems : sequence of Problem
        What is wrong with it.
    pipeline : Pipeline, optional
        What could be read of it nevertheless.
    """

    def __init__(self, problems: Sequence[Problem], pipeline: Pipeline | None = None) -> None:
        super().__init__(problems)
        self.pipeline = pipeline


@dataclass(frozen=True)
class Row:
    """A row of the network, as an editor shows it.

    Parameters
    ----------
    path : tuple of int
        Its index, then that in its group, and so on.
    text : str
        The row as typed: ``c1: conv 6 k5 relu``.
    name : str
        Its name; may be empty.
    place : Place
        Where it stands.
    group : bool
        Whether it holds rows instead of a line.
    layers : tuple of Layer
        The layers it makes; none behind the first mistake.
    problems : tuple of Problem
        What is wrong with it.
    """

    path: RowPath
    text: str
    name: str
    place: Place
    group: bool
    layers: tuple[Layer, ...]
    problems: tuple[Problem, ...]

    @property
    def depth(self) -> int:
        """How many groups it lies in."""
        return len(self.path) - 1


@dataclass(frozen=True)
class Pipeline:
    """A pipeline: network, data, training and what to show.

    Make one with `read`, `parse`, `draft` or `preset`.

    Parameters
    ----------
    text : str
        The document.
    path : Path or None
        Its file, where it has one.
    network : Network
        The network, analysed.
    sections : Sections
        Everything else.
    items : tuple of Item
        The network's rows, raw.
    problems : tuple of Problem
        All mistakes, in the order of the text.
    blocks : tuple of Block
        The blocks that rows may call, raw.
    analysis : Analysis, optional
        What the network was analysed by; the next version of the text begins with it.
    """

    text: str
    path: Path | None
    network: Network
    sections: Sections
    items: tuple[Item, ...]
    problems: tuple[Problem, ...]
    blocks: tuple[Block, ...] = ()
    analysis: Analysis | None = field(default=None, repr=False, compare=False)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What is right, but hardly meant, in the order of the text."""
        return tuple(sorted(self.network.warnings, key=_order))

    @property
    def title(self) -> str:
        """Title; the file's name where the document gives none."""
        return self.sections.title or (self.path.stem if self.path else "untitled")

    @property
    def input(self) -> Shape:
        """Channels and nominal sizes of the input."""
        return self.network.input.shape

    @property
    def data(self) -> Data | None:
        """Where images and labels come from."""
        return self.sections.data

    @property
    def augment(self) -> tuple[Setting, ...]:
        """Random changes of the training images."""
        return self.sections.augment

    @property
    def train(self) -> Train:
        """How the network is trained."""
        return self.sections.train

    @property
    def weights(self) -> str:
        """File or run that the weights come from; empty where they are drawn from the seed."""
        return self.sections.weights

    @property
    def show(self) -> tuple[str, ...]:
        """Names of the layers whose maps are shown."""
        return self.sections.show

    @property
    def folder(self) -> Path:
        """Folder that file names in the document start from."""
        return self.path.parent if self.path else Path.cwd()

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """Rows of the network from top to bottom, groups before what they hold."""
        return tuple(self._rows(self.items))

    def _rows(self, items: tuple[Item, ...]) -> list[Row]:
        layers: dict[RowPath, list[Layer]] = defaultdict(list)
        for layer in self.network:
            for depth in range(len(layer.row)):
                layers[layer.row[: depth + 1]].append(layer)
        lines: dict[int, list[Problem]] = defaultdict(list)
        for problem in self.network.problems:
            if problem.place is not None:
                lines[problem.place.line].append(problem)
        return [
            Row(
                item.path,
                _shown(item),
                item.name,
                item.place,
                bool(item.body),
                tuple(layers[item.path]),
                _own(item, lines),
            )
            for item in _walk(items)
        ]

    def place(self, key: str) -> Place | None:
        """Say where the value of a key such as ``train.epochs`` stands in the text."""
        node = compose(self.text).at(*key.split("."))
        return node.place if node else None

    def edited(self, text: str) -> Pipeline:
        """Read another text as the same document."""
        return draft(text, self.path)

    def moved(self, path: Path) -> Pipeline:
        """Give the same document another file."""
        return replace(self, path=path)

    def checked(self) -> Pipeline:
        """Return the pipeline itself, or raise its problems.

        Raises
        ------
        DocumentError
            Where the document is wrong.
        """
        if self.problems:
            raise DocumentError(self.problems, self)
        return self

    def build(self, seed: int | None = None, device: str = "cpu") -> ConvNet:
        """Build the network with torch, with its weights from the document or the seed.

        Parameters
        ----------
        seed : int, optional
            Seed of the weights; that of the document otherwise.
        device : str
            ``cpu``, ``cuda``, ``mps`` or ``auto``.

        Returns
        -------
        ConvNet
            An ``nn.Module`` whose parameters bear the layers' names.
        """
        # The one import upwards: a convenience for scripts, which would write build(pipeline).
        from napari_convnet.model import build

        return build(self.checked(), seed=seed, device=device)


def _walk(items: tuple[Item, ...]) -> Iterator[Item]:
    for item in items:
        yield item
        yield from _walk(item.body)


def _shown(item: Item) -> str:
    """Text of a row, as an editor shows it."""
    if item.line is not None:
        line = " ".join(item.line.split())
        return f"{item.name}: {line}" if item.name else line
    if item.name:
        return f"{item.name}:"
    return item.shown or (f"x{item.repeat}:" if item.repeat > 1 else "group")


def _own(item: Item, lines: Mapping[int, list[Problem]]) -> tuple[Problem, ...]:
    """Problems of a row itself, not of the rows it holds, out of all problems by line."""
    places = [item.place, item.line_place, item.name_place, *item.extras.places.values()]
    found = dict.fromkeys(item.problems)
    for place in filter(None, places):
        last = place.line if item.body else place.end_line
        for line in range(place.line, last + 1):
            for problem in lines.get(line, ()):
                at = problem.place
                if at == place or (not item.body and at is not None and place.holds(at)):
                    found[problem] = None
    return tuple(found)


# ---------------------------------------------------------------- reading


def read(path: str | Path) -> Pipeline:
    """Read a pipeline's file.

    Parameters
    ----------
    path : str or Path
        A ``.yaml`` file, or weights that carry their document (``.safetensors``).

    Raises
    ------
    UserError
        Where it is no file, no text, or a wrong document.
    """
    from .packed import open_text

    return parse(*open_text(path))


def read_text(path: str | Path) -> str:
    """Read a document's text, whatever it says.

    Raises
    ------
    UserError
        Where it is no file, too large, or no text.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise UserError(f"{path} is a folder", "give the pipeline's .yaml file")
        size = path.stat().st_size
        if size <= 4 * MOST_BYTES:
            with path.open(encoding="utf-8-sig") as file:
                # Bounded, since devices and pipes have no size.
                text = file.read(MOST_BYTES + 1)
            if len(text) <= MOST_BYTES:
                return text
        raise UserError(
            f"{path} has {size / 1e6:,.0f} MB" if size else f"{path} does not end",
            "a pipeline has at most one million characters: is this the right file?",
        )
    except FileNotFoundError:
        raise UserError(f"there is no file {path}", _similar(path)) from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is not a text", "give the pipeline's .yaml file") from None
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None


def _similar(path: Path) -> str:
    folder = path.parent
    names = [p.name for p in folder.glob("*.yaml")] if folder.is_dir() else []
    return did_you_mean(path.name, names, "check its name and folder")


def parse(text: str, path: str | Path | None = None) -> Pipeline:
    """Read a document.

    Parameters
    ----------
    text : str
        The document.
    path : str or Path, optional
        The file it stands in, which file names in it are relative to.

    Returns
    -------
    Pipeline
        The pipeline.

    Raises
    ------
    DocumentError
        With every mistake in it.
    """
    return draft(text, path).checked()


def draft(text: str, path: str | Path | None = None) -> Pipeline:
    """Read a document that may be wrong; its mistakes are in `Pipeline.problems`.

    Parameters
    ----------
    text, path
        As in `parse`.
    """
    reader = _Reader()
    where = Path(path) if path is not None else None
    try:
        root = compose(text)
        return reader.read(text, where, root)
    except UserError as error:
        problems = error.at(Place(1, 1, 1, 1)).problems
        return Pipeline(text, where, _nothing(), Sections(), (), problems)


def _nothing() -> Network:
    return Network(Input(1, (None, None)), ())


class _Reader:
    """Reads the sections of a document and gathers what is wrong with them."""

    def __init__(self, before: Analysis | None = None) -> None:
        self.problems: list[Problem] = []
        self.before = before

    def read(self, text: str, path: Path | None, root: Node) -> Pipeline:
        if root.kind != "map":
            self._refuse("this is no pipeline", "begin with: input: 1x28x28", root)
        self._check_keys(root)
        items, blocks = self._items(root), self._blocks(root)
        analysis = self._analysis(root, items, blocks)
        network = analysis.network if analysis else _nothing()
        sections = self._sections(root)
        self._check_show(root, sections, network)
        problems = sorted(self.problems, key=_order)[:MOST_PROBLEMS]
        return Pipeline(text, path, network, sections, items, tuple(problems), blocks, analysis)

    def _refuse(self, what: str, fix: str, node: Node) -> NoReturn:
        raise UserError(Problem(what, fix, node.place))

    def _check_keys(self, root: Node) -> None:
        unknown = [key for key, _ in root.pairs if key.text not in KEYS]
        for key in unknown[:MOST_PROBLEMS]:
            fix = did_you_mean(key.text, KEYS, f"a pipeline has {', '.join(KEYS)}")
            self.problems.append(Problem(f"unknown key {quoted(key.text)}", fix, key.place))

    def _blocks(self, root: Node) -> tuple[Block, ...]:
        node = root.get("blocks")
        if node is None:
            return ()
        blocks, problems = read_blocks(node)
        self.problems += problems
        return blocks

    def _items(self, root: Node) -> tuple[Item, ...]:
        net = root.get("net")
        if net is None:
            self._missing("net", "the network", "add net: and rows such as - conv 8 relu", root)
            return ()
        return () if net.empty else read_items(net)

    def _missing(self, key: str, what: str, fix: str, root: Node) -> None:
        """Say that a key is missing, unless it is there, mistyped: that has been said."""
        if not any(problem.fix == f"did you mean {key}?" for problem in self.problems):
            place = Place(root.place.line, 1, root.place.line, 1)
            self.problems.append(Problem(f"{what} is missing", fix, place))

    def _analysis(
        self, root: Node, items: tuple[Item, ...], blocks: tuple[Block, ...]
    ) -> Analysis | None:
        node = root.get("input")
        if node is None:
            fix = "add input: channels x sizes, for example input: 1x28x28"
            self._missing("input", "the input", fix, root)
            return None
        try:
            if node.kind != "scalar":
                raise UserError("the input is one word", "for example input: 1x28x28")
            analysis = Analysis.of(parse_input(node.text), items, blocks, self.before)
        except UserError as error:
            self.problems += error.at(node.place).problems
            return None
        self.problems += analysis.network.problems
        return analysis

    # ------------------------------------------------------------ other sections
    def _sections(self, root: Node) -> Sections:
        """Check all other sections; where one is wrong its defaults stand in."""
        plain: dict[str, Any] = {
            key.text: _filled(value)
            for key, value in root.pairs
            if key.text in Sections.model_fields and key.text != "input" and not value.empty
        }
        while True:
            try:
                return Sections.model_validate(plain)
            except ValidationError as error:
                for count, mistake in enumerate(error.errors()):
                    if count < MOST_PROBLEMS:
                        self.problems.append(_mistake(mistake, root))
                    _drop(plain, mistake["loc"])

    def _check_show(self, root: Node, sections: Sections, network: Network) -> None:
        node = root.get("show")
        if node is None or network.problems:
            return
        wrong = [name for name in sections.show if name != "all" and name not in network]
        known = [layer.name for layer in network]
        if known:
            more = ", ..." if len(known) > 12 else ""
            otherwise = f"its layers are {', '.join(known[:12])}{more}"
        else:
            otherwise = "the network has no layers yet"
        for name in wrong[:MOST_PROBLEMS]:
            at = next((item for item in node.items if item.text == name), node)
            fix = did_you_mean(name, known, otherwise)
            self.problems.append(Problem(f"no layer is called {quoted(name)}", fix, at.place))


def _filled(section: Node) -> Any:
    """Give a section as plain values; a key without a value is as if it were not there."""
    if section.kind != "map":
        return section.plain()
    known = {**Data.model_fields, **Train.model_fields}
    pairs = ((key.text, value) for key, value in section.pairs)
    return {key: value.plain() for key, value in pairs if not (value.empty and key in known)}


def _order(problem: Problem) -> tuple[int, int]:
    return (problem.place.line, problem.place.column) if problem.place else (0, 0)


_FIRST = {"data": "source: digits", "train": "epochs: 10"}
_OPTIMIZER_KEYS = {key for keys in OPTIMIZERS.values() for key in keys}


def _mistake(mistake: Any, root: Node) -> Problem:
    """Give what pydantic found as a problem with its place."""
    loc = [step for step in mistake["loc"] if isinstance(step, str)]
    node, key = _find(root, loc)
    if mistake["type"] == "extra_forbidden":
        section = Data if loc[0] == "data" else Train
        known = f"{loc[0]} has {', '.join(section.model_fields)}"
        if loc[-1] in _OPTIMIZER_KEYS:
            known = f"it belongs to the optimizer: optimizer: adam {loc[-1]} NUMBER"
        fix = did_you_mean(loc[-1], section.model_fields, known)
        return Problem(f"unknown key {quoted(loc[-1])} in {loc[0]}", fix, (key or root).place)
    if mistake["type"] in ("model_type", "dict_type", "model_attributes_type"):
        such = _FIRST.get(loc[-1], "KEY: VALUE")
        fix = f"write its keys on lines of their own below, such as {such}"
        return Problem(f"{loc[-1]} is a section", fix, node.place)
    if mistake["type"] == "string_type":
        return Problem(f"{loc[-1]} is one line of text", "write it behind the colon", node.place)
    message = str(mistake.get("ctx", {}).get("error", mistake["msg"]))
    what, _, fix = message.partition("; ")
    return Problem(what, fix, node.place)


def _find(root: Node, loc: list[str]) -> tuple[Node, Node | None]:
    node, key = root, None
    for step in loc:
        pair = next(((k, v) for k, v in node.pairs if k.text == step), None)
        if pair is None:
            break
        key, node = pair
    return node, key


def _drop(plain: dict[str, Any], loc: tuple[Any, ...]) -> None:
    """Take a wrong value out, so that the rest can be checked."""
    section = plain.get(loc[0])
    if len(loc) > 1 and isinstance(section, dict) and loc[1] in section:
        del section[loc[1]]
    else:
        plain.pop(loc[0], None)
