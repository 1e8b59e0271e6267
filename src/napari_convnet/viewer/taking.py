"""Taking the values of layers that become files: done in a thread, since volumes are large."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from napari_convnet.engine.control import Token
from napari_convnet.network import UserError

from .layer_data import Plan, Planned


class NothingPainted(UserError):
    """Labels to learn from in which there are none."""


@dataclass(frozen=True, eq=False)
class Taken:
    """Values of layers at one moment.

    Parameters
    ----------
    files : tuple of (Planned, ndarray)
        What has to be written.
    highest : int
        The highest label.
    """

    files: tuple[tuple[Planned, NDArray[Any]], ...]
    highest: int


class Taking:
    """Takes what layers are to become; again into the same memory, where it is called again.

    Parameters
    ----------
    plan : Plan
        The files.
    fresh : callable
        Says of a file whether it holds already what its layer does.
    """

    def __init__(self, plan: Plan, fresh: Callable[[Planned], bool]) -> None:
        self._plan, self._fresh = plan, fresh
        self._rooms: dict[Path, NDArray[Any]] = {}

    def __call__(self, token: Token) -> Taken:
        """Look for what is painted, and copy it.

        Raises
        ------
        NothingPainted
            Names the layer.
        """
        examples, highest = [], 0
        for one in self._plan.examples:
            steps = list(one.steps(token))
            if one.target.labels and not any(there for _, there, _ in steps):
                what = f"nothing is painted in {one.target.name}"
                fix = "choose a label and paint with it, a little of each class"
                raise NothingPainted(what, fix)
            examples += [replace(one, step=step) for step, _, _ in steps]
            highest = max([highest, *(high for _, _, high in steps)])
        wanted = [each for each in self._plan.files(examples) if not self._fresh(each)]
        return Taken(tuple((each, self._read(each, token)) for each in wanted), highest)

    def _read(self, each: Planned, token: Token) -> NDArray[Any]:
        found = each.read(token, self._rooms.get(each.path))
        if each.copies:
            self._rooms[each.path] = found
        return found
