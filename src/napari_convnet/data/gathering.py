"""From a document's ``data:``, or what a script gives, to examples to train on."""

from __future__ import annotations

from typing import Any

from .examples import Examples
from .loading import PipelineLike


def load_examples(
    pipeline: PipelineLike, data: Any = None, field: tuple[int, ...] | None = None
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
    raise NotImplementedError
