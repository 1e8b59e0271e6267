"""Blocks: rows with a name and parameters, checked once and called like ops."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

from .grammar import (
    LETTERS,
    NAME,
    Line,
    Word,
    parameters,
    parse_line,
    unknown_parameter,
)
from .items import Block, Item
from .ops import OPS
from .problems import Place, Problem, WordError
from .scopes import name_problem, other_name

MOST_BLOCKS = 1000
"""How many blocks a document may have."""

MOST_NESTED = 40
"""How many blocks may call each other."""

ARGUMENT = re.compile(rf"[{LETTERS}]\d+\Z")
"""What reads as an argument of an op."""


def walk(items: Iterable[Item]) -> Iterator[Item]:
    """Every row, groups before what they hold."""
    for item in items:
        yield item
        yield from walk(item.body)


def line_place(item: Item, start: int, stop: int) -> Place | None:
    """Place of some characters of a row's line; all of it where it runs over several lines."""
    place = item.line_place
    if place is None or not stop or place.line != place.end_line:
        return place
    return place.part(start, stop)


@dataclass(frozen=True)
class Blocks:
    """The blocks of a document, checked.

    Parameters
    ----------
    named : dict of str to Block
        The blocks.
    folded : dict of str to str
        Their names, by those in lower case.
    lines : dict of str to Line
        Their lines, parsed.
    counts : dict of str to int
        How many ops each makes.
    broken : set of str
        Those that have a problem, and those that call them.
    problems, warnings : tuple of Problem
        What was found.
    """

    named: Mapping[str, Block] = field(default_factory=dict)
    folded: Mapping[str, str] = field(default_factory=dict)
    lines: Mapping[str, Line] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    broken: frozenset[str] = frozenset()
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()

    def __contains__(self, word: object) -> bool:
        return word in self.named

    def __iter__(self) -> Iterator[str]:
        return iter(self.named)

    def __len__(self) -> int:
        return len(self.named)

    def count(self, items: Iterable[Item], parse: Callable[[str], Line]) -> int:
        """Number of ops that rows expand to; a row that cannot be read counts as none."""
        return sum(self._count(item, parse) for item in items)

    def _count(self, item: Item, parse: Callable[[str], Line]) -> int:
        if item.line is None:
            # A join is an op itself, and res: may need two more.
            own = 0 if item.kind in ("group", "side", "line") else 3 if item.kind == "res" else 1
            return item.repeat * (own + self.count(item.body, parse))
        try:
            line = parse(item.line)
        except WordError:
            return 0
        return self.ops(line)

    def ops(self, line: Line) -> int:
        """Number of ops that a line expands to."""
        return line.repeat * sum([self.counts.get(call.op, 1) for call in line.calls])


def check_blocks(blocks: Sequence[Block]) -> Blocks:
    """Check blocks by themselves, before any call."""
    return _Check(blocks).run() if blocks else Blocks()


