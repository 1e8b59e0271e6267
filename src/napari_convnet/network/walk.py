"""The walk through a network's rows, which makes its layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .binding import Binder, Bound
from .blocks import Blocks, line_place, taken_by_block
from .calls import Stop, call_block, call_join, call_op
from .extras import check_extras
from .grammar import Call, Line, parse_line
from .graph import INPUT, Layer, Network
from .items import Extras, Input, Item
from .joins import field_of, fields_of_join
from .ops import JOINS, OPS
from .ops.join import Join
from .problems import Place, Problem, UserError, WordError
from .references import named_words
from .scopes import Frame, Point, Scope, Tag, name_problem, other_name
from .sizes import fitting
from .state import Mark, State
from .structures import structure

MOST_LAYERS = 100_000
"""Largest number of ops that rows, repeats and blocks may expand to."""

MOST_PROBLEMS = 100
"""Number of mistakes, and of warnings, after which no more are looked for."""

MOST_MARKS = 4000
"""From how many rows on not each of them is marked."""

MOST_DEPTH = 80
"""How deep rows may lie in rows, those of blocks included."""

_NOTHING = Extras()


class Walk:
    """One walk through a network's rows.

    Parameters
    ----------
    given : Input
        What comes in.
    items : tuple of Item
        The rows.
    blocks : Blocks
        The blocks they may call, checked.
    binder : Binder
        Binds calls.
    """

    def __init__(
        self, given: Input, items: tuple[Item, ...], blocks: Blocks, binder: Binder
    ) -> None:
        self.given = given
        self.items = items
        self.blocks = blocks
        self.binder = binder
        self.state = State.at(given)
        self.marks: list[Mark] = []
        self.problems: list[Problem] = list(blocks.problems)
        self.stopped = False
        self.larger: tuple[int | None, ...] | None = None
        """Sizes of an input on which the first paths meet that do not."""
        self.unmet = -1
        """Which of the problems is that of these paths."""
        self.depth = 0
        self._parsed: dict[str, Line] = {}

    def resume(self, state: State, marks: Sequence[Mark]) -> None:
        """Begin behind the rows of the last mark."""
        self.state, self.marks = state, list(marks)

    def run(self) -> None:
        """Walk through all rows, and mark the state behind them while there is no mistake."""
        done = self.marks[-1].rows if self.marks else 0
        every = 1 + len(self.items) // MOST_MARKS
        for index, item in enumerate(self.items[done:], done + 1):
            if len(self.problems) >= MOST_PROBLEMS:
                break
            before = len(self.problems)
            self.row(item, self.state.scope)
            clean = not self.stopped and len(self.problems) == before
            if clean and (index % every == 0 or index == len(self.items)):
                self.marks.append(self.state.mark(index))

    def network(self) -> Network:
        """Give what was found."""
        state = self.state
        return Network(
            self.given,
            tuple(state.layers),
            tuple(self.problems),
            state.aliases,
            (*self.blocks.warnings, *state.warnings),
            "" if state.x.name == INPUT else state.x.name,
            state.ends,
        )

    # ------------------------------------------------------------ rows
    def rows(self, items: Sequence[Item], scope: Scope, tag: Tag | None = None) -> None:
        """Walk through rows; the last layer that goes on from them bears `tag`."""
        onward = [index for index, item in enumerate(items) if item.kind != "side"]
        last = onward[-1] if tag and onward else -1
        for index, item in enumerate(items):
            if len(self.problems) >= MOST_PROBLEMS or (self.stopped and scope.frame.inside):
                return
            self.row(item, scope, tag if index == last else None)

    def row(self, item: Item, scope: Scope, tag: Tag | None = None) -> None:
        """Walk through one row."""
        if not scope.frame.inside:
            # Rows of blocks are checked where the block stands.
            self._check_row(item)
        self._claim(item, scope)
        self.depth += 1
        if self.depth > MOST_DEPTH:
            self.fail(Problem(f"rows lie more than {MOST_DEPTH} deep", "nest less", item.place))
        elif item.kind == "line":
            self._line(item, scope, tag)
        elif item.kind == "group":
            self._group(item, scope, tag)
        else:
            structure(self, item, scope, tag)
        self.depth -= 1

    def ended(self, item: Item, scope: Scope) -> None:
        """Remember which layer goes on from a row; of a block's row that of its first call."""
        if self.stopped:
            return
        if scope.frame.inside:
            self.state.ends.setdefault(item.path, self.state.x.name)
        else:
            self.state.ends[item.path] = self.state.x.name

    def _check_row(self, item: Item) -> None:
        if item.problems:
            self.problems += item.problems
            self.stopped = True
        if not item.name:
            return
        wrong = name_problem(item.name) or taken_by_block(item.name, self.blocks.folded)
        if wrong:
            self.fail(Problem(wrong, other_name(item.name), item.name_place))

    def _claim(self, item: Item, scope: Scope) -> None:
        if not item.name or (self.stopped and scope.frame.inside):
            return
        if not self.state.claim(scope.full(item.name), item.name_place):
            first = self.state.claimed[scope.full(item.name).lower()]
            where = f" in line {first.line}" if first else ""
            self.fail(
                Problem(
                    f'the name "{item.name}" is already taken{where}',
                    "names are unique, whatever their case: choose another",
                    item.name_place,
                    item.name,
                )
            )

    def fail(self, problem: Problem) -> None:
        """Note a mistake; no more layers are made."""
        self.problems.append(problem)
        self.stopped = True

    def tag(self, item: Item, scope: Scope, tag: Tag | None) -> Tag | None:
        """Name that a row's last layer bears."""
        if not item.name:
            return tag
        full = scope.full(item.name)
        return tag.also(full) if tag else Tag(full)

    # ------------------------------------------------------------ groups
    def _group(self, item: Item, scope: Scope, tag: Tag | None) -> None:
        if item.repeat > 1 and not self.stopped and not scope.frame.inside:
            self.check_count(self.blocks.count([item], self._parse), item.place, item.name)
        tag = self.tag(item, scope, tag)
        outer = scope.inner(scope.full(item.name)) if item.name else scope
        for index in range(item.repeat):
            inner = self._pass(item, outer)
            last = tag.also(inner.prefix) if tag and index == item.repeat - 1 else None
            self.rows(item.body, inner, last)
            if self.stopped:
                return
            self.known_as(inner.prefix, last)
        self.ended(item, scope)

    def branch(self, item: Item, scope: Scope) -> None:
        """Walk through a branch: a list of rows whose names are those of the join."""
        if not scope.frame.inside:
            self._check_row(item)
        self.depth += 1
        self.rows(item.body, scope)
        self.depth -= 1
        self.ended(item, scope)

    def _pass(self, item: Item, scope: Scope) -> Scope:
        """Scope of one pass through a group."""
        if item.name:
            return scope if item.repeat == 1 else scope.inner(scope.next("group"))
        self.state.groups += 1
        return scope.inner(scope.full(f"group-{self.state.groups}"))

    def known_as(self, name: str, tag: Tag | None) -> None:
        """Let what goes on be known by the name of the rows that made it."""
        for alias in (name, *(tag.aliases if tag else ())):
            if alias.lower() not in self.state.points:
                self.state.alias(alias, self.state.x.name)

    def check_count(self, count: int, place: Place | None, name: str) -> None:
        """Refuse rows that expand to too many layers."""
        total = len(self.state.layers) + count
        if total > MOST_LAYERS:
            many = f"{total:,}" if total < 10**15 else "far too many"
            what = f"the network would have {many} layers, and {MOST_LAYERS:,} are the most"
            self.fail(Problem(what, "repeat less", place, name))

    # ------------------------------------------------------------ lines
    def _parse(self, text: str) -> Line:
        line = self.blocks.lines.get(text) or self._parsed.get(text)
        if line is None:
            line = parse_line(text, OPS, self.state.claimed, self.blocks)
            self._parsed[text] = line
        return line

    def _line(self, item: Item, scope: Scope, tag: Tag | None) -> None:
        if item.line is None:
            return
        try:
            line = self._parse(item.line)
        except WordError as error:
            name = item.name if not name_problem(item.name) else ""
            return self.fail(self.problem(error, item, None, name, scope.frame))
        if not self.stopped and not scope.frame.inside:
            place = line_place(item, line.words[-1].start, line.words[-1].stop)
            self.check_count(self.blocks.ops(line), place, item.name)
        if self.stopped:
            return None
        names = scope.inner(scope.full(item.name)) if item.name else scope
        before = len(self.state.layers)
        try:
            self._calls(line, item, names, self.tag(item, scope, tag))
            self._extras(item, scope, before)
        except Stop:
            self.stopped = True
        self.ended(item, scope)

    def _calls(self, line: Line, item: Item, names: Scope, tag: Tag | None) -> None:
        calls = line.calls * line.repeat
        followers = (*line.calls[1:], None) * line.repeat
        alone = bool(item.name) and len(calls) == 1
        for index, (call, follower) in enumerate(zip(calls, followers, strict=True), 1):
            own = tag if index == len(calls) else None
            if call.op in self.blocks:
                call_block(self, call, item, names, own, alone)
            elif call.op in JOINS or (call.op == "crop" and named_words(call, names)):
                call_join(self, call, item, names, own)
            else:
                bias = follower is None or follower.op != "bn" or item.extras.b is not None
                call_op(self, call, item, names, own, bias)

    def join(self, word: type[Join], points: Sequence[Point]) -> Bound:
        """Bind a join; where its paths do not meet, note on which sizes they would."""
        try:
            return self.binder.join(word, points)
        except UserError:
            self.look_for_larger([point.name for point in points])
            raise

    def look_for_larger(self, names: Sequence[str], more: Sequence[Layer] = ()) -> None:
        """Find out whether layers would be of equal size for a larger input."""
        layers = (*self.state.layers, *more)
        larger = fitting(layers, self.given.sizes, names)
        if self.larger is None and larger != self.given.sizes:
            self.larger, self.unmet = larger, len(self.problems)

    def append(
        self,
        op: Bound,
        inputs: Sequence[Point],
        tag: Tag,
        item: Item,
        frame: Frame,
        place: Place | None,
        extras: Extras = _NOTHING,
        text: str = "",
    ) -> None:
        """Make a layer; what comes out of it goes on."""
        state, name = self.state, tag.name
        if len(inputs) > 1:
            fields, warnings = fields_of_join(op, inputs, name, place)
            if len(state.warnings) < MOST_PROBLEMS:
                state.warnings += warnings
        else:
            fields = field_of(op, inputs[0])
        point = Point(name, op.output, fields)
        state.claimed.setdefault(name.lower(), place)
        state.points[name.lower()] = state.x = point
        row, via = item.path, frame.via
        if frame.row is not None:
            row, via = frame.row, (*frame.via, item.path)
        names = tuple([one.name for one in inputs])
        state.layers.append(
            Layer(name, op.kind, names, op.output, fields, row, place, text or op.text, extras, via)
        )
        for alias in tag.aliases:
            state.alias(alias, name)

    # ------------------------------------------------------------ mistakes
    def stop(
        self, error: UserError, item: Item, call: Call | None, name: str, frame: Frame
    ) -> Stop:
        """Note a mistake in a call; what it returns is to be raised."""
        self.problems.append(self.problem(error, item, call, name, frame))
        return Stop()

    def problem(
        self, error: UserError, item: Item, call: Call | None, name: str, frame: Frame
    ) -> Problem:
        """Give the first problem of an error its place in the document."""
        problem = error.problems[0]
        start, stop = (error.start, error.stop) if isinstance(error, WordError) else (0, 0)
        if stop == 0 and call is not None:
            start, stop = call.word.start, call.stop
        place = problem.place or line_place(item, start, stop) or item.place
        what = f"{problem.what}{called(frame)}"
        return replace(problem, what=what, place=place, layer=problem.layer or name)

    def _extras(self, item: Item, scope: Scope, before: int) -> None:
        """Give what a row says beside its line to its only layer with weights."""
        if not item.extras.on_weights:
            return
        made = self.state.layers[before:]
        try:
            index, layer = check_extras(made, item)
        except UserError as error:
            raise self.stop(error, item, None, scope.full(item.name), scope.frame) from None
        self.state.layers[before + index] = layer


def called(frame: Frame) -> str:
    """Say which call of a block a mistake in it comes from."""
    return f" (in {', from '.join(frame.called)})" if frame.called else ""
