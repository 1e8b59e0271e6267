"""From a document's ``data:``, or what a script gives, to examples to train on."""

from __future__ import annotations

from typing import Any

from .assembling import Order, assembled, kernels_suit
from .contents import Contents
from .examples import Examples
from .parts import Along
from .scans import Recipe
from .sources import SOURCES, ScanSource

Pair = tuple[Contents, Contents | None]


def load_examples(
    pipeline: Any, data: Any = None, field: tuple[int, ...] | None = None
) -> Examples:
    """Load, check, prepare and split what a document, or a script, gives to train on.

    Parameters
    ----------
    pipeline : Pipeline
        Its ``input``, ``data``, ``train`` (task and seed), ``folder`` and ``network``.
    data : optional
        Instead of what the document names: `Examples`; a `Dataset`; images and labels as arrays or
        sequences of arrays; a sequence of pairs of `Contents`; or any object with ``__len__`` and
        ``__getitem__`` that gives an image and its target, such as a torch dataset.
    field : tuple of int, optional
        Receptive field of the network's output in voxels per spatial axis, the gap between regions
        of one scan; that of the document's network if not given.

    Returns
    -------
    Classified or Dense
        `Classified` for ``task: classify``, `Dense` for segment and regress.

    Raises
    ------
    UserError
        About all that is wrong with files, labels, places, classes or sizes.
    """
    if isinstance(data, Examples):
        return data
    own = pipeline.data
    assert own is not None
    source = SOURCES[own.source]
    assert isinstance(source, ScanSource)
    default = Along(source.axis, source.descending, None, source.slabs)
    recipe = _recipe(pipeline, len(own.classes or source.classes))
    order = Order(
        recipe,
        tuple(own.classes) or source.classes,
        own.split,
        pipeline.train.seed,
        field or field_of(pipeline, recipe),
        own.regions,
        default,
        own.patches,
        kernels_suit(pipeline.network),
    )
    return assembled([source.load()], order)


def _recipe(pipeline: Any, classes: int | None) -> Recipe:
    own = pipeline.data
    return Recipe(
        tuple(pipeline.input),
        pipeline.network.input.slices,
        classes,
        pipeline.train.task == "segment",
        own.unlabelled,
        own.align == "labels",
        own.spacing,
        own.fit,
        own.normalize,
    )


def field_of(pipeline: Any, recipe: Recipe) -> tuple[int, ...]:
    """Receptive field of a document's network in voxels along each axis of a scan."""
    network = pipeline.network
    seen = network[network.end].receptive_field if network.end in network else None
    rank = len(recipe.input) - 1
    per_axis = tuple(seen) if seen else (1,) * rank
    return (int(recipe.input[0] or 1), *per_axis) if recipe.slices else per_axis