class _Check:
    """The state of one run of `check_blocks`."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        self.blocks = blocks
        self.named: dict[str, Block] = {}
        self.folded: dict[str, str] = {}
        self.lines: dict[str, Line] = {}
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self.broken: set[str] = set()

    def run(self) -> Blocks:
        for block in self.blocks[:MOST_BLOCKS]:
            self._name(block)
        for block in self.blocks[MOST_BLOCKS : MOST_BLOCKS + 1]:
            what = f"a document has at most {MOST_BLOCKS:,} blocks"
            self._fail(block.name, Problem(what, "delete those not in use", block.place))
        calls = {name: self._body(block) for name, block in self.named.items()}
        counts = self._counts(self._order(calls), calls)
        return Blocks(
            self.named,
            self.folded,
            self.lines,
            counts,
            frozenset(self.broken),
            tuple(self.problems),
            tuple(self.warnings),
        )

    def _name(self, block: Block) -> None:
        name, wrong = block.name, _block_name_problem(block.name)
        first = self.folded.get(name.lower())
        if block.problems:
            self._fail(name, *block.problems)
        elif wrong:
            self._fail(name, Problem(wrong, other_name(name), block.place))
        elif first is not None:
            line = self.named[first].place.line
            self._fail(
                name,
                Problem(
                    f'a block "{first}" stands in line {line} already',
                    "names are unique, whatever their case: choose another",
                    block.place,
                ),
            )
        if first is None and NAME.match(name) and name not in OPS:
            self.named[name] = block
            self.folded[name.lower()] = name

    def _fail(self, name: str, *problems: Problem) -> None:
        self.broken.add(name)
        self.problems += problems

    # ------------------------------------------------------------ bodies
    def _body(self, block: Block) -> set[str]:
        """Check the rows of a block; return the blocks that they call."""
        known = [*(param.name for param in block.params), "in"]
        # Of a block whose parameters cannot be read, none of those in its body is unknown.
        head_wrong = bool(block.problems)
        used = {n for p in block.params if p.default for n in parameters(p.default)}
        calls: set[str] = set()
        for item in walk(block.body):
            self._fail_if(block, item.problems)
            if item.name and (wrong := self.name_problem(item.name)):
                problem = Problem(wrong, other_name(item.name), item.name_place)
                self._fail(block.name, problem)
            if item.line is None:
                continue
            try:
                line = self._parse(item.line)
                for word in (word for call in line.calls for word in call.rest):
                    if not head_wrong:
                        _check_parameters(word, known)
                    used.update(parameters(word.text))
                calls.update(call.op for call in line.calls if call.op in self.named)
            except WordError as error:
                place = line_place(item, error.start, error.stop) or item.place
                self._fail(block.name, Problem(error.what, error.fix, place, item.name))
        if block.name not in self.broken:
            self._warn_unused(block, used)
        return calls

    def _fail_if(self, block: Block, problems: tuple[Problem, ...]) -> None:
        if problems:
            self._fail(block.name, *problems)

    def name_problem(self, name: str) -> str:
        """Say what is wrong with a row's name, blocks considered."""
        return name_problem(name) or taken_by_block(name, self.folded)

    def _parse(self, text: str) -> Line:
        if text not in self.lines:
            self.lines[text] = parse_line(text, OPS, (), self.named)
        return self.lines[text]

    def _warn_unused(self, block: Block, used: set[str]) -> None:
        for param in block.params:
            if param.name not in used:
                self.warnings.append(
                    Problem(
                        f"{block.name} does not use its parameter ${param.name}",
                        "use it, or delete it here and in the calls",
                        block.place,
                    )
                )

    # ------------------------------------------------------------ calls among blocks
    def _order(self, calls: Mapping[str, set[str]]) -> list[str]:
        """Blocks, those that are called before those that call; rings are reported."""
        left = {name: sorted(called) for name, called in calls.items()}
        for name in [name for name, called in left.items() if name in called]:
            self._report_ring([name])
            del left[name]
        while True:
            try:
                return list(TopologicalSorter(left).static_order())
            except CycleError as error:
                ring: list[str] = error.args[1][1:]
                self._report_ring(ring)
                for name in ring:
                    del left[name]

    def _report_ring(self, ring: list[str]) -> None:
        # Told where the first of them stands, in the order of the text.
        first = min(ring, key=list(self.named).index)
        at = ring.index(first)
        way = [*ring[at:], *ring[:at]]
        # The sorter's ring runs from what is called to what calls it.
        way = [way[0], *reversed(way[1:]), way[0]]
        if len(way) > 8:
            way[4:-2] = ["..."]
        what = (
            f"{first} calls itself"
            if len(ring) == 1
            else ", which calls ".join([f"{way[0]} calls {way[1]}", *way[2:]])
        )
        problem = Problem(what, "blocks cannot contain themselves", self.named[first].place)
        self.problems.append(problem)
        self.broken.update(ring)

    def _counts(self, order: list[str], calls: Mapping[str, set[str]]) -> dict[str, int]:
        counts: dict[str, int] = {}
        depth: dict[str, int] = {}
        found = Blocks(self.named, self.folded, self.lines, counts)
        for name in order:
            depth[name] = 1 + max((depth.get(one, 0) for one in calls[name]), default=0)
            if depth[name] == MOST_NESTED + 1:
                what = f"more than {MOST_NESTED} blocks call one another, down from {name}"
                self._fail(name, Problem(what, "nest less", self.named[name].place))
            if any(one in self.broken for one in calls[name]):
                self.broken.add(name)
            counts[name] = found.count(self.named[name].body, self._parse)
        return counts


def taken_by_block(name: str, blocks: Mapping[str, str]) -> str:
    """Say that a name is a block's, where it is; `blocks` are their folded names."""
    return f'"{name}" is a block and cannot be a name' if name.lower() in blocks else ""


def _block_name_problem(name: str) -> str:
    wrong = name_problem(name)
    if not wrong and ARGUMENT.match(name):
        return f'"{name}" reads like an argument and cannot be a name'
    return wrong


def _check_parameters(word: Word, known: Sequence[str]) -> None:
    for name in parameters(word.text):
        if name not in known:
            raise unknown_parameter(name, known, word)
