"""Until data's load_examples is there: images with one class each."""

from __future__ import annotations

from typing import Any

from napari_convnet.data import (
    Classified,
    Dataset,
    Examples,
    check_size,
    dataset_from_arrays,
    load_dataset,
    split,
)
from napari_convnet.data import load_examples as _load
from napari_convnet.document import Pipeline


def load_examples(pipeline: Pipeline, data: Any = None) -> Examples:
    """Load by data's own function, or as before there was one."""
    if pipeline.train.task != "classify" or isinstance(data, Examples):
        return _load(pipeline, data)
    own = pipeline.data
    if data is None:
        dataset = load_dataset(pipeline)
    elif isinstance(data, Dataset):
        dataset = data
    elif own is None:
        dataset = dataset_from_arrays(*data, input=pipeline.input)
    else:
        dataset = dataset_from_arrays(
            *data,
            own.classes or None,
            input=pipeline.input,
            fit=own.fit,
            normalize=own.normalize,
            unlabelled=own.unlabelled,
        )
    check_size(pipeline, dataset.shape)
    fractions = own.split if own else (0.7, 0.15, 0.15)
    return Classified(dataset, split(dataset, fractions, pipeline.train.seed))
