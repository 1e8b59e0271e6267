"""Batches: which images a step of training sees, in an order that a resumed run repeats.

Everything is a pure function of (seed, epoch, batch): a run that is killed and resumed in the
middle of an epoch sees the same images, augmented in the same way, as one that was not.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from .augmentation import augment as augmented
from .dataset import Dataset
from .settings import SettingLike
from .splitting import Indices, permutation

T = TypeVar("T")

# First words of sequences of random numbers; a split's is 1.
_ORDER, _AUGMENT = 2, 3


def epoch_order(indices: Indices, seed: int, epoch: int) -> Indices:
    """Shuffle indices for an epoch: a pure function of (indices, seed, epoch)."""
    return np.asarray(indices)[permutation(len(indices), _ORDER, seed, epoch)]


def number_of_batches(count: int, size: int) -> int:
    """Count the batches of an epoch over `count` images.

    A single image left over joins the batch before it: batch normalisation cannot train on one.

    Examples
    --------
    >>> number_of_batches(130, 64), number_of_batches(129, 64)
    (3, 2)
    """
    full, left = divmod(count, size)
    if left == 1 and full:
        left = 0
    return full + (left > 0)


def batches(
    dataset: Dataset,
    indices: Indices,
    size: int,
    seed: int,
    epoch: int,
    augment: Sequence[SettingLike] = (),
    start: int = 0,
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]]:
    """Iterate over one epoch of a dataset, shuffled and augmented.

    Parameters
    ----------
    dataset : Dataset
        Its `inputs` are what is augmented.
    indices : numpy.ndarray
        The images to use, such as a split's training part.
    size : int
        Images in a batch.
    seed, epoch : int
        Decide the order and the augmentation, together with the number of the batch.
    augment : sequence of Setting
        A document's ``augment:``.
    start : int
        Batch to begin with, for a run that is resumed.

    Yields
    ------
    images : numpy.ndarray
        float32 (B, C, *spatial).
    targets : numpy.ndarray
        int64 (B,).
    """
    order = epoch_order(indices, seed, epoch)
    count = number_of_batches(len(order), size)
    for batch in range(start, count):
        stop = None if batch == count - 1 else (batch + 1) * size
        chosen = order[batch * size : stop]
        rng = augmenting(seed, epoch, batch)
        images, targets = dataset.draw(chosen, rng), dataset.targets[chosen]
        yield augmented(images, augment, rng, targets, classes=dataset.classes)


def augmenting(seed: int, epoch: int, batch: int) -> np.random.Generator:
    """Give the random numbers of a batch's augmentation."""
    return np.random.default_rng([_AUGMENT, seed % 2**64, epoch, batch])


_END = object()


def prefetch(items: Iterable[T], ahead: int = 2) -> Iterator[T]:
    """Let a thread make the next items while the caller works on one.

    Parameters
    ----------
    items : iterable
        Such as `batches`; an error in it is raised in the caller, in its turn.
    ahead : int
        How many items may wait.

    Yields
    ------
    object
        The items, in order. Leaving the loop early ends the thread.
    """
    ready: queue.Queue[object] = queue.Queue(maxsize=ahead)
    left = threading.Event()
    thread = threading.Thread(
        target=_produce, args=(items, ready, left), name="prefetch", daemon=True
    )
    thread.start()
    try:
        while (item := ready.get()) is not _END:
            if isinstance(item, _Failure):
                raise item.error
            yield item  # type: ignore[misc]
    finally:
        left.set()
        _drain(ready)
        thread.join()


class _Failure:
    """An error on its way from the thread to the caller."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


def _produce(items: Iterable[object], ready: queue.Queue[object], left: threading.Event) -> None:
    try:
        for item in items:
            ready.put(item)
            if left.is_set():
                return
        ready.put(_END)
    except BaseException as error:
        ready.put(_Failure(error))


def _drain(ready: queue.Queue[object]) -> None:
    """Make room, so that a thread that waits to put its item can go on and see that it may end."""
    while True:
        try:
            ready.get_nowait()
        except queue.Empty:
            return
