"""From rows to layers: names, shapes and receptive fields, up to the first mistake."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from .binding import Binder
from .blocks import Blocks, check_blocks
from .graph import Network
from .items import Block, Input, Item
from .problems import Problem
from .scopes import RESERVED, name_problem
from .sizes import fitting, shown
from .state import Mark, State
from .walk import MOST_LAYERS, MOST_PROBLEMS, Walk


@dataclass(frozen=True)
class Analysis:
    """A network as analysed, with what it takes to analyse the next version of it faster.

    Parameters
    ----------
    network : Network
        The network.
    blocks : tuple of Block
        The blocks, as given.
    items : tuple of Item
        The rows, as given.
    reused : int
        How many layers were taken over from the analysis before.
    """

    network: Network
    blocks: tuple[Block, ...]
    items: tuple[Item, ...]
    reused: int = 0
    _checked: Blocks = field(default_factory=Blocks, repr=False, compare=False)
    _binder: Binder = field(default_factory=Binder, repr=False, compare=False)
    _state: State | None = field(default=None, repr=False, compare=False)
    _marks: tuple[Mark, ...] = field(default=(), repr=False, compare=False)

    @classmethod
    def of(
        cls,
        given: Input,
        items: Sequence[Item],
        blocks: Sequence[Block] = (),
        before: Analysis | None = None,
    ) -> Analysis:
        """Analyse a network.

        Parameters
        ----------
        given : Input
            What comes in.
        items : sequence of Item
            The rows.
        blocks : sequence of Block
            The blocks they call.
        before : Analysis, optional
            An analysis of an earlier version: rows that are as they were, down to the first that
            is not, are taken over from it.
        """
        items, blocks = tuple(items), tuple(blocks)
        same = before is not None and before.blocks == blocks
        checked = before._checked if before is not None and same else check_blocks(blocks)
        binder = Binder() if before is None else before._binder.kept()
        walk = Walk(given, items, checked, binder)
        reused = 0
        if before is not None and same and before.network.input == given:
            reused = before._resume(walk)
        walk.run()
        network = walk.network()
        if walk.larger is not None:
            larger = _larger(walk)
            # Each join by itself may find a size where all together, as they are built, find none.
            if fitting(larger.state.layers, given.sizes) == larger.given.sizes:
                network = _continued(larger.network(), given, walk.problems[walk.unmet])
                reused, walk = 0, larger
        return cls(network, blocks, items, reused, checked, binder, walk.state, tuple(walk.marks))

    def _resume(self, walk: Walk) -> int:
        """Put a walk behind the rows that are as they were; return the number of their layers."""
        same = 0
        for new, old in zip(walk.items, self.items, strict=False):
            if new != old:
                break
            same += 1
        marks = [mark for mark in self._marks if mark.rows <= same]
        if not marks or self._state is None or self.network.padding:
            return 0
        walk.resume(self._state.until(marks[-1]), marks)
        return len(walk.state.layers)


def _larger(walk: Walk) -> Walk:
    """Walk again with an input that is large enough for the paths to meet."""
    while walk.larger is not None:
        # Each time one more join fits.
        given = replace(walk.given, sizes=walk.larger)
        walk = Walk(given, walk.items, walk.blocks, walk.binder)
        walk.run()
    return walk


def _continued(network: Network, given: Input, unmet: Problem) -> Network:
    """Give a network of a larger input as one of the input given."""
    pairs = zip(network.input.sizes, given.sizes, strict=True)
    padding = tuple((m or 0) - (n or 0) for m, n in pairs)
    layers = tuple(
        replace(layer, output=shown(layer.fields, layer.output, padding))
        for layer in network.layers
    )
    warning = Problem(
        f"the paths into {unmet.layer or 'it'} do not meet on {given}: the input is continued to "
        f"{network.input} by its edge, and what that adds is cut off again",
        f"write input: {network.input} where images may have that size",
        unmet.place,
        unmet.layer,
    )
    warnings = (warning, *network.warnings)
    return replace(network, input=given, layers=layers, warnings=warnings, padding=padding)


def analyse(given: Input, items: Iterable[Item], blocks: Iterable[Block] = ()) -> Network:
    """Analyse a network.

    Parameters
    ----------
    given : Input
        What comes in.
    items : iterable of Item
        The rows.
    blocks : iterable of Block
        The blocks they call.

    Returns
    -------
    Network
        The layers up to the first mistake, and all mistakes that can be told without the rest.
    """
    return Analysis.of(given, tuple(items), tuple(blocks)).network


__all__ = [
    "MOST_LAYERS",
    "MOST_PROBLEMS",
    "RESERVED",
    "Analysis",
    "analyse",
    "name_problem",
]
