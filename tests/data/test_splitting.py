"""The split and the batches: pure functions of their seeds."""

import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_convnet.data import (
    batches,
    dataset_from_arrays,
    digits,
    epoch_order,
    number_of_batches,
    prefetch,
    split,
)
from napari_convnet.document.settings import parse_list
from napari_convnet.network.problems import UserError

targets_of = st.lists(st.integers(2, 40), min_size=1, max_size=6).flatmap(
    lambda counts: st.permutations([label for label, n in enumerate(counts) for _ in range(n)])
)
shares_of = st.sampled_from([(70, 15, 15), (80, 20), (0.8, 0.0, 0.2), (1, 1, 1), (100, 0, 0)])


@pytest.fixture(scope="module")
def some_digits():
    images, labels = digits()
    return dataset_from_arrays(images[::10], labels[::10])


@given(targets_of, shares_of, st.integers(-5, 2**40))
def test_every_image_is_in_exactly_one_part(targets, shares, seed) -> None:
    parts = split(targets, shares, seed)
    together = np.concatenate([parts.train, parts.validation, parts.test])
    np.testing.assert_array_equal(np.sort(together), np.arange(len(targets)))
    again = split(np.array(targets), shares, seed)
    for part in ("train", "validation", "test"):
        np.testing.assert_array_equal(getattr(parts, part), getattr(again, part))
        assert getattr(parts, part).dtype == np.int64


@given(targets_of, shares_of, st.integers(0, 100))
def test_every_class_is_shared_out_in_proportion(targets, shares, seed) -> None:
    parts = split(targets, shares, seed)
    fractions = np.array(shares if len(shares) == 3 else (shares[0], 0, shares[1])) / sum(shares)
    labels = np.array(targets)
    for label in np.unique(labels):
        count = int((labels == label).sum())
        found = [
            int((labels[part] == label).sum())
            for part in (parts.train, parts.validation, parts.test)
        ]
        wanted = int(np.count_nonzero(fractions))
        if count >= wanted:
            assert all(n > 0 for n, share in zip(found, fractions, strict=True) if share)
        assert all(n == 0 for n, share in zip(found, fractions, strict=True) if not share)
        if count * fractions[fractions > 0].min() >= 1:
            assert np.all(np.abs(np.array(found) - fractions * count) < 1)


def test_digits_80_20_is_4000_and_1000_with_400_of_each() -> None:
    _, labels = digits()
    parts = split(labels, (0.8, 0.0, 0.2), 1)
    assert (len(parts.train), len(parts.validation), len(parts.test)) == (4000, 0, 1000)
    np.testing.assert_array_equal(np.bincount(labels[parts.train]), [400] * 10)
    other = split(labels, (0.8, 0.0, 0.2), 2)
    assert not np.array_equal(parts.test, other.test)


def test_the_split_of_a_seed_never_changes() -> None:
    # Frozen: a run of last year must find its own test images again.
    assert split([0, 1] * 10, (80, 20), 7).test.tolist() == [1, 8, 16, 17]
    assert epoch_order(np.arange(8), 7, 3).tolist() == [7, 0, 5, 1, 2, 3, 6, 4]


def test_a_class_with_one_image_is_told_by_name() -> None:
    dataset = dataset_from_arrays(np.zeros((3, 4, 4)), ["cat", "dog", "cat"])
    with pytest.raises(UserError, match="class dog has one image, which cannot be both trained"):
        split(dataset, (80, 20), 1)
    with pytest.raises(UserError, match="class 1 has one image"):
        split([0, 0, 1], (80, 20), 1)
    assert len(split(dataset, (1, 0, 0), 1).train) == 3


@pytest.mark.parametrize("shares", [(), (1,), (1, 1, 1, 1), (0, 0, 0), (-1, 2), (np.nan, 1)])
def test_shares_that_are_none(shares) -> None:
    with pytest.raises(UserError, match="write 70/15/15 or 80/20"):
        split([0, 0], shares, 1)


# Batches


@given(st.integers(0, 300), st.integers(1, 70), st.integers(0, 2**31 - 1), st.integers(0, 5))
def test_an_epoch_sees_every_image_once(count, size, seed, epoch) -> None:
    dataset = dataset_from_arrays(
        np.arange(301.0)[:, None, None], np.zeros(301, int), input=(1, 1, 1)
    )
    indices = np.arange(count) + 1
    seen = [images[:, 0, 0, 0] for images, _ in batches(dataset, indices, size, seed, epoch)]
    assert len(seen) == number_of_batches(count, size)
    if seen:
        np.testing.assert_array_equal(np.sort(np.concatenate(seen)), indices)
        assert all(len(part) == size for part in seen[:-1])
        assert size == 1 or count == 1 or all(len(part) > 1 for part in seen)


def test_batches_are_what_training_takes(some_digits) -> None:
    images, targets = next(batches(some_digits, np.arange(100), 64, 0, 0))
    assert (images.dtype, targets.dtype) == (np.float32, np.int64)
    assert (images.shape, targets.shape) == ((64, 1, 28, 28), (64,))
    order = epoch_order(np.arange(100), 0, 0)
    np.testing.assert_array_equal(images, some_digits.images[order[:64]])


def test_a_resumed_epoch_goes_on_with_the_same_images(some_digits) -> None:
    augment = parse_list("shift 2, flip, noise .1, rotate 10, scale .1")
    arguments = (some_digits, np.arange(0, 500, 2), 32, 3, 4, augment)
    whole = list(batches(*arguments))
    rest = list(batches(*arguments, start=5))
    assert len(whole) == 8
    for (images, targets), (again, same) in zip(whole[5:], rest, strict=True):
        np.testing.assert_array_equal(images, again)
        np.testing.assert_array_equal(targets, same)


def test_epochs_and_seeds_differ(some_digits) -> None:
    orders = [
        epoch_order(np.arange(50), seed, epoch).tolist() for seed in (0, 1) for epoch in (0, 1)
    ]
    assert len({tuple(order) for order in orders}) == 4
    draws = [
        next(batches(some_digits, np.arange(4), 4, 0, epoch, parse_list("noise 1")))[0].sum()
        for epoch in range(3)
    ]
    assert len(set(draws)) == 3


def test_a_wrong_augmentation_is_told_at_once(some_digits) -> None:
    with pytest.raises(UserError, match="did you mean shift"):
        next(batches(some_digits, np.arange(4), 4, 0, 0, parse_list("shfit 2")))


# Prefetching


def test_prefetch_gives_the_same_items(some_digits) -> None:
    plain = batches(some_digits, np.arange(500), 64, 0, 0)
    ahead = prefetch(batches(some_digits, np.arange(500), 64, 0, 0))
    for (images, _), (again, _) in zip(plain, ahead, strict=True):
        np.testing.assert_array_equal(images, again)
    assert not any(thread.name == "prefetch" for thread in threading.enumerate())


def test_prefetch_ends_its_thread_when_the_loop_is_left() -> None:
    made = []

    def items():
        for i in range(1000):
            made.append(i)
            yield i

    ahead = prefetch(items(), ahead=3)
    assert next(ahead) == 0
    time.sleep(0.05)
    assert len(made) <= 5
    ahead.close()
    assert not any(thread.name == "prefetch" for thread in threading.enumerate())


def test_prefetch_hands_errors_on_in_their_turn() -> None:
    def items():
        yield 1
        raise UserError("the file has gone")

    ahead = prefetch(items())
    assert next(ahead) == 1
    with pytest.raises(UserError, match="the file has gone"):
        next(ahead)
    assert not any(thread.name == "prefetch" for thread in threading.enumerate())
