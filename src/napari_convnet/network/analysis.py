"""From rows to layers: names, shapes and receptive fields, up to the first mistake."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from .geometry import Field
from .grammar import FLAGS, NAME, Call, Line, parse_line
from .graph import INPUT, Layer, Network
from .handmade import check_values
from .items import ROW_KEYS, STRUCTURES, Extras, Input, Item
from .ops import JOINS, OPS, Op, Shape, Step
from .ops.base import MOST, STAY
from .problems import Place, Problem, UserError, WordError

MOST_LAYERS = 100_000
"""Largest number of ops that rows and repeats may expand to."""

MOST_PROBLEMS = 100
"""Number of mistakes after which no more are looked for."""

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
        The layers up to the first mistake, and all mistakes that can be told without the rest.
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


@dataclass(frozen=True)
class _Bound:
    """An op bound to what comes in, with what every layer asks of it."""

    kind: Op
    text: str
    output: Shape
    steps: tuple[Step, ...] | None
    trained: bool


_NOTHING = Extras()


def _remark(extras: Extras) -> Extras:
    return Extras(note=extras.note) if extras.note else _NOTHING


def _check_built(call: Call) -> None:
    if call.op in JOINS or (call.op == "crop" and any(NAME.match(w.text) for w in call.rest)):
        raise call.word.error(
            f"{call.op} with another layer is not built yet", "write the layers in sequence"
        )


def _output(op: Op) -> Shape:
    output = op.output()
    largest = max((n for n in output if n is not None), default=0)
    if largest > MOST:
        raise UserError(f"a size of {largest:,} is too large", f"the most is {MOST:,}")
    return output


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
        self.bound: dict[tuple[str, Shape, bool], _Bound] = {}

    def run(self, items: Iterable[Item]) -> Network:
        self._rows(items, _Scope())
        return Network(self.input, tuple(self.layers), tuple(self.problems), self.aliases)

    # ------------------------------------------------------------ rows
    def _rows(self, items: Iterable[Item], scope: _Scope) -> None:
        for item in items:
            if len(self.problems) >= MOST_PROBLEMS:
                break
            self._row(item, scope)

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
            self._fail(Problem(wrong, "choose another name", item.name_place))
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
        if item.repeat > 1 and not self.stopped:
            self._check_count(self._count(item), item.place, item.name)
        bodies = _Scope(scope.full(item.name)) if item.name else scope
        for _ in range(item.repeat):
            self._rows(item.body, self._inner(item, bodies))
            if self.stopped:
                break
        if item.name and len(self.layers) > before and not self.stopped:
            self._rename_last(scope.full(item.name))

    def _inner(self, item: Item, scope: _Scope) -> _Scope:
        """Scope of one pass through a group."""
        if item.name:
            return scope if item.repeat == 1 else _Scope(scope.next("group"))
        self.groups += 1
        return _Scope(scope.full(f"group-{self.groups}"))

    def _rename_last(self, name: str) -> None:
        """The last op of a named group bears the group's name; its own stays an alias."""
        last, own = self.layers[-1].name.lower(), name.lower()
        for alias, target in self.aliases.items():
            if target == last:
                self.aliases[alias] = own
        self.aliases[last] = own
        self.layers[-1] = replace(self.layers[-1], name=name)
        self.at = name

    def _count(self, item: Item) -> int:
        """Number of ops that a row expands to; a row that cannot be read counts as none."""
        if item.line is None:
            return item.repeat * sum(map(self._count, item.body))
        try:
            line = self._parse(item.line)
        except WordError:
            return 0
        return len(line.calls) * line.repeat

    def _check_count(self, count: int, place: Place | None, name: str) -> None:
        total = len(self.layers) + count
        if total > MOST_LAYERS:
            many = f"{total:,}" if total < 10**15 else "far too many"
            what = f"the network would have {many} layers, and {MOST_LAYERS:,} are the most"
            self._fail(Problem(what, "repeat less", place, name))

    # ------------------------------------------------------------ lines
    def _line(self, item: Item, scope: _Scope) -> None:
        assert item.line is not None
        try:
            line = self._parse(item.line)
        except WordError as error:
            name = item.name if not name_problem(item.name) else ""
            return self._fail(self._problem(error, item, None, name))
        if self.stopped:
            return None
        place = self._place(item, line.words[-1].start, line.words[-1].stop)
        self._check_count(len(line.calls) * line.repeat, place, item.name)
        if self.stopped:
            return None
        names = _Scope(scope.full(item.name)) if item.name else scope
        calls = line.calls * line.repeat
        followers = (*line.calls[1:], None) * line.repeat
        before = len(self.layers)
        try:
            for index, (call, follower) in enumerate(zip(calls, followers, strict=True), 1):
                own = item.name and index == len(calls)
                name = scope.full(item.name) if own else names.next(call.op)
                self._call(call, follower, name, item)
            self._check_extras(item, self.layers[before:])
        except _Stop:
            self.stopped = True

    def _parse(self, text: str) -> Line:
        if text not in self.parsed:
            self.parsed[text] = parse_line(text, (*OPS, *JOINS), self.names)
        return self.parsed[text]

    def _call(self, call: Call, follower: Call | None, name: str, item: Item) -> None:
        bias = follower is None or follower.op != "bn" or item.extras.b is not None
        try:
            op = self._bound(call, bias)
        except UserError as error:
            self.problems.append(self._problem(error, item, call, name))
            raise _Stop from None
        self._append(op, call, name, item)

    def _bound(self, call: Call, bias: bool) -> _Bound:
        """Bind a call to what comes in; the same call on the same shape is the same op."""
        text = " ".join([call.op, *(word.text for word in call.rest)])
        key = (text, self.shape, bias)
        if key not in self.bound:
            _check_built(call)
            params = {"in": float(self.shape[0] or 0)}
            kind = OPS[call.op].bind(call, call.arguments(params), self.shape, bias=bias)
            rank = range(len(self.shape) - 1)
            steps = None if kind.reach == "global" else tuple(map(kind.step, rank))
            self.bound[key] = _Bound(kind, text, _output(kind), steps, bool(kind.weights()))
        return self.bound[key]

    def _append(self, op: _Bound, call: Call, name: str, item: Item) -> None:
        place = self._place(item, call.word.start, call.stop)
        extras = item.extras if op.trained or item.extras == _NOTHING else _remark(item.extras)
        fields = self._fields(op)
        self.names.setdefault(name.lower(), place)
        self.layers.append(
            Layer(name, op.kind, (self.at,), op.output, fields, item.path, place, op.text, extras)
        )
        self.at, self.shape, self.fields = name, op.output, fields

    def _fields(self, op: _Bound) -> tuple[Field, ...] | None:
        fields = self.fields
        if fields is None or len(op.output) != len(fields) + 1:
            return None
        steps = op.steps or (STAY,) * len(fields)
        # Most layers treat all axes alike: compute the field of one only.
        if fields[1:] == fields[:-1] and steps[1:] == steps[:-1]:
            return (fields[0].through(steps[0]),) * len(fields)
        return tuple(f.through(step) for f, step in zip(fields, steps, strict=True))

    def _problem(self, error: UserError, item: Item, call: Call | None, name: str) -> Problem:
        """Give the first problem of an error its place in the document."""
        problem = error.problems[0]
        start, stop = (error.start, error.stop) if isinstance(error, WordError) else (0, 0)
        if stop == 0 and call is not None:
            start, stop = call.word.start, call.stop
        place = problem.place or self._place(item, start, stop) or item.place
        return replace(problem, place=place, layer=problem.layer or name)

    @staticmethod
    def _place(item: Item, start: int, stop: int) -> Place | None:
        """Place of some characters of a row's line; all of it where it runs over several lines."""
        place = item.line_place
        if place is None or not stop or place.line != place.end_line:
            return place
        return place.part(start, stop)

    # ------------------------------------------------------------ extras
    def _check_extras(self, item: Item, made: list[Layer]) -> None:
        """`w`, `b` and `freeze` concern the row's only op with weights."""
        if not item.extras.on_weights:
            return
        trained = [layer for layer in made if layer.parameters]
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
