"""From rows to layers: names, shapes and receptive fields, up to the first mistake."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from .geometry import Field
from .graph import INPUT, Layer, Network
from .grammar import FLAGS, NAME, Call, Line, parse_line
from .items import ROW_KEYS, STRUCTURES, Extras, Input, Item
from .handmade import check_values
from .ops import JOINS, OPS, Op, Shape
from .problems import Place, Problem, UserError, WordError

MOST_LAYERS = 100_000
"""Largest number of ops that rows and repeats may expand to."""

RESERVED = frozenset((*OPS, *JOINS, *FLAGS, *STRUCTURES, *ROW_KEYS, INPUT))
_REPEAT_NAME = re.compile(r"x\d+\Z", re.IGNORECASE)


def analyse(given: Input, items: Iterable[Item]) -> Network:
    """Analyse a network.

    Parameters
    ----------
    given : Input
        What comes in.
    items : iterable of Item
        The rows.

    Returns
    -------
    Network
        The layers up to the first mistake, and every mistake that can be told without those behind it.
    """
    return _Analysis(given).run(items)


def name_problem(name: str) -> str:
    """Say what is wrong with a name; nothing where it may be used."""
    if not NAME.match(name):
        return f'"{name}" is no name: letters, digits and _ only, a letter first'
    if name.lower() in RESERVED or _REPEAT_NAME.match(name):
        return f'"{name}" is a word of the language and cannot be a name'
    return ""


@dataclass
class _Scope:
    """Where names of a row, or of the rows of a group, come from."""

    prefix: str = ""
    counts: dict[str, int] = field(default_factory=dict)

    def full(self, name: str) -> str:
        return f"{self.prefix}.{name}" if self.prefix else name

    def next(self, word: str) -> str:
        """Name of an unnamed op: ``conv-1`` at the top, ``NAME.conv``, ``NAME.conv-2`` inside."""
        count = self.counts[word] = self.counts.get(word, 0) + 1
        if self.prefix and count == 1:
            return self.full(word)
        return self.full(f"{word}-{count}")


class _Stop(Exception):
    """Analysis ends here: the shapes of what follows are not known."""


class _Analysis:
    """The state of one run of `analyse`."""

    def __init__(self, given: Input) -> None:
        self.input = given
        self.shape: Shape = given.shape
        self.at = INPUT
        self.fields: tuple[Field, ...] | None = (Field(),) * len(given.sizes)
        self.layers: list[Layer] = []
        self.problems: list[Problem] = []
        self.names: dict[str, Place | None] = {}
        self.aliases: dict[str, str] = {}
        self.groups = 0
        self.stopped = False
        self.parsed: dict[str, Line] = {}

    def run(self, items: Iterable[Item]) -> Network:
        top = _Scope()
        for item in items:
            self._row(item, top)
        return Network(self.input, tuple(self.layers), tuple(self.problems), self.aliases)

    # ------------------------------------------------------------ rows
    def _row(self, item: Item, scope: _Scope) -> None:
        self.problems += item.problems
        if item.problems:
            self.stopped = True
        self._check_name(item, scope)
        if item.body:
            self._group(item, scope)
        elif item.line is not None:
            self._line(item, scope)

    def _check_name(self, item: Item, scope: _Scope) -> None:
        if not item.name:
            return
        wrong = name_problem(item.name)
        if wrong:
            self._fail(Problem(wrong, "choose another name", item.name_place, item.name))
        elif not self._claim(scope.full(item.name), item.name_place):
            first = self.names[scope.full(item.name).lower()]
            where = f" in line {first.line}" if first else ""
            self._fail(
                Problem(
                    f'the name "{item.name}" is already taken{where}',
                    "names are unique, whatever their case: choose another",
                    item.name_place,
                    item.name,
                )
            )

    def _claim(self, name: str, place: Place | None) -> bool:
        if name.lower() in self.names:
            return False
        self.names[name.lower()] = place
        return True

    def _fail(self, problem: Problem) -> None:
        self.problems.append(problem)
        self.stopped = True

    def _group(self, item: Item, scope: _Scope) -> None:
        before = len(self.layers)
        for _ in range(item.repeat):
            self._group_once(item, scope)
            if self.stopped:
                break
        if item.name and len(self.layers) > before and not self.stopped:
            self._rename_last(scope.full(item.name))

    def _group_once(self, item: Item, scope: _Scope) -> None:
        if item.name and item.repeat == 1:
            inner = _Scope(scope.full(item.name))
        elif item.name:
            inner = _Scope(_Scope(scope.full(item.name), scope.counts).next("group"))
        else:
            self.groups += 1
            inner = _Scope(scope.full(f"group-{self.groups}"))
        for row in item.body:
            self._row(row, inner)

    def _rename_last(self, name: str) -> None:
        """The last op of a named group bears the group's name; its own stays an alias."""
        last = self.layers[-1]
        self.aliases[last.name.lower()] = name.lower()
        self.layers[-1] = replace(last, name=name)
        self.at = name

    # ------------------------------------------------------------ lines
    def _line(self, item: Item, scope: _Scope) -> None:
        assert item.line is not None
        try:
            line = self._parse(item.line)
        except WordError as error:
            return self._fail(self._problem(error, item, None, item.name))
        if self.stopped:
            return None
        names = _Scope(scope.full(item.name)) if item.name else scope
        calls = line.calls * min(line.repeat, MOST_LAYERS)
        last = len(calls) - 1
        try:
            for index, call in enumerate(calls):
                own = item.name and index == last
                name = scope.full(item.name) if own else names.next(call.op)
                follower = line.calls[(index % len(line.calls)) + 1 :][:1]
                self._call(call, follower, name, item)
            self._check_extras(item, line)
        except _Stop:
            self.stopped = True

    def _parse(self, text: str) -> Line:
        if text not in self.parsed:
            self.parsed[text] = parse_line(text, (*OPS, *JOINS), self.names)
        return self.parsed[text]

    def _call(self, call: Call, follower: tuple[Call, ...], name: str, item: Item) -> None:
        try:
            if len(self.layers) >= MOST_LAYERS:
                raise call.word.error(
                    f"the network has more than {MOST_LAYERS:,} layers", "repeat less"
                )
            if call.op in JOINS or (call.op == "crop" and any(NAME.match(w.text) for w in call.rest)):
                raise call.word.error(f"{call.op} with another layer is not built yet")
            bias = not (follower and follower[0].op == "bn") or item.extras.b is not None
            params = {"in": float(self.shape[0] or 0)}
            op = OPS[call.op].bind(call, call.arguments(params), self.shape, bias=bias)
            output = self._output(op)
        except UserError as error:
            self.problems.append(self._problem(error, item, call, name))
            raise _Stop from None
        self._append(op, output, call, name, item)

    @staticmethod
    def _output(op: Op) -> Shape:
        output = op.output()
        if any(n is not None and n > 10**9 for n in output):
            raise UserError(f"a size of {max(n or 0 for n in output):,} is too large")
        return output

    def _append(self, op: Op, output: Shape, call: Call, name: str, item: Item) -> None:
        fields = self._fields(op, output)
        text = " ".join(word.text for word in (call.word, *call.rest))
        place = item.line_place and item.line_place.part(call.word.start, call.stop)
        extras = item.extras if op.weights() else Extras(note=item.extras.note)
        self.names.setdefault(name.lower(), place)
        self.layers.append(
            Layer(name, op, (self.at,), output, fields, item.path, place, text, extras)
        )
        self.at, self.shape, self.fields = name, output, fields

    def _fields(self, op: Op, output: Shape) -> tuple[Field, ...] | None:
        if self.fields is None or len(output) != len(self.fields) + 1:
            return None
        return tuple(f.through(op.step(axis)) for axis, f in enumerate(self.fields))

    def _problem(
        self, error: UserError, item: Item, call: Call | None, name: str
    ) -> Problem:
        """Give the first problem of an error its place in the document."""
        problem = error.problems[0]
        start, stop = (error.start, error.stop) if isinstance(error, WordError) else (0, 0)
        if stop == 0 and call is not None:
            start, stop = call.word.start, call.stop
        place = problem.place
        if place is None and item.line_place is not None:
            place = item.line_place.part(start, stop) if stop else item.line_place
        return replace(problem, place=place or item.place, layer=problem.layer or name)

    # ------------------------------------------------------------ extras
    def _check_extras(self, item: Item, line: Line) -> None:
        """`w`, `b` and `freeze` concern the row's only op with weights."""
        if not item.extras.on_weights:
            return
        made = [layer for layer in self.layers if layer.row == item.path]
        trained = [layer for layer in made[-len(line.calls) * line.repeat :] if layer.parameters]
        what = [key for key in ("w", "b", "freeze") if key in item.extras.places]
        place = item.extras.places.get(what[0], item.place) if what else item.place
        if len(trained) != 1:
            found = f"{len(trained)} layers with weights" if trained else "no layer with weights"
            self.problems.append(
                Problem(
                    f"{' and '.join(what)} need one layer with weights, but this row has {found}",
                    "give the layer a row and a name of its own",
                    place,
                    item.name,
                )
            )
            raise _Stop
        self._check_values(trained[0], item.extras)

    def _check_values(self, layer: Layer, extras: Extras) -> None:
        for key in ("w", "b"):
            try:
                check_values(key, getattr(extras, key), layer.kind)
            except UserError as error:
                place = extras.places.get(key)
                self.problems += [
                    replace(p, place=p.place or place, layer=layer.name) for p in error.problems
                ]
                raise _Stop from None

