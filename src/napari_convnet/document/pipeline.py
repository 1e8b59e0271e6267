"""A pipeline: the document read, checked and analysed, as one immutable value."""

from __future__ import annotations

from collections.abc import Sequence
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
    Network,
    Place,
    Problem,
    Shape,
    UserError,
    did_you_mean,
    parse_input,
    quoted,
)
from napari_convnet.network.analysis import MOST_PROBLEMS

from .blocks import read_blocks
from .models import KEYS, Data, Sections, Train
from .nodes import MOST_BYTES, Node, compose
from .rows import read_items
from .section_problems import drop, filled, mistake_problem
from .settings import Setting
from .shown import Row, block_rows, network_rows

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
        """Rows of the network from top to bottom, each before what it holds."""
        return network_rows(self.network, self.items)

    @cached_property
    def block_rows(self) -> tuple[Row, ...]:
        """Blocks that rows may call, each before its rows."""
        return block_rows(self.network, self.blocks)

    def place(self, key: str) -> Place | None:
        """Say where the value of a key such as ``train.epochs`` stands in the text."""
        node = compose(self.text).at(*key.split("."))
        return node.place if node else None

    def edited(self, text: str) -> Pipeline:
        """Read another text as the same document."""
        return _draft(text, self.path, self.analysis)

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
    return _draft(text, Path(path) if path is not None else None, None)


def _draft(text: str, path: Path | None, before: Analysis | None) -> Pipeline:
    """Read a document; rows as in an analysis before are taken over from it."""
    try:
        return _Reader(before).read(text, path, compose(text))
    except UserError as error:
        problems = error.at(Place(1, 1, 1, 1)).problems
        return Pipeline(text, path, _nothing(), Sections(), (), problems, analysis=before)


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
        return Pipeline(
            text, path, network, sections, items, tuple(problems), blocks, analysis or self.before
        )

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
                raise UserError("the input is one word", f"for example input: {_as_word(node)}")
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
            key.text: filled(value)
            for key, value in root.pairs
            if key.text in Sections.model_fields and key.text != "input" and not value.empty
        }
        while True:
            try:
                return Sections.model_validate(plain)
            except ValidationError as error:
                for count, mistake in enumerate(error.errors()):
                    if count < MOST_PROBLEMS:
                        self.problems.append(mistake_problem(mistake, root))
                    drop(plain, mistake["loc"])

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


def _as_word(node: Node) -> str:
    """Write ``[3, 32, 32]`` as an input: ``3x32x32``."""
    words = [item.text for item in node.items]
    whole = 1 < len(words) < 5 and all(w.isdecimal() and len(w) < 8 for w in words)
    return "x".join(words) if whole else "1x28x28"


def _order(problem: Problem) -> tuple[int, int]:
    return (problem.place.line, problem.place.column) if problem.place else (0, 0)
