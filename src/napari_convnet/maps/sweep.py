"""A layer computed slab by slab: what neighbouring slabs share is computed once and kept.

A slab needs surroundings of every layer before it, which are to a large part those of the slab
before. So each layer keeps of its last slab what later ones need, and computes only what is new.
Nothing is computed twice within a sweep, and of no layer is more held than a few rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from napari_convnet.network import INPUT, Layer

from .regions import Box, Size, hull, make_plan, needed, volume

if TYPE_CHECKING:
    import torch

    from napari_convnet.model import Patch

    from .forward import Forward


class Cancelled(Exception):
    """The computation was given up."""


@dataclass(frozen=True)
class Step:
    """One slab: what is computed for it, and what is kept for later ones.

    Parameters
    ----------
    wanted : Box
        The part of the layer that it gives.
    parts : mapping of str to Box
        What is new of each layer, and of the input.
    keep : mapping of str to int
        First row that later slabs need, of the layers of which they need any.
    """

    wanted: Box
    parts: Mapping[str, Box]
    keep: Mapping[str, int]


@dataclass(frozen=True, eq=False)
class Sweep:
    """The slabs of a part of a layer, in order.

    Parameters
    ----------
    layers : sequence of Layer
        All layers of the network, in execution order.
    shapes : mapping of str to tuple of int
        Shape of each layer's whole output, and of the input.
    name : str
        The layer.
    axis : int
        The axis along which it is cut.
    steps : sequence of Step
        The slabs.
    """

    layers: Sequence[Layer]
    shapes: Mapping[str, Size]
    name: str
    axis: int
    steps: Sequence[Step]

    def values(self) -> int:
        """Values held at the worst moment, with what an op needs to work."""
        held: dict[str, Box] = {}
        total = most = 0
        for step in self.steps:
            left = self.uses(step)
            for name in (INPUT, *self._inputs):
                if name not in step.parts:
                    continue
                total -= self._values(name, held.get(name))
                held[name] = joined(held.get(name), step.parts[name], self.axis)
                total += self._values(name, held[name])
                most = max(most, total + self._work(name, step))
                for freed in self.freed(name, left):
                    total -= self._values(freed, held.get(freed))
                    self._trim(held, freed, step)
                    total += self._values(freed, held.get(freed))
        return most

    @cached_property
    def work(self) -> list[int]:
        """What each slab takes, in multiply-adds, roughly: a value of a layer costs its weights."""
        costs = {v.name: self.shapes[v.name][0] + v.parameters for v in self.layers}
        return [
            sum(
                cost * volume(step.parts[name])
                for name, cost in costs.items()
                if name in step.parts
            )
            for step in self.steps
        ]

    def uses(self, step: Step) -> Counter[str]:
        """How often each layer is used in a slab."""
        left = Counter(n for v in self.layers if v.name in step.parts for n in v.inputs)
        left[self.name] += 1
        return left

    def freed(self, name: str, left: Counter[str]) -> list[str]:
        """Count a layer as computed, and give those that the slab does not need any more."""
        inputs = () if name == INPUT else self._inputs[name]
        left.subtract(inputs)
        left[self.name] -= name == self.name
        return [n for n in dict.fromkeys((name, *inputs)) if left[n] <= 0]

    @cached_property
    def _inputs(self) -> Mapping[str, tuple[str, ...]]:
        return {layer.name: tuple(layer.inputs) for layer in self.layers}

    def _values(self, name: str, box: Box | None) -> int:
        return 0 if box is None else self.shapes[name][0] * volume(box)

    def _work(self, name: str, step: Step) -> int:
        """Convolutions pad and reorder what goes in, and reorder what comes out."""
        if name == INPUT:
            return 0
        return 3 * self._values(name, step.parts[name])

    def _trim(self, held: dict[str, Box], name: str, step: Step) -> None:
        box = held.pop(name, None)
        if box is None or name not in step.keep:
            return
        kept = rest(box, step.keep[name], self.axis)
        if kept is not None:
            held[name] = kept


def follows(before: Box, new: Box, axis: int) -> bool:
    """Whether a part goes on where another ends."""
    return bool(new) and before[axis][1] == new[axis][0]


def joined(before: Box | None, new: Box, axis: int) -> Box:
    """Give what there is of a layer after a new part: both where they meet, else the new one."""
    return hull(before, new) if before is not None and follows(before, new, axis) else new


def rest(box: Box, first: int, axis: int) -> Box | None:
    """Give the part of a box from a row on; None where nothing is left."""
    if not box:
        return box
    lo, hi = box[axis]
    first = max(lo, first)
    return (*box[:axis], (first, hi), *box[axis + 1 :]) if first < hi else None


def make_sweep(
    layers: Sequence[Layer],
    shapes: Mapping[str, Size],
    name: str,
    box: Box,
    axis: int,
    thickness: int,
    known: Mapping[str, Any],
) -> Sweep:
    """Plan the slabs of a part of a layer.

    Parameters
    ----------
    layers, shapes
        Of the network, as in `make_plan`.
    name, box : str, Box
        The part of which layer.
    axis, thickness : int
        Along which axis it is cut, into slabs how thick.
    known : mapping
        Layers of whose input is known what they need of all of it.
    """
    plan = make_plan(layers, shapes, {name: box}, local=known)
    cuts = [box]
    if box:
        lo, hi = box[axis]
        ends = [(a, min(a + thickness, hi)) for a in range(lo, hi, thickness)]
        cuts = [(*box[:axis], end, *box[axis + 1 :]) for end in ends]
    maker = _Maker(plan.layers, shapes, name, axis, plan.boxes, known)
    found = [maker.step(cut) for cut in cuts]
    steps: list[Step] = []
    first: dict[str, int] = {}
    # From the last slab to the first: what later ones need is known.
    for cut, (needs, parts) in zip(reversed(cuts), reversed(found), strict=True):
        steps.append(Step(cut, parts, dict(first)))
        for each, need in needs.items():
            lo = need[axis][0] if need else 0
            first[each] = min(lo, first.get(each, lo))
    return Sweep(plan.layers, shapes, name, axis, steps[::-1])


@dataclass
class _Maker:
    """Follows what is there of each layer, slab after slab."""

    layers: Sequence[Layer]
    shapes: Mapping[str, Size]
    name: str
    axis: int
    boxes: Mapping[str, Box]
    known: Mapping[str, Any]
    there: dict[str, tuple[int, int]] = field(default_factory=dict)

    def step(self, wanted: Box) -> tuple[dict[str, Box], dict[str, Box]]:
        """Give what a slab needs of each layer, and which part of that is new."""
        needs: dict[str, Box] = {self.name: wanted}
        parts: dict[str, Box] = {}
        for layer in reversed(self.layers):
            part = self._new(layer.name, needs)
            if part is None:
                continue
            parts[layer.name] = part
            incomings = [self.shapes[name] for name in layer.inputs]
            for name, box in zip(
                layer.inputs,
                needed(layer, part, incomings, layer.name in self.known),
                strict=True,
            ):
                needs[name] = hull(needs[name], box) if name in needs else box
        part = self._new(INPUT, needs)
        if part is not None:
            parts[INPUT] = part
        return needs, parts

    def _new(self, name: str, needs: Mapping[str, Box]) -> Box | None:
        """Give the part of what is needed that is not there yet, across as all slabs need it."""
        need = needs.get(name)
        if need is None:
            return None
        if not need:
            new = () if name not in self.there else None
            self.there[name] = (0, 1)
            return new
        lo, hi = need[self.axis]
        first, last = self.there.get(name, (lo, lo))
        if hi <= last and lo >= first:
            return None
        if lo >= first and lo <= last:
            lo = last
            self.there[name] = (first, hi)
        else:
            self.there[name] = (lo, hi)
        across = self.boxes[name]
        return (*across[: self.axis], (lo, hi), *across[self.axis + 1 :])


def run(
    forward: Forward, sweep: Sweep, cancelled: Callable[[], bool] = lambda: False
) -> Iterator[tuple[Box, torch.Tensor]]:
    """Compute the slabs of a sweep.

    Parameters
    ----------
    forward : Forward
        Computes the layers; what norms need to know of their inputs has been gathered.
    sweep : Sweep
        The plan.
    cancelled : callable
        Asked between layers.

    Yields
    ------
    Box, torch.Tensor
        Each slab, (N, C, *box).

    Raises
    ------
    Cancelled
        Once `cancelled` says True.
    """
    twins = forward._twins()
    held: dict[str, Patch] = {}
    for step in sweep.steps:
        left = sweep.uses(step)
        if INPUT in step.parts:
            held[INPUT] = _joined(held.get(INPUT), forward._read(step.parts[INPUT]), sweep.axis)
        for layer in sweep.layers:
            if layer.name not in step.parts:
                continue
            if cancelled():
                raise Cancelled
            new = forward._computed(twins[layer.name], layer, step.parts[layer.name], held)
            held[layer.name] = _joined(held.get(layer.name), new, sweep.axis)
            del new
            if layer.name == sweep.name:
                result = held[layer.name].cut(step.wanted)
            for freed in sweep.freed(layer.name, left):
                _trim(held, freed, step, sweep.axis)
        yield step.wanted, result
        del result


def _joined(before: Patch | None, new: Patch, axis: int) -> Patch:
    import torch

    from napari_convnet.model import Patch

    if before is None or not follows(before.box, new.box, axis):
        return new
    data = torch.cat((before.data, new.data), axis + 2)
    return Patch(data, before.start, new.size)


def _trim(held: dict[str, Patch], name: str, step: Step, axis: int) -> None:
    """Keep of a layer what later slabs need, without the memory of the rest."""
    from napari_convnet.model import Patch

    patch = held.pop(name, None)
    if patch is None or name not in step.keep:
        return
    kept = rest(patch.box, step.keep[name], axis)
    if kept is None:
        return
    if kept != patch.box:
        # A view would keep all of it.
        patch = Patch(patch.cut(kept).clone(), tuple(lo for lo, _ in kept), patch.size)
    held[name] = patch
