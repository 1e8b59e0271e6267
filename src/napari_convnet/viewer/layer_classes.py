"""The classes of labels layers, and what a document says that learns from layers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_convnet.document import Pipeline, edit
from napari_convnet.engine.control import Token

from .reading import span, values_of

if TYPE_CHECKING:
    from .layer_data import LayerPair, Plan

COUNTED_AT_ONCE = 2**25
"""Bytes of labels whose highest value is found before anybody notices."""


def labels_of(pairs: Sequence[LayerPair]) -> list[Any]:
    """Give the targets that are labels."""
    return [pair.target for pair in pairs if hasattr(pair.target, "selected_label")]


def highest_at_once(pairs: Sequence[LayerPair]) -> int | None:
    """Give the highest label where that takes no time; None where a thread should look for it."""
    found = [values_of(layer) for layer in labels_of(pairs)]
    quick = all(isinstance(v, np.ndarray) and v.nbytes <= COUNTED_AT_ONCE for v in found)
    return highest(found, Token()) if quick else None


def highest(found: Sequence[Any], token: Token) -> int:
    """Give the highest label of several arrays; 0 where there is none."""
    return max((span(values, token)[1] for values in found), default=0)


def classes_of(pairs: Sequence[LayerPair], most: int | None) -> tuple[tuple[str, ...], int | None]:
    """Name the classes of labels layers, and say which value means "not labelled".

    Labels that name value 0 count everywhere; where 0 has no name it means "not painted", and
    class = label - 1.

    Parameters
    ----------
    pairs : sequence of LayerPair
        The layers.
    most : int or None
        The highest label; None as long as it is not known.

    Returns
    -------
    classes : tuple of str
        Empty where the targets are images.
    unlabelled : int or None
        The value that means "not labelled".
    """
    targets = labels_of(pairs)
    if not targets:
        return (), None
    names: dict[int, str] = {}
    for target in targets:
        names |= names_of(target)
    first = 0 if 0 in names else 1
    # Two at least: there is nothing to tell apart otherwise.
    last = max([most or 0, first + 1, *names])
    told = tuple(names.get(value, f"class {value}") for value in range(first, last + 1))
    return told, (None if first == 0 else 0)


def names_of(layer: Any) -> dict[int, str]:
    """Give the classes that a labels layer names, by their values."""
    told = layer.metadata.get("classes")
    if isinstance(told, dict):
        return {int(value): str(name) for value, name in told.items()}
    table = layer.features
    for column in ("class", "label", "name"):
        if column in table and "index" in table:
            pairs = zip(table["index"], table[column], strict=True)
            return {int(value): str(name) for value, name in pairs}
    return {}


def described(
    pipeline: Pipeline,
    found: Plan,
    pairs: Sequence[LayerPair],
    most: int | None,
    kept: Sequence[str] = (),
) -> str:
    """Write into a document that it learns from these layers; give the new text.

    Parameters
    ----------
    pipeline : Pipeline
        The document.
    found : Plan
        What it is to say.
    pairs : sequence of LayerPair
        The layers.
    most : int or None
        The highest label, as far as it is known.
    kept : sequence of str
        Names of classes that stay, for the first ones.
    """
    classes, unlabelled = classes_of(pairs, most)
    names = (*kept, *classes[len(kept) :]) if classes else ()
    text = edit.set_files(
        pipeline.text,
        found.images,
        found.labels,
        classes=f"[{', '.join(_quoted(name) for name in names)}]" if names else None,
        unlabelled=None if unlabelled is None else str(unlabelled),
    )
    return edit.set_task(text, "segment" if classes else "regress")


def _quoted(name: str) -> str:
    plain = re.fullmatch(r"[A-Za-z][\w ./-]*", name) and not name.endswith(" ")
    return name if plain else "'" + name.replace("'", "''") + "'"
